"""bytea: datum bytes. Input in hex (\\x00ff) or escape form (a\\000\\\\), output in hex.

Source: byteain in varlena.c, hex_decode in encode.c.
"""

from __future__ import annotations

import re

import pyarrow as pa

from sqlvec.errors import InvalidParameterValue, InvalidTextRepresentation
from sqlvec.types.sql_type import TypeDefinition

_HEX_PAIR = re.compile(r"[0-9a-fA-F]{2}|[ \t\n\r]")
_ESCAPED = re.compile(rb"\\(?:(\\)|([0-3][0-7][0-7]))?")


class Bytea(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def parse(self, text: str, typmod: int = -1) -> bytes:
        if not text.startswith("\\x"):
            return _ESCAPED.sub(_unescape, text.encode())
        digits = text[2:]
        if not digits.isascii() or any(c.isspace() for c in digits):
            return self._parse_spaced(digits)
        try:
            return bytes.fromhex(digits)
        except ValueError:
            return self._parse_spaced(digits)

    def _parse_spaced(self, digits: str) -> bytes:
        """White space may stand between pairs, not within one."""
        place, found = 0, []
        while place < len(digits):
            match = _HEX_PAIR.match(digits, place)
            if match is None:
                raise self._bad_hex(digits[place:])
            found.append(match[0].strip())
            place = match.end()
        return bytes.fromhex("".join(found))

    def _bad_hex(self, digits: str) -> InvalidParameterValue:
        for char in digits[:2]:
            if char not in "0123456789abcdefABCDEF":
                return InvalidParameterValue(f'invalid hexadecimal digit: "{char}"')
        return InvalidParameterValue("invalid hexadecimal data: odd number of digits")

    def render(self, datum: bytes) -> str:
        return "\\x" + datum.hex()

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        return bytes(data)

    def encode(self, datum: bytes) -> bytes:
        return datum


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return b"\\"
    if match[2]:
        return bytes([int(match[2], 8)])
    raise InvalidTextRepresentation("invalid input syntax for type bytea")
