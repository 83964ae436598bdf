"""Ordered-set and hypothetical-set aggregates: name(...) WITHIN GROUP (ORDER BY ...).

    percentile_disc, percentile_cont    of the sorted list of values, one place or one for each of an array
    mode                                the most frequent value, the first in order among equals
    rank, dense_rank, percent_rank, cume_dist    how many rows come before the hypothetical one
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported, NumericValueOutOfRange
from sqlvec.sql import bound
from sqlvec.sql.render_numeric import numeric_form
from sqlvec.sql.render_types import Rendered, duckdb_type, is_numeric

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer


def ordered_set(r: ExpressionRenderer, e: bound.Aggregate) -> str:
    if e.name in ("percentile_cont", "percentile_disc"):
        return _percentile(r, e)
    if e.name == "mode":
        return _mode(r, e)
    return _hypothetical(r, e)


def _filtered(r: ExpressionRenderer, e: bound.Aggregate, *conditions: str) -> str:
    tests = list(conditions)
    if e.filter is not None:
        tests.append(r.render(e.filter))
    return f" FILTER (WHERE {' AND '.join(tests)})" if tests else ""


# ---------------------------------------------------------------- percentiles


def _percentile(r: ExpressionRenderer, e: bound.Aggregate) -> str:
    key = e.order_by[0]
    many = types.element_of(e.args[0].type) is not None
    value, order = r.render(key.expression), r.comparable(key.expression)
    if e.name == "percentile_cont":
        wanted = key.expression.type if key.expression.type.oid == types.INTERVAL.oid else types.FLOAT8
        value = order = f"CAST({value} AS {duckdb_type(wanted)})"
    _check_fractions(r, e.args[0])
    kept = _filtered(r, e, f"{value} IS NOT NULL")
    direction = " DESC" if key.descending else " ASC"
    values = f"list({value} ORDER BY {order}{direction}){kept}"
    items, fraction = r.fresh(), r.fresh()
    place = _continuous if e.name == "percentile_cont" else _discrete
    found = place(r, e, items, f"sqlvec_fraction({fraction})")
    if many:
        found = f"list_transform({r.render(e.args[0])}, lambda {fraction}: {found})"
        found = f"CASE WHEN {items} IS NOT NULL THEN {found} END"
    else:
        found = f"list_transform([{r.render(e.args[0])}], lambda {fraction}: {found})[1]"
    return f"CAST(list_transform([{values}], lambda {items}: {found})[1] AS {duckdb_type(e.type)})"


def _discrete(r: ExpressionRenderer, e: bound.Aggregate, items: str, fraction: str) -> str:
    place = f"CAST(ceil({fraction} * len({items})) AS BIGINT)"
    return f"{items}[CASE WHEN {place} = 0 THEN 1 ELSE {place} END]"


def _continuous(r: ExpressionRenderer, e: bound.Aggregate, items: str, fraction: str) -> str:
    """Between the two values at either side of the place."""
    place = f"({fraction} * (len({items}) - 1))"
    low = f"{items}[CAST(floor({place}) AS BIGINT) + 1]"
    high = f"{items}[CAST(ceil({place}) AS BIGINT) + 1]"
    element = types.element_of(e.type) or e.type
    between = Rendered(element, low)
    share = Rendered(types.FLOAT8, f"({place} - floor({place}))")
    step = bound.FunctionCall(element, "-", (Rendered(element, high), between), True)
    part = bound.FunctionCall(element, "*", (step, share), True)
    whole = r.render(bound.FunctionCall(element, "+", (between, part), True))
    return f"CASE WHEN {place} = floor({place}) THEN {low} ELSE {whole} END"


def _check_fractions(r: ExpressionRenderer, fractions: bound.Expression) -> None:
    known = r.constant_value(fractions)
    if isinstance(known, float) and not 0 <= known <= 1:
        raise NumericValueOutOfRange(f"percentile value {known:g} is not between 0 and 1")


def _mode(r: ExpressionRenderer, e: bound.Aggregate) -> str:
    key = e.order_by[0]
    if is_numeric(key.expression.type) and numeric_form(r, key.expression) is None:
        raise FeatureNotSupported("mode over numeric without scale is not supported here")
    pick = "max" if key.descending else "min"
    counts = f"histogram({r.comparable(key.expression)}){_filtered(r, e)}"
    return f"CAST(list_{pick}(sqlvec_most_frequent({counts})) AS {duckdb_type(e.type)})"


# ---------------------------------------------------------------- hypothetical rows


def _hypothetical(r: ExpressionRenderer, e: bound.Aggregate) -> str:
    pairs = [r.comparables((k.expression, arg)) for k, arg in zip(e.order_by, e.args, strict=True)]
    before = _before(pairs, e.order_by)
    count = f"count(*){_filtered(r, e)}"
    if e.name == "dense_rank":
        keys = ", ".join(own for own, _ in pairs)
        return f"(count(DISTINCT row({keys})){_filtered(r, e, before)} + 1)"
    earlier = f"count(*){_filtered(r, e, before)}"
    if e.name == "rank":
        return f"({earlier} + 1)"
    if e.name == "percent_rank":
        return f"coalesce(CAST({earlier} AS DOUBLE) / nullif({count}, 0), 0)"
    peers = " AND ".join(f"{own} IS NOT DISTINCT FROM {given}" for own, given in pairs)
    not_later = f"count(*){_filtered(r, e, f'({before} OR ({peers}))')}"
    return f"(CAST({not_later} + 1 AS DOUBLE) / ({count} + 1))"


def _before(pairs: Sequence[Sequence[str]], keys: Sequence[bound.SortKey]) -> str:
    """Whether a row comes before the hypothetical one: earlier in one key, equal in those before it."""
    cases, equal = [], ""
    for (own, given), key in zip(pairs, keys, strict=True):
        sign = ">" if key.descending else "<"
        nulls = "IS NULL AND {} IS NOT NULL" if key.nulls_first else "IS NOT NULL AND {} IS NULL"
        earlier = f"coalesce({own} {sign} {given}, false) OR ({own} {nulls.format(given)})"
        cases.append(f"({equal}({earlier}))")
        equal += f"{own} IS NOT DISTINCT FROM {given} AND "
    return f"({' OR '.join(cases)})"
