"""FROM: tables, system tables, subqueries, functions, joins; what they bring into scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Index, Table, View, ViewRelation
from sqlvec.catalog.objects import Sequence as SequenceRelation
from sqlvec.catalog.system.tables import TABLEOID, XMIN, SystemTable, function_table, system_table
from sqlvec.errors import (
    DatatypeMismatch,
    DuplicateColumn,
    FeatureNotSupported,
    InvalidColumnReference,
    ObjectNotInState,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_call import Call, find_call
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_json_record import JSON_RECORDS, json_rows
from sqlvec.sql.bind_modifying import returned_rows
from sqlvec.sql.bind_record import unnest_call, with_carried_fields
from sqlvec.sql.bind_sample import sampled
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.grouping import forbid_aggregates
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import Node, parse
from sqlvec.sql.scope import Scope, named_columns
from sqlvec.sql.tree import nodes
from sqlvec.sql.type_rules import is_unknown


def bind_from(binder: Binder, items: list[Node], scope: Scope) -> tuple[bound.FromItem, ...]:
    """The items, each added to the scope."""
    return tuple(_item(binder, node, scope) for node in items)


def _item(binder: Binder, node: Node, scope: Scope) -> bound.FromItem:
    if "RangeVar" in node:
        return bind_relation(binder, node["RangeVar"], scope)
    if "JoinExpr" in node:
        return _join(binder, node["JoinExpr"], scope)
    if "RangeSubselect" in node:
        return _subselect(binder, node["RangeSubselect"], scope)
    if "RangeFunction" in node:
        return _function(binder, node["RangeFunction"], scope)
    if "RangeTableSample" in node:
        return _subselect(binder, sampled(binder, node["RangeTableSample"]), scope)
    raise FeatureNotSupported(f"{next(iter(node))} is not supported in FROM")


def _alias(body: Node, default: str) -> tuple[str, list[str]]:
    alias = body.get("alias")
    if alias is None:
        return default, []
    return alias["aliasname"], [n["String"]["sval"] for n in alias.get("colnames", ())]


def _renamed(
    columns: tuple[bound.OutputColumn, ...], names: list[str], alias: str
) -> tuple[bound.OutputColumn, ...]:
    live = [i for i, column in enumerate(columns) if column.name and column.attnum >= 0]
    if len(names) > len(live):
        raise InvalidColumnReference(
            f'table "{alias}" has {len(live)} columns available but {len(names)} columns specified'
        )
    renamed = list(columns)
    for place, name in zip(live, names, strict=False):
        renamed[place] = replace(columns[place], name=name)
    return tuple(renamed)


def bind_relation(binder: Binder, body: Node, scope: Scope) -> bound.RelationNode:
    """A named relation: CTE, table, view or system table."""
    schema, name = body.get("schemaname"), body["relname"]
    alias, names = _alias(body, name)
    position = binder.position(body)
    relation_id = binder.next_relation()
    outer = binder.as_of
    if "as_of" in body:
        binder.as_of = _bind_time(binder, body["as_of"])
    relation: bound.RelationNode
    cte = scope.find_cte(name) if schema is None else None
    if cte is not None:
        if "as_of" in body:
            raise WrongObjectType(f'"{name}" is not a table', position=position)
        columns = _renamed(cte.columns, names, alias)
        relation = bound.CteScan(relation_id, alias, columns, name)
        if cte.returned is not None:
            rows = returned_rows(binder, cte, position)
            relation = bound.SystemScan(relation_id, alias, columns, rows)
    else:
        only = not body.get("inh")
        try:
            relation = _catalog_relation(binder, schema, name, relation_id, alias, names, position, only)
        except UndefinedTable as error:
            if schema is None and scope.reads_ahead(name):
                error.detail = (
                    f'There is a WITH item named "{name}", but it cannot be referenced from this part of the query.'
                )
                error.hint = "Use WITH RECURSIVE, or re-order the WITH items to remove forward references."
            raise
        if isinstance(relation, bound.SystemScan) and "as_of" in body:
            raise WrongObjectType(f'"{name}" is not a table', position=position)
    binder.as_of = outer
    scope.add(relation)
    return relation


_TIMES = (types.TEXT, types.VARCHAR, types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ, types.INTERVAL)


def _bind_time(binder: Binder, node: Node) -> bound.Expression:
    """The time of FOR SYSTEM_TIME: a moment, or an interval from now."""
    time = bind_expression(binder, node, Scope())
    forbid_aggregates(time, "FOR SYSTEM_TIME")
    if is_unknown(time.type):
        time = binder.coerce(time, types.TEXT)
    if time.type.oid not in [t.oid for t in _TIMES]:
        raise DatatypeMismatch(
            "argument of FOR SYSTEM_TIME AS OF must be type timestamp with time zone, "
            f"not type {time.type.name}",
            position=location_of(binder, node),
        )
    return time


def _catalog_relation(
    binder: Binder,
    schema: str | None,
    name: str,
    relation_id: int,
    alias: str,
    names: list[str],
    position: int | None,
    only: bool,
) -> bound.RelationNode:
    for system in (schema,) if schema else ("pg_catalog",):
        found = system_table(system, name)
        if found is not None:
            columns = _system_columns(found)
            return bound.SystemScan(relation_id, alias, _renamed(columns, names, alias), found)
    meant = binder.meant.get((schema or "", name))
    if meant is not None:
        relation = binder.catalog.relations.get(meant.oid)
    else:
        relation = binder.context.find_relation(schema, name)
    if relation is not None:
        binder.used[(schema or "", name)] = (schema, relation)
    if isinstance(relation, Table):
        if not relation.populated:
            raise ObjectNotInState(
                f'materialized view "{relation.name}" has not been populated',
                hint="Use the REFRESH MATERIALIZED VIEW command.",
            )
        if meant is not None:
            relation = _as_named(relation, meant)
        return whole_scan(binder, table_scan(binder, relation, relation_id, alias, names), only)
    if isinstance(relation, View):
        return view_scan(binder, relation, relation_id, alias, names)
    if isinstance(relation, SequenceRelation):
        count = SystemTable("", relation.name, relation.oid, "S", False, _COUNT)
        columns = _renamed(_system_columns(count), names, alias)
        return bound.SystemScan(relation_id, alias, columns, count)
    if isinstance(relation, Index):
        raise WrongObjectType(
            f'cannot open relation "{name}"', detail="This operation is not supported for indexes.",
            position=position,
        )  # fmt: skip
    shown = f"{schema}.{name}" if schema else name
    raise UndefinedTable(f'relation "{shown}" does not exist', position=position)


def _system_columns(table: SystemTable) -> tuple[bound.OutputColumn, ...]:
    found = [
        bound.OutputColumn(column.name, column.type, table.oid, attnum)
        for attnum, column in enumerate(table.columns, 1)
    ]
    if table.kind != "S":
        found.append(bound.OutputColumn(TABLEOID, types.OID, table.oid, _TABLEOID_ATTNUM))
        found.append(bound.OutputColumn(XMIN, types.XID, table.oid, _XMIN_ATTNUM))
    return tuple(found)


_COUNT = "last_value:20:-1:n log_cnt:20:-1:n is_called:16:-1:n"  # what SELECT from a sequence shows
_XMIN_ATTNUM, _TABLEOID_ATTNUM = -2, -6  # FirstLowInvalidHeapAttributeNumber is -7: sysattr.h


def _as_named(table: Table, meant: ViewRelation) -> Table:
    """The table with the columns that a view knows of, under the names that it knows."""
    known = dict(enumerate(meant.columns, 1))
    columns = tuple(
        replace(c, name=known.get(c.attnum, ""), dropped=c.dropped or not known.get(c.attnum))
        for c in table.columns
    )
    return replace(table, columns=columns)


def table_columns(table: Table) -> tuple[bound.OutputColumn, ...]:
    """One entry per attnum; dropped columns have no name."""
    return tuple(
        bound.OutputColumn("" if c.dropped else c.name, c.value_type, table.oid, c.attnum)
        for c in table.columns
    )


def table_scan(
    binder: Binder, table: Table, relation_id: int, alias: str, names: list[str]
) -> bound.TableScan:
    binder.tables[relation_id] = table
    columns = _renamed(table_columns(table), names, alias)
    return bound.TableScan(relation_id, alias, columns, table, binder.as_of)


def whole_scan(binder: Binder, scan: bound.TableScan, only: bool) -> bound.TableScan:
    """The scan with the rows of the tables that inherit from the table; with ONLY not even a partitioned
    table's partitions."""
    if not only:
        return replace(scan, named=True, heirs=bool(binder.catalog.children(scan.table.oid)))
    return replace(scan, named=True, table=replace(scan.table, partitioning=None))


