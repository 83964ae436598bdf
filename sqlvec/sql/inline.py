"""Calls of SQL functions taken into the statement that calls them (inline_function and inline_set_returning_function
of PostgreSQL's clauses.c), so that a function whose body is a search is planned as that search.

A function whose body is one SELECT that writes nothing is taken in: as an expression where the SELECT has nothing but
a value, as a subquery where it reads tables, and in FROM as a subquery of FROM. Whatever else a body does, it is a
RoutineCall, which is run statement by statement. So is a call whose arguments must be computed just once and are not
read just once, and a search for each row of a query, which an index answers one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.errors import DatabaseError, FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.bind_call import Call, refuse_procedure
from sqlvec.sql.binder import Binder
from sqlvec.sql.body_arguments import BodyArguments
from sqlvec.sql.functions import RECORD_FUNCTIONS, TABLE_FUNCTIONS
from sqlvec.sql.parse import Node
from sqlvec.sql.routine_body import (
    VOID,
    bind_result,
    body_statements,
    inside,
    over,
    within_body,
)
from sqlvec.sql.tree import nodes, walk
from sqlvec.sql.volatility import is_changing, is_volatile, may_change
from sqlvec.types import SqlType

_STRICT = frozenset(["+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "~~", "!~~"])
_STRICT_FUNCTIONS = frozenset(
    ["abs", "lower", "upper", "length", "char_length", "left", "right", "round", "floor", "ceil", "vector_dims",
     "l2_normalize", "inner_product", "to_tsvector", "plainto_tsquery", "websearch_to_tsquery"]
)  # fmt: skip
_RANKS = (bound.Distance, bound.TextScore, bound.Fusion, bound.Mmr)
_OF_GROUPS = (bound.Aggregate, bound.WindowCall)
_ONE = bound.Const(types.INT8, 1)


def call_value(binder: Binder, call: Call) -> bound.Expression:
    """What stands for the call in an expression. The same call is the same expression throughout a statement."""
    refuse_procedure(call)
    if binder.shows and call.written is not None:
        return call.written
    key = (call.routine.oid, call.args)
    found = binder.taken_in.get(key)
    if found is None:
        found = _set_value(binder, call) if call.routine.returns_set else _value(binder, call)
        binder.taken_in[key] = found
    if call.is_row:
        binder.calls[found] = call
    return found


def run_call(call: Call) -> bound.RoutineCall:
    """The call, to be run statement by statement."""
    return bound.RoutineCall(call.result, call.routine.oid, call.args, call.columns)


def call_query(binder: Binder, call: Call) -> bound.Query | None:
    """What stands for the call in FROM; None where it is to be run statement by statement."""
    refuse_procedure(call)
    if not call.routine.returns_set and not call.is_row:
        return _values((call_value(binder, call),), call)
    query = _taken(binder, call)
    if query is None or call.routine.returns_set and call.routine.strict and _is_volatile(call.args):
        return None
    query = _as_columns(binder, query, call)
    if call.routine.strict:
        query = _where_given(binder, query, call)
    return query if call.routine.returns_set else _one_row(binder, query)


# ---------------------------------------------------------------- the body


def _taken(binder: Binder, call: Call) -> bound.Query | None:
    """The body as a query over the arguments of the call; None where it cannot be taken in."""
    routine = call.routine
    if routine.oid in binder.running or call.result == VOID:
        return None
    if any(name != "search_path" for name, _ in routine.settings):
        return None
    statements = body_statements(routine)
    if len(statements) != 1 or not _only_reads(statements[0].node):
        return None
    arguments = BodyArguments(routine.name, [a.name for a in routine.inputs], call.args)
    try:
        with inside(binder, routine, statements[0], arguments):
            query = bind_result(binder, statements[0].node, call.result, call.columns)
    except DatabaseError as error:
        raise within_body(error, routine, "during inlining") from None
    for place, arg in enumerate(call.args):
        if any(map(_changes, walk(arg))):
            used = arguments.used.get(place, 0)
            if routine.strict or used > 1 or (used == 1 and not _is_plain(query)):
                return None
        if any(isinstance(node, _OF_GROUPS) for node in walk(arg)) and not _is_plain(query):
            return None
    return query


def _only_reads(node: Node) -> bool:
    """Whether it is a SELECT that neither writes nor locks."""
    body = node.get("SelectStmt")
    if body is None or "intoClause" in body or "lockingClause" in body:
        return False
    ctes = body.get("withClause", {}).get("ctes", ())
    return all("SelectStmt" in cte["CommonTableExpr"]["ctequery"] for cte in ctes)


def _changes(node: bound.Expression) -> bool:
    """Whether it may have another value each time that it is computed, or do something."""
    if isinstance(node, bound.Subquery):
        return any(_changes(part) for part in nodes(node.query) if isinstance(part, bound.Expression))
    return may_change(node)


def _is_volatile(args: tuple[bound.Expression, ...]) -> bool:
    return any(_changes(node) for arg in args for node in walk(arg))


def _is_plain(query: bound.Query) -> bool:
    """Whether it has nothing but values, of which each is one."""
    if not isinstance(query, bound.Select) or query.from_ or query.where is not None or query.ctes:
        return False
    if query.grouped or query.distinct or query.distinct_on or query.order_by:
        return False
    if query.limit is not None or query.offset is not None:
        return False
    return not any(_gives_rows(node) for target in query.targets for node in walk(target.expression))


def _gives_rows(node: bound.Expression) -> bool:
    if isinstance(node, (bound.RecordCall, bound.WindowCall)):
        return True
    if not isinstance(node, bound.FunctionCall) or node.operator:
        return False
    return node.name in TABLE_FUNCTIONS or node.name in RECORD_FUNCTIONS


# ---------------------------------------------------------------- values


def _value(binder: Binder, call: Call) -> bound.Expression:
    query = _taken(binder, call)
    if query is None or _searches_for_each(query, call):
        return run_call(call)
    if binder.bare and not _is_plain(query):
        return run_call(call)
    if isinstance(query, bound.Select) and _is_plain(query):
        value = query.targets[0].expression
        if _is_other_than_said(value, call, binder.catalog):
            return run_call(call)
        if call.is_row and not _is_whole(query, call.result):
            value = bound.RowExpression(call.result, tuple(t.expression for t in query.targets))
    else:
        if call.is_row:
            query = as_row(binder, query, call.result, call.routine.name)
        value = bound.Subquery(call.result, "scalar", _first_row(binder, query))
    return _given(value, call) if call.routine.strict else value


def _is_other_than_said(value: bound.Expression, call: Call, catalog: Catalog) -> bool:
    """Whether the function is said to change less than what stands for it, so that it must stay a call."""
    if call.routine.volatility == "v" or _is_volatile(call.args):
        return False
    if call.routine.volatility == "s":
        return is_volatile(value, catalog)
    changes = is_changing(value, catalog) or any(isinstance(n, bound.Subquery) for n in walk(value))
    return changes and not any(is_changing(arg, catalog) for arg in call.args)


def _searches_for_each(query: bound.Query, call: Call) -> bool:
    """Whether it is a search that depends on the row around it."""
    if not isinstance(query, bound.Select) or not query.order_by:
        return False
    if not any(isinstance(node, _RANKS) for node in walk(query.order_by[0].expression)):
        return False
    return any(isinstance(n, bound.ColumnRef) for arg in call.args for n in walk(arg))


def _is_whole(query: bound.Query, result: SqlType) -> bool:
    """Whether its one column is the row that the function gives."""
    return len(query.columns) == 1 and query.columns[0].type.oid == result.oid


def as_row(binder: Binder, query: bound.Query, result: SqlType, name: str) -> bound.Query:
    """The query with one column, the row that the function gives."""
    if _is_whole(query, result):
        return query
    if not isinstance(query, bound.Select) or query.distinct or query.distinct_on:
        query = over(binder, query)
    assert isinstance(query, bound.Select), query
    items = tuple(t.expression for t in query.targets if not t.junk)
    target = bound.Target(name, bound.RowExpression(result, items))
    junk = tuple(t for t in query.targets if t.junk)
    column = bound.OutputColumn(target.name, result)
    return replace(query, targets=(target, *junk), columns=(column,))


def _first_row(binder: Binder, query: bound.Query) -> bound.Query:
    if query.limit == _ONE and query.offset is None:
        return query
    if query.limit is not None or query.with_ties:
        query = over(binder, query)
    return replace(query, limit=_ONE)


def _given(value: bound.Expression, call: Call) -> bound.Expression:
    """NULL where an argument is."""
    nullable = [a for a in call.args if not isinstance(a, bound.Const) or a.value is None]
    if any(isinstance(a, bound.Const) for a in nullable):
        return bound.Const(call.result, None)
    if set(nullable) <= set(_null_if(value)):
        return value
    return bound.Case(call.result, ((_not_null(nullable), value),))


def _null_if(value: bound.Expression) -> Iterator[bound.Expression]:
    """Parts of which it is known that the value is NULL where they are."""
    yield value
    inner: tuple[bound.Expression, ...] = ()
    if isinstance(value, bound.FunctionCall):
        if value.name in (_STRICT if value.operator else _STRICT_FUNCTIONS):
            inner = value.args
    elif isinstance(value, bound.Cast):
        inner = (value.arg,)
    elif isinstance(value, bound.Distance):
        inner = (value.left, value.right)
    for part in inner:
        yield from _null_if(part)


def _not_null(args: list[bound.Expression]) -> bound.Expression:
    tests = tuple(bound.Test(types.BOOL, "not_null", arg) for arg in args)
    return tests[0] if len(tests) == 1 else bound.Boolean(types.BOOL, "and", tests)


# ---------------------------------------------------------------- rows


def _set_value(binder: Binder, call: Call) -> bound.Expression:
    """In a target list: a row of the statement's for each that the function gives."""
    if call.is_row:
        texts = _unnested(binder, call, types.TEXT, -1)
        if call.result == types.RECORD:
            return replace(texts, type=types.RECORD)
        return bound.Cast(call.result, texts)
    if call.result == VOID:
        raise FeatureNotSupported("functions that give rows of type void are not supported", position=call.position)
    return _unnested(binder, call, call.result, -1)


