from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from sqlvec.catalog.objects import Column, Table
from sqlvec.errors import DatabaseError
from sqlvec.storage import flush as flush_module
from sqlvec.storage.flush import flush_shard
from sqlvec.types import INT4


def test_flushed_rows_are_in_a_segment_and_not_in_the_memtable(database: Any) -> None:
    database.insert([1, 2])
    assert flush_shard(database.store, database.shard)
    assert not flush_shard(database.store, database.shard)
    assert [s.high for s in database.shard.segments] == [2] and database.shard.memtable.bytes == 0
    assert database.ids() == [1, 2]
    assert database.insert([3]) == 2 and database.ids() == [1, 2, 3]


def test_rows_behind_an_open_transaction_wait(database: Any) -> None:
    database.insert([1])
    tx = database.store.begin()
    database.insert([2], tx)
    database.insert([3])
    database.store.flush()
    assert database.shard.memtable.low == 1 and database.ids() == [1, 3]
    database.store.commit(tx)
    database.store.flush()
    assert database.shard.memtable.low == 3 and database.ids() == [1, 2, 3]


def test_a_row_deleted_while_its_segment_is_written_stays_deleted(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.insert([1, 2, 3])
    write = flush_module.write_segment

    def write_and_delete(*args: Any, **named: Any) -> int:
        size = write(*args, **named)
        database.delete([2])
        return size

    monkeypatch.setattr(flush_module, "write_segment", write_and_delete)
    flush_shard(database.store, database.shard)
    assert database.ids() == [1, 3] and database.shard.unsaved_deletes
    database.reopen()
    assert database.ids() == [1, 3]


def test_rows_of_different_columns_go_into_different_segments(database: Any) -> None:
    database.insert([1])
    tx = database.store.begin()
    table = tx.catalog.table(20000)
    wider = (*table.columns, Column(4, "n", INT4))
    tx.catalog = tx.catalog.with_relation(Table(20000, "docs", 2200, wider, table.constraints))
    tx.set_fill(20000, 4, pa.array([7], pa.int32()))
    database.store.commit(tx)
    database.insert([2])
    database.reopen()
    shard = database.shard
    assert [sorted(s.types) for s in shard.segments] == [[1, 2], [1, 2, 4]]
    rows = shard.visible(database.store.begin()).ids()
    assert shard.gather(4, rows) == [7, None]


def test_a_flush_that_fails_leaves_the_rows_where_they_were(
    make_database: Callable[..., Any],
) -> None:
    database = make_database()
    database.insert([1, 2])
    database.fs.fail_at, database.fs.fail_errno = database.fs.operations + 3, 28
    with pytest.raises(DatabaseError):
        database.store.flush()
    assert database.ids() == [1, 2] and database.store.failure is None
    database.store.flush()
    assert database.shard.memtable.low == 2 and database.ids() == [1, 2]
