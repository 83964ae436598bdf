"""int2, int4, int8, oid and its kin (xid, cid, reg*): datum int."""

from __future__ import annotations

import re
import struct
from typing import Any

import pyarrow as pa

from sqlvec.errors import NumericValueOutOfRange
from sqlvec.types.sql_type import TypeDefinition

_INTEGER = re.compile(r"\s*[+-]?\d+\s*\Z", re.ASCII)


class Integer(TypeDefinition):
    """A signed integer of 2, 4 or 8 bytes, or an unsigned one of 4 (unsigned=True, kept as int64 in Arrow)."""

    def __init__(self, oid: int, name: str, *, unsigned: bool = False, **fields: Any) -> None:
        length = fields["length"]
        super().__init__(oid, name, **fields)
        bits = length * 8
        self.minimum = 0 if unsigned else -(2 ** (bits - 1))
        self.maximum = 2**bits - 1 if unsigned else 2 ** (bits - 1) - 1
        code = {2: "h", 4: "i", 8: "q"}[length]
        self.packer = struct.Struct(">" + (code.upper() if unsigned else code))
        self.pack = self.packer.pack
        self.arrow_type = pa.int64() if unsigned else {2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[length]

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return self.arrow_type

    def parse(self, text: str, typmod: int = -1) -> int:
        if not _INTEGER.match(text):
            raise self.invalid(text)
        value = int(text)
        if not self.minimum <= value <= self.maximum:
            raise NumericValueOutOfRange(
                f'value "{text}" is out of range for type {self.display_name}'
            )
        return value

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, self.packer.size)
        value: int = self.packer.unpack(data)[0]
        return value

    def encode(self, datum: int) -> bytes:
        return self.pack(datum)


class RegType(Integer):
    """regclass, regtype, regproc ...: an oid; names are resolved where a catalog is at hand."""
