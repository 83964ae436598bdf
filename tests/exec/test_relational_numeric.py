"""Numeric text arithmetic: laws, and PostgreSQL's own results."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.errors import DatabaseError, DivisionByZero, NumericValueOutOfRange
from sqlvec.exec import relational_numeric as numeric
from sqlvec.types import FLOAT4, FLOAT8, INT2, INT4

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
texts = st.one_of(
    numbers.map(lambda d: f"{d:f}"),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(["0", "0.00", "1", "1.0", "-1.50", "0.000001", "99999.99", "NaN", "Infinity", "-Infinity"]),
)
finite = texts.filter(lambda text: "N" not in text and "I" not in text)


def _rank(text: str) -> tuple[int, Decimal]:
    value = Decimal(text)
    return (1, Decimal(0)) if value.is_nan() else (0, value)


@given(texts, texts)
def test_keys_sort_as_numbers_do_and_equal_numbers_have_one_key(a: str, b: str) -> None:
    ka, kb = numeric.key(a), numeric.key(b)
    assert (ka < kb, ka == kb) == (_rank(a) < _rank(b), _rank(a) == _rank(b))


@given(finite, finite)
def test_sum_difference_and_product_are_exact(a: str, b: str) -> None:
    x, y = Decimal(a), Decimal(b)
    exact = {"add": numeric._WIDE.add(x, y), "subtract": numeric._WIDE.subtract(x, y),
             "multiply": numeric._WIDE.multiply(x, y)}  # fmt: skip
    for operation, value in exact.items():
        shown = numeric.calculate(operation, a, b)
        assert shown is not None and Decimal(shown) == value


@given(finite, finite)
def test_quotient_has_at_least_sixteen_significant_digits(a: str, b: str) -> None:
    if Decimal(b) == 0:
        with pytest.raises(DivisionByZero, match="division by zero"):
            numeric.calculate("divide", a, b)
        return
    shown = numeric.calculate("divide", a, b)
    assert shown is not None
    quotient, exact = Decimal(shown), numeric._WIDE.divide(Decimal(a), Decimal(b))
    assert abs(quotient - exact) <= abs(exact) * Decimal("1e-15") + Decimal("1e-16")


def test_null_gives_null_and_nan_gives_nan() -> None:
    assert numeric.calculate("add", None, "1") is None
    assert numeric.calculate("add", "1", None) is None
    assert numeric.calculate("multiply", "NaN", "0") == "NaN"
    assert numeric.calculate("add", "Infinity", "-Infinity") == "NaN"
    assert numeric.calculate("sqrt", "NaN", None) == "NaN"


def test_conversion_to_integer_rounds_half_away_and_checks_the_range() -> None:
    assert [numeric.to_integer(t, INT4.oid) for t in ("2.5", "-2.5", "2.4999")] == [3, -3, 2]
    with pytest.raises(NumericValueOutOfRange, match="smallint out of range"):
        numeric.to_integer("32767.5", INT2.oid)
    with pytest.raises(NumericValueOutOfRange, match="cannot convert NaN to integer"):
        numeric.to_integer("NaN", INT4.oid)


def test_floats_keep_the_digits_that_postgresql_keeps() -> None:
    assert numeric.of_float(0.1, FLOAT8.oid) == "0.1"
    assert numeric.of_float(1 / 3, FLOAT8.oid) == "0.333333333333333"
    assert numeric.of_float(1.1, FLOAT4.oid) == "1.1"
    assert numeric.of_float(1e20, FLOAT8.oid) == "100000000000000000000"


@given(st.lists(st.one_of(st.none(), finite), max_size=8))
def test_aggregates_ignore_nulls(values: list[str | None]) -> None:
    present = [v for v in values if v is not None]
    total = numeric.aggregate("sum", values)
    assert (total is None) == (not present)
    if total is not None:
        exact = Decimal(0)
        for value in present:
            exact = numeric._WIDE.add(exact, Decimal(value))
        assert Decimal(total) == exact
        assert numeric.aggregate("avg", values) == numeric.mean(total, len(present))


def test_distinct_values_count_once_whatever_their_scale() -> None:
    assert numeric.aggregate("sum_distinct", ["1.0", "1.00", "2"]) == "3.0"


_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%"}
_FUNCTIONS = ["sqrt", "exp", "ln", "ceil", "floor", "abs", "sign", "round", "trunc"]
_SAMPLES = [
    "0", "1", "-1", "2", "3.0", "10", "0.5", "-0.25", "7.125", "100.00", "0.001", "123456.789",
    "-99999.5", "1e15", "12345678901234567890.12345", "0.00000001", "1.0000001", "0.9999",
]  # fmt: skip


def _ours(operation: str, a: str, b: str | None) -> str | None:
    try:
        return numeric.calculate(operation, f"{Decimal(a):f}", b if b is None else f"{Decimal(b):f}")
    except DatabaseError as error:
        return error.sqlstate


def _theirs(connection: psycopg.Connection, expression: str) -> str | None:
    try:
        row = connection.execute(f"select ({expression})::text".encode()).fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]
    except psycopg.Error as error:
        return error.sqlstate


@settings(deadline=None)
@given(st.data())
def test_scale_rules_are_postgresqls(oracle: str, data: st.DataObject) -> None:
    with psycopg.connect(oracle, autocommit=True) as connection:
        a, b = data.draw(st.sampled_from(_SAMPLES)), data.draw(st.sampled_from(_SAMPLES))
        for operation, sign in _OPERATORS.items():
            expected = _theirs(connection, f"{a}::numeric {sign} {b}::numeric".replace("--", "- -"))
            assert _ours(operation, a, b) == expected, (operation, a, b)
        for name in _FUNCTIONS:
            if name == "exp" and abs(Decimal(a)) > 1000:
                continue
            assert _ours(name, a, None) == _theirs(connection, f"{name}({a}::numeric)"), (name, a)


def test_powers_are_postgresqls(oracle: str) -> None:
    pairs = [("2", "10"), ("2.0", "0.5"), ("1.5", "3"), ("10", "-3"), ("0.5", "20"), ("7", "0"), ("1.1", "100"),
             ("3", "1"), ("2.5", "2"), ("100", "1.5"), ("0", "2"), ("-2", "3"), ("0", "0")]  # fmt: skip
    with psycopg.connect(oracle, autocommit=True) as connection:
        for a, b in pairs:
            assert _ours("power", a, b) == _theirs(connection, f"power({a}::numeric, {b}::numeric)"), (a, b)
            if Decimal(a) > 0 and Decimal(a) != 1 and Decimal(b) > 0:
                expected = _theirs(connection, f"log({a}::numeric, {b}::numeric)")
                assert _ours("log", a, b) == expected, (a, b)
