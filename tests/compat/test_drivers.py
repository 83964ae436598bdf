"""Real drivers with pgvector-python: each creates a table, inserts, searches, and reads back what it wrote, in
text and in binary."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.harness.live_server import LiveServer

VECTORS = np.array([[1, 2, 3], [4, 5, 6], [1, 1, 1]], dtype=np.float32)
NEAR = VECTORS[2]


@pytest.fixture
def table(server: LiveServer) -> Iterator[str]:
    """The name of a table that is not there yet, and is dropped."""
    name = f"items_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    yield name
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {name}")


def floats(vector: Any) -> list[float]:
    """Of what a driver makes of a vector: an array, or pgvector's own class."""
    return [float(x) for x in (vector.to_list() if hasattr(vector, "to_list") else vector)]


def same_as_written(found: list[tuple[int, Any]]) -> None:
    """ids 3 and 1, nearest first, with the vectors that were inserted."""
    assert [(number, floats(vector)) for number, vector in found] == [
        (3, VECTORS[2].tolist()),
        (1, VECTORS[0].tolist()),
    ]


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg(server: LiveServer, table: str, binary: bool) -> None:
    from pgvector.psycopg import register_vector

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        register_vector(connection)
        connection.execute(f"CREATE TABLE {table} (id bigserial PRIMARY KEY, embedding vector(3))")
        cursor = connection.cursor(binary=binary)
        cursor.executemany(
            f"INSERT INTO {table} (embedding) VALUES (%b)" if binary
            else f"INSERT INTO {table} (embedding) VALUES (%t)",
            [(vector,) for vector in VECTORS],
        )  # fmt: skip
        for _ in range(7):  # from the sixth on it is a named prepared statement
            query = f"SELECT id, embedding FROM {table} ORDER BY embedding <-> %s LIMIT 2"
            same_as_written(cursor.execute(query, (NEAR,)).fetchall())
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == ["id", "embedding"]


