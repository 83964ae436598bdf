from typing import Any

from sqlvec.storage.commit import write_operations
from sqlvec.storage.records import Delete, Insert, InsertVectors


def test_a_commit_says_rows_vectors_and_deletions(database: Any) -> None:
    database.insert([1])
    tx = database.store.begin()
    database.insert([2, 3], tx)
    database.insert([4], tx)
    other = database.store.begin()
    database.insert([9], other)
    database.insert([5], tx)
    database.delete([1], tx)
    shard = database.shard
    operations = write_operations(shard, tx.writes[shard])
    kinds = [type(operation) for operation in operations]
    assert kinds == [Insert, InsertVectors, Insert, InsertVectors, Delete]
    first, vectors, second, _, delete = operations
    assert (first.first_row_id, first.row_count, second.first_row_id) == (1, 3, 5)
    assert first.columns[1].to_pylist() == [2, 3, 4]
    assert vectors.batch.vectors.tolist() == [[2, 0, -2], [3, 0, -3], [4, 0, -4]]
    assert delete.row_ids.tolist() == [0]


def test_a_transaction_without_writes_says_nothing(database: Any) -> None:
    size = database.store.wal.lsn
    ticket = database.store.commit(database.store.begin())
    assert ticket.done and database.store.wal.lsn == size
