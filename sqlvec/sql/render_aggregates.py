"""Aggregates and window functions.

Both are rendered by one table; what differs is the tail: FILTER, and OVER for a window. An aggregate made
of two (avg of exact numbers is a sum and a count) gets the tail on each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidPrecedingOrFollowingSize,
    NullValueNotAllowed,
)
from sqlvec.sql import bound
from sqlvec.sql.render_arrays import as_shaped
from sqlvec.sql.render_cast import interval_fields, interval_of
from sqlvec.sql.render_json import canonical, json_aggregate
from sqlvec.sql.render_numeric import WIDE, as_text, in_form, key_of, numeric_form
from sqlvec.sql.render_ordered_sets import ordered_set
from sqlvec.sql.render_types import (
    DENSE,
    INTEGERS,
    TEXTS,
    Rendered,
    duckdb_type,
    is_numeric,
    is_record,
    quoted,
)
from sqlvec.sql.render_vectors import list_of, vector_aggregate
from sqlvec.types.shaped_array import is_shaped

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_SAME = frozenset(
    [
        "count", "sum", "min", "max", "avg", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor",
        "corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", "regr_count", "regr_r2",
        "regr_avgx", "regr_avgy", "regr_sxx", "regr_sxy", "regr_syy", "stddev_samp", "stddev_pop",
        "var_samp", "var_pop", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist",
        "ntile", "lag", "lead", "first_value", "last_value", "nth_value",
    ]
)  # fmt: skip
_NAMES = {
    "every": "bool_and", "stddev": "stddev_samp", "variance": "var_samp", "array_agg": "list",
    "percentile_cont": "quantile_cont", "percentile_disc": "quantile_disc",
}  # fmt: skip
_DEVIATIONS = frozenset(
    ["stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop"]
)
_WINDOW_ONLY = frozenset(
    [
        "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead",
        "first_value", "last_value", "nth_value",
    ]
)  # fmt: skip

_SORTED = frozenset(["array_agg", "string_agg", "json_agg", "jsonb_agg"])  # DISTINCT is done by sorting

_MEASURED = "DECIMAL(38,15)"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call being rendered: what goes inside its brackets besides arguments, and what follows them."""

    node: bound.Aggregate | bound.WindowCall
    distinct: str
    order: str
    tail: str

    def __call__(self, name: str, *args: str) -> str:
        return f"{name}({self.distinct}{', '.join(args)}{self.order}){self.tail}"

    def plain(self, name: str, *args: str) -> str:
        """Where DISTINCT and ORDER BY make no difference or cannot stand."""
        return f"{name}({', '.join(args)}){self.tail}"


def aggregate(r: ExpressionRenderer, e: bound.Aggregate) -> str:
    """name(...) over a group."""
    with r.without_replacements():
        if e.within_group:
            return ordered_set(r, e)
        where = f" FILTER (WHERE {r.render(e.filter)})" if e.filter is not None else ""
        keys = e.order_by
        if e.distinct and not keys and e.name in _SORTED:
            keys = tuple(bound.SortKey(arg) for arg in e.args[:1])
        order = r.order_by(keys)
        return _rendered(r, _Call(e, "DISTINCT " if e.distinct else "", order, where))


def window_call(r: ExpressionRenderer, e: bound.WindowCall) -> str:
    """name(...) OVER (...)."""
    where = f" FILTER (WHERE {r.render(e.filter)})" if e.filter is not None else ""
    parts = []
    if e.window.partition_by:
        keys = [r.comparable(key) for key in e.window.partition_by]
        parts.append(f"PARTITION BY {', '.join(keys)}")
    if e.window.order_by:
        parts.append(_window_order(r, e.window))
    if e.window.frame:
        parts.append(e.window.frame.format(*_frame_offsets(r, e.window)))
    return _rendered(r, _Call(e, "", "", f"{where} OVER ({' '.join(parts)})"))


def _window_order(r: ExpressionRenderer, window: bound.Window) -> str:
    (key, *others) = window.order_by
    measured = bool(window.offsets) and window.frame.startswith("RANGE") and not others
    if measured and is_numeric(key.expression.type) and not numeric_form(r, key.expression):
        # Offsets are added to keys, so these must be numbers.
        number = Rendered(types.FLOAT8, f"CAST({r.render(key.expression)} AS {_MEASURED})")
        key = replace(key, expression=number)
    return r.order_by((key, *others)).strip()


def _frame_offsets(r: ExpressionRenderer, window: bound.Window) -> list[str]:
    starts = "{}" in window.frame.partition(" AND ")[0]
    for side, offset in zip(("starting", "ending")[not starts :], window.offsets, strict=False):
        known = r.constant(offset.arg if isinstance(offset, bound.Cast) else offset)
        if known is not None and known.value is None:
            raise NullValueNotAllowed(f"frame {side} offset must not be null")
        if known is not None and _is_negative(known.value):
            if window.frame.startswith("RANGE"):
                raise InvalidPrecedingOrFollowingSize(
                    "invalid preceding or following size in window function"
                )
            raise InvalidPrecedingOrFollowingSize(f"frame {side} offset must not be negative")
    return [f"({r.render(offset)})" for offset in window.offsets]


