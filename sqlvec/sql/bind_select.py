"""Queries: SELECT, VALUES, set operations, WITH."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidColumnReference,
    SyntaxError,
    UndefinedFunction,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression, expanded
from sqlvec.sql.bind_from import bind_from
from sqlvec.sql.bind_fusion import with_explanations
from sqlvec.sql.bind_locking import bind_locking, forbid_locking, locking_title
from sqlvec.sql.bind_sublink import only_if_true
from sqlvec.sql.bind_window import sort_key, window_definitions
from sqlvec.sql.bind_with import bind_with, forbid_modifying
from sqlvec.sql.binder import Binder, body_of, location_of
from sqlvec.sql.grouping import (
    check_grouping,
    contains_aggregate,
    forbid_aggregates,
    forbid_sets,
    forbid_windows,
)
from sqlvec.sql.output_name import output_name
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope, relation_columns
from sqlvec.sql.system_columns import ROW_ID_ORDINAL
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import common_type, has_equality
from sqlvec.types import SqlType


def bind_query(binder: Binder, node: Node, parent: Scope | None) -> bound.Query:
    """A SelectStmt node: any query."""
    kind, body = body_of(node)
    if kind != "SelectStmt":
        raise FeatureNotSupported(f"{kind} is not supported inside a query")
    scope = Scope(parent)
    if parent is not None:
        forbid_modifying(binder, body.get("withClause"))
    ctes = bind_with(binder, body.get("withClause"), scope)
    query: bound.Query
    if body.get("op", "SETOP_NONE") != "SETOP_NONE":
        query = _set_operation(binder, body, scope)
    elif "valuesLists" in body:
        query = _values(binder, body, scope)
    else:
        query = _select(binder, body, scope)
    if "lockingClause" in body and not isinstance(query, bound.Select):
        forbid_locking(query, locking_title(body))
    return replace(query, ctes=ctes) if ctes else query


# ---------------------------------------------------------------- VALUES and set operations


def _values(binder: Binder, body: Node, scope: Scope) -> bound.Query:
    rows = [
        [bind_expression(binder, item, scope) for item in row["List"]["items"]]
        for row in body["valuesLists"]
    ]
    width = len(rows[0])
    for row, node in zip(rows, body["valuesLists"], strict=True):
        if len(row) != width:
            place = location_of(binder, node["List"]["items"][0])
            raise SyntaxError("VALUES lists must all be the same length", position=place)
    columns, unified = [], []
    for i in range(width):
        places = [location_of(binder, row["List"]["items"][i]) for row in body["valuesLists"]]
        values, target = binder.unify([row[i] for row in rows], "VALUES", places)
        unified.append(values)
        columns.append(bound.OutputColumn(f"column{i + 1}", target))
    query = bound.Values(tuple(columns), tuple(zip(*unified, strict=True)))
    return _ordered(binder, query, body, scope)


def _set_operation(binder: Binder, body: Node, scope: Scope) -> bound.Query:
    op = body["op"].removeprefix("SETOP_").lower()
    left = bind_query(binder, {"SelectStmt": body["larg"]}, scope)
    right = bind_query(binder, {"SelectStmt": body["rarg"]}, scope)
    if len(left.columns) != len(right.columns):
        raise SyntaxError(
            f"each {op.upper()} query must have the same number of columns",
            position=output_location(binder, body["rarg"], 0),
        )
    unknown = [literal_places(left, body["larg"]), literal_places(right, body["rarg"])]
    columns = []
    for i, (a, b) in enumerate(zip(left.columns, right.columns, strict=True)):
        meeting = zip((a.type, b.type), unknown, strict=True)
        target = common_type([types.UNKNOWN if i in places else t for t, places in meeting])
        if target is None:
            raise DatatypeMismatch(
                f"{op.upper()} types {a.type.name} and {b.type.name} cannot be matched",
                position=output_location(binder, body["rarg"], i),
            )
        columns.append(bound.OutputColumn(a.name, target))
    if op != "union" or not body.get("all"):
        for i, column in enumerate(columns):
            _require_equality(column.type, output_location(binder, body["larg"], i))
    wanted = [column.type for column in columns]
    left = with_literals(binder, left, body["larg"], wanted)
    right = with_literals(binder, right, body["rarg"], wanted)
    query = bound.SetOperation(tuple(columns), op, bool(body.get("all")), left, right)
    return _ordered(binder, query, body, scope)


def literal_places(query: bound.Query, node: Node) -> list[int]:
    """Which output columns of a plain SELECT, by its parse node, are quoted literals or NULL: they have no
    type of their own yet."""
    values = [part["ResTarget"]["val"] for part in node.get("targetList", ())]
    if not isinstance(query, bound.Select) or len(values) != len(query.columns) or query.distinct:
        return []
    sorted_by = [key.expression for key in query.order_by]
    constants = [value.get("A_Const", {}) for value in values]
    return [
        i for i, constant in enumerate(constants)
        if ("sval" in constant or constant.get("isnull")) and query.targets[i].expression not in sorted_by
    ]  # fmt: skip


def with_literals(
    binder: Binder,
    query: bound.Query,
    node: Node,
    wanted: Sequence[SqlType],
    level: str = "implicit",
) -> bound.Query:
    """The query with its literals read as what is wanted of each column."""
    places = literal_places(query, node)
    if not places:
        return query
    assert isinstance(query, bound.Select), query
    targets, output = list(query.targets), list(query.columns)
    for i in places:
        expression = targets[i].expression
        assert isinstance(expression, bound.Const), expression
        position = location_of(binder, node["targetList"][i]["ResTarget"]["val"])
        value = binder.literal(expression.value, wanted[i], position, level)
        targets[i] = replace(targets[i], expression=value)
        output[i] = replace(output[i], type=wanted[i])
    return replace(query, targets=tuple(targets), columns=tuple(output))


def output_location(binder: Binder, query: Node, place: int) -> int | None:
    """The position of an output column of a query, by its parse node; None for one from a star."""
    while "larg" in query:
        query = query["larg"]
    if "valuesLists" in query:
        items = query["valuesLists"][0]["List"]["items"]
        return location_of(binder, items[place]) if place < len(items) else None
    targets = [node["ResTarget"]["val"] for node in query.get("targetList", ())]
    stars = any("A_Star" in t.get("ColumnRef", {}).get("fields", [{}])[-1] for t in targets)
    if place >= len(targets) or (stars and len(targets) > 1):
        return None
    return location_of(binder, targets[place])


def _ordered(binder: Binder, query: bound.Query, body: Node, scope: Scope) -> bound.Query:
    """ORDER BY of a set operation or VALUES: output names and numbers."""
    output = Scope()
    output.add(bound.RelationNode(0, "", query.columns))
    keys = []
    for node in body.get("sortClause", ()):
        inner = node["SortBy"]["node"]
        number = _number(inner)
        if number is not None:
            _check_number(number, len(query.columns), "ORDER BY", binder, inner)
            column = query.columns[number - 1]
            expression: bound.Expression = bound.ColumnRef(column.type, 0, number - 1, column.name)
        else:
            if "ColumnRef" not in inner:
                raise FeatureNotSupported(
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    position=location_of(binder, inner),
                    detail="Only result column names can be used, not expressions or functions.",
                    hint="Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
                )
            expression = bind_expression(binder, inner, output)
        keys.append(sort_key(binder, node, expression))
    limit, offset = _limits(binder, body, scope)
    return replace(query, order_by=tuple(keys), limit=limit, offset=offset)


def _require_equality(sql_type: SqlType, position: int | None) -> None:
    if not has_equality(sql_type):
        raise UndefinedFunction(
            f"could not identify an equality operator for type {sql_type.plain_name}",
            position=position,
        )


def _number(node: Node) -> int | None:
    constant = node.get("A_Const")
    if constant is None or "ival" not in constant:
        return None
    return int(constant["ival"].get("ival", 0))


def _check_number(number: int, width: int, clause: str, binder: Binder, node: Node) -> None:
    if not 1 <= number <= width:
        raise InvalidColumnReference(
            f"{clause} position {number} is not in select list", position=location_of(binder, node)
        )


def _limits(
    binder: Binder, body: Node, scope: Scope
) -> tuple[bound.Expression | None, bound.Expression | None]:
    counts: list[bound.Expression | None] = []
    for name in ("limitCount", "limitOffset"):
        node = body.get(name)
        if node is None or node.get("A_Const", {}).get("isnull"):
            counts.append(None)
            continue
        count = bind_expression(binder, node, scope)
        word = "LIMIT" if name == "limitCount" else "OFFSET"
        forbid_sets(count, word, binder.positions)
        if count.type.oid not in (
            types.INT2.oid,
            types.INT4.oid,
            types.INT8.oid,
            types.UNKNOWN.oid,
        ):
            if count.type.definition.category != "N":
                raise DatatypeMismatch(
                    f"argument of {word} must be type bigint, not type {count.type.name}",
                    position=location_of(binder, node),
                )
        _forbid_variables(binder, count, word, node, scope)
        counts.append(
            binder.coerce(count, types.INT8, level="assignment", position=location_of(binder, node))
        )
    return counts[0], counts[1]


def _forbid_variables(
    binder: Binder, count: bound.Expression, word: str, node: Node, scope: Scope
) -> None:
    """LIMIT and OFFSET are computed once: no columns of the query itself, subqueries' own ones aside."""
    local = {relation.relation_id for relation in scope.relations}
    for part in walk(count):
        if isinstance(part, bound.ColumnRef) and part.relation_id in local:
            raise InvalidColumnReference(
                f"argument of {word} must not contain variables",
                position=location_of(binder, node),
            )


