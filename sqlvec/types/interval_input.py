"""Reads intervals as PostgreSQL does: fields from the right to the left, so that a unit is known before its number.

    "1 year 2 mons 3 days 04:05:06", "1-2 3 4:05:06", "@ 1 minute ago", "P1Y2M3DT4H5M6S", "P0001-02-03"

A fraction runs down to smaller units: of years to months, of months and weeks to days, of days to time.
Source: DecodeInterval and DecodeISO8601Interval in datetime.c (IntervalStyle postgres).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from sqlvec.errors import DatabaseError, DatetimeFieldOverflow, InvalidDatetimeFormat
from sqlvec.types.calendar import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from sqlvec.types.date_time_input import DATE, NUMBER, TIME, TZ, split_fields

Interval3 = tuple[int, int, int]  # months, days, microseconds
_INT4, _INT8 = 2**31, 2**63
_DAYS_A_MONTH = 30
_WORDS = {
    "microsecond": "us usec usecs usecond useconds microsecon",
    "millisecond": "ms msec msecs msecond mseconds millisecon",
    "second": "s sec secs second seconds",
    "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d day days",
    "week": "w week weeks",
    "month": "mon mons month months",
    "year": "y yr yrs year years",
    "decade": "dec decs decade decades",
    "century": "c cent century centuries",
    "millennium": "mil mils millennia millennium",
    "ago": "ago",
    "ignored": "@",
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_TOKEN_LENGTH = 10
_MICROSECONDS = {
    "microsecond": 1, "millisecond": 1000, "second": SECOND_US, "minute": MINUTE_US, "hour": HOUR_US,
}  # fmt: skip
_YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}
_SECOND_BITS = frozenset(["second", "millisecond", "microsecond"])
_CLOCK = re.compile(r"(\d+):(\d*)(?::(\d*))?(?:\.(\d*))?\Z", re.ASCII)
_NUMBER = re.compile(r"([+-]?\d*)(?:(-)(\d*)|\.(\d*))?\Z", re.ASCII)
_ISO_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ISO_LIMIT = 1e15


class IntervalOverflow(DatabaseError):
    """interval_field_overflow."""

    sqlstate = "22015"


def parse_interval(text: str, unit: str = "second", minutes: bool = False) -> Interval3:
    """The value; 22007 for what is none, 22015 for a field out of range. unit is that of a number without one;
    minutes: a:b are minutes and seconds."""
    reader = _Reader(text, unit=unit, minutes=minutes)
    try:
        return reader.read_fields()
    except InvalidDatetimeFormat:
        if text[:1] != "P" or len(text) < 2:
            raise
    return _Reader(text).read_iso()


@dataclass(slots=True)
class _Reader:
    text: str
    months: int = 0
    days: int = 0
    microseconds: int = 0
    years: int = 0
    unit: str = "second"
    minutes: bool = False

    def bad(self) -> NoReturn:
        raise InvalidDatetimeFormat(f'invalid input syntax for type interval: "{self.text}"')

    def overflow(self) -> NoReturn:
        raise IntervalOverflow(f'interval field value out of range: "{self.text}"')

    def result(self, *, negate: bool = False) -> Interval3:
        months = self.years * 12 + self.months
        if not -_INT4 <= months < _INT4:
            raise DatetimeFieldOverflow("interval out of range")
        if negate:
            return -months, -self.days, -self.microseconds
        return months, self.days, self.microseconds

    # ---------------------------------------------------------------- sums

    def add(self, unit: str, value: int, fraction: float) -> None:
        """Adds value + fraction of the unit; the fraction runs down to smaller units."""
        if unit in _MICROSECONDS:
            self._add_microseconds(value * _MICROSECONDS[unit], fraction * _MICROSECONDS[unit])
        elif unit == "day":
            self._add_days(value, 0.0)
            self._add_microseconds(0, fraction * DAY_US)
        elif unit == "week":
            self._add_days(value * 7, fraction * 7)
        elif unit == "month":
            self.months = self._within(self.months + value, _INT4)
            self._add_days(0, fraction * _DAYS_A_MONTH)
        elif unit in _YEARS:
            factor = _YEARS[unit]
            self.years = self._within(self.years + value * factor, _INT4)
            self.months = self._within(self.months + round(fraction * factor * 12), _INT4)
        else:
            self.bad()

    def _within(self, value: int, limit: int) -> int:
        if not -limit <= value < limit:
            self.overflow()
        return value

    def _add_days(self, days: int, fraction: float) -> None:
        whole = int(fraction)
        self.days = self._within(self.days + days + whole, _INT4)
        self._add_microseconds(0, (fraction - whole) * DAY_US)

    def _add_microseconds(self, value: int, fraction: float) -> None:
        whole = int(fraction)
        left = fraction - whole
        whole += (left > 0.5) - (left < -0.5)
        self.microseconds = self._within(self.microseconds + value + whole, _INT8)

    # ---------------------------------------------------------------- PostgreSQL's own forms

    def read_fields(self) -> Interval3:
        unit, pending, ago = "", False, False
        seen: set[str] = set()
        for kind, field in reversed(split_fields(self.text, self.bad)):
            if kind == TIME or (kind == TZ and ":" in field[1:]):
                given = self._clock(field)
                unit, pending = "day", False
            elif kind in (DATE, NUMBER, TZ):
                unit, given = self._number(unit or self.unit, field)
                unit, pending = ("day" if unit == "hour" else unit), False
            else:
                if pending:
                    self.bad()
                word = _UNITS.get(field[:_TOKEN_LENGTH], "")
                if word == "ignored":
                    continue
                unit, pending, given = word, word != "ago", frozenset()
                ago = ago or word == "ago"
                if not word:
                    self.bad()
            if seen & given:
                self.bad()
            seen |= given
        if not seen or pending:
            self.bad()
        return self.result(negate=ago)

    def _clock(self, field: str) -> frozenset[str]:
        """[+-]h:m[:s[.f]] or m:s.f."""
        match = _CLOCK.match(field.lstrip("+-"))
        if match is None:
            self.bad()
        hour, minute, second, fraction = match.groups()
        if second is None and (fraction is not None or self.minutes):
            hour, minute, second = "0", hour, minute
        hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
        micro = round(float(f"0.{fraction}") * SECOND_US) if fraction else 0
        if minutes > 59 or seconds > 60 or hours >= _INT8:
            self.overflow()
        total = hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US + micro
        self._add_microseconds(self._within(-total if field[0] == "-" else total, _INT8), 0.0)
        return _SECOND_BITS | {"minute", "hour"}

    def _number(self, unit: str, field: str) -> tuple[str, frozenset[str]]:
        match = _NUMBER.match(field)
        if match is None:
            self.bad()
        whole, dash, month, decimals = match.groups()
        negative = field[0] == "-"
        value = int(whole) if whole not in ("", "+", "-") else 0
        if not -_INT8 <= value < _INT8:
            self.overflow()
        if dash:  # SQL's years-months
            months = int(month or 0)
            if months >= 12:
                self.overflow()
            self.add("month", self._within(value * 12 + (-months if negative else months), _INT8), 0.0)
            return "month", frozenset(["month"])
        fraction = float(f"0.{decimals or 0}")
        self.add(unit, value, -fraction if negative else fraction)
        if unit == "second" and decimals is not None and fraction:
            return unit, _SECOND_BITS
        return unit, frozenset([unit])

    # ---------------------------------------------------------------- ISO 8601

    def read_iso(self) -> Interval3:
        place, dated, fields = 1, True, 0
        while place < len(self.text):
            if self.text[place] == "T":
                dated, fields, place = False, 0, place + 1
                continue
            start = place
            value, fraction, place = self._iso_number(place)
            letter = self.text[place : place + 1]
            units = _ISO_DATE if dated else _ISO_TIME
            if letter in units and letter:
                self.add(units[letter], value, fraction)
                place, fields = place + 1, fields + 1
                continue
            if fields:
                self.bad()
            digits = place - start
            read: Callable[[int, int, float, int], int]
            read = self._alternative_date if dated else self._alternative_time
            place = read(place, value, fraction, digits)
        return self.result()

    def _alternative_date(self, place: int, value: int, fraction: float, digits: int) -> int:
        """yyyymmdd or yyyy[-mm[-dd]], up to the T or the end."""
        follower = self.text[place : place + 1]
        if follower in ("", "T") and digits == 8:
            self.add("year", value // 10_000, 0.0)
            self.add("month", value // 100 % 100, 0.0)
            self.add("day", value % 100, fraction)
            return place
        return self._chain(place, value, fraction, ("-", "year", "month", "day"))

    def _alternative_time(self, place: int, value: int, fraction: float, digits: int) -> int:
        """hhmmss or hh[:mm[:ss]], up to the end."""
        if place == len(self.text) and digits == 6:
            self.add("hour", value // 10_000, 0.0)
            self.add("minute", value // 100 % 100, 0.0)
            self.add("second", value % 100, fraction)
            return place
        return self._chain(place, value, fraction, (":", "hour", "minute", "second"))

    def _chain(self, place: int, value: int, fraction: float, form: tuple[str, ...]) -> int:
        delimiter, *units = form
        ends = ("", "T") if delimiter == "-" else ("",)
        for i, unit in enumerate(units):
            self.add(unit, value, fraction)
            follower = self.text[place : place + 1]
            if follower in ends:
                return place
            if follower != delimiter or i == len(units) - 1:
                self.bad()
            value, fraction, place = self._iso_number(place + 1)
        self.bad()

    def _iso_number(self, place: int) -> tuple[int, float, int]:
        match = _ISO_NUMBER.match(self.text, place)
        if match is None:
            self.bad()
        number = float(match[0])
        if not -_ISO_LIMIT <= number <= _ISO_LIMIT:
            self.overflow()
        fraction, whole = math.modf(number)
        return int(whole), fraction, match.end()


_ISO_DATE = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME = {"H": "hour", "M": "minute", "S": "second"}
