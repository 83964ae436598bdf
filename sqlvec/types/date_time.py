"""date, time, timetz, timestamp, timestamptz.

Datums: date int days since 1970-01-01; time int microseconds; timetz (microseconds, zone seconds west);
timestamp and timestamptz int microseconds since 1970-01-01 UTC. Infinities are the ends of the range.
Binary counts from 2000-01-01. Text is ISO style; timestamptz is shown in UTC unless a zone is set.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from sqlvec.errors import DatetimeFieldOverflow, InvalidDatetimeFormat
from sqlvec.types.sql_type import TypeDefinition

EPOCH_DAYS = 10_957  # 2000-01-01
EPOCH_US = EPOCH_DAYS * 86_400_000_000
DAY_US = 86_400_000_000
DATE_INFINITY, DATE_MINUS_INFINITY = 2**31 - 1, -(2**31)
INFINITY, MINUS_INFINITY = 2**63 - 1, -(2**63)
_UNIX = date(1970, 1, 1)
_UNIX_ORDINAL = _UNIX.toordinal()
_MONTHS = {m: i + 1 for i, m in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())}
_DATE_FORMS = (
    re.compile(r"(?P<y>\d{4,6})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?=\b|T)", re.ASCII),
    re.compile(r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})\b", re.ASCII),
    re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})\b", re.ASCII),
    re.compile(r"(?P<d>\d{1,2})[ -](?P<mon>[a-z]{3,9})[ -](?P<y>\d{4})\b", re.ASCII | re.I),
    re.compile(r"(?P<mon>[a-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})\b", re.ASCII | re.I),
)
_TIME = re.compile(
    r"(?P<h>\d{1,2}):(?P<mi>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d+))?)?\s*(?P<ap>am|pm)?", re.ASCII | re.I
)
_ZONE = re.compile(r"(?P<sign>[+-])(?P<h>\d{1,2})(?::?(?P<m>\d\d))?(?::?(?P<s>\d\d))?\Z", re.ASCII)


class _Text:
    """Reads a date, a time and a zone out of one string."""

    def __init__(self, text: str, fail: Callable[[], Exception], name: str) -> None:
        self.text = text
        self.fail = fail
        self.name = name
        self.rest = text.strip()
        self.bc = False
        if self.rest.lower().endswith(" bc"):
            self.bc, self.rest = True, self.rest[:-3].rstrip()

    def overflow(self) -> DatetimeFieldOverflow:
        return DatetimeFieldOverflow(f'date/time field value out of range: "{self.text}"')

    def date(self) -> int:
        for form in _DATE_FORMS:
            match = form.match(self.rest)
            if match is None:
                continue
            parts = match.groupdict()
            month = int(parts["m"]) if parts.get("m") else _MONTHS.get(parts["mon"][:3].lower(), 0)
            if month == 0 and parts.get("mon"):
                raise self.fail()
            self.rest = self.rest[match.end() :].lstrip(" tT") if match.end() else self.rest
            try:
                return date(int(parts["y"]), month, int(parts["d"])).toordinal() - _UNIX_ORDINAL
            except ValueError as error:
                raise self.overflow() from error
        raise self.fail()

    def time(self) -> int:
        match = _TIME.match(self.rest)
        if match is None:
            if self.rest:
                raise self.fail()
            return 0
        self.rest = self.rest[match.end() :].strip()
        hour, minute, second = int(match["h"]), int(match["mi"]), int(match["s"] or 0)
        if match["ap"]:
            if not 1 <= hour <= 12:
                raise self.overflow()
            hour = hour % 12 + (12 if match["ap"].lower() == "pm" else 0)
        micro = int(f"{match['f']:0<6.6}") if match["f"] else 0
        if match["f"] and len(match["f"]) > 6 and match["f"][6] >= "5":
            micro += 1
        whole = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
        if minute > 59 or second > 60 or whole > DAY_US:
            raise self.overflow()
        return whole

    def zone(self) -> tzinfo | None:
        """The zone that ends the text; None when there is none."""
        if not self.rest:
            return None
        if self.rest in ("Z", "z") or self.rest.upper() in ("UTC", "GMT"):
            return timezone.utc
        match = _ZONE.match(self.rest)
        if match is not None:
            seconds = int(match["h"]) * 3600 + int(match["m"] or 0) * 60 + int(match["s"] or 0)
            return timezone(timedelta(seconds=seconds if match["sign"] == "+" else -seconds))
        return find_zone(self.rest, self.fail)


def find_zone(name: str, fail: Callable[[], Exception]) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise fail() from error


def _fraction(microseconds: int) -> str:
    return f".{microseconds:06d}".rstrip("0") if microseconds else ""


def render_date(days: int) -> str:
    if days == DATE_INFINITY:
        return "infinity"
    if days == DATE_MINUS_INFINITY:
        return "-infinity"
    ordinal = days + _UNIX_ORDINAL
    if 1 <= ordinal <= date.max.toordinal():
        return date.fromordinal(ordinal).isoformat()
    cycles, inner = divmod(ordinal - 1, 146_097)  # 400 years
    day = date.fromordinal(inner + 1)
    year = day.year + 400 * cycles
    if year > 0:
        return f"{year:04d}-{day:%m-%d}"
    return f"{1 - year:04d}-{day:%m-%d} BC"


def render_time(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{_fraction(fraction)}"


def render_timestamp(microseconds: int) -> str:
    if microseconds == INFINITY:
        return "infinity"
    if microseconds == MINUS_INFINITY:
        return "-infinity"
    days, rest = divmod(microseconds, DAY_US)
    day = render_date(days)
    if day.endswith(" BC"):
        return f"{day[:-3]} {render_time(rest)} BC"
    return f"{day} {render_time(rest)}"


class _Temporal(TypeDefinition):
    def fail(self, text: str) -> Callable[[], Exception]:
        def make() -> Exception:
            return InvalidDatetimeFormat(
                f'invalid input syntax for type {self.display_name}: "{text}"'
            )

        return make

    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"


class Date(_Temporal):
    def modifiers(self, typmod: int) -> str:
        return ""

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.date32()

    def parse(self, text: str, typmod: int = -1) -> int:
        word = text.strip().lower()
        if word in ("infinity", "+infinity"):
            return DATE_INFINITY
        if word == "-infinity":
            return DATE_MINUS_INFINITY
        if word == "epoch":
            return 0
        reader = _Text(text, self.fail(text), self.name)
        days = reader.date()
        if reader.rest:
            reader.time()
            reader.zone()
        return days

    def render(self, datum: int) -> str:
        return render_date(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 4)
        value: int = struct.unpack(">i", data)[0]
        return value if value in (DATE_INFINITY, DATE_MINUS_INFINITY) else value + EPOCH_DAYS

    def encode(self, datum: int) -> bytes:
        infinite = datum in (DATE_INFINITY, DATE_MINUS_INFINITY)
        return struct.pack(">i", datum if infinite else datum - EPOCH_DAYS)

    def to_arrow(self, datums: Sequence[int | None], typmod: int = -1) -> pa.Array:
        return pa.array(datums, pa.int32()).cast(pa.date32())

    def from_arrow(self, array: pa.Array) -> list[int | None]:
        if pa.types.is_timestamp(array.type):
            array = array.cast(pa.date32())
        return array.cast(pa.int32()).to_pylist()  # type: ignore[no-any-return]


class Time(_Temporal):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.time64("us")

    def parse(self, text: str, typmod: int = -1) -> int:
        reader = _Text(text, self.fail(text), self.name)
        if not reader.rest:
            raise reader.fail()
        value = reader.time()
        if reader.rest:
            reader.zone()
        return self.apply_typmod(value, typmod)

    def apply_typmod(self, datum: int, typmod: int, explicit: bool = False) -> int:
        return round_microseconds(datum, typmod)

    def render(self, datum: int) -> str:
        return render_time(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 8)
        value: int = struct.unpack(">q", data)[0]
        return self.apply_typmod(value, typmod)

    def encode(self, datum: int) -> bytes:
        return struct.pack(">q", datum)

    def to_arrow(self, datums: Sequence[int | None], typmod: int = -1) -> pa.Array:
        return pa.array(datums, pa.int64()).cast(pa.time64("us"))

    def from_arrow(self, array: pa.Array) -> list[int | None]:
        return array.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]


class TimeTz(_Temporal):
    """datum (microseconds, seconds west of UTC); Arrow text."""

    def parse(self, text: str, typmod: int = -1) -> tuple[int, int]:
        reader = _Text(text, self.fail(text), self.name)
        value = round_microseconds(reader.time(), typmod)
        zone = reader.zone() or timezone.utc
        offset = zone.utcoffset(datetime(2000, 1, 1)) or timedelta()
        return value, -int(offset.total_seconds())

    def render(self, datum: tuple[int, int]) -> str:
        return render_time(datum[0]) + _offset(-datum[1])

    def encode(self, datum: tuple[int, int]) -> bytes:
        return struct.pack(">qi", *datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> tuple[int, int]:
        self.require_length(data, 12)
        return struct.unpack(">qi", data)  # type: ignore[return-value]

    def to_arrow(self, datums: Sequence[Any], typmod: int = -1) -> pa.Array:
        return pa.array([None if d is None else self.render(d) for d in datums], pa.string())

    def from_arrow(self, array: pa.Array) -> list[Any]:
        return [None if v is None else self.parse(str(v)) for v in array.to_pylist()]


class Timestamp(_Temporal):
    """timestamp and, with zoned=True, timestamptz."""

    def __init__(self, oid: int, name: str, *, zoned: bool, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.zoned = zoned

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.timestamp("us", "UTC" if self.zoned else None)

    def parse(self, text: str, typmod: int = -1) -> int:
        word = text.strip().lower()
        if word in ("infinity", "+infinity"):
            return INFINITY
        if word == "-infinity":
            return MINUS_INFINITY
        if word == "epoch":
            return 0
        reader = _Text(text, self.fail(text), self.name)
        days = reader.date()
        value = days * DAY_US + reader.time()
        zone = reader.zone()
        if self.zoned and zone is not None:
            local = datetime(1970, 1, 1) + timedelta(microseconds=value)
            offset = zone.utcoffset(local) or timedelta()
            value -= int(offset.total_seconds() * 1_000_000)
        return self.apply_typmod(value, typmod)

    def apply_typmod(self, datum: int, typmod: int, explicit: bool = False) -> int:
        if datum in (INFINITY, MINUS_INFINITY):
            return datum
        return round_microseconds(datum, typmod)

    def render(self, datum: int) -> str:
        text = render_timestamp(datum)
        if not self.zoned or text.endswith("infinity"):
            return text
        return text[:-3] + "+00 BC" if text.endswith(" BC") else text + "+00"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 8)
        value: int = struct.unpack(">q", data)[0]
        if value in (INFINITY, MINUS_INFINITY):
            return value
        return self.apply_typmod(value + EPOCH_US, typmod)

    def encode(self, datum: int) -> bytes:
        infinite = datum in (INFINITY, MINUS_INFINITY)
        return struct.pack(">q", datum if infinite else datum - EPOCH_US)

    def to_arrow(self, datums: Sequence[int | None], typmod: int = -1) -> pa.Array:
        return pa.array(datums, pa.int64()).cast(self.arrow())

    def from_arrow(self, array: pa.Array) -> list[int | None]:
        if pa.types.is_date(array.type) or array.type.unit != "us":
            array = array.cast(pa.timestamp("us"))
        return array.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]


def round_microseconds(value: int, precision: int) -> int:
    """To `precision` digits of a second, half away from zero."""
    if not 0 <= precision < 6:
        return value
    step = 10 ** (6 - precision)
    half = step // 2
    return (value + half) // step * step if value >= 0 else -((-value + half) // step * step)


def _offset(seconds: int) -> str:
    sign = "-" if seconds < 0 else "+"
    minutes, second = divmod(abs(seconds), 60)
    text = f"{sign}{minutes // 60:02d}"
    if minutes % 60 or second:
        text += f":{minutes % 60:02d}"
    return text + (f":{second:02d}" if second else "")
