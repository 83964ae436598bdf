"""Calls of aggregates and window functions, and the clauses that they alone may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlvec import types
from sqlvec.errors import (
    FeatureNotSupported,
    GroupingError,
    InvalidColumnReference,
    UndefinedFunction,
    WindowingError,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_window import bind_window, sort_keys
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.functions import (
    AGGREGATE_FUNCTIONS,
    FUNCTIONS,
    HYPOTHETICAL,
    ORDERED_SET_FUNCTIONS,
    WINDOW_FUNCTIONS,
    type_of,
)
from sqlvec.sql.grouping import contains_window, first_of, forbid_sets
from sqlvec.sql.parse import Node
from sqlvec.sql.ranges import FAMILIES
from sqlvec.sql.resolve_function import no_function, resolve
from sqlvec.sql.scope import Scope
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import BITS, TEXTS, VECTORS
from sqlvec.types.composite_type import is_composite

Bind = Callable[[Binder, Node, Scope], bound.Expression]
_WITHOUT_EXTREMES = frozenset(
    [*VECTORS, *BITS, *FAMILIES]
    + [t.oid for t in (types.BOOL, types.BYTEA, types.JSON, types.JSONB, types.UUID, types.RECORD)]
)


def aggregate(
    binder: Binder, name: str, body: Node, args: Sequence[bound.Expression], scope: Scope, bind: Bind
) -> bound.Expression:
    position = binder.position(body)
    _check_level(args, scope, position)
    order_by = sort_keys(binder, body.get("agg_order", ()), scope, bind)
    where = _filter(binder, body, scope, bind)
    if body.get("agg_star"):
        return bound.Aggregate(types.INT8, name, (), True, filter=where)
    if body.get("agg_within_group"):
        values = [key.expression for key in order_by]
        signatures = ORDERED_SET_FUNCTIONS.get(name, [])
        bound_args, result = resolve(binder, name, signatures, [*args, *values], position)
        direct = tuple(bound_args[: len(args)])
        return bound.Aggregate(result, name, direct, filter=where, order_by=order_by, within_group=True)
    if name in ORDERED_SET_FUNCTIONS and any(s.accepts(len(args)) for s in ORDERED_SET_FUNCTIONS[name]):
        raise WrongObjectType(
            f"WITHIN GROUP is required for ordered-set aggregate {name}", position=position
        )
    args = _extreme_of(binder, name, args, position)
    if not args and name == "count":
        raise WrongObjectType("count(*) must be used to call a parameterless aggregate function", position=position)
    bound_args, result = resolve(binder, name, AGGREGATE_FUNCTIONS.get(name, []), args, position)
    distinct = bool(body.get("agg_distinct"))
    for key, node in zip(order_by, body.get("agg_order", ()), strict=True):
        if distinct and key.expression not in (*bound_args, *args):
            raise InvalidColumnReference(
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                position=location_of(binder, node["SortBy"]["node"]),
            )
    for arg, node in zip(args, body["args"], strict=False):
        forbid_sets(
            arg, "aggregate function calls cannot contain set-returning function calls", binder.positions,
            hint=True,
        )  # fmt: skip
        if contains_window(arg):
            raise GroupingError(
                "aggregate function calls cannot contain window function calls",
                position=location_of(binder, node),
            )
    return bound.Aggregate(result, name, tuple(bound_args), False, distinct, where, order_by)


def _check_level(
    args: Sequence[bound.Expression], scope: Scope, position: int | None
) -> None:
    """An aggregate over columns of an enclosing query alone is that query's, wherever it stands."""
    local = {relation.relation_id for relation in scope.relations}
    read = {
        part.relation_id
        for arg in args
        for part in walk(arg)
        if isinstance(part, (bound.ColumnRef, bound.RowRef))
    }
    if read and not read & local:
        raise FeatureNotSupported(
            "aggregates over columns of an outer query alone are not supported in a subquery",
            position=position,
        )


def _extreme_of(
    binder: Binder, name: str, args: Sequence[bound.Expression], position: int | None
) -> Sequence[bound.Expression]:
    """min and max are of some types only, and of text for what is like it."""
    if name not in ("min", "max") or len(args) != 1:
        return args
    if args[0].type.oid in _WITHOUT_EXTREMES or is_composite(args[0].type):
        raise no_function(name, args, position)
    like_text = args[0].type.oid in TEXTS and args[0].type.oid != types.BPCHAR.oid
    return [binder.coerce(args[0], types.TEXT)] if like_text else args


