"""What is registered is what the renderer calls; and the session is found from any thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

import sqlvec.sql
from sqlvec.errors import InternalError
from sqlvec.exec.relational_functions import FunctionHost, register

SQL = Path(sqlvec.sql.__file__).parent


@dataclass
class _Statement:
    """As much of a context as is looked at here."""

    user: str


def _called() -> set[str]:
    """Names that the rendering modules write out."""
    text = "".join(path.read_text() for path in SQL.glob("render*.py"))
    return {name for name in re.findall(r"\b(sqlvec_\w+)\(", text) if not name.endswith("_")}


@pytest.fixture(scope="module")
def registered() -> set[str]:
    connection = duckdb.connect()
    register(connection, FunctionHost())
    rows = connection.execute("select function_name from duckdb_functions()").fetchall()
    connection.close()
    return {name for (name,) in rows if name.startswith("sqlvec_")}


def test_every_function_that_is_rendered_exists(registered: set[str]) -> None:
    assert _called() - registered - {"sqlvec_analyze"} == set()


def test_a_call_without_a_running_statement_is_our_defect() -> None:
    host = FunctionHost()
    with pytest.raises(InternalError, match="session 1 runs no statement"):
        host.call(host.new_session(), "current_user", 19, "[]")


def test_a_statement_left_half_read_does_not_take_away_a_later_one() -> None:
    host = FunctionHost()
    session = host.new_session()
    first, second = host.serving(session, _Statement("first")), host.serving(session, _Statement("second"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert host.context(session).user == "second"
    second.__exit__(None, None, None)
    with pytest.raises(InternalError):
        host.context(session)
