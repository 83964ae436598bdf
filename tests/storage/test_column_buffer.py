from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.storage.column_buffer import (
    ChunkedColumn,
    FixedColumn,
    StringColumn,
    column_buffer,
)

VALUES = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.bool_(): st.booleans(),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.string(): st.text("abä ", max_size=5),
    pa.binary(): st.binary(max_size=5),
    pa.decimal128(20, 2): st.decimals(-1000, 1000, places=2),
    pa.list_(pa.int32()): st.lists(st.integers(0, 9), max_size=3),
    pa.month_day_nano_interval(): st.tuples(
        st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)
    ),
}


@given(st.data())
def test_appended_batches_read_as_one_array(data: st.DataObject) -> None:
    type = data.draw(st.sampled_from(list(VALUES)))
    batches = data.draw(
        st.lists(st.lists(st.one_of(st.none(), VALUES[type]), max_size=9), max_size=6)
    )
    buffer = column_buffer(type)
    rows: list[object] = []
    for batch in batches:
        array = pa.array([None, *batch, None], type)[1:-1]  # with an offset
        buffer.append(array)
        rows += array.to_pylist()
        whole = buffer.array(len(rows))
        whole.validate(full=True)
        assert whole.to_pylist() == rows
    half = len(rows) // 2
    assert buffer.array(half).to_pylist() == rows[:half]


def test_an_array_does_not_change_when_rows_follow() -> None:
    for type, values in ((pa.int64(), [1, 2]), (pa.string(), ["a", "b"]), (pa.bool_(), [True] * 2)):
        buffer = column_buffer(type)
        buffer.append(pa.array(values, type))
        before = buffer.array(2)
        for _ in range(200):
            buffer.append(pa.array([None], type))
        assert before.to_pylist() == values and before.null_count == 0


def test_kinds_and_bytes() -> None:
    assert isinstance(column_buffer(pa.string()), StringColumn)
    assert isinstance(column_buffer(pa.decimal128(9, 2)), FixedColumn)
    assert isinstance(column_buffer(pa.list_(pa.float32())), ChunkedColumn)
    buffer = column_buffer(pa.string())
    buffer.append(pa.array(["abc", "de"]))
    assert buffer.bytes == 5
    decimals = column_buffer(pa.decimal128(9, 2))
    decimals.append(pa.array([Decimal("1.25")], pa.decimal128(9, 2)))
    assert decimals.array(1).to_pylist() == [Decimal("1.25")]
