"""What a WAL entry says: the operations of one commit, in the order in which they are applied.

    entry      u16 format version, u16 zero, u32 count, operation*
    operation  u8 kind, 3 zero bytes, u32 length of head, u64 length of data, head, data

    1 create_shard  head: u64 shard, u32 table oid, tenant utf-8
    2 insert        head: u64 shard, u64 first row id, u64 rows, u32 length of schema; data: Arrow
                    IPC schema message, then the record batch message; fields are named by attnum
    3 vectors       head: u64 shard, u64 first row id, u64 rows, u32 attnum, u32 dims; data:
                    presence bits u64[ceil(rows / 64)], then f32[rows, dims]
    4 delete        head: u64 shard; data: row ids i64[n]
    5 drop_shards   data: shard ids i64[n]
    6 catalog       data: a catalog edit (catalog_codec)
    7 sequence      head: u32 oid, i64 last value, u8 is called
    8 fill          head: u32 table oid, u32 attnum; data: an Arrow IPC stream of one value
    9 row           head: u64 shard, u64 row id, u32 length of schema; data: Arrow IPC schema
                    message, then for each of its fields i32 length, -1 for null, and the bytes
                    as row_image lays them out
    10 commit_time  head: i64 microseconds since 1970-01-01 UTC; of every entry but those of sequences
    11 set_state    head: u8 state (0 active, 1 inactive, 2 offloaded); data: shard ids i64[n]

Row ids are explicit, and applying an operation twice is the same as once.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlvec.catalog.tenants import STATES
from sqlvec.errors import ConfigurationError, DataCorrupted
from sqlvec.storage.growing import RowIds, mask_of_words, word_count, words_of_mask
from sqlvec.storage.row_image import RowLayout, Values, array_of_value
from sqlvec.storage.vectors import VectorBatch
from sqlvec.storage.vfs import Bytes, Writable

VERSION = 2  # 2: operations 9 and 10
ENTRY = struct.Struct("<HHI")
OPERATION = struct.Struct("<B3xIQ")
CREATE = struct.Struct("<QI")
INSERT = struct.Struct("<QQQI")
VECTORS = struct.Struct("<QQQII")
ROW = struct.Struct("<QQI")
LENGTH = struct.Struct("<i")
SHARD = struct.Struct("<Q")
SEQUENCE = struct.Struct("<IqB")
FILL = struct.Struct("<II")
TIME = struct.Struct("<q")
STATE = struct.Struct("<B")


_NULL_LENGTH = LENGTH.pack(-1)


class Kind(IntEnum):
    """Numbers are never reused."""

    CREATE_SHARD = 1
    INSERT = 2
    VECTORS = 3
    DELETE = 4
    DROP_SHARDS = 5
    CATALOG = 6
    SEQUENCE = 7
    FILL = 8
    ROW = 9
    COMMIT_TIME = 10
    STATE = 11


@dataclass(frozen=True, slots=True)
class CreateShard:
    shard_id: int
    table_oid: int
    tenant: str


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    shard_id: int
    first_row_id: int
    row_count: int
    columns: Mapping[int, pa.Array]


@dataclass(frozen=True, slots=True, eq=False)
class InsertRow:
    """An Insert of one row; it is read as an Insert."""

    shard_id: int
    row_id: int
    layout: RowLayout
    values: Values


@dataclass(frozen=True, slots=True, eq=False)
class InsertVectors:
    shard_id: int
    first_row_id: int
    attnum: int
    batch: VectorBatch


@dataclass(frozen=True, slots=True, eq=False)
class Delete:
    shard_id: int
    row_ids: RowIds


@dataclass(frozen=True, slots=True)
class DropShards:
    shard_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EditCatalog:
    edit: bytes


@dataclass(frozen=True, slots=True)
class SetSequence:
    oid: int
    last_value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class SetFill:
    table_oid: int
    attnum: int
    value: bytes


@dataclass(frozen=True, slots=True)
class CommitTime:
    time_us: int


@dataclass(frozen=True, slots=True)
class SetState:
    shard_ids: tuple[int, ...]
    state: str


Operation = (
    CreateShard | Insert | InsertRow | InsertVectors | Delete | DropShards | EditCatalog | SetSequence | SetFill
    | CommitTime | SetState
)  # fmt: skip


def encode_operations(operations: Sequence[Operation]) -> list[Writable]:
    """The parts of an entry, without copying columns or vectors that are already contiguous."""
    parts: list[Writable] = [ENTRY.pack(VERSION, 0, len(operations))]
    for operation in operations:
        kind, head, data = _encode_operation(operation)
        length = sum(len(part) for part in data)
        parts.append(OPERATION.pack(kind, len(head), length) + head)
        parts.extend(data)
    return parts


def _encode_operation(operation: Operation) -> tuple[Kind, bytes, list[Writable]]:
    match operation:
        case CreateShard(shard_id, table_oid, tenant):
            return Kind.CREATE_SHARD, CREATE.pack(shard_id, table_oid) + tenant.encode(), []
        case Insert():
            return _encode_insert(operation)
        case InsertRow():
            return _encode_row(operation)
        case InsertVectors():
            return _encode_vectors(operation)
        case Delete(shard_id, row_ids):
            return Kind.DELETE, SHARD.pack(shard_id), [_flat(row_ids)]
        case DropShards(shard_ids):
            return Kind.DROP_SHARDS, b"", [_flat(np.array(shard_ids, np.int64))]
        case EditCatalog(edit):
            return Kind.CATALOG, b"", [edit]
        case SetSequence(oid, last_value, is_called):
            return Kind.SEQUENCE, SEQUENCE.pack(oid, last_value, is_called), []
        case SetFill(table_oid, attnum, value):
            return Kind.FILL, FILL.pack(table_oid, attnum), [value]
        case CommitTime(time_us):
            return Kind.COMMIT_TIME, TIME.pack(time_us), []
        case SetState(shard_ids, state):
            data = _flat(np.array(shard_ids, np.int64))
            return Kind.STATE, STATE.pack(STATES.index(state)), [data]


def _encode_insert(operation: Insert) -> tuple[Kind, bytes, list[Writable]]:
    names = tuple(str(attnum) for attnum in operation.columns)
    types = tuple(array.type for array in operation.columns.values())
    schema, message = _schema_message(names, types)
    arrays = list(operation.columns.values())
    data: list[Writable] = [message]
    if arrays:
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        data.append(memoryview(batch.serialize()).cast("B"))
    head = INSERT.pack(
        operation.shard_id, operation.first_row_id, operation.row_count, len(message)
    )
    return Kind.INSERT, head, data


@lru_cache(maxsize=256)
def _schema_message(
    names: tuple[str, ...], types: tuple[pa.DataType, ...]
) -> tuple[pa.Schema, bytes]:
    schema = pa.schema(list(zip(names, types, strict=True)))
    return schema, schema.serialize().to_pybytes()


def _encode_row(operation: InsertRow) -> tuple[Kind, bytes, list[Writable]]:
    schema = operation.layout.schema
    parts = [schema]
    for value in operation.values:
        if value is None:
            parts.append(_NULL_LENGTH)
        else:
            parts += (LENGTH.pack(len(value)), value)
    head = ROW.pack(operation.shard_id, operation.row_id, len(schema))
    return Kind.ROW, head, [b"".join(parts)]


def _encode_vectors(operation: InsertVectors) -> tuple[Kind, bytes, list[Writable]]:
    batch = operation.batch
    rows, dims = batch.vectors.shape
    present = np.ones(rows, np.bool_) if batch.present is None else batch.present
    head = VECTORS.pack(operation.shard_id, operation.first_row_id, rows, operation.attnum, dims)
    return Kind.VECTORS, head, [_flat(words_of_mask(present)), _flat(batch.vectors)]


def _flat(array: npt.NDArray[Any]) -> Bytes:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def decode_operations(body: Bytes) -> list[Operation]:
    """The operations of an entry; arrays are views of the body."""
    version, _, count = ENTRY.unpack(body[: ENTRY.size].tobytes())
    if version > VERSION:
        raise ConfigurationError(
            f"write-ahead log entry has format version {version}, newest known is {VERSION}"
        )
    at = ENTRY.size
    operations: list[Operation] = []
    for _ in range(count):
        kind, head_length, length = OPERATION.unpack(body[at : at + OPERATION.size].tobytes())
        at += OPERATION.size
        head = body[at : at + head_length].tobytes()
        at += head_length
        operations.append(_decode_operation(kind, head, body[at : at + length]))
        at += length
    assert at == len(body), (at, len(body))
    return operations


def _decode_operation(kind: int, head: bytes, data: Bytes) -> Operation:
    match kind:
        case Kind.CREATE_SHARD:
            shard_id, table_oid = CREATE.unpack_from(head)
            return CreateShard(shard_id, table_oid, head[CREATE.size :].decode())
        case Kind.INSERT:
            return _decode_insert(head, data)
        case Kind.ROW:
            return _decode_row(head, data)
        case Kind.VECTORS:
            return _decode_vectors(head, data)
        case Kind.DELETE:
            return Delete(SHARD.unpack(head)[0], _integers(data))
        case Kind.DROP_SHARDS:
            return DropShards(tuple(_integers(data).tolist()))
        case Kind.CATALOG:
            return EditCatalog(data.tobytes())
        case Kind.SEQUENCE:
            oid, last_value, is_called = SEQUENCE.unpack(head)
            return SetSequence(oid, last_value, bool(is_called))
        case Kind.FILL:
            table_oid, attnum = FILL.unpack(head)
            return SetFill(table_oid, attnum, data.tobytes())
        case Kind.COMMIT_TIME:
            return CommitTime(TIME.unpack(head)[0])
        case Kind.STATE:
            return SetState(tuple(_integers(data).tolist()), STATES[STATE.unpack(head)[0]])
    raise DataCorrupted(f"unknown operation kind {kind} in write-ahead log")


def _decode_insert(head: bytes, data: Bytes) -> Insert:
    shard_id, first, rows, schema_length = INSERT.unpack(head)
    schema = pa.ipc.read_schema(pa.py_buffer(data[:schema_length]))
    columns: dict[int, pa.Array] = {}
    if len(schema):
        # A message is read where it lies only if it is aligned; the log does not align.
        message = pa.py_buffer(data[schema_length:].tobytes())
        batch = pa.ipc.read_record_batch(message, schema)
        columns = {int(name): batch.column(i) for i, name in enumerate(schema.names)}
    return Insert(shard_id, first, rows, columns)


def _decode_row(head: bytes, data: Bytes) -> Insert:
    shard_id, row_id, at = ROW.unpack(head)
    raw = data.tobytes()
    columns: dict[int, pa.Array] = {}
    for attnum, kind in _fields(raw[:at]):
        (length,) = LENGTH.unpack_from(raw, at)
        at += LENGTH.size
        value = None if length < 0 else raw[at : at + length]
        columns[attnum] = array_of_value(value, kind)
        at += max(length, 0)
    assert at == len(raw), (at, len(raw))
    return Insert(shard_id, row_id, 1, columns)


@lru_cache(maxsize=256)
def _fields(schema: bytes) -> list[tuple[int, pa.DataType]]:
    return [(int(field.name), field.type) for field in pa.ipc.read_schema(pa.py_buffer(schema))]


def _decode_vectors(head: bytes, data: Bytes) -> InsertVectors:
    shard_id, first, rows, attnum, dims = VECTORS.unpack(head)
    split = word_count(rows) * 8
    present = mask_of_words(np.frombuffer(data[:split].tobytes(), np.uint64), 0, rows)
    values = np.frombuffer(data[split:].tobytes(), np.float32).reshape(rows, dims)
    return InsertVectors(shard_id, first, attnum, VectorBatch(values, present))


def _integers(data: Bytes) -> RowIds:
    return np.frombuffer(data.tobytes(), np.int64)


def encode_value(value: pa.Array) -> bytes:
    """An Arrow IPC stream of an array of one value."""
    assert len(value) == 1, value
    return encode_array(value)


def encode_array(array: pa.Array) -> bytes:
    """An Arrow IPC stream that holds one array."""
    batch = pa.RecordBatch.from_arrays([array], names=["column"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decode_array(data: Bytes | bytes) -> pa.Array:
    """The array of an IPC stream; its buffers are views of the data."""
    batch = pa.ipc.open_stream(pa.py_buffer(data)).read_next_batch()
    return batch.column(0)
