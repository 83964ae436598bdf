"""Reads the texts of ranges, [1,10) and empty, and of multiranges, {[1,3),[5,7)}: range_parse and multirange_in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from sqlvec.errors import InvalidTextRepresentation

_SPACES = " \t\n\r\v\f"
_EMPTY = "empty"
_END = "Unexpected end of input."
_QUOTED = frozenset('"\\()[],')


def quoted_bound(text: str) -> str:
    if text and _QUOTED.isdisjoint(text) and not any(char in _SPACES for char in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def range_words(text: str) -> tuple[str | None, str | None, str] | None:
    """The texts of both bounds, None where there is none, and the brackets; None for the empty range."""
    body = text.strip(_SPACES)
    if body[:5].lower() == _EMPTY:
        if len(body) > 5:
            _malformed("range", text, 'Junk after "empty" key word.')
        return None
    if body[:1] not in ("[", "("):
        _malformed("range", text, "Missing left parenthesis or bracket.")
    lower, at = _bound(text, body, 1)
    if body[at] != ",":
        _malformed("range", text, "Missing comma after lower bound.")
    upper, at = _bound(text, body, at + 1)
    if body[at] == ",":
        _malformed("range", text, "Too many commas.")
    if at + 1 < len(body):
        _malformed("range", text, "Junk after right parenthesis or bracket.")
    return lower, upper, body[0] + body[at]


def _bound(text: str, body: str, at: int) -> tuple[str | None, int]:
    """The text of a bound that begins there, and the place of the comma or bracket after it."""
    if body[at : at + 1] in (",", ")", "]"):
        return None, at
    taken: list[str] = []
    quoted = False
    while quoted or body[at : at + 1] not in (",", ")", "]"):
        char = body[at : at + 1]
        if char == "\\":
            at += 1
            char = body[at : at + 1]
            taken.append(char)
        elif char == '"' and quoted and body[at + 1 : at + 2] == '"':
            at += 1
            taken.append(char)
        elif char == '"':
            quoted = not quoted
        else:
            taken.append(char)
        if not char:
            _malformed("range", text, _END)
        at += 1
    return "".join(taken), at


def multirange_words(text: str) -> Iterator[str]:
    """The texts of its ranges, without the empty ones; errors come in the order of the text."""
    body = text.strip(_SPACES)
    if body[:1] != "{":
        _malformed("multirange", text, "Missing left brace.")
    at = _skip(body, 1)
    while body[at : at + 1] != "}" or at != _skip(body, 1):
        if body[at : at + 1] in ("[", "("):
            end = _range_end(text, body, at)
            yield body[at:end]
            at = end
        elif body[at : at + 5].lower() == _EMPTY:
            at += 5
        else:
            _malformed("multirange", text, "Expected range start." if at < len(body) else _END)
        at = _skip(body, at)
        if body[at : at + 1] == "}":
            break
        if body[at : at + 1] != ",":
            _malformed("multirange", text, "Expected comma or end of multirange." if at < len(body) else _END)
        at = _skip(body, at + 1)
    if at + 1 < len(body):
        _malformed("multirange", text, "Junk after closing right brace.")


def _range_end(text: str, body: str, at: int) -> int:
    """The place after the bracket that closes the range."""
    quoted = False
    while quoted or body[at : at + 1] not in (")", "]"):
        char = body[at : at + 1]
        if not char:
            _malformed("multirange", text, _END)
        if char == '"':
            quoted = not quoted
        at += 2 if char == "\\" else 1
    return at + 1


def _skip(body: str, at: int) -> int:
    while at < len(body) and body[at] in _SPACES:
        at += 1
    return at


def _malformed(kind: str, text: str, detail: str) -> NoReturn:
    raise InvalidTextRepresentation(f'malformed {kind} literal: "{text}"', detail=detail)
