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
from sqlvec.sql.bind_bm25query import bm25query_function
from sqlvec.sql.bind_call import NO_MATCH
from sqlvec.sql.bind_fusion import RANKINGS, bind_ranking
from sqlvec.sql.bind_paradedb import SCHEMAS, paradedb_function
from sqlvec.sql.bind_record import record_call
from sqlvec.sql.bind_text import FUNCTIONS as SEARCH_FUNCTIONS
from sqlvec.sql.bind_text import text_function
from sqlvec.sql.bind_window import bind_window, sort_keys
from sqlvec.sql.binder import Binder
from sqlvec.sql.enum_functions import FUNCTIONS as ENUM_FUNCTIONS
from sqlvec.sql.enum_functions import enum_function
from sqlvec.sql.functions import (
    AGGREGATE_FUNCTIONS,
    ARGUMENT_DEFAULTS,
    ARGUMENT_NAMES,
    FUNCTIONS,
    ORDERED_SET_FUNCTIONS,
    RECORD_FUNCTIONS,
    TABLE_FUNCTIONS,
    WINDOW_FUNCTIONS,
    Signature,
    is_pseudo,
    type_of,
)
from sqlvec.sql.parse import Node
from sqlvec.sql.ranges import FAMILIES, family_among, matches, polymorphic
from sqlvec.sql.scope import Scope
from sqlvec.sql.text_search import configured
from sqlvec.sql.type_rules import BITS, TEXTS, VECTORS, casts_implicitly, common_type, is_unknown
from sqlvec.types import SqlType
from sqlvec.types.composite_type import is_composite
from sqlvec.types.shaped_array import has_shape, is_shaped, shaped

Bind = Callable[[Binder, Node, Scope], bound.Expression]
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
        return _window_call(binder, name, body, args, scope, bind)
    if name in AGGREGATE_FUNCTIONS or name in ORDERED_SET_FUNCTIONS:
        return _aggregate(binder, name, body, args, scope, bind)
    if body.get("agg_star") and not any(s.accepts(0) for s in FUNCTIONS.get(name, ())):
        raise _no_function(name, (), position)
    if body.get("agg_star") or body.get("agg_distinct"):
        raise WrongObjectType(
            f"{'DISTINCT' if body.get('agg_distinct') else name + '(*)'} specified, but {name} is "
            "not an aggregate function",
            position=position,
        )
    if name in WINDOW_FUNCTIONS and name not in FUNCTIONS:
        raise WrongObjectType(f"window function {name} requires an OVER clause", position=position)
    _check_schema(binder, body, args, position)
    if name == "unnest" and len(args) == 1 and args[0].type.oid == types.TSVECTOR.oid:
        name = "tsvector_unnest"
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
    if not schema:
        return
    if binder.catalog.schema(schema[-1]) is None:
        raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist', position=position)
    if schema[-1] not in ("public", "pg_catalog") or not (name in FUNCTIONS or name in TABLE_FUNCTIONS or name in RECORD_FUNCTIONS):
        raise _no_function(f"{schema[-1]}.{name}", args, position)


# ---------------------------------------------------------------- resolution


def resolve(
    binder: Binder,
    name: str,
    signatures: Sequence[Signature],
    args: Sequence[bound.Expression],
    position: int | None,
) -> tuple[list[bound.Expression], SqlType]:
    """The arguments as the best signature wants them, and its result; 42883 when none fits."""
    fitting = [s for s in signatures if s.accepts(len(args)) and _fits(s, args)]
    if not fitting:
        raise _no_function(name, args, position)
    fitting = _preferring_text(fitting, args)
    best = max(_rank(s, args) for s in fitting)
    chosen = [s for s in fitting if _rank(s, args) == best]
    if len(chosen) > 1 and len({s.arguments for s in chosen}) > 1:
        preferred = [s for s in chosen if _prefers(s)]
        guessed = any(is_unknown(a.type) for a in args) and not _over_vectors(chosen)
        if len(preferred) != 1 and not guessed:
            shown = ", ".join(arg.type.plain_name for arg in args)
            raise AmbiguousFunction(
                f"function {name}({shown}) is not unique",
                position=position,
                hint="Could not choose a best candidate function. You might need to add explicit "
                "type casts.",
            )
        chosen = preferred or chosen
    return _apply(binder, chosen[0], args, position)


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