def _unnested(binder: Binder, call: Call, element: SqlType, place: int) -> bound.FunctionCall:
    """The elements of the array of all rows; place: which column of them."""
    array = types.array_of(element.bare)
    query = _taken(binder, call)
    rows: bound.Expression
    if query is None or _searches_for_each(query, call) or _is_volatile(call.args):
        rows = bound.RoutineCall(array, call.routine.oid, call.args, call.columns, True, place)
    else:
        if place >= 0:
            query = _column_of(binder, _as_columns(binder, query, call), place)
        elif call.is_row:
            query = _as_text(as_row(binder, query, call.result, call.routine.name))
        rows = bound.Subquery(array, "array", query)
        rows = _given(rows, replace(call, result=array)) if call.routine.strict else rows
    return bound.FunctionCall(element, "unnest", (rows,))


def _as_text(query: bound.Query) -> bound.Query:
    """A query of one column, as text."""
    assert isinstance(query, bound.Select), query
    first, *junk = query.targets
    target = replace(first, expression=bound.Cast(types.TEXT, first.expression, True))
    return replace(query, targets=(target, *junk), columns=(replace(query.columns[0], type=types.TEXT),))


def _column_of(binder: Binder, query: bound.Query, place: int) -> bound.Query:
    """One column of the query."""
    if not isinstance(query, bound.Select) or query.distinct or query.distinct_on:
        query = over(binder, query)
    assert isinstance(query, bound.Select), query
    shown = [t for t in query.targets if not t.junk]
    junk = tuple(t for t in query.targets if t.junk)
    return replace(query, targets=(shown[place], *junk), columns=(query.columns[place],))


