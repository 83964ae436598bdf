"""Days and microseconds to calendar fields and back, for every year that PostgreSQL knows.

Days count from 1970-01-01, microseconds from its midnight; years are astronomical (1 BC is 0). The calendar
is the proleptic Gregorian one. Infinities are the ends of the integer ranges.
Source: date2j and j2date in PostgreSQL's datetime.c; limits in datatype/timestamp.h.
"""

from __future__ import annotations

from datetime import date

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
EPOCH_DAYS = 10_957  # 2000-01-01, from which the binary forms count
EPOCH_US = EPOCH_DAYS * DAY_US
JULIAN_DAYS = 2_440_588  # 1970-01-01 as a Julian day
DATE_MIN, DATE_MAX = -JULIAN_DAYS, 2_147_483_493 - JULIAN_DAYS  # 4714-11-24 BC, 5874897-12-31
TIMESTAMP_MIN = DATE_MIN * DAY_US
TIMESTAMP_END = 9_224_318_016_000_000_000  # 294277-01-01, the first that is too late
DATE_INFINITY, DATE_MINUS_INFINITY = 2**31 - 1, -(2**31)
INFINITY, MINUS_INFINITY = 2**63 - 1, -(2**63)
_UNIX_ORDINAL = date(1970, 1, 1).toordinal()
_CYCLE_DAYS = 146_097  # 400 years
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; month is 1 to 12, day may run past the end of the month."""
    cycles, inner = divmod(year - 1, 400)
    first = date(inner + 1, month, 1).toordinal()
    return first + day - 1 + cycles * _CYCLE_DAYS - _UNIX_ORDINAL


def year_month_day(days: int) -> tuple[int, int, int]:
    """The inverse of days_of."""
    cycles, inner = divmod(days + _UNIX_ORDINAL - 1, _CYCLE_DAYS)
    day = date.fromordinal(inner + 1)
    return day.year + 400 * cycles, day.month, day.day


def month_length(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + leap


def render_date(days: int) -> str:
    """ISO form, as EncodeDateOnly."""
    if days == DATE_INFINITY:
        return "infinity"
    if days == DATE_MINUS_INFINITY:
        return "-infinity"
    year, month, day = year_month_day(days)
    if year > 0:
        return f"{year:04d}-{month:02d}-{day:02d}"
    return f"{1 - year:04d}-{month:02d}-{day:02d} BC"


def render_time(microseconds: int) -> str:
    """hh:mm:ss with as many decimals as it takes."""
    seconds, fraction = divmod(microseconds, SECOND_US)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def render_timestamp(microseconds: int, offset: str = "") -> str:
    """ISO form, as EncodeDateTime; offset ("+00") follows the time."""
    if microseconds == INFINITY:
        return "infinity"
    if microseconds == MINUS_INFINITY:
        return "-infinity"
    days, rest = divmod(microseconds, DAY_US)
    day = render_date(days)
    if day.endswith(" BC"):
        return f"{day[:-3]} {render_time(rest)}{offset} BC"
    return f"{day} {render_time(rest)}{offset}"


def render_offset(seconds: int) -> str:
    """Seconds east of UTC as +hh[:mm[:ss]]."""
    sign = "-" if seconds < 0 else "+"
    minutes, second = divmod(abs(seconds), 60)
    text = f"{sign}{minutes // 60:02d}"
    if minutes % 60 or second:
        text += f":{minutes % 60:02d}"
    return text + (f":{second:02d}" if second else "")


def round_microseconds(value: int, precision: int) -> int:
    """To `precision` digits of a second, half away from zero."""
    if not 0 <= precision < 6:
        return value
    step = 10 ** (6 - precision)
    half = step // 2
    return (value + half) // step * step if value >= 0 else -((-value + half) // step * step)
