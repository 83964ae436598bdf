"""Arrays of several dimensions as drivers and SQLAlchemy send and read them; COPY, and over a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa

from tests.compat.conftest import Ask
from tests.harness.live_server import over_a_restart

CREATE = "CREATE TABLE grids (id int PRIMARY KEY, g int[][], t text[][], n float8[][][], flat int[])"
ROW = ([[1, 2], [3, 4]], [["a", None], ["", 'x"y']], [[[1.5]], [[-2.0]]], [7, 8])


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_sends_and_reads_them(connection: psycopg.Connection, binary: bool) -> None:
    connection.execute(CREATE)
    with connection.cursor(binary=binary) as cursor:
        form = "%b" if binary else "%t"
        cursor.execute(f"INSERT INTO grids VALUES (1, {', '.join([form] * 4)})", ROW)
        cursor.execute("SELECT g, t, n, flat FROM grids")
        assert cursor.fetchall() == [ROW]
        cursor.execute(f"SELECT id, g[2:2], array_dims(g) FROM grids WHERE g = {form}::int[]", ([[1, 2], [3, 4]],))
        assert cursor.fetchall() == [(1, [[3, 4]], "[1:2][1:2]")]
        cursor.execute(f"SELECT {form}::int[][]", ([[1, 2], [3, 4]],))
        assert cursor.fetchone() == ([[1, 2], [3, 4]],)


def test_a_column_of_one_dimension_refuses_more(connection: psycopg.Connection) -> None:
    connection.execute(CREATE)
    for binary in (False, True):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="more than one dimension"):
            connection.execute("INSERT INTO grids (id, flat) VALUES (1, %s)", ([[1, 2]],), binary=binary)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="more than one dimension"):
        connection.execute("INSERT INTO grids (id, flat) VALUES (1, '{{1,2}}')")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("INSERT INTO grids (id, flat) SELECT 1, ARRAY[[1, 2]]")


def test_copy_in_both_formats(connection: psycopg.Connection) -> None:
    connection.execute(CREATE)
    names = ["int4", "int4[]", "text[]", "float8[]", "int4[]"]
    with connection.cursor() as cursor:
        with cursor.copy("COPY grids FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(names)
            copy.write_row((1, *ROW))
        with cursor.copy("COPY grids FROM STDIN") as copy:
            copy.write_row((2, *ROW))
            copy.write("3\t[0:1]={1,2}\t{}\t\\N\t{}\n")
        with cursor.copy("COPY grids TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(names)
            found = sorted(copy.rows(), key=lambda row: row[0])
        assert found == [(1, *ROW), (2, *ROW), (3, [1, 2], [], None, [])]
        with cursor.copy("COPY (SELECT g FROM grids ORDER BY id) TO STDOUT") as copy:
            assert b"".join(map(bytes, copy)) == b"{{1,2},{3,4}}\n{{1,2},{3,4}}\n[0:1]={1,2}\n"


def test_asyncpg_sends_and_reads_them(connection: psycopg.Connection, by_asyncpg: Callable[[Ask], None]) -> None:
    connection.execute(CREATE)

    async def ask(client: asyncpg.Connection) -> None:
        await client.execute("INSERT INTO grids VALUES (1, $1, $2, $3, $4)", *ROW)
        (row,) = await client.fetch("SELECT g, t, n, flat FROM grids WHERE g[2][1] = $1", 3)
        assert tuple(row) == ROW

    by_asyncpg(ask)


def test_psycopg2_sends_and_reads_them(connection: psycopg.Connection) -> None:
    connection.execute(CREATE)
    with psycopg2.connect(connection.info.dsn) as client, client.cursor() as cursor:
        cursor.execute("INSERT INTO grids VALUES (1, %s, %s, %s, %s)", ROW)
        cursor.execute("SELECT g, t, n, flat FROM grids")
        assert cursor.fetchall() == [ROW]


def test_sqlalchemy_creates_and_asks(engine: sa.Engine) -> None:
    table = sa.Table(
        "boards", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cells", sa.ARRAY(sa.Integer, dimensions=2)),
    )  # fmt: skip
    table.create(engine)
    with engine.begin() as session:
        session.execute(table.insert(), [{"id": 1, "cells": [[1, 2], [3, 4]]}, {"id": 2, "cells": None}])
        found = session.execute(sa.select(table.c.cells[2][1], table.c.cells).where(table.c.id == 1))
        assert found.fetchall() == [(3, [[1, 2], [3, 4]])]
        assert session.scalar(sa.select(table.c.id).where(table.c.cells == [[1, 2], [3, 4]])) == 1


def test_they_outlive_the_server(tmp_path: Path) -> None:
    for round_, connection in over_a_restart(tmp_path):
        if not round_:
            connection.execute(CREATE)
            connection.execute("INSERT INTO grids VALUES (1, %s, %s, %s, %s)", ROW)
            connection.execute("CHECKPOINT")
        connection.execute("INSERT INTO grids VALUES (%s, '{{5}}')", (2 + round_,))
        found = connection.execute("SELECT g, t, n, flat FROM grids WHERE id = 1")
        assert found.fetchall() == [ROW]
        assert connection.execute("SELECT g FROM grids WHERE id = 2").fetchall() == [([[5]],)]