def _is_negative(value: object) -> bool:
    if isinstance(value, tuple):  # an interval
        months, days, microseconds = value
        return (months * 30 + days) * 86_400_000_000 + microseconds < 0
    return isinstance(value, (int, float, Decimal)) and value < 0


def _rendered(r: ExpressionRenderer, call: _Call) -> str:
    e = call.node
    if e.star:
        return call.plain("count", "*")
    if isinstance(e, bound.Aggregate) and e.name in _WINDOW_ONLY:
        raise FeatureNotSupported(f"window function {e.name} requires an OVER clause")
    joined = json_aggregate(r, e)
    if joined is not None and call.distinct:
        return _distinct_json(r, call)
    if joined is not None:
        item, separator, brackets = joined
        text = call("string_agg", item, quoted(separator))
        return canonical(e, f"({quoted(brackets[0])} || {text} || {quoted(brackets[1])})")
    if is_numeric(e.type):
        return _numeric(r, call)
    handler = _HANDLERS.get(e.name)
    if handler is not None:
        return handler(r, call)
    if e.type.oid in DENSE and e.name in ("sum", "avg"):
        return vector_aggregate(r, e, e.name, call("list", list_of(r, e.args[0])))
    if e.type.oid == types.INTERVAL.oid and e.name in ("sum", "avg"):
        return _intervals(r, call)
    return _plain(r, call)


def _distinct_json(r: ExpressionRenderer, call: _Call) -> str:
    """json_agg(DISTINCT value): values are told apart and sorted before they are JSON."""
    e, item = call.node, r.fresh()
    shown = replace(e, args=tuple(Rendered(arg.type, item) for arg in e.args[:1]))
    joined = json_aggregate(r, shown)
    if joined is None or len(e.args) > 1:
        raise FeatureNotSupported(f"{e.name}(DISTINCT ...) is not supported")
    text, separator, brackets = joined
    values = f"list_transform({call('list', r.render(e.args[0]))}, lambda {item}: {text})"
    texts = f"array_to_string({values}, {quoted(separator)})"
    return canonical(e, f"({quoted(brackets[0])} || {texts} || {quoted(brackets[1])})")


def _intervals(r: ExpressionRenderer, call: _Call) -> str:
    """sum and avg of intervals: of months, days and microseconds each."""
    value = r.render(call.node.args[0])
    sums = [f"CAST({call('sum', part)} AS BIGINT)" for part in interval_fields(value)]
    divisor = call("count", value) if call.node.name == "avg" else "1"
    return interval_of(f"sqlvec_interval_divide({', '.join(sums)}, {divisor})")


def _plain(r: ExpressionRenderer, call: _Call) -> str:
    e = call.node
    name = _NAMES.get(e.name, e.name)
    if name not in _SAME:
        raise FeatureNotSupported(f"aggregate {e.name} is not supported in this query")
    text = call(name, *r.all(e.args))
    same = e.type.oid in TEXTS or e.type.oid == types.BOOL.oid or is_record(e.type)
    return text if same else f"CAST({text} AS {duckdb_type(e.type)})"


# ---------------------------------------------------------------- by name


def _count(r: ExpressionRenderer, call: _Call) -> str:
    arg = call.node.args[0]
    if isinstance(arg, bound.RowRef) and not call.distinct:
        return call.plain("count", f"CASE WHEN NOT {r.row_is_null(arg)} THEN 1 END")
    return call("count", r.comparable(arg))


def _fitted(r: ExpressionRenderer, call: _Call) -> str:
    """corr and regr_slope: NULL where x does not vary, or for corr y, as no line is the best then (float.c)."""
    args = r.all(call.node.args)
    sums = ("regr_sxx", "regr_syy") if call.node.name == "corr" else ("regr_sxx",)
    flat = " OR ".join(f"{call(name, *args)} = 0" for name in sums)
    return f"CASE WHEN {flat} THEN NULL ELSE {_plain(r, call)} END"


def _extreme(r: ExpressionRenderer, call: _Call) -> str:
    arg = call.node.args[0]
    if arg.type.oid != types.BPCHAR.oid:
        return _plain(r, call)
    return call.plain(f"arg_{call.node.name}", r.render(arg), r.comparable(arg))


def _array_agg(r: ExpressionRenderer, call: _Call) -> str:
    e = call.node
    if is_shaped(e.type):
        return f"sqlvec_shaped_aggregate({call('list', as_shaped(r, e.args[0]))})"
    return f"CAST({call('list', r.output(e.args[0]))} AS {duckdb_type(e.type)})"


def _range_agg(r: ExpressionRenderer, call: _Call) -> str:
    e = call.node
    ranges, oid = call.plain("list", r.render(e.args[0])), e.args[0].type.oid
    if e.name == "range_agg":
        return f"sqlvec_range_aggregate({ranges}, {oid}, {e.type.oid})"
    return f"sqlvec_range_intersect_aggregate({ranges}, {oid})"


