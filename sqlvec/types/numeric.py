"""numeric: datum decimal.Decimal, with its scale (NaN and infinities included).

Arrow: decimal128(p, s) for numeric(p,s) with p <= 38, else the text.
Binary format: int16 ndigits, weight, sign, dscale, then base-10000 digits (numeric_send in numeric.c).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, InvalidOperation

import pyarrow as pa

from sqlvec.errors import (
    FeatureNotSupported,
    InvalidBinaryRepresentation,
    NumericValueOutOfRange,
    ProtocolViolation,
)
from sqlvec.types.sql_type import TypeDefinition

_NUMBER = re.compile(
    r"\s*(?:[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)|nan)\s*\Z",
    re.ASCII | re.IGNORECASE,
)
_HEADER = struct.Struct(">HhHH")
_POSITIVE, _NEGATIVE, _NAN, _PLUS_INFINITY, _MINUS_INFINITY = 0, 0x4000, 0xC000, 0xD000, 0xF000
WHOLE_DIGITS_MAX, FRACTION_DIGITS_MAX = 131_072, 16_383
_INFINITE_SCALE = 32  # what numeric_send puts beside an infinity
# Wide enough for every numeric, with exponents that only the checks below refuse.
_SIGNS = {_POSITIVE: "", _NEGATIVE: "-", _NAN: "NaN", _PLUS_INFINITY: "inf", _MINUS_INFINITY: "-inf"}
_WIDE = Context(prec=WHOLE_DIGITS_MAX + FRACTION_DIGITS_MAX + 1, Emax=MAX_EMAX, Emin=MIN_EMIN)
ARROW_PRECISION_MAX = 38


def precision_scale(typmod: int) -> tuple[int, int]:
    """Of numeric(p,s); the scale may be negative (PostgreSQL 15)."""
    value = typmod - 4
    scale = value & 0x7FF
    return (value >> 16) & 0xFFFF, scale - 2048 if scale > 1023 else scale


def trimmed(value: Decimal) -> Decimal:
    """Without zeros at the end of the fraction."""
    if not value.is_finite():
        return value
    short = value.normalize(_WIDE)
    exponent = short.as_tuple().exponent
    scaled = isinstance(exponent, int) and exponent > 0
    return short.quantize(Decimal(1), context=_WIDE) if scaled else short


def exact(text: str) -> Decimal:
    """The value of a number's text, never with a positive exponent; 22003 beyond numeric's limits."""
    try:
        value = _WIDE.create_decimal(text)
    except InvalidOperation as error:
        raise NumericValueOutOfRange("value overflows numeric format") from error
    if not value.is_finite():
        return value
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if -exponent > FRACTION_DIGITS_MAX or (value and value.adjusted() >= WHOLE_DIGITS_MAX):
        raise NumericValueOutOfRange("value overflows numeric format")
    if value.is_zero():
        value = value.copy_abs()
    return value.quantize(Decimal(1), context=_WIDE) if exponent > 0 else value


class Numeric(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        precision, scale = precision_scale(typmod)
        return f"({precision},{scale})"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        if typmod >= 0:
            precision, scale = precision_scale(typmod)
            if precision <= ARROW_PRECISION_MAX and scale >= 0:
                return pa.decimal128(max(precision, scale), scale)
        return pa.string()

    def to_arrow(self, datums: Sequence[Decimal | None], typmod: int = -1) -> pa.Array:
        arrow = self.arrow(typmod)
        if pa.types.is_string(arrow):
            return pa.array([None if d is None else self.render(d) for d in datums], arrow)
        if any(datum is not None and datum.is_nan() for datum in datums):
            raise FeatureNotSupported(
                "numeric with a precision cannot hold NaN", hint="A column of type numeric can."
            )
        return pa.array(datums, arrow)

    def from_arrow(self, array: pa.Array) -> list[Decimal | None]:
        values = array.to_pylist()
        if pa.types.is_string(array.type) or pa.types.is_floating(array.type):
            return [None if v is None else Decimal(str(v)) for v in values]
        if pa.types.is_integer(array.type):
            return [None if v is None else Decimal(v) for v in values]
        return values  # type: ignore[no-any-return]

    def parse(self, text: str, typmod: int = -1) -> Decimal:
        if not _NUMBER.match(text):
            raise self.invalid(text)
        value = exact(text.strip())
        return self.apply_typmod(value, typmod) if typmod >= 0 else value

    def render(self, datum: Decimal) -> str:
        if datum.is_finite():
            text = f"{datum:f}"
            return text[1:] if datum.is_zero() and text[0] == "-" else text
        if datum.is_nan():
            return "NaN"
        return "Infinity" if datum > 0 else "-Infinity"

    def apply_typmod(self, datum: Decimal, typmod: int, explicit: bool = False) -> Decimal:
        if typmod < 0 or datum.is_nan():
            return datum
        precision, scale = precision_scale(typmod)
        if datum.is_infinite():
            raise NumericValueOutOfRange(
                "numeric field overflow",
                detail=f"A field with precision {precision}, scale {scale} "
                "cannot hold an infinite value.",
            )
        rounded = datum.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, context=_WIDE)
        if rounded and rounded.adjusted() >= precision - scale:
            limit = f"10^{precision - scale}" if precision - scale else "1"
            raise NumericValueOutOfRange(
                "numeric field overflow",
                detail=f"A field with precision {precision}, scale {scale} must round to an "
                f"absolute value less than {limit}.",
            )
        return rounded if scale >= 0 else rounded.quantize(Decimal(1), context=_WIDE)

    def encode(self, datum: Decimal) -> bytes:
        if not datum.is_finite():
            if datum.is_nan():
                return _HEADER.pack(0, 0, _NAN, 0)
            sign = _PLUS_INFINITY if datum > 0 else _MINUS_INFINITY
            return _HEADER.pack(0, 0, sign, _INFINITE_SCALE)
        whole, _, fraction = f"{datum.copy_abs():f}".partition(".")
        whole = whole.lstrip("0")
        digits = whole.zfill(-(-len(whole) // 4) * 4) if whole else ""
        weight = len(digits) // 4 - 1
        digits += fraction.ljust(-(-len(fraction) // 4) * 4, "0")
        groups = [int(digits[i : i + 4]) for i in range(0, len(digits), 4)]
        while groups and groups[-1] == 0:
            groups.pop()
        first = next((i for i, group in enumerate(groups) if group), 0)
        weight = weight - first if groups else 0
        groups = groups[first:]
        sign = _NEGATIVE if datum < 0 else _POSITIVE
        header = _HEADER.pack(len(groups), weight, sign, len(fraction))
        return header + struct.pack(f">{len(groups)}H", *groups)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Decimal:
        if len(data) < _HEADER.size:
            raise ProtocolViolation("insufficient data left in message")
        count, weight, sign, scale = _HEADER.unpack_from(data)
        if sign not in _SIGNS:
            raise InvalidBinaryRepresentation('invalid sign in external "numeric" value')
        if scale & ~FRACTION_DIGITS_MAX:
            raise InvalidBinaryRepresentation('invalid scale in external "numeric" value')
        if len(data) < _HEADER.size + 2 * count:
            raise ProtocolViolation("insufficient data left in message")
        self.require_length(data, _HEADER.size + 2 * count)
        groups = struct.unpack_from(f">{count}H", data, _HEADER.size)
        if any(group > 9999 for group in groups):
            raise InvalidBinaryRepresentation('invalid digit in external "numeric" value')
        if sign not in (_POSITIVE, _NEGATIVE):
            return self.apply_typmod(_WIDE.create_decimal(_SIGNS[sign]), typmod)
        digits = "".join([f"{group:04d}" for group in groups])
        whole_length = 4 * (weight + 1)
        if whole_length < 0:
            digits, whole_length = "0" * -whole_length + digits, 0
        whole = digits[:whole_length].ljust(whole_length, "0")
        fraction = digits[whole_length : whole_length + scale].ljust(scale, "0")
        return self.apply_typmod(exact(f"{_SIGNS[sign]}{whole or 0}.{fraction}"), typmod)
