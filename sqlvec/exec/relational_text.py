"""Text functions and regular expressions that the relational engine calls back for.

PostgreSQL's advanced regular expressions are translated to Python's re. They differ where alternatives of
one start have different lengths: PostgreSQL takes the longest, re the first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import AnyStr

from sqlvec import types
from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.names import roles
from sqlvec.errors import (
    InvalidEscapeSequence,
    InvalidParameterValue,
    NullValueNotAllowed,
    ProgramLimitExceeded,
)
from sqlvec.exec.relational_errors import InvalidRegularExpression, SubstringError
from sqlvec.types import SqlType

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f",
    "print": r"\x20-\x7e", "graph": r"\x21-\x7e", "cntrl": r"\x00-\x1f\x7f", "word": r"\w",
}  # fmt: skip
_ESCAPES = {"m": r"\b(?=\w)", "M": r"\b(?<=\w)", "y": r"\b", "Y": r"\B", "A": r"\A", "Z": r"\Z"}


# ---------------------------------------------------------------- regular expressions


@lru_cache(maxsize=512)
def compiled(pattern: str, flags: str = "") -> re.Pattern[str]:
    """The pattern with PostgreSQL's flags i, n/m, p, w, s, x, q, c; 2201B when it is malformed."""
    options = 0
    for flag in flags:
        if flag == "i":
            options |= re.IGNORECASE
        elif flag in "nm":
            options |= re.MULTILINE
        elif flag == "x":
            options |= re.VERBOSE
        elif flag not in "gcsqpwt":
            raise InvalidParameterValue(f'invalid regular expression option: "{flag}"')
    if not options & re.MULTILINE:
        options |= re.DOTALL
    translated = re.escape(pattern) if "q" in flags else _translated(pattern)
    try:
        return re.compile(translated, options)
    except re.error as error:
        raise InvalidRegularExpression(f"invalid regular expression: {_complaint(error)}") from None


def _complaint(error: re.error) -> str:
    text = str(error)
    if "parenthesis" in text or "subpattern" in text:
        return "parentheses () not balanced"
    if "character set" in text:
        return "brackets [] not balanced"
    if "nothing to repeat" in text or "multiple repeat" in text:
        return "quantifier operand invalid"
    return "invalid escape \\ sequence" if "escape" in text else text


def _translated(pattern: str) -> str:
    if pattern.startswith("***="):
        return re.escape(pattern[4:])
    if pattern.startswith("***:"):
        pattern = pattern[4:]
    out = []
    place = 0
    while place < len(pattern):
        char = pattern[place]
        if char == "\\" and place + 1 < len(pattern):
            letter = pattern[place + 1]
            out.append(_ESCAPES.get(letter, char + letter))
            place += 2
        elif char == "[":
            piece, place = _bracket(pattern, place)
            out.append(piece)
        elif char == "$" and place == len(pattern) - 1:
            out.append(r"\Z")
            place += 1
        else:
            out.append(char)
            place += 1
    text = "".join(out)
    return text if "\\Z" in text or "$" not in text else text.replace("$", r"\Z")


def _bracket(pattern: str, place: int) -> tuple[str, int]:
    """A bracket expression, its classes spelled out; and where it ends."""
    out = ["["]
    place += 1
    if pattern[place : place + 1] == "^":
        out.append("^")
        place += 1
    first = True
    while place < len(pattern):
        char = pattern[place]
        if char == "]" and not first:
            return "".join(out) + "]", place + 1
        first = False
        if char == "[" and pattern[place + 1 : place + 2] == ":":
            end = pattern.find(":]", place)
            name = pattern[place + 2 : end] if end > 0 else ""
            if name not in _CLASSES:
                raise InvalidRegularExpression("invalid regular expression: invalid character class")
            out.append(_CLASSES[name])
            place = end + 2
        elif char == "\\" and place + 1 < len(pattern):
            out.append(pattern[place : place + 2])
            place += 2
        else:
            out.append("\\" + char if char in "[]" else char)
            place += 1
    raise InvalidRegularExpression("invalid regular expression: brackets [] not balanced")


def regex(text: str, pattern: str, ignore_case: bool) -> bool:
    return compiled(pattern, "i" if ignore_case else "").search(text) is not None


def regexp_replace(text: str, pattern: str, replacement: str, flags: str) -> str:
    found = compiled(pattern, flags)

    def expanded(match: re.Match[str]) -> str:
        def piece(escape: re.Match[str]) -> str:
            letter = escape[1]
            if letter == "&":
                return match[0]
            if letter.isdigit():
                return (match[int(letter)] or "") if int(letter) <= found.groups else ""
            return "\\" if letter == "\\" else escape[0]

        return re.sub(r"\\(.)", piece, replacement, flags=re.DOTALL)

    return found.sub(expanded, text, count=0 if "g" in flags else 1)


def _groups(match: re.Match[str]) -> list[str | None]:
    return list(match.groups()) if match.re.groups else [match[0]]


