"""A view or plain subquery in FROM, taken apart: the outer query reads the table itself.

    SELECT f(v.a) FROM (SELECT t.x AS a FROM t WHERE p) v WHERE q(v.a)   →   SELECT f(t.x) FROM t WHERE p AND q(t.x)

So that a query over a view is ranked, looked up by key and filtered like one over the table. Not for an inner
query that groups, sorts, limits or computes what changes from call to call: it is not the same rows then. But where
the outer query does nothing but compute from its rows, as one over a function that searches may, it is the inner one
with other targets.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlvec import types
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.functions import TABLE_FUNCTIONS
from sqlvec.sql.substitution import Replacements, substituted
from sqlvec.sql.tree import walk
from sqlvec.sql.volatility import may_change


def flattened(select: bound.Select) -> bound.Select:
    """The same query over the table, or the query as it is."""
    if len(select.from_) != 1 or select.locking:
        return select
    derived = select.from_[0]
    if not isinstance(derived, bound.DerivedTable) or not isinstance(derived.query, bound.Select):
        return select
    inner = flattened(derived.query)
    if not _is_plain(inner):
        return _lifted(select, derived, inner) or select
    values = tuple(target.expression for target in inner.targets)
    if select.where is not None and any(_is_of_all_rows(value) for value in values):
        return select
    outer = replace(select, from_=())
    if _reads_whole(outer, derived.relation_id):
        return select
    places: Replacements = {(derived.relation_id, i): value for i, value in enumerate(values)}
    outer = substituted(outer, places)
    where = outer.where
    if inner.where is not None:
        where = inner.where if where is None else bound.Boolean(types.BOOL, "and", (inner.where, where))
    found: bound.Select = replace(outer, from_=inner.from_, where=where)
    return found


def _lifted(
    select: bound.Select, derived: bound.DerivedTable, inner: bound.Select
) -> bound.Select | None:
    """The inner query with the targets of an outer one that asks nothing else of it."""
    if select.where is not None or select.ctes or select.order_by or select.offset is not None:
        return None
    if select.grouped or select.group_by or select.having or select.distinct or select.distinct_on:
        return None
    if inner.distinct or inner.distinct_on or inner.locking or select.with_ties or inner.with_ties:
        return None
    limit = _least(select.limit, inner.limit)
    if select.limit is not None and limit is None:
        return None
    shown = [t.expression for t in inner.targets]
    if not all(map(_is_steady_or_ranked, shown)) or _reads_whole(select.targets, derived.relation_id):
        return None
    if any(isinstance(n, _OF_ROWS) for t in select.targets for n in walk(t.expression)):
        return None
    places: Replacements = {(derived.relation_id, i): value for i, value in enumerate(shown)}
    targets = substituted(select.targets, places)
    junk = tuple(t for t in inner.targets if t.junk)
    return replace(inner, targets=(*targets, *junk), columns=select.columns, limit=limit)


_OF_ROWS = (bound.WindowCall, bound.Aggregate, bound.Subquery)


def _least(one: bound.Expression | None, other: bound.Expression | None) -> bound.Expression | None:
    """The lesser of two limits; None where that is not known."""
    if one is None or other is None:
        return other if one is None else one
    if not isinstance(one, bound.Const) or not isinstance(other, bound.Const):
        return one if one == other else None
    if one.value is None or other.value is None:
        return other if one.value is None else one
    return one if one.value <= other.value else other


def _is_steady_or_ranked(expression: bound.Expression) -> bool:
    """Whether it may be computed elsewhere, as often as wanted."""
    return not any(
        may_change(node)
        or isinstance(node, bound.RecordCall)
        or (isinstance(node, bound.FunctionCall) and node.name in TABLE_FUNCTIONS)
        for node in walk(expression)
    )


def _is_plain(inner: bound.Select) -> bool:
    if len(inner.from_) != 1 or not isinstance(inner.from_[0], bound.TableScan):
        return False
    if inner.grouped or inner.group_by or inner.having or inner.distinct or inner.distinct_on:
        return False
    if inner.order_by or inner.limit or inner.offset or inner.ctes or inner.locking:
        return False
    return all(_is_steady(target.expression) for target in inner.targets)


def _is_of_all_rows(expression: bound.Expression) -> bool:
    """Whether its value would be another over fewer rows."""
    fused = (bound.Fusion, bound.Mmr, bound.Explanation)
    return any(isinstance(node, fused) for node in walk(expression))


def _is_steady(expression: bound.Expression) -> bool:
    """Whether it may be computed where it is used, as often as it is used."""
    return is_native(expression) and not any(map(may_change, walk(expression)))


def _reads_whole(node: Any, relation_id: int) -> bool:
    """Whether a row of the relation is used as a whole."""
    if isinstance(node, bound.RowRef):
        return node.relation_id == relation_id
    if isinstance(node, tuple):
        return any(_reads_whole(item, relation_id) for item in node)
    if isinstance(node, (types.SqlType, bound.TableScan, bound.SystemScan)) or not is_dataclass(node):
        return False
    return any(_reads_whole(getattr(node, field.name), relation_id) for field in fields(node))
