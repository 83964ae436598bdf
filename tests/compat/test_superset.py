"""Apache Superset over PostgreSQL and over sqlvec: what its API answers is the same for both.

It runs in an environment of its own, which `make integrations` makes. What is asked is in tools/superset_asked.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness.live_server import LiveServer

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-superset" / "bin" / "python"
PROGRAMS = Path(__file__).parent / "tools"
NAME = "dashboards"
Told = dict[str, Any]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make integrations` installs Superset"),
]


@pytest.fixture(scope="module")
def told(oracle: str, server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Told]]:
    """What Superset tells of a database of PostgreSQL, and of one of sqlvec."""
    uris = []
    for dsn in (oracle, server.dsn):
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {NAME}")
            info = admin.info
            uris.append(f"postgresql://{info.user}@{info.host}:{info.port}/{NAME}")
        with psycopg.connect(uris[-1], autocommit=True) as connection:
            connection.execute((PROGRAMS / "superset_world.sql").read_text())
    directory = tmp_path_factory.mktemp("superset")
    command = [str(PYTHON), str(PROGRAMS / "superset_program.py"), str(directory), *uris]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    yield json.loads(done.stdout.splitlines()[-1])
    for dsn in (oracle, server.dsn):
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {NAME}")


def test_is_told_what_postgresql_tells_it(told: list[Told]) -> None:
    wanted, found = told
    assert list(found) == list(wanted)
    different = [asked for asked in wanted if _unordered(found[asked]) != _unordered(wanted[asked])]
    assert different == [], {asked: (wanted[asked], found[asked]) for asked in different[:3]}
    assert len(wanted) > 180


def test_charts_are_sorted_as_they_ask_for(told: list[Told]) -> None:
    wanted, found = told
    charts = [asked for asked in wanted if "ORDER BY" in str(wanted[asked]) and isinstance(wanted[asked], list)]
    assert len(charts) > 70
    for asked in charts:
        for ours, theirs in zip(found[asked], wanted[asked], strict=True):
            assert _first_key(ours) == _first_key(theirs), asked


def test_a_table_with_vectors_is_previewed(told: list[Told]) -> None:
    _, found = told
    preview = found["preview of products"]
    assert preview["state"] == "success"
    assert preview["data"][0]["embedding"] == "[1,1,1]"
    assert [c["column_name"] for c in preview["columns"]][-1] == "embedding"


def _unordered(answer: Any) -> Any:
    """Without the order of rows, which queries of charts leave open."""
    if isinstance(answer, list):
        return [_unordered(part) for part in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        key: sorted(map(json.dumps, value)) if key in ("data", "result") and isinstance(value, list) else value
        for key, value in answer.items()
    }


def _first_key(result: Told) -> list[Any]:
    """The column that the rows are sorted by first."""
    by = result["query"].rpartition("ORDER BY ")[2].split(",")[0].split()[0].strip('"')
    return [row[by] for row in result["data"]] if by in result["colnames"] else []
