"""Functions of dates, times and intervals.

DuckDB runs with UTC as its zone; what depends on the session's zone is converted there and back, named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported, InvalidParameterValue
from sqlvec.sql import bound
from sqlvec.sql.render_cast import interval_of, interval_parts, moment_of, zoned
from sqlvec.sql.render_numeric import as_text, numeric_form
from sqlvec.sql.render_types import duckdb_type, is_numeric, quoted

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_DATE, _TIME, _INTERVAL = types.DATE.oid, types.TIME.oid, types.INTERVAL.oid
_TIMESTAMP, _TIMESTAMPTZ = types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid
_TRUNCATED = frozenset(
    [
        "microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month",
        "quarter", "year", "decade", "century", "millennium",
    ]
)  # fmt: skip
_UNITS = {
    "microsecond": "microseconds", "millisecond": "milliseconds", "seconds": "second", "sec": "second",
    "minutes": "minute", "min": "minute", "hours": "hour", "days": "day", "weeks": "week",
    "months": "month", "mon": "month", "quarters": "quarter", "years": "year", "decades": "decade",
    "centuries": "century", "millennia": "millennium",
}  # fmt: skip
_FIELDS = {
    "year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute", "dow": "dow",
    "isodow": "isodow", "doy": "doy", "week": "week", "isoyear": "isoyear", "quarter": "quarter",
    "decade": "decade", "century": "century", "millennium": "millennium", "microseconds": "microseconds",
}  # fmt: skip
_UNBOUNDED = frozenset(
    ["year", "isoyear", "decade", "century", "millennium", "julian", "epoch"]
)  # of infinite moments they are infinite, other fields NULL
_OF_ZONE = frozenset(["timezone", "timezone_hour", "timezone_minute"])
_OF_TIME = frozenset(["hour", "minute", "second", "milliseconds", "microseconds", "epoch"])
_ALL_FIELDS = frozenset([*_FIELDS, "second", "milliseconds", "julian", "epoch"]) | _OF_ZONE
_SHOWN = {
    _TIMESTAMP: "timestamp without time zone", _TIMESTAMPTZ: "timestamp with time zone",
    _DATE: "date", _TIME: "time without time zone", _INTERVAL: "interval",
}  # fmt: skip


def moment_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """A function of dates and times; None when the name is none."""
    handler = _HANDLERS.get(e.name)
    return handler(r, e) if handler else None


def _unit(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    value = r.constant_value(e.args[0])
    assert isinstance(value, str), e
    lowered = value.lower()
    return _UNITS.get(lowered, lowered)


def _is_known(r: ExpressionRenderer, e: bound.FunctionCall) -> bool:
    return isinstance(r.constant_value(e.args[0]), str)


def _by_unit(
    r: ExpressionRenderer, e: bound.FunctionCall, units: Iterable[str], render: Callable[..., str]
) -> str:
    """A function whose field differs from row to row: a branch for each that its argument has."""
    field, oid = r.render(e.args[0]), e.args[1].type.oid
    branches = []
    for unit in sorted(units):
        words = [unit, *(alias for alias, meant in _UNITS.items() if meant == unit)]
        args = (bound.Const(types.TEXT, unit), *e.args[1:])
        text = render(r, bound.FunctionCall(e.type, e.name, args))
        branches.append(f"WHEN lower({field}) IN ({', '.join(map(quoted, words))}) THEN {text}")
    other = ", ".join(map(quoted, sorted(_ALL_FIELDS - set(units)))) or "NULL"
    wrong = f"sqlvec_unknown_unit({field}, {oid}, coalesce(lower({field}) NOT IN ({other}), true))"
    sql = duckdb_type(e.type)
    return f"CASE {' '.join(branches)} WHEN {field} IS NOT NULL THEN CAST({wrong} AS {sql}) END"


def _date_trunc(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    oid = e.args[1].type.oid
    if not _is_known(r, e):
        units = _TRUNCATED - {"week"} if oid == _INTERVAL else _TRUNCATED
        return _by_unit(r, e, units, _date_trunc)
    unit, value = _unit(r, e), r.render(e.args[1])
    if unit not in _TRUNCATED:
        raise InvalidParameterValue(
            f'unit "{unit}" not recognized for type {_SHOWN[oid]}'
        )
    if oid == _INTERVAL:
        return interval_of(f"sqlvec_interval_trunc('{unit}', {interval_parts(value)})")
    if len(e.args) == 3:
        zone = r.render(e.args[2])
        return f"timezone({zone}, {_truncated(unit, f'timezone({zone}, {value})')})"
    if oid == _TIMESTAMPTZ:
        return zoned(r, _truncated(unit, zoned(r, value)))
    return _truncated(unit, value)


def _truncated(unit: str, value: str) -> str:
    """A century begins with its year 1, not, as in DuckDB, with the year 100."""
    years = {"century": 100, "millennium": 1000}.get(unit)
    if years is None:
        return f"CAST(date_trunc('{unit}', {value}) AS TIMESTAMP)"
    first = f"(date_part('year', {value}) - 1) // {years} * {years} + 1"
    return f"make_timestamp({first}, 1, 1, 0, 0, 0.0)"


# ---------------------------------------------------------------- extract


def _extract(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    form = numeric_form(r, e)
    if form is None:
        return _by_unit(r, e, _fields_of(e.args[1].type.oid), as_text)
    return f"CAST({_field(r, e)} AS {form.sql})"


def _date_part(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    oid = e.args[1].type.oid
    if not _is_known(r, e):
        return _by_unit(r, e, _fields_of(oid), _date_part)
    part = f"CAST({_field(r, e)} AS DOUBLE)"
    if oid not in (_DATE, _TIMESTAMP, _TIMESTAMPTZ) or _unit(r, e) not in _UNBOUNDED:
        return part
    value = r.render(e.args[1])
    ends = f"CASE WHEN {value} > '2000-01-01' THEN 'Infinity' ELSE '-Infinity' END"
    return f"CASE WHEN isinf({value}) THEN CAST({ends} AS DOUBLE) ELSE {part} END"


def _fields_of(oid: int) -> frozenset[str]:
    """The fields that a type has."""
    if oid == _TIME:
        return _OF_TIME
    if oid == _INTERVAL:
        return (_OF_TIME | _TRUNCATED) - {"week"}
    if oid == _DATE:
        return _ALL_FIELDS - (_OF_TIME - {"epoch"}) - _OF_ZONE
    return _ALL_FIELDS if oid == _TIMESTAMPTZ else _ALL_FIELDS - _OF_ZONE


def _field(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """The field's value, exact: seconds come from microseconds."""
    unit, value = _unit(r, e), r.render(e.args[1])
    oid = e.args[1].type.oid
    if oid == _INTERVAL:
        return f"sqlvec_interval_field('{unit}', {interval_parts(value)})"
    if (oid == _DATE and unit in _OF_TIME - {"epoch"}) or (oid == _TIME and unit not in _OF_TIME):
        raise FeatureNotSupported(f'unit "{unit}" not supported for type {_SHOWN[oid]}')
    if unit == "epoch":
        return f"(CAST(epoch_us({value}) AS DECIMAL(19,0)) * 0.000001)"
    if unit.startswith("timezone"):
        return _zone_field(r, unit, value, oid)
    if oid == _TIMESTAMPTZ:
        value = zoned(r, value)
    if unit in ("second", "milliseconds"):
        factor = "0.000001" if unit == "second" else "0.001"
        return f"(CAST(date_part('microseconds', {value}) AS DECIMAL(18,0)) * {factor})"
    if unit == "julian":
        day = f"(CAST({value} AS DATE) - DATE '1970-01-01' + 2440588)"
        return day if oid == _DATE else f"({day} + epoch_us(CAST({value} AS TIME)) / 86400000000.0)"
    if unit not in _FIELDS:
        raise InvalidParameterValue(f'unit "{unit}" not recognized for type {_SHOWN[oid]}')
    return f"date_part('{_FIELDS[unit]}', {value})"


