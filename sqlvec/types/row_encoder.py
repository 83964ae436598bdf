"""DataRow messages out of columns of datums: 'D', int32 length, int16 columns, (int32 length, bytes)*."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from sqlvec.types.sql_type import SqlType
from sqlvec.types.zoned import in_zone

_LENGTH = struct.Struct(">i").pack
_NULL = b"\xff\xff\xff\xff"


class RowEncoder:
    """Encodes batches of one result: formats[i] is 0 for text, 1 for binary."""

    def __init__(self, types: Sequence[SqlType], formats: Sequence[int], zone: str = "") -> None:
        self.encoders = [
            field_encoder(sql_type, binary=bool(code), zone=zone)
            for sql_type, code in zip(types, formats, strict=True)
        ]
        self.count = struct.pack(">h", len(self.encoders))
        self.whole = _whole_row(types, formats)

    def encode(self, columns: Sequence[Sequence[Any]]) -> bytes:
        """The rows as DataRow messages; each column holds one datum a row."""
        if self.whole is not None:
            try:
                return b"".join(self.whole(columns))
            except struct.error:  # a null, or what is no plain number
                pass
        fields = [
            [_NULL if datum is None else encode(datum) for datum in column]
            for encode, column in zip(self.encoders, columns, strict=True)
        ]
        count, pack = self.count, _LENGTH
        parts: list[bytes] = []
        for row in zip(*fields, strict=True):
            body = b"".join(row)
            parts += (b"D", pack(len(body) + 6), count, body)
        return b"".join(parts)


_CODES = {"int2": "h", "int4": "i", "int8": "q", "oid": "I", "float4": "f", "float8": "d"}


def _whole_row(
    types: Sequence[SqlType], formats: Sequence[int]
) -> Callable[[Sequence[Sequence[Any]]], list[bytes]] | None:
    """Rows that have one length, packed in one step: binary numbers only."""
    codes = [_CODES.get(t.definition.name) if t.own is None else None for t in types]
    if not codes or None in codes or not all(formats):
        return None
    row = struct.Struct(">cih" + "".join(f"i{code}" for code in codes))
    lengths = [struct.calcsize(f">{code}") for code in codes]
    size, count, pack = row.size - 1, len(codes), row.pack
    if count == 1:
        length = lengths[0]
        return lambda columns: [pack(b"D", size, 1, length, value) for value in columns[0]]

    def rows(columns: Sequence[Sequence[Any]]) -> list[bytes]:
        fields = [part for pair in zip(map(repeat, lengths), columns, strict=True) for part in pair]
        return [pack(b"D", size, count, *values) for values in zip(*fields, strict=False)]

    return rows


def field_encoder(sql_type: SqlType, *, binary: bool, zone: str = "") -> Callable[[Any], bytes]:
    """A function from datum to length-prefixed field; zone is the session's, "" for UTC."""
    definition = sql_type.definition
    if binary:
        if not definition.own and definition.length in (1, 2, 4, 8) and definition.category in "NBD":
            return _fixed(definition.encode, _LENGTH(definition.length))
        return _prefixed(definition.encode)
    render = in_zone(definition, zone).render
    if definition.own:
        return lambda datum: _LENGTH(len(text := render(datum).encode())) + text
    if definition.category == "N" and definition.name in ("int2", "int4", "int8", "oid"):
        return lambda datum: _LENGTH(len(text := b"%d" % datum)) + text
    if definition.name in ("text", "varchar", "json", "jsonb", "uuid", "bpchar", "name"):
        return lambda datum: _LENGTH(len(text := datum.encode())) + text
    return lambda datum: _LENGTH(len(text := render(datum).encode())) + text


def _fixed(encode: Callable[[Any], bytes], prefix: bytes) -> Callable[[Any], bytes]:
    return lambda datum: prefix + encode(datum)


def _prefixed(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def prefixed(datum: Any) -> bytes:
        body = encode(datum)
        return _LENGTH(len(body)) + body

    return prefixed


def encode_rows(
    columns: Sequence[Sequence[Any]], types: Sequence[SqlType], formats: Sequence[int]
) -> bytes:
    """DataRow messages of one batch."""
    return RowEncoder(types, formats).encode(columns)
