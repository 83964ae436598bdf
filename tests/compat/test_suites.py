"""`make test-compat` in small: a part of SQLAlchemy's suite, and the comparison that judges all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.compat.suites.report import Outcome, Report, read_outcomes, read_skips
from tests.compat.suites.suites import INSIDE, PYTEST, SUITES, Suite, sqlalchemy_arguments

CLASSES = "UpdateDeleteTest or ReturningTest or FetchLimitOffsetTest or CTETest or UuidTest"

CONFIGURATION = """[sqla_testing]
requirement_cls = sqlalchemy.testing.requirements:SuiteRequirements
profile_file = profiles.txt
"""


@pytest.mark.parametrize(
    "driver",
    [
        "psycopg",
        pytest.param("asyncpg", marks=pytest.mark.long),
        pytest.param("psycopg2", marks=pytest.mark.long),
    ],
)
def test_a_part_of_sqlalchemys_suite(
    driver: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_bytes((INSIDE / "sqlalchemy_conftest.py").read_bytes())
    (tmp_path / "setup.cfg").write_text(CONFIGURATION)
    (tmp_path / "test_suite.py").write_text("from sqlalchemy.testing.suite import *\n")
    outcomes = tmp_path / "outcomes.jsonl"
    info = connection.info
    for schema in ("test_schema", "test_schema_2"):
        connection.execute(f"CREATE SCHEMA {schema}")
    url = f"postgresql+{driver}://postgres@{info.host}:{info.port}/{info.dbname}"
    done = subprocess.run(
        [sys.executable, *PYTEST, *sqlalchemy_arguments(url),
         "-k", CLASSES, "test_suite.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(INSIDE), "SUITE_OUTCOMES": str(outcomes)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:]
    passed = [test for test, told in read_outcomes(outcomes).items() if told.outcome == "passed"]
    assert len(passed) > 50, passed


def test_what_passes_there_is_counted_here_but_for_the_skip_list(tmp_path: Path) -> None:
    there = _outcomes(tmp_path / "there", "16_14", a="passed", b="passed", c="failed", d="passed")
    here = _outcomes(tmp_path / "here", "15_8", a="passed", c="passed", d="failed")
    suite: Suite = SUITES[0]
    report = Report(suite, there, here, [])
    assert report.counted == ["T::a", "T::b", "T::d"]
    assert report.missed == {
        "T::b": Outcome("unseen", "not run"),
        "T::d": Outcome("failed", "why"),
    }
    assert report.percentage == pytest.approx(100 / 3)
    assert not report.enough
    assert "   1  not run" in report.render(10)


def test_every_skip_names_a_suite_and_a_reason() -> None:
    for skip in read_skips():
        assert any(skip.suite.fullmatch(suite.name) for suite in SUITES), skip
        assert len(skip.reason) > 10


def _outcomes(path: Path, version: str, **ended: str) -> dict[str, Outcome]:
    lines = [
        json.dumps({"test": f"T_postgresql+psycopg_{version}::{test}", "outcome": outcome,
                    "cause": "" if outcome == "passed" else "why"})
        for test, outcome in ended.items()
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    return read_outcomes(path)
