"""to_char, to_date, to_timestamp and to_number: PostgreSQL's format patterns.

A pattern is a run of keywords, quoted text and other characters, which stand for themselves. FM before a
keyword drops its padding, TH or th after it adds an ordinal ending. Source: formatting.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlvec import types
from sqlvec.errors import DatetimeFieldOverflow, InvalidDatetimeFormat, InvalidTextRepresentation
from sqlvec.types.calendar import days_of, month_length

_EPOCH = datetime(1970, 1, 1)

_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"]  # fmt: skip
_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_ROMAN_MONTHS = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
_KEYWORDS = [
    "HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5",
    "FF6", "A.M.", "P.M.", "AM", "PM", "Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "ID",
    "IDDD", "IW", "I", "B.C.", "A.D.", "BC", "AD", "MONTH", "MON", "MM", "DAY", "DY", "DDD", "DD", "D",
    "WW", "W", "CC", "J", "Q", "RM", "TZH", "TZM", "TZ", "OF",
]  # fmt: skip
_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*"?)|(?P<fill>FM)?(?:FX)?(?P<word>'
    + "|".join(re.escape(word) for word in sorted(_KEYWORDS, key=len, reverse=True))
    + r")(?P<ordinal>TH|th)?|(?P<other>\\.|.)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    """word is empty for literal text."""

    word: str
    text: str
    fill: bool = True
    ordinal: str = ""


@lru_cache(maxsize=256)
def _tokens(pattern: str) -> tuple[_Token, ...]:
    found = []
    for match in _TOKEN.finditer(pattern):
        if match["quoted"]:
            found.append(_Token("", re.sub(r"\\(.)", r"\1", match["quoted"].strip('"'))))
        elif match["word"]:
            ordinal = match["ordinal"] or ""
            found.append(_Token(match["word"].upper(), match["word"], not match["fill"], ordinal))
        else:
            found.append(_Token("", match["other"].lstrip("\\") or "\\"))
    return tuple(found)


# ---------------------------------------------------------------- dates and times


def to_char(microseconds: int, pattern: str, zone: str) -> str:
    """A timestamp by its microseconds since 1970; zone is the session's for timestamptz, else empty."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    offset, zone_name = timedelta(), ""
    if zone:
        aware = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        offset, zone_name = aware.utcoffset() or timedelta(), aware.tzname() or ""
        moment = aware.replace(tzinfo=None)
    out = []
    for token in _tokens(pattern):
        if not token.word:
            out.append(token.text)
            continue
        text = _names(moment, token) or _zone_text(token, offset, zone_name)
        if text is None:
            text = _number_text(moment, token)
        out.append(text)
    return "".join(out)


def interval_to_char(months: int, days: int, microseconds: int, pattern: str) -> str:
    """The fields of an interval; years and months from months, hours and below from the time."""
    seconds, micro = divmod(abs(microseconds), 1_000_000)
    fields = {
        "YYYY": months // 12, "YY": months // 12, "MM": months % 12, "DD": days, "HH24": seconds // 3600,
        "HH12": seconds // 3600 % 12 or 12, "HH": seconds // 3600 % 12 or 12, "MI": seconds // 60 % 60,
        "SS": seconds % 60, "MS": micro // 1000, "US": micro, "SSSS": seconds, "SSSSS": seconds,
    }  # fmt: skip
    out = []
    for token in _tokens(pattern):
        if token.word in fields:
            width = _WIDTHS.get(token.word, 2) if token.fill else 0
            out.append(f"{fields[token.word]:0{width}d}")
        else:
            out.append(token.text)
    return "".join(out)


def _cased(text: str, like: str) -> str:
    """In the case that the keyword is written in: MONTH, Month, month."""
    if like.isupper():
        return text.upper()
    return text if like[0].isupper() else text.lower()


