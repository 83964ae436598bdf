"""A view or plain subquery in FROM, taken apart: the outer query reads the table itself.

    SELECT f(v.a) FROM (SELECT t.x AS a FROM t WHERE p) v WHERE q(v.a)   →   SELECT f(t.x) FROM t WHERE p AND q(t.x)

So that a query over a view is ranked, looked up by key and filtered like one over the table. Not for an inner
query that groups, sorts, limits or computes what changes from call to call: it is not the same rows then.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlvec import types
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.functions import VOLATILE
from sqlvec.sql.substitution import Replacements, substituted
from sqlvec.sql.tree import walk


def flattened(select: bound.Select) -> bound.Select:
    """The same query over the table, or the query as it is."""
    if len(select.from_) != 1 or select.locking:
        return select
    derived = select.from_[0]
    if not isinstance(derived, bound.DerivedTable) or not isinstance(derived.query, bound.Select):
        return select
    inner = flattened(derived.query)
    if not _is_plain(inner):
        return select
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
    return is_native(expression) and not any(
        isinstance(node, bound.FunctionCall) and node.name in VOLATILE for node in walk(expression)
    )


def _reads_whole(node: Any, relation_id: int) -> bool:
    """Whether a row of the relation is used as a whole."""
    if isinstance(node, bound.RowRef):
        return node.relation_id == relation_id
    if isinstance(node, tuple):
        return any(_reads_whole(item, relation_id) for item in node)
    if isinstance(node, (types.SqlType, bound.TableScan, bound.SystemScan)) or not is_dataclass(node):
        return False
    return any(_reads_whole(getattr(node, field.name), relation_id) for field in fields(node))
