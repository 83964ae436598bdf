"""Interval arithmetic of PostgreSQL; an interval is (months, days, microseconds).

Fractions of a month become days of a 30-day month, fractions of a day time. Source: timestamp.c
(interval_mul, timestamp_age, interval_justify_*).
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

from sqlvec import types
from sqlvec.errors import (
    DatetimeFieldOverflow,
    DivisionByZero,
    FeatureNotSupported,
    InvalidParameterValue,
)

Parts = list[int]
DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1)


def _toward_zero(value: float) -> int:
    return math.trunc(value)


def multiply(months: int, days: int, microseconds: int, factor: float) -> Parts:
    return _scaled(months, days, microseconds, factor, divide=False)


def divide(months: int, days: int, microseconds: int, divisor: float) -> Parts | None:
    if divisor is None:
        return None
    if divisor == 0:
        raise DivisionByZero("division by zero")
    return _scaled(months, days, microseconds, divisor, divide=True)


def _scaled(months: int, days: int, microseconds: int, factor: float, *, divide: bool) -> Parts:
    if not math.isfinite(factor):
        raise DatetimeFieldOverflow("interval out of range")

    def scale(value: int) -> float:
        return value / factor if divide else value * factor

    whole_months = _toward_zero(scale(months))
    whole_days = _toward_zero(scale(days))
    rest_days = round((scale(months) - whole_months) * 30, 6)
    seconds = round((scale(days) - whole_days + rest_days - _toward_zero(rest_days)) * 86400, 6)
    if abs(seconds) >= 86400:
        extra = _toward_zero(seconds / 86400)
        whole_days += extra
        seconds -= extra * 86400
    whole_days += _toward_zero(rest_days)
    return [whole_months, whole_days, round(scale(microseconds) + seconds * 1_000_000)]


def age(later: int, earlier: int) -> Parts:
    """Years, months, days and time from earlier to later, as people count them."""
    if later < earlier:
        return [-part for part in age(earlier, later)]
    a, b = _EPOCH + timedelta(microseconds=later), _EPOCH + timedelta(microseconds=earlier)
    months = (a.year - b.year) * 12 + a.month - b.month
    days = a.day - b.day
    microseconds = later % DAY_US - earlier % DAY_US
    if microseconds < 0:
        microseconds += DAY_US
        days -= 1
    if days < 0:  # the days of the month that the earlier date is in
        after = date(b.year + b.month // 12, b.month % 12 + 1, 1)
        days += (after - date(b.year, b.month, 1)).days
        months -= 1
    return [months, days, microseconds]


def justify(kind: str, months: int, days: int, microseconds: int) -> Parts:
    """kind: hours (24 of them are a day), days (30 of them are a month), interval (both, one sign)."""
    if kind in ("hours", "interval"):
        carried = _toward_zero(microseconds / DAY_US)
        days, microseconds = days + carried, microseconds - carried * DAY_US
    if kind in ("days", "interval"):
        carried = _toward_zero(days / 30)
        months, days = months + carried, days - carried * 30
    if kind == "interval":
        months, days = _aligned(months, days, 30, days or microseconds)
    if kind in ("hours", "interval"):
        days, microseconds = _aligned(days, microseconds, DAY_US, microseconds)
    if kind == "days":
        months, days = _aligned(months, days, 30, days)
    return [months, days, microseconds]


def _aligned(large: int, small: int, size: int, sign: int) -> tuple[int, int]:
    """Both of one sign."""
    if large > 0 and sign < 0:
        return large - 1, small + size
    if large < 0 and sign > 0:
        return large + 1, small - size
    return large, small


_MONTHS_IN = {"millennium": 12_000, "century": 1200, "decade": 120, "year": 12, "quarter": 3, "month": 1}
_MICROSECONDS_IN = {
    "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "milliseconds": 1000,
    "microseconds": 1,
}  # fmt: skip


def truncate(unit: str, months: int, days: int, microseconds: int) -> Parts:
    """date_trunc over an interval."""
    if unit in _MONTHS_IN:
        step = _MONTHS_IN[unit]
        return [_toward_zero(months / step) * step, 0, 0]
    if unit == "day":
        return [months, days, 0]
    if unit not in _MICROSECONDS_IN:
        raise FeatureNotSupported(
            f'unit "{unit}" not supported for type interval',
            detail="Months usually have fractional weeks.",
        )
    step = _MICROSECONDS_IN[unit]
    sign = -1 if microseconds < 0 else 1
    return [months, days, sign * (abs(microseconds) // step * step)]


def field(unit: str, months: int, days: int, microseconds: int) -> str:
    """extract from an interval, as numeric text."""
    if unit == "epoch":
        years, rest = _toward_zero(months / 12), months - 12 * _toward_zero(months / 12)
        day_count = years * 365.25 + rest * 30 + days
        return _micros(round(day_count * DAY_US) + microseconds, 6)
    years = _toward_zero(months / 12)
    whole = {
        "millennium": _toward_zero(years / 1000), "century": _toward_zero(years / 100),
        "decade": _toward_zero(years / 10), "year": years, "month": months - 12 * years,
        "quarter": _toward_zero((months - 12 * years) / 3) + 1, "day": days,
        "hour": _toward_zero(microseconds / 3_600_000_000),
        "minute": int(math.fmod(_toward_zero(microseconds / 60_000_000), 60)),
    }  # fmt: skip
    if unit in whole:
        return str(whole[unit])
    rest = int(math.fmod(microseconds, 60_000_000))
    if unit in ("second", "milliseconds", "microseconds"):
        return _micros(rest, {"second": 6, "milliseconds": 3, "microseconds": 0}[unit])
    raise InvalidParameterValue(f'unit "{unit}" not recognized for type interval')


def _micros(value: int, scale: int) -> str:
    """value / 10^scale with `scale` decimals."""
    if scale == 0:
        return str(value)
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**scale)
    return f"{sign}{whole}.{rest:0{scale}d}"


def text(months: int, days: int, microseconds: int) -> str:
    return types.INTERVAL.definition.render((months, days, microseconds))


def parse(value: str, typmod: int) -> Parts:
    return list(types.INTERVAL.definition.parse(value, typmod))


def fit(months: int, days: int, microseconds: int, typmod: int) -> Parts:
    return list(types.INTERVAL.definition.apply_typmod((months, days, microseconds), typmod))