# ---------------------------------------------------------------- SELECT


def _select(binder: Binder, body: Node, scope: Scope) -> bound.Query:
    if "intoClause" in body:
        raise FeatureNotSupported("SELECT ... INTO is not supported", hint="Use CREATE TABLE AS.")
    outer_where = binder.where
    outer_windows = binder.windows
    binder.windows = window_definitions(binder, body.get("windowClause", ()))
    try:
        return _select_body(binder, body, scope)
    finally:
        binder.windows, binder.where = outer_windows, outer_where


def _select_body(binder: Binder, body: Node, scope: Scope) -> bound.Query:
    from_ = bind_from(binder, body.get("fromClause", []), scope)
    where = None
    if "whereClause" in body:
        where = bind_expression(binder, body["whereClause"], scope)
        where = binder.boolean(where, "WHERE", location_of(binder, body["whereClause"]))
        forbid_aggregates(where, "WHERE", binder.positions)
        forbid_sets(where, "WHERE", binder.positions)
        where = only_if_true(where)
    binder.where = where
    targets = bind_targets(binder, body.get("targetList", []), scope)
    group_by, sets = _group_by(binder, body.get("groupClause", []), targets, scope)
    if sets is not None and body.get("groupDistinct"):
        sets = tuple({frozenset(places): places for places in sets}.values())
    having = None
    if "havingClause" in body:
        having = bind_expression(binder, body["havingClause"], scope)
        having = binder.boolean(having, "HAVING", location_of(binder, body["havingClause"]))
        forbid_windows(having, "HAVING", binder.positions)
    order_by, junk = _order_by(binder, body.get("sortClause", []), targets, scope)
    if binder.explains:
        targets = with_explanations(targets, order_by)
        binder.explains = False
    distinct, distinct_on = _distinct(binder, body.get("distinctClause"), targets, scope)
    if distinct_on:
        places = [location_of(binder, node) for node in body["distinctClause"]]
        order_by = _in_order(distinct_on, order_by, places)
    if distinct and junk:
        missing = next(
            node["SortBy"]["node"]
            for node, key in zip(body["sortClause"], order_by, strict=True)
            if any(key.expression == t.expression for t in junk)
        )
        raise InvalidColumnReference(
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
            position=location_of(binder, missing),
        )
    expressions = [t.expression for t in targets] + [k.expression for k in order_by]
    expressions += [having] if having is not None else []
    grouped = bool(body.get("groupClause")) or having is not None
    grouped = grouped or any(contains_aggregate(e) for e in expressions)
    if grouped:
        check_grouping(binder, expressions, group_by, scope)
    limit, offset = _limits(binder, body, scope)
    columns = tuple(
        bound.OutputColumn(t.name, t.expression.type, t.table_oid, t.attnum) for t in targets
    )
    select = bound.Select(
        columns,
        (*targets, *junk),
        from_,
        where,
        group_by,
        sets,
        grouped,
        having,
        distinct,
        distinct_on,
        order_by=order_by,
        limit=limit,
        offset=offset,
        with_ties=body.get("limitOption") == "LIMIT_OPTION_WITH_TIES",
    )
    return bind_locking(binder, body, select)


