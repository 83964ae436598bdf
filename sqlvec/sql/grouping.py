"""GROUP BY: what may stand outside aggregates, and where aggregates may not stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlvec.errors import FeatureNotSupported, GroupingError, WindowingError
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.functions import TABLE_FUNCTIONS
from sqlvec.sql.scope import Scope
from sqlvec.sql.tree import children, walk

Positions = Mapping[bound.Expression, int]
_APART = (bound.Aggregate, bound.Grouping, bound.Subquery)


def contains_aggregate(expression: bound.Expression) -> bool:
    return any(isinstance(part, (bound.Aggregate, bound.Grouping)) for part in walk(expression))


def contains_window(expression: bound.Expression) -> bool:
    return any(isinstance(part, bound.WindowCall) for part in walk(expression))


def first_of(
    expression: bound.Expression, kind: type[bound.Expression]
) -> bound.Expression | None:
    """The first part that is of the kind."""
    return next((part for part in walk(expression) if isinstance(part, kind)), None)


def forbid_aggregates(
    expression: bound.Expression, clause: str, positions: Positions = MappingProxyType({})
) -> None:
    """42803 for aggregates, 42P20 for window functions, where a clause allows neither."""
    position = positions.get(expression)
    if isinstance(expression, bound.Aggregate):
        raise GroupingError(
            f"aggregate functions are not allowed in {clause}", position=position
        )
    if isinstance(expression, bound.Grouping):
        raise GroupingError(
            f"grouping operations are not allowed in {clause}", position=position
        )
    if isinstance(expression, bound.WindowCall):
        raise WindowingError(f"window functions are not allowed in {clause}", position=position)
    if isinstance(expression, (bound.Fusion, bound.Mmr)):
        raise WindowingError(
            f"fused scores are not allowed in {clause}",
            position=position,
            hint="They are of the rows that the clause leaves. Put the query into a subquery.",
        )
    for child in children(expression):
        forbid_aggregates(child, clause, positions)


def forbid_windows(
    expression: bound.Expression, clause: str, positions: Positions = MappingProxyType({})
) -> None:
    """42P20 for window functions, where a clause allows aggregates only."""
    found = first_of(expression, bound.WindowCall)
    if found is not None:
        raise WindowingError(
            f"window functions are not allowed in {clause}", position=positions.get(found)
        )


def returns_set(expression: bound.Expression) -> bool:
    return isinstance(expression, bound.FunctionCall) and expression.name in TABLE_FUNCTIONS


def forbid_sets(
    expression: bound.Expression, clause: str, positions: Positions, *, hint: bool = False
) -> None:
    """0A000 for functions that return rows, where a clause is computed row by row."""
    found = next((part for part in walk(expression) if returns_set(part)), None)
    if found is not None:
        raise FeatureNotSupported(
            clause if " " in clause else f"set-returning functions are not allowed in {clause}",
            position=positions.get(found),
            hint="You might be able to move the set-returning function into a LATERAL FROM item."
            if hint
            else None,
        )


def check_grouping(
    binder: Binder,
    expressions: Sequence[bound.Expression],
    group_by: Sequence[bound.Expression],
    scope: Scope,
) -> None:
    """Every column outside an aggregate is grouped, or depends on a grouped primary key."""
    local = {relation.relation_id: relation for relation in scope.relations}
    grouped = set(group_by)
    keyed = {
        relation_id
        for relation_id, table in binder.tables.items()
        if relation_id in local and table.primary_key and _has_key(grouped, relation_id, table.primary_key)
    }
    for expression in expressions:
        _check(binder, expression, grouped, local, keyed)


def _has_key(grouped: set[bound.Expression], relation_id: int, key: tuple[int, ...]) -> bool:
    columns = {
        e.ordinal + 1
        for e in grouped
        if isinstance(e, bound.ColumnRef) and e.relation_id == relation_id
    }
    return set(key) <= columns


def _check(
    binder: Binder,
    expression: bound.Expression,
    grouped: set[bound.Expression],
    local: dict[int, bound.RelationNode],
    keyed: set[int],
) -> None:
    if expression in grouped or isinstance(expression, bound.Aggregate):
        if isinstance(expression, bound.Aggregate):
            _forbid_nested(expression, binder.positions)
        return
    if isinstance(expression, bound.Grouping):
        ungrouped = [arg for arg in expression.args if arg not in grouped]
        if ungrouped:
            raise GroupingError(
                "arguments to GROUPING must be grouping expressions of the associated query level",
                position=binder.positions.get(ungrouped[0]),
            )
        return
    if isinstance(expression, bound.ColumnRef) and expression.relation_id in local:
        if expression.relation_id in keyed:
            return
        alias = local[expression.relation_id].alias
        name = f"{alias}.{expression.name}" if alias else expression.name
        raise GroupingError(
            f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate '
            "function",
            position=binder.positions.get(expression),
        )
    for child in children(expression):
        _check(binder, child, grouped, local, keyed)


def _forbid_nested(aggregate: bound.Aggregate, positions: Positions) -> None:
    stack = list(children(aggregate))
    while stack:
        node = stack.pop(0)
        if isinstance(node, (bound.Aggregate, bound.Grouping)):
            raise GroupingError(
                "aggregate function calls cannot be nested", position=positions.get(node)
            )
        stack = [*children(node), *stack]


def ungrouped_columns(select: bound.Select) -> list[bound.ColumnRef]:
    """Columns that stand outside aggregates without being grouped themselves, in order."""
    if not select.group_by:
        return []
    found: dict[bound.ColumnRef, None] = {}
    grouped = set(select.group_by)
    expressions = [t.expression for t in select.targets] + [k.expression for k in select.order_by]
    expressions += [select.having] if select.having is not None else []
    for expression in expressions:
        _collect_ungrouped(expression, grouped, found)
    return list(found)


def _collect_ungrouped(
    expression: bound.Expression,
    grouped: set[bound.Expression],
    found: dict[bound.ColumnRef, None],
) -> None:
    if expression in grouped or isinstance(expression, _APART):
        return
    if isinstance(expression, bound.ColumnRef):
        found[expression] = None
        return
    for child in children(expression):
        _collect_ungrouped(child, grouped, found)
