"""Binding of what ranks by more than one thing: rrf, relative_score, hybrid, mmr, and explain_score.

    rrf(leg, leg, ... [, k => 60] [, weights => '{1,1}'] [, pool => n] [, autocut => n])
    relative_score(leg, leg, ... [, weights => '{0.5,0.5}'] [, pool => n] [, autocut => n])
    hybrid(vector leg, text leg [, alpha => 0.5] [, fusion => 'relative_score'] [, k] [, pool] [, autocut])
    mmr(leg [, balance => 0.5] [, pool => n])
    explain_score([what ranks])

A leg is a distance or a text score over columns of one table, against values that the table has no part in. One that
is turned around, as in 1 - distance, -1 * distance and score(match), is a leg all the same: the best is the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlvec import types
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidParameterValue,
    NullValueNotAllowed,
    SyntaxError,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope

Bind = Callable[[Binder, Node, Scope], bound.Expression]
Options = Mapping[str, tuple[bound.Expression, int | None]]  # with their positions
_OPTIONS = {
    "rrf": ("k", "weights", "pool", "autocut"),
    "relative_score": ("weights", "pool", "autocut"),
    "hybrid": ("alpha", "fusion", "k", "pool", "autocut"),
    "mmr": ("balance", "pool"),
    "explain_score": (),
}
RANKINGS = frozenset(_OPTIONS)
_EXAMPLES = {
    "rrf": "rrf(embedding <=> $1, body <@> $2)",
    "relative_score": "relative_score(embedding <=> $1, body <@> $2)",
    "hybrid": "hybrid(embedding <=> $1, body <@> $2)",
    "mmr": "mmr(embedding <=> $1)",
    "explain_score": "explain_score(body <@> $1)",
}
_DENSE = (types.VECTOR.oid, types.HALFVEC.oid)


def bind_ranking(
    binder: Binder, name: str, body: Node, scope: Scope, bind: Bind
) -> bound.Expression:
    """A FuncCall node of one of RANKINGS."""
    position = binder.position(body)
    if "over" in body or body.get("agg_star") or body.get("agg_distinct"):
        raise SyntaxError(f"{name} is neither an aggregate nor a window function", position=position)
    args: list[bound.Expression] = []
    options: dict[str, tuple[bound.Expression, int | None]] = {}
    for arg in body.get("args", ()):
        if "NamedArgExpr" not in arg:
            args.append(bind(binder, arg, scope))
            continue
        part = arg["NamedArgExpr"]
        _check_option(name, part["name"], binder.position(part))
        options[part["name"]] = (bind(binder, part["arg"], scope), binder.position(part))
    if name == "explain_score":
        binder.explains = binder.explains or not args
        return _explanation(args, position)
    if name == "mmr":
        return _mmr(binder, args, options, scope, position)
    return _fusion(binder, name, args, options, scope, position)


def with_explanations(
    targets: tuple[bound.Target, ...], order_by: tuple[bound.SortKey, ...]
) -> tuple[bound.Target, ...]:
    """The target list in which explain_score() is of what the query ranks by."""
    wanted = [key.expression for key in order_by] + [target.expression for target in targets]
    found = next((node for e in wanted for node in _nodes(e) if _ranks(node)), None)
    if found is None:
        raise InvalidColumnReference(
            "explain_score() explains the ORDER BY of its query, which ranks by nothing",
            hint="Order by a distance, a text score or a fusion of them, or name one: "
            "explain_score(body <@> $1).",
        )
    return tuple(replace(t, expression=_closed(t.expression, found)) for t in targets)


def _check_option(name: str, option: str, position: int | None) -> None:
    if option not in _OPTIONS[name]:
        known = ", ".join(_OPTIONS[name])
        raise InvalidParameterValue(
            f'unrecognized option "{option}" of {name}',
            position=position,
            hint=f"Options are: {known}." if known else f"{name} has no options.",
        )


# ---------------------------------------------------------------- fusion


def _fusion(
    binder: Binder,
    name: str,
    legs: Sequence[bound.Expression],
    options: Options,
    scope: Scope,
    position: int | None,
) -> bound.Fusion:
    legs = [_ranked(leg) for leg in legs]
    for leg in legs:
        if not isinstance(leg, (bound.Distance, bound.TextScore)):
            raise InvalidParameterValue(
                f"arguments of {name} must be distances or text scores",
                position=position,
                hint=f"For example {_EXAMPLES[name]}.",
            )
    if len(legs) < 2:
        raise SyntaxError(f"{name} needs at least two legs", position=position)
    _check_ground(name, legs, scope, position)
    kind = name
    if name == "hybrid":
        kind, weights = _hybrid(binder, legs, options, position)
    else:
        weights = _weights(binder, name, legs, options.get("weights"))
    k = _number(binder, options, "k", types.FLOAT8) or bound.Const(types.FLOAT8, 60.0)
    return bound.Fusion(
        types.FLOAT8, kind, tuple(legs), weights, k,  # type: ignore[arg-type]
        _number(binder, options, "pool", types.INT8), _number(binder, options, "autocut", types.INT8),
    )  # fmt: skip


def _ranked(leg: bound.Expression) -> bound.Expression:
    """What a leg ranks by, without what only turns or scales it."""
    while True:
        if isinstance(leg, bound.Cast) and leg.type in (types.FLOAT4, types.FLOAT8):
            leg = leg.arg
        elif isinstance(leg, bound.FunctionCall) and leg.operator and leg.name in ("-", "*"):
            others = [arg for arg in leg.args if not isinstance(arg, (bound.Const, bound.Cast))]
            others = others or [arg for arg in leg.args if isinstance(arg, bound.Cast)]
            if len(others) != 1 or leg.name == "-" and leg.args[-1] is not others[0]:
                return leg
            leg = others[0]
        else:
            return leg


def _check_ground(
    name: str, legs: Sequence[bound.Expression], scope: Scope, position: int | None
) -> None:
    """All legs rank rows of one and the same relation of this query."""
    local = {relation.relation_id for relation in scope.relations}
    found = [
        {node.relation_id for node in _nodes(leg) if isinstance(node, bound.ColumnRef)} & local
        for leg in legs
    ]
    if any(len(relations) > 1 for relations in found):
        raise FeatureNotSupported(
            f"{name} ranks the rows of one table against values of another",
            position=position,
            hint="Rank them for each row of the other table in a LATERAL subquery.",
        )
    if len(set().union(*found)) != 1 or not all(found):
        raise InvalidParameterValue(
            f"every leg of {name} must rank the rows of one and the same table", position=position
        )


def _number(
    binder: Binder, options: Options, name: str, wanted: types.SqlType
) -> bound.Expression | None:
    if name not in options:
        return None
    expression, position = options[name]
    level = "implicit" if wanted == types.FLOAT8 else "assignment"
    found = binder.coerce(expression, wanted, level=level, position=position)
    if isinstance(found, bound.Const):
        check_option(name, found.value, position)
    return found


def check_option(name: str, value: Any, position: int | None = None) -> None:
    """22004 for null, 22023 for a number that the option does not take."""
    if value is None:
        raise NullValueNotAllowed(f'option "{name}" must not be null', position=position)
    low, high = {
        "pool": (1, 1_000_000), "autocut": (0, 1_000), "alpha": (0, 1), "balance": (0, 1), "k": (0, 1e9)
    }[name]  # fmt: skip
    if not low <= value <= high:
        raise InvalidParameterValue(
            f'value {value:g} out of bounds for option "{name}"',
            detail=f'Valid values are between "{low:g}" and "{high:g}".',
            position=position,
        )


def _weights(
    binder: Binder,
    name: str,
    legs: Sequence[bound.Expression],
    given: tuple[bound.Expression, int | None] | None,
) -> tuple[bound.Expression, ...]:
    """A number for each leg, or the array that has them where its items are known only when run."""
    if given is None:
        even = 1.0 if name == "rrf" else 1.0 / len(legs)
        return tuple(bound.Const(types.FLOAT8, even) for _ in legs)
    expression, position = given
    array = binder.coerce(
        expression, types.array_of(types.FLOAT8), level="explicit", position=position
    )
    if not isinstance(array, bound.Const):
        return (array,)
    check_weights(array.value, len(legs), position)
    return tuple(bound.Const(types.FLOAT8, value) for value in array.value)


def check_weights(values: Any, count: int, position: int | None = None) -> None:
    """22023 unless there is a finite number, not negative, for each of the legs."""
    if values is None:
        raise NullValueNotAllowed('option "weights" must not be null', position=position)
    if len(values) != count:
        raise InvalidParameterValue(
            f"{len(values)} weights for {count} legs", position=position
        )
    if not all(isinstance(value, float) and 0 <= value < float("inf") for value in values):
        raise InvalidParameterValue(
            "weights must be finite numbers that are not negative", position=position
        )


def _hybrid(
    binder: Binder, legs: Sequence[bound.Expression], options: Options, position: int | None
) -> tuple[str, tuple[bound.Expression, ...]]:
    """alpha weighs the vector leg, 1 - alpha the text leg."""
    if [isinstance(leg, bound.Distance) for leg in legs] != [True, False]:
        raise InvalidParameterValue(
            "hybrid takes a vector distance and a text score, in this order",
            position=position,
            hint=f"For example {_EXAMPLES['hybrid']}.",
        )
    kind = "relative_score"
    if "fusion" in options:
        chosen, place = options["fusion"]
        kind = str(chosen.value) if isinstance(chosen, bound.Const) else ""
        if kind not in ("rrf", "relative_score"):
            raise InvalidParameterValue(
                f'invalid value for option "fusion": "{kind}"',
                position=place,
                hint="Valid values are relative_score and rrf.",
            )
    alpha = _number(binder, options, "alpha", types.FLOAT8) or bound.Const(types.FLOAT8, 0.5)
    if isinstance(alpha, bound.Const):
        return kind, (alpha, bound.Const(types.FLOAT8, 1.0 - alpha.value))
    rest = bound.FunctionCall(types.FLOAT8, "-", (bound.Const(types.FLOAT8, 1.0), alpha), True)
    return kind, (alpha, rest)


# ---------------------------------------------------------------- diversity


def _mmr(
    binder: Binder,
    args: Sequence[bound.Expression],
    options: Options,
    scope: Scope,
    position: int | None,
) -> bound.Mmr:
    if len(args) != 1:
        raise SyntaxError("mmr needs one leg", position=position, hint=f"For example {_EXAMPLES['mmr']}.")
    leg = _ranked(args[0])
    parts = leg.legs if isinstance(leg, bound.Fusion) else (leg,)
    if not any(isinstance(part, bound.Distance) and part.left.type.oid in _DENSE for part in parts):
        raise InvalidParameterValue(
            "mmr needs a distance between vectors, by which it tells how much alike rows are",
            position=position,
            hint="For example mmr(embedding <=> $1), or mmr(rrf(embedding <=> $1, body <@> $2)).",
        )
    if isinstance(leg, bound.Distance):
        _check_ground("mmr", [leg], scope, position)
    balance = _number(binder, options, "balance", types.FLOAT8) or bound.Const(types.FLOAT8, 0.5)
    pool = _number(binder, options, "pool", types.INT8)
    return bound.Mmr(types.FLOAT8, leg, balance, pool)  # type: ignore[arg-type]


# ---------------------------------------------------------------- explanation


def _explanation(args: Sequence[bound.Expression], position: int | None) -> bound.Explanation:
    if not args:
        return bound.Explanation(types.JSONB, None)
    if len(args) > 1 or not _ranks(args[0]):
        raise InvalidParameterValue(
            "explain_score takes a distance, a text score or a fusion of them",
            position=position,
            hint=f"For example {_EXAMPLES['explain_score']}; without argument it explains ORDER BY.",
        )
    return bound.Explanation(types.JSONB, args[0])  # type: ignore[arg-type]


def _ranks(node: object) -> bool:
    return isinstance(node, (bound.Distance, bound.TextScore, bound.Fusion, bound.Mmr))


def _is_open(node: object) -> bool:
    return isinstance(node, bound.Explanation) and node.ranked is None


def _nodes(node: Any) -> Iterator[Any]:
    """The expression and all below it, from above, subqueries left out."""
    if isinstance(node, tuple):
        for item in node:
            yield from _nodes(item)
    elif isinstance(node, (bound.Expression, bound.SortKey)):
        yield node
        for field in fields(node):
            yield from _nodes(getattr(node, field.name))


def _closed(node: Any, ranked: bound.Ranked) -> Any:
    if _is_open(node):
        return replace(node, ranked=ranked)
    if isinstance(node, tuple):
        return tuple(_closed(item, ranked) for item in node)
    if isinstance(node, types.SqlType) or not is_dataclass(node) or isinstance(node, type):
        return node
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        closed = _closed(value, ranked)
        if closed is not value and closed != value:
            changes[field.name] = closed
    return replace(node, **changes) if changes else node