def bind_targets(binder: Binder, nodes: list[Node], scope: Scope) -> tuple[bound.Target, ...]:
    """A target list, stars expanded."""
    found: list[bound.Target] = []
    for node in nodes:
        body = node["ResTarget"]
        value = body["val"]
        fields = value.get("ColumnRef", {}).get("fields", [])
        if fields and "A_Star" in fields[-1]:
            found += _star(binder, value["ColumnRef"], scope)
            continue
        steps = value.get("A_Indirection", {}).get("indirection", ())
        if steps and "A_Star" in steps[-1]:
            found += [
                bound.Target(*field) for field in expanded(binder, value["A_Indirection"], scope)
            ]
            continue
        expression = binder.settled(bind_expression(binder, value, scope))
        name = body.get("name") or output_name(value)
        found.append(_target(binder, name, expression))
    return tuple(found)


def _target(binder: Binder, name: str, expression: bound.Expression) -> bound.Target:
    if isinstance(expression, bound.ColumnRef):
        table = binder.tables.get(expression.relation_id)
        if table is not None:
            if expression.ordinal >= ROW_ID_ORDINAL:
                return bound.Target(name, expression)
            return bound.Target(name, expression, False, table.oid, expression.ordinal + 1)
    return bound.Target(name, expression)


def _star(binder: Binder, body: Node, scope: Scope) -> list[bound.Target]:
    names = [part["String"]["sval"] for part in body["fields"][:-1]]
    if names:
        joined = scope.join_alias(names[-1])
        if joined is not None:
            return [_target(binder, name, column) for name, column in joined.items()]
        relation = scope.relation(names[-1])
        if relation is None:
            raise scope.missing_relation(names[-1], binder.position(body))
        return [_target(binder, name, column) for name, column in relation_columns(relation)]
    if not scope.relations:
        raise SyntaxError(
            "SELECT * with no tables specified is not valid", position=binder.position(body)
        )
    return [_target(binder, name, expression) for name, expression in scope.star()]


