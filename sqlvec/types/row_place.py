"""tid: where a row is in its table, a block and an offset in it. Datum int, block << 16 | offset."""

from __future__ import annotations

import re
import struct

import pyarrow as pa

from sqlvec.types.sql_type import TypeDefinition

OFFSET_BITS = 16
_TEXT = re.compile(r"\(\s*(\d{1,10}),\s*(\d{1,5})\)\Z", re.ASCII)
_OFFSET = (1 << OFFSET_BITS) - 1


class Tid(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.int64()

    def parse(self, text: str, typmod: int = -1) -> int:
        match = _TEXT.match(text)
        if match is None or int(match[1]) >= 2**32 or int(match[2]) > _OFFSET:
            raise self.invalid(text)
        return int(match[1]) << OFFSET_BITS | int(match[2])

    def render(self, datum: int) -> str:
        return f"({datum >> OFFSET_BITS},{datum & _OFFSET})"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        self.require_length(data, 6)
        block, offset = struct.unpack(">IH", data)
        return int(block) << OFFSET_BITS | int(offset)

    def encode(self, datum: int) -> bytes:
        return struct.pack(">IH", datum >> OFFSET_BITS, datum & _OFFSET)
