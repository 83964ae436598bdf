from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest

from sqlvec.catalog.objects import Sequence, Table
from sqlvec.errors import DatabaseError, DiskFull, ObjectInUse, SerializationFailure
from sqlvec.storage.store import Store
from sqlvec.types import INT8
from tests.sim.history import SimClock


def test_a_commit_is_seen_after_append_sync_and_publish(database: Any) -> None:
    store = database.store
    tx = store.begin()
    database.insert([1], tx)
    ticket = store.append(tx)
    store.publish()
    assert (tx.committed, ticket.done, database.ids()) == (True, False, [])
    store.sync()
    assert database.ids() == []
    store.publish()
    assert ticket.done and database.ids() == [1] and store.read_seqno == ticket.seqno


def test_one_sync_serves_all_who_wait(database: Any) -> None:
    store = database.store
    tickets = []
    for i in range(5):
        tx = store.begin()
        database.insert([i], tx)
        tickets.append(store.append(tx))
    before = len([line for line in database.fs.trace if "fsync wal" in line])
    thread = Thread(target=store.sync)
    thread.start()
    thread.join()
    store.publish()
    assert len([line for line in database.fs.trace if "fsync wal" in line]) == before + 1
    assert all(ticket.done for ticket in tickets) and database.ids() == [0, 1, 2, 3, 4]


def test_a_commit_behind_the_sync_waits_for_the_next(database: Any) -> None:
    store = database.store
    first, second = store.begin(), store.begin()
    database.insert([1], first)
    store.append(first)
    store.sync()
    database.insert([2], second)
    ticket = store.append(second)
    store.publish()
    assert database.ids() == [1] and not ticket.done
    store.sync()
    store.publish()
    assert database.ids() == [1, 2]


def test_a_full_disk_fails_the_commit_and_nothing_else(database: Any) -> None:
    tx = database.store.begin()
    database.insert([1], tx)
    database.fs.fail_at, database.fs.fail_errno = database.fs.operations + 1, 28
    with pytest.raises(DiskFull):
        database.store.commit(tx)
    assert database.ids() == [] and tx.closed
    database.insert([1])
    assert database.ids() == [1]
    database.reopen()
    assert database.ids() == [1]


def test_a_failed_fsync_closes_the_store_to_writes(database: Any) -> None:
    database.insert([1])
    tx = database.store.begin()
    database.insert([2], tx)
    database.store.append(tx)
    database.fs.fail_at = database.fs.operations + 1
    with pytest.raises(DatabaseError) as error:
        database.store.sync()
    assert error.value.sqlstate == "58030"
    assert database.ids() == [1]
    with pytest.raises(DatabaseError, match="closed to writes") as error:
        database.insert([3])
    assert error.value.sqlstate == "58030"
    assert database.store.jobs() == []
    database.store.close()


def test_a_directory_has_one_store(database: Any) -> None:
    with pytest.raises(ObjectInUse) as error:
        Store.open(database.fs, SimClock())
    assert error.value.sqlstate == "55006"
    database.store.close()
    database.store.close()
    Store.open(database.fs, SimClock()).close()


def test_of_two_ddl_transactions_the_second_fails(database: Any) -> None:
    first, second = database.store.begin(), database.store.begin()
    for tx, name in ((first, "a"), (second, "b")):
        tx.catalog = tx.catalog.with_relation(Table(tx.catalog.next_oid, name, 2200, ()))
    database.store.commit(first)
    with pytest.raises(SerializationFailure):
        database.store.commit(second)
    third = database.store.begin()
    assert third.catalog.relation(2200, "a") is not None
    assert third.catalog.relation(2200, "b") is None
    assert third.catalog.version == database.store.catalog.version > 0


def test_a_dropped_table_takes_its_files_along(database: Any) -> None:
    database.insert([1])
    database.store.flush()
    tx = database.store.begin()
    tx.catalog = tx.catalog.without(20000)
    database.store.commit(tx)
    assert database.store.shard(20000) is None and database.store.shards(20000) == []
    database.store.flush()
    assert database.fs.list("data") == []
    database.reopen()
    assert database.store.shards(20000) == [] and 20000 not in database.store.catalog.relations


def test_a_table_of_an_aborted_transaction_leaves_nothing(database: Any) -> None:
    tx = database.store.begin()
    table = replace(tx.catalog.table(20000), oid=tx.catalog.next_oid, name="other", constraints=())
    tx.catalog = tx.catalog.with_relation(table)
    shard = database.store.shard(table.oid, create=True)
    tx.insert(shard, {1: pa.array([1], pa.int64())})
    assert shard.visible(tx).count == 1
    tx.rollback()
    assert database.store.shard(table.oid) is None
    assert database.store.begin().catalog.next_oid > table.oid


def test_tenants_have_a_shard_each(database: Any) -> None:
    store = database.store
    tx = store.begin()
    for tenant in ("b", "a", ""):
        shard = store.shard(20000, tenant, create=True)
        tx.shard_changes = tx.shard_changes.create(shard.shard_id)
    store.commit(tx)
    database.reopen()
    assert database.store.tenants(20000) == ["", "a", "b"]
    assert [shard.tenant for shard in database.store.shards(20000)] == ["", "a", "b"]
    assert database.store.shard(20000, "c") is None


def test_sequences_count_on_after_reopening_and_after_a_crash(database: Any) -> None:
    tx = database.store.begin()
    sequence = Sequence(20005, "s", 2200, INT8)
    tx.catalog = tx.catalog.with_relation(sequence)
    assert database.store.next_value(sequence) == 1
    database.store.commit(tx)
    assert [database.store.next_value(sequence) for _ in range(3)] == [2, 3, 4]
    assert database.store.sequence_value(sequence).last_value == 4
    database.reopen()
    assert database.store.next_value(sequence) > 4
    database.store.set_value(sequence, 1000, False)
    assert database.store.next_value(sequence) == 1000


def test_old_snapshots_can_be_read(database: Any) -> None:
    database.insert([1])
    seqno = database.store.read_seqno
    database.insert([2])
    database.delete([1])
    old = database.store.begin(snapshot_seqno=seqno)
    assert database.ids(old) == [1] and database.store.horizon() == seqno
    old.rollback()
    assert database.store.horizon() == database.store.read_seqno


def test_closing_rolls_back_what_is_open(make_database: Callable[..., Any]) -> None:
    database = make_database()
    tx = database.store.begin()
    database.insert([1], tx)
    database.reopen()
    assert tx.closed and database.ids() == []
