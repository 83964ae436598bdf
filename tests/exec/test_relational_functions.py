"""What is registered is what the renderer calls; and the session is found from any thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pytest

import sqlvec.sql
from sqlvec.errors import InternalError
from sqlvec.exec.relational_functions import FunctionHost, register
from tests.harness.live_server import LiveServer

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


def test_the_statement_that_came_last_is_served_until_the_session_rests() -> None:
    host = FunctionHost()
    session = host.new_session()
    for user in ("first", "second"):
        host.serve(session, _Statement(user))
        assert host.context(session).user == user
    host.rest(session)
    host.rest(session)
    with pytest.raises(InternalError):
        host.context(session)


def test_functions_are_served_while_nobody_waits_for_rows(server: LiveServer) -> None:
    """The engine's threads go on reading ahead, in a session that is new each time."""
    visible = """SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE pg_table_is_visible(c.oid)"""
    counts = set()
    for _ in range(20):
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            for _ in range(4):
                counts.add(len(connection.execute(visible).fetchall()))
    assert len(counts) == 1