def _output(
    binder: Binder, node: Node, targets: tuple[bound.Target, ...], scope: Scope, clause: str
) -> bound.Expression | None:
    """An output column by number or name, as ORDER BY and GROUP BY allow it."""
    number = _number(node)
    if number is not None:
        _check_number(number, len(targets), clause, binder, node)
        return targets[number - 1].expression
    if "A_Const" in node:
        raise SyntaxError(f"non-integer constant in {clause}", position=location_of(binder, node))
    fields = node.get("ColumnRef", {}).get("fields", [])
    if len(fields) != 1 or "String" not in fields[0]:
        return None
    name = fields[0]["String"]["sval"]
    if clause == "GROUP BY" and scope._local(name, None) is not None:
        return None
    matches = {t.expression for t in targets if t.name == name}
    if len(matches) > 1:
        from sqlvec.errors import AmbiguousColumn

        raise AmbiguousColumn(f'{clause} "{name}" is ambiguous', position=location_of(binder, node))
    return matches.pop() if matches else None


def _order_by(
    binder: Binder, nodes: list[Node], targets: tuple[bound.Target, ...], scope: Scope
) -> tuple[tuple[bound.SortKey, ...], tuple[bound.Target, ...]]:
    keys: list[bound.SortKey] = []
    junk: list[bound.Target] = []
    for node in nodes:
        inner = node["SortBy"]["node"]
        expression = _output(binder, inner, targets, scope, "ORDER BY")
        if expression is None:
            expression = binder.settled(bind_expression(binder, inner, scope))
            if all(expression != t.expression for t in targets):
                junk.append(bound.Target(f"order{len(junk)}", expression, True))
        keys.append(sort_key(binder, node, expression))
    return tuple(keys), tuple(junk)


