"""A row as text, (1,"a b",), and as bytes: int32 field count, (int32 type oid, int32 length, bytes)*.

Source: rowtypes.c (record_in, record_out, record_send).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import count
from typing import NoReturn

from sqlvec.errors import InvalidTextRepresentation

_SPACES = " \t\n\r\v\f"


class RecordLiteral:
    """The fields of a record literal; None for NULL (record_in)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self, width: int | None = None) -> list[str | None]:
        """As many fields as there must be; without a width as many as there are."""
        self._skip_spaces()
        if self._next() != "(":
            self._malformed("Missing left parenthesis.")
        self.at += 1
        words: list[str | None] = []
        for place in count() if width is None else range(width):
            if width is None and place and self._next() == ")":
                break
            if place:
                if self._next() != ",":
                    self._malformed("Too few columns.")
                self.at += 1
            words.append(self._word())
        if self._next() != ")":
            self._malformed("Too many columns.")
        self.at += 1
        self._skip_spaces()
        if self.at < len(self.text):
            self._malformed("Junk after right parenthesis.")
        return words

    def _word(self) -> str | None:
        if self._next() in (",", ")"):
            return None
        taken: list[str] = []
        quoted = False
        while quoted or self._next() not in (",", ")"):
            char = self._next()
            if not char:
                self._malformed("Unexpected end of input.")
            self.at += 1
            if char == "\\":
                char = self._next()
                if not char:
                    self._malformed("Unexpected end of input.")
                self.at += 1
                taken.append(char)
            elif char == '"':
                if quoted and self._next() == '"':
                    taken.append(char)
                    self.at += 1
                else:
                    quoted = not quoted
            else:
                taken.append(char)
        return "".join(taken)

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip_spaces(self) -> None:
        while (char := self._next()) and char in _SPACES:
            self.at += 1

    def _malformed(self, detail: str) -> NoReturn:
        raise InvalidTextRepresentation(f'malformed record literal: "{self.text}"', detail=detail)


def quoted_field(text: str) -> str:
    """A field as a record literal has it."""
    if text == "" or any(c in ' ,()"\\' or c.isspace() for c in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    return text


def packed_record(fields: Iterable[tuple[int, bytes | None]]) -> bytes:
    """Of the oid of each field's type and its value in binary, None for NULL."""
    parts = []
    for oid, body in fields:
        parts.append(struct.pack(">Ii", oid, -1 if body is None else len(body)) + (body or b""))
    return struct.pack(">i", len(parts)) + b"".join(parts)
