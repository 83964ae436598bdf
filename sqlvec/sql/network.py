"""inet and cidr: their operators, and both in DuckDB's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.type_rules import INTEGERS, is_unknown
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.binder import Binder
    from sqlvec.sql.render_expression import ExpressionRenderer

NETWORKS = (types.INET.oid, types.CIDR.oid)
SIGNATURES = """
host(inet) text; masklen(inet) int4; family(inet) int4; network(inet) cidr; netmask(inet) inet; hostmask(inet) inet
broadcast(inet) inet; abbrev(inet) text; abbrev(cidr) text; set_masklen(inet,int4) inet; set_masklen(cidr,int4) cidr
inet_same_family(inet,inet) bool; inet_merge(inet,inet) cidr
"""
_NAMES = frozenset(
    [
        "host", "masklen", "family", "network", "netmask", "hostmask", "broadcast", "abbrev",
        "set_masklen", "inet_same_family", "inet_merge",
    ]
)  # fmt: skip
_OPERATORS = {
    "<<": "sqlvec_network_contains({1}, {0}, true)", "<<=": "sqlvec_network_contains({1}, {0}, false)",
    ">>": "sqlvec_network_contains({0}, {1}, true)", ">>=": "sqlvec_network_contains({0}, {1}, false)",
    "&&": "sqlvec_network_overlaps({0}, {1})",
}  # fmt: skip


def network_operator(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """What an operator over addresses is; None where neither side is one."""
    sides = (left, right)
    if not any(side.type.oid in NETWORKS for side in sides):
        return None
    if name in ("+", "-") and any(side.type.oid in INTEGERS for side in sides):
        address, count = sides if left.type.oid in NETWORKS else (right, left)
        if name == "-" and address is right:
            return None
        places = (_inet(binder, address, position), binder.coerce(count, types.INT8, position=position))
        return bound.FunctionCall(types.INET, name, places, True)
    if not all(side.type.oid in NETWORKS or is_unknown(side.type) for side in sides):
        return None
    if name != "-" and name not in _OPERATORS:
        return None
    result = types.INT8 if name == "-" else types.BOOL
    return bound.FunctionCall(result, name, tuple(_inet(binder, s, position) for s in sides), True)


def _inet(binder: Binder, side: bound.Expression, position: int | None) -> bound.Expression:
    return binder.coerce(side, types.INET, position=position)


def rendered_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for operators over other types."""
    if e.args[0].type.oid not in NETWORKS:
        return None
    left, right = r.all(e.args)
    if e.name in _OPERATORS:
        return _OPERATORS[e.name].format(left, right)
    if e.type.oid == types.INT8.oid:
        return f"sqlvec_network_difference({left}, {right})"
    return f"sqlvec_network_add({left}, {'-' if e.name == '-' else ''}({right}))"


def network_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for any other function."""
    if e.name not in _NAMES:
        return None
    args = r.all(e.args)
    if e.name in ("abbrev", "set_masklen"):
        args.append(str(e.args[0].type.oid))
    call = f"sqlvec_network_{e.name}({', '.join(args)})"
    return f"CAST({call} AS INTEGER)" if e.type.oid == types.INT4.oid else call


def parsed_network(text: str, target: SqlType) -> str:
    return f"sqlvec_network_parse({text}, {target.oid})"


def network_text(value: str, sql_type: SqlType) -> str:
    return f"sqlvec_network_shown({value}, {sql_type.oid})"


def network_cast(value: str, target: SqlType) -> str:
    """Between inet and cidr: a cidr has no bits beyond its mask."""
    return f"sqlvec_network_network({value})" if target.oid == types.CIDR.oid else value
