"""Whether an expression gives the same for the same arguments always, as indexes ask: PostgreSQL's own word on each
function, operator and cast."""

from __future__ import annotations

from functools import cache

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.system.facts import facts, number, text
from sqlvec.sql import bound
from sqlvec.sql.functions import VOLATILE
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import depends_on_labels
from sqlvec.types.shaped_array import public_oid

_NOT_IMMUTABLE = VOLATILE | frozenset(
    [
        "now", "current_date", "current_timestamp", "localtimestamp", "statement_timestamp",
        "transaction_timestamp", "current_user", "session_user", "current_setting", "nextval",
        "currval", "lastval", "timeofday", "txid_current", "get_current_ts_config", "concat", "concat_ws",
        "format",
    ]
)  # fmt: skip
_SHOWN_BY_SETTING = frozenset(  # their texts depend on the session
    t.oid for t in (types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ, types.MONEY, types.REGCLASS, types.REGTYPE)
)
_READ_BY_SETTING = _SHOWN_BY_SETTING | {types.TIMETZ.oid, types.TIME.oid, types.INTERVAL.oid}
_TEXTS = (types.TEXT.oid, types.VARCHAR.oid, types.BPCHAR.oid, types.NAME.oid)
Arguments = tuple[int, ...]


def may_change(node: bound.Expression) -> bool:
    """Whether this call, apart from its arguments, may give another value each time, or do something."""
    return isinstance(node, bound.RoutineCall) or (
        isinstance(node, bound.FunctionCall) and node.name in VOLATILE
    )


def is_immutable(node: bound.Expression) -> bool:
    """Of the node itself, whatever its arguments are."""
    if isinstance(node, bound.Cast):
        return _cast_is_immutable(node)
    if not isinstance(node, bound.FunctionCall):
        return True
    if node.name in _NOT_IMMUTABLE:
        return False
    known = _operators() if node.operator else _functions()
    oids = tuple(public_oid(arg.type.oid) for arg in node.args)
    plain = tuple(types.TEXT.oid if oid in _TEXTS else oid for oid in oids)
    return all(known.get((node.name, arguments), True) for arguments in (oids, plain))


def is_changing(expression: bound.Expression, catalog: Catalog) -> bool:
    """Whether it may give another value another time. Functions of users that are not taken apart are what they are
    declared."""
    return any(_changes(node, catalog) for node in walk(expression))


def _changes(node: bound.Expression, catalog: Catalog) -> bool:
    if isinstance(node, bound.RoutineCall):
        return catalog.routines[node.oid].volatility != "i"
    return not is_immutable(node)


def is_volatile(expression: bound.Expression, catalog: Catalog) -> bool:
    """Whether it may give another value within one statement."""
    return any(
        (isinstance(node, bound.FunctionCall) and node.name in VOLATILE)
        or (isinstance(node, bound.RoutineCall) and catalog.routines[node.oid].volatility == "v")
        for node in walk(expression)
    )


def _cast_is_immutable(node: bound.Cast) -> bool:
    source, target = node.arg.type, node.type
    if depends_on_labels(source, target):
        return False
    found = _casts().get((source.oid, target.oid))
    if found is not None:
        return found
    if target.oid in _TEXTS:
        return source.oid not in _SHOWN_BY_SETTING
    return source.oid not in _TEXTS or target.oid not in _READ_BY_SETTING


@cache
def _volatilities() -> dict[int, bool]:
    """By the oid of a function, whether it is immutable."""
    return {number(fact, "oid"): text(fact, "flags")[1] == "i" for fact in facts("functions")}


@cache
def _functions() -> dict[tuple[str, Arguments], bool]:
    found = {}
    for fact in facts("functions"):
        arguments = tuple(int(word) for word in text(fact, "arguments").split())
        found[text(fact, "name"), arguments] = text(fact, "flags")[1] == "i"
    return found


@cache
def _operators() -> dict[tuple[str, Arguments], bool]:
    found = {}
    for fact in facts("operators"):
        sides = tuple(oid for oid in (number(fact, "left"), number(fact, "right")) if oid)
        found[text(fact, "name"), sides] = _volatilities().get(number(fact, "code"), True)
    return found


@cache
def _casts() -> dict[tuple[int, int], bool]:
    """Those that have a function."""
    return {
        (number(fact, "source"), number(fact, "target")): _volatilities()[number(fact, "function")]
        for fact in facts("casts")
        if number(fact, "function") in _volatilities()
    }
