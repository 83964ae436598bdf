"""Ranges as drivers and SQLAlchemy send and read them; COPY, and over a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range
from psycopg2.extras import DateRange, NumericRange
from sqlalchemy.dialects import postgresql

from tests.compat.conftest import Ask
from tests.harness.live_server import over_a_restart

CREATE = """CREATE TABLE stays (id int PRIMARY KEY, room int4range, price numrange, nights daterange,
    seen tsrange, free int4multirange, rooms int4range[])"""
ROW = (
    Range(1, 5), Range(Decimal("1.50"), None, "(]"), Range(date(2024, 1, 1), date(2024, 1, 3)),
    Range(datetime(2024, 1, 1), datetime(2024, 1, 2, 3, 4, 5), "[]"), Multirange([Range(1, 3), Range(7, 9)]),
    [Range(1, 2), Range(empty=True), None],
)  # fmt: skip
READ = (
    Range(1, 5), Range(Decimal("1.50"), None, "()"), *ROW[2:],
)  # fmt: skip


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_sends_and_reads_ranges(connection: psycopg.Connection, binary: bool) -> None:
    connection.execute(CREATE)
    with connection.cursor(binary=binary) as cursor:
        form = "%b" if binary else "%t"
        cursor.execute(f"INSERT INTO stays VALUES (1, {', '.join([form] * 5)}, %t::int4range[])", ROW)
        cursor.execute("SELECT room, price, nights, seen, free, rooms FROM stays")
        assert cursor.fetchall() == [READ]
        cursor.execute(f"SELECT id FROM stays WHERE room && {form}::int4range AND room @> 4", (Range(4, 9),))
        assert cursor.fetchall() == [(1,)]
        cursor.execute(f"SELECT {form}::int4range + {form}::int4range", (Range(1, 5), Range(5, 9)))
        assert cursor.fetchone() == (Range(1, 9),)


def test_copy_in_both_formats(connection: psycopg.Connection) -> None:
    connection.execute(CREATE)
    names = ["int4", "int4range", "numrange", "daterange", "tsrange", "int4multirange", "int4range[]"]
    with connection.cursor() as cursor:
        with cursor.copy("COPY stays FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(names)
            copy.write_row((1, *ROW))
        with cursor.copy("COPY stays FROM STDIN") as copy:
            copy.write_row((2, *ROW))
        with cursor.copy("COPY stays TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(names)
            assert sorted(copy.rows()) == [(1, *READ), (2, *READ)]


def test_asyncpg_sends_and_reads_ranges(connection: psycopg.Connection, by_asyncpg: Callable[[Ask], None]) -> None:
    connection.execute(CREATE)

    async def ask(client: asyncpg.Connection) -> None:
        await client.execute(
            "INSERT INTO stays (id, room, nights, free) VALUES (1, $1, $2, $3)",
            asyncpg.Range(1, 5), asyncpg.Range(date(2024, 1, 1), None), [asyncpg.Range(1, 3), asyncpg.Range(7, 9)],
        )  # fmt: skip
        (row,) = await client.fetch("SELECT room, nights, free, room * $1 FROM stays", asyncpg.Range(3, 9))
        assert tuple(row) == (
            asyncpg.Range(1, 5), asyncpg.Range(date(2024, 1, 1), None),
            [asyncpg.Range(1, 3), asyncpg.Range(7, 9)], asyncpg.Range(3, 5),
        )  # fmt: skip
        with pytest.raises(asyncpg.DataError):
            await client.fetch("SELECT $1::int4range", asyncpg.Range(5, 1))

    by_asyncpg(ask)


def test_psycopg2_sends_and_reads_ranges(connection: psycopg.Connection) -> None:
    connection.execute(CREATE)
    with psycopg2.connect(connection.info.dsn) as client, client.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stays (id, room, nights, rooms) VALUES (1, %s, %s, %s::int4range[])",
            (NumericRange(1, 5), DateRange(date(2024, 1, 1), date(2024, 1, 3)), [NumericRange(1, 2)]),
        )
        cursor.execute("SELECT room, nights, rooms FROM stays WHERE nights @> %s", (date(2024, 1, 2),))
        assert cursor.fetchall() == [
            (NumericRange(1, 5), DateRange(date(2024, 1, 1), date(2024, 1, 3)), [NumericRange(1, 2)])
        ]


def test_sqlalchemy_creates_reflects_and_asks(engine: sa.Engine) -> None:
    table = sa.Table(
        "spans", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("r", postgresql.INT4RANGE), sa.Column("m", postgresql.DATEMULTIRANGE),
    )  # fmt: skip
    within = postgresql.Range(date(2024, 1, 1), date(2024, 2, 1))
    table.create(engine)
    with engine.begin() as session:
        session.execute(
            table.insert(), {"id": 1, "r": postgresql.Range(1, 5), "m": postgresql.MultiRange([within])}
        )
        found = session.execute(sa.select(table).where(table.c.r.contains(3), table.c.r.overlaps(postgresql.Range(4, 9))))
        assert found.fetchall() == [(1, postgresql.Range(1, 5), postgresql.MultiRange([within]))]
        merged = session.execute(sa.select(table.c.r.union(postgresql.Range(5, 7)))).scalar_one()
        assert merged == postgresql.Range(1, 7)
    columns = {c["name"]: c["type"] for c in sa.inspect(engine).get_columns("spans")}
    assert isinstance(columns["r"], postgresql.INT4RANGE)
    assert isinstance(columns["m"], postgresql.DATEMULTIRANGE)


def test_ranges_outlive_the_server(tmp_path: Path) -> None:
    for round_, connection in over_a_restart(tmp_path):
        if not round_:
            connection.execute(CREATE)
            connection.execute("CREATE UNIQUE INDEX ON stays (price)")
            connection.execute("INSERT INTO stays VALUES (1, %s, %s, %s, %s, %s, %s)", ROW)
            connection.execute("CHECKPOINT")
        else:
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO stays (id, price) VALUES (2, '(1.5,)')")
        found = connection.execute("SELECT room, price, nights, seen, free, rooms FROM stays")
        assert found.fetchall() == [READ]
