"""json: the text as given, once it is known to be JSON. jsonb: its canonical text.

jsonb orders keys by length, then bytes; keeps the last of equal keys; prints ", " and ": ". Numbers keep
every digit. Source: jsonb_util.c, jsonb_in_scalar and JsonbToCString.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from sqlvec.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from sqlvec.types.sql_type import TypeDefinition
from sqlvec.types.text import decode_text


class _Exact(float):
    """A JSON number with the digits that it had."""

    def __new__(cls, text: str) -> _Exact:
        number = super().__new__(cls, text)
        number.text = f"{Decimal(text):f}"  # type: ignore[attr-defined]
        return number

    def __repr__(self) -> str:
        return self.text  # type: ignore[attr-defined,no-any-return]


def _reject(constant: str) -> Any:
    raise ValueError(constant)


def load(text: str) -> Any:
    """The document; raises ValueError for what is not JSON."""
    return json.loads(text, parse_float=_Exact, parse_constant=_reject)


class Json(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        self._document(text)
        return text

    def _document(self, text: str) -> Any:
        try:
            return load(text)
        except (ValueError, RecursionError) as error:
            raise InvalidTextRepresentation(
                "invalid input syntax for type json", detail=_why(text, error)
            ) from error

    def render(self, datum: str) -> str:
        return datum

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        return self.parse(decode_text(data))

    def encode(self, datum: str) -> bytes:
        return datum.encode()


def _why(text: str, error: Exception) -> str:
    position = getattr(error, "pos", None)
    if position is None or position >= len(text.rstrip()):
        return "The input string ended unexpectedly."
    token = text[position:].split()[0] if text[position:].split() else ""
    return f'Token "{token[:40]}" is invalid.'


class Jsonb(Json):
    def parse(self, text: str, typmod: int = -1) -> str:
        return canonical(self._document(text))

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        if not len(data) or data[0] != 1:
            version = data[0] if len(data) else 0
            raise InvalidBinaryRepresentation(f"unsupported jsonb version number {version}")
        return self.parse(decode_text(data[1:]))

    def encode(self, datum: str) -> bytes:
        return b"\x01" + datum.encode()


def canonical(value: Any) -> str:
    """The text that PostgreSQL prints for a jsonb value."""
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        inner = ", ".join(f"{quote(key)}: {canonical(item)}" for key, item in items)
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical(item) for item in value) + "]"
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
