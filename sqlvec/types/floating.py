"""float4, float8: datum float. Text is the shortest that reads back the same (extra_float_digits 1)."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.errors import NumericValueOutOfRange
from sqlvec.types.sql_type import TypeDefinition

_NUMBER = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)\s*\Z",
    re.ASCII | re.IGNORECASE,
)
_HEXADECIMAL = re.compile(
    r"\s*[+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?\d+)?\s*\Z", re.ASCII | re.IGNORECASE
)
_NOT_ZERO = frozenset("123456789")


class Float(TypeDefinition):
    def __init__(self, oid: int, name: str, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.single = fields["length"] == 4
        self.packer = struct.Struct(">f" if self.single else ">d")
        self.encode = self.packer.pack  # type: ignore[method-assign, assignment]

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.float32() if self.single else pa.float64()

    def parse(self, text: str, typmod: int = -1) -> float:
        if not _NUMBER.match(text):
            return self._parse_hexadecimal(text)
        value = float(text)
        if self.single:
            return self._narrowed(value, text)
        if math.isinf(value) and "n" not in text.lower():
            raise self._out_of_range(text)
        if value == 0.0 and not _NOT_ZERO.isdisjoint(text.lower().split("e")[0]):
            raise self._out_of_range(text)
        return value

    def _parse_hexadecimal(self, text: str) -> float:
        """What C's strtod takes beyond decimal numbers."""
        if not _HEXADECIMAL.match(text):
            raise self.invalid(text)
        try:
            value = float.fromhex(text)
        except OverflowError as error:
            raise self._out_of_range(text) from error
        return self._narrowed(value, text) if self.single else value

    def _narrowed(self, value: float, text: str) -> float:
        if not math.isfinite(value):
            if "n" not in text.lower():
                raise self._out_of_range(text)
            return value
        with np.errstate(over="ignore", under="ignore"):
            narrowed = float(np.float32(value))
        vanished = narrowed == 0.0 and (
            value != 0.0 or not _NOT_ZERO.isdisjoint(text.lower().split("e")[0])
        )
        if math.isinf(narrowed) or vanished:
            raise self._out_of_range(text)
        return narrowed

    def _out_of_range(self, text: str) -> NumericValueOutOfRange:
        return NumericValueOutOfRange(
            f'"{text.strip()}" is out of range for type {self.display_name}'
        )

    def render(self, datum: float) -> str:
        return render_float4(datum) if self.single else render_float8(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> float:
        self.require_length(data, self.packer.size)
        value: float = self.packer.unpack(data)[0]
        return value


def render_float8(value: float) -> str:
    """As float8out: fixed notation for exponents -5 < e < 15, else d.ddde+nn."""
    if value == value // 1 and abs(value) < 1e15:
        return f"{value:.0f}" if value or math.copysign(1, value) > 0 else "-0"
    return _shape(repr(value), 15)


def render_float4(value: float) -> str:
    """As float4out: shortest for single precision, fixed notation for exponents -5 < e < 6."""
    if value == value // 1 and abs(value) < 1e6:
        return f"{value:.0f}" if value or math.copysign(1, value) > 0 else "-0"
    return _shape(str(np.float32(value)), 6)


def _shape(text: str, fixed_digits: int) -> str:
    """Rewrites the digits of Python's shortest form in PostgreSQL's notation."""
    if text[-1] in "nf":
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text]
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, _, exponent_text = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(exponent_text or 0) + len(whole) - 1
    digits = (whole + fraction).rstrip("0")
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    if not stripped:
        return sign + "0"
    if -5 < exponent < fixed_digits:
        return sign + _fixed(stripped, exponent)
    tail = "." + stripped[1:] if len(stripped) > 1 else ""
    return f"{sign}{stripped[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _fixed(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
