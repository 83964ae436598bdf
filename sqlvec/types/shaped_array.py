"""Arrays that may have several dimensions and begin elsewhere than at 1: datum str, the canonical literal.

    datum   {}, {{1,2},{NULL,4}}, [0:1]={1,2} - elements as their type shows them in UTC

An array type has two definitions with one name. Array is for values of one dimension from 1, which Arrow and the
relational engine keep as lists; ShapedArray, kept as text, for what is declared with more than one dimension and for
expressions that may make one. Clients see one type: public_oid. Source: arrayfuncs.c, array_userfuncs.c.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlvec.errors import ArraySubscriptError, FeatureNotSupported
from sqlvec.types.array import Array, binary_array, binary_shape
from sqlvec.types.array_literal import parse_shape, quoted_item
from sqlvec.types.sql_type import REGISTRY, SqlType, TypeDefinition

_OFFSET = 1_000_000_000  # from an array type's oid to that of its other definition


class Shape(NamedTuple):
    """Lower bound and size of each dimension, and the elements, last dimension fastest; () is empty."""

    lowers: tuple[int, ...]
    sizes: tuple[int, ...]
    items: list[Any]

    @property
    def is_plain(self) -> bool:
        """Whether it is empty or has one dimension from 1."""
        return not self.sizes or (len(self.sizes) == 1 and self.lowers == (1,))

    @property
    def bounds(self) -> list[tuple[int, int]]:
        return [(low, low + size - 1) for low, size in zip(self.lowers, self.sizes, strict=True)]


EMPTY = Shape((), (), [])


class ShapedArray(TypeDefinition):
    def __init__(self, array: Array) -> None:
        super().__init__(
            array.oid + _OFFSET,
            array.name,
            display=array.display_name,
            category="A",
            align=array.align,
            routine=array.routine,
        )
        self.array = array
        self.element = array.element
        self.element_oid = array.element_oid

    def parse(self, text: str, typmod: int = -1) -> str:
        return self.text_of(parse_shape(text, self.element, typmod))

    def render(self, datum: str) -> str:
        """As the datum, but for elements whose text depends on the session."""
        stored = REGISTRY[self.element_oid]
        if self.element is stored:
            return datum
        return self.text_of(Shape(*parse_shape(datum, stored, -1)))

    def text_of(self, shape: Sequence[Any]) -> str:
        lowers, sizes, items = shape
        render = self.element.render
        return literal_of(lowers, sizes, [None if item is None else render(item) for item in items])

    def shape(self, datum: str) -> Shape:
        return Shape(*parse_shape(datum, self.element, -1))

    def encode(self, datum: str) -> bytes:
        lowers, sizes, items = self.shape(datum)
        return binary_array(lowers, sizes, items, self.element)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        return self.text_of(binary_shape(bytes(data), self.element, typmod))

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if typmod < 0 or datum == "{}":
            return datum
        lowers, sizes, items = self.shape(datum)
        apply = self.element.apply_typmod
        return self.text_of(
            (lowers, sizes, [None if i is None else apply(i, typmod, explicit) for i in items])
        )


def shaped(sql_type: SqlType) -> SqlType:
    """The array type in the definition that has room for every shape."""
    definition = sql_type.definition
    if isinstance(definition, ShapedArray):
        return sql_type
    if sql_type.own is not None or not isinstance(definition, Array):
        raise FeatureNotSupported(
            f"arrays of type {sql_type.plain_name} with more than one dimension are not supported"
        )
    return SqlType(definition.oid + _OFFSET, sql_type.typmod)


def plain(sql_type: SqlType) -> SqlType:
    """The array type whose values are lists."""
    definition = sql_type.definition
    return SqlType(definition.array.oid, sql_type.typmod) if isinstance(definition, ShapedArray) else sql_type


def is_shaped(sql_type: SqlType) -> bool:
    return sql_type.oid > _OFFSET


def has_shape(sql_type: SqlType) -> bool:
    """Whether the type is an array that can be shaped."""
    return sql_type.own is None and isinstance(sql_type.definition, (Array, ShapedArray))


def public_oid(oid: int) -> int:
    """By which clients and the catalog know the type."""
    return oid - _OFFSET if oid > _OFFSET else oid


# ---------------------------------------------------------------- shapes of texts


def literal_of(lowers: Sequence[int], sizes: Sequence[int], texts: Sequence[str | None]) -> str:
    """The literal of elements given as texts."""
    if not sizes or not all(sizes):
        return "{}"
    words = [quoted_item(text) for text in texts]
    for size in reversed(sizes):
        words = ["{" + ",".join(words[i : i + size]) + "}" for i in range(0, len(words), size)]
    if all(low == 1 for low in lowers):
        return words[0]
    return dimensions_text(lowers, sizes) + "=" + words[0]


def dimensions_text(lowers: Sequence[int], sizes: Sequence[int]) -> str:
    """[1:2][0:3]"""
    return "".join(f"[{low}:{low + size - 1}]" for low, size in zip(lowers, sizes, strict=True))


def of_lists(value: Sequence[Any], render: Callable[[Any], str]) -> str:
    """The literal of items that may be lists of lists."""
    sizes: list[int] = []
    items: list[Any] = list(value)
    while True:
        sizes.append(len(items) // max(math.prod(sizes), 1))
        if not items or not isinstance(items[0], list):
            break
        items = [item for one in items for item in one]
    return literal_of([1] * len(sizes), sizes, [None if i is None else render(i) for i in items])


def element_at(shape: Shape, subscripts: Sequence[int | None]) -> Any:
    """None outside of the array, and where the number of subscripts is not that of dimensions."""
    if len(subscripts) != len(shape.sizes):
        return None
    place = 0
    for index, low, size in zip(subscripts, shape.lowers, shape.sizes, strict=True):
        if index is None or not low <= index < low + size:
            return None
        place = place * size + index - low
    return shape.items[place]


def slice_of(shape: Shape, bounds: Sequence[tuple[int | None, int | None]]) -> Shape:
    """array_get_slice: what bounds leave out is the whole dimension; results begin at 1."""
    if len(bounds) > len(shape.sizes):
        return EMPTY
    given = [*bounds, *[(None, None)] * (len(shape.sizes) - len(bounds))]
    ranges = []
    for (low, high), (first, last) in zip(given, shape.bounds, strict=True):
        start = first if low is None else max(low, first)
        end = last if high is None else min(high, last)
        if start > end:
            return EMPTY
        ranges.append(range(start - first, end - first + 1))
    items = [shape.items[place] for place in _places(ranges, shape.sizes)]
    return Shape((1,) * len(ranges), tuple(map(len, ranges)), items)


def _places(ranges: Sequence[range], sizes: Sequence[int]) -> Iterator[int]:
    places = [0]
    for wanted, size in zip(ranges, sizes, strict=True):
        places = [place * size + index for place in places for index in wanted]
    return iter(places)


def stacked(parts: Sequence[Shape | None]) -> Shape:
    """ARRAY[part, ...]: one dimension more; of empty arrays an empty one."""
    known = [part if part is not None else EMPTY for part in parts]
    if all(not part.sizes for part in known):
        return EMPTY
    first = known[0]
    if any((part.sizes, part.lowers) != (first.sizes, first.lowers) for part in known):
        raise ArraySubscriptError(
            "multidimensional arrays must have array expressions with matching dimensions"
        )
    items = [item for part in known for item in part.items]
    return Shape((1, *first.lowers), (len(known), *first.sizes), items)


def concatenated(left: Shape, right: Shape) -> Shape:
    """array_cat."""
    if not left.sizes or not right.sizes:
        return left if left.sizes else right
    a, b = len(left.sizes), len(right.sizes)
    if abs(a - b) > 1:
        raise _incompatible(f"Arrays of {a} and {b} dimensions are not compatible for concatenation.")
    items = [*left.items, *right.items]
    if a == b:
        if left.sizes[1:] != right.sizes[1:] or left.lowers[1:] != right.lowers[1:]:
            raise _incompatible(
                "Arrays with differing element dimensions are not compatible for concatenation."
            )
        return Shape(left.lowers, (left.sizes[0] + right.sizes[0], *left.sizes[1:]), items)
    whole, part = (left, right) if a > b else (right, left)
    if whole.sizes[1:] != part.sizes or whole.lowers[1:] != part.lowers:
        raise _incompatible("Arrays with differing dimensions are not compatible for concatenation.")
    return Shape(whole.lowers, (whole.sizes[0] + 1, *part.sizes), items)


def _incompatible(detail: str) -> ArraySubscriptError:
    return ArraySubscriptError("cannot concatenate incompatible arrays", detail=detail)
