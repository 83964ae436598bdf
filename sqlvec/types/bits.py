"""bit(n), bit varying(n): datum str of 0 and 1.

Text 101, B101 or X1f; binary int32 bit count, then the bits, the first in the highest place.
Source: varbit.c.
"""

from __future__ import annotations

from sqlvec.errors import (
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    ProtocolViolation,
    StringDataRightTruncation,
)
from sqlvec.types.sql_type import TypeDefinition

BITS_MAX = 83_886_080
_HEX = frozenset("0123456789abcdefABCDEF")


class LengthMismatch(StringDataRightTruncation):
    """string_data_length_mismatch."""

    sqlstate = "22026"


class BitVarying(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"

    def parse(self, text: str, typmod: int = -1) -> str:
        """The length is looked at first, then the digits."""
        hexadecimal = text[:1] in ("x", "X")
        digits = text[1:] if text[:1] in ("x", "X", "b", "B") else text
        self.apply_typmod(digits * 4 if hexadecimal else digits, typmod)
        if hexadecimal:
            for char in digits:
                if char not in _HEX:
                    raise _invalid_digit(char, "hexadecimal")
            return "".join(f"{int(char, 16):04b}" for char in digits)
        for char in digits:
            if char not in "01":
                raise _invalid_digit(char, "binary")
        return digits

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if 0 <= typmod < len(datum) and not explicit:
            raise StringDataRightTruncation(f"bit string too long for type bit varying({typmod})")
        return datum if typmod < 0 else datum[:typmod]

    def encode(self, datum: str) -> bytes:
        size = (len(datum) + 7) // 8
        number = int(datum.ljust(size * 8, "0") or "0", 2)
        return len(datum).to_bytes(4, "big") + number.to_bytes(size, "big")

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        raw = bytes(data)
        count = int.from_bytes(raw[:4], "big", signed=True)
        if len(raw) < 4:
            raise ProtocolViolation("insufficient data left in message")
        if count < 0:
            raise InvalidBinaryRepresentation("invalid length in external bit string")
        self.require_length(raw, 4 + (count + 7) // 8)
        bits = "".join(f"{byte:08b}" for byte in raw[4:])[:count]
        return self.apply_typmod(bits, typmod)


class Bit(BitVarying):
    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if typmod < 0 or len(datum) == typmod:
            return datum
        if not explicit:
            raise LengthMismatch(f"bit string length {len(datum)} does not match type bit({typmod})")
        return datum[:typmod].ljust(typmod, "0")


def _invalid_digit(char: str, kind: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'"{char}" is not a valid {kind} digit')


_WORDS = {"&": "AND", "|": "OR", "#": "XOR"}


def bitwise(name: str, a: str, b: str) -> str:
    if len(a) != len(b):
        raise LengthMismatch(f"cannot {_WORDS[name]} bit strings of different sizes")
    left, right = int("0" + a, 2), int("0" + b, 2)
    value = {"&": left & right, "|": left | right, "#": left ^ right}[name]
    return f"{value:0{len(a)}b}" if a else ""


def shifted(bits: str, places: int) -> str:
    """To the left, or to the right by a negative number of places; as many bits as before."""
    zeros = "0" * min(abs(places), len(bits))
    if places >= 0:
        return bits[len(zeros) :] + zeros
    return zeros + bits[: len(bits) - len(zeros)]
