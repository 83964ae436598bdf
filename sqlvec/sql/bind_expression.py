"""Expressions: from parse nodes to bound expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlvec import types
from sqlvec.errors import (
    FeatureNotSupported,
    SyntaxError,
    TooManyArguments,
    WrongObjectType,
)
from sqlvec.sql import arrays, bound
from sqlvec.sql.bind_bm25query import bm25query_cast
from sqlvec.sql.bind_function import bind_function
from sqlvec.sql.bind_paradedb import paradedb_cast
from sqlvec.sql.bind_record import field_of
from sqlvec.sql.bind_sublink import bind_sublink, row_with_row_of_query
from sqlvec.sql.binder import Binder, body_of, location_of
from sqlvec.sql.collation import collated
from sqlvec.sql.composites import composite_of, fields, null_test
from sqlvec.sql.grouping import forbid_sets, returns_set
from sqlvec.sql.json_subscripts import json_element
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types.domain_type import value_type
from sqlvec.types.shaped_array import has_shape, is_shaped, shaped

GROUPING_ARGUMENTS_MAX = 31
_PLACED = (bound.Aggregate, bound.Grouping, bound.WindowCall, bound.Fusion, bound.Mmr)  # not allowed everywhere
_TESTS = {
    "IS_TRUE": "true", "IS_NOT_TRUE": "not_true", "IS_FALSE": "false", "IS_NOT_FALSE": "not_false",
    "IS_UNKNOWN": "unknown", "IS_NOT_UNKNOWN": "not_unknown",
}  # fmt: skip
_VALUE_FUNCTIONS = {
    "SVFOP_CURRENT_DATE": ("current_date", types.DATE),
    "SVFOP_CURRENT_TIMESTAMP": ("current_timestamp", types.TIMESTAMPTZ),
    "SVFOP_CURRENT_USER": ("current_user", types.NAME),
    "SVFOP_USER": ("user", types.NAME),
    "SVFOP_SESSION_USER": ("session_user", types.NAME),
    "SVFOP_CURRENT_ROLE": ("current_role", types.NAME),
    "SVFOP_CURRENT_CATALOG": ("current_catalog", types.NAME),
    "SVFOP_CURRENT_SCHEMA": ("current_schema", types.NAME),
}
_NOW = {
    "SVFOP_CURRENT_TIMESTAMP_N": types.TIMESTAMPTZ,
    "SVFOP_CURRENT_TIME": types.TIMETZ, "SVFOP_CURRENT_TIME_N": types.TIMETZ,
    "SVFOP_LOCALTIME": types.TIME, "SVFOP_LOCALTIME_N": types.TIME,
    "SVFOP_LOCALTIMESTAMP": types.TIMESTAMP, "SVFOP_LOCALTIMESTAMP_N": types.TIMESTAMP,
}  # fmt: skip


def bind_expression(binder: Binder, node: Node, scope: Scope) -> bound.Expression:
    """A bound expression; unknown literals and parameters stay unknown until something types them."""
    kind, body = body_of(node)
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise FeatureNotSupported(
            f"{kind} is not supported in an expression", position=binder.position(body)
        )
    return handler(binder, body, scope)


def bind_all(binder: Binder, nodes: list[Node], scope: Scope) -> list[bound.Expression]:
    return [bind_expression(binder, node, scope) for node in nodes]


def _constant(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    if body.get("isnull"):
        return bound.Const(types.UNKNOWN, None)
    if "ival" in body:
        return bound.Const(types.INT4, body["ival"].get("ival", 0))
    if "fval" in body:
        return _number(body["fval"]["fval"])
    if "boolval" in body:
        return bound.Const(types.BOOL, body["boolval"].get("boolval", False))
    if "bsval" in body:
        text = body["bsval"]["bsval"]
        return bound.Const(types.BIT, types.BIT.definition.parse(text))
    return bound.Const(types.UNKNOWN, body["sval"].get("sval", ""), binder.position(body))


def _number(text: str) -> bound.Const:
    if text.lstrip("-").isdigit() and -(2**63) <= int(text) < 2**63:
        small = -(2**31) <= int(text) < 2**31
        return bound.Const(types.INT4 if small else types.INT8, int(text))
    return bound.Const(types.NUMERIC, types.NUMERIC.definition.parse(text))


def _column(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    fields = body["fields"]
    position = binder.position(body)
    if "A_Star" in fields[-1] and len(fields) > 1:
        name = fields[-2]["String"]["sval"]
        relation = scope.relation(name)
        if relation is None:
            raise scope.missing_relation(name, position)
        return bound.RowRef(types.RECORD, relation.relation_id)
    if "A_Star" in fields[-1]:
        raise SyntaxError("row expansion via \"*\" is not supported here", position=position)
    names = [part["String"]["sval"] for part in fields]
    if len(names) == 1:
        found = scope.column(names[0], position)
        if found is None:
            relation = scope.relation(names[0])
            if relation is None:
                if (given := _argument(binder, names, position)) is not None:
                    return given
                raise scope.missing(names[0], position)
            found = _whole(relation)
    elif (given := _argument(binder, names, position, scope)) is not None:
        return given
    else:
        found = scope.qualified(names[-2], names[-1], position)
    if isinstance(found, bound.ColumnRef) and position is not None:
        binder.positions.setdefault(found, position)
    return found


def _argument(
    binder: Binder, names: list[str], position: int | None, scope: Scope | None = None
) -> bound.Expression | None:
    """In a function's body: argument, function.argument or argument.field (sql_fn_post_column_ref)."""
    arguments = binder.arguments
    if arguments is None or (scope is not None and scope.relation(names[-2]) is not None):
        return None
    if len(names) == 1:
        return arguments.named(names[0])
    if len(names) == 2 and names[0] == arguments.function:
        found = arguments.named(names[1])
        if found is not None:
            return found
    value = arguments.named(names[0])
    return None if value is None else field_of(binder, value, names[1], Scope(), position)