def view_scan(
    binder: Binder, view: View, relation_id: int, alias: str, names: list[str]
) -> bound.DerivedTable:
    """A view is its query."""
    query = bind_stored_query(binder, view.query, view.relations)
    columns = tuple(
        replace(c, name=own.name) for c, own in zip(query.columns, view.columns, strict=False)
    )
    binder.derived[relation_id] = query
    return bound.DerivedTable(relation_id, alias, _renamed(columns, names, alias), query)


def bind_stored_query(
    binder: Binder, text: str, relations: tuple[ViewRelation, ...]
) -> bound.Query:
    """A view's query: its names mean what they meant when it was made."""
    from sqlvec.sql.bind_select import bind_query

    outer = binder.parsed, binder.meant, binder.used, binder.stored_text
    binder.parsed, binder.stored_text = parse(text)[0], True
    binder.meant, binder.used = {(r.schema, r.name): r for r in relations}, {}
    try:
        return bind_query(binder, binder.parsed.node, Scope())
    finally:
        binder.parsed, binder.meant, binder.used, binder.stored_text = outer


def _subselect(binder: Binder, body: Node, scope: Scope) -> bound.RelationNode:
    from sqlvec.sql.bind_select import bind_query

    lateral = bool(body.get("lateral"))
    alias, names = _alias(body, "")
    outer = scope if lateral else Scope(scope.parent, ctes=scope.ctes, unseen=scope)
    query = with_carried_fields(bind_query(binder, body["subquery"], outer))
    relation = bound.DerivedTable(
        binder.next_relation(), alias, _renamed(query.columns, names, alias), query, lateral
    )
    binder.derived[relation.relation_id] = query
    scope.add(relation)
    return relation


