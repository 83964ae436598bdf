"""int2, int4, int8, oid and its kin (xid, cid, reg*): datum int."""

from __future__ import annotations

import re
import struct
from typing import Any

import pyarrow as pa

from sqlvec.errors import NumericValueOutOfRange
from sqlvec.types.sql_type import SqlType, TypeDefinition, by_oid, format_type

_INTEGER = re.compile(r"\s*[+-]?\d+\s*\Z", re.ASCII)
_DIGITS_MAX = 40
_CODES = {2: "h", 4: "i", 8: "q"}
_ARROW = {2: pa.int16(), 4: pa.int32(), 8: pa.int64()}


class Integer(TypeDefinition):
    """A signed integer of 2, 4 or 8 bytes."""

    def __init__(self, oid: int, name: str, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        bits = self.length * 8
        self.minimum = -(2 ** (bits - 1))
        self.maximum = 2 ** (bits - 1) - 1
        self.packer = struct.Struct(">" + _CODES[self.length])
        self.encode = self.packer.pack  # type: ignore[method-assign, assignment]

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return _ARROW[self.length]

    def parse(self, text: str, typmod: int = -1) -> int:
        if not _INTEGER.match(text):
            raise self.invalid(text)
        digits = text.strip()
        # int() refuses thousands of digits: a number is known to be too long without it.
        if len(digits) > _DIGITS_MAX:
            digits = digits[0] + digits[1:].lstrip("0").rjust(1, "0")
        fits = len(digits) <= _DIGITS_MAX
        value = int(digits) if fits else 0
        if not fits or not self.minimum <= value <= self.maximum:
            raise NumericValueOutOfRange(
                f'value "{text}" is out of range for type {self.display_name}'
            )
        return value

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, self.length)
        value: int = self.packer.unpack(data)[0]
        return value


class Unsigned(Integer):
    """oid, xid, cid: 4 bytes without sign, int64 in Arrow. -1 is read as 4294967295, as oidin does."""

    def __init__(self, oid: int, name: str, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.minimum, self.maximum = -(2**31), 2**32 - 1
        self.packer = struct.Struct(">I")
        self.encode = self.packer.pack  # type: ignore[method-assign, assignment]

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.int64()

    def parse(self, text: str, typmod: int = -1) -> int:
        return super().parse(text) & 0xFFFFFFFF


class NamedOid(int):
    """An oid that brings the name by which it is shown."""

    name: str

    def __new__(cls, oid: int, name: str) -> NamedOid:
        found = super().__new__(cls, oid)
        found.name = name
        return found


class ObjectName(str):
    """The name of an object whose oid is not known yet."""


class RegType(Unsigned):
    """regclass, regtype, regproc ...: an oid; names of relations are resolved where a catalog is at hand."""

    def parse(self, text: str, typmod: int = -1) -> Any:
        """The oid, or the name to be looked up."""
        if text == "-":
            return 0
        return super().parse(text) if text.strip().isdigit() else ObjectName(text)

    def render(self, datum: int) -> str:
        if isinstance(datum, NamedOid):
            return datum.name
        if self.name == "regtype" and by_oid(datum) is not None:
            return format_type(SqlType(datum))
        return str(datum) if datum else "-"

