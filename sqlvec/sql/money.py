"""money: its arithmetic and casts, and both in DuckDB's words, where it is a BIGINT of cents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.type_rules import INTEGERS, NUMBERS

if TYPE_CHECKING:
    from sqlvec.sql.binder import Binder
    from sqlvec.sql.render_expression import ExpressionRenderer

_MONEY = types.MONEY.oid


def money_operator(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression
) -> bound.Expression | None:
    """What arithmetic with money is; None where there is none."""
    a, b = left.type.oid, right.type.oid
    if a == b == _MONEY:
        if name not in ("+", "-", "/"):
            return None
        return bound.FunctionCall(types.FLOAT8 if name == "/" else types.MONEY, name, (left, right), True)
    number = b if a == _MONEY else a
    if number not in NUMBERS or name not in ("*", "/") or (name == "/" and b == _MONEY):
        return None
    sides = tuple(
        binder.coerce(side, types.FLOAT8) if side.type.oid == types.NUMERIC.oid else side
        for side in (left, right)
    )
    return bound.FunctionCall(types.MONEY, name, sides, True)


def rendered_money(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for operators over other types."""
    if not any(arg.type.oid == _MONEY for arg in e.args) or len(e.args) != 2:
        return None
    left, right = r.all(e.args)
    if e.type.oid == types.FLOAT8.oid:
        return f"sqlvec_divide(CAST({left} AS DOUBLE), CAST({right} AS DOUBLE))"
    if e.name in ("+", "-"):
        return f"({left} {e.name} {right})"
    whole = all(arg.type.oid == _MONEY or arg.type.oid in INTEGERS for arg in e.args)
    if whole and e.name == "*":
        return f"(CAST({left} AS BIGINT) * CAST({right} AS BIGINT))"
    if whole:
        return f"CAST(sqlvec_money_quotient({left}, CAST({right} AS BIGINT)) AS BIGINT)"
    found = f"CAST({left} AS DOUBLE) * CAST({right} AS DOUBLE)"
    if e.name == "/":
        found = f"sqlvec_divide(CAST({left} AS DOUBLE), CAST({right} AS DOUBLE))"
    return f"sqlvec_money_rounded({found})"


def money_cast(r: ExpressionRenderer, e: bound.Cast) -> str | None:
    """To and from money but as text; None for other casts."""
    from sqlvec.sql.render_numeric import as_text
    from sqlvec.sql.render_types import declared_form

    source, target = e.arg.type, e.type
    if source.oid == target.oid:
        return None
    if source.oid == _MONEY and target.oid == types.NUMERIC.oid:
        text = f"sqlvec_money_numeric({r.render(e.arg)})"
        if target.typmod >= 0:
            text = f"sqlvec_numeric_typmod({text}, {target.typmod})"
        form = declared_form(target)
        return f"CAST({text} AS {form.sql})" if form else text
    if target.oid == _MONEY and source.oid == types.NUMERIC.oid:
        return f"sqlvec_money_of_numeric({as_text(r, e.arg)})"
    if target.oid == _MONEY and source.oid in INTEGERS:
        return f"(CAST({r.render(e.arg)} AS BIGINT) * 100)"
    return None


def money_text(value: str) -> str:
    return f"sqlvec_money_shown({value})"


def parsed_money(text: str) -> str:
    return f"sqlvec_money_parse({text})"
