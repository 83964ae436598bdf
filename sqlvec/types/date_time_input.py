"""Reads dates and times as PostgreSQL does: split into fields by their look, then decoded one by one.

    "Tue, 02 Jan 2024 10:11:12 +0200" -> string "tue", number 02, string "jan", number 2024, time, zone

What a field means depends on what came before: 02 is a day since no month is known yet but a text month
follows, 2024 a year. Masks of the fields seen so far keep a part from being given twice.
Source: ParseDateTime, DecodeDateTime and DecodeTimeOnly in datetime.c (DateStyle ISO, MDY).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NoReturn

from sqlvec.errors import (
    DatabaseError,
    DatetimeFieldOverflow,
    FeatureNotSupported,
    InvalidDatetimeFormat,
    InvalidParameterValue,
)
from sqlvec.types.calendar import (
    DAY_US,
    HOUR_US,
    JULIAN_DAYS,
    SECOND_US,
    days_of,
    month_length,
    year_month_day,
)
from sqlvec.types.time_zone import ABBREVIATIONS, local_offset, zone_named

DATE, TIME, TZ, NUMBER, STRING, SPECIAL = "date", "time", "tz", "number", "string", "special"
YEAR_BIT, MONTH_BIT, DAY_BIT, TIME_BIT, TZ_BIT, DOY_BIT, WEEKDAY_BIT, MERIDIEM_BIT, ERA_BIT = (
    1 << place for place in range(9)
)
DATE_BITS = YEAR_BIT | MONTH_BIT | DAY_BIT
ZONE_HOURS_MAX = 15
_TOKEN_LENGTH = 10
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_LONG_MONTHS = "january february march april may june july august september october november december"
_WEEKDAYS = "sun mon tue wed thu fri sat"
_WEEKDAY_FORMS = "sunday monday tuesday tues wednesday weds thursday thur thurs friday saturday"
_PREFIXES = frozenset("d dow doy h isodow isoyear j jd julian m mm s y".split())  # units in front
_WORDS: dict[str, tuple[str, int]] = (
    {name: ("month", i + 1) for i, name in enumerate(_MONTHS.split())}
    | {name[:_TOKEN_LENGTH]: ("month", i + 1) for i, name in enumerate(_LONG_MONTHS.split())}
    | {"sept": ("month", 9)}
    | {name: ("weekday", 0) for name in (_WEEKDAYS + " " + _WEEKDAY_FORMS).split()}
    | {name: ("unit", 0) for name in _PREFIXES - {"j", "jd", "julian"}}
    | {name: ("julian", 0) for name in ("j", "jd", "julian")}
    | {"am": ("meridiem", 0), "pm": ("meridiem", 12), "ad": ("era", 0), "bc": ("era", 1)}
    | {"at": ("ignore", 0), "on": ("ignore", 0), "t": ("iso_time", 0), "dst": ("dst", 3600)}
    | {name: ("special", 0) for name in ("now", "today", "tomorrow", "yesterday", "epoch")}
    | {name: ("special", 0) for name in ("infinity", "+infinity", "-infinity", "allballs")}
)
_DIGITS = re.compile(r"\d*", re.ASCII)
_ALPHAS = re.compile(r"[A-Za-z]*")
_ALPHANUMERICS = re.compile(r"[0-9A-Za-z]*")
_NAME_TAIL = re.compile(r"[-+/_.:0-9A-Za-z]*")
_ZONE_TAIL = re.compile(r"[0-9:.\-]*")
_SPACES = " \t\n\r\v\f"
_PARTS = re.compile(r"\d+|[A-Za-z]+")
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_INT_MAX = 2**31 - 1


class ZoneOutOfRange(DatabaseError):
    """invalid_time_zone_displacement_value."""

    sqlstate = "22009"


@dataclass(slots=True)
class Moment:
    """What was read. kind: "date" for fields, else "epoch", "infinity" or "-infinity"."""

    kind: str = "date"
    year: int = 0
    month: int = 0
    day: int = 0
    day_of_year: int = 0
    time_us: int = 0
    offset: int | None = None  # seconds east of UTC; None: not given
    zone: tzinfo | None = None  # a zone by name: its offset depends on the date
    seen: int = 0

    @property
    def days(self) -> int:
        return days_of(self.year, self.month, self.day)

    @property
    def local_us(self) -> int:
        return self.days * DAY_US + self.time_us

    def east_seconds(self, default: tzinfo | None) -> int:
        """The offset given, that of the zone given, or the default zone's, at this time."""
        if self.zone is not None:
            return local_offset(self.zone, self.local_us)
        if self.offset is not None:
            return self.offset
        return 0 if default is None else local_offset(default, self.local_us)


