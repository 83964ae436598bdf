"""Binding of ParadeDB's dialect: its operators, casts and functions, in the schemas pdb and paradedb.

    column ||| text   any word        &&&  all words       ===  a term, or one of an array
    column ### text   a phrase        @@@  a query: a text in the syntax of @@@, or what the functions make
    key @@@ query     over all the text columns of the index WITH (key_field = ...)

What stands on the right may be cast to pdb.fuzzy(edits, prefix), pdb.slop(n), pdb.boost(x), pdb.const(x) and to a
tokenizer. pdb.score(key) is the score of the matches in WHERE; pdb.snippet(column) shows where they are.

A query is a call of paradedb_query: a JSON document (index.bm25.paradedb_query) in which {"$": n} stands for a
value that is known only when run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidParameterValue,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_text import SNIPPET_CHARS, config_of, text_index
from sqlvec.sql.binder import Binder
from sqlvec.sql.paradedb_tokenizer import LITERAL, is_tokenizer, tokenizer_config
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.type_rules import TEXTS, is_unknown

Bind = Callable[[Binder, Node, Scope], bound.Expression]
SCHEMAS = frozenset(["pdb", "paradedb"])
OPERATORS = {"|||": "any", "&&&": "all", "===": "term", "###": "phrase", "@@@": "parse"}
_QUERY, _MODIFIED, _LIKE = "paradedb_query", "paradedb_modified", "paradedb_like"
# Parameters of each function, in order: their names here, and what they are. In the schema paradedb a field comes
# before those of the second table.
_OWN: dict[str, tuple[tuple[str, str], ...]] = {
    "all": (), "empty": (),
    "parse": (("query_string", "text"), ("lenient", "bool"), ("conjunction_mode", "bool")),
    "parse_with_field": (
        ("field", "name"), ("query_string", "text"), ("lenient", "bool"), ("conjunction_mode", "bool"),
    ),
    "boolean": (("must", "queries"), ("should", "queries"), ("must_not", "queries")),
    "boost": (("factor", "number"), ("query", "query")),
    "const_score": (("score", "number"), ("query", "query")),
    "disjunction_max": (("disjuncts", "queries"), ("tie_breaker", "number")),
    "more_like_this": (("key_value", "any"),),
}  # fmt: skip
_MATCH = (
    ("value", "text"), ("tokenizer", "any"), ("distance", "number"), ("transposition_cost_one", "bool"),
    ("prefix", "bool"), ("conjunction_mode", "bool"),
)  # fmt: skip
_OF_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "exists": (), "term": (("value", "text"),), "term_set": (("terms", "texts"),),
    "match": _MATCH, "match_disjunction": _MATCH, "match_conjunction": _MATCH,
    "phrase": (("phrases", "texts"), ("slop", "number")),
    "fuzzy_term": (
        ("value", "text"), ("distance", "number"), ("transposition_cost_one", "bool"), ("prefix", "bool"),
    ),
}  # fmt: skip
_UNKNOWN = frozenset(["range", "range_term", "regex", "regex_phrase", "phrase_prefix", "snippets", "agg"])


# ---------------------------------------------------------------- functions


def paradedb_function(
    binder: Binder, schema: str, name: str, body: Node, scope: Scope, bind: Bind
) -> bound.Expression:
    """A call of a function in one of SCHEMAS."""
    position = binder.position(body)
    if name == "score":
        return _score(binder, [bind(binder, arg, scope) for arg in body.get("args", ())], position)
    if name == "snippet":
        return _snippet(binder, body, scope, bind)
    if name in _UNKNOWN:
        raise FeatureNotSupported(f"{schema}.{name} is not supported", position=position)
    if name not in _OWN and name not in _OF_FIELDS:
        raise UndefinedFunction(
            f"function {schema}.{name}() does not exist",
            position=position,
            hint="Functions are: " + ", ".join(sorted({*_OWN, *_OF_FIELDS, "score", "snippet"})) + ".",
        )
    parameters = _OWN.get(name) or _OF_FIELDS.get(name, ())
    if name == "term_set" and schema == "paradedb":
        name, parameters = "disjunction_max", (("terms", "queries"),)
    elif schema == "paradedb" and name in _OF_FIELDS:
        parameters = (("field", "name"), *parameters)
    given = _arguments(binder, f"{schema}.{name}", parameters, body, scope, bind)
    if name == "more_like_this":
        if len(given) != 1:
            raise UndefinedFunction(f"{schema}.more_like_this takes a key value", position=position)
        return bound.FunctionCall(types.TEXT, _LIKE, (given["key_value"],))
    document = _document(name, given, position)
    if "field" in given:
        document = {"field": given["field"], "of": document}
    return _made(document)


def _arguments(
    binder: Binder,
    name: str,
    parameters: Sequence[tuple[str, str]],
    body: Node,
    scope: Scope,
    bind: Bind,
) -> dict[str, Any]:
    """By parameter, what a document has of each."""
    kinds = dict(parameters)
    kinds.update({"document_id": "any"} if "key_value" in kinds else {})
    found: dict[str, Any] = {}
    for i, node in enumerate(body.get("args", ())):
        position = binder.position(body)
        if "NamedArgExpr" in node:
            option, node = node["NamedArgExpr"]["name"], node["NamedArgExpr"]["arg"]
        else:
            option = parameters[i][0] if i < len(parameters) else ""
        if option not in kinds:
            known = ", ".join(kinds) or "none"
            raise UndefinedFunction(
                f'function {name} has no parameter "{option or i + 1}"',
                position=position,
                hint=f"Parameters are: {known}.",
            )
        empty = not node.get("A_ArrayExpr", {"elements": 1}).get("elements")
        value: Any = [] if empty else bind(binder, node, scope)
        found["key_value" if option == "document_id" else option] = (
            value if empty else _argument(binder, value, kinds[option], position)
        )
    return found


def _argument(
    binder: Binder, value: bound.Expression, kind: str, position: int | None
) -> bound.Expression | list[Any]:
    if kind == "any":
        return binder.settled(value)
    if kind == "query":
        return _as_query(binder, value, position)
    if kind == "queries":
        items = value.items if isinstance(value, bound.ArrayExpression) else (value,)
        return [_as_query(binder, item, position) for item in items]
    if kind == "texts" and (value.type.oid in TEXTS or is_unknown(value.type)):
        is_array = isinstance(value, bound.Const) and str(value.value).startswith("{")
        kind = "texts" if is_array else "text"
    wanted = {
        "text": types.TEXT, "name": types.TEXT, "bool": types.BOOL, "number": types.FLOAT8,
        "texts": types.array_of(types.TEXT),
    }[kind]  # fmt: skip
    found = binder.coerce(value, wanted, level="assignment", position=position)
    if kind != "text" and kind != "texts" and not isinstance(found, bound.Const):
        raise InvalidParameterValue("the argument must be a constant", position=position)
    return found


def _as_query(
    binder: Binder, value: bound.Expression, position: int | None
) -> bound.Expression:
    if isinstance(value, bound.FunctionCall) and value.name == _QUERY:
        return value
    if is_unknown(value.type) or value.type.oid in TEXTS:
        return _made({"parse": binder.coerce(value, types.TEXT, position=position)})
    raise InvalidParameterValue(
        "the argument must be a query", position=position, hint="For example paradedb.term('title', 'x')."
    )


def _document(name: str, given: dict[str, Any], position: int | None) -> dict[str, Any]:
    try:
        return _DOCUMENTS[name](given)
    except KeyError as missing:
        raise UndefinedFunction(
            f"parameter {missing} of {name} is not given", position=position
        ) from None


def _parsed(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "parse": given["query_string"], "lenient": given.get("lenient", False),
        "every": given.get("conjunction_mode", False),
    }  # fmt: skip


def _matched(given: dict[str, Any]) -> dict[str, Any]:
    every = given.get("conjunction_mode")
    kind = "all" if isinstance(every, bound.Const) and every.value else "any"
    return {kind: given["value"], **_nearly(given, 0)}


def _nearly(given: dict[str, Any], edits: int) -> dict[str, Any]:
    return {"edits": given.get("distance", edits), "prefix": given.get("prefix", False)}


_TRUE = bound.Const(types.BOOL, True)
_DOCUMENTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "all": lambda given: {"everything": True},
    "exists": lambda given: {"everything": True},
    "empty": lambda given: {"nothing": True},
    "parse": _parsed,
    "parse_with_field": _parsed,
    "term": lambda given: {"term": given["value"]},
    "term_set": lambda given: {"terms": given["terms"]},
    "match": _matched,
    "match_disjunction": _matched,
    "match_conjunction": lambda given: _matched({**given, "conjunction_mode": _TRUE}),
    "phrase": lambda given: {"phrase": given["phrases"], "slop": given.get("slop", 0)},
    "fuzzy_term": lambda given: {"near": given["value"], **_nearly(given, 2)},
    "boolean": lambda given: {k: given.get(k, []) for k in ("must", "should", "must_not")},
    "boost": lambda given: {"boost": given["factor"], "of": given["query"]},
    "const_score": lambda given: {"const": given["score"], "of": given["query"]},
    "disjunction_max": lambda given: {"best": given["terms"] if "terms" in given else given["disjuncts"]},
}


def _made(document: dict[str, Any]) -> bound.FunctionCall:
    """The call that makes a document of expressions."""
    values: list[bound.Expression] = []

    def embedded(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: embedded(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [embedded(item) for item in node]
        if isinstance(node, bound.ArrayExpression):
            return embedded(node.items)
        if isinstance(node, bound.Const):
            return node.value
        if isinstance(node, bound.FunctionCall) and node.name == _QUERY:
            return _inlined(node, values)
        if isinstance(node, bound.Expression):
            values.append(node)
            return {"$": len(values) - 1}
        return node

    template = json.dumps(embedded(document), ensure_ascii=False)
    return bound.FunctionCall(types.TEXT, _QUERY, (bound.Const(types.TEXT, template), *values))


def _inlined(call: bound.FunctionCall, values: list[bound.Expression]) -> Any:
    """Another call's document, its values after those there are."""
    first = len(values)
    values += call.args[1:]

    def moved(node: Any) -> Any:
        if isinstance(node, list):
            return [moved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$" in node:
            return {"$": node["$"] + first}
        return {key: moved(value) for key, value in node.items()}

    return moved(_template(call))


def _template(call: bound.FunctionCall) -> Any:
    template = call.args[0]
    assert isinstance(template, bound.Const), call
    return json.loads(template.value)


# ---------------------------------------------------------------- casts


def paradedb_cast(
    binder: Binder, body: Node, scope: Scope, bind: Bind
) -> bound.Expression:
    """A TypeCast to a type of pdb: a modifier of a query's text, or a tokenizer."""
    target = body["typeName"]
    name = target["names"][-1]["String"]["sval"]
    position = binder.position(body)
    arg = bind(binder, body["arg"], scope)
    modifiers = [_modifier(node) for node in target.get("typmods", ())]
    if is_tokenizer(name):
        config = bound.Const(types.TEXT, tokenizer_config(name, modifiers, position))
        text = binder.coerce(arg, types.TEXT, position=position)
        return bound.FunctionCall(types.array_of(types.TEXT), "bm25_terms", (config, text))
    if name not in ("fuzzy", "slop", "boost", "const", "alias", "query"):
        raise UndefinedObject(f'type "pdb.{name}" does not exist', position=position)
    if is_unknown(arg.type):
        arg = binder.coerce(arg, types.TEXT, position=position)
    if name in ("alias", "query"):
        return arg
    if name == "fuzzy" and not modifiers:
        modifiers = [2]
    if not modifiers or not isinstance(modifiers[0], (int, float)):
        raise InvalidParameterValue(f"pdb.{name} takes a number", position=position)
    given = bound.Const(types.TEXT, json.dumps([name, *modifiers]))
    return bound.FunctionCall(arg.type, _MODIFIED, (arg, given))


def _modifier(node: Node) -> Any:
    """A type modifier: a number, a text, or a word such as t."""
    if "ColumnRef" in node:
        return node["ColumnRef"]["fields"][-1]["String"]["sval"]
    constant = node.get("A_Const", {})
    if "ival" in constant:
        return constant["ival"].get("ival", 0)
    if "fval" in constant:
        return float(constant["fval"]["fval"])
    if "boolval" in constant:
        return constant["boolval"].get("boolval", False)
    return constant.get("sval", {}).get("sval", "")


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() in ("t", "true", "yes", "on")


# ---------------------------------------------------------------- operators


def paradedb_operator(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """The match of an operator of OPERATORS; None where the types are not its own."""
    modifiers: list[list[Any]] = []
    while isinstance(right, bound.FunctionCall) and right.name == _MODIFIED:
        right, given = right.args
        assert isinstance(given, bound.Const)
        modifiers.append(json.loads(given.value))
    made = isinstance(right, bound.FunctionCall) and right.name in (_QUERY, _LIKE)
    array = types.element_of(right.type)
    if not made and not is_unknown(right.type) and (array or right.type).oid not in TEXTS:
        return None
    if name == "@@@" and not made and not modifiers and array is None:
        if not (isinstance(left, bound.ColumnRef) and _key_index(binder, left)):
            return None
    ground = _ground(binder, name, left, right, position)
    if ground is None or isinstance(ground, bound.FunctionCall | bound.AnyAll):
        return ground
    columns, index, numbers = ground
    if made and isinstance(right, bound.FunctionCall) and right.name == _LIKE:
        return _like(binder, columns, index, numbers, right.args[0], position)
    if not made and is_unknown(right.type):
        right = binder.coerce(right, types.TEXT, position=position)
    document: Any = right
    if not made:
        kind = OPERATORS[name]
        if array is not None and kind != "phrase":
            kind = {"all": "every_term"}.get(kind, "terms")
        document = {kind: right}
    for modifier in reversed(modifiers):
        document = _modified(document, modifier, name, position)
    call = document if isinstance(document, bound.FunctionCall) else _made(document)
    template = _template(call)
    if template == {"everything": True}:
        return bound.Const(types.BOOL, True)
    _check_fields(binder, template, index, position)
    query = call.args[0] if len(call.args) == 1 else call
    return bound.TextMatch(types.BOOL, columns, query, index, numbers, "paradedb")


def _modified(document: Any, modifier: list[Any], operator: str, position: int | None) -> Any:
    name, first, *rest = modifier
    if name in ("boost", "const"):
        return {name: first, "of": document}
    if not isinstance(document, dict) or (name == "slop") != ("phrase" in document):
        raise InvalidParameterValue(
            f"pdb.{name} does not go with {operator}",
            position=position,
            hint="slop goes with ###, fuzzy with |||, &&& and ===.",
        )
    if name == "slop":
        return {**document, "slop": first}
    prefix = bool(rest) and _is_true(rest[0])
    if "term" in document:
        return {"near": document["term"], "edits": first, "prefix": prefix}
    return {**document, "edits": first, "prefix": prefix}


def _ground(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> tuple[tuple[bound.ColumnRef, ...], Index, tuple[int, ...]] | bound.FunctionCall | bound.AnyAll | None:
    """What is searched: columns, index and fields; or an equality, for a column that is not split into words."""
    column = left.arg if isinstance(left, bound.Cast) else left
    if not isinstance(column, bound.ColumnRef):
        return None
    key = _key_index(binder, column)
    if key is not None:
        index, table = key
        columns = tuple(
            bound.ColumnRef(c.value_type, column.relation_id, c.attnum - 1, c.name)
            for c in map(table.column_by_attnum, index.fields(table))
        )
        return columns, index, ()
    if column.type.oid not in TEXTS:
        return None
    if _is_literal(binder, column):
        array = types.element_of(right.type) is not None
        if is_unknown(right.type):
            right = binder.coerce(right, types.TEXT, position=position)
        if array:
            return bound.AnyAll(types.BOOL, "=", column, right)
        return bound.FunctionCall(types.BOOL, "=", (column, right), True)
    index, numbers = text_index(binder, (column,), position)
    return (column,), index, numbers


def _key_index(binder: Binder, column: bound.ColumnRef) -> tuple[Index, Table] | None:
    """The bm25 index whose key field the column is."""
    origin = binder.origin(column)
    table = binder.tables.get(origin.relation_id) if origin is not None else None
    if table is None or origin is None or origin.relation_id != column.relation_id:
        return None
    for index in binder.catalog.indexes(table.oid):
        if index.method == "bm25" and index.options.get("key_field") == column.name:
            return index, table
    return None


def _is_literal(binder: Binder, column: bound.ColumnRef) -> bool:
    table = binder.tables.get(column.relation_id)
    indexes = binder.catalog.indexes(table.oid) if table is not None else ()
    return any(column.name in index.options.get(LITERAL, "").split(",") for index in indexes)


def _like(
    binder: Binder,
    columns: tuple[bound.ColumnRef, ...],
    index: Index,
    numbers: tuple[int, ...],
    key: bound.Expression,
    position: int | None,
) -> bound.TextMatch:
    table = binder.tables[columns[0].relation_id]
    own = [attnum for attnum in table.primary_key if attnum != table.tenant_attnum]
    if len(own) != 1:
        raise FeatureNotSupported("more_like_this needs a primary key of one column", position=position)
    wanted = table.column_by_attnum(own[0]).type
    value = binder.coerce(key, wanted, level="assignment", position=position)
    return bound.TextMatch(types.BOOL, columns, value, index, numbers, "like_row")


def _check_fields(
    binder: Binder, template: Any, index: Index, position: int | None
) -> None:
    """42703 for a field that the index does not have."""
    if isinstance(template, list):
        for item in template:
            _check_fields(binder, item, index, position)
    elif isinstance(template, dict):
        if "field" in template:
            table = binder.catalog.table(index.table_oid)
            names = [table.column_by_attnum(attnum).name for attnum in index.fields(table)]
            if template["field"] not in names:
                raise UndefinedColumn(
                    f'index "{index.name}" has no text column "{template["field"]}"',
                    position=position,
                    hint="Text columns are: " + ", ".join(names) + ".",
                )
        for value in template.values():
            _check_fields(binder, value, index, position)


# ---------------------------------------------------------------- scores and snippets


def _score(
    binder: Binder, args: Sequence[bound.Expression], position: int | None
) -> bound.Expression:
    """The sum of the scores of the matches that WHERE has over the key's table."""
    if len(args) != 1 or not isinstance(args[0], bound.ColumnRef):
        raise UndefinedFunction("pdb.score takes the key column", position=position)
    matches = dict.fromkeys(_matches(binder.where, args[0].relation_id))
    total: bound.Expression | None = None
    for match in matches:
        score = bound.TextScore(
            types.FLOAT8, match.columns, match.query, match.index, match.fields, match.syntax, match.weights
        )
        positive = bound.FunctionCall(types.FLOAT8, "-", (score,), True)
        total = positive if total is None else bound.FunctionCall(types.FLOAT8, "+", (total, positive), True)
    if total is None:
        raise InvalidColumnReference(
            "pdb.score is of a text search in WHERE, and there is none",
            position=position,
            hint="For example WHERE description ||| 'running shoes'.",
        )
    return bound.Cast(types.FLOAT4, total)


def _matches(node: Any, relation_id: int) -> list[bound.TextMatch]:
    """Of a condition, those that are not negated."""
    if isinstance(node, bound.TextMatch):
        return [node] if node.columns[0].relation_id == relation_id else []
    if isinstance(node, tuple):
        return [match for item in node for match in _matches(item, relation_id)]
    if not isinstance(node, bound.Expression) or (isinstance(node, bound.Boolean) and node.op == "not"):
        return []
    return [m for field in fields(node) for m in _matches(getattr(node, field.name), relation_id)]


def _snippet(binder: Binder, body: Node, scope: Scope, bind: Bind) -> bound.Expression:
    position = binder.position(body)
    parameters = (
        ("field", "any"), ("start_tag", "text"), ("end_tag", "text"), ("max_num_chars", "number"),
    )  # fmt: skip
    given = _arguments(binder, "pdb.snippet", parameters, body, scope, bind)
    column = given.get("field")
    if not isinstance(column, bound.ColumnRef):
        raise UndefinedFunction("pdb.snippet takes a text column", position=position)
    found = [
        match
        for match in _matches(binder.where, column.relation_id)
        if any(c.ordinal == column.ordinal for c in match.columns) and match.syntax != "like_row"
    ]
    if not found:
        raise InvalidColumnReference(
            f'pdb.snippet is of a text search in WHERE, and none is over "{column.name}"', position=position
        )
    match = found[0]
    columns = match.columns
    place = next(i for i, c in enumerate(columns) if c.ordinal == column.ordinal)
    numbers = match.fields or tuple(range(len(columns)))
    config = config_of(match.index, (numbers[place],))
    chars = given.get("max_num_chars", bound.Const(types.INT4, SNIPPET_CHARS))
    return bound.FunctionCall(
        types.TEXT,
        "paradedb_snippet",
        (
            bound.Const(types.TEXT, config), bound.Const(types.TEXT, column.name), column, match.query,
            bound.Const(types.TEXT, match.syntax),
            given.get("start_tag", bound.Const(types.TEXT, "<b>")),
            given.get("end_tag", bound.Const(types.TEXT, "</b>")),
            binder.coerce(chars, types.INT4, level="assignment", position=position),
        ),
    )  # fmt: skip


