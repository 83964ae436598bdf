import numpy as np
import pyarrow as pa
import pytest

from sqlvec.errors import ConfigurationError, DataCorrupted
from sqlvec.storage.records import (
    ENTRY,
    OPERATION,
    CommitTime,
    CreateShard,
    Delete,
    DropShards,
    EditCatalog,
    Insert,
    InsertVectors,
    Kind,
    SetFill,
    SetSequence,
    decode_array,
    decode_operations,
    encode_array,
    encode_operations,
    encode_value,
)
from sqlvec.storage.vectors import VectorBatch


def again(*operations: object) -> list[object]:
    parts = encode_operations(operations)  # type: ignore[arg-type]
    body = b"".join(bytes(memoryview(part).cast("B")) if len(part) else b"" for part in parts)
    return list(decode_operations(np.frombuffer(body, np.uint8)))


def test_plain_operations_come_back() -> None:
    operations = [
        CreateShard(7, 20000, "tenant ä"),
        DropShards((1, 2, 3)),
        EditCatalog(b"{}"),
        SetSequence(20001, -5, True),
        SetFill(20000, 4, b"abc"),
        CommitTime(-5),
    ]
    assert again(*operations) == operations
    assert again() == []


def test_rows_come_back_with_their_ids() -> None:
    columns = {
        1: pa.array([1, 2, None]),
        4: pa.array(["a", None, "c"])[0:3],
        5: pa.array([[1.5], None, []], pa.list_(pa.float32())),
    }
    insert, empty, delete = again(
        Insert(7, 10, 3, columns),
        Insert(7, 13, 2, {}),
        Delete(7, np.array([3, 1], np.int64)),
    )
    assert (insert.shard_id, insert.first_row_id, insert.row_count) == (7, 10, 3)
    assert {k: v.to_pylist() for k, v in insert.columns.items()} == {
        k: v.to_pylist() for k, v in columns.items()
    }
    assert (empty.row_count, empty.columns) == (2, {})
    assert delete.row_ids.tolist() == [3, 1]


def test_a_slice_of_a_column_writes_its_rows_only() -> None:
    column = pa.array([f"row {i}" for i in range(10_000)])
    insert = Insert(1, 0, 2, {1: column.slice(5000, 2)})
    assert sum(len(part) for part in encode_operations([insert])) < 1000
    assert again(insert)[0].columns[1].to_pylist() == ["row 5000", "row 5001"]


def test_vectors_come_back_with_their_presence() -> None:
    wide = np.arange(32, dtype=np.float32).reshape(2, 16)
    found = again(
        InsertVectors(7, 10, 3, VectorBatch(wide[:, :5], np.array([True, False]))),
        InsertVectors(7, 12, 3, VectorBatch(wide)),
    )
    assert found[0].batch.vectors.tolist() == wide[:, :5].tolist()
    assert found[0].batch.present.tolist() == [True, False]
    assert (found[0].first_row_id, found[0].attnum) == (10, 3)
    assert found[1].batch.vectors.tolist() == wide.tolist() and found[1].batch.present.all()


def test_kinds_and_layout_are_pinned() -> None:
    assert [kind.value for kind in Kind] == list(range(1, 12))
    assert (ENTRY.size, OPERATION.size) == (8, 16)


def test_what_is_unknown_is_refused() -> None:
    newer = np.frombuffer(ENTRY.pack(9, 0, 0), np.uint8)
    with pytest.raises(ConfigurationError, match="format version 9"):
        decode_operations(newer)
    unknown = np.frombuffer(ENTRY.pack(1, 0, 1) + OPERATION.pack(99, 0, 0), np.uint8)
    with pytest.raises(DataCorrupted, match="kind 99"):
        decode_operations(unknown)


def test_arrays_as_streams() -> None:
    array = pa.array(["a", None])
    assert decode_array(encode_array(array)).equals(array)
    assert decode_array(encode_value(pa.array([5]))).to_pylist() == [5]
