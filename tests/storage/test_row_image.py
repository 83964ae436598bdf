from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.catalog.objects import Column, Table
from sqlvec.storage.column_buffer import column_buffer
from sqlvec.storage.key_search import KeyTaken
from sqlvec.storage.locks import LockWait
from sqlvec.storage.memtable import Memtable
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.records import InsertRow, decode_operations, encode_operations
from sqlvec.storage.row_image import array_of_value, is_flat, row_layout, value_bytes
from sqlvec.storage.store import Store
from sqlvec.types import BOOL, FLOAT8, INT4, INT8, NUMERIC, TEXT, TIMESTAMP, VECTOR, SqlType, by_oid
from tests.sim.history import SimClock
from tests.storage.test_column_buffer import VALUES

FLAT = [kind for kind in VALUES if is_flat(kind)]
PLAIN = {
    INT4: st.integers(-(2**31), 2**31 - 1),
    INT8: st.integers(-(2**63), 2**63 - 1),
    FLOAT8: st.floats(allow_nan=False),
    TEXT: st.text(max_size=9),
    BOOL: st.booleans(),
    NUMERIC: st.decimals(-10, 10, places=3),
    TIMESTAMP: st.integers(0, 10**15),
}


def table_of(types: list[SqlType]) -> Table:
    columns = tuple(Column(i, f"c{i}", kind) for i, kind in enumerate(types, 1))
    return Table(1, "t", 1, columns)


@given(st.data())
def test_a_value_is_the_same_as_an_array_and_as_bytes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(FLAT))
    before = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), max_size=9))
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), min_size=1, max_size=9))
    buffer = column_buffer(kind)
    buffer.append(pa.array(before, kind))
    for value in values:
        array = pa.array([None, value], kind)[1:]
        raw = None if value is None else value_bytes(array)
        assert array_of_value(raw, kind).equals(pa.array([value], kind))
        buffer.append_value(raw)
    whole = buffer.array(len(before) + len(values))
    whole.validate(full=True)
    assert whole.equals(pa.array([*before, *values], kind))
    buffer.append(pa.array(before, kind))
    assert buffer.array(buffer.row_count).equals(pa.array([*before, *values, *before], kind))


@given(st.data())
def test_a_row_goes_through_the_log_and_the_memtable_as_a_batch_would(
    data: st.DataObject,
) -> None:
    types = data.draw(st.lists(st.sampled_from(list(PLAIN)), min_size=1, max_size=5))
    table = table_of([SqlType(definition.oid) for definition in types])
    datums = [data.draw(st.one_of(st.none(), PLAIN[definition])) for definition in types]
    layout = row_layout(table)
    assert layout is not None
    wanted = {
        attnum: by_oid(layout.types[attnum].oid).to_arrow([datum])
        for attnum, datum in zip(layout.attnums, datums, strict=True)
    }
    values = layout.encode(datums)
    memtable = Memtable(0, 1 << 20)
    assert [memtable.append_row(layout, values) for _ in range(2)] == [0, 1]
    memtable.append(wanted, layout.types, 1)
    columns = ShardColumns()
    columns.learn(table)
    (part,) = memtable.parts(columns)
    for attnum, array in wanted.items():
        assert part.column(attnum).equals(pa.concat_arrays([array] * 3))
    parts = encode_operations([InsertRow(7, 3, layout, values)])
    entry = np.frombuffer(b"".join(map(bytes, parts)), np.uint8)
    (read,) = decode_operations(entry)
    assert (read.shard_id, read.first_row_id, read.row_count) == (7, 3, 1)
    assert {a: c.to_pylist() for a, c in read.columns.items()} == {
        a: c.to_pylist() for a, c in wanted.items()
    }


def test_a_nested_column_has_no_layout_and_vectors_lie_apart() -> None:
    vectors = row_layout(table_of([SqlType(INT8.oid), SqlType(VECTOR.oid, 3)]))
    assert vectors is not None and vectors.attnums == (1,) and vectors.vectors == ((1, 2, 3),)
    assert row_layout(table_of([SqlType(VECTOR.oid)])) is None  # without dims it is a list


def test_a_single_row_is_there_after_a_crash_as_one_of_a_batch_is(database) -> None:
    store, shard = database.store, database.shard
    tx = store.begin()
    database.insert([1], tx)
    store.commit(tx)
    width = len(tx.catalog.table(shard.table_oid).live_columns)
    row: list[object] = [None] * width
    row[0] = 2
    tx = store.begin()
    assert tx.insert_row(shard, row) == 1
    store.commit(tx)
    assert database.ids() == [1, 2]
    database.fs = database.fs.crash(Random(1))
    database.store = Store.open(database.fs, SimClock(), database.settings)
    assert database.ids() == [1, 2]


def test_a_single_row_meets_the_keys_that_are_there_or_may_come(database) -> None:
    store, shard = database.store, database.shard
    database.insert([1])
    row: list[object] = [None] * len(store.catalog.table(shard.table_oid).live_columns)
    row[0] = 1
    tx, other = store.begin(), store.begin()
    with pytest.raises(KeyTaken):
        tx.insert_row(shard, row)
    row[0] = 2
    other.insert_row(shard, row)
    with pytest.raises(LockWait):
        tx.insert_row(shard, row)
    tx.rollback()
    other.rollback()
    again = store.begin()
    assert again.insert_row(shard, row) is not None
