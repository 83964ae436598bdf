"""Arrays of every type: datum list, nested for more than one dimension; Arrow list of the element's form.

Text: {1,2,NULL,"a b"}. Binary: int32 ndim, int32 hasnull, int32 element oid, (int32 size, int32 lower)*,
then each element as int32 length and bytes. int2vector and oidvector are arrays of one dimension that count
from 0 and show as numbers with blanks between. Source: arrayfuncs.c, int.c, oid.c.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from sqlvec.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidBinaryRepresentation,
    ProgramLimitExceeded,
    ProtocolViolation,
)
from sqlvec.types.array_literal import (
    DECLARE_DIMENSIONS,
    DIMENSIONS_MAX,
    MANY_DIMENSIONS,
    parse_array,
    quoted_item,
)
from sqlvec.types.sql_type import (
    BINARY_MISMATCH,
    REGISTRY,
    SqlType,
    TypeDefinition,
    array_of,
)
from sqlvec.types.vector import Vector

_LENGTH = struct.Struct(">i")
_NULL = b"\xff\xff\xff\xff"


class Array(TypeDefinition):
    def __init__(self, element: TypeDefinition) -> None:
        super().__init__(
            element.array_oid,
            element.array_name,
            display=f"{element.display_name}[]",
            category="A",
            align="d" if element.align == "d" else "i",
            routine="array_",
            own=element.own,
        )
        self.element = element
        self.element_oid = element.oid
        element.array_definition = self

    def element_type(self, typmod: int) -> SqlType:
        return SqlType(self.element_oid, typmod, self.element if self.own else None)

    def stored(self, typmod: int) -> SqlType:
        return array_of(self.element.stored(typmod))

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(self.element.arrow(typmod))

    def to_arrow(self, datums: Sequence[list[Any] | None], typmod: int = -1) -> pa.Array:
        offsets: list[int] = [0]
        flat: list[Any] = []
        for datum in datums:
            flat += [] if datum is None else datum
            offsets.append(len(flat))
        if any(isinstance(item, list) for item in flat) and not isinstance(self.element, IntegerVector):
            raise FeatureNotSupported(MANY_DIMENSIONS, hint=DECLARE_DIMENSIONS)
        inner = self.element.to_arrow(flat, typmod)
        mask = pa.array([datum is None for datum in datums], pa.bool_())
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner, mask=mask)

    def from_arrow(self, array: pa.Array) -> list[list[Any] | None]:
        nested = _is_list(array.type) and _is_list(array.type.value_type)
        elements_are_lists = isinstance(self.element, (IntegerVector, Vector))
        convert = self.element.from_arrow
        if nested and (not elements_are_lists or _is_list(array.type.value_type.value_type)):
            convert = self.from_arrow
        return [None if item is None else convert(item) for item in _items(array)]

    def parse(self, text: str, typmod: int = -1) -> list[Any]:
        return parse_array(text, self.element, typmod)

    def render(self, datum: Sequence[Any]) -> str:
        if not len(datum):
            return "{}"
        return "{" + self.element.delimiter.join(self._item(item) for item in datum) + "}"

    def _item(self, item: Any) -> str:
        if item is None:
            return "NULL"
        if isinstance(item, list) and not isinstance(self.element, IntegerVector):
            return self.render(item)
        return quoted_item(self.element.render(item), self.element.delimiter)

    def encode(self, datum: Sequence[Any]) -> bytes:
        return encode_array(list(datum), self.element, lower_bound=1)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> list[Any]:
        return decode_array(bytes(data), self.element, typmod, lower_bound=1)

    def apply_typmod(self, datum: list[Any], typmod: int, explicit: bool = False) -> list[Any]:
        if typmod < 0:
            return datum
        return [self._apply_to_item(item, typmod, explicit) for item in datum]

    def _apply_to_item(self, item: Any, typmod: int, explicit: bool) -> Any:
        if item is None:
            return None
        if isinstance(item, list):
            return self.apply_typmod(item, typmod, explicit)
        return self.element.apply_typmod(item, typmod, explicit)


class IntegerVector(TypeDefinition):
    """int2vector, oidvector: datum list of ints."""

    def __init__(self, oid: int, name: str, *, element_oid: int, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.element_oid = element_oid

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(pa.int16() if self.name == "int2vector" else pa.int64())

    def parse(self, text: str, typmod: int = -1) -> list[int]:
        element = REGISTRY[self.element_oid]
        return [element.parse(word) for word in text.split()]

    def render(self, datum: Sequence[int]) -> str:
        return " ".join(str(value) for value in datum)

    def encode(self, datum: Sequence[int]) -> bytes:
        return encode_array(list(datum), REGISTRY[self.element_oid], lower_bound=0, flat=True)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> list[int]:
        found = decode_array(bytes(data), REGISTRY[self.element_oid], typmod, lower_bound=0)
        if not found or None in found or isinstance(found[0], list):
            raise InvalidBinaryRepresentation(f"invalid {self.name} data")
        return found


def encode_array(
    datum: list[Any], element: TypeDefinition, *, lower_bound: int, flat: bool = False
) -> bytes:
    """The binary form; a list of lists must be rectangular; flat: one dimension even when empty."""
    sizes: list[int] = [0] if flat and not datum else []
    level: Any = datum
    while isinstance(level, list) and level:
        sizes.append(len(level))
        level = level[0]
    leaves = _flatten(datum)
    return binary_array([lower_bound] * len(sizes), sizes, leaves, element)


def binary_array(
    lowers: Sequence[int], sizes: Sequence[int], leaves: Sequence[Any], element: TypeDefinition
) -> bytes:
    """The binary form of elements in order."""
    has_null = any(item is None for item in leaves)
    parts = [struct.pack(">iiI", len(sizes), int(has_null), element.oid)]
    parts += [struct.pack(">ii", *pair) for pair in zip(sizes, lowers, strict=True)]
    for item in leaves:
        if item is None:
            parts.append(_NULL)
        else:
            body = element.encode(item)
            parts += [_LENGTH.pack(len(body)), body]
    return b"".join(parts)


def decode_array(
    raw: bytes, element: TypeDefinition, typmod: int, *, lower_bound: int
) -> list[Any]:
    """The items of the binary form, nested for more than one dimension."""
    lowers, sizes, items = binary_shape(raw, element, typmod)
    if any(lower != lower_bound for lower in lowers):
        raise FeatureNotSupported(
            "array lower bounds other than 1 are not supported here", hint=DECLARE_DIMENSIONS
        )
    return _nest(items, list(sizes))


def binary_shape(
    raw: bytes, element: TypeDefinition, typmod: int
) -> tuple[tuple[int, ...], tuple[int, ...], list[Any]]:
    """Lower bounds and sizes of the dimensions, and the items, flat."""
    if len(raw) < 12:
        raise _short()
    dimensions, flags, oid = struct.unpack_from(">iiI", raw)
    if dimensions < 0:
        raise InvalidBinaryRepresentation(f"invalid number of dimensions: {dimensions}")
    if dimensions > DIMENSIONS_MAX:
        raise ProgramLimitExceeded(
            f"number of array dimensions ({dimensions}) exceeds "
            f"the maximum allowed ({DIMENSIONS_MAX})"
        )
    if flags not in (0, 1):
        raise InvalidBinaryRepresentation("invalid array flags")
    if oid != element.oid:
        raise DatatypeMismatch(
            f"binary data has array element type {oid} ({_name(oid)}) instead of expected "
            f"{element.oid} ({element.display_name})"
        )
    if len(raw) < 12 + 8 * dimensions:
        raise _short()
    bounds = [struct.unpack_from(">ii", raw, 12 + 8 * i) for i in range(dimensions)]
    sizes = [size for size, _ in bounds]
    count = math.prod(sizes) if sizes else 0
    if count < 0 or count > len(raw) // 4:
        raise _short()
    items = list(_elements(raw, 12 + 8 * dimensions, count, element, typmod))
    if not count:
        return (), (), items
    return tuple(lower for _, lower in bounds), tuple(sizes), items


def _elements(
    raw: bytes, position: int, count: int, element: TypeDefinition, typmod: int
) -> Iterator[Any]:
    end = len(raw)
    for number in range(count):
        if position + 4 > end:
            raise _short()
        (length,) = _LENGTH.unpack_from(raw, position)
        position += 4
        if length == -1:
            yield None
            continue
        if length < 0 or position + length > end:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        try:
            yield element.decode(raw[position : position + length], typmod)
        except InvalidBinaryRepresentation as error:
            if error.message == BINARY_MISMATCH:
                error.message = f"improper binary format in array element {number + 1}"
            raise
        position += length
    if position != end:
        raise InvalidBinaryRepresentation(BINARY_MISMATCH)


def _short() -> ProtocolViolation:
    return ProtocolViolation("insufficient data left in message")


def _is_list(arrow: pa.DataType) -> bool:
    return pa.types.is_list(arrow) or pa.types.is_fixed_size_list(arrow)


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
    inner = math.prod(sizes[1:])
    return [_nest(items[i : i + inner], sizes[1:]) for i in range(0, len(items), inner or 1)]


def _flatten(datum: list[Any]) -> list[Any]:
    if not any(isinstance(item, list) for item in datum):
        return datum
    return [leaf for item in datum for leaf in _flatten(item)]
