"""Operators: comparison, arithmetic, patterns, json, arrays, dates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.money import rendered_money
from sqlvec.sql.network import rendered_operator
from sqlvec.sql.render_arrays import shaped_operator
from sqlvec.sql.render_cast import interval_of, interval_parts, zoned
from sqlvec.sql.render_numeric import numeric_operator
from sqlvec.sql.render_ranges import range_operator
from sqlvec.sql.render_types import (
    DENSE,
    FLOATS,
    INTEGERS,
    JSONS,
    Rendered,
    duckdb_type,
    is_numeric,
    quoted,
)
from sqlvec.sql.render_vectors import bit_operator, vector_operator
from sqlvec.sql.tree import children
from sqlvec.sql.type_rules import BITS
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

COMPARISONS = frozenset(["=", "<>", "<", "<=", ">", ">="])
_LIKES = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}
_REGEX = {"~": (False, False), "~*": (False, True), "!~": (True, False), "!~*": (True, True)}
_JSON_CALLS = {
    "->": "sqlvec_json_get", "->>": "sqlvec_json_get_text", "#>": "sqlvec_json_path",
    "#>>": "sqlvec_json_path_text", "#-": "sqlvec_json_delete_path", "?": "sqlvec_json_has",
    "?|": "sqlvec_json_has_any", "?&": "sqlvec_json_has_all", "-": "sqlvec_json_delete",
    "||": "sqlvec_json_concat", "@>": "sqlvec_json_contains",
}  # fmt: skip
_DATE, _TIME, _INTERVAL = types.DATE.oid, types.TIME.oid, types.INTERVAL.oid
_TIMESTAMP, _TIMESTAMPTZ = types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid
_MOMENTS = (_DATE, _TIME, _INTERVAL, _TIMESTAMP, _TIMESTAMPTZ)
# Patterns that RE2 and PostgreSQL understand alike; the others go to sqlvec_regex.
_PLAIN_PATTERN = re.compile(
    r"(?!\*)(?:[\w \-.,:;/@#%&=<>!~'\"^$|)]|\((?!\?)|(?<![*+?(|])[*+?]|\\[dws.*+?()\[\]{}|^$\\/]"
    r"|\{\d{1,3}(?:,\d{0,3})?\}|\[\^?[A-Za-z0-9_. ]+(?:-[A-Za-z0-9])?\])*\Z",
    re.ASCII,
)


def operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """left name right, or name right."""
    name = e.name
    first = e.args[0].type
    if name in COMPARISONS:
        return comparison(r, name, *e.args)
    if len(e.args) > 1 and (name in _LIKES or name in _REGEX):
        return pattern(r, name, *e.args)
    if is_numeric(e.type):
        return numeric_operator(r, e)
    if (over_shapes := shaped_operator(r, e)) is not None:
        return over_shapes
    if (over_money := rendered_money(r, e)) is not None:
        return over_money
    if (over_ranges := range_operator(r, e)) is not None:
        return over_ranges
    if (over_addresses := rendered_operator(r, e)) is not None:
        return over_addresses
    if first.oid in BITS and name != "||":
        return bit_operator(r, e)
    if len(e.args) == 1:
        return _prefix(r, e)
    if e.type.oid in DENSE:
        return vector_operator(r, e)
    if first.oid in JSONS:
        return _json(r, e)
    if name in ("@>", "<@", "&&"):
        return _arrays(r, e)
    if name == "||":
        return _concatenation(r, e)
    if any(arg.type.oid in _MOMENTS for arg in e.args):
        return _moments(r, e)
    return _arithmetic(r, e)


def _prefix(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    return f"({e.name}{r.render(e.args[0])})"


# ---------------------------------------------------------------- comparison and patterns


def comparison(
    r: ExpressionRenderer, name: str, left: bound.Expression, right: bound.Expression
) -> str:
    """left name right, for a comparison or a pattern operator; bool."""
    if name not in COMPARISONS:
        return pattern(r, name, left, right)
    a, b = r.comparables((left, right))
    return f"({a} {name} {b})"


def pattern(
    r: ExpressionRenderer, name: str, left: bound.Expression, right: bound.Expression
) -> str:
    """LIKE, ILIKE, regular expressions, SIMILAR TO."""
    if name in _LIKES:
        return _like(r, _LIKES[name], left, right)
    if name not in _REGEX:
        raise FeatureNotSupported(f"operator {name} is not supported here")
    negated, ignore_case = _REGEX[name]
    text, expression = r.render(left), r.render(right)
    known = r.constant_value(right)
    if isinstance(known, str) and _PLAIN_PATTERN.match(known) and _balanced(known):
        test = f"regexp_matches({text}, {quoted(known)}, '{'is' if ignore_case else 's'}')"
    else:
        test = f"sqlvec_regex({text}, {expression}, {str(ignore_case).lower()})"
    return f"(NOT {test})" if negated else test


def _balanced(pattern: str) -> bool:
    """Whether brackets are closed, so that no error is left to RE2, which words it otherwise."""
    plain = re.sub(r"\\.|\[[^]]*\]", "", pattern)
    return plain.count("(") == plain.count(")") and not re.search(r"\)[^(]*\(|\([|)]|\|\|", plain)


def _like(
    r: ExpressionRenderer, word: str, left: bound.Expression, right: bound.Expression
) -> str:
    """The pattern as DuckDB wants it: an escape character is given, and escapes are well formed."""
    if isinstance(right, bound.FunctionCall) and right.name == "like_escape":
        wanted = f"sqlvec_like_escape({r.render(right.args[0])}, {r.render(right.args[1])})"
    else:
        known = r.constant_value(right)
        if isinstance(known, str) and "\\" not in known:
            return f"({r.render(left)} {word} {quoted(known)})"
        wanted = f"sqlvec_like_escape({r.render(right)}, '\\')"
    return f"({r.render(left)} {word} {wanted} ESCAPE '\\')"


def quantified(r: ExpressionRenderer, e: bound.AnyAll) -> str:
    """arg op ANY|ALL (array), with SQL's three truth values."""
    element = types.element_of(e.array.type)
    assert element is not None, e
    known = r.constant(e.array)
    if known is not None and known.value is None:
        return "CAST(NULL AS BOOLEAN)"
    if known is not None and e.op in ("=", "<>") and e.all == (e.op == "<>") and known.value:
        items = tuple(bound.Const(element, item) for item in known.value)
        return r.render(bound.InList(types.BOOL, e.arg, items, e.all))
    if _holds_subquery(e.arg):
        return _over_rows(r, e, element)  # a lambda takes no subquery
    item = r.fresh()
    probe = Rendered(element, item)
    tests = f"list_transform({r.render(e.array)}, lambda {item}: {comparison(r, e.op, e.arg, probe)})"
    return f"sqlvec_{'all' if e.all else 'any'}({tests})"


