"""Functions over arrays of any shape, which the relational engine holds as their literals; sql.render_arrays calls
them. Source: arrayfuncs.c, array_userfuncs.c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlvec import types
from sqlvec.errors import DataException, FeatureNotSupported, NullValueNotAllowed
from sqlvec.exec.relational_user_types import sort_key
from sqlvec.types import SqlType
from sqlvec.types import shaped_array as shapes
from sqlvec.types.array_assignment import with_items
from sqlvec.types.array_literal import (
    DECLARE_DIMENSIONS,
    MANY_DIMENSIONS,
    OTHER_BOUNDS,
    parse_shape,
)
from sqlvec.types.shaped_array import Shape, ShapedArray
from sqlvec.types.zoned import in_zone

_TEXT_TYPE = types.TEXT.definition


def _definition(oid: int) -> ShapedArray:
    found = SqlType(oid).definition
    assert isinstance(found, ShapedArray), oid
    return found


def _shape(text: str) -> Shape:
    """With the elements as texts."""
    return Shape(*parse_shape(text, _TEXT_TYPE, -1))


def _text(shape: Shape) -> str:
    return shapes.literal_of(*shape)


def parse(text: str, oid: int, typmod: int, zone: str) -> str:
    definition = _definition(oid)
    datum = in_zone(definition, zone).parse(text) if zone else definition.parse(text)
    if zone:  # datums are in UTC
        datum = definition.text_of(parse_shape(datum, in_zone(definition.element, zone), -1))
    return definition.apply_typmod(datum, typmod, True)


def shown(text: str, oid: int, zone: str) -> str:
    return in_zone(_definition(oid), zone).render(text)


def key(text: str, oid: int) -> bytes:
    """array_cmp: the elements in order, then how many there are, then dimensions and bounds."""
    definition = _definition(oid)
    lowers, sizes, elements = definition.shape(text)
    of = definition.element.sql_type
    body = b"".join(b"\xff" if item is None else b"\x01" + sort_key(of, item) for item in elements)
    tail = [len(elements), len(sizes), *sizes, *lowers]
    return body + b"\0" + b"".join((number + 2**31).to_bytes(5) for number in tail)


def items(text: str) -> list[str | None]:
    return _shape(text).items


def plain(text: str) -> list[str | None]:
    shape = _shape(text)
    if not shape.is_plain:
        raise FeatureNotSupported(MANY_DIMENSIONS, hint=DECLARE_DIMENSIONS)
    return shape.items


def vector(text: str) -> list[str | None]:
    """Of an array that becomes a vector."""
    shape = _shape(text)
    if len(shape.sizes) > 1:
        raise DataException("array must be 1-D")
    return shape.items


def searched(text: str) -> str:
    """Where one element is looked for."""
    if len(_shape(text).sizes) > 1:
        raise FeatureNotSupported("searching for elements in multidimensional arrays is not supported")
    return text


def length(text: str, dimension: int) -> int | None:
    sizes = _shape(text).sizes
    return sizes[dimension - 1] if 1 <= dimension <= len(sizes) else None


def lower(text: str, dimension: int) -> int | None:
    lowers = _shape(text).lowers
    return lowers[dimension - 1] if 1 <= dimension <= len(lowers) else None


def upper(text: str, dimension: int) -> int | None:
    bounds = _shape(text).bounds
    return bounds[dimension - 1][1] if 1 <= dimension <= len(bounds) else None


def ndims(text: str) -> int | None:
    return len(_shape(text).sizes) or None


def dims(text: str) -> str | None:
    shape = _shape(text)
    return shapes.dimensions_text(shape.lowers, shape.sizes) or None


def element(text: str, subscripts: Sequence[int | None]) -> str | None:
    return shapes.element_at(_shape(text), subscripts)  # type: ignore[no-any-return]


def part(text: str, ends: Sequence[int | None], given: Sequence[bool]) -> str | None:
    """given: whether a bound was written; one that was and is NULL makes everything NULL."""
    if any(end is None and wanted for end, wanted in zip(ends, given, strict=True)):
        return None
    return _text(shapes.slice_of(_shape(text), list(zip(ends[::2], ends[1::2], strict=True))))


def like(text: str, texts: Sequence[str | None]) -> str:
    """Other elements in the same shape."""
    shape = _shape(text)
    return _text(shape._replace(items=list(texts)))


def stack(parts: Sequence[str | None]) -> str:
    return _text(shapes.stacked([None if part is None else _shape(part) for part in parts]))


def cat(left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return left if right is None else right
    return _text(shapes.concatenated(_shape(left), _shape(right)))


def append(array: str | None, one: str) -> str:
    shape = shapes.EMPTY if array is None else _shape(array)
    _require_one_dimension(shape)
    return _text(shapes.concatenated(shape, _shape(one)))


def prepend(one: str, array: str | None) -> str:
    """The array begins where it began."""
    shape = shapes.EMPTY if array is None else _shape(array)
    _require_one_dimension(shape)
    joined = shapes.concatenated(_shape(one), shape)
    return _text(joined._replace(lowers=shape.lowers or joined.lowers))


def _require_one_dimension(shape: Shape) -> None:
    if len(shape.sizes) > 1:
        raise DataException("argument must be empty or one-dimensional array")


def nested_json(text: str, documents: Sequence[str]) -> str:
    """The elements' documents in the array's shape."""
    words = list(documents)
    for size in reversed(_shape(text).sizes):
        words = ["[" + ",".join(words[i : i + size]) + "]" for i in range(0, len(words), size)]
    return words[0] if words else "[]"


def aggregate(texts: Sequence[str | None]) -> str:
    """array_agg of arrays."""
    found: list[Shape] = []
    for text in texts:
        if text is None:
            raise NullValueNotAllowed("cannot accumulate null arrays")
        shape = _shape(text)
        if not shape.sizes:
            raise shapes.ArraySubscriptError("cannot accumulate empty arrays")
        if found and (shape.sizes, shape.lowers) != (found[0].sizes, found[0].lowers):
            raise shapes.ArraySubscriptError("cannot accumulate arrays of different dimensionality")
        found.append(shape)
    return _text(shapes.stacked(found))


def assign(
    text: str | None, ends: Sequence[int | None], given: Sequence[bool], new: str | None
) -> str:
    """NULL is an empty array; NULL for items changes nothing."""
    shape = shapes.EMPTY if text is None else _shape(text)
    return _text(shape if new is None else with_items(shape, ends, given, _shape(new).items))


def places(
    size: int | None, ends: Sequence[int | None], given: Sequence[bool], new_size: int | None
) -> list[int | None]:
    """The same of a list, as what is to be taken: n for its n-th element, -n for the n-th of the new ones."""
    old: list[Any] = list(range(1, (size or 0) + 1))
    if new_size is None:
        return old
    shape = Shape((1,), (len(old),), old) if old else shapes.EMPTY
    found = with_items(shape, ends, given, range(-1, -new_size - 1, -1))
    if not found.is_plain:
        raise FeatureNotSupported(OTHER_BOUNDS, hint=DECLARE_DIMENSIONS)
    return found.items


_WORD, _WORDS, _LONG, _LONGS = "VARCHAR", "VARCHAR[]", "BIGINT", "BIGINT[]"
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("shaped_parse", parse, [_WORD, _LONG, _LONG, _WORD], _WORD),
    ("shaped_shown", shown, [_WORD, _LONG, _WORD], _WORD),
    ("shaped_key", key, [_WORD, _LONG], "BLOB"),
    ("shaped_items", items, [_WORD], _WORDS),
    ("shaped_plain", plain, [_WORD], _WORDS),
    ("shaped_vector", vector, [_WORD], _WORDS),
    ("shaped_searched", searched, [_WORD], _WORD),
    ("shaped_length", length, [_WORD, _LONG], _LONG),
    ("shaped_lower", lower, [_WORD, _LONG], _LONG),
    ("shaped_upper", upper, [_WORD, _LONG], _LONG),
    ("shaped_ndims", ndims, [_WORD], _LONG),
    ("shaped_dims", dims, [_WORD], _WORD),
    ("shaped_element", element, [_WORD, _LONGS], _WORD),
    ("shaped_part", part, [_WORD, _LONGS, "BOOLEAN[]"], _WORD),
    ("shaped_assign", assign, [_WORD, _LONGS, "BOOLEAN[]", _WORD], _WORD),
    ("array_places", places, [_LONG, _LONGS, "BOOLEAN[]", _LONG], _LONGS),
    ("shaped_like", like, [_WORD, _WORDS], _WORD),
    ("shaped_stack", stack, [_WORDS], _WORD),
    ("shaped_aggregate", aggregate, [_WORDS], _WORD),
    ("shaped_cat", cat, [_WORD, _WORD], _WORD),
    ("shaped_append", append, [_WORD, _WORD], _WORD),
    ("shaped_prepend", prepend, [_WORD, _WORD], _WORD),
    ("shaped_json", nested_json, [_WORD, _WORDS], _WORD),
]
TAKES_NULL = frozenset(
    ["shaped_cat", "shaped_append", "shaped_prepend", "shaped_assign", "array_places"]
)
