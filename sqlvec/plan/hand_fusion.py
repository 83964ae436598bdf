"""Fusion written by hand, recognised: ranked lists in WITH, joined or added up, run without the relational engine.

    WITH v AS (SELECT id, RANK() OVER (ORDER BY e <=> $1) FROM t ORDER BY e <=> $1 LIMIT 20), w AS (...)
    SELECT ... FROM v FULL OUTER JOIN w ON v.id = w.id                            pgvector's documentation
    SELECT id, sum(s) FROM (SELECT id, 1.0/(60+rank) AS s FROM v UNION ALL ...) GROUP BY id     ParadeDB's

A ranked list is a query with one of rank(), dense_rank() and row_number() over its own order, and a LIMIT. It is
planned without the window function: the rank is counted over the few rows that come. The expressions of the query
around are evaluated as they are written, so what comes out is what was asked for. What joins the fused rows to
other tables stays with the relational engine; the fusion is then a source of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.plan.locking import PlanQuery, common_tables_of, is_uncorrelated
from sqlvec.plan.native import is_constant, is_native
from sqlvec.plan.physical import FusedBranch, HandFusion, NativeSelect, RankedList
from sqlvec.sql import bound
from sqlvec.sql.substitution import Place, Replacements, substituted
from sqlvec.sql.tree import nodes, walk

_RANKS = ("rank", "dense_rank", "row_number")
Tables = dict[str, bound.CommonTable]


class Recogniser:
    """Finds fusions in a query; sources are those that stand inside of it, by relation id."""

    def __init__(self, catalog: Catalog, plan_query: PlanQuery, first_relation: int) -> None:
        self.catalog = catalog
        self.plan_query = plan_query
        self.sources: dict[int, HandFusion] = {}
        self._next = first_relation

    def whole(self, select: bound.Select) -> HandFusion | None:
        """The query itself as a fusion."""
        if select.locking or select.distinct or select.distinct_on or select.with_ties:
            return None
        tables = _tables(select.ctes)
        found = self._core(replace(select, ctes=()), tables)
        if found is None:
            return None
        for count in (select.limit, select.offset):
            if count is not None and not is_native(count):
                return None
        return found

    def inside(self, select: bound.Select) -> bound.Select | None:
        """The query over its fusions as sources; None where there is none."""
        tables: Tables = {}
        kept = []
        for table in select.ctes:
            query = self._replaced(table.query, tables)
            tables[table.name] = replace(table, query=query)
            kept.append(tables[table.name])
        main = self._replaced(replace(select, ctes=()), tables)
        if not self.sources:
            return None
        assert isinstance(main, bound.Select), main
        return replace(main, ctes=_wanted(main, kept))

    # ---------------------------------------------------------------- where fusions stand

    def _replaced(self, query: bound.Query, tables: Tables) -> bound.Query:
        if not isinstance(query, bound.Select) or query.locking or query.ctes:
            return query
        if query.grouped and (core := self._core(query, tables)):
            return self._as_source(core)
        if query.grouped and (joined := self._added_before_join(query, tables)):
            return joined
        from_ = tuple(self._item(item, tables) for item in query.from_)
        if from_ == query.from_:
            return query
        moved: dict[bound.Expression | Place, bound.Expression] = {}
        for old, new in zip(query.from_, from_, strict=True):
            moved.update(_moved(old, new))
        return replace(substituted(replace(query, from_=()), moved), from_=from_)  # type: ignore[no-any-return]

    def _item(self, item: bound.FromItem, tables: Tables) -> bound.FromItem:
        if isinstance(item, bound.Join):
            if item.kind == "full" and (core := self._joined(item, tables)):
                return self._scan(core)
            left = self._item(item.left, tables)
            right = self._item(item.right, tables)
            moved: Replacements = {**_moved(item.left, left), **_moved(item.right, right)}
            condition = substituted(item.condition, moved)
            return bound.Join(item.kind, left, right, condition)
        if isinstance(item, bound.DerivedTable) and not item.lateral:
            return replace(item, query=self._replaced(item.query, tables))
        return item

    def _as_source(self, core: HandFusion) -> bound.Select:
        scan = self._scan(core)
        targets = tuple(
            bound.Target(c.name, bound.ColumnRef(c.type, scan.relation_id, i, c.name))
            for i, c in enumerate(core.columns)
        )
        return bound.Select(core.columns, targets, (scan,))

    def _scan(self, core: HandFusion) -> bound.CteScan:
        self._next += 1
        self.sources[self._next] = core
        return bound.CteScan(self._next, "fused", core.columns, "")

    # ---------------------------------------------------------------- fusions

    def _core(self, select: bound.Select, tables: Tables) -> HandFusion | None:
        if len(select.from_) != 1 or select.having or select.grouping_sets is not None:
            return None
        if any(isinstance(n, bound.WindowCall) for t in select.targets for n in walk(t.expression)):
            return None
        if not select.grouped:
            item = select.from_[0]
            if not isinstance(item, bound.Join) or select.where is not None:
                return None
            core = self._joined(item, tables)
        else:
            core = self._added(select, tables)
        if core is None:
            return None
        shown = tuple(t for t in select.targets if not t.junk)
        expressions = [t.expression for t in shown] + [k.expression for k in select.order_by]
        known = set(core.values)
        if not all(_is_computable(expression, known) for expression in expressions):
            return None
        return replace(
            core, targets=tuple(t.expression for t in shown), columns=select.columns,
            order_by=select.order_by, limit=select.limit, offset=select.offset,
        )  # fmt: skip

    def _joined(self, join: bound.Join, tables: Tables) -> HandFusion | None:
        """Lists beside each other: every column of every list, null where a list lacks the row."""
        parts = _full_joined(join)
        if parts is None:
            return None
        branches: list[FusedBranch] = []
        values: list[bound.Expression] = []
        columns: list[bound.OutputColumn] = []
        for scan, key in parts:
            ranked = self._list(scan, tables)
            if ranked is None:
                return None
            own = _columns(scan)
            branches.append(FusedBranch(ranked, own, (own[key],), own, len(values)))
            values += own
            columns += scan.columns
        return HandFusion(
            tuple(branches), tuple(values), "join", tuple(values), tuple(columns)
        )

    def _added(self, select: bound.Select, tables: Tables) -> HandFusion | None:
        """Lists below each other, grouped by columns, and sums over the groups."""
        item = select.from_[0]
        query = _query_of(item, tables)
        if select.where is not None or query is None or not select.group_by:
            return None
        if not all(isinstance(key, bound.ColumnRef) for key in select.group_by):
            return None
        wanted = [t.expression for t in select.targets] + [k.expression for k in select.order_by]
        sums = list(dict.fromkeys(
            n for e in wanted for n in walk(e) if isinstance(n, bound.Aggregate)
        ))  # fmt: skip
        if not all(_is_sum(aggregate) for aggregate in sums):
            return None
        assert isinstance(item, bound.RelationNode), item
        branches = []
        for part in _below_each_other(query):
            if not _is_projection(part):
                return None
            assert isinstance(part, bound.Select), part
            ranked = self._list(part.from_[0], tables)
            own = tuple(t.expression for t in part.targets)
            if ranked is None or [e.type.oid for e in own] != [c.type.oid for c in item.columns]:
                return None
            assert isinstance(part.from_[0], bound.RelationNode)
            places = _columns(part.from_[0])
            given: Replacements = {(item.relation_id, i): e for i, e in enumerate(own)}
            keys = tuple(substituted(key, given) for key in select.group_by)
            shares = tuple(substituted(a.args[0], given) for a in sums)
            if not all(_is_computable(e, set(places)) for e in (*keys, *shares)):
                return None
            branches.append(FusedBranch(ranked, places, keys, shares, 0))
        values = (*select.group_by, *sums)
        return HandFusion(tuple(branches), values, "sum", values, ()) if len(branches) > 1 else None

    def _added_before_join(self, query: bound.Select, tables: Tables) -> bound.Select | None:
        """Sums over lists that are joined to a table by its key: added up first, and joined then."""
        join = query.from_[0] if len(query.from_) == 1 else None
        if not isinstance(join, bound.Join) or join.kind != "inner" or query.having:
            return None
        sides = [join.left, join.right]
        lists = [side for side in sides if isinstance(side, (bound.CteScan, bound.DerivedTable))]
        scans = [side for side in sides if isinstance(side, bound.TableScan)]
        if len(lists) != 1 or len(scans) != 1 or query.grouping_sets is not None:
            return None
        fused, scan = lists[0], scans[0]
        key = _joined_by_key(join.condition, fused, scan)
        grouped = {c for c in query.group_by if isinstance(c, bound.ColumnRef)}
        if key is None or len(grouped) < len(query.group_by):
            return None
        if not grouped & {*key} or any(c.relation_id != scan.relation_id and c != key[0] for c in grouped):
            return None
        wanted = [t.expression for t in query.targets] + [k.expression for k in query.order_by]
        sums = tuple(dict.fromkeys(
            n for e in wanted for n in walk(e) if isinstance(n, bound.Aggregate)
        ))  # fmt: skip
        columns = tuple(bound.OutputColumn(f"value{i}", e.type) for i, e in enumerate((key[0], *sums)))
        targets = tuple(bound.Target(f"value{i}", e) for i, e in enumerate((key[0], *sums)))
        core = self._core(
            bound.Select(columns, targets, (fused,), group_by=(key[0],), grouped=True), tables
        )
        if core is None:
            return None
        source = self._scan(core)
        stand_ins = {_place(e): c for e, c in zip((key[0], *sums), _columns(source), strict=True)}
        plain = replace(query, from_=(), group_by=(), grouped=False)
        found = substituted(plain, stand_ins)
        condition = substituted(join.condition, stand_ins)
        read = (n for n in nodes((found, condition)) if isinstance(n, bound.ColumnRef))
        if any(column.relation_id == fused.relation_id for column in read):
            del self.sources[source.relation_id]
            return None
        return replace(found, from_=(bound.Join("inner", source, scan, condition),))  # type: ignore[no-any-return]

    def _list(self, item: bound.FromItem, tables: Tables) -> RankedList | None:
        query = _query_of(item, tables)
        if not isinstance(query, bound.Select) or not _is_ranked(query):
            return None
        rank = next(i for i, t in enumerate(query.targets) if isinstance(t.expression, bound.WindowCall))
        call = query.targets[rank].expression
        assert isinstance(call, bound.WindowCall)
        alike: list[tuple[int, int]] = []
        order = _order(query, call, alike)
        if order is None or not is_uncorrelated(query):
            return None
        plain = tuple(t for t in query.targets if not t.junk and t.expression != call)
        first = order[: len(call.window.order_by)]
        keys = tuple(bound.Target(f"key{i}", k.expression) for i, k in enumerate(first))
        targets = plain + keys
        shown = tuple(bound.OutputColumn(t.name, t.expression.type) for t in targets)
        missing = common_tables_of(query)
        known = tuple(table for name, table in tables.items() if name in missing)
        source = replace(query, columns=shown, targets=targets, order_by=order, ctes=known)
        places = iter(range(len(plain)))
        columns = tuple(
            -1 if t.expression == call else next(places) for t in query.targets if not t.junk
        )
        plan = self.plan_query(source, self.catalog)
        if isinstance(plan, NativeSelect):
            return RankedList(plan, columns, call.name, len(keys), tuple(alike))
        # The relational engine ranks as well, and so chooses among equals at the border as it always does.
        written = self.plan_query(replace(query, ctes=known), self.catalog)
        return RankedList(written, tuple(range(len(columns))), call.name, 0)


# ---------------------------------------------------------------- ranked lists


def _is_ranked(query: bound.Select) -> bool:
    """One window function, over the whole, and a limit here or in the subquery below."""
    if query.grouped or query.distinct or query.distinct_on or query.locking or query.with_ties:
        return False
    if query.ctes or query.offset is not None:
        return False
    calls = [n for t in query.targets for n in walk(t.expression) if isinstance(n, bound.WindowCall)]
    own = [t.expression for t in query.targets if isinstance(t.expression, bound.WindowCall)]
    if len(set(calls)) != 1 or len(own) != 1 or any(t.junk and t.expression in own for t in query.targets):
        return False
    call = calls[0]
    if call.name not in _RANKS or call.window.partition_by or call.window.frame or call.filter:
        return False
    below = query.from_[0] if len(query.from_) == 1 else None
    limited = isinstance(below, bound.DerivedTable) and below.query.limit is not None
    return bool(call.window.order_by) and (query.limit is not None or limited)


def _order(
    query: bound.Select, call: bound.WindowCall, alike: list[tuple[int, int]]
) -> tuple[bound.SortKey, ...] | None:
    """The rows' order, in which ranks ascend; None where they do not. Drivers number the places of a value, not
    the values: alike gets the parameters that have to be the same."""
    window = call.window.order_by
    if not query.order_by:
        return window
    first = query.order_by[0]
    if first.expression == call and not first.descending:
        return (*window, *query.order_by[1:])
    same = _same(query.order_by[: len(window)], window, alike)
    return query.order_by if same else None


def _same(a: Any, b: Any, alike: list[tuple[int, int]]) -> bool:
    """Whether two trees are the same but for the numbers of parameters."""
    if isinstance(a, bound.Param) and isinstance(b, bound.Param):
        if a.number != b.number:
            alike.append((a.number, b.number))
        return a.type == b.type
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(_same(x, y, alike) for x, y in pairs)
    if isinstance(a, (bound.Expression, bound.SortKey)) and not isinstance(a, bound.Const):
        return all(_same(getattr(a, f.name), getattr(b, f.name), alike) for f in fields(a))
    return bool(a == b)


# ---------------------------------------------------------------- shapes


def _tables(ctes: tuple[bound.CommonTable, ...]) -> Tables:
    return {table.name: table for table in ctes}


def _query_of(item: bound.FromItem, tables: Tables) -> bound.Query | None:
    """The query whose rows the item gives as they are."""
    if isinstance(item, bound.CteScan):
        table = tables.get(item.cte_name)
        return table.query if table is not None and not table.recursive and not table.returned else None
    return item.query if isinstance(item, bound.DerivedTable) and not item.lateral else None


def _columns(scan: bound.RelationNode) -> tuple[bound.ColumnRef, ...]:
    return tuple(
        bound.ColumnRef(c.type, scan.relation_id, i, c.name) for i, c in enumerate(scan.columns)
    )


def _full_joined(item: bound.FromItem) -> list[tuple[bound.RelationNode, int]] | None:
    """Relations in full joins by one key each, from the left, with the key's place."""
    if not isinstance(item, bound.Join) or item.kind != "full" or not isinstance(item.right, bound.RelationNode):
        return None
    condition = item.condition
    if not isinstance(condition, bound.FunctionCall) or condition.name != "=" or not condition.operator:
        return None
    right = [a for a in condition.args if _column_of(a, item.right)]
    left = [a for a in condition.args if not _column_of(a, item.right)]
    if len(right) != 1 or len(left) != 1:
        return None
    key = right[0]
    assert isinstance(key, bound.ColumnRef)
    if isinstance(item.left, bound.RelationNode):
        first = left[0]
        if not isinstance(first, bound.ColumnRef) or not _column_of(first, item.left):
            return None
        return [(item.left, first.ordinal), (item.right, key.ordinal)]
    before = _full_joined(item.left)
    if before is None or not isinstance(left[0], bound.Coalesce) or left[0].kind != "coalesce":
        return None
    keys = {(scan.relation_id, place) for scan, place in before}
    merged = {(n.relation_id, n.ordinal) for n in walk(left[0]) if isinstance(n, bound.ColumnRef)}
    return [*before, (item.right, key.ordinal)] if keys == merged else None


