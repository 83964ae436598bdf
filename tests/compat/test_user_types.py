"""Types that users make, as drivers and SQLAlchemy find, send and read them; and over a restart."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.dialects.postgresql.base import PGInspector

from tests.compat.conftest import Ask
from tests.harness.live_server import LiveServer, over_a_restart


class Mood(enum.Enum):
    sad = "sad"
    ok = "ok"
    happy = "happy"


def _people(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    connection.execute("CREATE TABLE people (id int PRIMARY KEY, feels mood, felt mood[])")


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_registers_an_enum(connection: psycopg.Connection, binary: bool) -> None:
    _people(connection)
    info = EnumInfo.fetch(connection, "mood")
    assert info is not None and list(info.labels) == ["sad", "ok", "happy"]
    register_enum(info, connection, Mood)
    with connection.cursor(binary=binary) as cursor:
        form = "%b" if binary else "%t"
        cursor.execute(
            f"INSERT INTO people VALUES (1, {form}, {form}), (2, {form}, NULL)",
            (Mood.happy, [Mood.sad, Mood.ok], Mood.sad),
        )
        cursor.execute("SELECT feels, felt FROM people ORDER BY feels")
        assert cursor.fetchall() == [(Mood.sad, None), (Mood.happy, [Mood.sad, Mood.ok])]
        assert cursor.description is not None
        assert cursor.description[0].type_code == info.oid
        cursor.execute(f"SELECT id FROM people WHERE feels = {form}", (Mood.happy,))
        assert cursor.fetchall() == [(1,)]


def test_asyncpg_introspects_an_enum(connection: psycopg.Connection, by_asyncpg: Callable[[Ask], None]) -> None:
    _people(connection)

    async def ask(client: asyncpg.Connection) -> None:
        await client.execute("INSERT INTO people VALUES (1, $1, $2)", "ok", ["sad", None])
        rows = await client.fetch("SELECT feels, felt FROM people WHERE feels = $1", "ok")
        assert [tuple(row) for row in rows] == [("ok", ["sad", None])]
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await client.fetch("SELECT $1::mood", "angry")

    by_asyncpg(ask)


def test_sqlalchemy_creates_reflects_and_drops_an_enum(engine: sa.Engine) -> None:
    metadata = sa.MetaData()
    people = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feels", sa.Enum(Mood, name="mood")),
    )  # fmt: skip
    metadata.create_all(engine)
    with engine.begin() as session:
        session.execute(people.insert(), [{"id": 1, "feels": Mood.ok}, {"id": 2, "feels": Mood.sad}])
        found = session.execute(sa.select(people.c.feels).order_by(people.c.feels)).scalars()
        assert list(found) == [Mood.sad, Mood.ok]
    inspector = sa.inspect(engine)
    assert [e["labels"] for e in inspector.get_enums()] == [["sad", "ok", "happy"]]
    kind = inspector.get_columns("people")[1]["type"]
    assert isinstance(kind, sa.Enum) and kind.name == "mood"
    metadata.drop_all(engine)
    assert sa.inspect(engine).get_enums() == []


def test_types_outlive_a_crash_and_a_restart(tmp_path: Path) -> None:
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        _people(connection)
        connection.execute("INSERT INTO people VALUES (1, 'happy', '{ok}'), (2, 'sad', NULL)")
        connection.execute("ALTER TYPE mood ADD VALUE 'fine' BEFORE 'happy'")
        connection.execute("INSERT INTO people VALUES (3, 'fine', '{fine}')")
    live.kill()
    for _ in range(2):  # after the crash out of the log, then out of the manifest
        live = LiveServer(tmp_path)
        with psycopg.connect(live.dsn, autocommit=True) as connection:
            rows = connection.execute("SELECT id, feels, felt::text FROM people ORDER BY feels")
            assert rows.fetchall() == [(2, "sad", None), (3, "fine", "{fine}"), (1, "happy", "{ok}")]
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("INSERT INTO people VALUES (4, 'angry', NULL)")
        assert live.stop() == 0


def test_copy_reads_and_writes_enums_and_domains(connection: psycopg.Connection) -> None:
    _people(connection)
    connection.execute("CREATE DOMAIN posint AS int CHECK (VALUE > 0)")
    connection.execute("ALTER TABLE people ADD COLUMN age posint")
    cursor = connection.cursor()
    for form in ("text", "csv", "binary"):
        connection.execute("TRUNCATE people")
        with cursor.copy(f"COPY people FROM STDIN (FORMAT {form})") as copy:
            if form == "binary":
                copy.set_types(["int4", "text", "text", "int4"])
                copy.write_row([1, "happy", None, 7])
                copy.write_row([2, None, None, None])
            elif form == "csv":
                copy.write('1,happy,"{sad,ok}",7\n2,,,\n')
            else:
                copy.write("1\thappy\t{sad,ok}\t7\n2\t\\N\t\\N\t\\N\n")
        with cursor.copy("COPY (SELECT id, feels, age FROM people ORDER BY id) TO STDOUT") as copy:
            assert b"".join(copy) == b"1\thappy\t7\n2\t\\N\t\\N\n"
    for line, error in (
        ("3\tangry\t\\N\t1\n", psycopg.errors.InvalidTextRepresentation),
        ("3\tok\t\\N\t0\n", psycopg.errors.CheckViolation),
    ):
        with pytest.raises(error), cursor.copy("COPY people FROM STDIN") as copy:
            copy.write(line)
    assert connection.execute("SELECT count(*) FROM people").fetchone() == (2,)


def test_a_domain_is_sent_as_its_base(connection: psycopg.Connection) -> None:
    connection.execute("CREATE DOMAIN posint AS int CHECK (VALUE > 0)")
    connection.execute("CREATE TABLE t (n posint PRIMARY KEY)")
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            cursor.execute("INSERT INTO t VALUES (%s), (%s)", (1 + 2 * binary, 2 + 2 * binary))
            cursor.execute("SELECT n, %s::posint FROM t ORDER BY n", (9,))
            assert cursor.fetchone() == (1, 9)
            assert cursor.description is not None
            assert [c.type_code for c in cursor.description] == [23, 23]
            with pytest.raises(psycopg.errors.CheckViolation):
                cursor.execute("INSERT INTO t VALUES (%s)", (-1,))
            with pytest.raises(psycopg.errors.CheckViolation):
                cursor.execute("SELECT %s::posint", (0,))


def test_sqlalchemy_creates_and_reflects_a_domain(engine: sa.Engine) -> None:
    email = DOMAIN(
        "email", sa.Text, check="VALUE ~ '@'", not_null=True, default="a@b"
    )
    metadata = sa.MetaData()
    sa.Table("mails", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("m", email))
    metadata.create_all(engine)
    inspector = sa.inspect(engine)
    assert isinstance(inspector, PGInspector)
    (domain,) = inspector.get_domains()
    assert domain["name"] == "email" and domain["type"] == "text" and not domain["nullable"]
    assert domain["default"] == "'a@b'::text"
    assert [c["name"] for c in domain["constraints"]] == ["email_check"]
    kind = inspector.get_columns("mails")[1]["type"]
    assert isinstance(kind, DOMAIN) and kind.name == "email"
    metadata.drop_all(engine)
    assert sa.inspect(engine).get_domains() == []  # type: ignore[attr-defined]


def _places(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TYPE place AS (x int, name text, at timestamptz)")
    connection.execute("CREATE TABLE places (id int PRIMARY KEY, p place, ps place[])")


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_registers_a_composite(connection: psycopg.Connection, binary: bool) -> None:
    _places(connection)
    info = CompositeInfo.fetch(connection, "place")
    assert info is not None and list(info.field_names) == ["x", "name", "at"]
    assert list(info.field_types) == [23, 25, 1184]
    register_composite(info, connection)
    place = info.python_type
    assert place is not None
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    one, two = place(1, 'a "b", c', moment), place(2, None, None)
    with connection.cursor(binary=binary) as cursor:
        form = "%b" if binary else "%t"
        cursor.execute(f"INSERT INTO places VALUES (1, {form}, {form})", (one, [one, two]))
        cursor.execute("SELECT p, ps, (p).name FROM places")
        assert cursor.fetchall() == [(one, [one, two], 'a "b", c')]
        assert cursor.description is not None and cursor.description[0].type_code == info.oid


def test_asyncpg_introspects_a_composite(connection: psycopg.Connection, by_asyncpg: Callable[[Ask], None]) -> None:
    _places(connection)

    async def ask(client: asyncpg.Connection) -> None:
        await client.execute("INSERT INTO places VALUES (1, $1, $2)", (1, "a", None), [(2, "b", None)])
        (row,) = await client.fetch("SELECT p, ps FROM places WHERE (p).x = $1", 1)
        assert row["p"]["name"] == "a" and tuple(row["ps"][0]) == (2, "b", None)

    by_asyncpg(ask)


def test_columns_of_a_tables_row_type_outlive_the_server(tmp_path: Path) -> None:
    for round_, connection in over_a_restart(tmp_path):
        if not round_:
            connection.execute("CREATE TABLE spot (x int, name text)")
            connection.execute("CREATE TABLE shape (id int PRIMARY KEY, at spot)")
            connection.execute("INSERT INTO shape VALUES (1, '(1,a)')")
            connection.execute("CHECKPOINT")
            connection.execute("INSERT INTO shape VALUES (2, ROW(2, 'b'))")
            connection.execute("ALTER TABLE spot ADD COLUMN z int")
        found = connection.execute("SELECT at, (at).x FROM shape ORDER BY (at).x").fetchall()
        assert found == [("(1,a,)", 1), ("(2,b,)", 2)]
        info = CompositeInfo.fetch(connection, "spot")
        assert info is not None and list(info.field_names) == ["x", "name", "z"]
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            connection.execute("DROP TABLE spot")


def test_a_prepared_statement_sees_new_labels(connection: psycopg.Connection) -> None:
    _people(connection)
    connection.execute("INSERT INTO people VALUES (1, 'ok', '{ok}')")
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        sql = "SELECT feels, felt FROM people WHERE feels >= %s ORDER BY feels"
        assert other.execute(sql, ("ok",), prepare=True).fetchall() == [("ok", "{ok}")]
        connection.execute("ALTER TYPE mood ADD VALUE 'great'")
        connection.execute("INSERT INTO people VALUES (2, 'great', '{great}')")
        assert other.execute(sql, ("great",), prepare=True).fetchall() == [("great", "{great}")]
        connection.execute("ALTER TYPE mood RENAME VALUE 'great' TO 'fine'")
        assert other.execute(sql, ("fine",), prepare=True).fetchall() == [("fine", "{fine}")]
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            other.execute(sql, ("great",), prepare=True)


def test_an_enum_narrows_a_search(connection: psycopg.Connection) -> None:
    connection.execute("CREATE EXTENSION vector")
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    connection.execute("CREATE TABLE docs (id int PRIMARY KEY, m mood, v vector(2), t text)")
    connection.execute("CREATE INDEX ON docs USING hnsw (v vector_l2_ops) WHERE m = 'ok'::mood")
    connection.execute("CREATE INDEX ON docs USING bm25 (t)")
    rows = [(i, "ok" if i % 2 else "sad", f"[{i},0]", f"word {i}") for i in range(20)]
    connection.cursor().executemany("INSERT INTO docs VALUES (%s, %s, %s, %s)", rows)
    sql = "SELECT id FROM docs WHERE m = 'ok' ORDER BY v <-> '[4,0]' LIMIT 3"
    assert connection.execute(sql).fetchall() == [(3,), (5,), (1,)]
    found = connection.execute("SELECT id FROM docs WHERE m < 'ok' AND t @@@ '4'").fetchall()
    assert found == [(4,)]
    plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + sql).fetchall())
    assert "prefilter" in plan and "hnsw" in plan
