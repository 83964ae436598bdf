"""A small database in memory, and short ways to write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.catalog.objects import Column, Constraint, Index, IndexColumn, Table
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.shard import Shard
from sqlvec.storage.store import Store
from sqlvec.storage.transaction import Transaction
from sqlvec.storage.vectors import VectorBatch
from sqlvec.types import INT8, TEXT, VECTOR, SqlType
from tests.sim.history import SimClock
from tests.sim.simfs import SimFs

DOCS = 20000
BODY_INDEX, EMBEDDING_INDEX = 20002, 20003


@dataclass
class Database:
    """fs and store; the table docs(id bigint primary key, body text, embedding vector(3))."""

    fs: SimFs
    store: Store
    settings: StorageSettings

    @property
    def shard(self) -> Shard:
        shard = self.store.shard(DOCS, create=True)
        assert shard is not None
        return shard

    def insert(self, ids: list[int], tx: Transaction | None = None, body: str | None = "") -> int:
        """Rows whose body and vector follow from their id; committed unless a transaction is
        given.
        """
        own = tx or self.store.begin()
        bodies = [f"body of {i}" if body == "" else body for i in ids]
        vectors = np.array([[i, 0, -i] for i in ids], np.float32)
        first = own.insert(
            self.shard,
            {
                1: pa.array(ids, pa.int64()),
                2: pa.array(bodies, pa.string()),
                3: VectorBatch(vectors),
            },
        )
        if tx is None:
            self.store.commit(own)
        return first

    def delete(self, ids: list[int], tx: Transaction | None = None) -> None:
        own = tx or self.store.begin()
        rows = [self.shard.find_key((1,), (i,), own) for i in ids]
        own.delete(self.shard, np.array(rows, np.int64))
        if tx is None:
            self.store.commit(own)

    def ids(self, tx: Transaction | None = None) -> list[int]:
        """The ids that are visible, in row order."""
        reader = tx or self.store.begin()
        found = self.shard.gather(1, self.shard.visible(reader).ids())
        if tx is None:
            reader.rollback()
        return found

    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.fs, SimClock(), self.settings)

    def add_indexes(self) -> None:
        tx = self.store.begin()
        body = Index(BODY_INDEX, "docs_body", DOCS, "bm25", (IndexColumn(2),))
        column = IndexColumn(3, operator_class="vector_l2_ops")
        embedding = Index(EMBEDDING_INDEX, "docs_embedding", DOCS, "hnsw", (column,))
        tx.catalog = tx.catalog.with_relation(body, embedding)
        for index in (body, embedding):
            self.shard.add_index(index, tx.catalog.table(DOCS))
        self.store.commit(tx)


def docs_table() -> Table:
    columns = (
        Column(1, "id", INT8, not_null=True),
        Column(2, "body", TEXT),
        Column(3, "embedding", SqlType(VECTOR.oid, 3)),
    )
    return Table(DOCS, "docs", 2200, columns, (Constraint(DOCS + 1, "docs_pkey", "p", (1,)),))


@pytest.fixture
def make_database() -> Iterator[Callable[..., Database]]:
    made: list[Database] = []

    def make(**settings: int) -> Database:
        limits = StorageSettings(**settings)  # type: ignore[arg-type]
        fs = SimFs()
        database = Database(fs, Store.open(fs, SimClock(), limits), limits)
        tx = database.store.begin()
        tx.catalog = tx.catalog.with_relation(docs_table())
        database.store.commit(tx)
        made.append(database)
        return database

    yield make
    for database in made:
        if database.store.failure is None:
            database.store.close()


@pytest.fixture
def database(make_database: Callable[..., Database]) -> Database:
    return make_database()


@pytest.fixture
def fs(request: pytest.FixtureRequest) -> SimFs:
    """A parameter is how files are read."""
    made = SimFs()
    made.segment_io = getattr(request, "param", "mmap")
    return made