def split_fields(text: str, fail: Callable[[], NoReturn]) -> list[tuple[str, str]]:
    """(kind, field in lower case) by the look of each field."""
    fields: list[tuple[str, str]] = []
    place, end = 0, len(text)
    while place < end:
        char = text[place]
        if char in _SPACES:
            place += 1
        elif char.isdigit() and char.isascii():
            place = _take_number(text, place, fields)
        elif char == ".":
            stop = _run(_DIGITS, text, place + 1)
            fields.append((NUMBER, text[place:stop]))
            place = stop
        elif char.isalpha() and char.isascii():
            place = _take_word(text, place, fields)
        elif char in "+-":
            place = _take_signed(text, place, fields, fail)
        elif char.isascii() and char.isprintable():
            place += 1  # punctuation separates
        else:
            fail()
    return fields


def _run(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    assert match is not None  # the patterns match the empty string
    return match.end()


def _take_number(text: str, start: int, fields: list[tuple[str, str]]) -> int:
    place = _run(_DIGITS, text, start)
    follower = text[place : place + 1]
    if follower == ":":
        while text[place : place + 1] in ":." and place < len(text):
            place = _run(_DIGITS, text, place + 1)
        fields.append((TIME, text[start:place]))
        return place
    if follower and follower in "-/.":
        kind = DATE
        after = _run(_DIGITS, text, place + 1)
        if after > place + 1:  # digits: a third part counts only after the same delimiter
            kind = NUMBER if follower == "." else DATE
            place = after
            if text[place : place + 1] == follower:
                kind = DATE
                while text[place : place + 1] == follower or text[place : place + 1].isdigit():
                    place += 1
        else:
            place += 1
            while text[place : place + 1] == follower or text[place : place + 1].isalnum():
                place += 1
        fields.append((kind, text[start:place].lower()))
        return place
    fields.append((NUMBER, text[start:place]))
    return place


def _take_word(text: str, start: int, fields: list[tuple[str, str]]) -> int:
    place = _run(_ALPHAS, text, start)
    word = text[start:place].lower()
    follower = text[place : place + 1]
    dated = follower != "" and follower in "-/."
    if follower and (follower == "+" or follower.isdigit()):
        dated = word[:_TOKEN_LENGTH] not in _WORDS
    if dated:
        place = _run(_NAME_TAIL, text, place)
        fields.append((DATE, text[start:place].lower()))
    else:
        fields.append((STRING, word))
    return place


def _take_signed(
    text: str, start: int, fields: list[tuple[str, str]], fail: Callable[[], NoReturn]
) -> int:
    place = start + 1
    while place < len(text) and text[place] in _SPACES:
        place += 1
    follower = text[place : place + 1]
    if follower.isdigit() and follower.isascii():
        stop, kind = _run(_ZONE_TAIL, text, place), TZ
    elif follower.isalpha() and follower.isascii():
        stop, kind = _run(_ALPHAS, text, place), SPECIAL
    else:
        fail()
    fields.append((kind, text[start] + text[place:stop].lower()))
    return stop


@dataclass(slots=True)
class Reader:
    """Reads one value; type_name is as PostgreSQL's errors say it: "timestamp", "date", ..."""

    text: str
    type_name: str
    now: Callable[[], tuple[int, int]] | None = None  # local microseconds, seconds east of UTC
    moment: Moment = field(default_factory=Moment)
    prefix: str = ""
    meridiem: int | None = None
    before_christ: bool = False
    two_digits: bool = False
    text_month: bool = False
    julian: bool = False
    time_only: bool = False

    # ---------------------------------------------------------------- entry points

    def read_moment(self) -> Moment:
        """A date with or without time and zone (DecodeDateTime)."""
        fields = split_fields(self.text, self.bad)
        for kind, text in fields:
            self._add(self._decode(kind, text))
        if self.prefix or not fields:
            self.bad()
        if self.moment.kind != "date":
            return self.moment
        self._validate_date()
        self._apply_meridiem()
        if self.moment.seen & DATE_BITS != DATE_BITS:
            self.bad()
        return self.moment

    def read_time(self) -> Moment:
        """A time with or without zone and, for the zone's sake, date (DecodeTimeOnly)."""
        self.time_only = True
        fields = split_fields(self.text, self.bad)
        for i, (kind, text) in enumerate(fields):
            self._add(self._decode_in_time(i, kind, text, fields))
        if self.prefix:
            self.bad()
        self._validate_date()
        self._apply_meridiem()
        seen = self.moment.seen
        if not seen & TIME_BIT:
            self.bad()
        if self.moment.zone is not None and seen & DATE_BITS != DATE_BITS:
            if self.moment.zone.utcoffset(None) is None:  # it depends on the date
                self.bad()
            self.moment.year, self.moment.month, self.moment.day = 2000, 1, 1
        return self.moment

    def _add(self, bits: int) -> None:
        if bits & self.moment.seen:
            self.bad()
        self.moment.seen |= bits

    # ---------------------------------------------------------------- errors

    def bad(self) -> NoReturn:
        raise InvalidDatetimeFormat(
            f'invalid input syntax for type {self.type_name}: "{self.text}"'
        )

    def overflow(self, *, order: bool = False) -> NoReturn:
        hint = 'Perhaps you need a different "datestyle" setting.' if order else None
        raise DatetimeFieldOverflow(
            f'date/time field value out of range: "{self.text}"', hint=hint
        )

    def integer(self, digits: str) -> int:
        value = int(digits or "0")
        if value > _INT_MAX:
            self.overflow()
        return value

    # ---------------------------------------------------------------- fields

    def _decode(self, kind: str, text: str) -> int:
        """Decodes one field; the bits of what it gave."""
        if kind == DATE:
            if self.prefix == "julian":
                return self._julian_with_zone(text)
            if self.prefix or self.moment.seen & (MONTH_BIT | DAY_BIT) == MONTH_BIT | DAY_BIT:
                return self._time_or_zone_name(text)
            return self._date(text)
        if kind == TIME:
            self._end_prefix()
            return self._time(text)
        if kind == TZ:
            self.moment.offset = self._offset(text)
            return TZ_BIT
        if kind == NUMBER:
            return self._number_field(text)
        return self._word(text)

    def _decode_in_time(self, i: int, kind: str, text: str, fields: list[tuple[str, str]]) -> int:
        """As _decode, where a date is accepted only in front of or behind a clear time."""
        first_of_more = i == 0 and len(fields) >= 2
        if kind == DATE:
            if first_of_more and (fields[-1][0] == DATE or fields[1][0] == TIME):
                return self._date(text)
            return self._time_or_zone_name(text)
        if kind == NUMBER and not self.prefix:
            whole, dot, _ = text.partition(".")
            if dot and first_of_more and fields[-1][0] == DATE:
                return self._date(text)
            if dot and len(whole) <= 2:
                self.bad()
            return self._concatenated(text, self.moment.seen | DATE_BITS)
        if kind == STRING and _WORDS.get(text[:_TOKEN_LENGTH], ("", 0))[0] in ("month", "weekday"):
            self.bad()
        return self._decode(kind, text)

    def _end_prefix(self) -> None:
        if self.prefix not in ("", "time"):
            self.bad()
        self.prefix = ""

    def _number_field(self, text: str) -> int:
        if self.prefix:
            return self._prefixed_number(text)
        whole, dot, _ = text.partition(".")
        has_date = self.moment.seen & DATE_BITS
        if dot and not has_date:
            return self._date(text)
        if dot and len(whole) > 2:
            return self._concatenated(text, self.moment.seen)
        if len(text) >= 6 and (not has_date or not self.moment.seen & TIME_BIT):
            return self._concatenated(text, self.moment.seen)
        return self._number(text, self.moment.seen)

    def _prefixed_number(self, text: str) -> int:
        whole, dot, fraction = text.partition(".")
        if self.prefix == "julian":
            self.prefix = ""
            self._set_julian(self.integer(whole))
            if not dot:
                return DATE_BITS
            self.moment.time_us = int(float(f"0.{fraction or 0}") * DAY_US)
            return DATE_BITS | TIME_BIT
        if self.prefix != "time":
            self.bad()
        self.prefix = ""
        bits = self._concatenated(text, self.moment.seen | DATE_BITS)
        if bits != TIME_BIT:
            self.bad()
        return bits

    def _julian_with_zone(self, text: str) -> int:
        match = _INTEGER.match(text)
        if match is None:
            self.bad()
        self.prefix = ""
        self._set_julian(self.integer(match[0]))
        self.moment.offset = self._offset(text[match.end() :])
        return DATE_BITS | TIME_BIT | TZ_BIT

    def _set_julian(self, day: int) -> None:
        self.julian = True
        moment = self.moment
        moment.year, moment.month, moment.day = year_month_day(day - JULIAN_DAYS)

    def _time_or_zone_name(self, text: str) -> int:
        """hhmmss-zz run together, or a zone name with punctuation."""
        if not text[0].isdigit() and not self.prefix:
            self.moment.zone = zone_named(text)
            if self.moment.zone is None:
                raise InvalidParameterValue(f'time zone "{text}" not recognized')
            return TZ_BIT
        self._end_prefix()
        place = text.find("-")
        if self.moment.seen & TIME_BIT or place < 0:
            self.bad()
        self.moment.offset = self._offset(text[place:])
        return self._concatenated(text[:place], self.moment.seen | DATE_BITS) | TZ_BIT

    def _date(self, text: str) -> int:
        """Parts with delimiters: text months first, since they are unambiguous (DecodeDate)."""
        parts = _PARTS.findall(text)
        if not parts or not text[-1].isalnum():
            self.bad()
        bits, numbers = 0, []
        for part in parts:
            if part[0].isdigit():
                numbers.append(part)
                continue
            kind, value = _WORDS.get(part[:_TOKEN_LENGTH], ("", 0))
            if kind == "ignore":
                continue
            if kind != "month" or (self.moment.seen | bits) & MONTH_BIT:
                self.bad()
            self.text_month, self.moment.month = True, value
            bits |= MONTH_BIT
        for number in numbers:
            given = self._number(number, self.moment.seen | bits)
            if given & (self.moment.seen | bits):
                self.bad()
            bits |= given
        if (self.moment.seen | bits) & ~(DOY_BIT | TZ_BIT) != DATE_BITS:
            self.bad()
        return bits

    def _time(self, text: str) -> int:
        """h:m[:s[.f]] or m:s.f (DecodeTime)."""
        hour, minute, *rest = text.split(":")
        second, fraction = "0", ""
        if "." in minute:  # minutes and seconds
            if rest:
                self.bad()
            minute, _, fraction = minute.partition(".")
            hour, minute, second = "0", hour, minute
        elif rest:
            second, _, fraction = rest[0].partition(".")
        if len(rest) > 1 or "." in fraction or "." in hour:
            self.bad()
        self.moment.time_us = self._clock(hour, minute, second, fraction)
        return TIME_BIT

    def _clock(self, hour: str, minute: str, second: str, fraction: str) -> int:
        hours, minutes, seconds = self.integer(hour), self.integer(minute), self.integer(second)
        micro = round(float(f"0.{fraction}") * SECOND_US) if fraction else 0
        total = ((hours * 60 + minutes) * 60 + seconds) * SECOND_US + micro
        if hours > 24 or minutes > 59 or seconds > 60 or total > DAY_US:
            self.overflow()
        return total

    def _number(self, text: str, seen: int) -> int:
        """A number on its own: what it is follows from what is known (DecodeNumber)."""
        whole, dot, _ = text.partition(".")
        if dot:
            if len(whole) > 2:
                return self._concatenated(text, seen | DATE_BITS)
            self.bad()
        value, known, moment = self.integer(whole), seen & DATE_BITS, self.moment
        if len(text) == 3 and known == YEAR_BIT and 1 <= value <= 366:
            moment.day_of_year = value
            return DOY_BIT | MONTH_BIT | DAY_BIT
        if known == DATE_BITS:
            return self._concatenated(text, seen)
        if known == YEAR_BIT | MONTH_BIT and self.text_month and self.two_digits and len(text) >= 3:
            moment.day, moment.year, self.two_digits = moment.year, value, False
            return DAY_BIT  # what was taken for the year was the day
        bit = self._meaning(text, known)
        if bit == YEAR_BIT:
            moment.year, self.two_digits = value, len(text) <= 2
        elif bit == MONTH_BIT:
            moment.month = value
        else:
            moment.day = value
        return bit

    def _meaning(self, text: str, known: int) -> int:
        long = len(text) >= 3
        if known == 0:
            return YEAR_BIT if long else MONTH_BIT
        if known in (YEAR_BIT, DAY_BIT):
            return MONTH_BIT
        if known == MONTH_BIT:
            return YEAR_BIT if self.text_month and long else DAY_BIT
        if known == MONTH_BIT | DAY_BIT:
            return YEAR_BIT
        assert known == YEAR_BIT | MONTH_BIT, known
        return DAY_BIT

    def _concatenated(self, text: str, seen: int) -> int:
        """yyyymmdd, yymmdd, hhmmss[.f] or hhmm (DecodeNumberField)."""
        whole, dot, fraction = text.partition(".")
        if not dot and seen & DATE_BITS != DATE_BITS and len(whole) >= 6:
            self.moment.day = int(whole[-2:])
            self.moment.month = int(whole[-4:-2])
            self.moment.year = self.integer(whole[:-4])
            self.two_digits = len(whole) == 6
            return DATE_BITS
        if seen & TIME_BIT or len(whole) not in (4, 6) or "." in fraction:
            self.bad()
        second = whole[4:] or "0"
        self.moment.time_us = self._clock(whole[:2], whole[2:4], second, fraction)
        return TIME_BIT

    def _offset(self, text: str) -> int:
        """+hh[:mm[:ss]] or +hhmm, as seconds east (DecodeTimezone)."""
        match = re.fullmatch(r"([+-])(\d+)(?::(\d*))?(?::(\d*))?", text)
        if match is None:
            self.bad()
        sign, hour, minute, second = match.groups()
        hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
        if minute is None and len(text) > 3:
            hours, minutes = divmod(hours, 100)
        if hours > ZONE_HOURS_MAX or minutes > 59 or seconds > 59:
            raise ZoneOutOfRange(f'time zone displacement out of range: "{self.text}"')
        total = hours * 3600 + minutes * 60 + seconds
        return -total if sign == "-" else total

    # ---------------------------------------------------------------- words

    def _word(self, text: str) -> int:
        abbreviation = ABBREVIATIONS.get(text)
        if abbreviation is not None:
            self.moment.offset = abbreviation
            return TZ_BIT
        kind, value = _WORDS.get(text[:_TOKEN_LENGTH], ("zone", 0))
        if kind == "zone":
            self.moment.zone = zone_named(text)
            if self.moment.zone is None:
                self.bad()
            return TZ_BIT
        handlers: dict[str, Callable[[str, int], int]] = {
            "month": self._month_word, "special": self._special, "julian": self._prefix_word,
            "unit": self._prefix_word, "iso_time": self._prefix_word, "dst": self._summer_time,
        }  # fmt: skip
        if kind in handlers:
            return handlers[kind](text, value)
        if kind == "meridiem":
            self.meridiem = value
            return MERIDIEM_BIT
        if kind == "era":
            self.before_christ = bool(value)
            return ERA_BIT
        return WEEKDAY_BIT if kind == "weekday" else 0

    def _month_word(self, text: str, value: int) -> int:
        moment, bits = self.moment, MONTH_BIT
        numeric_month = moment.seen & MONTH_BIT and not self.text_month
        if numeric_month and not moment.seen & DAY_BIT and 1 <= moment.month <= 31:
            moment.day, bits = moment.month, DAY_BIT  # the number was the day
        self.text_month, moment.month = True, value
        return bits

    def _prefix_word(self, text: str, value: int) -> int:
        kind = _WORDS[text[:_TOKEN_LENGTH]][0]
        if self.prefix:
            self.bad()
        if kind == "iso_time" and not self.time_only and self.moment.seen & DATE_BITS != DATE_BITS:
            self.bad()
        self.prefix = {"iso_time": "time", "julian": "julian"}.get(kind, text)
        return 0

    def _summer_time(self, text: str, value: int) -> int:
        self.moment.offset = (self.moment.offset or 0) + value
        return 0

    def _special(self, text: str, value: int) -> int:
        moment = self.moment
        if text == "allballs":
            moment.time_us, moment.offset = 0, 0
            return TIME_BIT | TZ_BIT
        if self.time_only and text != "now":
            self.bad()
        if text in ("epoch", "infinity", "+infinity", "-infinity"):
            moment.kind = text.lstrip("+")
            return DATE_BITS | TIME_BIT | TZ_BIT
        if self.now is None:
            raise FeatureNotSupported(f'date/time value "{text}" is not supported here')
        local, offset = self.now()
        shift = {"yesterday": -1, "tomorrow": 1}.get(text, 0)
        moment.year, moment.month, moment.day = year_month_day(local // DAY_US + shift)
        if text != "now":
            return DATE_BITS
        moment.time_us, moment.offset = local % DAY_US, offset
        if self.time_only:
            return TIME_BIT
        return DATE_BITS | TIME_BIT | TZ_BIT

    # ---------------------------------------------------------------- checks

    def _validate_date(self) -> None:
        moment = self.moment
        seen = moment.seen
        if seen & YEAR_BIT and not self.julian:
            self._settle_year()
        if seen & DOY_BIT:
            first = days_of(moment.year, 1, 1)
            moment.year, moment.month, moment.day = year_month_day(first + moment.day_of_year - 1)
        if seen & MONTH_BIT and not 1 <= moment.month <= 12:
            self.overflow(order=True)
        if seen & DAY_BIT and not 1 <= moment.day <= 31:
            self.overflow(order=True)
        if seen & DATE_BITS == DATE_BITS and moment.day > month_length(moment.year, moment.month):
            self.overflow()

    def _settle_year(self) -> None:
        """1 BC becomes 0; two digits mean 1970 to 2069; there is no year 0."""
        moment = self.moment
        if self.before_christ:
            if moment.year <= 0:
                self.overflow()
            moment.year = 1 - moment.year
        elif self.two_digits:
            moment.year += 2000 if moment.year < 70 else 1900
        elif moment.year <= 0:
            self.overflow()

    def _apply_meridiem(self) -> None:
        if self.meridiem is None:
            return
        hour = self.moment.time_us // HOUR_US
        if hour > 12:
            self.overflow()
        twelve = 12 if hour == 12 else 0  # 12 AM is midnight, 12 PM noon
        self.moment.time_us += (self.meridiem - twelve) * HOUR_US
