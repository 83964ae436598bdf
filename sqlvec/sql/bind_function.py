"""Function calls: resolution, aggregates and window functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlvec import types
from sqlvec.errors import (
    AmbiguousFunction,
    DatabaseError,
    InvalidSchemaName,
    UndefinedFunction,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_aggregate import (
    aggregate,
    forbid_clauses_of_aggregates,
    hypothetical,
    window_call,
)
from sqlvec.sql.bind_bm25query import bm25query_function
from sqlvec.sql.bind_fusion import RANKINGS, bind_ranking
from sqlvec.sql.bind_json_record import JSON_RECORDS, json_row
from sqlvec.sql.bind_paradedb import SCHEMAS, paradedb_function
from sqlvec.sql.bind_record import record_call
from sqlvec.sql.bind_text import FUNCTIONS as SEARCH_FUNCTIONS
from sqlvec.sql.bind_text import text_function
from sqlvec.sql.binder import Binder
from sqlvec.sql.enum_functions import FUNCTIONS as ENUM_FUNCTIONS
from sqlvec.sql.enum_functions import enum_function
from sqlvec.sql.functions import (
    AGGREGATE_FUNCTIONS,
    ARGUMENT_DEFAULTS,
    ARGUMENT_NAMES,
    FUNCTIONS,
    HYPOTHETICAL,
    ORDERED_SET_FUNCTIONS,
    RECORD_FUNCTIONS,
    TABLE_FUNCTIONS,
    WINDOW_FUNCTIONS,
)
from sqlvec.sql.parse import Node
from sqlvec.sql.resolve_function import NO_MATCH, no_function, resolve
from sqlvec.sql.scope import Scope
from sqlvec.sql.text_search import configured
from sqlvec.sql.type_rules import is_unknown

Bind = Callable[[Binder, Node, Scope], bound.Expression]
_OWN_FUNCTION = ("sqlvec", "analyze")  # in a schema that no catalog lists
_DISTANCE_FUNCTIONS = {
    "l2_distance": "l2", "cosine_distance": "cosine", "l1_distance": "l1",
    "hamming_distance": "hamming", "jaccard_distance": "jaccard",
}  # fmt: skip


def bind_function(binder: Binder, body: Node, scope: Scope, bind: Bind) -> bound.Expression:
    """A FuncCall node."""
    name = body["funcname"][-1]["String"]["sval"]
    position = binder.position(body)
    if binder.catalog.routines and (call := _user_call(binder, body, scope, bind)) is not None:
        return call
    if name in JSON_RECORDS and not name.endswith("set"):
        return bind(binder, json_row(binder, body, scope, bind), scope)
    if len(body["funcname"]) > 1 and (schema := body["funcname"][0]["String"]["sval"]) in SCHEMAS:
        return paradedb_function(binder, schema, name, body, scope, bind)
    if name in RANKINGS:
        return bind_ranking(binder, name, body, scope, bind)
    if name in SEARCH_FUNCTIONS:
        found = text_function(binder, name, body, scope, bind)
        if found is not None:
            return found
    args = [bind(binder, arg, scope) for arg in body.get("args", ()) if "NamedArgExpr" not in arg]
    if name == "to_bm25query":
        return bm25query_function(binder, args, position)
    named = [arg["NamedArgExpr"] for arg in body.get("args", ()) if "NamedArgExpr" in arg]
    if named:
        given = {arg["name"]: bind(binder, arg["arg"], scope) for arg in named}
        args = _in_order(name, args, given, position)
    if "over" in body:
        return window_call(binder, name, body, args, scope, bind)
    if name in AGGREGATE_FUNCTIONS or name in ORDERED_SET_FUNCTIONS:
        return aggregate(binder, name, body, args, scope, bind)
    if name in HYPOTHETICAL and body.get("agg_within_group"):
        return hypothetical(binder, name, body, args, scope, bind)
    if body.get("agg_star") and not any(s.accepts(0) for s in FUNCTIONS.get(name, ())):
        raise no_function(name, (), position)
    forbid_clauses_of_aggregates(name, body, position)
    if name in WINDOW_FUNCTIONS and name not in FUNCTIONS:
        raise WrongObjectType(f"window function {name} requires an OVER clause", position=position)
    _check_schema(binder, body, args, position)
    if name == "unnest" and len(args) == 1 and args[0].type.oid == types.TSVECTOR.oid:
        name = "tsvector_unnest"
    if name == "pg_typeof" and len(args) == 1 and is_unknown(args[0].type):
        return bound.Const(types.REGTYPE, types.UNKNOWN.oid)
    if name == "pg_typeof" and len(args) == 1 and args[0].type.own is not binder.declared_type(args[0]).own:
        return bound.Const(types.REGTYPE, binder.declared_type(args[0]).oid)
    if name in ENUM_FUNCTIONS and (found := enum_function(binder, name, args, position)) is not None:
        return found
    if name in RECORD_FUNCTIONS:
        bound_args, _ = resolve(binder, name, [RECORD_FUNCTIONS[name][0]], args, position)
        return record_call(name, bound_args)
    table = FUNCTIONS if name in FUNCTIONS else TABLE_FUNCTIONS
    literal = len(args) == 1 and is_unknown(args[0].type)  # text('x') is a cast
    if (literal or name not in table) and len(args) == 1 and (cast := types.by_name(name)) is not None:
        return binder.coerce(args[0], cast, level="explicit", position=position)
    try:
        bound_args, result = resolve(binder, name, table.get(name, []), args, position)
    except (UndefinedFunction, AmbiguousFunction):
        raise
    except DatabaseError as error:  # a quoted argument is no value of its type
        quoted = [a["A_Const"] for a in body["args"] if "sval" in a.get("A_Const", {})]
        if len(quoted) == 1 and error.position == position:
            error.position = binder.position(quoted[0])
        raise
    if name in _DISTANCE_FUNCTIONS:
        return bound.Distance(types.FLOAT8, _DISTANCE_FUNCTIONS[name], bound_args[0], bound_args[1])
    return configured(name, bound_args) or bound.FunctionCall(result, name, tuple(bound_args))


def _user_call(
    binder: Binder, body: Node, scope: Scope, bind: Bind
) -> bound.Expression | None:
    """Of a function that a user made."""
    from sqlvec.sql.bind_call import find_call
    from sqlvec.sql.inline import call_value

    call = find_call(binder, body, scope, bind)
    return None if call is None else call_value(binder, call)


def _check_schema(
    binder: Binder, body: Node, args: Sequence[bound.Expression], position: int | None
) -> None:
    """42883 for a function of a schema that has none of ours; 3F000 for a schema that does not exist."""
    *schema, name = (part["String"]["sval"] for part in body["funcname"])
    if not schema or (schema[-1], name) == _OWN_FUNCTION:
        return
    if binder.catalog.schema(schema[-1]) is None:
        raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist', position=position)
    if schema[-1] == "information_schema" and name.startswith("_pg_"):
        return
    if schema[-1] not in ("public", "pg_catalog") or not (name in FUNCTIONS or name in TABLE_FUNCTIONS or name in RECORD_FUNCTIONS):
        raise no_function(f"{schema[-1]}.{name}", args, position)


def _in_order(
    name: str,
    args: list[bound.Expression],
    given: dict[str, bound.Expression],
    position: int | None,
) -> list[bound.Expression]:
    """Arguments by place and by name, all by place."""
    names = ARGUMENT_NAMES.get(name, ())
    places = {word: names.index(word) for word in given if word in names[len(args) :]}
    count = max(places.values(), default=-1) + 1
    filled: list[bound.Expression | None] = [*args, *[None] * (count - len(args))]
    for word, place in places.items():
        filled[place] = given[word]
    for place, word in enumerate(names[:count]):
        if filled[place] is None and word in ARGUMENT_DEFAULTS:
            filled[place] = bound.Const(types.UNKNOWN, ARGUMENT_DEFAULTS[word])
    found = [arg for arg in filled if arg is not None]
    if len(places) < len(given) or len(found) < len(filled):
        shown = [arg.type.plain_name for arg in args]
        shown += [f"{word} => {arg.type.plain_name}" for word, arg in given.items()]
        raise UndefinedFunction(
            f"function {name}({', '.join(shown)}) does not exist", position=position, hint=NO_MATCH
        )
    return found
