"""The tables of grammar/world.sql: in a cluster of this process, and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sqlvec.database import Cluster, Connection
from tests.grammar.specification import GRAMMAR, blocks


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to the tables; whoever changes them rolls back."""
    cluster = Cluster.open(Path(tmp_path_factory.mktemp("world")))
    connection = cluster.database("postgres").connect("postgres", 1, 0, {})
    answer(connection, "CREATE EXTENSION vector")
    for block in blocks(GRAMMAR / "world.sql"):
        answer(connection, block.text)
    yield connection
    connection.close()
    cluster.close()


@pytest.fixture(scope="session")
def postgres_world(oracle: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(oracle) as connection:
        connection.execute("CREATE SCHEMA world")
        connection.execute("SET search_path = world, public")
        for block in blocks(GRAMMAR / "world.sql"):
            if not block.ours:
                connection.execute(block.text.encode())
        connection.commit()
        yield connection
        connection.rollback()
        connection.execute("DROP SCHEMA world CASCADE")


def answer(connection: Connection, text: str) -> list[tuple[object, ...]]:
    """Runs the statements of a message one by one and commits each; the rows of the last."""
    rows: list[tuple[object, ...]] = []
    for statement in connection.parse(text):
        result = connection.execute(connection.prepare(statement), ())
        batches = result.batches() if result.columns is not None else ()
        rows = [row for batch in batches for row in zip(*batch, strict=True)]
        connection.wait(connection.end_group())
    return rows
