"""Frameworks that keep their documents here, unchanged: each runs in an environment of its own, which `make
integrations` makes, because they bring half a hundred packages along."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-integrations" / "bin" / "python"
PROGRAMS = Path(__file__).parent / "integrations"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make integrations` installs the frameworks"),
]


def run(program: str, connection: psycopg.Connection) -> dict[str, Any]:
    info = connection.info
    dsn = f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"
    command = [str(PYTHON), str(PROGRAMS / program), dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_langchains_hybrid_search(connection: psycopg.Connection) -> None:
    told = run("langchain_program.py", connection)
    assert told["hybrid"][0] == 1
    assert sorted(told["hybrid"]) == [0, 1] or sorted(told["hybrid"]) == [1, 2]
    assert told["indexed"] == told["hybrid"]
    number, score = told["scored"][0]
    assert (number, score) == (0, pytest.approx(1 / 60 + 1 / 60))
    assert set(told["weighted"]) == {2, 3}
    assert told["diverse"][0] in (0, 1)
    assert sorted(told["after a deletion"]) == [1, 2, 3, 4]


def test_llama_indexs_hybrid_search(connection: psycopg.Connection) -> None:
    told = run("llama_index_program.py", connection)
    assert told["default"][0] == 1
    assert set(told["hybrid"]) >= {1}
    assert set(told["sparse"]) == {0, 1} or set(told["sparse"]) == {1, 2}
    assert set(told["filtered"]) <= {0, 2, 4}
    assert 1 not in told["after a deletion"]
    assert told["after all"] == []
