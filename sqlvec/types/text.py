"""text, varchar(n), char(n), name, "char", bytea, uuid, and what is only shown: datum str (bytea: bytes)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sqlvec.errors import CharacterNotInRepertoire, StringDataRightTruncation
from sqlvec.types.sql_type import TypeDefinition

_UUID = re.compile(
    r"\{?([0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?"
    r"[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4})\}?\Z",
    re.ASCII | re.IGNORECASE,
)
_OCTAL = re.compile(rb"\\(\\|[0-3][0-7][0-7])|\\|[^\\]+")


def decode_text(data: bytes | memoryview) -> str:
    """UTF-8 without NUL, or 22021 as pg_verify_mbstr words it."""
    raw = bytes(data)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        shown = " ".join(f"0x{byte:02x}" for byte in raw[error.start : max(error.end, error.start + 1)])
        raise CharacterNotInRepertoire(
            f'invalid byte sequence for encoding "UTF8": {shown}'
        ) from error
    if "\0" in text:
        raise CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
    return text


class Text(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        return self.apply_typmod(text, typmod)

    def render(self, datum: str) -> str:
        return datum

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        return self.apply_typmod(decode_text(data), typmod)

    def encode(self, datum: str) -> bytes:
        return datum.encode()


class VarChar(Text):
    """varchar(n): typmod is n + 4. Blanks beyond n are cut, anything else is an error, or cut by a cast."""

    def modifiers(self, typmod: int) -> str:
        return f"({typmod - 4})"

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        limit = typmod - 4
        if typmod < 0 or len(datum) <= limit:
            return datum
        if not explicit and datum[limit:].strip(" "):
            raise StringDataRightTruncation(f"value too long for type {self.display_name}({limit})")
        return datum[:limit]


class Character(VarChar):
    """char(n): padded with blanks to n."""

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if typmod < 0:
            return datum
        return super().apply_typmod(datum, typmod, explicit).ljust(typmod - 4)


class Name(Text):
    """name: at most 63 bytes."""

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        raw = datum.encode()
        return datum if len(raw) < 64 else raw[:63].decode(errors="ignore")


class SingleChar(Text):
    """ "char": one byte."""

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        return datum[:1]


class Bytea(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def parse(self, text: str, typmod: int = -1) -> bytes:
        if text.startswith("\\x"):
            try:
                return bytes.fromhex(text[2:])
            except ValueError as error:
                raise self._bad_hex(text[2:]) from error
        found = bytearray()
        for match in _OCTAL.finditer(text.encode()):
            piece, escaped = match.group(), match.group(1)
            if piece == b"\\":
                raise self.invalid_bytea()
            if escaped is None:
                found += piece
            else:
                found.append(0x5C if escaped == b"\\" else int(escaped, 8))
        return bytes(found)

    def _bad_hex(self, digits: str) -> Exception:
        from sqlvec.errors import InvalidParameterValue

        for char in digits:
            if char not in "0123456789abcdefABCDEF \t\n\r":
                return InvalidParameterValue(f'invalid hexadecimal digit: "{char}"')
        return InvalidParameterValue("invalid hexadecimal data: odd number of digits")

    def invalid_bytea(self) -> Exception:
        from sqlvec.errors import InvalidTextRepresentation

        return InvalidTextRepresentation("invalid input syntax for type bytea")

    def render(self, datum: bytes) -> str:
        return "\\x" + datum.hex()

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        return bytes(data)

    def encode(self, datum: bytes) -> bytes:
        return datum


class Uuid(TypeDefinition):
    """uuid: datum and Arrow form are the canonical text, which orders as the bytes do."""

    def parse(self, text: str, typmod: int = -1) -> str:
        match = _UUID.match(text)
        if match is None or text.startswith("{") != text.endswith("}"):
            raise self.invalid(text)
        return _canonical_uuid(match.group(1).replace("-", "").lower())

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        self.require_length(data, 16)
        return _canonical_uuid(bytes(data).hex())

    def encode(self, datum: str) -> bytes:
        return bytes.fromhex(datum.replace("-", ""))


def _canonical_uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Bits(TypeDefinition):
    """bit(n), varbit(n): datum str of 0 and 1. Binary: int32 bit count, bytes."""

    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"

    def parse(self, text: str, typmod: int = -1) -> str:
        body = text
        if text[:1] in "bB" and text:
            body = text[1:]
        elif text[:1] in "xX" and text:
            return self.apply_typmod(self._from_hex(text[1:]), typmod)
        for char in body:
            if char not in "01":
                raise self.invalid_digit(char, "binary")
        return self.apply_typmod(body, typmod)

    def _from_hex(self, digits: str) -> str:
        for char in digits:
            if char not in "0123456789abcdefABCDEF":
                raise self.invalid_digit(char, "hexadecimal")
        return "".join(f"{int(char, 16):04b}" for char in digits)

    def invalid_digit(self, char: str, kind: str) -> Exception:
        from sqlvec.errors import InvalidTextRepresentation

        return InvalidTextRepresentation(f'"{char}" is not a valid {kind} digit')

    def apply_typmod(self, datum: str, typmod: int, explicit: bool = False) -> str:
        if typmod < 0:
            return datum
        if self.name == "varbit":
            if len(datum) > typmod and not explicit:
                raise StringDataRightTruncation(f"bit string too long for type bit varying({typmod})")
            return datum[:typmod]
        if len(datum) != typmod and not explicit:
            raise _LengthMismatch(f"bit string length {len(datum)} does not match type bit({typmod})")
        return datum[:typmod].ljust(typmod, "0")

    def encode(self, datum: str) -> bytes:
        size = (len(datum) + 7) // 8
        number = int(datum.ljust(size * 8, "0") or "0", 2)
        return len(datum).to_bytes(4, "big") + number.to_bytes(size, "big")

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        raw = bytes(data)
        count = int.from_bytes(raw[:4], "big")
        self.require_length(raw, 4 + (count + 7) // 8)
        bits = "".join(f"{byte:08b}" for byte in raw[4:])[:count]
        return self.apply_typmod(bits, typmod)


class _LengthMismatch(StringDataRightTruncation):
    """string_data_length_mismatch."""

    sqlstate = "22026"


class Shown(TypeDefinition):
    """A type that is only shown: void, record, unknown and other pseudo-types; datum str or tuple."""

    def parse(self, text: str, typmod: int = -1) -> Any:
        return text

    def render(self, datum: Any) -> str:
        if isinstance(datum, tuple):
            return "(" + ",".join(_field(value) for value in datum) + ")"
        return str(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Any:
        return decode_text(data)

    def encode(self, datum: Any) -> bytes:
        return self.render(datum).encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = ("t" if value else "f") if isinstance(value, bool) else str(value)
    if text == "" or any(c in ' ,()"\\' for c in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    return text


class IntegerVector(TypeDefinition):
    """int2vector, oidvector: datum list of ints; text is the numbers with blanks between."""

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(pa.int16() if self.name == "int2vector" else pa.int64())

    def parse(self, text: str, typmod: int = -1) -> list[int]:
        return [int(word) for word in text.split()]

    def render(self, datum: Sequence[int]) -> str:
        return " ".join(str(value) for value in datum)

    def encode(self, datum: Sequence[int]) -> bytes:
        from sqlvec.types.array import encode_array
        from sqlvec.types.sql_type import REGISTRY

        return encode_array(list(datum), REGISTRY[self.element_oid], lower_bound=0)
