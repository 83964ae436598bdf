from dataclasses import replace
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.catalog.objects import Column, Table
from sqlvec.errors import QueryCanceled, SerializationFailure
from sqlvec.storage.key_search import KeyTaken
from sqlvec.storage.locks import LockWait
from sqlvec.storage.row_claims import GONE
from sqlvec.storage.store import Store
from sqlvec.storage.vectors import VectorBatch
from sqlvec.types import INT4, VECTOR, SqlType
from tests.sim.history import SimClock

VECTOR_2 = SqlType(VECTOR.oid, 2)


def test_rows_are_seen_by_their_transaction_only_until_it_commits(database) -> None:
    tx, other = database.store.begin(), database.store.begin()
    first = database.insert([1, 2], tx)
    assert (first, database.ids(tx), database.ids(other)) == (0, [1, 2], [])
    database.store.commit(tx)
    assert database.ids(other) == []
    other.refresh()
    assert database.ids(other) == [1, 2] and database.ids() == [1, 2]


def test_a_rolled_back_row_is_dead_and_its_id_is_not_used_again(database) -> None:
    tx = database.store.begin()
    database.insert([1], tx)
    tx.rollback()
    tx.rollback()
    assert database.ids() == []
    assert database.insert([2]) == 1


def test_deleted_rows_go_at_commit(database) -> None:
    database.insert([1, 2, 3])
    old, tx = database.store.begin(), database.store.begin()
    database.delete([2], tx)
    database.insert([4], tx)
    database.delete([4], tx)
    assert database.ids(tx) == [1, 3] and database.ids(old) == [1, 2, 3]
    database.store.commit(tx)
    assert database.ids(old) == [1, 2, 3] and database.ids() == [1, 3]


def test_the_second_of_two_deletions_waits_for_the_first(database) -> None:
    database.insert([1, 2])
    first, second, late = (database.store.begin() for _ in range(3))
    database.delete([1], first)
    with pytest.raises(LockWait) as wait:
        database.delete([1], second)
    assert not wait.value.request.done
    database.store.commit(first)
    assert wait.value.request.done and wait.value.request.error is None
    for keeps_its_snapshot in (second, late):
        with pytest.raises(SerializationFailure, match="concurrent delete") as error:
            database.delete([1], keeps_its_snapshot)
        assert error.value.sqlstate == "40001"
    second.rollback()
    database.delete([2], late)
    database.store.commit(late)
    assert database.ids() == []


def test_who_rereads_goes_on_with_the_newest_version(database) -> None:
    database.insert([1, 2])
    reader = database.store.begin()
    reader.rereads = True
    shard, versions = database.shard, [0]
    for new in (10, 11):
        tx = database.store.begin()
        tx.claim(shard, np.array(versions[-1:]))
        versions.append(database.insert([new], tx))
        tx.replace(shard, np.array(versions[-2:-1]), np.array(versions[-1:]))
        database.store.commit(tx)
    locked = reader.claim(shard, np.array([0, 1]))
    assert locked.rows.tolist() == [versions[-1], 1] and locked.stale.tolist() == [True, False]
    assert database.ids(reader) == [1]
    other = database.store.begin()
    with pytest.raises(LockWait):
        database.delete([11], other)
    reader.rollback()
    database.delete([11], other)
    database.store.commit(other)
    late = database.store.begin()
    late.rereads = True
    assert late.claim(shard, np.array([0])).rows.tolist() == [GONE]


def test_a_rolled_back_deletion_lets_the_row_go(database) -> None:
    database.insert([1])
    first, second = database.store.begin(), database.store.begin()
    database.delete([1], first)
    first.rollback()
    database.delete([1], second)
    database.store.commit(second)
    assert database.ids() == []


def test_a_key_waits_for_the_transaction_that_is_writing_it(database) -> None:
    first, second = database.store.begin(), database.store.begin()
    database.insert([1], first)
    for ids in ([1], list(range(100))):
        with pytest.raises(LockWait):
            database.insert(ids, second)
        database.store.locks.cancel(second.owner, QueryCanceled("enough"))
    first.rollback()
    database.insert([1], second)
    database.store.commit(second)
    stale = database.store.begin(snapshot_seqno=1)
    with pytest.raises(KeyTaken):
        database.insert([1], stale)
    assert database.ids() == [1]


def test_a_key_waits_for_the_transaction_that_is_deleting_it(database) -> None:
    database.insert([1])
    first, second = database.store.begin(), database.store.begin()
    database.delete([1], first)
    with pytest.raises(LockWait):
        database.shard.find_conflict((1,), (1,), second)
    database.store.commit(first)
    assert database.shard.find_conflict((1,), (1,), second) is None
    database.insert([1], second)
    database.store.commit(second)
    assert database.ids() == [1]


def test_a_statement_that_waits_is_undone_but_keeps_the_rows_it_claimed(database) -> None:
    database.insert([1, 2, 3])
    first, second, third = (database.store.begin() for _ in range(3))
    database.delete([2], first)
    database.insert([4], second)
    second.begin_statement()
    database.insert([5], second)
    with pytest.raises(LockWait):
        second.claim(database.shard, np.array([0, 1]))
    second.undo_statement()
    assert database.ids(second) == [1, 2, 3, 4]
    with pytest.raises(LockWait):
        database.delete([1], third)
    first.rollback()
    database.delete([1, 2], second)
    database.store.commit(second)
    assert database.ids() == [3, 4]