def _function(binder: Binder, body: Node, scope: Scope) -> bound.RelationNode:
    if len(body["functions"]) > 1:
        return _side_by_side(binder, body, scope)
    node = body["functions"][0]["List"]["items"][0]
    called = node.get("FuncCall", {})
    name = called["funcname"][-1]["String"]["sval"] if called else "function"
    args = called.get("args", ())
    table = function_table(name) if called and not args else None
    alias, names = _alias(body, name)
    relation: bound.RelationNode
    if called and name in JSON_RECORDS:
        rows = json_rows(binder, body, scope, bind_expression)
        named = {"lateral": True, "subquery": rows, "alias": {"aliasname": name, **body.get("alias", {})}}
        return _subselect(binder, named, scope)
    relation_id = binder.next_relation()
    if table is not None:
        columns = _renamed(_system_columns(table), names, alias)
        relation = bound.SystemScan(relation_id, alias, columns, table)
    elif called and binder.catalog.routines and (user := find_call(binder, called, scope, bind_expression)):
        relation = _routine(binder, user, body, relation_id)
    else:
        call = _call(binder, node, name, args, scope)
        columns = _function_columns(call, alias, bool(body.get("ordinality")))
        relation = bound.FunctionScan(
            relation_id, alias, _renamed(columns, names, alias), call, bool(body.get("ordinality")), True
        )
    scope.add(relation)
    return relation


