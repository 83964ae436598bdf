"""Ranges and multiranges: their operators and functions, and casts between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlvec import types
from sqlvec.errors import AmbiguousFunction
from sqlvec.sql import bound
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types import SqlType
from sqlvec.types.range_type import Multirange, Range
from sqlvec.types.spans import ARITHMETIC, RELATIONS

if TYPE_CHECKING:
    from sqlvec.sql.binder import Binder


class Family(NamedTuple):
    """A range type, its multirange and what it is over."""

    range: SqlType
    multirange: SqlType
    element: SqlType


def _families() -> dict[int, Family]:
    """By the oids of ranges and multiranges; what is polymorphic is a family too."""
    found = [Family(types.ANYRANGE, types.ANYMULTIRANGE, types.ANYELEMENT)]
    for definition in types.all_types():
        if isinstance(definition, Multirange):
            of = definition.range
            found.append(Family(of.sql_type, definition.sql_type, of.subtype.sql_type))
    return {oid: family for family in found for oid in (family.range.oid, family.multirange.oid)}


FAMILIES = _families()
CONSTRUCTORS = {f.range.definition.name: f for f in FAMILIES.values() if isinstance(f.range.definition, Range)}
_BOUNDS = ("lower", "upper")
_TESTS = ("isempty", "lower_inc", "upper_inc", "lower_inf", "upper_inf")
SIGNATURES = "\n".join(
    [f"{name}({side}) anyelement" for name in _BOUNDS for side in ("anyrange", "anymultirange")]
    + [f"{name}({side}) bool" for name in _TESTS for side in ("anyrange", "anymultirange")]
    + ["range_merge(anyrange,anyrange) anyrange; range_merge(anymultirange) anyrange; multirange(anyrange) anymultirange"]
    + [
        f"{name}({family.element.definition.name},{family.element.definition.name},text?) {name}; "
        f"{family.multirange.definition.name}({name}...) {family.multirange.definition.name}"
        for name, family in CONSTRUCTORS.items()
    ]
)
MULTIRANGE_CONSTRUCTORS = {f.multirange.definition.name: f for f in CONSTRUCTORS.values()}
NAMES = frozenset([*_BOUNDS, *_TESTS, "range_merge", "multirange", *CONSTRUCTORS, *MULTIRANGE_CONSTRUCTORS])
AGGREGATES = """
range_agg(anyrange) anymultirange; range_agg(anymultirange) anymultirange
range_intersect_agg(anyrange) anyrange; range_intersect_agg(anymultirange) anymultirange
"""
TABLE = "unnest(anymultirange) anyrange\n"


def _forbid_unknown_container(
    name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> None:
    """'[1,5)' @> 3 may be a range or a multirange."""
    container, value = (left, right) if name == "@>" else (right, left)
    if name not in ("@>", "<@") or not is_unknown(container.type) or is_unknown(value.type):
        return
    if value.type.definition.category == "A" or value.type.oid in (types.JSONB.oid, types.TSQUERY.oid):
        return
    raise AmbiguousFunction(
        f"operator is not unique: {left.type.plain_name} {name} {right.type.plain_name}",
        position=position,
        hint="Could not choose a best candidate operator. You might need to add explicit type casts.",
    )


def family_of(sql_type: SqlType) -> Family | None:
    return FAMILIES.get(sql_type.oid)


def is_range(sql_type: SqlType) -> bool:
    family = FAMILIES.get(sql_type.oid)
    return family is not None and family.range.oid == sql_type.oid


def is_multirange(sql_type: SqlType) -> bool:
    family = FAMILIES.get(sql_type.oid)
    return family is not None and family.multirange.oid == sql_type.oid


def matches(word: str, sql_type: SqlType) -> bool:
    """Whether the type is one of those that anyrange or anymultirange stands for."""
    return is_range(sql_type) if word == "anyrange" else is_multirange(sql_type)


def family_among(words: Sequence[str], args: Sequence[bound.Expression]) -> Family | None:
    """That of the arguments for which anyrange or anymultirange stands."""
    for word, arg in zip(words, args, strict=False):
        if word in ("anyrange", "anymultirange") and (family := FAMILIES.get(arg.type.oid)):
            return family
    return None


def polymorphic(word: str, family: Family) -> SqlType | None:
    """What a pseudo-type stands for beside ranges of a family; None for other words."""
    return {"anyrange": family.range, "anymultirange": family.multirange, "anyelement": family.element}.get(word)


def range_operator(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """What an operator over ranges is; None where neither side is one, or they do not go together."""
    if name not in RELATIONS and name not in ARITHMETIC:
        return None
    families = [FAMILIES.get(side.type.oid) for side in (left, right)]
    family = families[0] or families[1]
    if family is None:
        _forbid_unknown_container(name, left, right, position)
        return None
    sides = [left, right]
    for place, side in enumerate(sides):
        if is_unknown(side.type):
            sides[place] = binder.coerce(side, sides[1 - place].type, position=position)
    oids = [side.type.oid for side in sides]
    if name in ARITHMETIC:
        if oids[0] != oids[1]:
            return None
        return bound.FunctionCall(sides[0].type.bare, name, tuple(sides), True)
    members = (family.range.oid, family.multirange.oid)
    elements = {"@>": (1, family.element.oid), "<@": (0, family.element.oid)}.get(name)
    for place, oid in enumerate(oids):
        if oid not in members and elements != (place, oid):
            return None
    return bound.FunctionCall(types.BOOL, name, tuple(sides), True)
