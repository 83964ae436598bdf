"""PostgreSQL's hashes of values, as PARTITION BY HASH takes them (hashfn.c, partbounds.c): rows that its dump puts
into a partition by name belong there here as well.

A value's 64-bit hash is Bob Jenkins' lookup3 over its bytes, with a seed; those of several columns are combined.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlvec.types import SqlType

_SEED = 0x7A5B22367996DCFD  # HASH_PARTITION_SEED
_MASK = 0xFFFF_FFFF
_MASK64 = 0xFFFF_FFFF_FFFF_FFFF
_START = 0x9E3779B9 + 3923095
_DAYS_BEFORE_2000 = 10_957  # PostgreSQL counts days and microseconds from 2000, we from 1970
_US_BEFORE_2000 = _DAYS_BEFORE_2000 * 86_400_000_000


def row_hash(values: Sequence[Any], types: Sequence[SqlType]) -> int:
    """Of the partition columns of a row; nulls do not count."""
    combined = 0
    for value, sql_type in zip(values, types, strict=True):
        if value is not None:
            one = HASHED[sql_type.definition.name](value)
            mixed = one + 0x49A0F4DD15E5A8E3 + (combined << 54) + (combined >> 7)
            combined ^= mixed & _MASK64
    return combined


def hash_bytes(data: bytes, seed: int = _SEED) -> int:
    """hash_bytes_extended."""
    a, b, c = _begin(len(data), seed)
    place = 0
    while len(data) - place >= 12:
        x, y, z = struct.unpack_from("<III", data, place)
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
        place += 12
    rest = data[place:]
    a += int.from_bytes(rest[:4], "little")
    b += int.from_bytes(rest[4:8], "little")
    c += int.from_bytes(rest[8:], "little") << 8  # its lowest byte is the length's
    return _final(a & _MASK, b & _MASK, c & _MASK)


def hash_uint32(value: int, seed: int = _SEED) -> int:
    """hash_bytes_uint32_extended."""
    a, b, c = _begin(4, seed)
    return _final((a + (value & _MASK)) & _MASK, b, c)


def _int8(value: int) -> int:
    low, high = value & _MASK, (value >> 32) & _MASK
    return hash_uint32(low ^ (high if value >= 0 else ~high & _MASK))


def _float(value: float) -> int:
    return _SEED if value == 0 else hash_bytes(struct.pack("<d", value))


def _text(value: str) -> int:
    return hash_bytes(value.encode())


HASHED: dict[str, Callable[[Any], int]] = {
    "bool": lambda value: hash_uint32(int(value)), "int2": hash_uint32, "int4": hash_uint32,
    "oid": hash_uint32, "int8": _int8, "float4": _float, "float8": _float,
    "text": _text, "varchar": _text, "name": _text, "bpchar": lambda value: _text(value.rstrip(" ")),
    "bytea": hash_bytes, "uuid": lambda value: hash_bytes(bytes.fromhex(value.replace("-", ""))),
    "date": lambda value: hash_uint32(value - _DAYS_BEFORE_2000),
    "timestamp": lambda value: _int8(value - _US_BEFORE_2000),
    "timestamptz": lambda value: _int8(value - _US_BEFORE_2000),
    "time": _int8,
}  # fmt: skip


@lru_cache(1_024)
def _begin(length: int, seed: int) -> tuple[int, int, int]:
    start = (_START + length) & _MASK
    if not seed:
        return start, start, start
    return _mix((start + (seed >> 32)) & _MASK, (start + seed) & _MASK, start)


def _rotate(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _MASK) ^ _rotate(c, bits)
        c = (c + b) & _MASK
        a, b, c = b, c, a  # each step is the last one with the words in turn
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotate(b, bits)) & _MASK
        a, b, c = b, c, a
    return (a << 32) | b
