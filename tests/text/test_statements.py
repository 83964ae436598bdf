"""Every statement of statements/*.sql against PostgreSQL, in both of our engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.vector.differential import disagreement

STATEMENTS = Path(__file__).parent / "statements"
FILES = sorted(path.stem for path in STATEMENTS.glob("*.sql"))
EXPRESSIONS = [name for name in FILES if not name.startswith("table_")]
TABLES = [name for name in FILES if name.startswith("table_")]
Pair = tuple[psycopg.Connection, psycopg.Connection]


def statements(name: str) -> list[str]:
    text = (STATEMENTS / f"{name}.sql").read_text()
    return [part.strip() for part in text.split(";\n") if part.strip()]


@pytest.fixture(scope="module")
def pair(oracle: str, server: LiveServer) -> Iterator[Pair]:
    """A connection to each. PostgreSQL's database has characters beyond ASCII, unlike the C locale."""
    with psycopg.connect(oracle, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS texts")
        admin.execute(
            "CREATE DATABASE texts TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        )
    with (
        psycopg.connect(oracle, dbname="texts", autocommit=True) as postgres,
        psycopg.connect(server.dsn, autocommit=True) as ours,
    ):
        yield postgres, ours


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_evaluate_alike(name: str, pair: Pair) -> None:
    wrong = [disagreement(*pair, statement) for statement in statements(name)]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_evaluate_alike_in_the_relational_engine(name: str, pair: Pair) -> None:
    wrong = [
        disagreement(*pair, f"WITH w AS MATERIALIZED ({statement}) SELECT * FROM w")
        for statement in statements(name)
        if statement.startswith("select ")
    ]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("name", TABLES)
def test_tables_hold_alike(name: str, binary: bool, pair: Pair) -> None:
    wrong = [disagreement(*pair, statement, binary=binary) for statement in statements(name)]
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_the_suite_is_as_large_as_promised() -> None:
    assert sum(len(statements(name)) for name in FILES) >= 300