def call_field(binder: Binder, call: Call, place: int) -> bound.Expression:
    """A column of the row that the call gives."""
    _, sql_type = call.columns[place]
    if call.routine.returns_set:
        return _unnested(binder, call, sql_type, place)
    query = _taken(binder, call)
    if query is None or _searches_for_each(query, call):
        return bound.RoutineCall(sql_type, call.routine.oid, call.args, call.columns, False, place)
    query = _as_columns(binder, query, call)
    value: bound.Expression
    if isinstance(query, bound.Select) and _is_plain(query):
        value = query.targets[place].expression
    else:
        value = bound.Subquery(sql_type, "scalar", _first_row(binder, _column_of(binder, query, place)))
    return _given(value, replace(call, result=sql_type)) if call.routine.strict else value


def _values(values: tuple[bound.Expression, ...], call: Call) -> bound.Select:
    columns = tuple(bound.OutputColumn(n, v.type) for (n, _), v in zip(call.columns, values, strict=True))
    targets = tuple(bound.Target(c.name, v) for c, v in zip(columns, values, strict=True))
    return bound.Select(columns, targets)


def _as_columns(binder: Binder, query: bound.Query, call: Call) -> bound.Query:
    """The query with a column for each that the function gives."""
    if call.is_row and _is_whole(query, call.result) and len(call.columns) != 1:
        from sqlvec.sql.composites import fields

        query = over(binder, query)
        assert isinstance(query, bound.Select), query
        items = tuple(value for _, value in fields(query.targets[0].expression))
        return replace(_values(items, call), from_=query.from_)
    columns = tuple(
        replace(c, name=name) for c, (name, _) in zip(query.columns, call.columns, strict=True)
    )
    return replace(query, columns=columns)


def _where_given(binder: Binder, query: bound.Query, call: Call) -> bound.Query:
    """No row where an argument is NULL."""
    nullable = [a for a in call.args if not isinstance(a, bound.Const) or a.value is None]
    if not nullable:
        return query
    test = _not_null(nullable)
    if any(isinstance(a, bound.Const) for a in nullable):
        test = bound.Const(types.BOOL, False)
    if not isinstance(query, bound.Select) or query.grouped or query.ctes:
        query = over(binder, query)
    assert isinstance(query, bound.Select), query
    where = test if query.where is None else bound.Boolean(types.BOOL, "and", (query.where, test))
    return replace(query, where=where)


def _one_row(binder: Binder, query: bound.Query) -> bound.Query:
    """The first row, or one of NULLs."""
    if _is_plain(query):
        return query
    inner = over(binder, _first_row(binder, query))
    nothing = bound.Select((bound.OutputColumn("", types.INT4),), (bound.Target("", bound.Const(types.INT4, 1)),))
    one = bound.DerivedTable(binder.next_relation(), "", nothing.columns, nothing)
    (table,) = inner.from_
    joined = bound.Join("left", one, table, bound.Const(types.BOOL, True))
    return replace(inner, from_=(joined,))
