from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Index, IndexColumn
from sqlvec.storage.key_search import (
    VERSIONS_MAX,
    key_definitions,
)
from sqlvec.storage.keys import KeyDefinition
from sqlvec.types import TEXT


def test_keys_are_constraints_and_plain_unique_indexes(database: Any) -> None:
    catalog = database.store.catalog
    table = catalog.table(20000)
    index = Index(20009, "u", 20000, "btree", (IndexColumn(2),), unique=True)
    partial = replace(index, oid=20010, name="p", predicate="id > 5")
    expression = replace(index, oid=20011, name="e", columns=(IndexColumn(0, "lower(body)"),))
    plain = replace(index, oid=20012, name="n", unique=False)
    wider = catalog.with_relation(index, partial, expression, plain)
    assert key_definitions(table, wider) == [KeyDefinition((1,)), KeyDefinition((2,))]
    strict = catalog.with_relation(replace(index, nulls_not_distinct=True))
    assert key_definitions(table, strict)[1] == KeyDefinition((2,), nulls_not_distinct=True)


def test_duplicates_are_noticed_among_the_rows_and_in_the_shard(database: Any) -> None:
    database.insert(list(range(100)))
    database.store.flush()
    database.insert([200])
    tx = database.store.begin()

    def duplicates(*ids: int | None) -> bool:
        return database.shard.has_duplicates((1,), [pa.array(ids, pa.int64())], tx)

    assert duplicates(5) and duplicates(300, 200) and duplicates(300, 300)
    assert not duplicates(300, 301, None, None)
    database.delete([5], tx)
    assert not duplicates(5)


def test_nulls_not_distinct_makes_two_nulls_equal(database: Any) -> None:
    tx = database.store.begin()
    index = Index(
        20009, "u", 20000, "btree", (IndexColumn(2),), unique=True, nulls_not_distinct=True
    )
    tx.catalog = tx.catalog.with_relation(index)
    database.store.commit(tx)
    database.insert([1], body=None)
    tx = database.store.begin()
    assert database.shard.find_key((2,), (None,), tx) == 0
    assert database.shard.has_duplicates((2,), [pa.array([None], pa.string())], tx)


def test_a_hash_only_proposes_a_row(database: Any, monkeypatch: Any) -> None:
    database.insert([1, 2, 3])
    tx = database.store.begin()
    shard = database.shard
    assert shard.find_key((1,), (2,), tx) == 1
    keys = shard.keys._memory_keys(KeyDefinition((1,)))
    for rows in keys._rows.values():
        rows[:] = [0, 1, 2]  # as if all three had one hash
    assert [shard.find_key((1,), (i,), tx) for i in (1, 2, 3)] == [0, 1, 2]


def test_a_key_of_two_columns(database: Any) -> None:
    database.insert([1, 2])
    database.store.flush()
    tx = database.store.begin()
    shard = database.shard
    assert shard.find_key((2, 1), ("body of 2", 2), tx) == 1
    assert shard.find_key((2, 1), ("body of 1", 2), tx) is None
    columns = [pa.array(["body of 1", "x"]), pa.array([1, 1], pa.int64())]
    assert shard.find_keys((2, 1), columns, tx).tolist() == [0, -1]
    assert shard.columns.type(2) == TEXT and np.asarray(shard.row_count) == 2


def test_a_row_updated_over_and_over_is_not_looked_for_among_all_it_was(database) -> None:
    """What a snapshot sees is kept for as long as there is the snapshot."""
    store, shard = database.store, database.shard

    def update() -> None:
        tx = store.begin()
        tx.delete(shard, np.array([shard.find_key((1,), (1,), tx)]))
        assert tx.insert_row(shard, [1, "body", None]) is not None
        store.commit(tx)

    def versions() -> int:
        (memory,) = shard.keys._memory.values()
        (rows,) = memory._rows.values()
        return len(rows)

    database.insert([1])
    for _ in range(3 * VERSIONS_MAX):
        update()
    assert versions() <= VERSIONS_MAX + 1
    old = store.begin()
    seen = shard.find_key((1,), (1,), old)
    for _ in range(5 * VERSIONS_MAX):
        update()
    assert versions() > 5 * VERSIONS_MAX
    assert shard.find_key((1,), (1,), old) == seen
    assert shard.find_key((1,), (1,), store.begin()) == shard.row_count - 1
    old.rollback()
