"""Closing shards of tenants and opening them again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.storage.idle import due, let_go
from sqlvec.storage.store import Store
from tests.sim.history import SimClock
from tests.storage.tenant_store import BODY, TABLE, add_table, close_all, ids, write


@pytest.fixture
def make_store(make_database: Callable[..., Any]) -> Callable[..., Store]:
    return lambda **settings: add_table(make_database(**settings).store)


def test_a_closed_shard_is_opened_by_its_next_use(make_store: Callable[..., Store]) -> None:
    store = make_store()
    for tenant in ("a", "b", "c"):
        write(store, tenant, [1, 2, 3])
    assert close_all(store) == 3 and store.open_shards == {}
    assert ids(store, "b") == [1, 2, 3] and len(store.open_shards) == 1
    write(store, "b", [4])
    assert ids(store, "b") == [1, 2, 3, 4]


def test_a_closed_shard_keeps_its_keys_texts_vectors_and_deletions(
    make_store: Callable[..., Store],
) -> None:
    store = make_store()
    write(store, "a", list(range(10)))
    store.flush()
    tx = store.begin()
    shard = store.shard(TABLE, "a", create=True)
    tx.delete(shard, np.array([4], np.int64))
    store.commit(tx)
    del shard, tx
    assert close_all(store) == 1
    tx, again = store.begin(), store.shard(TABLE, "a", create=True)
    assert again.find_key((1, 2), ("a", 7), tx) == 7
    assert again.find_key((1, 2), ("a", 4), tx) is None
    assert again.text_index(BODY).row_count == 10  # type: ignore[union-attr]
    assert again.vectors(4).array[7, 0] == 7


def test_thousands_are_closed_under_few_syncs(make_store: Callable[..., Store]) -> None:
    store = make_store()
    for tenant in range(40):
        write(store, f"t{tenant}", [1])
    edits = store.manifest._file.size  # type: ignore[union-attr]
    trace = store.vfs.trace  # type: ignore[attr-defined]
    before = len(trace)
    assert close_all(store) == 40
    assert sum(line == "fsync manifest" for line in trace[before:]) == 1
    assert store.manifest._file.size > edits  # type: ignore[union-attr]


def test_a_shard_that_somebody_holds_stays_open(make_store: Callable[..., Store]) -> None:
    store = make_store()
    write(store, "a", [1])
    reader = store.shard(TABLE, "a")
    assert close_all(store) == 0
    assert store.shard(TABLE, "a") is reader
    del reader
    assert close_all(store) == 1


def test_a_shard_is_closed_before_or_after_a_transaction_never_under_it(
    make_store: Callable[..., Store],
) -> None:
    store = make_store()
    write(store, "a", [1])
    write(store, "b", [1])
    tx = store.begin()
    tx.delete(store.shard(TABLE, "a", create=True), np.array([0], np.int64))
    assert close_all(store) == 1 and [s.tenant for s in store.open_shards.values()] == ["a"]
    tx.rollback()
    del tx
    assert close_all(store) == 1


def test_who_looks_at_the_past_keeps_what_has_changed_since_open(
    make_store: Callable[..., Store],
) -> None:
    store = make_store()
    write(store, "a", [1])
    reader = store.begin()
    write(store, "a", [2])
    assert close_all(store) == 0
    reader.rollback()
    assert close_all(store) == 1


def test_idle_ones_are_due_and_those_beyond_the_limit(make_store: Callable[..., Store]) -> None:
    store = make_store(shard_idle_seconds=60, open_shards_max=3)
    clock = store.clock
    assert isinstance(clock, SimClock)
    for tenant in ("a", "b", "c"):
        write(store, tenant, [1])
    assert [job.kind for job in store.jobs()] == []
    clock.seconds += 59
    ids(store, "a")
    store.jobs()
    clock.seconds += 2
    assert [store.open_shards[i].tenant for i in due(store)] == ["b", "c"]
    write(store, "d", [1])
    write(store, "e", [1])
    for job in store.jobs():
        job.run()
    assert sorted(s.tenant for s in store.open_shards.values()) == ["a", "d", "e"]


def test_reading_all_tenants_keeps_few_open(make_store: Callable[..., Store]) -> None:
    store = make_store(open_shards_max=5)
    for tenant in range(30):
        write(store, f"{tenant:02}", [tenant])
        close_all(store)
    found = []
    for shard in store.each_shard(TABLE):
        found += shard.gather(2, shard.visible(store.read_seqno).ids())
        assert len(store.open_shards) <= 6
    assert found == list(range(30))


def test_a_table_that_is_one_shard_is_never_closed(database: Any) -> None:
    database.insert([1])
    database.store.clock.seconds += 1e6
    assert database.store.jobs() == []
    (shard_id,) = database.store.open_shards
    assert not let_go(database.store, shard_id)


def test_a_tenant_that_was_rolled_back_leaves_nothing(make_store: Callable[..., Store]) -> None:
    store = make_store()
    tx = store.begin()
    write_into = store.shard(TABLE, "ghost", create=True)
    tx.insert(write_into, {1: pa.array(["ghost"]), 2: pa.array([1], pa.int64())})
    tx.rollback()
    del tx, write_into
    assert store.shard_ids(TABLE) == {}
    assert close_all(store) == 1
    assert store.tenants(TABLE) == [] and store.vfs.list("data") == []


def test_an_index_made_while_a_shard_was_closed_is_there_when_it_is_opened(
    make_store: Callable[..., Store],
) -> None:
    store = make_store()
    write(store, "a", [1, 2])
    close_all(store)
    tx = store.begin()
    tx.catalog = tx.catalog.with_relation(
        replace(tx.catalog.relations[BODY], oid=21009, name="again")  # type: ignore[type-var]
    )
    store.commit(tx)
    shard = store.shard(TABLE, "a")
    assert shard is not None and shard.text_index(21009).row_count == 2  # type: ignore[union-attr]


def test_among_many_shards_work_is_found_where_it_came_up(make_store: Callable[..., Store]) -> None:
    store = make_store(memtable_rows_max=3)
    for tenant in range(60):
        write(store, f"{tenant:02}", [1])
    assert store.jobs(every=False) == []
    write(store, "33", [2, 3, 4, 5])
    for _ in range(2):
        assert [(job.kind, job.tenant) for job in store.jobs(every=False)] == [("flush", "33")]
    store.jobs(every=False)[0].run()
    assert store.jobs(every=False) == store.jobs() == []
