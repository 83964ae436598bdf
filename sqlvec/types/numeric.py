"""numeric: datum decimal.Decimal, with its scale (NaN and infinities included).

Arrow: decimal128(p, s) for numeric(p,s) with p <= 38, else the text.
Binary format: int16 ndigits, weight, sign, dscale, then base-10000 digits (numeric_send in numeric.c).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa

from sqlvec.errors import InvalidBinaryRepresentation, NumericValueOutOfRange
from sqlvec.types.sql_type import TypeDefinition

_NUMBER = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)\s*\Z", re.ASCII | re.IGNORECASE
)
_HEADER = struct.Struct(">HhHH")
_POSITIVE, _NEGATIVE, _NAN, _PLUS_INFINITY, _MINUS_INFINITY = 0, 0x4000, 0xC000, 0xD000, 0xF000
_WIDE = Context(prec=2000)
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
    return short.quantize(Decimal(1), context=_WIDE) if isinstance(exponent, int) and exponent > 0 else short


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
        value = Decimal(text.strip())
        if value.is_finite() and value.as_tuple().exponent > 0:  # type: ignore[operator]
            value = value.quantize(Decimal(1), context=_WIDE)
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
                detail=f"A field with precision {precision}, scale {scale} cannot hold an infinite value.",
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
            sign = _NAN if datum.is_nan() else (_PLUS_INFINITY if datum > 0 else _MINUS_INFINITY)
            return _HEADER.pack(0, 0, sign, 0)
        negative, digits, exponent = datum.as_tuple()
        assert isinstance(exponent, int)
        scale = max(0, -exponent)
        number = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        number *= 10 ** (-scale % 4)
        groups = []
        while number:
            number, group = divmod(number, 10000)
            groups.append(group)
        weight = len(groups) - 1 - (scale + 3) // 4
        groups.reverse()
        while groups and groups[-1] == 0:
            groups.pop()
        if not groups:
            negative, weight = 0, 0
        header = _HEADER.pack(len(groups), weight, _NEGATIVE if negative else _POSITIVE, scale)
        return header + struct.pack(f">{len(groups)}H", *groups)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Decimal:
        if len(data) < _HEADER.size:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        count, weight, sign, scale = _HEADER.unpack_from(data)
        if sign not in (_POSITIVE, _NEGATIVE):
            special = {_NAN: "NaN", _PLUS_INFINITY: "Infinity", _MINUS_INFINITY: "-Infinity"}
            if sign not in special:
                raise InvalidBinaryRepresentation('invalid sign in external "numeric" value')
            return Decimal(special[sign])
        self.require_length(data, _HEADER.size + 2 * count)
        number = 0
        for group in struct.unpack_from(f">{count}H", data, _HEADER.size):
            if group > 9999:
                raise InvalidBinaryRepresentation('invalid digit in external "numeric" value')
            number = number * 10000 + group
        value = Decimal(number).scaleb(4 * (weight - count + 1), context=_WIDE)
        value = value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
        return self.apply_typmod(-value if sign == _NEGATIVE else value, typmod)