def _zone_field(r: ExpressionRenderer, unit: str, value: str, oid: int) -> str:
    if oid != _TIMESTAMPTZ:
        raise FeatureNotSupported(f'unit "{unit}" not supported for type {_SHOWN[oid]}')
    offset = f"((epoch_us({zoned(r, value)}) - epoch_us({value})) // 1000000)"
    if unit == "timezone_hour":
        return f"({offset} // 3600)"
    return f"({offset} // 60 % 60)" if unit == "timezone_minute" else offset


# ---------------------------------------------------------------- text


def _to_char(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    value, pattern = e.args
    rendered, shown = r.render(value), r.render(pattern)
    oid = value.type.oid
    if is_numeric(value.type):
        return f"sqlvec_number_to_char({as_text(r, value)}, {shown})"
    if oid == _INTERVAL:
        return f"sqlvec_interval_to_char({interval_parts(rendered)}, {shown})"
    if oid not in (_DATE, _TIMESTAMP, _TIMESTAMPTZ):
        return f"sqlvec_number_to_char(CAST({rendered} AS VARCHAR), {shown})"
    zone = r.context.time_zone if oid == _TIMESTAMPTZ else ""
    return f"sqlvec_to_char(epoch_us({rendered}), {shown}, {quoted(zone)})"


def _to_date(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    args = ", ".join(r.all(e.args))
    return moment_of(f"(sqlvec_to_timestamp({args}) // 86400000000)", _DATE)


def _to_timestamp(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    args = r.all(e.args)
    if len(args) == 1:
        return f"make_timestamptz(CAST(round_even({args[0]} * 1000000, 0) AS BIGINT))"
    local = moment_of(f"sqlvec_to_timestamp({', '.join(args)})", _TIMESTAMP)
    return zoned(r, local)


def _to_number(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    return f"sqlvec_to_number({', '.join(r.all(e.args))})"


# ---------------------------------------------------------------- making and changing


def _age(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    if e.args[0].type.oid == types.XID.oid:  # numbers of transactions do not run out here
        return f"CASE WHEN {r.render(e.args[0])} IS NOT NULL THEN 0 END"
    args = []
    for arg in e.args:
        value = r.render(arg)
        args.append(zoned(r, value) if arg.type.oid == _TIMESTAMPTZ else value)
    if len(args) == 1:
        today = r.render(bound.FunctionCall(types.DATE, "current_date", ()))
        args.insert(0, f"CAST({today} AS TIMESTAMP)")
    return interval_of(f"sqlvec_age(epoch_us({args[0]}), epoch_us({args[1]}))")


def _make_date(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    return moment_of(f"sqlvec_make_date({', '.join(r.all(e.args))})", _DATE)


def _make_interval(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """Years, months, weeks, days, hours, minutes, seconds."""
    years, months, weeks, days, hours, minutes, seconds = [*r.all(e.args), *["0"] * 7][:7]
    return (
        f"(to_months(CAST({years} * 12 + {months} AS INTEGER)) "
        f"+ to_days(CAST({weeks} * 7 + {days} AS INTEGER)) + to_microseconds(CAST("
        f"({hours} * 3600 + {minutes} * 60 + CAST({seconds} AS DECIMAL(18,6))) * 1000000 AS BIGINT)))"
    )


def _justify(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    parts = interval_parts(r.render(e.args[0]))
    return interval_of(f"sqlvec_interval_justify('{e.name[8:]}', {parts})")


def _timezone(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    zone, value = r.all(e.args)
    if e.args[0].type.oid == _INTERVAL:
        return _shifted_by(zone, value, e)
    return f"timezone({zone}, {value})"


def _shifted_by(offset: str, value: str, e: bound.FunctionCall) -> str:
    """At a zone that is so far east of UTC."""
    if e.args[1].type.oid == _TIMESTAMP:
        return f"timezone('UTC', {value} - {offset})"
    return f"(timezone('UTC', {value}) + {offset})"


def _isfinite(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    if e.args[0].type.oid == _INTERVAL:
        return f"({r.render(e.args[0])} IS NOT NULL OR NULL)"
    return f"isfinite({r.render(e.args[0])})"


def _clock(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    now = r.render(bound.FunctionCall(types.TIMESTAMPTZ, "clock_timestamp", ()))
    return f"sqlvec_to_char(epoch_us({now}), 'Dy Mon DD HH24:MI:SS.US YYYY TZ', {quoted(r.context.time_zone)})"


_HANDLERS = {
    "date_trunc": _date_trunc, "extract": _extract, "date_part": _date_part, "to_char": _to_char,
    "to_date": _to_date, "to_timestamp": _to_timestamp, "to_number": _to_number, "age": _age,
    "make_date": _make_date, "make_interval": _make_interval, "justify_days": _justify,
    "justify_hours": _justify, "justify_interval": _justify, "timezone": _timezone,
    "isfinite": _isfinite, "timeofday": _clock,
}  # fmt: skip
