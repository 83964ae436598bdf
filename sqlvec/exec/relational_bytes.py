"""Functions over bytea and bit strings that the relational engine calls back for. Bits are text of 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import AnyStr

from sqlvec.errors import ArraySubscriptError, InvalidParameterValue
from sqlvec.exec.relational_errors import SubstringError

_Row = tuple[str, Callable[..., object], list[str], str]


def _part(size: int, start: int, count: int | None) -> slice:
    """What substring(x, start, count) takes of size units."""
    if count is not None and count < 0:
        raise SubstringError("negative substring length not allowed")
    end = size if count is None else min(size, start - 1 + count)
    first = max(start - 1, 0)
    return slice(first, max(end, first))


def substring(data: AnyStr | None, start: int | None, count: int | None) -> AnyStr | None:
    """count: None for all that follows."""
    if data is None or start is None:
        return None
    return data[_part(len(data), start, count)]


def overlay(
    data: AnyStr | None, new: AnyStr | None, start: int | None, count: int | None
) -> AnyStr | None:
    if data is None or new is None or start is None:
        return None
    if start <= 0:
        raise SubstringError("negative substring length not allowed")
    replaced = len(new) if count is None else count
    return data[: start - 1] + new + data[start - 1 + replaced :]


def trim(data: bytes, what: bytes, sides: str) -> bytes:
    """sides: btrim, ltrim, rtrim."""
    if sides == "ltrim":
        return data.lstrip(what)
    return data.rstrip(what) if sides == "rtrim" else data.strip(what)


def position(part: AnyStr, data: AnyStr) -> int:
    return data.find(part) + 1


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ArraySubscriptError(f"index {index} out of valid range, 0..{size - 1}")


def get_byte(data: bytes, index: int) -> int:
    _check_index(index, len(data))
    return data[index]


def set_byte(data: bytes, index: int, value: int) -> bytes:
    _check_index(index, len(data))
    return data[:index] + bytes([value & 255]) + data[index + 1 :]


def get_bit(data: bytes, index: int) -> int:
    _check_index(index, 8 * len(data))
    return data[index // 8] >> (index % 8) & 1


def set_bit(data: bytes, index: int, value: int) -> bytes:
    _check_index(index, 8 * len(data))
    _check_bit(value)
    byte = data[index // 8] & ~(1 << index % 8) | value << index % 8
    return set_byte(data, index // 8, byte)


def bit_get(bits: str, index: int) -> int:
    _check_bit_index(bits, index)
    return int(bits[index])


def bit_set(bits: str, index: int, value: int) -> str:
    _check_bit_index(bits, index)
    _check_bit(value)
    return f"{bits[:index]}{value}{bits[index + 1 :]}"


def _check_bit_index(bits: str, index: int) -> None:
    if not 0 <= index < len(bits):
        raise ArraySubscriptError(f"bit index {index} out of valid range (0..{len(bits) - 1})")


def _check_bit(value: int) -> None:
    if value not in (0, 1):
        raise InvalidParameterValue("new bit must be 0 or 1")


_BLOB, _TEXT, _LONG = "BLOB", "VARCHAR", "BIGINT"
FUNCTIONS: list[_Row] = [
    ("bytes_substring", substring, [_BLOB, _LONG, _LONG], _BLOB),
    ("bit_substring", substring, [_TEXT, _LONG, _LONG], _TEXT),
    ("bytes_overlay", overlay, [_BLOB, _BLOB, _LONG, _LONG], _BLOB),
    ("bit_overlay", overlay, [_TEXT, _TEXT, _LONG, _LONG], _TEXT),
    ("bytes_trim", trim, [_BLOB, _BLOB, _TEXT], _BLOB),
    ("bytes_position", position, [_BLOB, _BLOB], _LONG),
    ("bit_position", position, [_TEXT, _TEXT], _LONG),
    ("get_byte", get_byte, [_BLOB, _LONG], _LONG),
    ("set_byte", set_byte, [_BLOB, _LONG, _LONG], _BLOB),
    ("get_bit", get_bit, [_BLOB, _LONG], _LONG),
    ("set_bit", set_bit, [_BLOB, _LONG, _LONG], _BLOB),
    ("bit_get", bit_get, [_TEXT, _LONG], _LONG),
    ("bit_set", bit_set, [_TEXT, _LONG, _LONG], _TEXT),
    ("bytes_bit_count", lambda data: sum(byte.bit_count() for byte in data), [_BLOB], _LONG),
]
TAKES_NULL = frozenset(["bytes_substring", "bit_substring", "bytes_overlay", "bit_overlay"])
