"""A ranked LATERAL subquery: run natively for each row that it refers to.

    FROM q, LATERAL (SELECT ... FROM docs ORDER BY docs.e <=> q.e LIMIT 5) d
      →   FROM q, d  WHERE q.e IS NOT DISTINCT FROM d.parameter

where d is a source: for every distinct q.e the rows that the subquery gives, with q.e beside them. So each ranking
is an index scan with its own query vector or query text. Not for a subquery that refers to anything but what stands
before it in FROM, or has no LIMIT: then most of it would be read anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.plan.locking import PlanQuery, common_tables_of, reads_and_relations
from sqlvec.plan.physical import LateralSource
from sqlvec.plan.predicate import conjunction, conjuncts
from sqlvec.sql import bound
from sqlvec.sql.substitution import Replacements, substituted
from sqlvec.sql.tree import nodes, walk

_RANKS = (bound.Distance, bound.TextScore, bound.Fusion, bound.Mmr)
AddSource = Callable[[int, LateralSource], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """catalog and plan_query plan what is cut out; ctes are the WITH queries in sight; add takes a source."""

    catalog: Catalog
    plan_query: PlanQuery
    ctes: dict[str, bound.CommonTable]
    add: AddSource


def without_laterals(select: bound.Select, around: Surroundings) -> bound.Select:
    """The select in which every ranked LATERAL subquery is a source of its own."""
    items: list[bound.FromItem] = []
    extra: list[bound.Expression] = []
    for item in select.from_:
        cut, condition = _cut(item, tuple(items), select.where, around)
        items.append(cut)
        extra += [condition] if condition is not None else []
    if tuple(items) == select.from_:
        return select
    where = conjunction([*conjuncts(select.where), *extra])
    return replace(select, from_=tuple(items), where=where)


def _cut(
    item: bound.FromItem,
    before: tuple[bound.FromItem, ...],
    where: bound.Expression | None,
    around: Surroundings,
) -> tuple[bound.FromItem, bound.Expression | None]:
    """The item, and the condition that holds between it and what stands before it."""
    if isinstance(item, bound.Join):
        left, above = _cut(item.left, before, where, around)
        right, beside = _cut(item.right, (*before, left), where, around)
        if left == item.left and right == item.right:
            return item, None
        if beside is None:
            return replace(item, left=left, right=right), above
        kind = "inner" if item.kind == "cross" else item.kind
        condition = conjunction([*conjuncts(item.condition), beside])
        return bound.Join(kind, left, right, condition), above
    if not isinstance(item, bound.DerivedTable) or not item.lateral or not before:
        return item, None
    return _source(item, before, where, around) or (item, None)


def _source(
    derived: bound.DerivedTable,
    before: tuple[bound.FromItem, ...],
    where: bound.Expression | None,
    around: Surroundings,
) -> tuple[bound.FromItem, bound.Expression] | None:
    inner = derived.query
    if not isinstance(inner, bound.Select) or not inner.order_by or inner.limit is None:
        return None
    if not any(isinstance(node, _RANKS) for node in walk(inner.order_by[0].expression)):
        return None
    read, own = reads_and_relations(inner)
    _, outer = reads_and_relations(before)
    wanted = sorted(
        {node for node in read if node.relation_id not in own},
        key=lambda node: (node.relation_id, getattr(node, "ordinal", -1)),
    )
    columns = [node for node in wanted if isinstance(node, bound.ColumnRef)]
    if not columns or len(columns) < len(wanted) or common_tables_of(inner):
        return None
    if any(column.relation_id not in outer for column in columns):
        return None
    first = 1 + max((n.number for n in nodes(inner) if isinstance(n, bound.Param)), default=0)
    parameters: Replacements = {
        (column.relation_id, column.ordinal): bound.Param(column.type, first + i)
        for i, column in enumerate(columns)
    }
    plan = around.plan_query(substituted(inner, parameters), around.catalog)
    values = _distinct_values(columns, before, where, around)
    shown = tuple(bound.OutputColumn(c.name, c.type) for c in derived.columns)
    beside = tuple(bound.OutputColumn(f"parameter{i}", c.type) for i, c in enumerate(columns))
    around.add(derived.relation_id, LateralSource(values, plan, first, shown + beside))
    scan = bound.CteScan(derived.relation_id, derived.alias, shown + beside, "lateral")
    equal = [
        bound.DistinctFrom(
            types.BOOL, column, bound.ColumnRef(column.type, scan.relation_id, len(shown) + i, "parameter"), True
        )
        for i, column in enumerate(columns)
    ]  # fmt: skip
    condition = conjunction(equal)
    assert condition is not None, columns
    return scan, condition


def _distinct_values(
    columns: list[bound.ColumnRef],
    before: tuple[bound.FromItem, ...],
    where: bound.Expression | None,
    around: Surroundings,
) -> Any:
    """The plan for the values that the subquery is run with: of rows that may be in the result."""
    _, relations = reads_and_relations(before)
    own = [
        part
        for part in conjuncts(where)
        if {node.relation_id for node in reads_and_relations(part)[0]} <= relations
        and not any(isinstance(node, bound.Subquery) for node in walk(part))
    ]
    shown = tuple(bound.OutputColumn(c.name, c.type) for c in columns)
    targets = tuple(bound.Target(c.name, c) for c in columns)
    select = bound.Select(shown, targets, before, conjunction(own), distinct=True)
    missing = common_tables_of(select)
    known = tuple(table for name, table in around.ctes.items() if name in missing)
    return around.plan_query(replace(select, ctes=known), around.catalog)