def _column_of(expression: bound.Expression, scan: bound.RelationNode) -> bool:
    return isinstance(expression, bound.ColumnRef) and expression.relation_id == scan.relation_id


def _below_each_other(query: bound.Query) -> list[bound.Query]:
    """The branches of UNION ALL."""
    union = isinstance(query, bound.SetOperation) and query.op == "union" and query.all
    if not union or query.order_by or query.limit or query.offset or query.ctes:
        return [query]
    assert isinstance(query, bound.SetOperation)
    return _below_each_other(query.left) + _below_each_other(query.right)


def _joined_by_key(
    condition: bound.Expression | None, fused: bound.RelationNode, scan: bound.TableScan
) -> tuple[bound.ColumnRef, bound.ColumnRef] | None:
    """The columns of fused = key, where that is the table's primary key."""
    if not isinstance(condition, bound.FunctionCall) or condition.name != "=" or not condition.operator:
        return None
    left = [a for a in condition.args if _column_of(a, fused)]
    right = [a for a in condition.args if _column_of(a, scan)]
    if len(left) != 1 or len(right) != 1:
        return None
    key, own = left[0], right[0]
    assert isinstance(key, bound.ColumnRef) and isinstance(own, bound.ColumnRef)
    is_key = scan.table.primary_key == (own.ordinal + 1,) and not scan.heirs
    return (key, own) if is_key else None