def test_psycopg_copies_both_ways(server: LiveServer, table: str) -> None:
    from pgvector.psycopg import register_vector

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        register_vector(connection)
        connection.execute(f"CREATE TABLE {table} (id bigint, embedding vector(3))")
        cursor = connection.cursor()
        with cursor.copy(f"COPY {table} FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "vector"])
            for number, vector in enumerate(VECTORS):
                copy.write_row([number, vector])
        for options in ("", "WITH (FORMAT BINARY)"):
            with cursor.copy(f"COPY {table} TO STDOUT {options}") as copy:
                copy.set_types(["int8", "vector"])
                found = [(number, floats(vector)) for number, vector in copy.rows()]
            assert found == list(enumerate(VECTORS.tolist()))


def test_psycopg_pipelines_and_server_side_cursors(server: LiveServer, table: str) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        with connection.pipeline():
            for number in range(50):
                connection.execute(f"INSERT INTO {table} VALUES (%s)", (number,))
            count = connection.execute(f"SELECT count(*) FROM {table}")
        assert count.fetchone() == (50,)
        with connection.cursor("named", scrollable=True) as named:
            named.execute(f"SELECT id FROM {table} ORDER BY id")
            assert [row[0] for row in named.fetchmany(3)] == [0, 1, 2]
            named.scroll(-2)
            assert named.fetchone() == (1,)
            assert [row[0] for row in named] == list(range(2, 50))


def test_psycopg_hears_notifications(server: LiveServer) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as listener:
        listener.execute("LISTEN news")
        with psycopg.connect(server.dsn, autocommit=True) as sender:
            sender.execute("SELECT pg_notify('news', 'hello')")
            pid = sender.info.backend_pid
        (heard,) = listener.notifies(timeout=30, stop_after=1)
        assert (heard.channel, heard.payload, heard.pid) == ("news", "hello", pid)


def test_psycopg2(server: LiveServer, table: str) -> None:
    import psycopg2
    from pgvector.psycopg2 import register_vector

    connection = psycopg2.connect(server.dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    register_vector(connection)
    cursor.execute(f"CREATE TABLE {table} (id bigserial PRIMARY KEY, embedding vector(3))")
    cursor.execute(f"INSERT INTO {table} (embedding) VALUES (%s), (%s), (%s)", tuple(VECTORS))
    cursor.execute(f"SELECT id, embedding FROM {table} ORDER BY embedding <-> %s LIMIT 2", (NEAR,))
    same_as_written(cursor.fetchall())
    connection.close()


def test_psycopg2_named_cursors_and_copy(server: LiveServer, table: str) -> None:
    import io

    import psycopg2

    connection = psycopg2.connect(server.dsn)
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE {table} (id int, name text)")
    cursor.copy_from(io.StringIO("1\tone\n2\t\\N\n"), table, columns=("id", "name"))
    with connection.cursor("named") as named:
        named.itersize = 1
        named.execute(f"SELECT id, name FROM {table} ORDER BY id")
        assert list(named) == [(1, "one"), (2, None)]
    out = io.StringIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT WITH CSV HEADER", out)
    assert out.getvalue() == "id,name\n1,one\n2,\n"
    connection.commit()
    connection.close()


def test_asyncpg(server: LiveServer, table: str) -> None:
    import asyncpg
    from pgvector.asyncpg import register_vector

    async def run() -> None:
        connection = await asyncpg.connect(server.dsn)
        await register_vector(connection)
        await connection.execute(
            f"CREATE TABLE {table} (id bigserial PRIMARY KEY, embedding vector(3))"
        )
        await connection.executemany(
            f"INSERT INTO {table} (embedding) VALUES ($1)", [(vector,) for vector in VECTORS]
        )
        query = f"SELECT id, embedding FROM {table} ORDER BY embedding <-> $1 LIMIT 2"
        same_as_written([tuple(row) for row in await connection.fetch(query, NEAR)])
        async with connection.transaction():
            cursor = await connection.cursor("SELECT g FROM generate_series(1, 9) g")
            assert [row["g"] for row in await cursor.fetch(2)] == [1, 2]
            await cursor.forward(3)
            assert [row["g"] for row in await cursor.fetch(2)] == [6, 7]
        rows = [(number + 10, vector) for number, vector in enumerate(VECTORS)]
        await connection.copy_records_to_table(table, records=rows)
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 6
        await connection.close()

    asyncio.run(run())


def test_asyncpg_pools_time_limits_and_listeners(server: LiveServer) -> None:
    import asyncpg

    async def run() -> None:
        async with asyncpg.create_pool(server.dsn, min_size=2, max_size=2) as pool:
            for _ in range(4):  # every release resets the session
                async with pool.acquire() as connection:
                    assert await connection.fetchval("SELECT 1") == 1
            heard: asyncio.Queue[str] = asyncio.Queue()
            async with pool.acquire() as one, pool.acquire() as two:
                await one.add_listener("c", lambda *args: heard.put_nowait(args[3]))
                await two.execute("NOTIFY c, 'x'")
                assert await asyncio.wait_for(heard.get(), 30) == "x"
                with pytest.raises(asyncio.TimeoutError):
                    await two.execute("SELECT pg_sleep(60)", timeout=0.2)
                assert await two.fetchval("SELECT 2") == 2
                await one.reset()

    asyncio.run(run())


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_sqlalchemy(server: LiveServer, table: str, driver: str) -> None:
    from pgvector.sqlalchemy import Vector
    from sqlalchemy import (
        BigInteger,
        Column,
        MetaData,
        Table,
        create_engine,
        insert,
        inspect,
        select,
    )
    from sqlalchemy.ext.asyncio import create_async_engine

    url = server.dsn.replace("postgresql://", f"postgresql+{driver}://")
    metadata = MetaData()
    items = Table(
        table, metadata, Column("id", BigInteger, primary_key=True), Column("embedding", Vector(3))
    )

    def use(connection: Any) -> None:
        metadata.create_all(connection)
        connection.execute(insert(items), [{"embedding": vector} for vector in VECTORS])
        query = select(items.c.id, items.c.embedding)
        query = query.order_by(items.c.embedding.l2_distance(NEAR)).limit(2)
        same_as_written([tuple(row) for row in connection.execute(query)])
        with connection.begin_nested() as savepoint:
            connection.execute(items.delete())
            savepoint.rollback()
        assert len(connection.execute(select(items.c.id)).all()) == 3
        assert inspect(connection).has_table(table)

    async def use_async() -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(use)
        await engine.dispose()

    if driver == "asyncpg":
        asyncio.run(use_async())
        return
    engine = create_engine(url)
    with engine.begin() as connection:
        use(connection)
    engine.dispose()