def test_a_savepoint_undoes_what_came_after(database) -> None:
    database.insert([1, 2, 3])
    tx = database.store.begin()
    database.insert([4], tx)
    token = tx.savepoint()
    database.insert([5], tx)
    database.delete([1, 4], tx)
    assert database.ids(tx) == [2, 3, 5]
    tx.rollback_to(token)
    assert database.ids(tx) == [1, 2, 3, 4]
    database.insert([6], tx)
    tx.rollback_to(token)
    database.delete([2], tx)
    database.store.commit(tx)
    assert database.ids() == [1, 3, 4]


def test_truncate_drops_the_shard_and_what_follows_begins_anew(database) -> None:
    database.insert([1, 2])
    shard = database.shard
    tx = database.store.begin()
    tx.truncate(shard.table_oid)
    assert database.ids(tx) == [] and database.ids() == [1, 2]
    database.store.commit(tx)
    assert database.shard is not shard and database.ids() == []
    assert database.insert([1]) == 0


def test_truncate_and_insert_in_one_transaction(database) -> None:
    database.insert([1, 2])
    tx = database.store.begin()
    tx.truncate(database.shard.table_oid)
    database.insert([1, 9], tx)
    assert database.ids(tx) == [1, 9]
    database.store.commit(tx)
    assert database.ids() == [1, 9]
    database.reopen()
    assert database.ids() == [1, 9]


def test_an_added_column_is_undone_with_its_transaction(database) -> None:
    database.insert([1])
    tx = database.store.begin()
    table = tx.catalog.table(20000)
    wider = Table(20000, "docs", 2200, (*table.columns, Column(4, "n", INT4)), table.constraints)
    tx.catalog = tx.catalog.with_relation(wider)
    tx.set_fill(20000, 4, pa.array([7], pa.int32()))
    shard = database.shard
    tx.insert(shard, {1: pa.array([2], pa.int64()), 4: pa.array([8], pa.int32())})
    rows = shard.visible(tx).ids()
    assert shard.gather(4, rows) == [7, 8]
    assert shard.take([4, 1], rows[::-1].copy()).to_pylist() == [
        {"4": 8, "1": 2},
        {"4": 7, "1": 1},
    ]
    tx.rollback()
    assert 4 not in shard.columns.types and database.store.fills == {}
    assert database.ids() == [1]


def test_the_ids_of_a_deletion_may_come_in_parts(database) -> None:
    database.insert(list(range(100)))
    tx = database.store.begin()
    for start in range(0, 100, 10):
        tx.delete(database.shard, np.arange(start, start + 10))
    tx.delete(database.shard, np.zeros(0, np.int64))
    assert database.ids(tx) == []
    database.store.commit(tx)
    assert database.ids() == []


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
@pytest.mark.parametrize("flushed", [True, False])
def test_a_column_may_change_its_type(database, outcome: str, flushed: bool) -> None:
    database.insert([1, 2])
    if flushed:
        database.store.flush()
    old, tx, shard = database.store.begin(), database.store.begin(), database.shard
    table = tx.catalog.table(20000)
    columns = (table.columns[0], Column(2, "body", INT4), Column(3, "embedding", VECTOR_2))
    tx.catalog = tx.catalog.with_relation(replace(table, columns=columns))
    tx.delete(shard, shard.visible(tx).ids())
    vectors = VectorBatch(np.array([[5, 6], [7, 8]], np.float32))
    tx.insert(shard, {1: pa.array([1, 2]), 2: pa.array([10, 20], pa.int32()), 3: vectors})
    rows = shard.visible(tx).ids()
    assert shard.gather(2, rows) == [10, 20] and shard.vectors(3).dims == 2
    assert shard.take([2], rows).column(0).to_pylist() == [10, 20]
    assert shard.gather(2, shard.visible(old).ids()) == ["body of 1", "body of 2"]
    if outcome == "rollback":
        tx.rollback()
        expected = [["body of 1", "body of 2"], [[1, 0, -1], [2, 0, -2]]]
    else:
        database.store.commit(tx)
        expected = [[10, 20], [[5, 6], [7, 8]]]
    old.rollback()
    for reopen in (False, True, True):
        if reopen:
            database.reopen()
        shard = database.shard
        rows = shard.visible(database.store.begin()).ids()
        found = [shard.gather(2, rows), [v.tolist() for v in shard.gather(3, rows)]]
        assert found == expected
    fs = database.fs.crash(Random(1))
    database.store = Store.open(fs, SimClock(), database.settings)
    database.fs = fs
    assert database.ids() == [1, 2]


def test_a_changed_type_is_recovered_from_the_log(database) -> None:
    database.insert([1])
    tx, shard = database.store.begin(), database.shard
    table = tx.catalog.table(20000)
    columns = (table.columns[0], Column(2, "body", INT4), Column(3, "embedding", VECTOR_2))
    tx.catalog = tx.catalog.with_relation(replace(table, columns=columns))
    tx.delete(shard, shard.visible(tx).ids())
    vectors = VectorBatch(np.array([[5, 6]], np.float32))
    tx.insert(shard, {1: pa.array([1]), 2: pa.array([10], pa.int32()), 3: vectors})
    database.store.commit(tx)
    database.fs = database.fs.crash(Random(1))
    database.store = Store.open(database.fs, SimClock(), database.settings)
    shard = database.shard
    rows = shard.visible(database.store.begin()).ids()
    assert shard.gather(2, rows) == [10] and shard.gather(3, rows)[0].tolist() == [5, 6]
