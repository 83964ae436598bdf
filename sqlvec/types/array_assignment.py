"""array[low:high] = items: array_set_element and array_set_slice of arrayfuncs.c."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from sqlvec.errors import ArraySubscriptError, NullValueNotAllowed, ProgramLimitExceeded
from sqlvec.types.shaped_array import Shape

ITEMS_MAX = 134_217_727  # MaxArraySize in arrayutils.c


def with_items(
    array: Shape,
    ends: Sequence[int | None],
    given: Sequence[bool],
    items: Sequence[Any],
) -> Shape:
    """ends: low and high of each dimension in turn; those that are not given are the array's. With nothing
    in `given` the subscripts of one element."""
    if not given:
        if array.sizes and len(array.sizes) != len(ends):
            raise ArraySubscriptError("wrong number of array subscripts")
        ends = [end for end in ends for _ in "lh"]
        given = [True] * len(ends)
    if any(end is None for end, told in zip(ends, given, strict=True) if told):
        raise NullValueNotAllowed("array subscript in assignment must not be null")
    count = len(ends) // 2
    if not array.sizes:
        if not all(given):
            raise ArraySubscriptError(
                "array slice subscript must provide both boundaries",
                detail="When assigning to a slice of an empty array value, slice boundaries must be "
                "fully specified.",
            )
        array = Shape(tuple(end or 0 for end in ends[::2]), (0,) * count, [])
    elif len(array.sizes) < count:
        raise ArraySubscriptError("wrong number of array subscripts")
    own = [end for pair in array.bounds for end in pair]
    wanted = [
        end if told else own[i] for i, (end, told) in enumerate(zip(ends, given, strict=True))
    ]
    bounds = [(low or 0, high or 0) for low, high in zip(wanted[::2], wanted[1::2], strict=True)]
    bounds += array.bounds[count:]
    if any(low > high for low, high in bounds):
        raise ArraySubscriptError("upper bound cannot be less than lower bound")
    if prod(high - low + 1 for low, high in bounds) > len(items):
        raise ArraySubscriptError("source array too small")
    if len(array.sizes) == 1 or not array.items:
        array = _reaching(array, bounds)
    elif any(
        low < first or high > last
        for (low, high), (first, last) in zip(bounds, array.bounds, strict=True)
    ):
        raise ArraySubscriptError("array subscript out of range")
    return _replaced(array, bounds, items)


def _reaching(array: Shape, bounds: list[tuple[int, int]]) -> Shape:
    """Of one dimension, or empty: with NULL in the places that it lacks."""
    if not array.items:
        sizes = tuple(high - low + 1 for low, high in bounds)
        return Shape(tuple(low for low, _ in bounds), sizes, [None] * prod(sizes))
    ((low, high),), ((first, last),) = bounds, array.bounds
    before, after = max(first - low, 0), max(high - last, 0)
    if before + len(array.items) + after > ITEMS_MAX:
        raise ProgramLimitExceeded(f"array size exceeds the maximum allowed ({ITEMS_MAX})")
    items = [None] * before + array.items + [None] * after
    return Shape((first - before,), (len(items),), items)


def _replaced(array: Shape, bounds: list[tuple[int, int]], items: Sequence[Any]) -> Shape:
    found = list(array.items)
    ranges = [range(low, high + 1) for low, high in bounds]
    for place, item in zip(product(*ranges), items, strict=False):
        flat = 0
        for at, low, size in zip(place, array.lowers, array.sizes, strict=True):
            flat = flat * size + at - low
        found[flat] = item
    return Shape(array.lowers, array.sizes, found)
