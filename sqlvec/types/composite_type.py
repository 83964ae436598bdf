"""Composite types: datum bytes, the fields as storage keeps them.

    datum   field*, in attnum order; a field that is not there is NULL
    field   u16 attnum, u32 size, then the value as its type's output text in UTF-8; of an enum the code of the
            label, of a composite its datum; of an array of such a JSON list of these in hexadecimal

So an attribute that is added, dropped or renamed leaves what is stored as it is.
Text: (1,"a b",) - binary: int32 count, then (u32 type, int32 size, value) for each attribute (rowtypes.c).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import pyarrow as pa

from sqlvec.errors import DatatypeMismatch, ProtocolViolation
from sqlvec.types.domain_type import base_of
from sqlvec.types.enum_type import Enum
from sqlvec.types.record_literal import RecordLiteral, packed_record, quoted_field
from sqlvec.types.sql_type import Datum, SqlType, TypeDefinition, element_of

_STORED = 17  # bytea
_HEAD = struct.Struct("<HI")
_SIZE = struct.Struct(">i")
_numbers = count(1)
_by_number: WeakValueDictionary[int, Composite] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Field:
    attnum: int
    name: str
    type: SqlType


class Composite(TypeDefinition):
    """fields: without those that were dropped. number: by which functions of the relational engine find it."""

    def __init__(self, oid: int, name: str, fields: Sequence[Field], **rest: Any) -> None:
        super().__init__(
            oid, name, category="C", kind="c", align="d", routine="record_", own=True, **rest
        )
        self.fields = tuple(fields)
        self.number = next(_numbers)
        _by_number[self.number] = self

    def stored(self, typmod: int) -> SqlType:
        return SqlType(_STORED)

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    # ---------------------------------------------------------------- fields

    def make(self, values: Sequence[Datum]) -> bytes:
        """The datum of a value for each field."""
        parts = []
        for field, value in zip(self.fields, values, strict=True):
            if value is not None:
                kept = _keep(field.type, value)
                parts += [_HEAD.pack(field.attnum, len(kept)), kept]
        return b"".join(parts)

    def values(self, datum: bytes) -> list[Datum]:
        """A value for each field."""
        kept: dict[int, bytes] = {}
        at = 0
        while at < len(datum):
            attnum, size = _HEAD.unpack_from(datum, at)
            at += _HEAD.size
            kept[attnum] = datum[at : at + size]
            at += size
        return [
            None if (value := kept.get(field.attnum)) is None else _read(field.type, value)
            for field in self.fields
        ]

    def value(self, datum: bytes, attnum: int) -> Datum:
        for field, value in zip(self.fields, self.values(datum), strict=True):
            if field.attnum == attnum:
                return value
        raise AssertionError((self.name, attnum))

    # ---------------------------------------------------------------- text and binary

    def parse(self, text: str, typmod: int = -1) -> bytes:
        words = RecordLiteral(text).read(len(self.fields))
        values = []
        for field, word in zip(self.fields, words, strict=True):
            definition, mod = field.type.definition, field.type.typmod
            value = None if word is None else definition.apply_typmod(definition.parse(word, mod), mod)
            values.append(value)
        return self.make(values)

    def render(self, datum: bytes) -> str:
        texts = []
        for field, value in zip(self.fields, self.values(datum), strict=True):
            texts.append("" if value is None else quoted_field(field.type.definition.render(value)))
        return f"({','.join(texts)})"

    def encode(self, datum: bytes) -> bytes:
        return packed_record(
            (field.type.oid, None if value is None else field.type.definition.encode(value))
            for field, value in zip(self.fields, self.values(datum), strict=True)
        )

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        raw = bytes(data)
        if len(raw) < 4:
            raise ProtocolViolation("insufficient data left in message")
        (given,) = _SIZE.unpack_from(raw)
        if given != len(self.fields):
            raise DatatypeMismatch(f"wrong number of columns: {given}, expected {len(self.fields)}")
        values: list[Datum] = []
        at = 4
        for place, field in enumerate(self.fields, 1):
            if at + 8 > len(raw):
                raise ProtocolViolation("insufficient data left in message")
            oid, size = struct.unpack_from(">Ii", raw, at)
            at += 8
            if oid != field.type.oid:
                raise DatatypeMismatch(
                    f"binary data has type {oid} instead of expected {field.type.oid} "
                    f"({field.type.name}) in record column {place}"
                )
            if size < 0:
                values.append(None)
                continue
            if at + size > len(raw):
                raise ProtocolViolation("insufficient data left in message")
            definition, mod = field.type.definition, field.type.typmod
            value = definition.decode(raw[at : at + size], mod)
            values.append(definition.apply_typmod(value, mod))
            at += size
        return self.make(values)


def is_composite(sql_type: SqlType) -> bool:
    """Of a composite type, or an array of one."""
    if sql_type.own is None:
        return False
    element = element_of(sql_type)
    return isinstance(sql_type.own, Composite) or (element is not None and is_composite(element))


def composite(number: int) -> Composite:
    """By its number; whoever has a plan with the number has the type too."""
    return _by_number[number]


def _keep(sql_type: SqlType, value: Datum) -> bytes:
    if sql_type.own is None:
        return sql_type.definition.render(value).encode()
    base = base_of(sql_type)
    if isinstance(base.own, Enum):
        return str(value).encode()
    if isinstance(base.own, Composite):
        return bytes(value)
    element = element_of(base)
    if element is not None and element.own is not None:
        return json.dumps(_keep_items(element, value)).encode()
    return base.definition.render(value).encode()


def _keep_items(element: SqlType, items: Sequence[Datum]) -> list[Any]:
    return [
        None if item is None
        else _keep_items(element, item) if isinstance(item, list)
        else _keep(element, item).hex()
        for item in items
    ]  # fmt: skip


def _read(sql_type: SqlType, kept: bytes) -> Datum:
    if sql_type.own is None:
        return sql_type.definition.parse(kept.decode(), sql_type.typmod)
    base = base_of(sql_type)
    if isinstance(base.own, Enum):
        return int(kept)
    if isinstance(base.own, Composite):
        return kept
    element = element_of(base)
    if element is not None and element.own is not None:
        return _read_items(element, json.loads(kept))
    return base.definition.parse(kept.decode(), base.typmod)


def _read_items(element: SqlType, items: Sequence[Any]) -> list[Datum]:
    return [
        None if item is None
        else _read_items(element, item) if isinstance(item, list)
        else _read(element, bytes.fromhex(item))
        for item in items
    ]  # fmt: skip