def _side_by_side(binder: Binder, body: Node, scope: Scope) -> bound.RelationNode:
    """ROWS FROM (f(), g()): the rows of each as an array, unnested together."""
    arrays: list[bound.Expression] = []
    names = []
    for function in body["functions"]:
        node = function["List"]["items"][0]
        called = node.get("FuncCall", {})
        name = called["funcname"][-1]["String"]["sval"] if called else "function"
        select = {"targetList": [{"ResTarget": {"val": node}}], "op": "SETOP_NONE"}
        link = {"subLinkType": "ARRAY_SUBLINK", "subselect": {"SelectStmt": select}}
        call = bind_expression(binder, node, scope)
        if isinstance(call, bound.RecordCall) or function["List"]["items"][1:] != [{}]:
            raise FeatureNotSupported(
                "ROWS FROM with several functions, one of them of several columns, is not supported"
            )
        arrays.append(bind_expression(binder, {"SubLink": link}, scope))
        names.append(_OUT_NAMES.get(name, name))
    rows = unnest_call(arrays, None)
    fields = tuple((name, sql_type) for name, (_, sql_type) in zip(names, rows.fields, strict=True))
    alias, renames = _alias(body, names[0])
    ordinality = bool(body.get("ordinality"))
    call = replace(rows, fields=fields)
    columns = _renamed(_function_columns(call, alias, ordinality), renames, alias)
    relation = bound.FunctionScan(binder.next_relation(), alias, columns, call, ordinality, True)
    scope.add(relation)
    return relation


def _routine(binder: Binder, call: Call, body: Node, relation_id: int) -> bound.RelationNode:
    """A function that a user made: its query, or its rows as it is run."""
    from sqlvec.sql.inline import call_query, run_call

    alias, names = _alias(body, call.routine.name)
    ordinality = bool(body.get("ordinality"))
    query = call_query(binder, call)
    given = query.columns if query is not None else ()
    columns = tuple(
        replace(given[i], name=name) if given else bound.OutputColumn(name, sql_type)
        for i, (name, sql_type) in enumerate(call.columns)
    )
    if not call.is_row and not call.routine.outputs:
        columns = (replace(columns[0], name=alias),)
    if query is None:
        shown = (*columns, bound.OutputColumn("ordinality", types.INT8)) if ordinality else columns
        shown = _renamed(shown, names, alias)
        return bound.FunctionScan(relation_id, alias, shown, run_call(call), ordinality, True)
    query = replace(query, columns=columns)
    if ordinality:
        query = _numbered(binder, query)
    binder.derived[relation_id] = query
    return bound.DerivedTable(relation_id, alias, _renamed(query.columns, names, alias), query, True)


def _numbered(binder: Binder, query: bound.Query) -> bound.Query:
    """WITH ORDINALITY: the rows, numbered."""
    from sqlvec.sql.routine_body import over

    select = over(binder, query)
    number = bound.WindowCall(types.INT8, "row_number", (), bound.Window())
    column = bound.OutputColumn("ordinality", types.INT8)
    return replace(
        select,
        targets=(*select.targets, bound.Target(column.name, number)),
        columns=(*select.columns, column),
    )


def _call(
    binder: Binder, node: Node, name: str, args: Sequence[Node], scope: Scope
) -> bound.Expression:
    if name == "unnest" and len(args) > 1:
        position = binder.position(node["FuncCall"])
        return unnest_call([bind_expression(binder, arg, scope) for arg in args], position)
    return bind_expression(binder, node, scope)


_OUT_NAMES = {
    "jsonb_array_elements": "value", "json_array_elements": "value",
    "jsonb_array_elements_text": "value", "json_array_elements_text": "value",
    "pg_partition_ancestors": "relid",
}  # fmt: skip


def _function_columns(
    call: bound.Expression, alias: str, ordinality: bool
) -> tuple[bound.OutputColumn, ...]:
    """A function of one column names it after the alias, but where it has a name for it."""
    name = alias
    if isinstance(call, bound.FunctionCall):
        name = _OUT_NAMES.get(call.name, alias)
    columns: tuple[bound.OutputColumn, ...] = (bound.OutputColumn(name, call.type),)
    if isinstance(call, bound.RecordCall):
        columns = tuple(bound.OutputColumn(name, sql_type) for name, sql_type in call.fields)
    if ordinality:
        columns = (*columns, bound.OutputColumn("ordinality", types.INT8))
    return columns


# ---------------------------------------------------------------- joins

