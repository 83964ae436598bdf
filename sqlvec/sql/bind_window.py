"""Windows: PARTITION BY, ORDER BY and the frame, in OVER and in the WINDOW clause."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlvec import types
from sqlvec.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidColumnReference,
    UndefinedFunction,
    UndefinedObject,
    WindowingError,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder, body_of, location_of
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import INTEGERS, casts_on_assignment, has_equality, is_unknown
from sqlvec.types import SqlType

Bind = Callable[[Binder, Node, Scope], bound.Expression]

# parsenodes.h, FRAMEOPTION_*
_NON_DEFAULT = 0x01
_RANGE, _ROWS, _GROUPS = 0x02, 0x04, 0x08
_START_UNBOUNDED, _END_UNBOUNDED = 0x20, 0x100
_START_CURRENT, _END_CURRENT = 0x200, 0x400
_START_PRECEDING, _END_PRECEDING = 0x800, 0x1000
_OFFSETS = 0x800 | 0x1000 | 0x2000 | 0x4000
_EXCLUDE = {0x8000: "CURRENT ROW", 0x10000: "GROUP", 0x20000: "TIES"}
_MOMENTS = (
    types.DATE.oid, types.TIME.oid, types.TIMETZ.oid, types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid,
    types.INTERVAL.oid,
)  # fmt: skip


def bind_window(binder: Binder, body: Node, scope: Scope, bind: Bind) -> bound.Window:
    named = body.get("name") or body.get("refname")
    base = bound.Window()
    if named:
        definition = binder.windows.get(named)
        if definition is None:
            raise UndefinedObject(f'window "{named}" does not exist', position=binder.position(body))
        base = bind_window(binder, definition, scope, bind)
        if "refname" in body:
            _check_copy(named, body, base, binder.position(body))
    own = tuple(binder.settled(bind(binder, n, scope)) for n in body.get("partitionClause", ()))
    order = sort_keys(binder, body.get("orderClause", ()), scope, bind) or base.order_by
    partition = own or base.partition_by
    if not body.get("frameOptions", 0) & _NON_DEFAULT:
        return bound.Window(partition, order, base.frame, base.offsets)
    return bound.Window(partition, order, *_frame(binder, body, order, scope, bind))


def _check_copy(name: str, body: Node, base: bound.Window, position: int | None) -> None:
    """What a window that is named in brackets may add to it (transformWindowDefinitions)."""
    if body.get("partitionClause"):
        raise WindowingError(
            f'cannot override PARTITION BY clause of window "{name}"', position=position
        )
    if body.get("orderClause") and base.order_by:
        raise WindowingError(f'cannot override ORDER BY clause of window "{name}"', position=position)
    if base.frame:
        plain = not body.get("orderClause") and not body.get("frameOptions", 0) & _NON_DEFAULT
        raise WindowingError(
            f'cannot copy window "{name}" because it has a frame clause', position=position,
            hint="Omit the parentheses in this OVER clause." if plain else None,
        )  # fmt: skip


def window_definitions(binder: Binder, nodes: Sequence[Node]) -> dict[str, Node]:
    """The windows of a WINDOW clause by name."""
    found: dict[str, Node] = {}
    for node in nodes:
        body = node["WindowDef"]
        if body["name"] in found:
            raise WindowingError(
                f'window "{body["name"]}" is already defined', position=binder.position(body)
            )
        found[body["name"]] = {k: v for k, v in body.items() if k != "name"}
    return found


def sort_keys(
    binder: Binder, nodes: Sequence[Node], scope: Scope, bind: Bind
) -> tuple[bound.SortKey, ...]:
    return tuple(sort_key(binder, node, bind(binder, node["SortBy"]["node"], scope)) for node in nodes)


def sort_key(binder: Binder, node: Node, expression: bound.Expression) -> bound.SortKey:
    """Direction and place of nulls of a SortBy node."""
    body = node["SortBy"]
    descending = body.get("sortby_dir") == "SORTBY_DESC" or _uses_greater(binder, body)
    nulls = body.get("sortby_nulls", "SORTBY_NULLS_DEFAULT")
    first = descending if nulls == "SORTBY_NULLS_DEFAULT" else nulls == "SORTBY_NULLS_FIRST"
    settled = binder.settled(expression)
    if not has_equality(settled.type):
        raise UndefinedFunction(
            f"could not identify an ordering operator for type {settled.type.plain_name}",
            position=location_of(binder, body["node"]),
            hint="Use an explicit ordering operator or modify the query.",
        )
    return bound.SortKey(settled, descending, first)


def _uses_greater(binder: Binder, body: Node) -> bool:
    """ORDER BY x USING operator: < is ascending, > descending."""
    if body.get("sortby_dir") != "SORTBY_USING":
        return False
    name = body["useOp"][-1]["String"]["sval"]
    if name not in ("<", ">"):
        raise WrongObjectType(
            f"operator {name} is not a valid ordering operator",
            position=binder.position(body),
            hint='Ordering operators must be "<" or ">" members of btree operator families.',
        )
    return bool(name == ">")


def _frame(
    binder: Binder, body: Node, order: tuple[bound.SortKey, ...], scope: Scope, bind: Bind
) -> tuple[str, tuple[bound.Expression, ...]]:
    """Its text, with {} where the offsets go, and these."""
    options = body["frameOptions"]
    unit = "ROWS" if options & _ROWS else "GROUPS" if options & _GROUPS else "RANGE"
    if unit == "GROUPS" and not order:
        raise WindowingError("GROUPS mode requires an ORDER BY clause", position=binder.position(body))
    if unit == "RANGE" and options & _OFFSETS and len(order) != 1:
        raise WindowingError(
            "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
            position=binder.position(body),
        )
    offsets = tuple(
        _offset(binder, body[side], unit, order, scope, bind)
        for side in ("startOffset", "endOffset")
        if side in body
    )
    start = _edge(options, _START_UNBOUNDED, _START_CURRENT, _START_PRECEDING, "PRECEDING")
    end = _edge(options, _END_UNBOUNDED, _END_CURRENT, _END_PRECEDING, "FOLLOWING")
    excluded = next((f" EXCLUDE {what}" for bit, what in _EXCLUDE.items() if options & bit), "")
    return f"{unit} BETWEEN {start} AND {end}{excluded}", offsets


def _edge(options: int, unbounded: int, current: int, preceding: int, outward: str) -> str:
    if options & unbounded:
        return f"UNBOUNDED {outward}"
    if options & current:
        return "CURRENT ROW"
    return "{} PRECEDING" if options & preceding else "{} FOLLOWING"


def _offset(
    binder: Binder,
    node: Node,
    unit: str,
    order: tuple[bound.SortKey, ...],
    scope: Scope,
    bind: Bind,
) -> bound.Expression:
    value = bind(binder, node, scope)
    position = binder.position(body_of(node)[1])
    if any(isinstance(part, bound.ColumnRef) for part in walk(value)):
        raise InvalidColumnReference(
            f"argument of {unit} must not contain variables", position=position
        )
    if unit != "RANGE":
        if not is_unknown(value.type) and not casts_on_assignment(value.type, types.INT8):
            raise DatatypeMismatch(
                f"argument of {unit} must be type bigint, not type {value.type.plain_name}",
                position=position,
            )
        return binder.coerce(value, types.INT8, level="assignment", position=position)
    return _range_offset(binder, value, order[0].expression.type, position)


def _range_offset(
    binder: Binder, value: bound.Expression, key: SqlType, position: int | None
) -> bound.Expression:
    """As the type whose addition to the key's there is (pg_amproc's in_range)."""
    if key.oid in _MOMENTS:
        wanted = types.INTERVAL
    elif key.oid in INTEGERS:
        wanted = types.INT8
    elif key.oid in (types.FLOAT4.oid, types.FLOAT8.oid):
        wanted = types.FLOAT8
    elif key.oid == types.NUMERIC.oid:
        wanted = types.NUMERIC
    else:
        raise FeatureNotSupported(
            f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {key.plain_name}",
            position=position,
        )
    if not is_unknown(value.type) and (value.type.oid == types.INTERVAL.oid) != (
        wanted.oid == types.INTERVAL.oid
    ):
        raise FeatureNotSupported(
            f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {key.plain_name}"
            f" and offset type {value.type.plain_name}",
            position=position,
            hint="Cast the offset value to an appropriate type.",
        )
    return binder.coerce(value, wanted, level="assignment", position=position)
