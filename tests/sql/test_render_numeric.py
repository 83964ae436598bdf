"""Which form a numeric has: fixed where every value has one scale, else text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.render_expression import ExpressionRenderer, RenderContext
from sqlvec.sql.render_numeric import comparable_numerics, numeric_form
from sqlvec.sql.render_types import Fixed

PRICE = types.SqlType(types.NUMERIC.oid, (10 << 16 | 2) + 4)


def _renderer(*parameters: object) -> ExpressionRenderer:
    return ExpressionRenderer(RenderContext(parameters=parameters), lambda query: "")


def _number(text: str) -> bound.Const:
    return bound.Const(types.NUMERIC, Decimal(text))


def _call(name: str, *args: bound.Expression) -> bound.FunctionCall:
    operator = not name.isalpha()
    return bound.FunctionCall(types.NUMERIC, name, args, operator)


price = bound.ColumnRef(PRICE, 1, 0, "price")
weight = bound.ColumnRef(types.NUMERIC, 1, 1, "weight")
integer = bound.Cast(types.NUMERIC, bound.ColumnRef(types.INT4, 1, 2, "n"), explicit=False)


@pytest.mark.parametrize(
    ("expression", "form"),
    [
        (price, Fixed(10, 2)),
        (weight, None),
        (_number("1.50"), Fixed(3, 2)),
        (_number("0.05"), Fixed(3, 2)),
        (_number("NaN"), None),
        (bound.Const(types.NUMERIC, None), Fixed(1, 0)),
        (integer, Fixed(10, 0)),
        (_call("+", price, _number("0.125")), Fixed(12, 3)),
        (_call("*", price, price), Fixed(20, 4)),
        (_call("*", _call("*", price, price), _call("*", price, price)), None),
        (_call("/", price, _number("2")), None),
        (_call("+", price, weight), None),
        (_call("-", price), Fixed(10, 2)),
        (_call("round", weight, bound.Const(types.INT4, 1)), None),
        (_call("round", price, bound.Const(types.INT4, 1)), Fixed(10, 1)),
        (bound.Cast(PRICE, weight), Fixed(10, 2)),
        (bound.Cast(types.NUMERIC, bound.Const(types.FLOAT8, 1.5)), None),
        (bound.Coalesce(types.NUMERIC, "coalesce", (price, _number("0.00"))), Fixed(10, 2)),
        (bound.Coalesce(types.NUMERIC, "coalesce", (price, _number("0"))), None),
        (bound.Aggregate(types.NUMERIC, "sum", (price,)), Fixed(38, 2)),
        (bound.Aggregate(types.NUMERIC, "sum", (bound.ColumnRef(types.INT8, 1, 3, "i"),)), Fixed(38, 0)),
        (bound.Aggregate(types.NUMERIC, "avg", (price,)), None),
    ],
)
def test_form_of_an_expression(expression: bound.Expression, form: Fixed | None) -> None:
    assert numeric_form(_renderer(), expression) == form


def test_a_parameter_has_the_form_of_its_value() -> None:
    assert numeric_form(_renderer(Decimal("12.345")), bound.Param(types.NUMERIC, 1)) == Fixed(5, 3)


def test_numbers_are_compared_as_decimals_when_one_type_holds_them_else_by_key() -> None:
    renderer = _renderer()
    assert comparable_numerics(renderer, (price, integer))[0] == "r1.c0"
    keys = comparable_numerics(renderer, (price, weight))
    assert keys == ["sqlvec_numeric_key(CAST(r1.c0 AS VARCHAR))", "sqlvec_numeric_key(r1.c1)"]
