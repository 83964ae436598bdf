"""Functions over money, which the relational engine holds as cents; sql.money calls them. Source: cash.c."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlvec import types
from sqlvec.errors import DivisionByZero, NumericValueOutOfRange
from sqlvec.exec.relational_numeric import to_integer


def parse(text: str) -> int:
    found: int = types.MONEY.definition.parse(text)
    return found


def shown(cents: int) -> str:
    return types.MONEY.definition.render(cents)


def numeric(cents: int) -> str:
    return types.NUMERIC.definition.render(Decimal(cents).scaleb(-2))


def of_numeric(text: str) -> int:
    value = Decimal(text)
    return to_integer(format(value.scaleb(2), "f") if value.is_finite() else text, types.INT8.oid)


def quotient(cents: int, divisor: int) -> int:
    """Towards zero."""
    if not divisor:
        raise DivisionByZero("division by zero")
    found = abs(cents) // abs(divisor)
    return found if (cents < 0) == (divisor < 0) else -found


def rounded(cents: float) -> int:
    if not abs(cents) < 2.0**63:
        raise NumericValueOutOfRange("money out of range")
    return round(cents)


_TEXT, _LONG, _DOUBLE = "VARCHAR", "BIGINT", "DOUBLE"
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("money_parse", parse, [_TEXT], _LONG),
    ("money_shown", shown, [_LONG], _TEXT),
    ("money_numeric", numeric, [_LONG], _TEXT),
    ("money_of_numeric", of_numeric, [_TEXT], _LONG),
    ("money_quotient", quotient, [_LONG, _LONG], _LONG),
    ("money_rounded", rounded, [_DOUBLE], _LONG),
]