def _distinct(
    binder: Binder, clause: list[Node] | None, targets: tuple[bound.Target, ...], scope: Scope
) -> tuple[bool, tuple[bound.Expression, ...]]:
    if clause is None:
        return False, ()
    expressions = []
    for node in clause:
        if not node:
            continue
        found = _output(binder, node, targets, scope, "DISTINCT ON")
        expressions.append(found or binder.settled(bind_expression(binder, node, scope)))
    for expression in expressions or [target.expression for target in targets]:
        _require_equality(expression.type, binder.positions.get(expression))
    return not expressions, tuple(expressions)


def _in_order(
    distinct_on: tuple[bound.Expression, ...],
    order_by: tuple[bound.SortKey, ...],
    places: list[int | None],
) -> tuple[bound.SortKey, ...]:
    """The rows of DISTINCT ON come sorted by all its expressions, of which ORDER BY may name the first."""
    named = [key.expression for key in order_by]
    count = next((i for i, e in enumerate(named) if e not in distinct_on), len(named))
    late = [e for e in distinct_on if e not in named[:count]]
    if late and count < len(named):
        again = next((e for e in distinct_on if e in named[count:]), late[0])
        raise InvalidColumnReference(
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
            position=places[distinct_on.index(again)],
        )
    return (*order_by, *(bound.SortKey(e, False, False) for e in dict.fromkeys(late)))


def _group_by(
    binder: Binder, nodes: list[Node], targets: tuple[bound.Target, ...], scope: Scope
) -> tuple[tuple[bound.Expression, ...], tuple[tuple[int, ...], ...] | None]:
    """The grouped expressions, and the sets of their positions where GROUPING SETS are asked for."""
    expressions: list[bound.Expression] = []
    sets: list[list[tuple[int, ...]]] = []
    plain = True

    def place(node: Node) -> tuple[int, ...]:
        if "RowExpr" in node:
            return tuple(p for part in node["RowExpr"].get("args", []) for p in place(part))
        found = _output(binder, node, targets, scope, "GROUP BY")
        if found is None:
            found = binder.settled(bind_expression(binder, node, scope))
        forbid_aggregates(found, "GROUP BY", binder.positions)
        _require_equality(found.type, location_of(binder, node))
        if found not in expressions:
            expressions.append(found)
        return (expressions.index(found),)

    for node in nodes:
        if "GroupingSet" in node:
            plain = False
            sets.append(_grouping_set(node["GroupingSet"], place))
        else:
            sets.append([place(node)])
    if plain:
        return tuple(expressions), None
    combined: list[tuple[int, ...]] = [()]
    for options in sets:
        combined = [a + tuple(p for p in b if p not in a) for a in combined for b in options]
    return tuple(expressions), tuple(combined)


def _grouping_set(body: Node, place: Any) -> list[tuple[int, ...]]:
    kind = body["kind"]
    if kind == "GROUPING_SET_EMPTY":
        return [()]
    parts = []
    for node in body.get("content", []):
        if "GroupingSet" in node:
            parts.append(_grouping_set(node["GroupingSet"], place))
        else:
            parts.append([place(node)])
    if kind == "GROUPING_SET_SETS":
        return [option for part in parts for option in part]
    flat = [part[0] for part in parts]
    if kind == "GROUPING_SET_ROLLUP":
        return [sum(flat[:n], ()) for n in range(len(flat), -1, -1)]
    options: list[tuple[int, ...]] = [()]
    for item in reversed(flat):
        options = [item + option for option in options] + options
    return options
