"""interval: datum (months, days, microseconds). Text in PostgreSQL's style; input also ISO 8601.

Source: timestamp.c and datetime.c (EncodeInterval, intervalstyle postgres).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sqlvec.errors import InvalidDatetimeFormat
from sqlvec.types.date_time import DAY_US
from sqlvec.types.sql_type import TypeDefinition

Interval3 = tuple[int, int, int]
_SECOND = 1_000_000
_UNITS: dict[str, tuple[int, float]] = {}  # name -> (field 0 months, 1 days, 2 microseconds; factor)
for _names, _unit in {
    "microsecond microseconds us usec usecs": (2, 1),
    "millisecond milliseconds ms msec msecs": (2, 1_000),
    "second seconds sec secs s": (2, _SECOND),
    "minute minutes min mins m": (2, 60 * _SECOND),
    "hour hours hr hrs h": (2, 3600 * _SECOND),
    "day days d": (1, 1),
    "week weeks w": (1, 7),
    "month months mon mons": (0, 1),
    "year years yr yrs y": (0, 12),
    "decade decades": (0, 120),
    "century centuries": (0, 1200),
    "millennium millennia": (0, 12_000),
}.items():
    for _name in _names.split():
        _UNITS[_name] = _unit
_CLOCK = re.compile(r"([+-])?(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.ASCII)
_AMOUNT = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)\s*([a-z]+)?", re.ASCII)
_ISO = re.compile(r"([+-]?\d+(?:\.\d+)?)([YMWDHS])", re.ASCII)


class Interval(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.month_day_nano_interval()

    def parse(self, text: str, typmod: int = -1) -> Interval3:
        body = text.strip()
        if body[:1] == "P":
            return self._parse_iso(body, text)
        total = [0.0, 0.0, 0.0]
        rest = body.lower().lstrip("@ ")
        ago = rest.endswith(" ago")
        rest = rest[:-4].rstrip() if ago else rest
        if not rest:
            raise self._fail(text)
        while rest:
            rest = self._take(rest, total, text).lstrip(" ,")
        values = _settle(total)
        return (-values[0], -values[1], -values[2]) if ago else values

    def _take(self, rest: str, total: list[float], text: str) -> str:
        clock = _CLOCK.match(rest)
        if clock is not None:
            sign, hours, minutes, seconds = clock.groups()
            value = int(hours) * 3600 + int(minutes) * 60 + float(seconds or 0)
            total[2] += (-value if sign == "-" else value) * _SECOND
            return rest[clock.end() :]
        amount = _AMOUNT.match(rest)
        if amount is None:
            raise self._fail(text)
        unit = _UNITS.get(amount[2] or "second")
        if unit is None:
            raise self._fail(text)
        total[unit[0]] += float(amount[1]) * unit[1]
        return rest[amount.end() :]

    def _parse_iso(self, body: str, text: str) -> Interval3:
        total = [0.0, 0.0, 0.0]
        day_part, _, time_part = body[1:].partition("T")
        days = {"Y": (0, 12), "M": (0, 1), "W": (1, 7), "D": (1, 1)}
        times = {"H": (2, 3600 * _SECOND), "M": (2, 60 * _SECOND), "S": (2, _SECOND)}
        for part, units in ((day_part, days), (time_part, times)):
            if _ISO.sub("", part):
                raise self._fail(text)
            for number, letter in _ISO.findall(part):
                if letter not in units:
                    raise self._fail(text)
                field, factor = units[letter]
                total[field] += float(number) * factor
        return _settle(total)

    def _fail(self, text: str) -> InvalidDatetimeFormat:
        return InvalidDatetimeFormat(f'invalid input syntax for type interval: "{text}"')

    def render(self, datum: Interval3) -> str:
        months, days, microseconds = datum
        parts = []
        years, months = int(months / 12), months - 12 * int(months / 12)
        negative = False  # after a negative field a positive one is signed
        for value, unit in ((years, "year"), (months, "mon"), (days, "day")):
            if value:
                sign = "+" if negative and value > 0 else ""
                parts.append(f"{sign}{value} {unit}{'' if value == 1 else 's'}")
                negative = value < 0
        if microseconds or not parts:
            sign = "-" if microseconds < 0 else ("+" if negative else "")
            seconds, fraction = divmod(abs(microseconds), _SECOND)
            text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            parts.append(sign + text + (f".{fraction:06d}".rstrip("0") if fraction else ""))
        return " ".join(parts)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Interval3:
        self.require_length(data, 16)
        microseconds, days, months = struct.unpack(">qii", data)
        return months, days, microseconds

    def encode(self, datum: Interval3) -> bytes:
        return struct.pack(">qii", datum[2], datum[1], datum[0])

    def to_arrow(self, datums: Sequence[Interval3 | None], typmod: int = -1) -> pa.Array:
        values: list[Any] = [None if d is None else (d[0], d[1], d[2] * 1000) for d in datums]
        return pa.array(values, self.arrow())

    def from_arrow(self, array: pa.Array) -> list[Interval3 | None]:
        values = array.to_pylist()
        return [
            None if v is None else (v.months, v.days, v.nanoseconds // 1000) for v in values
        ]


def _settle(total: list[float]) -> Interval3:
    """Fractions of months become days (30 a month), fractions of days time."""
    months = int(total[0])
    days_exact = total[1] + (total[0] - months) * 30
    days = int(days_exact)
    microseconds = round(total[2] + (days_exact - days) * DAY_US)
    return months, days, microseconds
