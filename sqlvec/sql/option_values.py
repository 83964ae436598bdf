"""What WITH (...) gives an option: its text, and the bounds of an integer (reloptions.c, parse_one_reloption)."""

from __future__ import annotations

import re

from sqlvec.errors import InvalidParameterValue
from sqlvec.sql.parse import Node

_INTEGER = re.compile(r"[+-]?[0-9]+")


def option_text(value: Node | None) -> str:
    """Of an option without a value: true."""
    if value is None:
        return "true"
    kind, part = next(iter(value.items()))
    if kind == "TypeName":  # a bare word is read as a type
        return str(part["names"][-1]["String"]["sval"])
    if kind == "Integer":
        return str(part.get("ival", 0))  # a zero is left out
    return str(part.get("sval", part.get("fval", "")))


def checked_integer(name: str, value: str, low: int, high: int) -> int:
    if not _INTEGER.fullmatch(value):
        raise InvalidParameterValue(f'invalid value for integer option "{name}": {value}')
    if not low <= int(value) <= high:
        raise InvalidParameterValue(
            f'value {value} out of bounds for option "{name}"',
            detail=f'Valid values are between "{low}" and "{high}".',
        )
    return int(value)
