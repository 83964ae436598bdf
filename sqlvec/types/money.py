"""money: datum int, cents. Text as lc_monetary C has it, $1,234.56; binary int64. Source: cash.c."""

from __future__ import annotations

import re
import struct

import pyarrow as pa

from sqlvec.errors import NumericValueOutOfRange
from sqlvec.types.sql_type import TypeDefinition

_NEGATIVE = ("-", "(")
_LOW, _HIGH = -(2**63), 2**63 - 1
_HEAD = re.compile(r"\s*\$?\s*([-(+]?)\s*\$?\s*", re.ASCII)
# Digits with thousands separators, up to two decimals; what follows of digits only rounds.
_NUMBER = re.compile(r"([\d,]*)(?:\.((?:,*\d){0,2}),*)?(\d*)([\s)$+-]*)\Z", re.ASCII)


class Money(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.int64()

    def parse(self, text: str, typmod: int = -1) -> int:
        head = _HEAD.match(text)
        assert head is not None, text
        number = _NUMBER.match(text, head.end())
        if number is None:
            raise self.invalid(text)
        whole, decimals, rest, tail = number.groups("")
        digits = whole.replace(",", "") + decimals.replace(",", "").ljust(2, "0")
        cents = int(digits) + (rest[:1] >= "5")
        value = -cents if head[1] in _NEGATIVE or "-" in tail else cents
        if not _LOW <= value <= _HIGH:
            raise NumericValueOutOfRange(f'value "{text}" is out of range for type money')
        return value

    def render(self, datum: int) -> str:
        return f"{'-' if datum < 0 else ''}${abs(datum) // 100:,}.{abs(datum) % 100:02d}"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 8)
        return struct.unpack(">q", data)[0]  # type: ignore[no-any-return]

    def encode(self, datum: int) -> bytes:
        return struct.pack(">q", datum)
