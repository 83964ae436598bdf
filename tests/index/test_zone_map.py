"""Zone maps against comparing every row: none rules out a row that matches."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec import types
from sqlvec.index.zone_map import (
    ColumnZones,
    column_zones,
    constant_zones,
    null_test,
    zone_arrays,
    zone_order,
    zone_test,
)
from sqlvec.types import SqlType

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMERIC_9_2 = SqlType(types.NUMERIC.oid, (9 << 16 | 2) + 4)
CENTS = st.decimals(-(10**6), 10**6, places=2, allow_nan=False)
VALUES = {
    types.INT2: st.integers(-9, 9),
    types.INT8: st.integers(-9, 9) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53, 2**53 + 1]),
    types.FLOAT4: st.sampled_from([-0.0, 0.0, 1.5, float("inf"), float("-inf"), float("nan")])
    | st.floats(width=32),
    types.FLOAT8: st.sampled_from([-0.0, 0.0, 1.5, float("inf"), float("-inf"), float("nan")]) | st.floats(),
    types.NUMERIC: CENTS | st.sampled_from([Decimal(t) for t in ("NaN", "Infinity", "-Infinity", "1e400", "1e-400")]),
    NUMERIC_9_2: CENTS,
    types.BOOL: st.booleans(),
    types.DATE: st.sampled_from([-(2**31), 2**31 - 1]) | st.integers(-5, 5),
    types.TIMESTAMP: st.sampled_from([-(2**63), 2**63 - 1]) | st.integers(-(10**17), 10**17),
    types.TIMESTAMPTZ: st.sampled_from([-(2**63), 2**63 - 1]) | st.integers(-5, 5),
    types.TEXT: st.text(st.sampled_from("ab\U0010ffffé"), max_size=3)
    | st.text(st.sampled_from("ab"), max_size=2).map(lambda tail: "common" * 7 + tail),
    types.UUID: st.uuids().map(str),
}  # fmt: skip


def zones_of(sql_type: SqlType, values: list[Any], rows_each: int = 3) -> ColumnZones:
    array = sql_type.definition.to_arrow(values, sql_type.typmod)
    arrays = zone_arrays({1: (sql_type, array)}, np.ones(len(values), np.bool_), rows_each)
    return column_zones(sql_type, arrays[""][0], arrays.get("1"), rows_each)


def ordered(value: Any) -> Any:
    """A key that Python compares as PostgreSQL compares the value: NaN is above all."""
    if isinstance(value, str):
        return value.encode()
    return (1, 0) if value != value else (0, value)


def matches(op: str, value: Any, wanted: list[Any]) -> bool:
    if value is None or op in ("null", "not_null"):
        return bool(op == "null") if value is None else op == "not_null"
    if op == "in":
        return any(ordered(value) == ordered(one) for one in wanted)
    return COMPARE[op](ordered(value), ordered(wanted[0]))


@pytest.mark.parametrize("sql_type", list(VALUES), ids=str)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_row_that_matches_is_ruled_out(sql_type: SqlType, data: st.DataObject) -> None:
    column = VALUES[sql_type]
    values = data.draw(st.lists(st.none() | column, min_size=1, max_size=12))
    known = [value for value in values if value is not None]
    wanted = data.draw(st.lists(st.sampled_from(known) | column if known else column, min_size=1, max_size=3))
    zones = zones_of(sql_type, values)
    for op in (*COMPARE, "in", "null", "not_null"):
        order = zone_order(sql_type)
        is_of_null = op in ("null", "not_null")
        test = null_test(order, op) if is_of_null else zone_test(order, op, wanted if op == "in" else wanted[:1])
        matching = [matches(op, value, wanted) for value in values]
        candidates = zones.candidates(test)
        for zone in range(len(zones)):
            assert candidates[zone] or not any(matching[3 * zone : 3 * zone + 3]), (op, wanted, values)
        assert not (zones.excludes(test) and any(matching)), (op, wanted, values)
        assert not (zones.excludes(test) and candidates.any())


def candidates(zones: ColumnZones, op: str, *values: Any) -> list[bool]:
    found: list[bool] = zones.candidates(zone_test(zones.order, op, values)).tolist()
    return found


def test_what_cannot_match_is_ruled_out() -> None:
    zones = zones_of(types.INT8, [1, 2, 3, 7, 8, 9, None, None, None])
    assert candidates(zones, "=", 7) == [False, True, False]
    assert candidates(zones, "=", 5) == [False, False, False]
    assert candidates(zones, "<", 7) == [True, False, False]
    assert candidates(zones, "<=", 7) == [True, True, False]
    assert candidates(zones, ">", 3) == [False, True, False]
    assert candidates(zones, ">=", 3) == [True, True, False]
    assert candidates(zones, "in", 0, 3, 10) == [True, False, False]
    assert zones.candidates(null_test("number", "null")).tolist() == [False, False, True]
    assert zones.candidates(null_test("number", "not_null")).tolist() == [True, True, False]
    assert zones.excludes(zone_test("number", "=", [10])) and zones.excludes(zone_test("number", "<", [1]))
    assert not zones.excludes(zone_test("number", "=", [5]))


def test_integers_are_compared_with_other_numbers() -> None:
    zones = zones_of(types.INT4, [1, 2, 3, 7, 8, 9])
    assert candidates(zones, ">", Decimal("3.5")) == [False, True]
    assert candidates(zones, "=", 2.5) == [True, False]
    assert candidates(zones, ">", float("nan")) == [False, False]


def test_infinity_is_below_nan() -> None:
    infinity, nan = float("inf"), float("nan")
    zones = zones_of(types.FLOAT8, [infinity, infinity, infinity, nan, nan, nan, 1.0, nan, 1.0])
    assert candidates(zones, "<", nan) == [True, True, True]  # the second could be ruled out
    assert candidates(zones, "=", nan) == [True, True, True]  # and so could the first
    assert candidates(zones, ">", infinity) == [False, True, True]
    assert candidates(zones, ">", nan) == [False, True, True]
    assert candidates(zones, "<", 1.0) == [False, False, False]


def test_numerics_are_finer_and_larger_than_a_float() -> None:
    digits = Decimal("0.12345678901234567890")
    zones = zones_of(types.NUMERIC, [Decimal("1e-400"), digits, Decimal("1e400")], rows_each=1)
    assert candidates(zones, ">", 0) == [True, True, True]
    assert candidates(zones, "=", digits) == [False, True, False]
    assert candidates(zones, ">", digits - Decimal("1e-20")) == [False, True, True]
    assert candidates(zones, "<", Decimal("1e401")) == [True, True, True]


def test_texts_that_begin_alike_are_told_apart_by_32_bytes() -> None:
    zones = zones_of(types.TEXT, ["https://one.example/a"] * 3 + ["https://two.example/" + "b" * 40] * 3)
    assert candidates(zones, "=", "https://one.example/a") == [True, False]
    assert candidates(zones, "=", "https://two.example/" + "b" * 39) == [False, True]
    assert candidates(zones, ">", "https://two.example/c") == [False, False]


def test_rows_that_are_not_kept_count_for_nothing() -> None:
    array = pa.array([None, 5, None])
    arrays = zone_arrays({1: (types.INT8, array)}, np.array([False, True, False]), 3)
    zones = column_zones(types.INT8, arrays[""][0], None, 3)
    assert not zones.candidates(null_test("number", "null")).any()


def test_a_type_without_order_has_its_nulls_counted() -> None:
    zones = zones_of(types.JSONB, ["{}", None, "{}", "{}", "{}", "{}"])
    assert zones.order == ""
    assert zones.candidates(null_test("", "null")).tolist() == [True, False]


def test_a_column_of_one_value_is_one_zone() -> None:
    zones = constant_zones(types.TEXT, pa.array(["x"]), 500)
    assert (len(zones), zones.rows_each) == (1, 500)
    assert candidates(zones, "=", "y") == [False] and candidates(zones, "=", "x") == [True]
