"""uuid: datum and Arrow form are the canonical text, which orders as the bytes do. Source: uuid.c."""

from __future__ import annotations

import re

from sqlvec.types.sql_type import TypeDefinition

_UUID = re.compile(r"(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\Z")


class Uuid(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        """32 digits, a dash after any group of four, braces around all."""
        body = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
        if _UUID.match(body) is None:
            raise self.invalid(text)
        return _canonical(body.replace("-", "").lower())

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        self.require_length(data, 16)
        return _canonical(bytes(data).hex())

    def encode(self, datum: str) -> bytes:
        return bytes.fromhex(datum.replace("-", ""))


def _canonical(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
