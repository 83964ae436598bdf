"""Arrays of every type: datum list, nested for more than one dimension; Arrow list of the element's form.

Text: {1,2,NULL,"a b"}. Binary: int32 ndim, int32 hasnull, int32 element oid, (int32 size, int32 lower)*,
then each element as int32 length and bytes. Source: arrayfuncs.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from sqlvec.types.sql_type import REGISTRY, TypeDefinition

DIMENSIONS_MAX = 6
_SPECIAL = frozenset('{}",\\ \t\n\r\v\f')


class Array(TypeDefinition):
    def __init__(self, element: TypeDefinition) -> None:
        super().__init__(
            element.array_oid, f"_{element.name}", category="A", align="d" if element.align == "d" else "i",
            routine="array_",
        )  # fmt: skip
        self.element = element
        self.element_oid = element.oid
        self.display_name = f"{element.display_name}[]"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(self.element.arrow(typmod))

    def to_arrow(self, datums: Sequence[list[Any] | None], typmod: int = -1) -> pa.Array:
        offsets, flat = [0], []
        for datum in datums:
            flat += [] if datum is None else datum
            offsets.append(len(flat))
        if any(isinstance(item, list) for item in flat):
            inner = self.to_arrow(flat, typmod)
        else:
            inner = self.element.to_arrow(flat, typmod)
        mask = pa.array([datum is None for datum in datums], pa.bool_())
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner, mask=mask)

    def from_arrow(self, array: pa.Array) -> list[list[Any] | None]:
        nested = pa.types.is_list(array.type) and pa.types.is_list(array.type.value_type)
        convert = self.from_arrow if nested else self.element.from_arrow
        if isinstance(self.element, Array):
            convert = self.element.from_arrow
        return [None if item is None else convert(item) for item in _items(array)]

    def parse(self, text: str, typmod: int = -1) -> list[Any]:
        return _Reader(text, self.element, typmod).read()

    def render(self, datum: Sequence[Any]) -> str:
        if not len(datum):
            return "{}"
        return "{" + self.element.delimiter.join(self._item(item) for item in datum) + "}"

    def _item(self, item: Any) -> str:
        if item is None:
            return "NULL"
        if isinstance(item, list):
            return self.render(item)
        text = self.element.render(item)
        if text == "" or text.upper() == "NULL" or any(char in _SPECIAL for char in text):
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return text

    def encode(self, datum: Sequence[Any]) -> bytes:
        return encode_array(list(datum), self.element, lower_bound=1)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> list[Any]:
        raw = memoryview(bytes(data))
        if len(raw) < 12:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        dimensions, _, oid = struct.unpack_from(">iiI", raw)
        if not 0 <= dimensions <= DIMENSIONS_MAX:
            raise InvalidBinaryRepresentation(f"invalid number of array dimensions: {dimensions}")
        if oid != self.element_oid:
            raise InvalidBinaryRepresentation(
                f"binary data has array element type {oid} ({_name(oid)}) instead of expected "
                f"{self.element_oid} ({self.element.display_name})"
            )
        sizes = [struct.unpack_from(">i", raw, 12 + 8 * i)[0] for i in range(dimensions)]
        items = self._elements(raw, 12 + 8 * dimensions, int(np.prod(sizes)) if sizes else 0, typmod)
        return _nest(list(items), sizes)

    def _elements(
        self, raw: memoryview, position: int, count: int, typmod: int
    ) -> Iterator[Any]:
        for _ in range(count):
            if position + 4 > len(raw):
                raise InvalidBinaryRepresentation("insufficient data left in message")
            (length,) = struct.unpack_from(">i", raw, position)
            position += 4
            if length < 0:
                yield None
                continue
            if position + length > len(raw):
                raise InvalidBinaryRepresentation("insufficient data left in message")
            yield self.element.decode(bytes(raw[position : position + length]), typmod)
            position += length

    def apply_typmod(self, datum: list[Any], typmod: int, explicit: bool = False) -> list[Any]:
        if typmod < 0:
            return datum
        return [
            item
            if item is None
            else self.apply_typmod(item, typmod, explicit)
            if isinstance(item, list)
            else self.element.apply_typmod(item, typmod, explicit)
            for item in datum
        ]


def _items(array: pa.Array) -> Iterator[pa.Array | None]:
    offsets = array.offsets.to_pylist()
    values = array.values
    valid = array.is_valid().to_pylist()
    for i, present in enumerate(valid):
        yield values.slice(offsets[i], offsets[i + 1] - offsets[i]) if present else None


def _name(oid: int) -> str:
    definition = REGISTRY.get(oid)
    return definition.display_name if definition else "???"


def _nest(items: list[Any], sizes: list[int]) -> list[Any]:
    if len(sizes) <= 1:
        return items
    inner = int(np.prod(sizes[1:]))
    return [_nest(items[i : i + inner], sizes[1:]) for i in range(0, len(items), inner or 1)]


def encode_array(datum: list[Any], element: TypeDefinition, *, lower_bound: int) -> bytes:
    """The binary form; a list of lists must be rectangular."""
    sizes: list[int] = []
    level: Any = datum
    while isinstance(level, list) and level:
        sizes.append(len(level))
        level = level[0]
    flat = _flatten(datum)
    has_null = any(item is None for item in flat)
    parts = [struct.pack(">iiI", len(sizes), int(has_null), element.oid)]
    parts += [struct.pack(">ii", size, lower_bound) for size in sizes]
    for item in flat:
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            body = element.encode(item)
            parts += [struct.pack(">i", len(body)), body]
    return b"".join(parts)


def _flatten(datum: list[Any]) -> list[Any]:
    if not any(isinstance(item, list) for item in datum):
        return datum
    return [leaf for item in datum for leaf in _flatten(item)]


class _Reader:
    """Parses an array literal."""

    def __init__(self, text: str, element: TypeDefinition, typmod: int) -> None:
        self.text = text
        self.body = text.strip()
        self.element = element
        self.typmod = typmod
        self.place = 0

    def read(self) -> list[Any]:
        if self.body[:1] == "[":  # explicit bounds: [1:3]={...}
            _, _, self.body = self.body.partition("=")
            self.body = self.body.lstrip()
        if self.body[:1] != "{":
            raise self._malformed('Array value must start with "{" or dimension information.')
        value = self._list()
        if self.place != len(self.body):
            raise self._malformed("Junk after closing right brace.")
        return [] if not _flatten(value) else value

    def _malformed(self, detail: str) -> InvalidTextRepresentation:
        return InvalidTextRepresentation(f'malformed array literal: "{self.text}"', detail=detail)

    def _skip(self) -> str:
        while self.place < len(self.body) and self.body[self.place].isspace():
            self.place += 1
        if self.place >= len(self.body):
            raise self._malformed("Unexpected end of input.")
        return self.body[self.place]

    def _list(self) -> list[Any]:
        self.place += 1
        items: list[Any] = []
        if self._skip() == "}":
            self.place += 1
            return items
        while True:
            char = self._skip()
            items.append(self._list() if char == "{" else self._item())
            char = self._skip()
            self.place += 1
            if char == "}":
                break
            if char != self.element.delimiter:
                raise self._malformed("Unexpected array element.")
        lengths = {len(item) if isinstance(item, list) else -1 for item in items}
        if len(lengths) > 1:
            raise self._malformed(
                "Multidimensional arrays must have sub-arrays with matching dimensions."
            )
        return items

    def _item(self) -> Any:
        if self.body[self.place] == '"':
            return self.element.parse(self._quoted(), self.typmod)
        start, taken = self.place, []
        while self.place < len(self.body) and self.body[self.place] not in "{}" + self.element.delimiter:
            if self.body[self.place] == '"':
                raise self._malformed("Unexpected array element.")
            if self.body[self.place] == "\\":
                self.place += 1
            taken.append(self.body[self.place : self.place + 1])
            self.place += 1
        word = "".join(taken).strip()
        if not word or start == self.place:
            raise self._malformed(f'Unexpected "{self.body[self.place : self.place + 1]}" character.')
        return None if word.upper() == "NULL" else self.element.parse(word, self.typmod)

    def _quoted(self) -> str:
        taken = []
        self.place += 1
        while self.place < len(self.body):
            char = self.body[self.place]
            if char == '"':
                self.place += 1
                return "".join(taken)
            if char == "\\":
                self.place += 1
                char = self.body[self.place : self.place + 1]
            taken.append(char)
            self.place += 1
        raise self._malformed("Unexpected end of input.")
