"""What zone maps can say of a predicate that only the relational engine decides."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.objects import Table
from sqlvec.index.zone_map import zone_order
from sqlvec.plan.native import is_constant, is_native
from sqlvec.plan.physical import AllOf, AnyOf, ColumnPredicate, Predicate
from sqlvec.sql import bound

FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Casts under which a column's values stay between the bounds of its zone.
_KEPT = frozenset(
    [(source.oid, target.oid) for source in (types.INT2, types.INT4, types.INT8, types.NUMERIC)
     for target in (types.NUMERIC, types.FLOAT8)]
    + [(types.INT2.oid, types.INT4.oid), (types.INT2.oid, types.INT8.oid), (types.INT4.oid, types.INT8.oid)]
    + [(types.OID.oid, types.INT8.oid), (types.FLOAT4.oid, types.FLOAT8.oid)]
    + [(source.oid, types.TEXT.oid) for source in (types.TEXT, types.VARCHAR, types.NAME)]
)  # fmt: skip


def zone_candidates(expression: bound.Expression, relation_id: int, table: Table) -> Predicate | None:
    """A predicate of columns that holds wherever the expression does: of an AND the parts that zones know
    something of, of an OR all of them. None where they know nothing.

    Not below NOT: a zone that is not ruled out is no proof that its rows match.
    """
    if isinstance(expression, bound.Boolean) and expression.op in ("and", "or"):
        parts = [zone_candidates(arg, relation_id, table) for arg in expression.args]
        found = tuple(part for part in parts if part is not None)
        if expression.op == "or":
            return AnyOf(found) if len(found) == len(parts) else None
        if len(found) < 2:
            return found[0] if found else None
        return AllOf(found)
    if isinstance(expression, bound.FunctionCall) and expression.operator:
        return _comparison(expression, relation_id, table)
    if not isinstance(expression, (bound.InList, bound.AnyAll, bound.Test)):
        return None
    column = _column(expression.arg, relation_id, table)
    if column is None:
        return None
    if isinstance(expression, bound.Test):
        is_of_null = expression.kind in ("null", "not_null")
        return ColumnPredicate(column.ordinal + 1, expression.kind, (), expression) if is_of_null else None
    if isinstance(expression, bound.InList):
        return None if expression.negated else _predicate(column, "in", expression.items, expression)
    if expression.op != "=" or expression.all:
        return None
    return _predicate(column, "any", (expression.array,), expression)


def _comparison(call: bound.FunctionCall, relation_id: int, table: Table) -> Predicate | None:
    if call.name not in FLIPPED or len(call.args) != 2:
        return None
    (left, right), op = call.args, call.name
    if is_constant(left):
        left, right, op = right, left, FLIPPED[op]
    column = _column(left, relation_id, table)
    return None if column is None else _predicate(column, op, (right,), call)


def _predicate(
    column: bound.ColumnRef, op: str, values: tuple[bound.Expression, ...], source: bound.Expression
) -> Predicate | None:
    order = zone_order(column.type)
    for value in values:
        type = types.element_of(value.type) if op == "any" else value.type
        if not order or type is None or zone_order(type) != order:
            return None
        if not is_constant(value) or not is_native(value):
            return None
    return ColumnPredicate(column.ordinal + 1, op, values, source) if values else None


def _column(
    expression: bound.Expression, relation_id: int, table: Table
) -> bound.ColumnRef | None:
    while isinstance(expression, bound.Cast) and expression.type.typmod < 0:
        if (expression.arg.type.oid, expression.type.oid) not in _KEPT:
            return None
        expression = expression.arg
    if not isinstance(expression, bound.ColumnRef) or expression.relation_id != relation_id:
        return None
    return expression if expression.ordinal < len(table.columns) else None