def regexp_match(text: str, pattern: str, flags: str) -> list[str | None] | None:
    match = compiled(pattern, flags).search(text)
    return _groups(match) if match else None


_PRIVILEGES = {
    "a": "INSERT", "r": "SELECT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES",
    "t": "TRIGGER", "X": "EXECUTE", "U": "USAGE", "C": "CREATE", "T": "TEMPORARY", "c": "CONNECT",
    "s": "SET", "A": "ALTER SYSTEM",
}  # fmt: skip


def _granted(items: list[str | None]) -> Iterator[tuple[str, str, str, bool]]:
    """grantee, grantor, privilege and grant option of grantee=rw*/grantor."""
    for item in items:
        grantee, _, rest = (item or "").rpartition("=")
        letters, _, grantor = rest.partition("/")
        for letter in letters.replace("*", ""):
            yield grantee, grantor, _PRIVILEGES[letter], f"{letter}*" in letters


def acl_privileges(items: list[str | None]) -> list[str]:
    """aclexplode: a row a privilege."""
    return [privilege for _, _, privilege, _ in _granted(items)]


def acl_numbers(items: list[str | None], column: str) -> list[int]:
    """Oids of the roles, 0 for everyone; 1 or 0 for the grant option."""
    known = roles()
    place = {"grantee": 0, "grantor": 1, "grantable": 3}[column]
    found = [row[place] for row in _granted(items)]
    return [int(v) if isinstance(v, bool) else known.get(v.strip('"'), 0) for v in found]  # type: ignore[attr-defined]


def regexp_matches(text: str, pattern: str, flags: str) -> list[list[str | None]]:
    found = compiled(pattern, flags)
    if "g" in flags:
        return [_groups(match) for match in found.finditer(text)]
    match = found.search(text)
    return [_groups(match)] if match else []


def regexp_split(text: str, pattern: str, flags: str) -> list[str]:
    """An empty match splits only between characters."""
    parts, start = [], 0
    for match in compiled(pattern, flags).finditer(text):
        if match.end() == match.start() and match.start() in (0, start, len(text)):
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    return [*parts, text[start:]]


def regexp_substring(text: str, pattern: str) -> str | None:
    match = compiled(pattern).search(text)
    if match is None:
        return None
    return match[1] if match.re.groups else match[0]


def similar(pattern: str, escape: str) -> str:
    """SIMILAR TO's pattern as a regular expression."""
    out = []
    place = 0
    bracket = False
    while place < len(pattern):
        char = pattern[place]
        if escape and char == escape and place + 1 < len(pattern):
            out.append("\\" + pattern[place + 1])
            place += 2
            continue
        if bracket:
            bracket = char != "]"
            out.append(char)
        elif char in "%_":
            out.append(".*" if char == "%" else ".")
        elif char in "\\.^$":
            out.append("\\" + char)
        else:
            bracket = char == "["
            out.append(char)
        place += 1
    return f"^(?:{''.join(out)})$"


def like_escape(pattern: str, escape: str) -> str:
    """The pattern with backslash as its escape, before % _ and itself only."""
    if len(escape) > 1:
        raise InvalidEscapeSequence("invalid escape string", hint="Escape string must be empty or one character.")
    out = []
    place = 0
    while place < len(pattern):
        char = pattern[place]
        if escape and char == escape:
            place += 1
            if place == len(pattern):
                raise InvalidEscapeSequence("LIKE pattern must not end with escape character")
            char = pattern[place]
            out.append("\\" + char if char in "%_\\" else char)
        else:
            out.append("\\\\" if char == "\\" else char)
        place += 1
    return "".join(out)


# ---------------------------------------------------------------- text


def split_part(text: str, delimiter: str, field: int) -> str:
    if field == 0:
        raise InvalidParameterValue("field position must not be zero")
    parts = text.split(delimiter) if delimiter else [text]
    place = field - 1 if field > 0 else field
    return parts[place] if -len(parts) <= place < len(parts) else ""


def pad(text: str, length: int, fill: str, left: bool) -> str:
    length = max(length, 0)
    if len(text) >= length or not fill:
        return text[:length]
    missing = length - len(text)
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return padding + text if left else text + padding


def overlay(text: str, new: str, start: int, count: int | None) -> str | None:
    if text is None or new is None or start is None:
        return None
    if start <= 0:
        raise SubstringError("negative substring length not allowed")
    removed = len(new) if count is None else count
    return text[: start - 1] + new + text[max(0, start - 1 + removed) :]


def initcap(text: str) -> str:
    return re.sub(r"[^\W_]+", lambda m: m[0][0].upper() + m[0][1:].lower(), text)


def character(code: int) -> str:
    if code == 0:
        raise ProgramLimitExceeded("null character not permitted")
    if code < 0:
        raise InvalidParameterValue("character number must be positive")
    if not 0 < code < 0x110000:
        raise ProgramLimitExceeded(f"requested character too large for encoding: {code}")
    return chr(code)


