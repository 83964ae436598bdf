"""Text within binary forms: what of a value changes when its client speaks another encoding."""

from __future__ import annotations

import struct
from collections.abc import Callable

from sqlvec.types.array import Array
from sqlvec.types.composite_type import Composite
from sqlvec.types.domain_type import Domain
from sqlvec.types.enum_type import Enum
from sqlvec.types.json_types import Json, Jsonb
from sqlvec.types.jsonpath import JsonPath
from sqlvec.types.pseudo import Record
from sqlvec.types.shaped_array import ShapedArray
from sqlvec.types.sql_type import REGISTRY, SqlType, TypeDefinition
from sqlvec.types.text import Text
from sqlvec.types.tsquery import PHRASE, TsQueryType
from sqlvec.types.tsvector import TsVectorType

Turn = Callable[[bytes], bytes]
_INT16, _INT32, _FIELD = struct.Struct(">H"), struct.Struct(">i"), struct.Struct(">Ii")


def text_in_binary(sql_type: SqlType, turn: Turn) -> Turn | None:
    """What turns the text in values of the type; None where they hold none. Broken values stay as they are,
    for the type to refuse."""
    found = _turned(sql_type.definition, turn)
    return None if found is None else _careful(found)


def _careful(turn: Turn) -> Turn:
    def turned(data: bytes) -> bytes:
        try:
            return turn(data)
        except (struct.error, ValueError, IndexError):
            return data

    return turned


def _turned(definition: TypeDefinition, turn: Turn) -> Turn | None:
    if isinstance(definition, Domain):
        return _turned(definition.base.definition, turn)
    if isinstance(definition, (Array, ShapedArray)):
        inner = _turned(definition.element, turn)
        return None if inner is None else lambda data: _array(data, inner)
    if isinstance(definition, Composite):
        fields = [_turned(field.type.definition, turn) for field in definition.fields]
        return lambda data: _record(data, lambda place, oid: fields[place])
    if isinstance(definition, Record):
        return lambda data: _record(data, lambda place, oid: _of_oid(oid, turn))
    if isinstance(definition, TsVectorType):
        return lambda data: _lexemes(data, turn)
    if isinstance(definition, TsQueryType):
        return lambda data: _operands(data, turn)
    if isinstance(definition, (Jsonb, JsonPath)):
        return lambda data: data[:1] + turn(data[1:])  # behind the version
    if isinstance(definition, (Text, Json, Enum)):
        return turn
    return None


def _of_oid(oid: int, turn: Turn) -> Turn | None:
    definition = REGISTRY.get(oid)
    return None if definition is None else _turned(definition, turn)


def _array(data: bytes, turn: Turn) -> bytes:
    place = 12 + 8 * _INT32.unpack_from(data)[0]
    parts = [data[:place]]
    while place < len(data):
        place = _value(data, place, turn, parts)
    return b"".join(parts)


def _record(data: bytes, turn_of: Callable[[int, int], Turn | None]) -> bytes:
    parts, place = [data[:4]], 4
    for number in range(_INT32.unpack_from(data)[0]):
        parts.append(data[place : place + 4])
        oid = _FIELD.unpack_from(data, place)[0]
        place = _value(data, place + 4, turn_of(number, oid), parts)
    return b"".join(parts)


def _value(data: bytes, place: int, turn: Turn | None, parts: list[bytes]) -> int:
    """Adds the value at a place, its length first, and gives the place behind it."""
    size = _INT32.unpack_from(data, place)[0]
    place += 4
    if size < 0:
        parts.append(_INT32.pack(size))
        return place
    value = data[place : place + size]
    if len(value) < size:
        raise ValueError("a value is cut off")
    if turn is not None:
        value = turn(value)
    parts += (_INT32.pack(len(value)), value)
    return place + size


def _lexemes(data: bytes, turn: Turn) -> bytes:
    parts, place = [data[:4]], 4
    while place < len(data):
        end = data.index(b"\0", place)
        behind = end + 3 + 2 * _INT16.unpack_from(data, end + 1)[0]
        parts += (turn(data[place:end]), data[end:behind])
        place = behind
    return b"".join(parts)


def _operands(data: bytes, turn: Turn) -> bytes:
    parts, place = [data[:4]], 4
    while place < len(data):
        if data[place] == 1:  # weights and prefix, then the word
            end = data.index(b"\0", place + 3)
            parts += (data[place : place + 3], turn(data[place + 3 : end]), b"\0")
            place = end + 1
        else:
            size = 4 if data[place + 1] == PHRASE else 2
            parts.append(data[place : place + size])
            place += size
    return b"".join(parts)

