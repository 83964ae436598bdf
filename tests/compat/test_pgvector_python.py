"""pgvector-python's classes for all four types, over every driver, in text and in binary."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import numpy as np
import pgvector.asyncpg
import pgvector.psycopg
import pgvector.psycopg2
import psycopg
import psycopg2
import pytest
import sqlalchemy
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.harness.live_server import LiveServer

VECTOR_VALUE = Vector([1.5, -2, 3])
HALF_VALUE = HalfVector([0.5, 65504, -3])
SPARSE_VALUE = SparseVector({0: 1.5, 2: -2}, 4)
BIT_VALUE = Bit("10100000011")
COLUMNS = "v vector(3), h halfvec(3), s sparsevec(4), b bit(11)"
NEAREST = {"v": "<->", "h": "<=>", "s": "<+>", "b": "<~>"}
VALUES = {"v": VECTOR_VALUE, "h": HALF_VALUE, "s": SPARSE_VALUE, "b": BIT_VALUE}


def _same(found: Any, value: Any) -> bool:
    """Drivers and versions give the class, or the array that it holds."""
    if isinstance(value, SparseVector):
        return bool(found == value)
    if isinstance(value, Bit):
        if isinstance(found, bytes):  # psycopg's binary cursors load no bit strings
            found = Bit.from_binary(found)
        return bool((found if isinstance(found, Bit) else Bit(found)) == value)
    return list(found.to_list() if hasattr(found, "to_list") else found) == value.to_list()


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_writes_reads_and_searches(connection: psycopg.Connection, binary: bool) -> None:
    connection.execute("CREATE EXTENSION vector")
    pgvector.psycopg.register_vector(connection)
    connection.execute(f"CREATE TABLE items (id int, {COLUMNS})")
    place = "%b" if binary else "%t"
    insert = f"INSERT INTO items VALUES (1, {', '.join([place] * 4)})"
    connection.execute(insert, list(VALUES.values()))
    cursor = connection.cursor(binary=binary)
    for name, value in VALUES.items():
        for _ in range(7):  # from the sixth on it is a named prepared statement
            cursor.execute(
                f"SELECT {name}, {name} {NEAREST[name]} {place} FROM items "
                f"ORDER BY {name} {NEAREST[name]} {place} LIMIT 5",
                (value, value),
            )
        found, distance = cursor.fetchone() or (None, None)
        assert _same(found, value), (name, found)
        assert distance == pytest.approx(0, abs=1e-6)


def test_psycopg_copies_every_type_in_binary(connection: psycopg.Connection) -> None:
    connection.execute("CREATE EXTENSION vector")
    pgvector.psycopg.register_vector(connection)
    connection.execute(f"CREATE TABLE items ({COLUMNS})")
    with connection.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["vector", "halfvec", "sparsevec", "bit"])
        copy.write_row(list(VALUES.values()))
        copy.write_row([None] * 4)
    rows = connection.execute("SELECT * FROM items ORDER BY v").fetchall()
    assert all(_same(f, v) for f, v in zip(rows[0], VALUES.values(), strict=True))
    assert rows[1] == (None,) * 4


def test_psycopg_passes_arrays_of_vectors(connection: psycopg.Connection) -> None:
    connection.execute("CREATE EXTENSION vector")
    pgvector.psycopg.register_vector(connection)
    connection.execute("CREATE TABLE items (vs vector[], hs halfvec[])")
    values = ([VECTOR_VALUE, Vector([1])], [HALF_VALUE])
    connection.execute("INSERT INTO items VALUES (%s, %s)", values)
    found = connection.execute("SELECT vs, hs FROM items").fetchone()
    assert found is not None
    assert all(_same(f, v) for f, v in zip(found[0], values[0], strict=True))
    assert _same(found[1][0], HALF_VALUE)


def test_psycopg2_writes_reads_and_searches(server: LiveServer) -> None:
    connection = psycopg2.connect(server.dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
    pgvector.psycopg2.register_vector(connection, arrays=True)
    cursor.execute(f"CREATE TABLE python2_items (id int, {COLUMNS}, vs vector[])")
    values = [VECTOR_VALUE.to_numpy(), HALF_VALUE, SPARSE_VALUE, BIT_VALUE.to_text()]
    cursor.execute(
        "INSERT INTO python2_items VALUES (1, %s, %s, %s, %s, %s::vector[])",
        (*values, [np.array([1, 2]), np.array([3])]),
    )
    cursor.execute("SELECT v, h, s, b, vs FROM python2_items")
    *found, arrays = cursor.fetchone()
    assert all(_same(f, v) for f, v in zip(found, VALUES.values(), strict=True))
    assert all(_same(f, Vector(v)) for f, v in zip(arrays, [[1, 2], [3]], strict=True))
    for name, value in zip(VALUES, values, strict=True):
        operator = NEAREST[name]
        cursor.execute(f"SELECT id FROM python2_items ORDER BY {name} {operator} %s LIMIT 5", (value,))
        assert cursor.fetchall() == [(1,)]
    cursor.execute("DROP TABLE python2_items")
    connection.close()


def test_asyncpg_writes_reads_and_searches(server: LiveServer) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await pgvector.asyncpg.register_vector(connection)
        await connection.execute(f"CREATE TABLE python_async_items (id int, {COLUMNS}, vs vector[])")
        bits = asyncpg.BitString(BIT_VALUE.to_text())
        values = [VECTOR_VALUE, HALF_VALUE, SPARSE_VALUE, bits]
        await connection.execute(
            "INSERT INTO python_async_items VALUES (1, $1, $2, $3, $4, $5)", *values, [VECTOR_VALUE]
        )
        row = await connection.fetchrow("SELECT * FROM python_async_items")
        assert _same(row["v"], VECTOR_VALUE)
        assert _same(row["h"], HALF_VALUE)
        assert _same(row["s"], SPARSE_VALUE)
        assert row["b"].as_string().replace(" ", "") == BIT_VALUE.to_text()
        assert _same(row["vs"][0], VECTOR_VALUE)
        for name, value in zip(VALUES, values, strict=True):
            query = f"SELECT id FROM python_async_items ORDER BY {name} {NEAREST[name]} $1 LIMIT 5"
            assert [r["id"] for r in await connection.fetch(query, value)] == [1]
        await connection.execute("DROP TABLE python_async_items")
        await connection.close()

    asyncio.run(run())


class Base(DeclarativeBase):
    """Of the models below."""


class Item(Base):
    __tablename__ = "python_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    v: Mapped[Any] = mapped_column(VECTOR(3), nullable=True)
    h: Mapped[Any] = mapped_column(HALFVEC(3), nullable=True)
    s: Mapped[Any] = mapped_column(SPARSEVEC(4), nullable=True)
    b: Mapped[Any] = mapped_column(BIT(11), nullable=True)


INDEXES = [
    sqlalchemy.Index("python_v", Item.v, postgresql_using="hnsw", postgresql_with={"m": 8, "ef_construction": 32},
                     postgresql_ops={"v": "vector_l2_ops"}),
    sqlalchemy.Index("python_s", Item.s, postgresql_using="hnsw", postgresql_ops={"s": "sparsevec_l1_ops"}),
    sqlalchemy.Index("python_b", Item.b, postgresql_using="hnsw", postgresql_ops={"b": "bit_hamming_ops"}),
    sqlalchemy.Index(
        "python_half", sqlalchemy.func.cast(Item.v, HALFVEC(3)).label("v"), postgresql_using="hnsw",
        postgresql_ops={"v": "halfvec_l2_ops"},
    ),
    sqlalchemy.Index(
        "python_quantized", sqlalchemy.cast(sqlalchemy.func.binary_quantize(Item.v), BIT(3)).label("q"),
        postgresql_using="hnsw", postgresql_ops={"q": "bit_hamming_ops"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_sqlalchemy_models_indexes_and_searches(server: LiveServer, driver: str) -> None:
    url = server.dsn.replace("postgresql://", f"postgresql+{driver}://")
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE EXTENSION IF NOT EXISTS vector"))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Item(id=1, v=[1, 1, 1], h=HALF_VALUE, s=SPARSE_VALUE, b=BIT_VALUE.to_text()))
        session.add(Item(id=2, v=[2, 2, -2], h=[1, 1, 1], s=SparseVector([0, 0, 0, 1]), b="0" * 11))
        session.add(Item(id=3))
        session.commit()
        assert _same(session.get(Item, 1).v, Vector([1, 1, 1]))  # type: ignore[union-attr]
        nearest = {
            "v": Item.v.l2_distance([2, 2, -2]),
            "h": Item.h.cosine_distance([1, 1, 1]),
            "s": Item.s.l1_distance(SparseVector([0, 0, 0, 1])),
            "b": Item.b.hamming_distance("0" * 11),
        }
        for name, distance in nearest.items():
            found = session.scalars(sqlalchemy.select(Item.id).order_by(distance).limit(1)).all()
            assert found == [2], name
        quantized = sqlalchemy.cast(sqlalchemy.func.binary_quantize(Item.v), BIT(3))
        wanted = quantized.hamming_distance("110")  # type: ignore[attr-defined]
        found = session.scalars(sqlalchemy.select(Item.id).order_by(wanted).limit(1)).all()
        assert found == [2]
        average = session.scalar(sqlalchemy.select(sqlalchemy.func.avg(Item.v)))
        assert average is not None
    reflected = sqlalchemy.inspect(engine).get_columns("python_items")
    assert [str(column["type"]) for column in reflected[1:4]] == [
        "VECTOR(3)", "HALFVEC(3)", "SPARSEVEC(4)",
    ]  # fmt: skip
    Base.metadata.drop_all(engine)
    engine.dispose()
