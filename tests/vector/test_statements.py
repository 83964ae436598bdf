"""Every statement of statements/*.sql against PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.vector.differential import STATEMENTS, agree, disagreement, outcome, statements

FILES = sorted(path.stem for path in STATEMENTS.glob("*.sql"))
EXPRESSIONS = [name for name in FILES if not name.startswith("table_")]
TABLES = [name for name in FILES if name.startswith("table_")]
DIFFERENCES = Path(__file__).resolve().parents[2] / "docs" / "pgvector.md"


@pytest.fixture(scope="module")
def pair(
    oracle: str, server: LiveServer
) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """A connection to each; what a statement makes lives in a schema that ends with the module."""
    with (
        psycopg.connect(oracle, autocommit=True) as postgres,
        psycopg.connect(server.dsn, autocommit=True) as ours,
    ):
        for connection in (postgres, ours):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        yield postgres, ours


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_evaluate_alike(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    wrong = [disagreement(*pair, s.text) for s in statements(name) if not s.differs]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_evaluate_alike_in_the_relational_engine(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    wrong = []
    for statement in statements(name):
        if statement.differs or statement.row_by_row:
            continue
        if statement.text.lower().startswith("select "):
            wrapped = f"WITH w AS MATERIALIZED ({statement.text}) SELECT * FROM w"
            wrong.append(disagreement(*pair, wrapped))
    assert not any(wrong), "\n".join(filter(None, wrong))


# A binary array names its element's oid, which is each server's own.
_TABLE_RUNS = [
    pytest.param(name, binary, id=f"{name}-{'binary' if binary else 'text'}")
    for name in TABLES
    for binary in (False, True)
    if not (binary and name == "table_arrays")
]


@pytest.mark.parametrize(("name", "binary"), _TABLE_RUNS)
def test_tables_hold_alike(
    name: str, binary: bool, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    wrong = [disagreement(*pair, s.text, binary=binary) for s in statements(name) if not s.differs]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("name", FILES)
def test_intended_differences_are_differences_and_are_written_down(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    documented = DIFFERENCES.read_text()
    for statement in statements(name):
        if statement.differs:
            assert f"| {statement.differs} |" in documented, statement
            expected, found = (outcome(connection, statement.text) for connection in pair)
            assert not agree(expected, found), statement


def test_the_suite_is_as_large_as_promised() -> None:
    assert sum(len(statements(name)) for name in FILES) >= 500
