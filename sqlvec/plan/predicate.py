"""From a WHERE clause to a predicate tree over one table, and its tenant and key."""

from __future__ import annotations

from collections.abc import Iterable

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Table
from sqlvec.plan.lexeme_candidates import lexeme_candidates
from sqlvec.plan.native import is_constant, relations_of
from sqlvec.plan.physical import (
    AllOf,
    AnyOf,
    ColumnPredicate,
    DistancePredicate,
    Predicate,
    Prefilter,
    Residual,
    TextPredicate,
)
from sqlvec.plan.zone_candidates import FLIPPED, zone_candidates
from sqlvec.sql import bound
from sqlvec.sql.keys import unique_keys
from sqlvec.sql.system_columns import ROW_ID_ORDINAL

# Types whose Arrow form compares as PostgreSQL compares the values. Unconstrained numeric is text on
# disk, char(n) ignores trailing blanks, jsonb has an order of its own: those are residual.
_COMPARABLE = frozenset(
    t.oid
    for t in (
        types.BOOL, types.INT2, types.INT4, types.INT8, types.OID, types.FLOAT4, types.FLOAT8,
        types.TEXT, types.VARCHAR, types.NAME, types.UUID, types.DATE, types.TIMESTAMP,
        types.TIMESTAMPTZ, types.BYTEA,
    )
)  # fmt: skip
_INTEGERS = frozenset(t.oid for t in (types.INT2, types.INT4, types.INT8, types.OID))
_TEXTS = frozenset(t.oid for t in (types.TEXT, types.VARCHAR, types.NAME))


def conjuncts(where: bound.Expression | None) -> list[bound.Expression]:
    if where is None or isinstance(where, bound.Const) and where.value is True:
        return []
    if isinstance(where, bound.Boolean) and where.op == "and":
        return [part for arg in where.args for part in conjuncts(arg)]
    return [where]


def conjunction(parts: Iterable[bound.Expression]) -> bound.Expression | None:
    listed = tuple(parts)
    if not listed:
        return None
    return listed[0] if len(listed) == 1 else bound.Boolean(types.BOOL, "and", listed)


def prefilter(
    scan: bound.TableScan, where: bound.Expression | None, catalog: Catalog
) -> Prefilter:
    """The row set that `where`, a predicate over this table alone, asks for."""
    table = scan.table
    parts: list[Predicate] = []
    residual: list[bound.Expression] = []
    equal: dict[int, bound.Expression] = {}
    for conjunct in conjuncts(where):
        predicate = _predicate(scan.relation_id, table, conjunct)
        if isinstance(predicate, Residual):
            residual.append(conjunct)
            continue
        parts.append(predicate)
        if isinstance(predicate, ColumnPredicate) and predicate.op == "=":
            equal[predicate.attnum] = predicate.values[0]
    rest = conjunction(residual)
    if rest is not None:
        candidates = lexeme_candidates(rest, scan.relation_id, table, catalog)
        decided = Residual(rest, zone_candidates(rest, scan.relation_id, table))
        parts += [decided] if candidates is None else [candidates, decided]
    tree: Predicate | None = None
    if parts:
        tree = parts[0] if len(parts) == 1 else AllOf(tuple(parts))
    tenant = equal.get(table.tenant_attnum) if table.tenant_attnum else None
    key = () if scan.heirs else _key(table, catalog, equal)  # others may have rows with that key
    return Prefilter(scan, tree, tenant, key)


def _key(
    table: Table, catalog: Catalog, equal: dict[int, bound.Expression]
) -> tuple[tuple[int, bound.Expression], ...]:
    for key in unique_keys(table, catalog):
        if all(attnum in equal for attnum in key):
            return tuple((attnum, equal[attnum]) for attnum in key)
    return ()


def _predicate(relation_id: int, table: Table, expression: bound.Expression) -> Predicate:
    if isinstance(expression, bound.Boolean) and expression.op in ("and", "or"):
        parts = [_predicate(relation_id, table, arg) for arg in expression.args]
        if any(isinstance(part, Residual) for part in parts):
            return Residual(expression)
        return AllOf(tuple(parts)) if expression.op == "and" else AnyOf(tuple(parts))
    if isinstance(expression, bound.TextMatch) and is_constant(expression.query):
        return TextPredicate(expression)
    if isinstance(expression, bound.FunctionCall) and expression.operator:
        return _comparison(relation_id, expression)
    if isinstance(expression, bound.Test):
        return _test(relation_id, expression)
    if isinstance(expression, bound.InList) and not expression.negated:
        column = _column(relation_id, expression.arg)
        if column is not None and all(_fits(column, item) for item in expression.items):
            return ColumnPredicate(column.ordinal + 1, "in", expression.items, expression)
    if isinstance(expression, bound.AnyAll) and expression.op == "=" and not expression.all:
        column = _column(relation_id, expression.arg)
        element = types.element_of(expression.array.type)
        if column is not None and is_constant(expression.array) and _same(column.type, element):
            return ColumnPredicate(column.ordinal + 1, "any", (expression.array,), expression)
    column = _column(relation_id, expression)
    if column is not None and column.type == types.BOOL:
        true = bound.Const(types.BOOL, True)
        return ColumnPredicate(column.ordinal + 1, "=", (true,), expression)
    return Residual(expression)


def _comparison(relation_id: int, call: bound.FunctionCall) -> Predicate:
    if call.name not in FLIPPED or len(call.args) != 2:
        return Residual(call)
    left, right = call.args
    op = call.name
    if is_constant(left) and not is_constant(right):
        left, right, op = right, left, FLIPPED[op]
    distance = _strip(left)
    if isinstance(distance, bound.Distance) and is_constant(right) and op != "=":
        if _column(relation_id, distance.left) and is_constant(distance.right):
            return DistancePredicate(distance, op, right)
    column = _column(relation_id, left)
    if column is None or not _fits(column, right):
        return Residual(call)
    return ColumnPredicate(column.ordinal + 1, op, (right,), call)


def _test(relation_id: int, test: bound.Test) -> Predicate:
    column = _any_column(relation_id, test.arg)
    if column is not None and test.kind in ("null", "not_null"):
        return ColumnPredicate(column.ordinal + 1, test.kind, (), test)
    return Residual(test)


def _strip(expression: bound.Expression) -> bound.Expression:
    """Without the binder's own widening casts, which do not change how values compare."""
    while isinstance(expression, bound.Cast) and not expression.explicit:
        if not _same(expression.arg.type, expression.type):
            break
        expression = expression.arg
    return expression


def _same(left: types.SqlType, right: types.SqlType | None) -> bool:
    if right is None:
        return False
    if left.oid == right.oid:
        return True
    return any(left.oid in family and right.oid in family for family in (_INTEGERS, _TEXTS))


def _any_column(relation_id: int, expression: bound.Expression) -> bound.ColumnRef | None:
    expression = _strip(expression)
    if isinstance(expression, bound.ColumnRef) and expression.relation_id == relation_id:
        return expression if expression.ordinal < ROW_ID_ORDINAL else None
    return None


def _column(relation_id: int, expression: bound.Expression) -> bound.ColumnRef | None:
    column = _any_column(relation_id, expression)
    if column is None:
        return None
    dense = column.type.oid in (types.VECTOR.oid, types.HALFVEC.oid) and column.type.typmod > 0
    comparable = column.type.order_oid in _COMPARABLE or dense
    return column if comparable else None


def _fits(column: bound.ColumnRef, value: bound.Expression) -> bool:
    if column.type.order_oid not in _COMPARABLE or not is_constant(value):
        return False
    return _same(column.type, _strip(value).type) and not relations_of(value)
