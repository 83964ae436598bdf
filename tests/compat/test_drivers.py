"""Real drivers with pgvector-python: create, insert, search, read back, in text and binary."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import numpy as np
import psycopg
import pytest

from tests.harness.live_server import LiveServer

VECTORS = np.array([[1, 2, 3], [4, 5, 6], [1, 1, 1]], dtype=np.float32)


def test_psycopg_binary_and_text(connection: psycopg.Connection) -> None:
    from pgvector.psycopg import register_vector

    connection.execute("CREATE EXTENSION vector")
    register_vector(connection)
    connection.execute("CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3))")
    for vector in VECTORS:
        connection.execute("INSERT INTO items (embedding) VALUES (%s)", (vector,))
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        for _ in range(7):  # from the sixth on it is a named prepared statement
            cursor.execute("SELECT id, embedding FROM items ORDER BY embedding <-> %s LIMIT 2", (VECTORS[2],))
            found = cursor.fetchall()
        assert [row[0] for row in found] == [3, 1]
        assert np.asarray(found[0][1].to_numpy() if hasattr(found[0][1], "to_numpy") else found[0][1]).tolist() == [1, 1, 1]


def test_psycopg_binary_copy(connection: psycopg.Connection) -> None:
    from pgvector.psycopg import register_vector

    connection.execute("CREATE EXTENSION vector")
    register_vector(connection)
    connection.execute("CREATE TABLE items (id bigint, embedding vector(3))")
    with connection.cursor().copy("COPY items (id, embedding) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "vector"])
        for i, vector in enumerate(VECTORS):
            copy.write_row([i, vector])
    row = connection.execute("SELECT count(*), min(id), max(id) FROM items").fetchone()
    assert row == (3, 0, 2)


def test_psycopg2(server: LiveServer) -> None:
    import psycopg2
    from pgvector.psycopg2 import register_vector

    connection = psycopg2.connect(server.dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    cursor.execute("CREATE TABLE psycopg2_items (id bigserial PRIMARY KEY, embedding vector(3))")
    cursor.execute("INSERT INTO psycopg2_items (embedding) VALUES (%s), (%s), (%s)", tuple(VECTORS))
    cursor.execute("SELECT id, embedding FROM psycopg2_items ORDER BY embedding <-> %s LIMIT 2", (VECTORS[2],))
    found = cursor.fetchall()
    assert [row[0] for row in found] == [3, 1]
    connection.close()


def test_asyncpg(server: LiveServer) -> None:
    import asyncpg
    from pgvector.asyncpg import register_vector

    async def run() -> list[int]:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await register_vector(connection)
        await connection.execute("CREATE TABLE asyncpg_items (id bigserial PRIMARY KEY, embedding vector(3))")
        await connection.executemany(
            "INSERT INTO asyncpg_items (embedding) VALUES ($1)", [(vector,) for vector in VECTORS]
        )
        found = await connection.fetch(
            "SELECT id, embedding FROM asyncpg_items ORDER BY embedding <-> $1 LIMIT 2", VECTORS[2]
        )
        await connection.close()
        return [row["id"] for row in found]

    assert asyncio.run(run()) == [3, 1]


def test_sqlalchemy(server: LiveServer) -> None:
    from pgvector.sqlalchemy import Vector
    from sqlalchemy import (
        BigInteger,
        Column,
        Integer,
        MetaData,
        Table,
        create_engine,
        insert,
        inspect,
        select,
    )

    engine = create_engine(server.dsn.replace("postgresql://", "postgresql+psycopg://"))
    metadata = MetaData()
    items = Table(
        "sqlalchemy_items",
        metadata,
        Column("id", BigInteger, primary_key=True),
        Column("n", Integer),
        Column("embedding", Vector(3)),
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(items), [{"n": i, "embedding": v} for i, v in enumerate(VECTORS)])
    with engine.connect() as connection:
        query = select(items.c.n, items.c.embedding).order_by(items.c.embedding.l2_distance(VECTORS[2])).limit(2)
        found = connection.execute(query).fetchall()
    assert [row[0] for row in found] == [2, 0]
    assert inspect(engine).has_table("sqlalchemy_items")
    metadata.drop_all(engine)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql(server: LiveServer) -> None:
    script = "CREATE TABLE psql_t (id int PRIMARY KEY); INSERT INTO psql_t VALUES (1), (2); SELECT sum(id) FROM psql_t;"
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", server.dsn, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3"
