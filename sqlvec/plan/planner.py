"""The planner: which statements run natively, which need the relational engine, and over what sources.

A Select over one table whose parts are evaluated directly becomes a NativeSelect. Everything else is the
remainder; inside it every ranked Select over one table, at any depth, is still ranked by us, and every
other table enters as the rows that its own conjuncts leave.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.errors import FeatureNotSupported
from sqlvec.plan.flatten import flattened
from sqlvec.plan.hand_fusion import Recogniser
from sqlvec.plan.locking import plan_locking
from sqlvec.plan.native import is_constant, is_native, relations_of
from sqlvec.plan.physical import (
    AllOf,
    Constants,
    InsertPlan,
    MergePlan,
    ModifyPlan,
    NativeSelect,
    Plan,
    Predicate,
    Prefilter,
    QueryPlan,
    Ranking,
    Recognised,
    Remainder,
    Residual,
    SequencePlan,
)
from sqlvec.plan.predicate import prefilter
from sqlvec.plan.ranking import Ground, is_scored, ranking, with_index
from sqlvec.plan.remainder import plan_remainder, queried
from sqlvec.sql import bound
from sqlvec.sql.substitution import Place, substituted
from sqlvec.sql.system_columns import CTID_ORDINAL, ROW_ID_ORDINAL
from sqlvec.sql.tree import children, nodes
from sqlvec.sql.type_rules import has_sort_key

HAND_FUSION_ID_FIRST = 2_000_000  # relation ids of fusions that are sources; the binder counts from 1
_FUSING = (bound.Join, bound.CteScan, bound.DerivedTable)


def plan(statement: bound.Statement, catalog: Catalog) -> Plan:
    """The plan of a query, INSERT, UPDATE or DELETE."""
    if isinstance(statement, bound.Query):
        if isinstance(statement, bound.Select):
            statement = flattened(statement)
        found = plan_query(statement, catalog)
        return _recognised(statement, found, catalog) or found
    if isinstance(statement, bound.Insert):
        return plan_insert(statement, catalog)
    assert isinstance(statement, (bound.Update, bound.Delete)), statement
    return plan_modify(statement, catalog)


def plan_sequence(statement: bound.WithModifying, catalog: Catalog) -> SequencePlan:
    """The plan of a statement with data-modifying ones in its WITH."""
    first: list[tuple[int, InsertPlan | ModifyPlan]] = []
    for number, part in statement.first:
        made = plan(part, catalog)
        assert isinstance(made, (InsertPlan, ModifyPlan)), made
        first.append((number, made))
    main = plan(statement.main, catalog)
    targets = {part.target.relation_id for _, part in statement.first}
    if not isinstance(statement.main, bound.Query):
        targets.add(statement.main.target.relation_id)
    scans = [s for s in table_scans(statement) if s.relation_id not in targets]
    return SequencePlan(tuple(first), main, tuple(scans))


def table_scans(node: object) -> list[bound.TableScan]:
    """Every table that is read anywhere in a bound tree."""
    if isinstance(node, bound.TableScan):
        return [node]
    if isinstance(node, (tuple, list)):
        return [scan for item in node for scan in table_scans(item)]
    if is_dataclass(node) and not isinstance(node, type):
        return [s for f in fields(node) for s in table_scans(getattr(node, f.name))]
    return []


def plan_query(query: bound.Query, catalog: Catalog) -> QueryPlan:
    if isinstance(query, bound.Select):
        query = flattened(query)
    if isinstance(query, bound.Select):
        if query.locking:
            return plan_locking(query, catalog, plan_query)
        if constants := _constants(query):
            return constants
        if native := _native_select(query, catalog):
            return native
    return plan_remainder(query, catalog, plan_query)


def _recognised(query: bound.Query, as_written: QueryPlan, catalog: Catalog) -> Recognised | None:
    """The plan of a query that fuses ranked lists by hand."""
    if not isinstance(query, bound.Select) or not isinstance(as_written, Remainder):
        return None
    if not isinstance(query.from_[0] if query.from_ else None, _FUSING):
        return None
    recogniser = Recogniser(catalog, plan_query, HAND_FUSION_ID_FIRST)
    if whole := recogniser.whole(query):
        return Recognised(whole, as_written)
    inside = recogniser.inside(query)
    if inside is None:
        return None
    plan = plan_remainder(inside, catalog, plan_query, recogniser.sources)
    return Recognised(plan, as_written)


def _is_plain(select: bound.Select) -> bool:
    return not (
        select.grouped
        or select.group_by
        or select.having
        or select.distinct
        or select.distinct_on
        or select.ctes
        or select.with_ties
    )


def _constants(select: bound.Select) -> Constants | None:
    if select.from_ or select.where or select.order_by or select.limit or select.offset:
        return None
    if not _is_plain(select) or not all(is_native(t.expression) for t in select.targets):
        return None
    return Constants(select.targets, select.columns)


def _native_select(select: bound.Select, catalog: Catalog) -> NativeSelect | None:
    if len(select.from_) != 1 or not isinstance(select.from_[0], bound.TableScan):
        return None
    if not _is_plain(select):
        return None
    scan = select.from_[0]
    ground = Ground(scan.relation_id, scan.table, catalog, select.where)
    ranked = ranking(select.order_by, ground)
    rows = prefilter(scan, select.where, catalog)
    if _has_subquery(rows.predicate):
        if ranked is None:
            return None
        rows = queried(select, scan, catalog, plan_query)
    if ranked is not None:
        ranked = replace(ranked, leg=with_index(ranked.leg, ground))
    if not _evaluable(select, ranked):
        return None
    if rows.key and any(is_scored(target.expression) for target in select.targets):
        rows = replace(rows, key=())  # scores are statistics of all visible rows
    for count in (select.limit, select.offset):
        if count is not None and not is_native(count):
            return None
    fallback = None if rows.key or ranked else plan_remainder(select, catalog, plan_query)
    targets = tuple(t for t in select.targets if not t.junk)
    return NativeSelect(
        prefilter=rows,
        ranking=ranked,
        sort=() if ranked else select.order_by,
        targets=targets,
        limit=select.limit,
        offset=select.offset,
        columns=select.columns,
        fallback=fallback,
        plain=_plain(targets, ranked),
    )


def _plain(targets: tuple[bound.Target, ...], ranked: Ranking | None) -> tuple[int, ...] | None:
    """See NativeSelect.plain."""
    found = []
    for target in targets:
        expression = target.expression
        if isinstance(expression, bound.ColumnRef) and 0 <= expression.ordinal < ROW_ID_ORDINAL:
            found.append(expression.ordinal + 1)
        elif ranked is not None and expression == ranked.key:
            found.append(0)
        else:
            return None
    return tuple(found)


def _evaluable(select: bound.Select, ranked: Ranking | None) -> bool:
    keys = ranked.extra if ranked else select.order_by
    expressions = [t.expression for t in select.targets if not t.junk]
    expressions += [key.expression for key in keys]
    if any(has_sort_key(key.expression.type) for key in keys):
        return False  # only the relational engine knows their order
    for expression in expressions:
        if not is_native(expression):
            return False
        if not _scores_are_at_hand(expression, ranked):
            return False
    return True


def _scores_are_at_hand(expression: bound.Expression, ranked: Ranking | None) -> bool:
    """Whether every text score can be computed, and every fused one is what the ranked scan yields."""
    if isinstance(expression, (bound.Fusion, bound.Mmr)):
        return ranked is not None and ranked.key == expression
    if isinstance(expression, bound.Explanation):
        return ranked is not None and ranked.key == expression.ranked
    if isinstance(expression, bound.TextScore):
        return is_constant(expression.query)
    return all(_scores_are_at_hand(child, ranked) for child in children(expression))


def _has_subquery(predicate: Predicate | None) -> bool:
    if isinstance(predicate, AllOf):
        return any(_has_subquery(part) for part in predicate.parts)
    if isinstance(predicate, Residual):
        return -1 in relations_of(predicate.expression)
    return False


def plan_insert(statement: bound.Insert, catalog: Catalog) -> InsertPlan:
    source = statement.source
    returned = _returned(statement)
    if any(column.ordinal == CTID_ORDINAL for column in returned[0]):
        raise FeatureNotSupported("ctid in RETURNING of INSERT is not supported")
    if isinstance(source, bound.Values) and not (source.order_by or source.limit or source.ctes):
        if not statement.ctes and all(is_native(e) for row in source.rows for e in row):
            return InsertPlan(statement, source.rows, None, *returned)
    if statement.ctes:
        source = replace(source, ctes=statement.ctes + source.ctes)
    return InsertPlan(statement, None, plan_query(source, catalog), *returned)


def plan_merge(
    statement: bound.Merge, catalog: Catalog, *, identified: bool = False
) -> MergePlan:
    """The plan of a MERGE: one query for the pairs and all that the clauses compute of them; identified:
    followed by all columns of the source."""
    scan = statement.target
    row_id = bound.ColumnRef(types.INT8, scan.relation_id, ROW_ID_ORDINAL, "ctid")
    found: list[bound.Expression] = [row_id]
    wanted: list[bound.Expression] = []
    for clause in statement.clauses:
        kind = "not_null" if clause.matched else "null"
        test: bound.Expression = bound.Test(types.BOOL, kind, row_id)
        if clause.condition is not None:
            test = bound.Boolean(types.BOOL, "and", (test, clause.condition))
        wanted.append(test)
    found += wanted
    starts = []
    for clause, test in zip(statement.clauses, wanted, strict=True):
        starts.append(len(found))
        # Only where the clause may be taken: what it computes may fail elsewhere.
        found += [
            bound.Case(a.expression.type, ((test, a.expression),)) for a in clause.assignments
        ]
    if identified:
        found += _source_columns(statement.source)
    targets = tuple(bound.Target(f"v{i}", e) for i, e in enumerate(found))
    columns = tuple(bound.OutputColumn(t.name, t.expression.type) for t in targets)
    join = bound.Join("left", statement.source, scan, statement.condition)
    select = bound.Select(columns, targets, (join,), ctes=statement.ctes)
    return MergePlan(statement, plan_remainder(select, catalog, plan_query), tuple(starts))


def _source_columns(item: bound.FromItem) -> list[bound.Expression]:
    if isinstance(item, bound.Join):
        return _source_columns(item.left) + _source_columns(item.right)
    return [
        bound.ColumnRef(column.type, item.relation_id, i, column.name)
        for i, column in enumerate(item.columns)
        if column.name and column.attnum >= 0
    ]


def plan_modify(statement: bound.Update | bound.Delete, catalog: Catalog) -> ModifyPlan:
    scan = statement.target
    others = statement.from_ if isinstance(statement, bound.Update) else statement.using
    assigned: tuple[bound.Expression, ...] = ()
    if isinstance(statement, bound.Update):
        assigned = tuple(a.expression for a in statement.assignments)
    rows = prefilter(scan, None if others else statement.where, catalog)
    direct = not others and not statement.ctes and not _has_subquery(rows.predicate)
    carried, returned = _returned(statement)
    if direct and not carried and not _hidden_columns(assigned):
        if all(is_native(e) for e in assigned):
            return ModifyPlan(statement, rows, None)
    row_id = bound.ColumnRef(types.INT8, scan.relation_id, ROW_ID_ORDINAL, "ctid")
    targets = [bound.Target("row_id", row_id)]
    targets += [bound.Target(f"value{i}", e) for i, e in enumerate((*assigned, *carried))]
    columns = tuple(bound.OutputColumn(t.name, t.expression.type) for t in targets)
    select = bound.Select(
        columns, tuple(targets), (scan, *others), statement.where, ctes=statement.ctes
    )
    source = plan_remainder(select, catalog, plan_query)
    return ModifyPlan(statement, _all_rows(scan), source, carried, returned)


def _hidden_columns(tree: object) -> bool:
    return any(isinstance(n, bound.ColumnRef) and n.ordinal >= ROW_ID_ORDINAL for n in nodes(tree))


def _returned(
    statement: bound.Insert | bound.Update | bound.Delete,
) -> tuple[tuple[bound.ColumnRef, ...], tuple[bound.Expression, ...]]:
    """Columns of other relations, and hidden ones, in RETURNING, and it with these after the columns of the target."""
    if not statement.returning:
        return (), ()
    target = statement.target
    others: tuple[bound.FromItem, ...] = ()
    if isinstance(statement, bound.Update):
        others = statement.from_
    elif isinstance(statement, bound.Delete):
        others = statement.using
    relations = {
        part.relation_id: part for part in nodes(others) if isinstance(part, bound.RelationNode)
    }
    returned = tuple(t.expression for t in statement.returning)
    rows: dict[bound.Expression | Place, bound.Expression] = {}
    for part in nodes(returned):
        if isinstance(part, bound.RowRef) and part.relation_id in relations:
            rows[part] = _whole_row(relations[part.relation_id])
    returned = substituted(returned, rows)
    used = dict.fromkeys(
        part for part in nodes(returned)
        if isinstance(part, bound.ColumnRef)
        and (part.relation_id in relations
             or part.relation_id == target.relation_id and part.ordinal >= ROW_ID_ORDINAL)
    )  # fmt: skip
    first = len(target.columns)
    places: dict[bound.Expression | Place, bound.Expression] = {
        (column.relation_id, column.ordinal): bound.ColumnRef(
            column.type, target.relation_id, first + i, column.name
        )
        for i, column in enumerate(used)
    }
    return tuple(used), substituted(returned, places)


def _whole_row(relation: bound.RelationNode) -> bound.Expression:
    items = tuple(
        bound.ColumnRef(column.type, relation.relation_id, ordinal, column.name)
        for ordinal, column in enumerate(relation.columns)
        if column.name and column.attnum >= 0
    )
    return bound.RowExpression(types.RECORD, items)


def _all_rows(scan: bound.TableScan) -> Prefilter:
    return Prefilter(scan)
