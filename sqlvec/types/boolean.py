"""bool: datum bool."""

from __future__ import annotations

import pyarrow as pa

from sqlvec.errors import ProtocolViolation
from sqlvec.types.sql_type import TypeDefinition

_TRUE = frozenset(["t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"])
_FALSE = frozenset(["f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"])


class Boolean(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.bool_()

    def parse(self, text: str, typmod: int = -1) -> bool:
        word = text.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise self.invalid(text)

    def render(self, datum: bool) -> str:
        return "t" if datum else "f"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bool:
        if not data:
            raise ProtocolViolation("no data left in message")
        self.require_length(data, 1)
        return data[0] != 0

    def encode(self, datum: bool) -> bytes:
        return b"\x01" if datum else b"\0"
