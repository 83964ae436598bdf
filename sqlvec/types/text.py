"""text, varchar(n), char(n), name, "char" and unknown: datum str.

Text of a client is UTF-8 without NUL; lengths are counted in characters, name's in bytes.
Source: varlena.c, varchar.c, name.c, char.c.
"""

from __future__ import annotations

import re

from sqlvec.errors import CharacterNotInRepertoire, StringDataRightTruncation
from sqlvec.types.sql_type import TypeDefinition

NAME_BYTES_MAX = 63
_OCTAL = re.compile(rb"\\([0-3][0-7][0-7])\Z")


def decode_text(data: bytes | memoryview) -> str:
    """UTF-8 without NUL, or 22021 as pg_verify_mbstr words it."""
    raw = bytes(data)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        nul = raw.find(b"\0", 0, error.start)
        raise CharacterNotInRepertoire.at(raw, error.start if nul < 0 else nul) from error
    if "\0" in text:
        raise CharacterNotInRepertoire.at(raw, raw.index(b"\0"))
    return text


class Text(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        return self.apply_typmod(text, typmod)

    def render(self, datum: str) -> str:
        return datum

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        return self.apply_typmod(decode_text(data), typmod)

    def encode(self, datum: str) -> bytes:
        return datum.encode()


class VarChar(Text):
    """varchar(n): typmod is n + 4. Blanks beyond n are cut, anything else is an error, or cut by a cast."""

    def modifiers(self, typmod: int) -> str:
        return f"({typmod - 4})"

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        limit = typmod - 4
        if typmod < 0 or len(datum) <= limit:
            return datum
        if not explicit and datum[limit:].strip(" "):
            raise StringDataRightTruncation(f"value too long for type {self.display_name}({limit})")
        return datum[:limit]


class Character(VarChar):
    """char(n): padded with blanks to n."""

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if typmod < 0:
            return datum
        return super().apply_typmod(datum, typmod, explicit).ljust(typmod - 4)


class Name(Text):
    """name: at most 63 bytes."""

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        raw = datum.encode()
        return datum if len(raw) <= NAME_BYTES_MAX else raw[:NAME_BYTES_MAX].decode(errors="ignore")


class SingleChar(TypeDefinition):
    r""" "char": one byte as the character of that number, "" for NUL. Bytes beyond ASCII show as \ooo."""

    def parse(self, text: str, typmod: int = -1) -> str:
        raw = text.encode()
        match = _OCTAL.match(raw)
        return self._datum(int(match[1], 8) if match is not None else raw[0] if raw else 0)

    def render(self, datum: str) -> str:
        return datum if datum < "\x80" else f"\\{ord(datum):03o}"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        self.require_length(data, 1)
        return self._datum(data[0])

    def encode(self, datum: str) -> bytes:
        return bytes([ord(datum) if datum else 0])

    def _datum(self, byte: int) -> str:
        return chr(byte) if byte else ""
