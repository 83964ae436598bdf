"""The order of rows that window functions leave where none is asked for.

PostgreSQL sorts the rows for a window and hands them on as they are, so a query without ORDER BY shows them by
PARTITION BY and ORDER BY of the window, and LIMIT takes the first of these. No standard says so, and clients rely on
it. The relational engine shows partitions as they come out of a hash table; a sort of the whole makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlvec.sql import bound
from sqlvec.sql.functions import VOLATILE
from sqlvec.sql.tree import nodes, walk

Keys = tuple[bound.SortKey, ...]


def in_window_order(query: bound.Query, ctes: Mapping[str, bound.CommonTable]) -> bound.Query:
    """The query, sorted as its windows are or as those of the one subquery that it reads."""
    keys = _window_order(query, ctes, frozenset(range(len(query.columns))))
    return replace(query, order_by=keys) if keys else query


def _window_order(
    query: bound.Query, ctes: Mapping[str, bound.CommonTable], used: frozenset[int]
) -> Keys:
    """used: the output columns that are looked at. A window that no other needs is not computed."""
    if not isinstance(query, bound.Select) or query.order_by or query.distinct or query.distinct_on:
        return ()
    targets = [target.expression for i, target in enumerate(query.targets) if i in used]
    windows = list(_windows(targets))
    if windows:
        return _last_sort(windows)
    if query.grouped or len(query.from_) != 1:
        return ()
    return _order_below(query.from_[0], ctes, (*targets, query.where))


def _order_below(
    item: bound.FromItem,
    ctes: Mapping[str, bound.CommonTable],
    readers: tuple[bound.Expression | None, ...],
) -> Keys:
    """As sort keys over what the item shows, if it shows all of them."""
    if isinstance(item, bound.DerivedTable):
        inner: bound.Query = item.query
    elif isinstance(item, bound.CteScan) and item.cte_name in ctes:
        inner = ctes[item.cte_name].query
    else:
        return ()
    read = [node for node in nodes(readers) if isinstance(node, bound.ColumnRef)]
    used = frozenset(node.ordinal for node in read if node.relation_id == item.relation_id)
    keys = _window_order(inner, ctes, used)
    if not keys:
        return ()
    assert isinstance(inner, bound.Select), inner
    shown = [target.expression for target in inner.targets if not target.junk]
    if not all(key.expression in shown for key in keys):
        return ()
    found = []
    for key in keys:
        place = shown.index(key.expression)
        column = bound.ColumnRef(
            key.expression.type, item.relation_id, place, item.columns[place].name
        )
        found.append(replace(key, expression=column))
    return tuple(found)


def _windows(targets: list[bound.Expression]) -> Iterator[Keys]:
    for target in targets:
        for node in walk(target):
            if isinstance(node, bound.WindowCall):
                parts = [bound.SortKey(e) for e in node.window.partition_by]
                keys = (*parts, *node.window.order_by)
                yield tuple(key for key in keys if _varies(key.expression))


def _last_sort(windows: list[Keys]) -> Keys:
    """Of several windows the first is sorted for last, and nothing is sorted anew for one whose keys another's
    begin with (select_active_windows in PostgreSQL's planner.c)."""
    first = next((keys for keys in windows if keys), ())
    found = max((keys for keys in windows if keys[: len(first)] == first), key=len, default=())
    calls = (node for key in found for node in walk(key.expression))
    steady = all(not isinstance(n, bound.FunctionCall) or n.name not in VOLATILE for n in calls)
    return found if steady else ()


def _varies(expression: bound.Expression) -> bool:
    """Whether it may differ from row to row: a number would name a column in ORDER BY."""
    return any(isinstance(n, (bound.ColumnRef, bound.Aggregate)) for n in walk(expression))