def hypothetical(
    binder: Binder, name: str, body: Node, args: list[bound.Expression], scope: Scope, bind: Bind
) -> bound.Expression:
    """rank(row) WITHIN GROUP (ORDER BY keys): each argument has the type of its key."""
    order_by = sort_keys(binder, body["agg_order"], scope, bind)
    if len(args) != len(order_by):
        shown = ", ".join(e.type.plain_name for e in (*args, *(key.expression for key in order_by)))
        raise UndefinedFunction(
            f"function {name}({shown}) does not exist",
            position=binder.position(body),
            hint=f"To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments "
            f"(here {len(args)}) must match the number of ordering columns (here {len(order_by)}).",
        )
    given, keys = [], []
    for arg, key in zip(args, order_by, strict=True):
        (value, own), _ = binder.unify([arg, key.expression], "WITHIN GROUP")
        given.append(value)
        keys.append(bound.SortKey(own, key.descending, key.nulls_first))
    where = _filter(binder, body, scope, bind)
    return bound.Aggregate(
        type_of(HYPOTHETICAL[name]), name, tuple(given), filter=where, order_by=tuple(keys), within_group=True
    )


def forbid_clauses_of_aggregates(name: str, body: Node, position: int | None) -> None:
    """What only an aggregate may have, of a function that is none."""
    clauses = {
        "agg_star": f"{name}(*)", "agg_distinct": "DISTINCT", "agg_within_group": "WITHIN GROUP",
        "agg_order": "ORDER BY", "agg_filter": "FILTER",
    }  # fmt: skip
    for clause, shown in clauses.items():
        if body.get(clause) and (name in FUNCTIONS or clause in ("agg_star", "agg_distinct")):
            raise WrongObjectType(
                f"{shown} specified, but {name} is not an aggregate function", position=position
            )


def window_call(
    binder: Binder, name: str, body: Node, args: Sequence[bound.Expression], scope: Scope, bind: Bind
) -> bound.Expression:
    position = binder.position(body)
    _check_window_call(name, body, position)
    definition = body["over"]["WindowDef"] if "WindowDef" in body["over"] else body["over"]
    window = bind_window(binder, definition, scope, bind)
    for part in (*window.partition_by, *(key.expression for key in window.order_by)):
        inner = first_of(part, bound.WindowCall)
        if inner is not None:
            raise WindowingError(
                "window functions are not allowed in window definitions",
                position=binder.positions.get(inner),
            )
    where = _filter(binder, body, scope, bind)
    if body.get("agg_star"):
        return bound.WindowCall(types.INT8, name, (), window, True, where)
    table = WINDOW_FUNCTIONS if name in WINDOW_FUNCTIONS else AGGREGATE_FUNCTIONS
    args = _extreme_of(binder, name, args, position)
    bound_args, result = resolve(binder, name, table[name], args, position)
    return bound.WindowCall(result, name, tuple(bound_args), window, False, where)


def _check_window_call(name: str, body: Node, position: int | None) -> None:
    if name in ORDERED_SET_FUNCTIONS:
        raise FeatureNotSupported(
            f"OVER is not supported for ordered-set aggregate {name}", position=position
        )
    if name in HYPOTHETICAL and body.get("args"):
        raise WrongObjectType(
            f"WITHIN GROUP is required for ordered-set aggregate {name}", position=position
        )
    if name not in WINDOW_FUNCTIONS and name not in AGGREGATE_FUNCTIONS:
        raise WrongObjectType(
            f"OVER specified, but {name} is not a window function nor an aggregate function",
            position=position,
        )
    if body.get("agg_distinct"):
        raise FeatureNotSupported("DISTINCT is not implemented for window functions", position=position)
    if body.get("agg_order"):
        raise FeatureNotSupported(
            "aggregate ORDER BY is not implemented for window functions", position=position
        )
    if body.get("agg_filter") and name in WINDOW_FUNCTIONS:
        raise FeatureNotSupported(
            "FILTER is not implemented for non-aggregate window functions", position=position
        )


def _filter(binder: Binder, body: Node, scope: Scope, bind: Bind) -> bound.Expression | None:
    if "agg_filter" not in body:
        return None
    node = body["agg_filter"]
    condition = binder.boolean(bind(binder, node, scope), "FILTER", location_of(binder, node))
    inner = first_of(condition, bound.Aggregate)
    if inner is not None:
        raise GroupingError(
            "aggregate functions are not allowed in FILTER", position=binder.positions.get(inner)
        )
    return condition
