"""Arrays of more than one dimension: what binds them (types.shaped_array)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.types import SqlType
from sqlvec.types.array_literal import DECLARE_DIMENSIONS, MANY_DIMENSIONS
from sqlvec.types.shaped_array import has_shape, is_shaped, plain, shaped

if TYPE_CHECKING:
    from sqlvec.sql.binder import Binder

Bounds = Sequence[tuple[bound.Expression | None, bound.Expression | None]]  # of each dimension


def shaped_literal(text: str, target: SqlType, position: int | None, level: str) -> bound.Const | None:
    """A literal with dimensions for a type whose values are lists; None where it has one, from 1."""
    if not has_shape(target) or is_shaped(target):
        return None
    if text.count("{") < 2 and text.lstrip()[:1] != "[":
        return None
    wanted = shaped(target)
    definition = wanted.definition
    datum = definition.parse(text)
    if definition.shape(datum).is_plain:  # type: ignore[attr-defined]
        return None
    if level == "assignment":
        raise FeatureNotSupported(MANY_DIMENSIONS, hint=DECLARE_DIMENSIONS, position=position)
    return bound.Const(wanted, definition.apply_typmod(datum, target.typmod, True))


def of_one_form(binder: Binder, sides: Sequence[bound.Expression]) -> list[bound.Expression]:
    """All as arrays of every shape where one of them is."""
    if not any(is_shaped(side.type) for side in sides):
        return list(sides)
    return [
        binder.coerce(side, shaped(side.type.bare)) if has_shape(side.type) else side for side in sides
    ]


def items_of(array: bound.Expression) -> bound.Expression:
    """The elements of an array of any shape as a list."""
    if not is_shaped(array.type):
        return array
    return bound.FunctionCall(plain(array.type), "array_items", (array,))


def element(
    binder: Binder, array: bound.Expression, subscripts: Sequence[bound.Expression]
) -> bound.Expression:
    """array[i][j]"""
    of = types.element_of(array.type)
    assert of is not None, array
    places = bound.ArrayExpression(types.array_of(types.INT4), tuple(subscripts))
    return bound.FunctionCall(of, "array_element", (binder.coerce(array, shaped(array.type)), places))


def part(binder: Binder, array: bound.Expression, bounds: Bounds) -> bound.Expression:
    """array[i:j][k:l]; a bound that is left out is that of the array, which is not that of NULL."""
    result = shaped(array.type)
    return bound.FunctionCall(result, "array_part", (binder.coerce(array, result), *_ends(bounds)))


def with_elements(
    binder: Binder, array: bound.Expression, bounds: Bounds, new: bound.Expression, *, one: bool
) -> bound.Expression:
    """The array, of any form, with the elements of another in array[i:j][k:l]; one: in array[j][l]."""
    ends = _ends([(high,) for _, high in bounds] if one else bounds)
    if one:
        ends = (ends[0], bound.ArrayExpression(types.array_of(types.BOOL), ()))
    if len(bounds) == 1 or is_shaped(array.type):
        return bound.FunctionCall(array.type, "array_assign", (array, *ends, new))
    if not has_shape(array.type):
        raise FeatureNotSupported(MANY_DIMENSIONS)
    wide = shaped(array.type)
    args = (binder.coerce(array, wide), *ends, binder.coerce(new, wide))
    return binder.coerce(bound.FunctionCall(wide, "array_assign", args), array.type, level="assignment")


def _ends(
    bounds: Sequence[tuple[bound.Expression | None, ...]],
) -> tuple[bound.Expression, bound.Expression]:
    """Low and high of each dimension in turn, NULL where they are left out, and which are not."""
    given = [bound.Const(types.BOOL, end is not None) for pair in bounds for end in pair]
    missing = bound.Const(types.INT4, None)
    ends = [missing if end is None else end for pair in bounds for end in pair]
    integers, booleans = types.array_of(types.INT4), types.array_of(types.BOOL)
    return bound.ArrayExpression(integers, tuple(ends)), bound.ArrayExpression(booleans, tuple(given))
