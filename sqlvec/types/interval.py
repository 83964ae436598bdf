"""interval: datum (months, days, microseconds). Text in PostgreSQL's style; input also ISO 8601.

Source: timestamp.c and datetime.c (EncodeInterval, intervalstyle postgres).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sqlvec.errors import DatetimeFieldOverflow
from sqlvec.types.calendar import SECOND_US, round_microseconds
from sqlvec.types.interval_input import Interval3, parse_interval
from sqlvec.types.sql_type import TypeDefinition

FULL_PRECISION = 0xFFFF
SECOND_DIGITS_MAX = 6
_ARROW_US_MAX = (2**63 - 1) // 1000  # Arrow counts nanoseconds


# INTERVAL_MASK of each field, as a typmod has them in its upper half (timestamp.h).
_MONTH, _YEAR, _DAY, _HOUR, _MINUTE, _SECOND = (1 << place for place in (1, 2, 3, 10, 11, 12))
_ALL_FIELDS = 0x7FFF
_UNITS = {
    _YEAR: "year", _MONTH: "month", _DAY: "day", _HOUR: "hour", _MINUTE: "minute", _SECOND: "second",
}  # fmt: skip


def _fields(typmod: int) -> int:
    """The range of fields, 0 for all."""
    found = typmod >> 16 & _ALL_FIELDS if typmod >= 0 else _ALL_FIELDS
    return 0 if found == _ALL_FIELDS else found


def _cut(datum: Interval3, fields: int) -> Interval3:
    months, days, microseconds = datum
    if fields == _YEAR:
        return int(months / 12) * 12, 0, 0
    if not fields & ~(_YEAR | _MONTH):
        return months, 0, 0
    if fields == _DAY:
        return months, days, 0
    if fields & _SECOND:
        return datum
    step = (60 if fields & _MINUTE else 3600) * SECOND_US
    return months, days, int(microseconds / step) * step


class Interval(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        precision = typmod & 0xFFFF
        shown = "" if precision == FULL_PRECISION else f"({precision})"
        fields = _fields(typmod)
        if not fields:
            return shown
        first, last = fields & -fields, 1 << (fields.bit_length() - 1)
        if fields & _YEAR and fields & _MONTH:
            first, last = _YEAR, _MONTH
        words = _UNITS[first] if first == last else f"{_UNITS[first]} to {_UNITS[last]}"
        return f" {words}{shown}"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.month_day_nano_interval()

    def parse(self, text: str, typmod: int = -1) -> Interval3:
        fields = _fields(typmod)
        smallest = _MONTH if fields & _MONTH else 1 << (fields.bit_length() - 1) if fields else _SECOND
        unit = _UNITS[smallest]
        minutes = fields == _MINUTE | _SECOND
        return self.apply_typmod(parse_interval(text, unit, minutes), typmod)

    def apply_typmod(self, datum: Interval3, typmod: int, explicit: bool = False) -> Interval3:
        """Rounds to the seconds' precision; a range of fields (interval day to hour) cuts what is smaller
        (AdjustIntervalForTypmod)."""
        fields = _fields(typmod)
        if fields:
            datum = _cut(datum, fields)
        precision = typmod & 0xFFFF if typmod >= 0 else FULL_PRECISION
        if precision > SECOND_DIGITS_MAX:
            return datum
        return datum[0], datum[1], round_microseconds(datum[2], precision)

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
            seconds, fraction = divmod(abs(microseconds), SECOND_US)
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
        if any(d is not None and not -_ARROW_US_MAX <= d[2] <= _ARROW_US_MAX for d in datums):
            raise DatetimeFieldOverflow("interval out of range")
        values: list[Any] = [None if d is None else (d[0], d[1], d[2] * 1000) for d in datums]
        return pa.array(values, self.arrow())

    def from_arrow(self, array: pa.Array) -> list[Interval3 | None]:
        values = array.to_pylist()
        return [
            None if v is None else (v.months, v.days, v.nanoseconds // 1000) for v in values
        ]