def _holds_subquery(e: bound.Expression) -> bool:
    return isinstance(e, bound.Subquery) or any(map(_holds_subquery, children(e)))


def _over_rows(r: ExpressionRenderer, e: bound.AnyAll, element: SqlType) -> str:
    """The same over the array's elements as rows."""
    item = r.fresh()
    test = comparison(r, e.op, Rendered(e.arg.type, "probe"), Rendered(element, item))
    word = "all" if e.all else "any"
    return (
        f"(SELECT sqlvec_{word}(list({test})) FROM (SELECT {r.render(e.arg)} AS probe, "
        f"unnest({r.render(e.array)}) AS {item}))"
    )


# ---------------------------------------------------------------- arithmetic


def _arithmetic(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    left, right = r.all(e.args)
    target = duckdb_type(e.type)
    if e.name == "^":
        return f"sqlvec_power({left}, {right})"
    if e.name == "/" and e.type.oid in FLOATS:
        return f"CAST(sqlvec_divide({left}, {right}) AS {target})"
    if e.name == "/":
        return f"CAST({left} // {right} AS {target})"
    if e.name == "#":
        return f"CAST(xor({left}, {right}) AS {target})"
    if e.name in ("<<", ">>"):
        bits = 8 * e.type.definition.length
        return f"CAST(sqlvec_shift({left}, {right if e.name == '<<' else f'-({right})'}, {bits}) AS {target})"
    return f"CAST({left} {e.name} {right} AS {target})"


def _concatenation(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    left, right = (
        f"rtrim({r.render(arg)}, ' ')" if arg.type.oid == types.BPCHAR.oid else r.render(arg)
        for arg in e.args
    )
    if e.type.definition.category != "A":
        return f"({left} || {right})"
    element = types.element_of(e.type)
    assert element is not None
    sides = []
    for arg, rendered in zip(e.args, (left, right), strict=True):
        if types.element_of(arg.type) is None:
            rendered = f"[{r.output(arg, element)}]"
        sides.append(rendered)
    if any(types.element_of(arg.type) is None for arg in e.args):
        return f"list_concat({sides[0]}, {sides[1]})"
    return f"sqlvec_array_cat({sides[0]}, {sides[1]})"


def _arrays(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """NULL elements are equal to nothing: an array that holds one is contained nowhere."""
    left, right = r.comparables(e.args)
    if e.name == "<@":
        left, right = right, left
    if e.name == "&&":
        return f"list_has_any({left}, {right})"
    contained = f"(list_has_all({left}, {right}) AND list_count({right}) = len({right}))"
    return f"CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {contained} END"


def _json(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    left, right = r.all(e.args)
    name = e.name
    if name == "<@":
        return f"sqlvec_json_contains({right}, {left})"
    if name == "-" and types.element_of(e.args[1].type) is not None:
        return f"sqlvec_json_delete_all({left}, {right})"
    if name in ("->", "->>", "-") and e.args[1].type.oid in INTEGERS:
        suffix = {"->": "item", "->>": "item_text", "-": "delete_item"}[name]
        return f"sqlvec_json_{suffix}({left}, {right})"
    return f"{_JSON_CALLS[name]}({left}, {right})"


# ---------------------------------------------------------------- dates and times


def _moments(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    a, b = e.args
    kinds = (a.type.oid, b.type.oid)
    left, right = r.all(e.args)
    if e.type.oid == _INTERVAL and e.name in ("*", "/"):
        return _scaled_interval(e.name, left, right, swapped=kinds[0] != _INTERVAL)
    if e.type.oid == _INTERVAL and e.name == "-" and kinds[0] != _INTERVAL:
        return _difference(r, left, right, kinds)
    if e.type.oid == _TIMESTAMPTZ and r.context.time_zone != "UTC":
        moment, step = (left, right) if kinds[0] == _TIMESTAMPTZ else (right, left)
        return zoned(r, f"({zoned(r, moment)} {e.name} {step})")
    if kinds == (_DATE, _DATE):
        return f"CAST(sqlvec_days_between({left}, {right}) AS INTEGER)"
    return f"CAST({left} {e.name} {right} AS {duckdb_type(e.type)})"


def _scaled_interval(name: str, left: str, right: str, *, swapped: bool) -> str:
    interval, factor = (right, left) if swapped else (left, right)
    operation = "multiply" if name == "*" else "divide"
    return interval_of(f"sqlvec_interval_{operation}({interval_parts(interval)}, {factor})")


def _difference(r: ExpressionRenderer, left: str, right: str, kinds: tuple[int, int]) -> str:
    """Between two moments: days and time, never months."""
    sides = []
    for side, oid in zip((left, right), kinds, strict=True):
        if oid in (_DATE, _TIMESTAMP) and _TIMESTAMPTZ in kinds:
            side = zoned(r, f"CAST({side} AS TIMESTAMP)")
        sides.append(f"epoch_us({side})" if oid == _TIME else f"sqlvec_finite_us({side})")
    span = f"({sides[0]} - {sides[1]})"
    if kinds[0] == _TIME:
        return f"to_microseconds({span})"
    day = 86_400_000_000
    return f"(to_days(CAST({span} // {day} AS INTEGER)) + to_microseconds({span} % {day}))"
