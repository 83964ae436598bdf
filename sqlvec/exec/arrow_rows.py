"""Rows of the relational engine on their way to a client: columns that stay Arrow, and their DataRow messages.

A column of a batch is a sequence of datums. One that came as Arrow is turned into datums only if somebody
looks at them; the protocol's rows are written from its buffers (kernels.row_format). What has no such way
(numeric, intervals, arrays, dates beyond year 9999) is rendered datum by datum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlvec.exec.context import Datum
from sqlvec.kernels import row_format
from sqlvec.types import DATE, FLOAT8, INT8, TEXT, TIMESTAMP, RowEncoder, SqlType
from sqlvec.types.calendar import EPOCH_DAYS, EPOCH_US, days_of

_LENGTH_BYTES = 4  # before a field
BULK_ROWS_MIN = 40  # fewer are written faster one by one
_DAY_LOW, _DAY_HIGH = days_of(1, 1, 1), days_of(9999, 12, 31)
_DAY_US = 86_400_000_000
_INFINITIES = {4: (-(2**31), 2**31 - 1), 8: (-(2**63), 2**63 - 1)}
_FIXED_LOW, _FIXED_HIGH = 1e-4, {"float4": 1e5, "float8": 1e10}  # written alike by Arrow
_PLAIN_TEXT = ("text", "varchar", "json", "jsonb", "uuid", "bpchar", "name")
_PLAIN_BINARY = ("text", "varchar", "json", "bpchar", "name")
Put = Callable[[np.ndarray, np.ndarray], None]


class ArrowColumn(Sequence[Datum]):
    """Datums of one column, still as Arrow."""

    __slots__ = ("_datums", "array", "type")

    def __init__(self, type_: SqlType, array: pa.Array) -> None:
        self.type = type_
        self.array = array
        self._datums: list[Datum] | None = None

    def datums(self) -> list[Datum]:
        if self._datums is None:
            self._datums = self.type.definition.from_arrow(self.array)
        return self._datums

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Datum]:
        return iter(self.datums())

    @overload
    def __getitem__(self, index: int) -> Datum: ...
    @overload
    def __getitem__(self, index: slice) -> list[Datum]: ...
    def __getitem__(self, index: int | slice) -> Datum:
        return self.datums()[index]

    def __eq__(self, other: object) -> bool:
        return self.datums() == (other.datums() if isinstance(other, ArrowColumn) else other)

    __hash__ = None  # type: ignore[assignment]


class BatchEncoder:
    """DataRow messages of batches, one by one when there are few rows, by columns when there are many."""

    def __init__(self, types: Sequence[SqlType], formats: Sequence[int], zone: str = "") -> None:
        self._types = types
        self._formats = formats
        self._rows = RowEncoder(types, formats, zone)
        self._zone = zone

    def encode(self, columns: Sequence[Sequence[Datum]]) -> bytes:
        if not columns or type(columns[0]) is list or len(columns[0]) < BULK_ROWS_MIN:
            return self._rows.encode(columns)
        return self.encode_columns(columns)

    def encode_columns(self, columns: Sequence[Sequence[Datum]]) -> bytes:
        fields = [
            _fields(column, encode, bool(code), self._zone)
            for column, encode, code in zip(
                columns, self._rows.encoders, self._formats, strict=True
            )
        ]
        totals = np.zeros(len(columns[0]), np.int64)
        for field in fields:
            row_format.add_lengths(field.lengths, totals)
        ends = np.cumsum(totals + 7)
        places = ends - totals - 7
        out = np.empty(int(ends[-1]), np.uint8)
        row_format.put_heads(totals, len(columns), places, out)
        for field in fields:
            field.put(places, out)
        return out.tobytes()


def column_texts(column: ArrowColumn, zone: str) -> pa.Array | None:
    """The column as PostgreSQL shows its values, strings and nulls; None for what is rendered datum by datum."""
    if column.type.own is not None:
        return None
    name, array = column.type.definition.name, column.array
    if name in _PLAIN_TEXT and pa.types.is_string(array.type):
        return array
    fields = _text_fields(name, array, zone)
    if fields is None:
        return None
    ends = np.concatenate([[0], np.cumsum(np.maximum(fields.lengths, 0), dtype=np.int64)])
    starts = ends[:-1] + _LENGTH_BYTES * np.arange(len(array), dtype=np.int64)
    framed = np.empty(int(ends[-1]) + _LENGTH_BYTES * len(array), np.uint8)
    fields.put(starts.copy(), framed)
    texts = np.empty(int(ends[-1]), np.uint8)
    row_format.join_bytes(framed, starts + _LENGTH_BYTES, fields.lengths, texts)
    valid = pa.array(_valid(array)).buffers()[1] if array.null_count else None
    offsets = pa.py_buffer(ends.astype(np.int32))
    return pa.StringArray.from_buffers(len(array), offsets, pa.py_buffer(texts), valid)


@dataclass(slots=True)
class _Fields:
    """One column: lengths i32[rows], -1 for null; put writes them at the rows' places."""

    lengths: np.ndarray
    put: Put


