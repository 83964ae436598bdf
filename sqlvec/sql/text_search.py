"""Binding of text search: signatures, operators, and the configuration that a call leaves out.

Operators become calls of the functions behind them, as PostgreSQL names those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.type_rules import TEXTS, is_unknown
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.binder import Binder

# sql.functions has the notation.
SIGNATURES = """
to_tsvector(regconfig,text) tsvector; to_tsvector(text) tsvector; to_tsvector(regconfig,json) tsvector; to_tsvector(regconfig,jsonb) tsvector; to_tsvector(json) tsvector; to_tsvector(jsonb) tsvector
to_tsquery(regconfig,text) tsquery; to_tsquery(text) tsquery; plainto_tsquery(regconfig,text) tsquery; plainto_tsquery(text) tsquery
phraseto_tsquery(regconfig,text) tsquery; phraseto_tsquery(text) tsquery; websearch_to_tsquery(regconfig,text) tsquery; websearch_to_tsquery(text) tsquery
ts_rank(tsvector,tsquery) float4; ts_rank(tsvector,tsquery,int4) float4; ts_rank(_float4,tsvector,tsquery) float4; ts_rank(_float4,tsvector,tsquery,int4) float4
ts_rank_cd(tsvector,tsquery) float4; ts_rank_cd(tsvector,tsquery,int4) float4; ts_rank_cd(_float4,tsvector,tsquery) float4; ts_rank_cd(_float4,tsvector,tsquery,int4) float4
ts_headline(regconfig,text,tsquery) text; ts_headline(regconfig,text,tsquery,text) text; ts_headline(text,tsquery) text; ts_headline(text,tsquery,text) text
setweight(tsvector,char) tsvector; setweight(tsvector,char,_text) tsvector; strip(tsvector) tsvector; length(tsvector) int4; tsvector_length(tsvector) int4
ts_delete(tsvector,text) tsvector; ts_delete(tsvector,_text) tsvector; ts_filter(tsvector,_char) tsvector; tsvector_to_array(tsvector) _text; array_to_tsvector(_text) tsvector
numnode(tsquery) int4; querytree(tsquery) text; tsquery_phrase(tsquery,tsquery) tsquery; tsquery_phrase(tsquery,tsquery,int4) tsquery
tsvector_concat(tsvector,tsvector) tsvector; tsquery_and(tsquery,tsquery) tsquery; tsquery_or(tsquery,tsquery) tsquery; tsquery_not(tsquery) tsquery
tsq_mcontains(tsquery,tsquery) bool; tsq_mcontained(tsquery,tsquery) bool; ts_lexize(regdictionary,text) _text; get_current_ts_config() regconfig
ts_match_vq(tsvector,tsquery) bool; ts_match_qv(tsquery,tsvector) bool; ts_match(tsvector,tsquery) bool; ts_match(tsquery,tsvector) bool; json_to_tsvector(regconfig,json) tsvector; json_to_tsvector(regconfig,jsonb) tsvector
"""
NAMES = frozenset(re.findall(r"(\w+)\(", SIGNATURES)) - {"length"}
_CONFIGURED = frozenset(
    [
        "to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery",
        "ts_headline",
    ]
)  # fmt: skip
_VECTOR, _QUERY = types.TSVECTOR.oid, types.TSQUERY.oid
_JSON = (types.JSON.oid, types.JSONB.oid)
_JOINS = {"&&": "tsquery_and", "||": "tsquery_or", "<->": "tsquery_phrase"}
_HOLDS = {"@>": "tsq_mcontains", "<@": "tsq_mcontained"}


def configured(name: str, args: list[bound.Expression]) -> bound.FunctionCall | None:
    """A resolved call with the session's configuration where none was given, and that of length() and of json
    under names of their own; None for other functions."""
    if name == "length" and args[0].type.oid == _VECTOR:
        return bound.FunctionCall(types.INT4, "tsvector_length", tuple(args))
    if name not in _CONFIGURED:
        return None
    if args[0].type.oid != types.REGCONFIG.oid:
        args = [_session_config(), *args]
    if name == "ts_headline":
        return bound.FunctionCall(types.TEXT, name, tuple(args))
    if name == "to_tsvector":
        name = "json_to_tsvector" if args[1].type.oid in _JSON else name
        return bound.FunctionCall(types.TSVECTOR, name, tuple(args))
    return bound.FunctionCall(types.TSQUERY, name, tuple(args))


def _session_config() -> bound.Expression:
    return bound.FunctionCall(types.REGCONFIG, "get_current_ts_config", ())


def match(
    binder: Binder, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """@@: a text is read as a document, or beside another text as words to find."""

    def as_type(side: bound.Expression, target: SqlType) -> bound.Expression:
        return binder.coerce(side, target, position=position)

    a, b = left.type.oid, right.type.oid
    if a == _QUERY and (b == _VECTOR or is_unknown(right.type)):
        return _call(types.BOOL, "ts_match", left, as_type(right, types.TSVECTOR))
    if a == _VECTOR and (b == _QUERY or is_unknown(right.type)):
        return _call(types.BOOL, "ts_match", left, as_type(right, types.TSQUERY))
    if is_unknown(left.type) and b == _VECTOR:
        return _call(types.BOOL, "ts_match", as_type(left, types.TSQUERY), right)
    if not (a in TEXTS or is_unknown(left.type)):
        return None
    vector = _call(types.TSVECTOR, "to_tsvector", _session_config(), as_type(left, types.TEXT))
    if b == _QUERY:
        return _call(types.BOOL, "ts_match", vector, right)
    if b in TEXTS or is_unknown(right.type):
        words = as_type(right, types.TEXT)
        query = _call(types.TSQUERY, "plainto_tsquery", _session_config(), words)
        return _call(types.BOOL, "ts_match", vector, query)
    return None


def joined(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """|| && <-> @> <@ where one side is a tsvector or tsquery and the other may be."""
    known = left.type if is_unknown(right.type) else right.type
    if known.oid not in (_VECTOR, _QUERY):
        return None
    if any(not is_unknown(side.type) and side.type.oid != known.oid for side in (left, right)):
        return None
    sides = [binder.coerce(side, SqlType(known.oid), position=position) for side in (left, right)]
    if known.oid == _VECTOR:
        return _call(types.TSVECTOR, "tsvector_concat", *sides) if name == "||" else None
    if name in _JOINS:
        return _call(types.TSQUERY, _JOINS[name], *sides)
    return _call(types.BOOL, _HOLDS[name], *sides) if name in _HOLDS else None


def negation(binder: Binder, side: bound.Expression, position: int | None) -> bound.Expression | None:
    """!!"""
    if side.type.oid != _QUERY and not is_unknown(side.type):
        return None
    return _call(types.TSQUERY, "tsquery_not", binder.coerce(side, types.TSQUERY, position=position))


def _call(result: SqlType, name: str, *args: bound.Expression) -> bound.FunctionCall:
    return bound.FunctionCall(result, name, args)