def string_to_array(text: str | None, delimiter: str | None, null: str | None) -> list[str | None] | None:
    if text is None:
        return None
    if text == "":
        return []
    parts = list(text) if delimiter is None else text.split(delimiter) if delimiter else [text]
    return [None if part == null else part for part in parts]


def _join_pairs(
    empty: AnyStr, pairs: Sequence[Sequence[AnyStr | None] | None] | None
) -> AnyStr | None:
    """string_agg whose delimiter differs from row to row: each stands before its value. Of a pair the value comes first."""
    found = [pair for pair in pairs or () if pair is not None]
    if not found:
        return None
    first = found[0][0] or empty
    return first + empty.join(
        (delimiter or empty) + (value or empty) for value, delimiter in found[1:]
    )


join_pairs, join_byte_pairs = partial(_join_pairs, ""), partial(_join_pairs, b"")


def quote_literal(text: str) -> str:
    quoted = quote_string(text)
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def encode(data: bytes, form: str) -> str:
    lowered = form.lower()
    if lowered == "hex":
        return data.hex()
    if lowered == "base64":
        text = base64.b64encode(data).decode()
        return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    if lowered == "escape":
        return "".join(_escaped(byte) for byte in data)
    raise InvalidParameterValue(f'unrecognized encoding: "{form}"')


def _escaped(byte: int) -> str:
    if byte == 0 or byte >= 128:
        return f"\\{byte:03o}"
    return "\\\\" if byte == 92 else chr(byte)


def decode(text: str, form: str) -> bytes:
    lowered = form.lower()
    if lowered == "hex":
        return _from_hex(text)
    if lowered == "base64":
        try:
            return base64.b64decode(re.sub(r"\s", "", text), validate=True)
        except binascii.Error:
            raise InvalidParameterValue(
                "invalid base64 end sequence",
                hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
            ) from None
    if lowered == "escape":
        return types.BYTEA.definition.parse(text)  # type: ignore[no-any-return]
    raise InvalidParameterValue(f'unrecognized encoding: "{form}"')


def _from_hex(text: str) -> bytes:
    digits = re.sub(r"\s", "", text)
    for char in digits:
        if char not in "0123456789abcdefABCDEF":
            raise InvalidParameterValue(f'invalid hexadecimal digit: "{char}"')
    if len(digits) % 2:
        raise InvalidParameterValue("invalid hexadecimal data: odd number of digits")
    return bytes.fromhex(digits)


def fit(text: str, oid: int, typmod: int, explicit: bool) -> str:
    """text as varchar(n) or char(n); 22001 where the cast is not explicit."""
    return SqlType(oid).definition.apply_typmod(text, typmod, explicit)  # type: ignore[no-any-return]


def record_text(fields: Sequence[str | None]) -> str:
    return "(" + ",".join(_field(field) for field in fields) + ")"


def _field(text: str | None) -> str:
    if text is None:
        return ""
    if text == "" or re.search(r'[\s"\\(),]', text):
        doubled = text.replace("\\", "\\\\").replace('"', '""')
        return f'"{doubled}"'
    return text


_FORMAT = re.compile(r"%(?:(\d+)\$)?(-?)(?:(\d+)|(\*)(?:(\d+)\$)?)?(.)?", re.DOTALL)


def format_text(pattern: str, args: Sequence[str | None]) -> str:
    """format(): %s, %I, %L, with position, width and '-'."""
    out = []
    place = next_arg = 0
    for match in _FORMAT.finditer(pattern):
        out.append(pattern[place : match.start()])
        place = match.end()
        position, left, width, star, star_position, kind = match.groups()
        if match[0] == "%%":
            out.append("%")
            continue
        if kind is None:
            raise InvalidParameterValue(
                "unterminated format() type specifier", hint='For a single "%" use "%%".'
            )
        if star:
            index = int(star_position) - 1 if star_position else next_arg
            width = _argument(args, index) or "0"
            next_arg = index + 1
        index = int(position) - 1 if position else next_arg
        next_arg = index + 1
        piece = _formatted(_argument(args, index), kind)
        size = int(width or 0)
        piece = piece.ljust(abs(size)) if left or size < 0 else piece.rjust(size)
        out.append(piece)
    return "".join(out) + pattern[place:]


def _argument(args: Sequence[str | None], index: int) -> str | None:
    if index < 0:
        raise InvalidParameterValue("format specifies argument 0, but arguments are numbered from 1")
    if index >= len(args):
        raise InvalidParameterValue("too few arguments for format()")
    return args[index]


def _formatted(value: str | None, kind: str) -> str:
    if kind == "s":
        return value or ""
    if kind == "I":
        if value is None:
            raise NullValueNotAllowed("null values cannot be formatted as an SQL identifier")
        return quote_identifier(value)
    if kind == "L":
        return "NULL" if value is None else quote_literal(value).lstrip()
    raise InvalidParameterValue(
        f'unrecognized format() type specifier "{kind}"', hint='For a single "%" use "%%".'
    )