def _fields(
    column: Sequence[Datum], encode: Callable[[Datum], bytes], binary: bool, zone: str
) -> _Fields:
    if isinstance(column, ArrowColumn) and column.type.own is None:
        name, array = column.type.definition.name, column.array
        found = _binary_fields(name, array) if binary else _text_fields(name, array, zone)
        if found is not None:
            return found
    whole = [None if datum is None else encode(datum) for datum in column]
    return _bytes_fields(pa.array([None if one is None else one[4:] for one in whole], pa.binary()))


def _text_fields(name: str, array: pa.Array, zone: str) -> _Fields | None:
    kind = array.type
    if name in _PLAIN_TEXT and pa.types.is_string(kind):
        return _bytes_fields(array)
    if name in ("int2", "int4", "int8", "oid") and pa.types.is_integer(kind):
        return _integer_fields(_numbers(array, np.int64), _valid(array))
    if name == "bool":
        return _bytes_fields(pc.if_else(array, "t", "f"))
    if name in _FIXED_HIGH and pa.types.is_floating(kind):
        short = _decimal_fields(array) if name == "float8" else None
        return short or _bytes_fields(_float_texts(name, array))
    if name == "date":
        return _day_fields(_numbers(array.cast(pa.int32()), np.int64), _valid(array))
    if name == "timestamp" or (name == "timestamptz" and not zone):
        suffix = b"+00" if name == "timestamptz" else b""
        return _moment_fields(_numbers(array.cast(pa.int64()), np.int64), _valid(array), suffix)
    return None


def _binary_fields(name: str, array: pa.Array) -> _Fields | None:
    kind = array.type
    if name in _PLAIN_BINARY and pa.types.is_string(kind):
        return _bytes_fields(array)
    if name in ("int2", "int4", "int8", "oid") and pa.types.is_integer(kind):
        width = 4 if name == "oid" else kind.bit_width // 8
        return _fixed_fields(_numbers(array, np.int64), _valid(array), width)
    if name == "bool":
        return _fixed_fields(_numbers(array.cast(pa.int8()), np.int64), _valid(array), 1)
    if name in _FIXED_HIGH and pa.types.is_floating(kind):
        width = 4 if name == "float4" else 8
        bits = _numbers(array, f"f{width}").view(f"i{width}").astype(np.int64)
        return _fixed_fields(bits, _valid(array), width)
    if name == "date":
        return _since_2000(_numbers(array.cast(pa.int32()), np.int64), _valid(array), 4, EPOCH_DAYS)
    if name in ("timestamp", "timestamptz"):
        return _since_2000(_numbers(array.cast(pa.int64()), np.int64), _valid(array), 8, EPOCH_US)
    return None


# ---------------------------------------------------------------- kinds of fields


def _bytes_fields(array: pa.Array) -> _Fields:
    offsets, data = _buffers(array)
    lengths = np.diff(offsets).astype(np.int32)
    lengths[~_valid(array)] = row_format.NULL
    starts = offsets[:-1]
    return _Fields(
        lengths, lambda places, out: row_format.put_bytes(starts, data, lengths, places, out)
    )


def _integer_fields(values: np.ndarray, valid: np.ndarray) -> _Fields:
    lengths = np.empty(len(values), np.int32)
    row_format.integer_lengths(values, valid, lengths)
    return _Fields(
        lengths, lambda places, out: row_format.put_integers(values, lengths, places, out)
    )


