"""json['key'][1]: what it reads of a jsonb value, and what becomes of the value that it is assigned to (jsonbsubs.c)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlvec import types
from sqlvec.errors import DatatypeMismatch
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import Node
from sqlvec.sql.type_rules import is_unknown

BindNode = Callable[[Node], bound.Expression]

_PLACES = frozenset([types.INT2.oid, types.INT4.oid])
_KEYS = frozenset([types.TEXT.oid, types.VARCHAR.oid, types.BPCHAR.oid, types.NAME.oid])
_INTEGER = re.compile(r"\s*[-+]?\d+\Z")


def json_element(
    binder: Binder, value: bound.Expression, subscripts: Sequence[Node], bind: BindNode
) -> bound.Expression:
    """Keys that name no place of an array are those of ->, which indexes and filters know."""
    steps = _steps(binder, subscripts, bind)
    if all(_is_key(step) for step in steps):
        for step in steps:
            value = bind_operator(binder, "->", value, step, None)
        return value
    return bind_operator(binder, "#>", value, _path(binder, steps), None)


def with_json_element(
    binder: Binder,
    whole: bound.Expression,
    subscripts: Sequence[Node],
    bind: BindNode,
    element: bound.Expression,
) -> bound.Expression:
    """The value with another element; where it is NULL, one that is made for the first subscript."""
    steps = _steps(binder, subscripts, bind)
    empty = bound.Const(types.TEXT, "[]" if steps[0].type.oid in _PLACES else "{}")
    path = _path(binder, steps)
    return bound.FunctionCall(types.JSONB, "jsonb_assign", (whole, path, element, empty))


def _steps(binder: Binder, subscripts: Sequence[Node], bind: BindNode) -> list[bound.Expression]:
    return [_step(binder, node, bind) for node in subscripts]


def _step(binder: Binder, node: Node, bind: BindNode) -> bound.Expression:
    if node.get("is_slice"):
        end = node.get("uidx") or node.get("lidx")
        position = None if end is None else location_of(binder, end)
        raise DatatypeMismatch("jsonb subscript does not support slices", position=position)
    step = bind(node["uidx"])
    if is_unknown(step.type):
        return binder.coerce(step, types.TEXT)
    if step.type.oid not in _PLACES | _KEYS:
        raise DatatypeMismatch(
            f"subscript type {step.type.plain_name} is not supported",
            hint="jsonb subscript must be coercible to either integer or text.",
            position=location_of(binder, node["uidx"]),
        )
    return step


def _is_key(step: bound.Expression) -> bool:
    value = step.value if isinstance(step, bound.Const) else None
    return isinstance(value, str) and not _INTEGER.match(value)


def _path(binder: Binder, steps: list[bound.Expression]) -> bound.Expression:
    texts = tuple(binder.coerce(step, types.TEXT, level="explicit") for step in steps)
    return bound.ArrayExpression(types.array_of(types.TEXT), texts)