def _string_agg(r: ExpressionRenderer, call: _Call) -> str:
    """Of each value the delimiter before it; DISTINCT looks at both."""
    e = call.node
    separator = r.constant(e.args[1])
    value = r.render(e.args[0])
    bytes_ = e.type.oid == types.BYTEA.oid
    if separator is not None and not bytes_:
        return call("string_agg", value, quoted(separator.value or ""))
    pair = f"CASE WHEN {value} IS NOT NULL THEN [{value}, {r.render(e.args[1])}] END"
    pairs = call("list", pair)
    if call.distinct:
        descending = isinstance(e, bound.Aggregate) and e.order_by and e.order_by[0].descending
        sort = "list_reverse_sort" if descending else "list_sort"
        pairs = f"{sort}(list(DISTINCT {pair}){call.tail})"
    return f"sqlvec_join{'_byte' if bytes_ else ''}_pairs({pairs})"


def _counted(r: ExpressionRenderer, call: _Call) -> str:
    """ntile and nth_value: a number that must be positive comes last."""
    e = call.node
    check = "sqlvec_bucket_count" if e.name == "ntile" else "sqlvec_nth"
    *first, number = r.all(e.args)
    text = call.plain(e.name, *first, f"{check}({number})")
    return f"CAST({text} AS {duckdb_type(e.type)})"


def _shifted(r: ExpressionRenderer, call: _Call) -> str:
    """lag and lead: the default has the value's type."""
    e = call.node
    args = [r.render(e.args[0])]
    args += [f"CAST({r.render(arg)} AS BIGINT)" for arg in e.args[1:2]]
    args += [r.output(arg, e.type) for arg in e.args[2:]]
    return f"CAST({call.plain(e.name, *args)} AS {duckdb_type(e.type)})"


_HANDLERS: dict[str, Callable[[ExpressionRenderer, _Call], str]] = {
    "count": _count, "min": _extreme, "max": _extreme, "array_agg": _array_agg,
    "range_agg": _range_agg, "range_intersect_agg": _range_agg, "string_agg": _string_agg, "lag": _shifted, "lead": _shifted,
    "ntile": _counted, "nth_value": _counted, "corr": _fitted, "regr_slope": _fitted,
}  # fmt: skip


# ---------------------------------------------------------------- numeric


def _numeric(r: ExpressionRenderer, call: _Call) -> str:
    """Aggregates whose result is numeric: exact, with PostgreSQL's scale."""
    e = call.node
    arg = e.args[0]
    if e.name == "avg":
        return _mean(r, call, arg)
    if e.name in _DEVIATIONS:
        return _deviation(r, call, arg)
    form = numeric_form(r, e)
    if e.name == "sum" and arg.type.oid in INTEGERS:
        return f"CAST({call('sum', r.render(arg))} AS DECIMAL({WIDE},0))"
    if e.name == "sum" and form is None:
        return _over_list(r, call, arg, "sum")
    if e.name == "sum":
        return call("sum", r.render(arg))
    if e.name in ("min", "max") and form is None:
        text = r.render(arg)
        return call.plain(f"arg_{e.name}", text, key_of(text))
    if e.name in ("lag", "lead"):
        args = [in_form(r, arg, form)]
        args += [f"CAST({r.render(offset)} AS BIGINT)" for offset in e.args[1:2]]
        return call.plain(e.name, *args, *(in_form(r, default, form) for default in e.args[2:]))
    if e.name == "nth_value":
        return call.plain(e.name, r.render(arg), f"sqlvec_nth({r.render(e.args[1])})")
    if e.name in ("min", "max", "first_value", "last_value"):
        return call.plain(e.name, *r.all(e.args))
    raise FeatureNotSupported(f"aggregate {e.name} is not supported in this query")


def _over_list(r: ExpressionRenderer, call: _Call, arg: bound.Expression, name: str) -> str:
    operation = f"{name}_distinct" if call.distinct else name
    return f"sqlvec_numeric_aggregate('{operation}', {call.plain('list', as_text(r, arg))})"


def _mean(r: ExpressionRenderer, call: _Call, arg: bound.Expression) -> str:
    if is_numeric(arg.type) and numeric_form(r, arg) is None:
        return _over_list(r, call, arg, "avg")
    value = r.render(arg)
    return f"sqlvec_numeric_mean(CAST({call('sum', value)} AS VARCHAR), {call('count', value)})"


def _deviation(r: ExpressionRenderer, call: _Call, arg: bound.Expression) -> str:
    if arg.type.oid in INTEGERS:
        arg = bound.Cast(types.NUMERIC, arg)
    form = numeric_form(r, arg)
    if form is None or 2 * form.precision > WIDE:
        return _over_list(r, call, arg, call.node.name)
    value = r.render(arg)
    total = f"CAST({call('sum', value)} AS VARCHAR)"
    squares = f"CAST({call('sum', f'({value} * {value})')} AS VARCHAR)"
    count = call("count", value)
    return f"sqlvec_numeric_deviation('{call.node.name}', {count}, {total}, {squares})"
