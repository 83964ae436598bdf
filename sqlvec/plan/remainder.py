"""Cutting a query for the relational engine: what each of its tables contributes.

For every Select in the tree, at any depth:
- one table, ORDER BY a ranked expression, LIMIT: the source holds just the ranked rows, and the ranked
  expression is a column of it;
- otherwise a table's source holds the rows that the conjuncts over it alone leave (not below the nullable
  side of an outer join), and distances and scores against constants are columns of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.plan.flatten import flattened
from sqlvec.plan.lateral import Surroundings, without_laterals
from sqlvec.plan.locking import (
    PlanQuery,
    check_uncorrelated,
    common_tables_of,
    is_uncorrelated,
    plan_locking,
)
from sqlvec.plan.native import is_constant, is_native, relations_of
from sqlvec.plan.physical import (
    HandFusion,
    LateralSource,
    Prefilter,
    Queried,
    QuerySource,
    Ranking,
    Remainder,
    Source,
    SystemSource,
    TableSource,
)
from sqlvec.plan.predicate import conjunction, conjuncts, prefilter
from sqlvec.plan.ranking import Ground, is_scored, leg_of, ranking, text_leg, vector_leg, with_index
from sqlvec.plan.window_order import in_window_order
from sqlvec.sql import bound
from sqlvec.sql.system_columns import ROW_ID_ORDINAL
from sqlvec.sql.tree import walk
from sqlvec.sql.volatility import may_change

_WHOLE_ROW = -1  # among the ordinals that a query uses
LOCKING_ID_FIRST = 1_000_000  # relation ids of locking subqueries; the binder counts from 1
Conjuncts = tuple[bound.Expression, ...]
# By kind: whether left and right may be tested by what is asked of the join's rows, and by its condition.
_KEPT_TESTS = {
    "inner": ((True, True), (True, True)),
    "cross": ((True, True), (True, True)),
    "left": ((True, False), (False, True)),
    "right": ((False, True), (True, False)),
    "full": ((False, False), (False, False)),
}


def plan_remainder(
    query: bound.Query,
    catalog: Catalog,
    plan_query: PlanQuery,
    fusions: Mapping[int, HandFusion] = MappingProxyType({}),
) -> Remainder:
    """plan_query plans the locking subqueries; fusions are sources, by relation id."""
    cutter = _Cutter(catalog, plan_query)
    cutter.sources.update((number, QuerySource(core, ())) for number, core in fusions.items())
    cut = cutter.visit(query)
    assert isinstance(cut, bound.Query)
    cut = in_window_order(cut, cutter.ctes)
    used = _used_ordinals(cut)
    sources: list[tuple[int, Source]] = []
    for relation_id, source in cutter.sources.items():
        ordinals = used.get(relation_id, set())
        if _WHOLE_ROW in ordinals:
            ordinals = (ordinals - {_WHOLE_ROW}) | _all_ordinals(source)
        plain = tuple(sorted(ordinals - {ROW_ID_ORDINAL}))
        if isinstance(source, TableSource):
            wanted = replace(source, ordinals=tuple(sorted(ordinals)))
            sources.append((relation_id, wanted))
        elif isinstance(source, LateralSource):
            sources.append((relation_id, source))
        else:
            sources.append((relation_id, replace(source, ordinals=plain)))
    return Remainder(cut, tuple(sources), tuple(cutter.computed), query.columns)


def queried(
    select: bound.Select, scan: bound.TableScan, catalog: Catalog, plan_query: PlanQuery
) -> Prefilter:
    """The rows of a table of which a WHERE with subqueries is true: the engine tells, before they are ranked."""
    row_id = bound.ColumnRef(types.INT8, scan.relation_id, ROW_ID_ORDINAL, "ctid")
    columns = (bound.OutputColumn("row_id", types.INT8),)
    targets = (bound.Target("row_id", row_id),)
    inner = bound.Select(columns, targets, (scan,), select.where, ctes=select.ctes)
    return Prefilter(scan, Queried(plan_remainder(inner, catalog, plan_query), select.where))


def has_subquery(where: bound.Expression | None) -> bool:
    return where is not None and -1 in relations_of(where)


class _Cutter:
    """Walks the tree bottom-up, collects sources, and returns the tree to render."""

    def __init__(self, catalog: Catalog, plan_query: PlanQuery) -> None:
        self.catalog = catalog
        self.plan_query = plan_query
        self.ctes: dict[str, bound.CommonTable] = {}
        self.sources: dict[int, Source] = {}
        self.computed: list[tuple[bound.Expression, int, str]] = []

    def visit(self, node: Any) -> Any:
        if isinstance(node, bound.Query):
            self.ctes.update((table.name, table) for table in node.ctes)
        if isinstance(node, bound.Select):
            node = self._select(node)
        elif isinstance(node, bound.SystemScan):
            self.sources.setdefault(node.relation_id, SystemSource(node, ()))
            return node
        elif isinstance(node, bound.TableScan):
            if node.relation_id not in self.sources:
                self._add_table(node, None)
            return node
        elif isinstance(node, tuple):
            return tuple(self.visit(item) for item in node)
        if not isinstance(node, (bound.Expression, bound.RelationNode, bound.Query, bound.Join)):
            if not isinstance(node, (bound.Target, bound.SortKey, bound.CommonTable, bound.Window)):
                return node
        if isinstance(node, (bound.Const, bound.Param, bound.ColumnRef, bound.RowRef)):
            return node
        changes = {}
        for field in fields(node):
            value = getattr(node, field.name)
            visited = self.visit(value)
            if visited is not value and visited != value:
                changes[field.name] = visited
        return replace(node, **changes) if changes else node

    def _select(self, select: bound.Select) -> bound.Select:
        if select.locking:
            return self._locking(select)
        select = flattened(select)
        around = Surroundings(self.catalog, self.plan_query, self.ctes, self.sources.__setitem__)
        select = without_laterals(select, around)
        if ranked := self._ranked(select):
            return ranked
        pushable = [c for c in conjuncts(select.where) if _is_pushable(c)]
        for scan, joined in _base_tables(select.from_, tuple(pushable)):
            own = [c for c in joined if relations_of(c) == {scan.relation_id}]
            self._add_table(scan, conjunction(own))
            self._compute(select, scan)
        return select

    def _locking(self, select: bound.Select) -> bound.Select:
        """Its rows, which a source locks and brings."""
        if missing := common_tables_of(select):
            known = tuple(table for name, table in self.ctes.items() if name in missing)
            select = replace(select, ctes=known + select.ctes)
        check_uncorrelated(select)
        relation_id = LOCKING_ID_FIRST + len(self.sources)
        plan = plan_locking(select, self.catalog, self.plan_query)
        self.sources[relation_id] = QuerySource(plan, ())
        scan = bound.CteScan(relation_id, "locked", select.columns, "locked")
        targets = tuple(
            bound.Target(c.name, bound.ColumnRef(c.type, relation_id, i, c.name))
            for i, c in enumerate(select.columns)
        )
        return bound.Select(select.columns, targets, (scan,))

    def _ranked(self, select: bound.Select) -> bound.Select | None:
        """Rows already ranked need no WHERE; ORDER BY, OFFSET and LIMIT are repeated over the few left."""
        if len(select.from_) != 1 or not isinstance(select.from_[0], bound.TableScan):
            return None
        if select.limit is None or select.grouped or select.distinct or select.distinct_on:
            return None
        scan = select.from_[0]
        ground = Ground(scan.relation_id, scan.table, self.catalog, select.where)
        found = ranking(select.order_by, ground)
        if found is None or not _counts_are_constant(select):
            return None
        if any(relations_of(c) - {scan.relation_id, -1} for c in conjuncts(select.where)):
            return None
        if has_subquery(select.where) and not is_uncorrelated(select):
            return None
        if not _windows_allow_cut(select):
            return None
        leg = with_index(found.leg, ground)
        found = Ranking(leg, found.key, found.extra)
        self.sources[scan.relation_id] = TableSource(
            self._rows_to_rank(select, scan),
            (),
            (("rank_key", found.key),),
            found,
            select.limit,
            select.offset,
        )
        self.computed.append((found.key, scan.relation_id, "rank_key"))
        self._compute(select, scan, skip=found.key)
        return replace(select, where=None)

    def _rows_to_rank(self, select: bound.Select, scan: bound.TableScan) -> Prefilter:
        if not has_subquery(select.where):
            return prefilter(scan, select.where, self.catalog)
        known = tuple(t for name, t in self.ctes.items() if name in common_tables_of(select))
        return queried(replace(select, ctes=known), scan, self.catalog, self.plan_query)

    def _add_table(self, scan: bound.TableScan, where: bound.Expression | None) -> None:
        rows = prefilter(scan, where, self.catalog)
        self.sources[scan.relation_id] = TableSource(rows, ())

    def _compute(
        self, select: bound.Select, scan: bound.TableScan, skip: bound.Expression | None = None
    ) -> None:
        """Distances and scores of this table against constants become columns of its source."""
        source = self.sources[scan.relation_id]
        assert isinstance(source, TableSource)
        columns = list(source.computed)
        for expression in set(_ranked_expressions(select)):
            if expression == skip or not self._is_computable(expression, scan):
                continue
            name = f"computed{len(columns)}"
            columns.append((name, expression))
            self.computed.append((expression, scan.relation_id, name))
        if any(is_scored(expression) for _, expression in columns):
            source = replace(source, prefilter=replace(source.prefilter, key=()))
        self.sources[scan.relation_id] = replace(source, computed=tuple(columns))

    def _is_computable(self, expression: bound.Expression, scan: bound.TableScan) -> bool:
        relation_id = scan.relation_id
        if isinstance(expression, bound.Distance):
            return vector_leg(expression, relation_id) is not None
        if isinstance(expression, bound.TextScore):
            return text_leg(expression, relation_id) is not None
        if isinstance(expression, bound.TextMatch):
            same = all(column.relation_id == relation_id for column in expression.columns)
            return same and is_constant(expression.query)
        ranked = expression.ranked if isinstance(expression, bound.Explanation) else expression
        assert isinstance(ranked, (bound.Distance, bound.TextScore, bound.Fusion, bound.Mmr))
        if relations_of(ranked) != {relation_id}:
            return False
        return leg_of(ranked, Ground(relation_id, scan.table, self.catalog)) is not None


def _windows_allow_cut(select: bound.Select) -> bool:
    """A window function sees every row, not only the best: the cut is invisible to it only when it numbers
    the rows in the very order of the ranking (the usual hand-written fusion does just that)."""
    for target in select.targets:
        for node in walk(target.expression):
            if not isinstance(node, bound.WindowCall):
                continue
            window = node.window
            numbering = node.name in ("row_number", "rank", "dense_rank")
            if not numbering or window.partition_by or window.order_by != select.order_by[:1]:
                return False
    return True


def _counts_are_constant(select: bound.Select) -> bool:
    counts = [c for c in (select.limit, select.offset) if c is not None]
    return all(is_native(c) and is_constant(c) for c in counts)


def _is_pushable(conjunct: bound.Expression) -> bool:
    """What is pushed is evaluated again over the join: a volatile function would have to hold twice."""
    relations = relations_of(conjunct)
    return len(relations) == 1 and -1 not in relations and not any(map(may_change, walk(conjunct)))


def _base_tables(
    items: tuple[bound.FromItem, ...], where: Conjuncts
) -> Iterator[tuple[bound.TableScan, Conjuncts]]:
    """Tables of a FROM clause, and the conjuncts that their rows may be tested by before they are joined."""
    for item in items:
        yield from _tables_below(item, where)


def _tables_below(
    item: bound.FromItem, tests: Conjuncts
) -> Iterator[tuple[bound.TableScan, Conjuncts]]:
    """An outer join keeps the rows of one side though they match nothing: its condition is no test of them; and
    what is asked of the join's rows is none of the other side's, which it may fill with nulls."""
    if isinstance(item, bound.TableScan):
        yield item, tests
    if isinstance(item, bound.Join):
        on = tuple(c for c in conjuncts(item.condition) if _is_pushable(c))
        above, own = _KEPT_TESTS[item.kind]
        for place, side in enumerate((item.left, item.right)):
            yield from _tables_below(side, (*(tests if above[place] else ()), *(on if own[place] else ())))


_RANKED = (
    bound.Distance, bound.TextScore, bound.TextMatch, bound.Fusion, bound.Mmr, bound.Explanation,
)  # fmt: skip


def _ranked_expressions(node: Any) -> Iterator[bound.Expression]:
    if isinstance(node, _RANKED):
        yield node
        return
    if isinstance(node, tuple):
        for item in node:
            yield from _ranked_expressions(item)
    elif hasattr(node, "__dataclass_fields__") and not isinstance(node, bound.TableScan):
        for field in fields(node):
            yield from _ranked_expressions(getattr(node, field.name))


def _all_ordinals(source: Source) -> set[int]:
    """The columns of a whole row."""
    if isinstance(source, TableSource):
        columns = source.prefilter.scan.columns
    elif isinstance(source, SystemSource):
        columns = source.scan.columns
    else:
        return set()  # it has them all anyway
    return {place for place, column in enumerate(columns) if column.name and column.attnum >= 0}


def _used_ordinals(query: bound.Query) -> dict[int, set[int]]:
    used: dict[int, set[int]] = {}
    _collect_ordinals(query, used)
    return used


def _collect_ordinals(node: Any, used: dict[int, set[int]]) -> None:
    if isinstance(node, bound.ColumnRef):
        used.setdefault(node.relation_id, set()).add(node.ordinal)
    elif isinstance(node, bound.RowRef):
        used.setdefault(node.relation_id, set()).add(_WHOLE_ROW)
    elif isinstance(node, tuple):
        for item in node:
            _collect_ordinals(item, used)
    elif isinstance(node, (bound.TableScan, bound.SystemScan)):
        return
    elif hasattr(node, "__dataclass_fields__"):
        for field in fields(node):
            _collect_ordinals(getattr(node, field.name), used)
