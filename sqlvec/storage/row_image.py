"""One row on its way into a shard: the bytes that its columns keep, made once for memtable and log.

A batch of one row costs as many Arrow objects as one of a thousand. So a single row goes another way in,
which ends in the same memtable: each value as Arrow would lay it out, a bool as one byte, text as utf-8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.storage.part import vector_dims
from sqlvec.types import SqlType, TypeDefinition

Encode = Callable[[Any], bytes]
Values = tuple[bytes | None, ...]

_PACKERS: dict[pa.DataType, Encode] = {
    pa.int16(): struct.Struct("<h").pack,
    pa.int32(): struct.Struct("<i").pack,
    pa.int64(): struct.Struct("<q").pack,
    pa.float32(): struct.Struct("<f").pack,
    pa.float64(): struct.Struct("<d").pack,
    pa.bool_(): struct.Struct("<?").pack,
    pa.string(): str.encode,
    pa.binary(): bytes,
}


@dataclass(frozen=True, slots=True, eq=False)
class RowLayout:
    """How a row of a table becomes bytes; attnums: the columns that it has in the memtable, vectors:
    (attnum, dims) of those that lie in files of their own."""

    attnums: tuple[int, ...]
    places: tuple[int, ...]  # of these columns among the table's live ones
    types: dict[int, SqlType]
    arrow: dict[int, pa.DataType]
    encoders: tuple[Encode, ...]
    vectors: tuple[tuple[int, int, int], ...]  # place, attnum, dims
    schema: bytes  # Arrow's message of the columns

    def encode(self, datums: Sequence[Any]) -> Values:
        """The bytes of a row, given as a datum for each live column."""
        return tuple(
            None if (datum := datums[place]) is None else encode(datum)
            for place, encode in zip(self.places, self.encoders, strict=True)
        )


def row_layout(table: Table) -> RowLayout | None:
    """None for a table with a column whose Arrow form is nested."""
    attnums: list[int] = []
    places: list[int] = []
    encoders: list[Encode] = []
    vectors: list[tuple[int, int, int]] = []
    arrow: dict[int, pa.DataType] = {}
    for place, column in enumerate(table.live_columns):
        stored = column.type.stored
        dims = vector_dims(stored)
        if dims:
            vectors.append((place, column.attnum, dims))
            continue
        kept = stored.definition.arrow(stored.typmod)
        if not is_flat(kept):
            return None
        attnums.append(column.attnum)
        places.append(place)
        arrow[column.attnum] = kept
        encoders.append(_encoder(stored.definition, stored.typmod, kept))
    types = {c.attnum: c.type.stored for c in table.live_columns}
    schema = pa.schema([(str(attnum), kept) for attnum, kept in arrow.items()])
    return RowLayout(
        tuple(attnums), tuple(places), types, arrow, tuple(encoders), tuple(vectors),
        schema.serialize().to_pybytes(),
    )  # fmt: skip


def is_flat(kept: pa.DataType) -> bool:
    """Whether a value of the type is one run of bytes."""
    kinds = pa.types
    return bool(
        kinds.is_string(kept)
        or kinds.is_binary(kept)
        or kinds.is_primitive(kept)
        or kinds.is_decimal(kept)
    )


def _encoder(definition: TypeDefinition, typmod: int, kept: pa.DataType) -> Encode:
    if type(definition).to_arrow is TypeDefinition.to_arrow and kept in _PACKERS:
        return _PACKERS[kept]
    return lambda datum: value_bytes(definition.to_arrow([datum], typmod))


def value_bytes(array: pa.Array) -> bytes:
    """The bytes of an array's only value."""
    kind, buffers, at = array.type, array.buffers(), array.offset
    if pa.types.is_boolean(kind):
        return b"\1" if array[0].as_py() else b"\0"
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        low, high = struct.unpack_from("<ii", buffers[1], at * 4)
        return b"" if buffers[2] is None else buffers[2].slice(low, high - low).to_pybytes()
    width = kind.bit_width // 8
    return bytes(buffers[1].slice(at * width, width).to_pybytes())


def array_of_value(value: bytes | None, kind: pa.DataType) -> pa.Array:
    """The array of one value."""
    if value is None:
        return pa.nulls(1, kind)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        offsets = pa.py_buffer(struct.pack("<ii", 0, len(value)))
        return pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(value)])
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(value)])