_KINDS = {"JOIN_INNER": "inner", "JOIN_LEFT": "left", "JOIN_RIGHT": "right", "JOIN_FULL": "full"}


def _aliased_join(binder: Binder, body: Node, scope: Scope) -> bound.RelationNode:
    """(a JOIN b) AS j: a table of the join's columns, the only one that is seen outside."""
    star: Node = {"ResTarget": {"val": {"ColumnRef": {"fields": [{"A_Star": {}}]}}}}
    select = {
        "targetList": [star],
        "fromClause": [{"JoinExpr": {k: v for k, v in body.items() if k != "alias"}}],
        "op": "SETOP_NONE",
    }
    subselect = {"lateral": True, "subquery": {"SelectStmt": select}, "alias": body["alias"]}
    relation = _subselect(binder, subselect, scope)
    assert isinstance(relation, bound.DerivedTable), relation
    inner = nodes(getattr(relation.query, "from_", ()))
    scope.covered |= {part.alias for part in inner if isinstance(part, bound.RelationNode)}
    return relation


def _join(binder: Binder, body: Node, scope: Scope) -> bound.FromItem:
    if "alias" in body:
        return _aliased_join(binder, body, scope)
    kind = _KINDS[body.get("jointype", "JOIN_INNER")]
    first = len(scope.relations)
    left = _item(binder, body["larg"], scope)
    middle = len(scope.relations)
    barred = scope.barred
    if kind in ("right", "full"):
        scope.barred = barred | {relation.relation_id for relation in scope.relations[first:]}
    right = _item(binder, body["rarg"], scope)
    scope.barred = barred
    lefts, rights = scope.relations[first:middle], scope.relations[middle:]
    if body.get("isNatural"):
        right_names = {c.name for r in rights for c in r.columns if c.name}
        left_names = dict.fromkeys(c.name for r in lefts for c in r.columns if c.name)
        names = [name for name in left_names if name in right_names]
        return bound.Join(kind, left, right, _using(binder, names, kind, lefts, rights, scope))
    if "usingClause" in body:
        names = [n["String"]["sval"] for n in body["usingClause"]]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DuplicateColumn(f'column name "{twice}" appears more than once in USING clause')
        condition = _using(binder, names, kind, lefts, rights, scope)
        if "join_using_alias" in body:
            alias = body["join_using_alias"]["aliasname"]
            scope.joins[alias] = {name: scope.merged[name] for name in names}
        return bound.Join(kind, left, right, condition)
    if "quals" not in body:
        return bound.Join("cross" if kind == "inner" else kind, left, right)
    place = location_of(binder, body["quals"])
    condition = binder.boolean(bind_expression(binder, body["quals"], scope), "JOIN/ON", place)
    forbid_aggregates(condition, "JOIN conditions", binder.positions)
    return bound.Join(kind, left, right, condition)


def _using(
    binder: Binder,
    names: list[str],
    kind: str,
    lefts: list[bound.RelationNode],
    rights: list[bound.RelationNode],
    scope: Scope,
) -> bound.Expression | None:
    """The condition of USING; its columns are merged in the scope."""
    parts = []
    for name in names:
        left = scope.merged.get(name) or _side(name, lefts, "left")
        right = _side(name, rights, "right")
        parts.append(bind_operator(binder, "=", left, right, None))
        merged: bound.Expression = right if kind == "right" else left
        if kind == "full":
            sides, target = binder.unify([left, right], "JOIN/USING")
            merged = bound.Coalesce(target, "coalesce", tuple(sides))
        scope.merged[name] = merged
        for relation in (*lefts, *rights):
            scope.hidden.add((relation.relation_id, name))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else bound.Boolean(types.BOOL, "and", tuple(parts))


def _side(name: str, relations: list[bound.RelationNode], side: str) -> bound.ColumnRef:
    found = [column for relation in relations for column in named_columns(relation, name)]
    if not found:
        raise UndefinedColumn(f'column "{name}" specified in USING clause does not exist in {side} table')
    if len(found) > 1:
        from sqlvec.errors import AmbiguousColumn

        raise AmbiguousColumn(f'common column name "{name}" appears more than once in {side} table')
    return found[0]
