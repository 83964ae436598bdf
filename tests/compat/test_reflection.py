"""What SQLAlchemy and the drivers learn of a schema, from PostgreSQL and from sqlvec: the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo
from sqlalchemy import Engine, MetaData, create_engine, inspect
from sqlalchemy.schema import CreateTable

from tests.compat.both_servers import BothServers, both_servers
from tests.harness.live_server import LiveServer

TABLES = (("authors", None), ("docs", None), ("reviews", None), ("orders", "sales"), ("lines", "sales"))
QUESTIONS = (
    "get_columns", "get_pk_constraint", "get_foreign_keys", "get_indexes", "get_unique_constraints",
    "get_check_constraints", "get_table_comment",
)  # fmt: skip


@pytest.fixture(scope="module")
def both(oracle: str, server: LiveServer) -> Iterator[BothServers]:
    with both_servers(oracle, server.dsn, "reflection") as found:
        yield found


def _engine(parameters: dict[str, str], driver: str) -> Engine:
    from pgvector.sqlalchemy import Vector  # registers the vector types for reflection

    assert Vector is not None
    place = f"{parameters['user']}@{parameters['host']}:{parameters['port']}/{parameters['dbname']}"
    return create_engine(f"postgresql+{driver}://{place}")


@pytest.fixture(scope="module", params=["psycopg", "psycopg2"])
def engines(both: BothServers, request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Engine]]:
    found = _engine(both.postgresql, request.param), _engine(both.sqlvec, request.param)
    yield found
    for engine in found:
        engine.dispose()


def _told(engine: Engine, question: str, table: str, schema: str | None) -> Any:
    answer = getattr(inspect(engine), question)(table, schema=schema)
    return _plain(answer)


def _plain(value: Any) -> Any:
    """Types by their SQL, lists in an order of their own."""
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, dict):
        return {key: repr(item) if key == "type" else _plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize(("table", "schema"), TABLES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_inspector_says_the_same(
    engines: tuple[Engine, Engine], question: str, table: str, schema: str | None
) -> None:
    wanted, found = (_told(engine, question, table, schema) for engine in engines)
    assert wanted == found


def test_names_are_the_same(engines: tuple[Engine, Engine]) -> None:
    questions = (
        "get_table_names", "get_view_names", "get_materialized_view_names", "get_sequence_names",
    )  # fmt: skip
    for question in questions:
        wanted, found = (sorted(getattr(inspect(engine), question)()) for engine in engines)
        assert wanted == found
    schemas = [set(inspect(engine).get_schema_names()) for engine in engines]
    assert schemas[0] == schemas[1]


def test_a_schema_reflected_whole_is_created_by_the_same_statements(
    engines: tuple[Engine, Engine],
) -> None:
    statements = []
    for engine in engines:
        metadata = MetaData()
        metadata.reflect(engine)
        tables = sorted(metadata.tables.values(), key=lambda table: table.name)
        statements.append([str(CreateTable(table).compile(engine)) for table in tables])
    assert statements[0] == statements[1]
    assert "VECTOR(3)" in "".join(statements[1])


def test_a_table_made_in_the_transaction_is_seen_in_it(both: BothServers) -> None:
    with psycopg.connect(**both.sqlvec) as connection:  # type: ignore[arg-type]
        connection.execute("CREATE TABLE fresh (id int PRIMARY KEY)")
        connection.execute("COMMENT ON TABLE fresh IS 'new'")
        seen = connection.execute(
            "SELECT 'fresh'::regclass::text, obj_description('fresh'::regclass), count(*) "
            "FROM pg_attribute WHERE attrelid = 'fresh'::regclass AND attnum > 0"
        ).fetchone()
        assert seen == ("fresh", "new", 1)
        connection.rollback()
        gone = connection.execute("SELECT to_regclass('fresh')").fetchone()
        assert gone == (None,)


def test_psycopg_fetches_types(both: BothServers) -> None:
    for name in ("vector", "int4", "text", "halfvec"):
        found = []
        for parameters in (both.postgresql, both.sqlvec):
            with psycopg.connect(**parameters) as connection:  # type: ignore[arg-type]
                info = TypeInfo.fetch(connection, name)
                assert info is not None
                found.append((info.name, info.regtype, info.delimiter, bool(info.array_oid)))
        assert found[0] == found[1]


def test_psycopg_fetches_the_row_type_of_a_table(both: BothServers) -> None:
    found = []
    for parameters in (both.postgresql, both.sqlvec):
        with psycopg.connect(**parameters) as connection:  # type: ignore[arg-type]
            info = CompositeInfo.fetch(connection, "authors")
            assert info is not None
            found.append((info.name, list(info.field_names), list(info.field_types)))
    assert found[0] == found[1]


def test_asyncpg_introspects_a_vector_column(both: BothServers) -> None:
    async def ask(parameters: dict[str, str]) -> Any:
        connection = await asyncpg.connect(
            host=parameters["host"], port=int(parameters["port"]),
            user=parameters["user"], database=parameters["dbname"],
        )  # fmt: skip
        try:
            rows = await connection.fetch("SELECT embedding, tags, small FROM docs")
            statement = await connection.prepare("SELECT embedding, small, bits FROM docs WHERE id = $1")
            names = [(a.name, a.type.name, a.type.kind) for a in statement.get_attributes()]
            return len(rows), names
        finally:
            await connection.close()

    assert asyncio.run(ask(both.postgresql)) == asyncio.run(ask(both.sqlvec))


def test_a_temporary_table_is_described_like_any_other(both: BothServers) -> None:
    found = []
    for parameters in (both.postgresql, both.sqlvec):
        with psycopg.connect(**parameters) as connection:  # type: ignore[arg-type]
            connection.execute("CREATE TEMP TABLE passing (id int PRIMARY KEY, v vector(2))")
            found.append(
                connection.execute(
                    "SELECT c.oid::regclass::text, relpersistence, pg_table_is_visible(c.oid), "
                    "relnamespace = pg_my_temp_schema(), pg_is_other_temp_schema(relnamespace), "
                    "(SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute "
                    "WHERE attrelid = c.oid AND attnum > 0) FROM pg_class c WHERE relname LIKE 'passing%' ORDER BY 1"
                ).fetchall()
            )
    assert found[0] == found[1]