def _names(moment: datetime, token: _Token) -> str | None:
    word = token.word
    if word in ("MONTH", "MON"):
        name = _MONTHS[moment.month - 1]
        name = name[:3] if word == "MON" else name.ljust(9) if token.fill else name
        return _cased(name, token.text)
    if word in ("DAY", "DY"):
        name = _DAYS[moment.isoweekday() % 7]
        name = name[:3] if word == "DY" else name.ljust(9) if token.fill else name
        return _cased(name, token.text)
    if word in ("AM", "PM", "A.M.", "P.M."):
        half = "AM" if moment.hour < 12 else "PM"
        half = f"{half[0]}.M." if "." in word else half
        return half if token.text.isupper() else half.lower()
    if word in ("BC", "AD", "B.C.", "A.D."):
        era = "A.D." if "." in word else "AD"
        return era if token.text.isupper() else era.lower()
    if word == "RM":
        roman = _ROMAN_MONTHS[moment.month - 1]
        roman = roman.ljust(4) if token.fill else roman
        return roman if token.text.isupper() else roman.lower()
    return None


def _zone_text(token: _Token, offset: timedelta, name: str) -> str | None:
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    if token.word == "TZ":
        return name if token.text.isupper() else name.lower()
    if token.word == "TZH":
        return f"{sign}{hours:02d}"
    if token.word == "TZM":
        return f"{rest:02d}"
    if token.word == "OF":
        return f"{sign}{hours:02d}" + (f":{rest:02d}" if rest else "")
    return None


_WIDTHS = {
    "SSSS": 1, "SSSSS": 1, "MS": 3, "US": 6, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
    "YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "ID": 1, "IDDD": 3,
    "DDD": 3, "D": 1, "W": 1, "J": 1, "Q": 1,
}  # fmt: skip


def _number_text(moment: datetime, token: _Token) -> str:
    word = token.word
    value = _number(moment, word)
    if word == "Y,YYY":
        text = f"{value // 1000},{value % 1000:03d}"
    else:
        text = f"{value:0{_WIDTHS.get(word, 2) if token.fill else 0}d}"
    if token.ordinal:
        ending = _ordinal(value)
        text += ending.upper() if token.ordinal.isupper() else ending
    return text


def _number(moment: datetime, word: str) -> int:
    iso_year, iso_week, iso_day = moment.isocalendar()
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    year_day = moment.timetuple().tm_yday
    if word.startswith("FF"):
        return moment.microsecond // 10 ** (6 - int(word[2]))
    return {
        "HH24": moment.hour, "HH12": moment.hour % 12 or 12, "HH": moment.hour % 12 or 12,
        "MI": moment.minute, "SS": moment.second, "SSSS": seconds, "SSSSS": seconds,
        "MS": moment.microsecond // 1000, "US": moment.microsecond, "Y,YYY": moment.year,
        "YYYY": moment.year, "YYY": moment.year % 1000, "YY": moment.year % 100, "Y": moment.year % 10,
        "IYYY": iso_year, "IYY": iso_year % 1000, "IY": iso_year % 100, "I": iso_year % 10,
        "MM": moment.month, "DDD": year_day, "DD": moment.day, "D": moment.isoweekday() % 7 + 1,
        "ID": iso_day, "IW": iso_week, "IDDD": (iso_week - 1) * 7 + iso_day, "WW": (year_day - 1) // 7 + 1,
        "W": (moment.day - 1) // 7 + 1, "CC": (moment.year - 1) // 100 + 1,
        "J": moment.toordinal() + 1_721_425, "Q": (moment.month + 2) // 3,
    }[word]  # fmt: skip


