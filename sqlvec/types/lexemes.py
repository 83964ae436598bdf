"""Lexemes as tsvector and tsquery write them: 'quoted ''so''' or plain, escapes with a backslash (tsvector_parser.c).
"""

from __future__ import annotations

from sqlvec.errors import SyntaxError

BYTES_MAX = 2046
POSITION_MAX = 16_383
POSITIONS_MAX = 256
WEIGHTS = "DCBA"  # by number; a position in a document and its weight share 16 bits
_OPERATORS = frozenset("!&|()<")


def quote(lexeme: str) -> str:
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


class LexemeReader:
    """Reads lexemes of `text` from `place` on. in_query: operators end a lexeme, and positions are not read;
    web: quotes and backslashes mean nothing."""

    def __init__(self, text: str, *, in_query: bool = False, web: bool = False) -> None:
        self.text = text
        self.place = 0
        self.in_query = in_query
        self.web = web

    def next(self) -> str | None:
        """The next lexeme, None at the end. After it, place is behind it."""
        text, size = self.text, len(self.text)
        while self.place < size and text[self.place].isspace():
            self.place += 1
        if self.place >= size:
            return None
        char = text[self.place]
        if char == "'" and not self.web:
            return self._quoted()
        if (self.in_query and char in _OPERATORS) or (self.web and char == '"'):
            raise self._error()
        return self._plain()

    def _plain(self) -> str:
        text, size = self.text, len(self.text)
        found: list[str] = []
        while self.place < size:
            char = text[self.place]
            if char == "\\" and not self.web:
                found.append(self._escaped())
                continue
            ends = char.isspace() or (self.in_query and char in _OPERATORS)
            if found and (ends or char == ":" or (self.web and char == '"')):
                break
            found.append(char)
            self.place += 1
        return "".join(found)

    def _escaped(self) -> str:
        if self.place + 1 >= len(self.text):
            raise SyntaxError(f'there is no escaped character: "{self.text}"')
        self.place += 2
        return self.text[self.place - 1]

    def _quoted(self) -> str:
        text, size = self.text, len(self.text)
        self.place += 1
        found: list[str] = []
        while True:
            if self.place >= size:
                raise self._error()
            char = text[self.place]
            if char == "\\":
                found.append(self._escaped())
                continue
            self.place += 1
            if char == "'":
                if text[self.place : self.place + 1] != "'":
                    break
                self.place += 1
            found.append(char)
        if not found:
            raise self._error()
        return "".join(found)

    def positions(self) -> list[int]:
        """What follows a lexeme of a tsvector: positions with weights, as words of 16 bits."""
        text, size = self.text, len(self.text)
        if text[self.place : self.place + 1] != ":":
            return []
        found: list[int] = []
        expects_number = True
        self.place += 1
        while True:
            char = text[self.place] if self.place < size else ""
            if expects_number:
                found.append(self._position())
                expects_number = False
                continue
            if char == ",":
                expects_number = True
            elif char and char in "aAbBcCdD*":
                if found[-1] >> 14:
                    raise self._error()
                weight = 3 if char == "*" else WEIGHTS.index(char.upper())
                found[-1] |= weight << 14
            elif char == "" or char.isspace():
                return found
            elif not char.isdigit():
                raise self._error()
            self.place += 1

    def _position(self) -> int:
        start = self.place
        while self.place < len(self.text) and self.text[self.place] in "0123456789":
            self.place += 1
        if start == self.place:
            raise self._error()
        number = min(int(self.text[start : self.place]), POSITION_MAX)
        if number == 0:
            raise SyntaxError(f'wrong position info in tsvector: "{self.text}"')
        return number

    def _error(self) -> SyntaxError:
        kind = "tsquery" if self.in_query else "tsvector"
        return SyntaxError(f'syntax error in {kind}: "{self.text}"')