def _whole(relation: bound.RelationNode) -> bound.Expression:
    """The row of a relation; of a function that gives values its value."""
    if isinstance(relation, bound.FunctionScan) and len(relation.columns) == 1:
        column = relation.columns[0]
        return bound.ColumnRef(column.type, relation.relation_id, 0, column.name)
    return bound.RowRef(types.RECORD, relation.relation_id)


def _parameter(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    return binder.parameter(body.get("number", 0), binder.position(body))


def _operator(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    kind = body["kind"]
    position = binder.position(body)
    handler = _OPERATOR_KINDS.get(kind)
    if handler is not None:
        return handler(binder, body, scope)
    name = body["name"][-1]["String"]["sval"]
    if kind != "AEXPR_OP":
        raise FeatureNotSupported(f"{kind} is not supported", position=position)
    if "lexpr" not in body:
        return bind_operator(binder, name, None, bind_expression(binder, body["rexpr"], scope), position)
    if "SubLink" in body["rexpr"] and "RowExpr" in body["lexpr"]:
        return row_with_row_of_query(binder, body, scope, bind_expression)
    left = bind_expression(binder, body["lexpr"], scope)
    right = bind_expression(binder, body["rexpr"], scope)
    return bind_operator(binder, name, left, right, position)


def _in(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    position = binder.position(body)
    arg = bind_expression(binder, body["lexpr"], scope)
    items = bind_all(binder, body["rexpr"]["List"]["items"], scope)
    negated = body["name"][0]["String"]["sval"] == "<>"
    if isinstance(arg, bound.RowExpression):
        parts = tuple(bind_operator(binder, "=", arg, item, position) for item in items)
        found: bound.Expression = bound.Boolean(types.BOOL, "or", parts) if len(parts) > 1 else parts[0]
        return bound.Boolean(types.BOOL, "not", (found,)) if negated else found
    if len(items) > 1 and arg.type.oid == types.VARCHAR.oid:  # a list has the common type, a pair is text
        items = [binder.coerce(i, arg.type.bare) if is_unknown(i.type) else i for i in items]
    compared = [bind_operator(binder, "=", arg, item, position) for item in items]
    assert all(isinstance(c, bound.FunctionCall) for c in compared)
    lefts = {c.args[0].type.oid for c in compared}  # type: ignore[attr-defined]
    if len(lefts) == 1:
        rights = tuple(c.args[1] for c in compared)  # type: ignore[attr-defined]
        return bound.InList(types.BOOL, compared[0].args[0], rights, negated)  # type: ignore[attr-defined]
    places = [location_of(binder, n) for n in (body["lexpr"], *body["rexpr"]["List"]["items"])]
    unified, _ = binder.unify([arg, *items], "IN", places)
    return bound.InList(types.BOOL, unified[0], tuple(unified[1:]), negated)


def _between(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    position = binder.position(body)
    arg = bind_expression(binder, body["lexpr"], scope)
    low, high = bind_all(binder, body["rexpr"]["List"]["items"], scope)
    symmetric = "SYM" in body["kind"]
    if symmetric:
        ends, target = binder.unify([low, high], "BETWEEN", [position, position])
        low = bound.Coalesce(target, "least", tuple(ends))
        high = bound.Coalesce(target, "greatest", tuple(ends))
    parts = (
        bind_operator(binder, ">=", arg, low, position),
        bind_operator(binder, "<=", arg, high, position),
    )
    found = bound.Boolean(types.BOOL, "and", parts)
    return bound.Boolean(types.BOOL, "not", (found,)) if "NOT" in body["kind"] else found


def _like(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    position = binder.position(body)
    name = body["name"][0]["String"]["sval"]
    left = bind_expression(binder, body["lexpr"], scope)
    right_node = body["rexpr"]
    if "FuncCall" in right_node and right_node["FuncCall"]["funcname"][-1]["String"]["sval"] in ("like_escape", "similar_to_escape"):
        call = right_node["FuncCall"]
        args = [binder.coerce(a, types.TEXT) for a in bind_all(binder, call["args"], scope)]
        right: bound.Expression = bound.FunctionCall(
            types.TEXT, call["funcname"][-1]["String"]["sval"], tuple(args)
        )
    else:
        right = bind_expression(binder, right_node, scope)
    return bind_operator(binder, name, left, right, position)


def _distinct(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    """Rows are distinct when any of their fields are (make_row_distinct_op in parse_expr.c)."""
    position = binder.position(body)
    negated = body["kind"] == "AEXPR_NOT_DISTINCT"
    rows = [body[side]["RowExpr"] for side in ("lexpr", "rexpr") if "RowExpr" in body[side]]
    if len(rows) < 2:
        left = bind_expression(binder, body["lexpr"], scope)
        right = bind_expression(binder, body["rexpr"], scope)
        return _distinct_pair(binder, left, right, position, negated)
    lefts, rights = (bind_all(binder, row.get("args", []), scope) for row in rows)
    if len(lefts) != len(rights):
        raise SyntaxError("unequal number of entries in row expressions", position=position)
    pairs = [
        _distinct_pair(binder, left, right, position, negated)
        for left, right in zip(lefts, rights, strict=True)
    ]
    if not pairs:
        return bound.Const(types.BOOL, negated)
    if len(pairs) == 1:
        return pairs[0]
    return bound.Boolean(types.BOOL, "and" if negated else "or", tuple(pairs))


def _distinct_pair(
    binder: Binder,
    left: bound.Expression,
    right: bound.Expression,
    position: int | None,
    negated: bool,
) -> bound.Expression:
    compared = bind_operator(binder, "=", left, right, position)
    if not isinstance(compared, bound.FunctionCall):
        raise FeatureNotSupported("rows of rows cannot be compared", position=position)
    left, right = compared.args
    return bound.DistinctFrom(types.BOOL, left, right, negated)


def _nullif(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    left = bind_expression(binder, body["lexpr"], scope)
    right = bind_expression(binder, body["rexpr"], scope)
    compared = bind_operator(binder, "=", left, right, binder.position(body))
    if not isinstance(compared, bound.FunctionCall):
        raise FeatureNotSupported("NULLIF of rows is not supported", position=binder.position(body))
    return bound.Coalesce(compared.args[0].type, "nullif", compared.args)


def _any_all(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    position = binder.position(body)
    name = body["name"][-1]["String"]["sval"]
    arg = bind_expression(binder, body["lexpr"], scope)
    array = bind_expression(binder, body["rexpr"], scope)
    if is_unknown(array.type):
        element = types.TEXT if is_unknown(arg.type) else arg.type.bare
        if element.oid in (types.VARCHAR.oid, types.NAME.oid):
            element = types.TEXT
        array = binder.coerce(array, types.array_of(element), position=position)
    array = arrays.items_of(array)
    element_type = types.element_of(array.type)
    if element_type is None:
        raise WrongObjectType("op ANY/ALL (array) requires array on right side", position=position)
    probe = bound.ColumnRef(element_type.bare, -1, 0, "element")
    compared = bind_operator(binder, name, arg, probe, position)
    assert isinstance(compared, bound.FunctionCall), compared
    wanted = compared.args[1].type
    if wanted.oid != element_type.oid:
        array = binder.coerce(array, types.array_of(wanted), level="explicit", position=position)
    return bound.AnyAll(types.BOOL, compared.name, compared.args[0], array, body["kind"] == "AEXPR_OP_ALL")


def _boolean(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    word = body["boolop"].removesuffix("_EXPR").lower()
    args = tuple(
        binder.boolean(bind_expression(binder, arg, scope), word.upper(), location_of(binder, arg))
        for arg in body["args"]
    )
    return bound.Boolean(types.BOOL, word, args)


def _null_test(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    arg = bind_expression(binder, body["arg"], scope)
    kind = "null" if body["nulltesttype"] == "IS_NULL" else "not_null"
    if isinstance(arg, bound.RowExpression):
        tests = tuple(bound.Test(types.BOOL, kind, item) for item in arg.items)
        return bound.Boolean(types.BOOL, "and", tests)
    if composite_of(arg.type) is not None:
        return null_test(arg, kind)
    return bound.Test(types.BOOL, kind, binder.settled(arg))


def _boolean_test(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    arg = bind_expression(binder, body["arg"], scope)
    kind = body["booltesttype"]
    arg = binder.boolean(arg, kind.replace("_", " "), location_of(binder, body["arg"]))
    return bound.Test(types.BOOL, _TESTS[kind], arg)


def _cast(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    names = [part["String"]["sval"] for part in body["typeName"]["names"]]
    if names[0] == "pdb":
        return paradedb_cast(binder, body, scope, bind_expression)
    if names == ["bm25query"]:
        arg = bind_expression(binder, body["arg"], scope)
        return bm25query_cast(binder, arg, binder.position(body))
    target = binder.type_name(body["typeName"])
    if "A_ArrayExpr" in body["arg"] and types.element_of(target) is not None:
        array = _array_as(binder, body["arg"]["A_ArrayExpr"], scope, target)
        return binder.coerce(array, target, level="explicit", position=binder.position(body))
    arg = bind_expression(binder, body["arg"], scope)
    position = location_of(binder, body["arg"])
    if is_unknown(arg.type) and isinstance(arg, bound.Param) and target.typmod >= 0:
        arg = binder.coerce(arg, target.bare, position=position)
    return binder.coerce(arg, target, level="explicit", position=binder.position(body))


def _case(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    operand = bind_expression(binder, body["arg"], scope) if "arg" in body else None
    conditions, results = [], []
    for when in body["args"]:
        part = when["CaseWhen"]
        condition = bind_expression(binder, part["expr"], scope)
        position = location_of(binder, part["expr"])
        if operand is not None:
            condition = bind_operator(binder, "=", operand, condition, position)
        conditions.append(binder.boolean(condition, "CASE/WHEN", position))
        results.append(bind_expression(binder, part["result"], scope))
        forbid_sets(results[-1], "CASE", binder.positions, hint=True)
    nodes = [when["CaseWhen"]["result"] for when in body["args"]]
    if "defresult" in body:  # PostgreSQL looks at it first, though it is last
        nodes.insert(0, body["defresult"])
        results.insert(0, bind_expression(binder, body["defresult"], scope))
    unified, target = binder.unify(results, "CASE", [location_of(binder, n) for n in nodes])
    otherwise = unified.pop(0) if "defresult" in body else None
    pairs = tuple(zip(conditions, unified, strict=True))
    return bound.Case(target, pairs, otherwise)


def _unified(
    binder: Binder, nodes: list[Node], scope: Scope, what: str
) -> tuple[list[bound.Expression], types.SqlType]:
    places = [location_of(binder, node) for node in nodes]
    return binder.unify(bind_all(binder, nodes, scope), what, places)


def _coalesce(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    unified, target = _unified(binder, body["args"], scope, "COALESCE")
    return bound.Coalesce(target, "coalesce", tuple(unified))


def _extreme(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    kind = "greatest" if body["op"] == "IS_GREATEST" else "least"
    unified, target = _unified(binder, body["args"], scope, kind.upper())
    return bound.Coalesce(target, kind, tuple(unified))


def _array(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    elements = bind_all(binder, body.get("elements", []), scope)
    if not elements:
        from sqlvec.errors import IndeterminateDatatype

        raise IndeterminateDatatype(
            "cannot determine type of empty array",
            position=binder.position(body),
            hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
        )
    places = [location_of(binder, node) for node in body["elements"]]
    unified, element = binder.unify(elements, "ARRAY", places)
    if types.element_of(element) and element.definition.category == "A":
        target = shaped(element.bare) if has_shape(element) else element
    else:
        target = types.array_of(element)
    return bound.ArrayExpression(target, tuple(unified))


def _array_as(binder: Binder, body: Node, scope: Scope, target: types.SqlType) -> bound.Expression:
    """ARRAY[...] that is cast: each element is, so that none needs a type of its own."""
    element = types.element_of(target)
    assert element is not None, target
    nodes = body.get("elements", ())
    items = [
        _array_as(binder, node["A_ArrayExpr"], scope, target)
        if "A_ArrayExpr" in node
        else bind_expression(binder, node, scope)
        for node in nodes
    ]
    nested = any(types.element_of(item.type) is not None for item in items)
    wanted, values = (target if nested else element), value_type(target)
    places = [location_of(binder, node) for node in nodes]
    cast = [
        binder.coerce(item, wanted, level="explicit", position=place)
        for item, place in zip(items, places, strict=True)
    ]
    shape = shaped(values) if nested and has_shape(values) else values
    return bound.ArrayExpression(shape, tuple(cast))


def _row(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    return bound.RowExpression(types.RECORD, tuple(bind_all(binder, body.get("args", []), scope)))


def _indirection(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    expression = bind_expression(binder, body["arg"], scope)
    steps = list(body["indirection"])
    while steps:
        places = leading_subscripts(steps)
        if places and expression.type.oid == types.JSONB.oid:
            expression = json_element(
                binder, expression, places, lambda node: bind_expression(binder, node, scope)
            )
            del steps[: len(places)]
            continue
        if places and has_shape(expression.type) and (len(places) > 1 or is_shaped(expression.type)):
            expression = _subscripts(binder, expression, places, scope)
            del steps[: len(places)]
            continue
        kind, part = body_of(steps.pop(0))
        if kind == "String" and (call := binder.calls.get(expression)) is not None:
            names = [name for name, _ in call.columns]
            if part["sval"] in names:
                from sqlvec.sql.inline import call_field

                expression = call_field(binder, call, names.index(part["sval"]))
                continue
        if kind == "String":
            expression = field_of(binder, expression, part["sval"], scope, location_of(binder, body["arg"]))
            continue
        if kind != "A_Indices":
            raise FeatureNotSupported("row expansion via \"*\" is not supported here")
        position = location_of(binder, body["arg"])
        expression = _subscript(binder, expression, part, scope, position)
    return expression


def call_fields(binder: Binder, call: Any) -> list[tuple[str, bound.Expression]]:
    """The columns of the row that a user's function gives."""
    from sqlvec.sql.inline import call_field

    return [(name, call_field(binder, call, place)) for place, (name, _) in enumerate(call.columns)]


def leading_subscripts(steps: Sequence[Node]) -> list[Node]:
    found = []
    for step in steps:
        if "A_Indices" not in step:
            break
        found.append(step["A_Indices"])
    return found


def _subscripts(
    binder: Binder, array: bound.Expression, places: list[Node], scope: Scope
) -> bound.Expression:
    """array[i][j], or, where one of them is a range, array[1:i][j:k]."""
    bounds = subscript_bounds(binder, places, scope)
    if not any(place.get("is_slice") for place in places):
        return arrays.element(binder, array, [high for _, high in bounds if high is not None])
    return arrays.part(binder, array, bounds)


def subscript_bounds(binder: Binder, places: Sequence[Node], scope: Scope) -> arrays.Bounds:
    """Low and high of each; those of one that is no range are 1 and itself."""

    def end(place: Node, word: str) -> bound.Expression | None:
        if word not in place:
            return None
        return binder.coerce(bind_expression(binder, place[word], scope), types.INT4, level="assignment")

    one = bound.Const(types.INT4, 1)
    return [
        (end(place, "lidx") if place.get("is_slice") else one, end(place, "uidx")) for place in places
    ]


def expanded(binder: Binder, body: Node, scope: Scope) -> list[tuple[str, bound.Expression]]:
    """(value).*: names and values of the fields."""
    inner = {**body, "indirection": body["indirection"][:-1]}
    value = _indirection(binder, inner, scope)
    if isinstance(value, bound.RecordCall):
        return [
            (name, bound.Field(sql_type, value, place))
            for place, (name, sql_type) in enumerate(value.fields)
        ]
    if (call := binder.calls.get(value)) is not None:
        return call_fields(binder, call)
    if composite_of(value.type) is None:
        raise WrongObjectType(f"type {value.type.plain_name} is not composite")
    return fields(value)


def _subscript(
    binder: Binder,
    expression: bound.Expression,
    part: Node,
    scope: Scope,
    position: int | None,
) -> bound.Expression:
    element = types.element_of(expression.type)
    if expression.type.oid == types.NAME.oid and "uidx" in part and not part.get("is_slice"):
        place = binder.coerce(bind_expression(binder, part["uidx"], scope), types.INT4, level="assignment")
        first = bound.FunctionCall(types.INT4, "+", (place, bound.Const(types.INT4, 1)), True)
        letter = bound.FunctionCall(types.TEXT, "substr", (expression, first, bound.Const(types.INT4, 1)))
        return binder.coerce(letter, types.CHAR, level="explicit")
    if element is None:
        from sqlvec.errors import DatatypeMismatch

        raise DatatypeMismatch(
            f"cannot subscript type {expression.type.name} because it does not support subscripting",
            position=position,
        )
    upper = lower = None
    if "uidx" in part:
        upper = binder.coerce(bind_expression(binder, part["uidx"], scope), types.INT4, level="assignment")
    if "lidx" in part:
        lower = binder.coerce(bind_expression(binder, part["lidx"], scope), types.INT4, level="assignment")
    if part.get("is_slice"):
        return bound.Subscript(expression.type, expression, upper, lower, True)
    return bound.Subscript(element, expression, upper)


def _value_function(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    if body["op"] in _NOW:
        now = bound.FunctionCall(types.TIMESTAMPTZ, "now", ())
        typmod = min(body.get("typmod", 0), 6) if body["op"].endswith("_N") else -1
        shown = types.SqlType(_NOW[body["op"]].oid, typmod)
        return bound.Cast(shown, now, True)
    name, result = _VALUE_FUNCTIONS[body["op"]]
    return bound.FunctionCall(result, name, ())


def _collate(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    value = bind_expression(binder, body["arg"], scope)
    return collated(binder, value, body["collname"], binder.position(body))


def _function(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    found = bind_function(binder, body, scope, bind_expression)
    position = binder.position(body)
    if position is not None and (isinstance(found, _PLACED) or returns_set(found)):
        binder.positions[found] = position
    return found


def _grouping(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    position = binder.position(body)
    args = tuple(binder.settled(e) for e in bind_all(binder, body["args"], scope))
    if len(args) > GROUPING_ARGUMENTS_MAX:
        raise TooManyArguments("GROUPING must have fewer than 32 arguments", position=position)
    for arg, node in zip(args, body["args"], strict=True):
        if (place := location_of(binder, node)) is not None:
            binder.positions.setdefault(arg, place)
    found = bound.Grouping(types.INT4, args)
    if position is not None:
        binder.positions[found] = position
    return found


def _sublink(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    return bind_sublink(binder, body, scope, bind_expression)


def _default(binder: Binder, body: Node, scope: Scope) -> bound.Expression:
    raise SyntaxError("DEFAULT is not allowed in this context", position=binder.position(body))


_OPERATOR_KINDS: dict[str, Callable[[Binder, Any, Scope], bound.Expression]] = {
    "AEXPR_IN": _in,
    "AEXPR_BETWEEN": _between,
    "AEXPR_NOT_BETWEEN": _between,
    "AEXPR_BETWEEN_SYM": _between,
    "AEXPR_NOT_BETWEEN_SYM": _between,
    "AEXPR_LIKE": _like,
    "AEXPR_ILIKE": _like,
    "AEXPR_SIMILAR": _like,
    "AEXPR_DISTINCT": _distinct,
    "AEXPR_NOT_DISTINCT": _distinct,
    "AEXPR_NULLIF": _nullif,
    "AEXPR_OP_ANY": _any_all,
    "AEXPR_OP_ALL": _any_all,
}
_HANDLERS: dict[str, Callable[[Binder, Any, Scope], bound.Expression]] = {
    "A_Const": _constant,
    "ColumnRef": _column,
    "ParamRef": _parameter,
    "A_Expr": _operator,
    "BoolExpr": _boolean,
    "NullTest": _null_test,
    "BooleanTest": _boolean_test,
    "TypeCast": _cast,
    "CaseExpr": _case,
    "CoalesceExpr": _coalesce,
    "MinMaxExpr": _extreme,
    "A_ArrayExpr": _array,
    "RowExpr": _row,
    "A_Indirection": _indirection,
    "SQLValueFunction": _value_function,
    "CollateClause": _collate,
    "FuncCall": _function,
    "GroupingFunc": _grouping,
    "SubLink": _sublink,
    "SetToDefault": _default,
}

