"""What is wrong with a text that is no JSON, in PostgreSQL's words.

Runs only after the fast parser refused. Source: the lexer and the recursive-descent parser of jsonapi.c.
"""

from __future__ import annotations

import re

from sqlvec.errors import InvalidTextRepresentation, UntranslatableCharacter

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[A-Za-z0-9_\u0080-\U0010ffff]*")
_INTEGER = re.compile(r"0|[1-9][0-9]*")
_FRACTION, _EXPONENT = re.compile(r"\.([0-9]*)"), re.compile(r"[eE][+-]?([0-9]*)")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_END = ""
_LONE_SURROGATE = "Unicode low surrogate must follow a high surrogate."


def check(text: str, *, to_text: bool) -> None:
    """Raises what PostgreSQL raises for the first fault; to_text: escapes must make text (jsonb)."""
    scanner = _Scanner(text, to_text)
    scanner.value()
    if scanner.token != _END:
        raise scanner.expected("end of input")


class _Scanner:
    """One token ahead; token is its text, "" at the end."""

    def __init__(self, text: str, to_text: bool) -> None:
        self.text = text
        self.to_text = to_text
        self.place = 0
        self.token = _END
        self.advance()

    def fault(self, detail: str) -> InvalidTextRepresentation:
        return InvalidTextRepresentation("invalid input syntax for type json", detail=detail)

    def expected(self, what: str) -> InvalidTextRepresentation:
        if self.token == _END:
            return self.fault("The input string ended unexpectedly.")
        return self.fault(f'Expected {what}, but found "{self.token}".')

    # ---------------------------------------------------------------- grammar

    def value(self) -> None:
        if self.token == "{":
            self.members("}", "string", '"," or "}"')
        elif self.token == "[":
            self.members("]", "JSON value", '"," or "]"')
        elif self.token in ("}", "]", ",", ":", _END):
            raise self.expected("JSON value")
        else:
            self.advance()

    def members(self, closing: str, item: str, separator: str) -> None:
        """What follows an opening brace or bracket, with what closes it."""
        self.advance()
        if self.token == closing:
            self.advance()
            return
        first = True
        while True:
            if closing == "}":
                if self.token[:1] != '"':
                    raise self.expected('string or "}"' if first else item)
                self.advance()
                if self.token != ":":
                    raise self.expected('":"')
                self.advance()
            self.value()
            first = False
            if self.token == ",":
                self.advance()
                continue
            if self.token != closing:
                raise self.expected(separator)
            self.advance()
            return

    # ---------------------------------------------------------------- tokens

    def advance(self) -> None:
        start = self._skip(_WHITESPACE, self.place)
        char = self.text[start : start + 1]
        if not char:
            self.place, self.token = start, _END
            return
        if char in "{}[],:":
            stop = start + 1
        elif char == '"':
            stop = self._string(start)
        elif char == "-" or char in "0123456789":
            stop = self._number(start)
        else:
            stop = self._word(start)
        self.place, self.token = stop, self.text[start:stop]

    def _skip(self, pattern: re.Pattern[str], place: int) -> int:
        match = pattern.match(self.text, place)
        return match.end() if match is not None else place

    def _word(self, start: int) -> int:
        stop = max(self._skip(_WORD, start), start + 1)
        word = self.text[start:stop]
        if word not in ("true", "false", "null"):
            raise self.fault(f'Token "{word}" is invalid.')
        return stop

    def _number(self, start: int) -> int:
        """A number, refused together with any letters and digits that follow it."""
        place = start + (self.text[start] == "-")
        stop = self._skip(_INTEGER, place)
        whole = stop > place
        for part in (_FRACTION, _EXPONENT):
            match = part.match(self.text, stop)
            if match is not None:
                whole, stop = whole and match[1] != "", match.end()
        end = self._skip(_WORD, stop)
        if not whole or end > stop:
            raise self.fault(f'Token "{self.text[start:end]}" is invalid.')
        return stop

    def _string(self, start: int) -> int:
        place, high = start + 1, 0
        while True:
            plain = self._skip(_PLAIN, place)
            char = self.text[plain : plain + 1]
            if not char:
                raise self.fault(f'Token "{self.text[start:]}" is invalid.')
            if high and (plain > place or char != "\\"):
                raise self.fault(_LONE_SURROGATE)
            if char == '"':
                return plain + 1
            if char != "\\":
                raise self.fault(f"Character with value 0x{ord(char):02x} must be escaped.")
            place, high = self._escape(start, plain + 1, high)

    def _escape(self, start: int, place: int, high: int) -> tuple[int, int]:
        """Behind the backslash; the place after the escape, and the high surrogate that waits."""
        char = self.text[place : place + 1]
        if not char:
            raise self.fault(f'Token "{self.text[start:]}" is invalid.')
        if char != "u":
            if high:
                raise self.fault(_LONE_SURROGATE)
            if char not in '"\\/bfnrt':
                raise self.fault(f'Escape sequence "\\{char}" is invalid.')
            return place + 1, 0
        match = _HEX4.match(self.text, place + 1)
        if match is None:
            raise self.fault('"\\u" must be followed by four hexadecimal digits.')
        return place + 5, self._unit(int(match[0], 16), high) if self.to_text else 0

    def _unit(self, unit: int, high: int) -> int:
        if 0xD800 <= unit < 0xDC00:
            if high:
                raise self.fault("Unicode high surrogate must not follow a high surrogate.")
            return unit
        if (0xDC00 <= unit < 0xE000) != bool(high):
            raise self.fault(_LONE_SURROGATE)
        if unit == 0:
            raise UntranslatableCharacter(
                "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text."
            )
        return 0
