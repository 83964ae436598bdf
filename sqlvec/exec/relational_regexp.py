"""regexp_count and its kin, the SQL regular expression of substring, and Unicode: for the relational engine to call.

A start counts characters from 1; an occurrence counts matches from the start.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from sqlvec.errors import InvalidParameterValue, SyntaxError
from sqlvec.exec.relational_text import compiled, regexp_replace, similar

_Row = tuple[str, Callable[..., object], list[str], str]


class InvalidUseOfEscapeCharacter(InvalidParameterValue):
    """An SQL regular expression with a wrong number of separators."""

    sqlstate = "2200C"


_FORMS = {"NFC", "NFD", "NFKC", "NFKD"}
_ESCAPE = re.compile(
    r"\\(?:(\\)|\+([0-9A-Fa-f]{6})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{4})|)", re.S
)


def _matches(text: str, pattern: str, start: int, flags: str) -> Iterator[re.Match[str]]:
    if start <= 0:
        raise InvalidParameterValue(f'invalid value for parameter "start": {start}')
    if "g" in flags:
        raise InvalidParameterValue("regexp functions of one match do not support the \"global\" option")
    return compiled(pattern, flags).finditer(text, start - 1)


def _nth(text: str, pattern: str, start: int, occurrence: int, flags: str) -> re.Match[str] | None:
    if occurrence <= 0:
        raise InvalidParameterValue(f'invalid value for parameter "n": {occurrence}')
    for number, match in enumerate(_matches(text, pattern, start, flags), 1):
        if number == occurrence:
            return match
    return None


def count(text: str, pattern: str, start: int, flags: str) -> int:
    return sum(1 for _ in _matches(text, pattern, start, flags))


def _group(match: re.Match[str] | None, number: int) -> int | None:
    """The number of the group that is meant, None where there is none or it took no part."""
    if number < 0:
        raise InvalidParameterValue(f'invalid value for parameter "subexpr": {number}')
    if match is None or number > match.re.groups or match[number] is None:
        return None
    return number


def position(
    text: str, pattern: str, start: int, occurrence: int, end: int, flags: str, subexpression: int
) -> int:
    """regexp_instr: where the match begins, or with end = 1 what follows it; 0 without one."""
    if end not in (0, 1):
        raise InvalidParameterValue(f'invalid value for parameter "endoption": {end}')
    match = _nth(text, pattern, start, occurrence, flags)
    group = _group(match, subexpression)
    if match is None or group is None:
        return 0
    return (match.end(group) if end else match.start(group)) + 1


def substring(
    text: str, pattern: str, start: int, occurrence: int, flags: str, subexpression: int
) -> str | None:
    match = _nth(text, pattern, start, occurrence, flags)
    group = _group(match, subexpression)
    return None if match is None or group is None else str(match[group])


def replace(text: str, pattern: str, new: str, start: int, occurrence: int, flags: str) -> str:
    """regexp_replace from a start: the occurrence alone, 0 for all."""
    if start <= 0:
        raise InvalidParameterValue(f'invalid value for parameter "start": {start}')
    if occurrence < 0:
        raise InvalidParameterValue(f'invalid value for parameter "n": {occurrence}')
    flags = flags.replace("g", "")
    if occurrence == 0:
        return text[: start - 1] + regexp_replace(text[start - 1 :], pattern, new, flags + "g")
    match = _nth(text, pattern, start, occurrence, flags)
    if match is None:
        return text
    return text[: match.start()] + regexp_replace(text[match.start() :], pattern, new, flags)


def sql_substring(text: str, pattern: str, escape: str) -> str | None:
    """What the part of the pattern between two escape-double-quotes matches."""
    parts = pattern.split(escape + '"')
    if len(parts) > 3:
        raise InvalidUseOfEscapeCharacter(
            "SQL regular expression may not contain more than two escape-double-quote separators"
        )
    first, middle, last = (_inside(similar(part, escape)) for part in [*parts, "", ""][:3])
    if len(parts) == 1:
        match = re.fullmatch(first, text, re.S)
        return match and match[0]
    lazy = re.sub(r"(?<!\\)\.\*", ".*?", first)
    match = re.fullmatch(f"(?:{lazy})({middle})(?:{last})", text, re.S)
    return match and match[1]


def _inside(pattern: str) -> str:
    """The expression without its anchors."""
    return pattern.removeprefix("^(?:").removesuffix(")$")


def normalized(text: str, form: str) -> str:
    return unicodedata.normalize(_form(form), text)  # type: ignore[arg-type]


def is_normalized(text: str, form: str) -> bool:
    return unicodedata.is_normalized(_form(form), text)  # type: ignore[arg-type]


def _form(form: str) -> str:
    if form.upper() not in _FORMS:
        raise InvalidParameterValue(f"invalid normalization form: {form}")
    return form.upper()


def unistr(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        digits = match[2] or match[3] or match[4] or match[5]
        if match[1] is None and digits is None:
            raise SyntaxError(
                "invalid Unicode escape",
                hint="Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.",
            )
        return "\\" if digits is None else chr(int(digits, 16))

    return _ESCAPE.sub(replaced, text)


_TEXT, _LONG, _BOOL = "VARCHAR", "BIGINT", "BOOLEAN"
FUNCTIONS: list[_Row] = [
    ("regexp_count", count, [_TEXT, _TEXT, _LONG, _TEXT], _LONG),
    ("regexp_instr", position, [_TEXT, _TEXT, _LONG, _LONG, _LONG, _TEXT, _LONG], _LONG),
    ("regexp_substr", substring, [_TEXT, _TEXT, _LONG, _LONG, _TEXT, _LONG], _TEXT),
    ("regexp_like", lambda text, pattern, flags: bool(compiled(pattern, flags).search(text)),
     [_TEXT, _TEXT, _TEXT], _BOOL),
    ("regexp_replace_from", replace, [_TEXT, _TEXT, _TEXT, _LONG, _LONG, _TEXT], _TEXT),
    ("sql_substring", sql_substring, [_TEXT, _TEXT, _TEXT], _TEXT),
    ("normalize", normalized, [_TEXT, _TEXT], _TEXT),
    ("is_normalized", is_normalized, [_TEXT, _TEXT], _BOOL),
    ("unistr", unistr, [_TEXT], _TEXT),
]  # fmt: skip