def _no_function(
    name: str, args: Sequence[bound.Expression], position: int | None
) -> UndefinedFunction:
    shown = ", ".join(arg.type.plain_name for arg in args)
    return UndefinedFunction(
        f"function {name}({shown}) does not exist",
        position=position,
        hint=NO_MATCH,
    )


def _preferring_text(
    signatures: Sequence[Signature], args: Sequence[bound.Expression]
) -> list[Signature]:
    """Where a literal of unknown type stands, a signature that takes text goes before others
    (func_select_candidate in parse_func.c)."""
    found = list(signatures)
    for place, arg in enumerate(args):
        if is_unknown(arg.type):
            texts = [s for s in found if _takes_text(s.argument(place))]
            found = texts or found
    return found


def _takes_text(word: str) -> bool:
    return not is_pseudo(word) and type_of(word).oid in TEXTS


def _fits(signature: Signature, args: Sequence[bound.Expression]) -> bool:
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "anyarray":
            if not is_unknown(arg.type) and types.element_of(arg.type) is None:
                return False
        elif word in ("anyrange", "anymultirange"):
            if not is_unknown(arg.type) and not matches(word, arg.type):
                return False
        elif not is_pseudo(word) and not _accepts(arg.type, type_of(word)):
            return False
    return True


def _accepts(given: SqlType, wanted: SqlType) -> bool:
    if casts_implicitly(given, wanted):
        return True
    return given.oid in TEXTS and wanted.oid in (types.TEXT.oid, types.NAME.oid)


def _rank(signature: Signature, args: Sequence[bound.Expression]) -> tuple[int, int]:
    """(exact matches, arguments of a preferred type)."""
    exact = preferred = 0
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if is_pseudo(word):
            continue
        wanted = type_of(word)
        exact += wanted.oid == arg.type.oid
        preferred += wanted.definition.preferred
    return exact, preferred


def _over_vectors(signatures: Sequence[Signature]) -> bool:
    """Whether the signatures differ in vector types, of which none comes first."""
    return all(type_of(s.arguments[0]).oid in VECTORS for s in signatures if not is_pseudo(s.arguments[0]))


def _prefers(signature: Signature) -> bool:
    return any(not is_pseudo(w) and type_of(w).definition.preferred for w in signature.arguments)


def _apply(
    binder: Binder, signature: Signature, args: Sequence[bound.Expression], position: int | None
) -> tuple[list[bound.Expression], SqlType]:
    family = family_among(signature.arguments, args)
    element = _element(signature, args)
    array = types.array_of(element) if element is not None and element.definition.array_oid else None
    if element is not None and has_shape(element) or any(is_shaped(arg.type) for arg in args):
        array = shaped(element if array is None and element is not None else array or types.array_of(types.TEXT))
    found = []
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "any":
            wanted = types.TEXT if is_unknown(arg.type) else arg.type
        elif word == "anyelement":
            wanted = element or arg.type
        elif word == "anyarray":
            wanted = array if is_unknown(arg.type) and array else arg.type
        elif word in ("anyrange", "anymultirange"):
            wanted = arg.type if family is None else polymorphic(word, family) or arg.type
        else:
            wanted = type_of(word)
        same_text = arg.type.oid in TEXTS and wanted.oid in TEXTS
        keep = wanted.bare == arg.type.bare or same_text
        found.append(arg if keep else binder.coerce(arg, wanted.bare, level="explicit" if same_text else "implicit", position=position))
    if family is not None and (result := polymorphic(signature.result, family)) is not None:
        return found, result
    if signature.result == "anyelement":
        return found, element or types.TEXT
    if signature.result == "anyarray":
        return found, array or types.array_of(types.TEXT)
    return found, type_of(signature.result)


