import pyarrow as pa
import pytest

from sqlvec.errors import ProgramLimitExceeded
from sqlvec.storage import memtable as memtable_module
from sqlvec.storage.memtable import ASKED_BEFORE_FILTER, Memtable
from sqlvec.storage.part import ShardColumns
from sqlvec.types import INT8, TEXT

TYPES = {1: INT8, 2: TEXT}


def numbers(*values: int) -> dict[int, pa.Array]:
    return {1: pa.array(values, pa.int64())}


def columns() -> ShardColumns:
    return ShardColumns(types=dict(TYPES))


def test_batches_of_one_kind_share_a_block() -> None:
    memtable = Memtable(10, 1 << 20)
    assert [memtable.append(numbers(i, i), TYPES, 2) for i in range(3)] == [10, 12, 14]
    (part,) = memtable.parts(columns())
    assert (part.low, part.high, part.column(1).to_pylist()) == (10, 16, [0, 0, 1, 1, 2, 2])


def test_other_columns_or_too_many_bytes_begin_a_block() -> None:
    memtable = Memtable(0, 64)
    memtable.append(numbers(1), TYPES, 1)
    memtable.append({**numbers(2), 2: pa.array(["x"])}, TYPES, 1)
    memtable.append({**numbers(*range(20)), 2: pa.array(["x"] * 20)}, TYPES, 20)
    parts = memtable.parts(columns())
    assert [(p.low, p.high) for p in parts] == [(0, 1), (1, 2), (2, 22)]
    assert parts[0].column(2).to_pylist() == [None]
    assert memtable.bytes > 160


def test_skipped_row_ids_are_rows_without_values() -> None:
    memtable = Memtable(0, 1 << 20)
    memtable.skip(3)
    memtable.append(numbers(7), TYPES, 1)
    memtable.skip(2)
    assert [p.column(1).to_pylist() for p in memtable.parts(columns())] == [[None] * 3, [7]]


def test_flushed_rows_are_forgotten_by_row() -> None:
    memtable = Memtable(0, 1 << 20)
    memtable.append(numbers(*range(10)), TYPES, 10)
    old = memtable.parts(columns())[0]
    memtable.forget_below(4)
    (part,) = memtable.parts(columns())
    assert (part.low, part.column(1).to_pylist()) == (4, [4, 5, 6, 7, 8, 9])
    assert part.read(1, [0, 5]) == [4, 9]
    memtable.forget_below(10)
    assert memtable.parts(columns()) == [] and memtable.bytes == 0
    assert memtable.append(numbers(1), TYPES, 1) == 10
    assert old.column(1).to_pylist() == list(range(10))


def test_a_batch_beyond_the_offsets_of_a_string_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memtable_module, "STRING_BYTES_MAX", 7)
    with pytest.raises(ProgramLimitExceeded):
        Memtable(0, 10).append(numbers(1), TYPES, 1)


def test_a_part_that_is_asked_again_and_again_orders_its_column() -> None:
    memtable = Memtable(0, 1 << 20)
    memtable.append(numbers(5, 3, 9, 3), TYPES, 4)
    (part,) = memtable.parts(columns())
    answers = [part.filter(1) for _ in range(ASKED_BEFORE_FILTER + 1)]
    assert answers[:-1] == [None] * ASKED_BEFORE_FILTER
    ordered = answers[-1]
    assert ordered is not None
    assert ordered.equal(3).ids().tolist() == [1, 3]
    assert part.filter(1) is ordered
