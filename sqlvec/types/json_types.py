"""json: the text as given, once it is known to be JSON. jsonb: its canonical text.

jsonb orders keys by length, then bytes; keeps the last of equal keys; prints ", " and ": ". Numbers keep
every digit. Source: jsonb_util.c, jsonb_in_scalar and JsonbToCString.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, Self

import orjson

from sqlvec.errors import (
    InternalError,
    InvalidBinaryRepresentation,
    ProtocolViolation,
    StatementTooComplex,
)
from sqlvec.types import json_grammar
from sqlvec.types.numeric import exact
from sqlvec.types.sql_type import TypeDefinition
from sqlvec.types.text import decode_text

_INTEGER_DIGITS_MAX = 4000  # int() refuses more than 4,300


class _Exact(float):
    """A JSON number with the digits that it had."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        value = exact(text)
        number.text = f"{abs(value) if value.is_zero() else value:f}"
        return number

    def __repr__(self) -> str:
        return self.text


def _integer(text: str) -> int | _Exact:
    return int(text) if len(text) <= _INTEGER_DIGITS_MAX else _Exact(text)


def _reject(constant: str) -> NoReturn:
    raise ValueError(constant)


def load(text: str) -> Any:
    """The document; raises ValueError for what is not JSON."""
    return json.loads(text, parse_float=_Exact, parse_int=_integer, parse_constant=_reject)


class Json(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:  # it refuses some that PostgreSQL takes, such as lone surrogates
            _check(text, to_text=False)
        return text

    def render(self, datum: str) -> str:
        return datum

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        return self.parse(decode_text(data))

    def encode(self, datum: str) -> bytes:
        return datum.encode()


class Jsonb(Json):
    def parse(self, text: str, typmod: int = -1) -> str:
        if "\\u" in text:  # escapes that json takes and text cannot hold
            _check(text, to_text=True)
        try:
            return canonical(load(text))
        except ValueError as error:
            _check(text, to_text=True)
            raise InternalError(f"JSON readers disagree about {text[:80]!r}") from error
        except RecursionError as error:
            raise StatementTooComplex("stack depth limit exceeded") from error

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        if not data:
            raise ProtocolViolation("insufficient data left in message")
        if data[0] != 1:
            raise InvalidBinaryRepresentation(f"unsupported jsonb version number {data[0]}")
        return self.parse(decode_text(data[1:]))

    def encode(self, datum: str) -> bytes:
        return b"\x01" + datum.encode()


def _check(text: str, *, to_text: bool) -> None:
    try:
        json_grammar.check(text, to_text=to_text)
    except RecursionError as error:
        raise StatementTooComplex("stack depth limit exceeded") from error


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