def _ordinal(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


# ---------------------------------------------------------------- reading dates


_READ_WIDTHS = {
    "YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "MM": 2, "DD": 2, "DDD": 3, "HH24": 2, "HH12": 2, "HH": 2,
    "MI": 2, "SS": 2, "MS": 3, "US": 6, "SSSS": 5, "SSSSS": 5, "J": 7, "Q": 1, "IYYY": 4, "IW": 2,
    "ID": 1, "D": 1, "WW": 2, "W": 1, "CC": 2, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
}  # fmt: skip


def to_timestamp(text: str, pattern: str) -> int:
    """Microseconds since 1970 of the local time that the text says."""
    fields: dict[str, int] = {}
    place = 0
    tokens = _tokens(pattern)
    for number, token in enumerate(tokens):
        if not token.word:
            if place < len(text) and not text[place].isalnum():
                place += 1
            continue
        while place < len(text) and text[place].isspace():
            place += 1
        following = tokens[number + 1].word if number + 1 < len(tokens) else ""
        place = _read(token, text, place, fields, bounded=bool(following))
    return _assembled(fields, text)


def _read(
    token: _Token, text: str, place: int, fields: dict[str, int], *, bounded: bool
) -> int:
    word = token.word
    if word in ("MONTH", "MON", "DAY", "DY", "AM", "PM", "A.M.", "P.M.", "BC", "AD", "B.C.", "A.D."):
        return _read_name(word, text, place, fields)
    width = _READ_WIDTHS.get(word)
    if width is None:
        return place
    limit = width if bounded or not token.fill or word[:2] in ("FF", "MS", "US") else 10
    match = re.compile(rf"[+-]?\d{{1,{limit}}}").match(text, place)
    if match is None:
        if place >= len(text):
            return place
        shown = text[place : place + width]
        raise InvalidDatetimeFormat(
            f'invalid value "{shown}" for "{token.text}"', detail="Value must be an integer."
        )
    value = int(match[0])
    if word in ("MS", "US") or word.startswith("FF"):
        fields["US"] = int(f"{match[0]:0<6}"[:6])
    elif word in ("YY", "YYY", "Y") and len(match[0]) <= width:
        base = 2000 if value < 70 or word == "Y" else 1900
        fields["YYYY"] = base + value if word != "YYY" else value + (1000 if value >= 520 else 2000)
    else:
        fields[{"HH": "HH12", "SSSSS": "SSSS", "YY": "YYYY", "YYY": "YYYY", "Y": "YYYY"}.get(word, word)] = value
    return match.end()


def _read_name(word: str, text: str, place: int, fields: dict[str, int]) -> int:
    rest = text[place:].lower()
    if word in ("AM", "PM", "A.M.", "P.M."):
        for mark in ("a.m.", "p.m.", "am", "pm"):
            if rest.startswith(mark):
                fields["PM"] = int(mark[0] == "p")
                return place + len(mark)
        raise InvalidDatetimeFormat(f'invalid value "{text[place:place + 2]}" for "{word}"')
    if word in ("BC", "AD", "B.C.", "A.D."):
        return place + len(word)
    names = _MONTHS if word in ("MONTH", "MON") else _DAYS
    for index, name in enumerate(names):
        for shown in (name.lower(), name[:3].lower()):
            if rest.startswith(shown) and (len(shown) > 3 or word in ("MON", "DY") or len(name) == 3):
                if names is _MONTHS:
                    fields["MM"] = index + 1
                return place + len(shown)
    raise InvalidDatetimeFormat(
        f'invalid value "{text[place:].split()[0] if text[place:].split() else ""}" for "{word}"',
        detail="The given value did not match any of the allowed values for this field.",
    )


def _assembled(fields: dict[str, int], text: str) -> int:
    if "J" in fields:
        day = date.fromordinal(fields["J"] - 1_721_425)
    else:
        try:
            day = _day(fields)
        except ValueError:
            raise DatetimeFieldOverflow(f'date/time field value out of range: "{text}"') from None
    hour = fields.get("HH24", 0)
    if "HH12" in fields:
        if not 1 <= fields["HH12"] <= 12:
            raise InvalidDatetimeFormat(
                f'hour "{fields["HH12"]}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        hour = fields["HH12"] % 12 + 12 * fields.get("PM", 0) if "PM" in fields else fields["HH12"] % 12
    seconds = hour * 3600 + fields.get("MI", 0) * 60 + fields.get("SS", 0) + fields.get("SSSS", 0)
    if hour > 23 or fields.get("MI", 0) > 59 or fields.get("SS", 0) > 59:
        raise DatetimeFieldOverflow(f'date/time field value out of range: "{text}"')
    days = day.toordinal() - _EPOCH.toordinal()
    return (days * 86400 + seconds) * 1_000_000 + fields.get("US", 0)


def _day(fields: dict[str, int]) -> date:
    if "IYYY" in fields:
        return date.fromisocalendar(fields["IYYY"], fields.get("IW", 1), fields.get("ID", 1))
    year = fields.get("YYYY", 1)
    if "DDD" in fields:
        return date(year, 1, 1) + timedelta(days=fields["DDD"] - 1)
    return date(year, fields.get("MM", 1), fields.get("DD", 1))


def make_date(year: int, month: int, day: int) -> int:
    """Days since 1970; of a negative year before Christ."""
    if year < 0 and 1 <= month <= 12 and 1 <= day <= month_length(1 + year, month):
        return days_of(1 + year, month, day)
    try:
        return date(year, month, day).toordinal() - _EPOCH.toordinal()
    except ValueError:
        shown = f"{year}-{month:02d}-{day:02d}"
        raise DatetimeFieldOverflow(f"date field value out of range: {shown}") from None


# ---------------------------------------------------------------- numbers


_NUMBER_TOKEN = re.compile(
    r'"[^"]*"|FM|EEEE|RN|TH|th|MI|PL|SG|PR|[09]|[.,DGSLV]|.', re.IGNORECASE | re.DOTALL
)
_ROMAN = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
          (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]  # fmt: skip


def number_to_char(text: str, pattern: str) -> str:
    value = types.NUMERIC.definition.parse(text)
    words = [w if w[0] == '"' else w.upper() if w != "th" else w for w in _NUMBER_TOKEN.findall(pattern)]
    fill = "FM" in words
    if "RN" in words:
        return _roman(int(value)).rjust(0 if fill else 15)
    if not value.is_finite():
        return "#" * len(pattern)
    if "EEEE" in words:
        return _scientific(value, words)
    return _Picture(words, fill).show(value)


def _roman(value: int) -> str:
    if not 0 < value < 4000:
        return "#" * 15
    out = []
    for size, letters in _ROMAN:
        count, value = divmod(value, size)
        out.append(letters * count)
    return "".join(out)


def _scientific(value: Decimal, words: list[str]) -> str:
    point = next((i for i, w in enumerate(words) if w in (".", "D")), len(words))
    decimals = sum(1 for word in words[point:] if word in "09")
    exponent = value.adjusted() if value else 0
    mantissa = value.scaleb(-exponent).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    shown = f"{mantissa:f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"  # 9.95 gives 10.0, as there
    return shown if value < 0 else " " + shown


class _Picture:
    """A pattern of 9 and 0 with its point, groups and signs."""

    def __init__(self, words: list[str], fill: bool) -> None:
        self.words = [word for word in words if word != "FM"]
        self.small = False
        self.fill = fill
        point = next((i for i, w in enumerate(self.words) if w in (".", "D")), len(self.words))
        self.whole = [w for w in self.words[:point] if w in "09"]
        self.decimals = [w for w in self.words[point:] if w in "09"]
        shift = self.words.index("V") if "V" in self.words else len(self.words)
        self.shifted = sum(1 for w in self.words[shift:] if w in "09")
        self.signed = any(w in ("S", "SG", "MI", "PL", "PR") for w in self.words)

    def show(self, value: Decimal) -> str:
        places = len(self.decimals)
        size = abs(value).scaleb(self.shifted).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        whole, _, decimals = f"{size:f}".partition(".")
        negative = value < 0 and size != 0
        if len(whole) > len(self.whole):
            whole, decimals = "#" * len(self.whole), "#" * places
        digits = self._digits("" if whole == "0" and places and "0" not in self.whole else whole)
        return self._laid_out(digits, decimals, negative)

    def _digits(self, whole: str) -> list[str]:
        """One character per position before the point; a blank where no digit is."""
        missing = len(self.whole) - len(whole)
        zeros = self.whole.index("0") if "0" in self.whole else len(self.whole)
        lead = ["0" if place >= zeros else " " for place in range(missing)]
        return lead + list(whole)

    def _laid_out(self, digits: list[str], decimals: str, negative: bool) -> str:
        out: list[str] = []
        position = after = 0
        started = False
        for word in self.words:
            if word in "09" and position < len(self.whole):
                char = digits[position]
                position += 1
                started = started or char != " "
                out.append(char)
            elif word in "09":
                out.append(self._decimal(decimals, after))
                after += 1
            elif word in (",", "G"):
                out.append("," if started else " ")
            elif word in (".", "D"):
                out.append(".")
            else:
                out.append(self._sign(word, negative))
        text = "".join(out).replace("\2", self._ordinal(digits, negative))
        if self.fill and self.decimals:
            text = self._without_zeros(text, decimals)
        return self._with_sign(text, negative)

    def _decimal(self, decimals: str, place: int) -> str:
        return decimals[place] if place < len(decimals) else ""

    def _without_zeros(self, text: str, decimals: str) -> str:
        """FM drops the zeros that only a 9 asked for."""
        keep = max((i + 1 for i, w in enumerate(self.decimals) if w == "0"), default=0)
        kept = decimals[:keep] + decimals[keep:].rstrip("0")
        head, _, tail = text.partition(".")
        return f"{head}.{kept}{tail[len(decimals):]}"

    def _sign(self, word: str, negative: bool) -> str:
        if word in ("S", "SG", "PR"):
            return {"S": "\0", "SG": "-" if negative else "+", "PR": "\1"}[word]
        if word == "MI":
            return "-" if negative else ("" if self.fill else " ")
        if word == "PL":
            return "+" if not negative else ("" if self.fill else " ")
        if word in ("TH", "th"):
            self.small = word == "th"
            return "\2"
        if word in ("L", "V"):
            return " " if word == "L" else ""
        return word.strip('"')

    def _ordinal(self, digits: list[str], negative: bool) -> str:
        """th, st, nd, rd; a number below zero or with decimals has none."""
        if negative or self.decimals:
            return ""
        number = "".join(digits).strip()
        suffix = {"1": "ST", "2": "ND", "3": "RD"}.get(number[-1:], "TH")
        suffix = "TH" if number[-2:-1] == "1" else suffix
        return suffix.lower() if self.small else suffix

    def _with_sign(self, text: str, negative: bool) -> str:
        if "\0" in text:
            sign = "-" if negative else "+"
            text = text.replace("\0", "", 1) if text[0] != "\0" else text[1:]
            if "S" == self.words[-1]:
                text = text + sign
            else:
                bare = text.lstrip(" ")
                text = " " * (len(text) - len(bare)) + sign + bare
        elif "\1" in text:
            bare = text.replace("\1", "").lstrip(" ")
            lead = " " * (len(text) - 1 - len(bare))
            text = f"{lead}<{bare}>" if negative else f"{lead} {bare} "
        elif not self.signed:
            bare = text.lstrip(" ")
            lead = " " * (len(text) - len(bare))
            text = lead + ("-" if negative else "" if self.fill else " ") + bare
        return text.strip(" ") if self.fill else text


def to_number(text: str, pattern: str) -> str:
    """The digits of the text, read by the pattern's point and sign."""
    decimals = re.split(r"[.D]", pattern.upper(), maxsplit=1)
    cleaned = re.sub(r"[^0-9.+\-<>]", "", text.replace(",", ""))
    negative = "-" in cleaned or "<" in cleaned
    digits = re.sub(r"[^0-9.]", "", cleaned)
    if not digits.strip("."):
        raise InvalidTextRepresentation(f'invalid input syntax for type numeric: "{text}"')
    whole, _, rest = digits.partition(".")
    places = len(re.findall("[09]", decimals[1])) if len(decimals) > 1 else 0
    shown = (whole or "0") + (f".{rest[:places]}" if places and rest[:places] else "")
    return types.NUMERIC.definition.render(Decimal(("-" if negative else "") + shown))