def _decimal_fields(array: pa.Array) -> _Fields | None:
    """Doubles that are short decimals, as prices and measures are."""
    values, lengths = _numbers(array, np.float64), np.empty(len(array), np.int32)
    if not row_format.decimal_lengths(values, _valid(array), lengths):
        return None
    return _Fields(
        lengths, lambda places, out: row_format.put_decimals(values, lengths, places, out)
    )


def _fixed_fields(values: np.ndarray, valid: np.ndarray, width: int) -> _Fields:
    lengths = np.where(valid, np.int32(width), np.int32(row_format.NULL))
    return _Fields(
        lengths, lambda places, out: row_format.put_binary(values, lengths, places, out)
    )


def _since_2000(values: np.ndarray, valid: np.ndarray, width: int, epoch: int) -> _Fields:
    """Dates and moments count from 2000 in their binary forms; infinities stay what they are."""
    low, high = _INFINITIES[width]
    finite = (values != low) & (values != high)
    return _fixed_fields(np.where(finite, values - epoch, values), valid, width)


def _day_fields(values: np.ndarray, valid: np.ndarray) -> _Fields | None:
    if not _within(values, valid, _DAY_LOW, _DAY_HIGH):
        return None
    lengths = np.where(valid, np.int32(10), np.int32(row_format.NULL))
    return _Fields(lengths, lambda places, out: row_format.put_days(values, lengths, places, out))


def _moment_fields(values: np.ndarray, valid: np.ndarray, suffix: bytes) -> _Fields | None:
    if not _within(values, valid, _DAY_LOW * _DAY_US, (_DAY_HIGH + 1) * _DAY_US - 1):
        return None
    tail = np.frombuffer(suffix, np.uint8)
    lengths = np.empty(len(values), np.int32)
    row_format.moment_lengths(values, valid, len(tail), lengths)
    return _Fields(
        lengths, lambda places, out: row_format.put_moments(values, tail, lengths, places, out)
    )


def _within(values: np.ndarray, valid: np.ndarray, low: int, high: int) -> bool:
    return bool((((values >= low) & (values <= high)) | ~valid).all())


def _float_texts(name: str, array: pa.Array) -> pa.Array:
    """The shortest text; Arrow's where it is PostgreSQL's, ours for the very large and very small."""
    sizes = np.abs(_numbers(array, np.float64))
    alike = ((sizes >= _FIXED_LOW) & (sizes < _FIXED_HIGH[name])) | ~_valid(array)
    texts = pc.replace_substring_regex(array.cast(pa.string()), r"\.0$", "")
    if alike.all():
        return texts
    render = _render_of(name)
    others = [render(value) for value in array.filter(pa.array(~alike)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(~alike), pa.array(others, pa.string()))


def _render_of(name: str) -> Callable[[float], str]:
    from sqlvec.types.floating import render_float4, render_float8

    return render_float4 if name == "float4" else render_float8


# ---------------------------------------------------------------- buffers


def _valid(array: pa.Array) -> np.ndarray:
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    return np.array(array.is_valid())


def _numbers(array: pa.Array, dtype: Any) -> np.ndarray:
    """The values, 0 where they are null. A copy, so that the kernels see one kind of array."""
    if array.null_count:
        array = array.fill_null(0)
    return array.to_numpy(zero_copy_only=False).astype(dtype)


def _buffers(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (i64[rows + 1]) and bytes (u8) of strings."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    raw = np.frombuffer(b"\0" if data is None or not data.size else data, np.uint8)
    return ends.astype(np.int64), raw


# ---------------------------------------------------------------- warming


def warm() -> None:
    """Compiles or loads the kernels, so that no result waits for it."""
    columns = [
        ArrowColumn(INT8, pa.array([1])),
        ArrowColumn(TEXT, pa.array(["a"])),
        ArrowColumn(FLOAT8, pa.array([0.5])),
        ArrowColumn(DATE, pa.array([0], pa.int32()).cast(pa.date32())),
        ArrowColumn(TIMESTAMP, pa.array([0], pa.int64()).cast(pa.timestamp("us"))),
    ]
    for code in (0, 1):
        formats = [code] * len(columns)
        BatchEncoder([column.type for column in columns], formats).encode_columns(columns)
