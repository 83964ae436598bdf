"""Making, binning and comparing moments, for the relational engine to call.

Moments are microseconds since 1970-01-01, as BIGINT; infinite ones are the ends of that type.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlvec import types
from sqlvec.errors import (
    DatetimeFieldOverflow,
    FeatureNotSupported,
    InvalidParameterValue,
)
from sqlvec.exec.relational_formats import make_date
from sqlvec.exec.relational_intervals import DAY_US
from sqlvec.types.time_zone import local_offset, zone_named

_Row = tuple[str, Callable[..., object], list[str], str]
_INFINITE = (2**63 - 1, -(2**63) + 1, -(2**63))
_SHOWN = {
    types.TIMESTAMP.oid: "timestamp without time zone", types.TIMESTAMPTZ.oid: "timestamp with time zone",
    types.DATE.oid: "date", types.TIME.oid: "time without time zone", types.INTERVAL.oid: "interval",
    types.TIMETZ.oid: "time with time zone",
}  # fmt: skip


def make_time(hour: int, minute: int, second: float) -> int:
    """24:00 and a second of 60 are allowed, as in tm_overflow checks (float_time_overflows)."""
    micros = round(second * 1_000_000) if math.isfinite(second) else -1
    total = (hour * 60 + minute) * 60_000_000 + micros
    if not (0 <= hour <= 24 and 0 <= minute < 60 and 0 <= micros <= 60_000_000 and total <= DAY_US):
        raise DatetimeFieldOverflow(f"time field value out of range: {hour}:{minute:02d}:{second:02g}")
    return total


def make_timestamp(year: int, month: int, day: int, hour: int, minute: int, second: float) -> int:
    return make_date(year, month, day) * DAY_US + make_time(hour, minute, second)


def make_timestamptz(
    year: int, month: int, day: int, hour: int, minute: int, second: float, zone: str
) -> int:
    local = make_timestamp(year, month, day, hour, minute, second)
    found = zone_named(zone)
    if found is None:
        raise InvalidParameterValue(f'time zone "{zone}" not recognized')
    return local - local_offset(found, local) * 1_000_000


def bin_moment(months: int, days: int, microseconds: int, moment: int, origin: int) -> int:
    """The start of the bin of that width that holds the moment; bins begin at the origin."""
    if moment in _INFINITE:
        return moment
    if origin in _INFINITE:
        raise DatetimeFieldOverflow("origin out of range")
    if months:
        raise FeatureNotSupported(
            "timestamps cannot be binned into intervals containing months or years"
        )
    stride = days * DAY_US + microseconds
    if stride <= 0:
        raise DatetimeFieldOverflow("stride must be greater than zero")
    return origin + (moment - origin) // stride * stride


def overlap(start: int | None, end: int | None, other_start: int | None, other_end: int | None) -> bool | None:
    """OVERLAPS (overlaps_timestamp in timestamp.c): a missing end is not known, not open."""
    first, second = _ordered(start, end), _ordered(other_start, other_end)
    if first is None or second is None:
        return None
    (start, end), (other_start, other_end) = first, second
    assert start is not None and other_start is not None
    if start == other_start:
        return None if end is None or other_end is None else True
    if start < other_start:
        start, end, other_start, other_end = other_start, other_end, start, end
    if other_end is None:
        return None
    if start < other_end:
        return True
    return None if end is None else False


def _ordered(start: int | None, end: int | None) -> tuple[int | None, int | None] | None:
    if start is None:
        return None if end is None else (end, None)
    if end is not None and start > end:
        return end, start
    return start, end


def unknown_unit(unit: str, oid: int, supported: bool) -> str:
    """Never a value: what is wrong with the unit of a type."""
    shown = _SHOWN[oid]
    if supported:
        raise InvalidParameterValue(f'unit "{unit.lower()}" not recognized for type {shown}')
    raise FeatureNotSupported(f'unit "{unit.lower()}" not supported for type {shown}')


_LONG, _DOUBLE, _TEXT = "BIGINT", "DOUBLE", "VARCHAR"
_FIELDS = [_LONG] * 5
FUNCTIONS: list[_Row] = [
    ("make_time", make_time, [_LONG, _LONG, _DOUBLE], _LONG),
    ("make_timestamp", make_timestamp, [*_FIELDS, _DOUBLE], _LONG),
    ("make_timestamptz", make_timestamptz, [*_FIELDS, _DOUBLE, _TEXT], _LONG),
    ("bin_moment", bin_moment, [_LONG] * 5, _LONG),
    ("overlap", overlap, [_LONG] * 4, "BOOLEAN"),
    ("unknown_unit", unknown_unit, [_TEXT, _LONG, "BOOLEAN"], _TEXT),
]
TAKES_NULL = frozenset(["overlap"])
