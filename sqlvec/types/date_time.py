"""date, time, timetz, timestamp, timestamptz.

Datums: date int days since 1970-01-01; time int microseconds; timetz (microseconds, zone seconds west);
timestamp and timestamptz int microseconds since 1970-01-01 UTC. Infinities are the ends of the range.
Binary counts from 2000-01-01. Text is ISO style; timestamptz is read and shown in UTC unless a zone is given.
Source: date.c and timestamp.c.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any

import pyarrow as pa

from sqlvec.errors import DatetimeFieldOverflow
from sqlvec.types.calendar import (
    DATE_INFINITY,
    DATE_MAX,
    DATE_MIN,
    DATE_MINUS_INFINITY,
    DAY_US,
    EPOCH_DAYS,
    EPOCH_US,
    INFINITY,
    MINUS_INFINITY,
    SECOND_US,
    TIMESTAMP_END,
    TIMESTAMP_MIN,
    days_of,
    month_length,
    render_date,
    render_offset,
    render_time,
    render_timestamp,
    round_microseconds,
)
from sqlvec.types.date_time_input import Reader
from sqlvec.types.sql_type import TypeDefinition
from sqlvec.types.time_zone import local_offset, utc_offset, zone_named

Now = Callable[[], int]  # the statement's time: microseconds since 1970-01-01 UTC
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.ASCII,
)


def find_zone(name: str, fail: Callable[[], Exception]) -> tzinfo:
    """The zone of that name, or what fail() makes is raised."""
    zone = zone_named(name)
    if zone is None:
        raise fail()
    return zone


def _read_iso(text: str) -> tuple[int, int, int | None] | None:
    """(days, microseconds, seconds east) of the plain ISO form; None: read it the long way."""
    match = _ISO.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    y, m, d = int(year), int(month), int(day)
    if not y or not 1 <= m <= 12 or not 1 <= d <= month_length(y, m):
        return None
    days = days_of(y, m, d)
    if hour is None:
        return days, 0, None
    h, mi, s = int(hour), int(minute), int(second)
    if h > 23 or mi > 59 or s > 59:
        return None
    micro = int(fraction.ljust(6, "0")) if fraction else 0
    time = ((h * 60 + mi) * 60 + s) * SECOND_US + micro
    if zone is None or zone == "Z":
        return days, time, None if zone is None else 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 15 or minutes > 59:
        return None
    offset = hours * 3600 + minutes * 60
    return days, time, -offset if zone[0] == "-" else offset


def _reader(text: str, type_name: str, zone: tzinfo | None, now: Now | None) -> Reader:
    def local_now() -> tuple[int, int]:
        assert now is not None
        moment = now()
        offset = utc_offset(zone or UTC, moment)
        return moment + offset * SECOND_US, offset

    return Reader(text, type_name, None if now is None else local_now)


class _Temporal(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"


class Date(_Temporal):
    def modifiers(self, typmod: int) -> str:
        return ""

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.date32()

    def parse(
        self,
        text: str,
        typmod: int = -1,
        *,
        zone: tzinfo | None = None,
        now: Now | None = None,
    ) -> int:
        """now and zone serve "now", "today", "tomorrow" and "yesterday"."""
        iso = _read_iso(text)
        if iso is not None:
            return iso[0]
        moment = _reader(text, "date", zone, now).read_moment()
        if moment.kind != "date":
            return {"epoch": 0, "infinity": DATE_INFINITY}.get(moment.kind, DATE_MINUS_INFINITY)
        days = moment.days
        if not DATE_MIN <= days <= DATE_MAX:
            raise DatetimeFieldOverflow(f'date out of range: "{text}"')
        return days

    def render(self, datum: int) -> str:
        return render_date(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 4)
        value: int = struct.unpack(">i", data)[0]
        if value in (DATE_INFINITY, DATE_MINUS_INFINITY):
            return value
        if not DATE_MIN <= value + EPOCH_DAYS <= DATE_MAX:
            raise DatetimeFieldOverflow("date out of range")
        return value + EPOCH_DAYS

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

    def parse(
        self,
        text: str,
        typmod: int = -1,
        *,
        zone: tzinfo | None = None,
        now: Now | None = None,
    ) -> int:
        value = _reader(text, "time", zone, now).read_time().time_us
        return self.apply_typmod(value, typmod)

    def apply_typmod(self, datum: int, typmod: int, explicit: bool = False) -> int:
        return round_microseconds(datum, typmod)

    def render(self, datum: int) -> str:
        return render_time(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 8)
        value: int = struct.unpack(">q", data)[0]
        if not 0 <= value <= DAY_US:
            raise DatetimeFieldOverflow("time out of range")
        return self.apply_typmod(value, typmod)

    def encode(self, datum: int) -> bytes:
        return struct.pack(">q", datum)

    def to_arrow(self, datums: Sequence[int | None], typmod: int = -1) -> pa.Array:
        return pa.array(datums, pa.int64()).cast(pa.time64("us"))

    def from_arrow(self, array: pa.Array) -> list[int | None]:
        return array.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]


class TimeTz(_Temporal):
    """datum (microseconds, seconds west of UTC); Arrow text."""

    zone: tzinfo | None = None  # of texts that name none

    def parse(
        self,
        text: str,
        typmod: int = -1,
        *,
        zone: tzinfo | None = None,
        now: Now | None = None,
    ) -> tuple[int, int]:
        """zone is that of a time without one; where its offset moves, it is today's (now) or UTC's."""
        zone = zone or self.zone
        moment = _reader(text, "time with time zone", zone, now).read_time()
        if moment.zone is None and moment.offset is None and zone is not None and now is not None:
            moment.offset = utc_offset(zone, now())
        value = round_microseconds(moment.time_us, typmod)
        return value, -moment.east_seconds(None)

    def render(self, datum: tuple[int, int]) -> str:
        return render_time(datum[0]) + render_offset(-datum[1])

    def apply_typmod(
        self, datum: tuple[int, int], typmod: int, explicit: bool = False
    ) -> tuple[int, int]:
        return round_microseconds(datum[0], typmod), datum[1]

    def encode(self, datum: tuple[int, int]) -> bytes:
        return struct.pack(">qi", *datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> tuple[int, int]:
        self.require_length(data, 12)
        microseconds, west = struct.unpack(">qi", data)
        if not 0 <= microseconds <= DAY_US:
            raise DatetimeFieldOverflow("time out of range")
        return self.apply_typmod((microseconds, west), typmod)

    def to_arrow(self, datums: Sequence[Any], typmod: int = -1) -> pa.Array:
        return pa.array([None if d is None else self.render(d) for d in datums], pa.string())

    def from_arrow(self, array: pa.Array) -> list[Any]:
        return [None if v is None else self.parse(str(v)) for v in array.to_pylist()]


class Timestamp(_Temporal):
    """timestamp and, with zoned=True, timestamptz."""

    zone: tzinfo | None = None  # of texts that name none, and where a timestamptz is shown

    def __init__(self, oid: int, name: str, *, zoned: bool, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.zoned = zoned

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.timestamp("us", "UTC" if self.zoned else None)

    def parse(
        self,
        text: str,
        typmod: int = -1,
        *,
        zone: tzinfo | None = None,
        now: Now | None = None,
    ) -> int:
        """zone is that of a timestamptz that names none (UTC by default); now serves "now", "today", ..."""
        zone = zone or self.zone
        iso = _read_iso(text)
        if iso is not None:
            value = iso[0] * DAY_US + iso[1]
            if self.zoned:
                east = iso[2]
                if east is None:
                    east = 0 if zone is None else local_offset(zone, value)
                value -= east * SECOND_US
            return self.apply_typmod(value, typmod)
        name = "timestamp with time zone" if self.zoned else "timestamp"
        moment = _reader(text, name, zone, now).read_moment()
        if moment.kind != "date":
            return {"epoch": 0, "infinity": INFINITY}.get(moment.kind, MINUS_INFINITY)
        value = moment.local_us
        if self.zoned:
            value -= moment.east_seconds(zone) * SECOND_US
        if not TIMESTAMP_MIN <= value < TIMESTAMP_END:
            raise DatetimeFieldOverflow(f'timestamp out of range: "{text}"')
        return self.apply_typmod(value, typmod)

    def apply_typmod(self, datum: int, typmod: int, explicit: bool = False) -> int:
        if datum in (INFINITY, MINUS_INFINITY):
            return datum
        return round_microseconds(datum, typmod)

    def render(self, datum: int, *, zone: tzinfo | None = None) -> str:
        """zone is where a timestamptz is shown, UTC by default."""
        if not self.zoned:
            return render_timestamp(datum)
        zone = zone or self.zone
        if zone is None or datum in (INFINITY, MINUS_INFINITY):
            return render_timestamp(datum, "+00")
        offset = utc_offset(zone, datum)
        return render_timestamp(datum + offset * SECOND_US, render_offset(offset))

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 8)
        value: int = struct.unpack(">q", data)[0]
        if value in (INFINITY, MINUS_INFINITY):
            return value
        if not TIMESTAMP_MIN <= value + EPOCH_US < TIMESTAMP_END:
            raise DatetimeFieldOverflow("timestamp out of range")
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