def _element(signature: Signature, args: Sequence[bound.Expression]) -> SqlType | None:
    found = []
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "anyelement":
            found.append(arg.type.bare)
        elif word == "anyarray" and not is_unknown(arg.type):
            inner = types.element_of(arg.type)
            if inner is not None:
                found.append(inner.bare)
    return common_type(found) if found else None


# ---------------------------------------------------------------- aggregates and windows

_WITHOUT_EXTREMES = frozenset(
    [*VECTORS, *BITS, *FAMILIES]
    + [t.oid for t in (types.BOOL, types.BYTEA, types.JSON, types.JSONB, types.UUID, types.RECORD)]
)


def _aggregate(
    binder: Binder, name: str, body: Node, args: list[bound.Expression], scope: Scope, bind: Bind
) -> bound.Expression:
    position = binder.position(body)
    order_by = sort_keys(binder, body.get("agg_order", ()), scope, bind)
    where = None
    if "agg_filter" in body:
        where = binder.boolean(bind(binder, body["agg_filter"], scope), "FILTER", position)
    if body.get("agg_star"):
        return bound.Aggregate(types.INT8, name, (), True, filter=where)
    within = bool(body.get("agg_within_group"))
    if within:
        values = [key.expression for key in order_by]
        bound_args, result = resolve(binder, name, ORDERED_SET_FUNCTIONS.get(name, []), [*args, *values], position)
        args = bound_args[: len(args)]
        return bound.Aggregate(result, name, tuple(args), filter=where, order_by=order_by, within_group=True)
    args = _extreme_of(binder, name, args, position)
    if not args and name != "count":
        raise UndefinedFunction(f"function {name}() does not exist", position=position)
    bound_args, result = resolve(binder, name, AGGREGATE_FUNCTIONS.get(name, []), args, position)
    return bound.Aggregate(
        result, name, tuple(bound_args), False, bool(body.get("agg_distinct")), where, order_by
    )


def _extreme_of(
    binder: Binder, name: str, args: list[bound.Expression], position: int | None
) -> list[bound.Expression]:
    """min and max are of some types only, and of text for what is like it."""
    if name not in ("min", "max") or len(args) != 1:
        return args
    if args[0].type.oid in _WITHOUT_EXTREMES or is_composite(args[0].type):
        raise _no_function(name, args, position)
    like_text = args[0].type.oid in TEXTS and args[0].type.oid != types.BPCHAR.oid
    return [binder.coerce(args[0], types.TEXT)] if like_text else args


def _window_call(
    binder: Binder, name: str, body: Node, args: list[bound.Expression], scope: Scope, bind: Bind
) -> bound.Expression:
    position = binder.position(body)
    window = bind_window(binder, body["over"]["WindowDef"] if "WindowDef" in body["over"] else body["over"], scope, bind)
    where = None
    if "agg_filter" in body:
        where = binder.boolean(bind(binder, body["agg_filter"], scope), "FILTER", position)
    if body.get("agg_star"):
        return bound.WindowCall(types.INT8, name, (), window, True, where)
    if name not in WINDOW_FUNCTIONS and name not in AGGREGATE_FUNCTIONS:
        raise WrongObjectType(
            f"OVER specified, but {name} is not a window function nor an aggregate function",
            position=position,
        )
    table = WINDOW_FUNCTIONS if name in WINDOW_FUNCTIONS else AGGREGATE_FUNCTIONS
    args = _extreme_of(binder, name, args, position)
    bound_args, result = resolve(binder, name, table[name], args, position)
    return bound.WindowCall(result, name, tuple(bound_args), window, False, where)
