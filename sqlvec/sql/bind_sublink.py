"""Subqueries in expressions: scalar, EXISTS, ARRAY, IN, ANY, ALL, and rows compared with a subquery's rows.

A row compared with rows is told by EXISTS, since NULL in a field makes the comparison unknown:

    (a, b) IN (q)      CASE WHEN EXISTS (q with a = x AND b = y) THEN true
                            WHEN EXISTS (q with that unknown) THEN NULL ELSE false END
    (a, b) = (q)       (SELECT a = x AND b = y FROM q), an error if q has more than one row

A condition that only asks whether it is true (WHERE) asks the first alone: only_if_true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlvec import types
from sqlvec.errors import SyntaxError
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.types.shaped_array import has_shape, shaped

Bind = Callable[[Binder, Node, Scope], bound.Expression]
_TRUE, _FALSE = bound.Const(types.BOOL, True), bound.Const(types.BOOL, False)
_NULL = bound.Const(types.BOOL, None)


def bind_sublink(binder: Binder, body: Node, scope: Scope, bind: Bind) -> bound.Expression:
    """A SubLink node."""
    position = binder.position(body)
    kind = body["subLinkType"]
    test = bind(binder, body["testexpr"], scope) if "testexpr" in body else None
    if isinstance(test, bound.RowExpression) and test.type.own is None:
        name = body["operName"][-1]["String"]["sval"] if "operName" in body else "="
        return _row_among_rows(binder, body, scope, test, name)
    query = _query(binder, body, scope)
    if kind == "EXISTS_SUBLINK":
        return bound.Subquery(types.BOOL, "exists", query)
    if len(query.columns) != 1:
        if test is not None:
            raise SyntaxError("subquery has too many columns", position=position)
        raise SyntaxError("subquery must return only one column", position=position)
    column = query.columns[0].type
    if kind == "EXPR_SUBLINK":
        return bound.Subquery(column, "scalar", query)
    if kind == "ARRAY_SUBLINK":
        array = shaped(column.bare) if has_shape(column) else types.array_of(column)
        return bound.Subquery(array, "array", query)
    assert test is not None, kind
    name = body["operName"][-1]["String"]["sval"] if "operName" in body else "="
    probe = bound.ColumnRef(column.bare, -1, 0, "element")
    compared = bind_operator(binder, name, test, probe, position)
    assert isinstance(compared, bound.FunctionCall)
    word = "in" if kind == "ANY_SUBLINK" and "operName" not in body else ("any" if kind == "ANY_SUBLINK" else "all")
    return bound.Subquery(types.BOOL, word, query, compared.args[0], compared.name)


def row_with_row_of_query(
    binder: Binder, body: Node, scope: Scope, bind: Bind
) -> bound.Expression:
    """(a, b) op (SELECT ...): an A_Expr node."""
    row = bind(binder, body["lexpr"], scope)
    link = body["rexpr"]["SubLink"]
    position = binder.position(body)
    rows = _rows(binder, link, scope)
    compared = _compared(binder, row, body["name"][-1]["String"]["sval"], rows, position)
    column = bound.OutputColumn("?column?", types.BOOL)
    query = replace(_select(rows), columns=(column,), targets=(bound.Target("?column?", compared),))
    return bound.Subquery(types.BOOL, "scalar", query)


def only_if_true(condition: bound.Expression) -> bound.Expression:
    """The same for who takes unknown as false."""
    if isinstance(condition, bound.Boolean) and condition.op != "not":
        return replace(condition, args=tuple(map(only_if_true, condition.args)))
    if not isinstance(condition, bound.Case) or condition.whens[0][1] != _TRUE:
        return condition
    others = [then for _, then in condition.whens[1:]] + [condition.otherwise or _NULL]
    return condition.whens[0][0] if all(o in (_FALSE, _NULL) for o in others) else condition


def _row_among_rows(
    binder: Binder, body: Node, scope: Scope, row: bound.RowExpression, name: str
) -> bound.Expression:
    position = binder.position(body)
    among = body["subLinkType"] == "ANY_SUBLINK"

    def some(test: Callable[[bound.Expression], bound.Expression]) -> bound.Expression:
        rows = _rows(binder, body, scope)
        compared = _compared(binder, row, name, rows, position)
        query = replace(_select(rows), where=test(compared))
        return bound.Subquery(types.BOOL, "exists", query)

    def decisive(compared: bound.Expression) -> bound.Expression:
        return compared if among else bound.Boolean(types.BOOL, "not", (compared,))

    def unknown(compared: bound.Expression) -> bound.Expression:
        return bound.Test(types.BOOL, "unknown", compared)

    whens = ((some(decisive), _TRUE if among else _FALSE), (some(unknown), _NULL))
    return bound.Case(types.BOOL, whens, _FALSE if among else _TRUE)


def _query(binder: Binder, body: Node, scope: Scope) -> bound.Query:
    from sqlvec.sql.bind_select import bind_query

    return bind_query(binder, body["subselect"], scope)


def _rows(binder: Binder, body: Node, scope: Scope) -> bound.DerivedTable:
    """The subquery's rows, bound anew each time they are asked for."""
    query = _query(binder, body, scope)
    rows = bound.DerivedTable(binder.next_relation(), "", query.columns, query)
    binder.derived[rows.relation_id] = query
    return rows


def _compared(
    binder: Binder,
    row: bound.Expression,
    name: str,
    rows: bound.DerivedTable,
    position: int | None,
) -> bound.Expression:
    assert isinstance(row, bound.RowExpression), row
    if len(rows.columns) != len(row.items):
        many = "many" if len(rows.columns) > len(row.items) else "few"
        raise SyntaxError(f"subquery has too {many} columns", position=position)
    items = tuple(
        bound.ColumnRef(column.type, rows.relation_id, place, column.name)
        for place, column in enumerate(rows.columns)
    )
    return bind_operator(binder, name, row, bound.RowExpression(types.RECORD, items), position)


def _select(rows: bound.DerivedTable) -> bound.Select:
    column = bound.OutputColumn("?column?", types.BOOL)
    return bound.Select((column,), (bound.Target("?column?", _TRUE),), (rows,))
