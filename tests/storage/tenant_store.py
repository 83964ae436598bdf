"""A store with a table by tenant, and short ways to write to it."""

from __future__ import annotations

import pyarrow as pa

from sqlvec.catalog.objects import Column, Constraint, Index, IndexColumn, Table
from sqlvec.storage.idle import close_shards
from sqlvec.storage.store import Store
from sqlvec.types import INT8, TEXT, VECTOR, SqlType

TABLE, BODY, EMBEDDING = 21000, 21002, 21003


def tenant_table(**options: str) -> Table:
    columns = (
        Column(1, "tenant", TEXT, not_null=True),
        Column(2, "id", INT8, not_null=True),
        Column(3, "body", TEXT),
        Column(4, "embedding", SqlType(VECTOR.oid, 3)),
    )
    key = Constraint(TABLE + 1, "notes_pkey", "p", (1, 2))
    return Table(TABLE, "notes", 2200, columns, (key,), tenant_attnum=1, options=options)


def add_table(store: Store, **options: str) -> Store:
    """notes(tenant, id, body, embedding) by tenant, with indexes over text and vectors."""
    tx = store.begin()
    class_ = IndexColumn(4, operator_class="vector_l2_ops")
    body = Index(BODY, "notes_body", TABLE, "bm25", (IndexColumn(3),))
    embedding = Index(EMBEDDING, "notes_embedding", TABLE, "hnsw", (class_,))
    tx.catalog = tx.catalog.with_relation(tenant_table(**options), body, embedding)
    store.commit(tx)
    return store


def write(store: Store, tenant: str, ids: list[int]) -> None:
    tx = store.begin()
    vectors = pa.array([[i, 0, -i] for i in ids], pa.list_(pa.float32(), 3))
    columns = {
        1: pa.array([tenant] * len(ids)),
        2: pa.array(ids, pa.int64()),
        3: pa.array([f"word{i} body" for i in ids]),
        4: vectors,
    }
    tx.insert(store.shard(TABLE, tenant, create=True), columns)
    store.commit(tx)


def ids(store: Store, tenant: str) -> list[int]:
    shard, tx = store.shard(TABLE, tenant), store.begin()
    assert shard is not None
    found = shard.gather(2, shard.visible(tx).ids())
    tx.rollback()
    return found


def close_all(store: Store) -> int:
    return close_shards(store, list(store.open_shards))


def alter(store: Store, state: str, *tenants: str) -> None:
    tx = store.begin()
    known = store.shard_ids(TABLE)
    tx.shard_changes = tx.shard_changes.set_state([known[t] for t in tenants], state)
    store.commit(tx)


def drop(store: Store, tenant: str) -> None:
    tx = store.begin()
    tx.shard_changes = tx.shard_changes.drop([store.shard_ids(TABLE)[tenant]])
    store.commit(tx)


def run_jobs(store: Store) -> None:
    for job in store.jobs():
        job.run()