def _is_projection(query: bound.Query) -> bool:
    """One expression for each output column over one relation, and nothing else."""
    if not isinstance(query, bound.Select) or len(query.from_) != 1 or query.grouped:
        return False
    if query.where or query.distinct or query.distinct_on or query.ctes or query.locking:
        return False
    if query.order_by or query.limit or query.offset or any(t.junk for t in query.targets):
        return False
    return isinstance(query.from_[0], (bound.CteScan, bound.DerivedTable))


def _is_sum(aggregate: bound.Aggregate) -> bool:
    plain = not (aggregate.distinct or aggregate.filter or aggregate.order_by or aggregate.star)
    numbers = (types.FLOAT8.oid, types.NUMERIC.oid)
    return aggregate.name == "sum" and plain and aggregate.args[0].type.oid in numbers


def _is_computable(expression: bound.Expression, known: Iterable[bound.Expression]) -> bool:
    """Whether it is evaluated row by row over what is known."""
    rest = substituted(expression, {_place(e): bound.Const(e.type, None) for e in known})
    return is_constant(rest) and is_native(rest, numerics=True)


def _place(expression: bound.Expression) -> bound.Expression | Place:
    if isinstance(expression, bound.ColumnRef):
        return expression.relation_id, expression.ordinal
    return expression


def _wanted(
    main: bound.Query, tables: list[bound.CommonTable]
) -> tuple[bound.CommonTable, ...]:
    """The WITH queries that are still read."""
    read = _cte_names(main)
    kept: list[bound.CommonTable] = []
    for table in reversed(tables):
        if table.name in read:
            kept.append(table)
            read |= _cte_names(table.query)
    return tuple(reversed(kept))


def _cte_names(query: bound.Query) -> set[str]:
    return {node.cte_name for node in nodes(query) if isinstance(node, bound.CteScan)}


def _moved(old: bound.FromItem, new: bound.FromItem) -> Replacements:
    """Where the columns of joined lists are once they are one relation."""
    if isinstance(old, bound.Join) and isinstance(new, bound.CteScan):
        parts = _full_joined(old)
        assert parts is not None, old
        columns = [column for scan, _ in parts for column in _columns(scan)]
        return {
            (column.relation_id, column.ordinal): moved
            for column, moved in zip(columns, _columns(new), strict=True)
        }
    if isinstance(old, bound.Join) and isinstance(new, bound.Join):
        return {**_moved(old.left, new.left), **_moved(old.right, new.right)}
    return {}
