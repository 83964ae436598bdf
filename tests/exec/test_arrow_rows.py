"""Rows written by columns are the bytes that rows written one by one are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec import types
from sqlvec.exec.arrow_rows import BULK_ROWS_MIN, ArrowColumn, BatchEncoder
from sqlvec.types import RowEncoder, SqlType
from sqlvec.types.calendar import DATE_INFINITY, DATE_MAX, DATE_MIN, INFINITY, MINUS_INFINITY

DAY = 86_400_000_000
VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    types.INT2: st.integers(-(2**15), 2**15 - 1),
    types.INT4: st.integers(-(2**31), 2**31 - 1),
    types.INT8: st.integers(-(2**63), 2**63 - 1),
    types.FLOAT4: st.floats(width=32),
    types.FLOAT8: st.floats(),
    types.BOOL: st.booleans(),
    types.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    types.VARCHAR: st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    types.DATE: st.integers(-800_000, 3_000_000)
    | st.sampled_from([DATE_INFINITY, DATE_MIN, DATE_MAX]),
    types.TIMESTAMP: st.integers(-800_000 * DAY, 3_000_000 * DAY)
    | st.integers(-1_000, 1_000).map(lambda seconds: seconds * 1_000_000)
    | st.sampled_from([INFINITY, MINUS_INFINITY]),
    types.TIMESTAMPTZ: st.integers(-60_000 * DAY, 60_000 * DAY),
    types.NUMERIC: st.decimals(-1000, 1000, places=3),
    types.UUID: st.uuids().map(str),
    types.JSONB: st.sampled_from(['{"a": 1}', "[]", "null"]),
}


@pytest.mark.parametrize("binary", [False, True])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_columns_and_rows_are_written_alike(binary: bool, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    count = BULK_ROWS_MIN + data.draw(st.integers(0, 3))
    columns: list[Sequence[Any]] = []
    for sql_type in chosen:
        few = data.draw(st.lists(st.none() | VALUES[sql_type], min_size=1, max_size=12))
        datums = (few * count)[:count]
        if sql_type is types.NUMERIC:
            datums = [None if d is None else Decimal(d) for d in datums]
        columns.append(ArrowColumn(sql_type, sql_type.definition.to_arrow(datums)))
    formats = [int(binary)] * len(chosen)
    by_rows = RowEncoder(chosen, formats).encode([list(column) for column in columns])
    assert BatchEncoder(chosen, formats).encode(columns) == by_rows


SHORT = st.integers(-(10**15), 10**15).flatmap(
    lambda n: st.integers(0, 7).map(lambda k: n / 10**k)
) | st.sampled_from([0.0, -0.0, 0.1, 1e-4, 9.9e-5, 999999999.999999, 1e9, 5e-324, float("nan")])


@given(st.lists(st.none() | SHORT, min_size=1, max_size=12))
@settings(deadline=None, max_examples=300)
def test_short_decimals_are_written_as_one_by_one(few: list[float | None]) -> None:
    datums = few * BULK_ROWS_MIN
    column = ArrowColumn(types.FLOAT8, types.FLOAT8.definition.to_arrow(datums))
    by_rows = RowEncoder([types.FLOAT8], [0]).encode([datums])
    assert BatchEncoder([types.FLOAT8], [0]).encode([column]) == by_rows


def test_a_slice_of_an_array_is_written_from_its_own_rows() -> None:
    whole = pa.array([f"row {i}" for i in range(200)])
    column = ArrowColumn(types.TEXT, whole.slice(50, 100))
    written = BatchEncoder([types.TEXT], [0]).encode([column])
    assert written == RowEncoder([types.TEXT], [0]).encode([[f"row {i}" for i in range(50, 150)]])


def test_columns_of_lists_and_of_arrow_may_stand_together() -> None:
    numbers = ArrowColumn(types.INT4, pa.array(range(100), pa.int32()))
    texts = [f"t{i}" for i in range(100)]
    written = BatchEncoder([types.INT4, types.TEXT], [0, 0]).encode([numbers, texts])
    expected = RowEncoder([types.INT4, types.TEXT], [0, 0]).encode([list(range(100)), texts])
    assert written == expected


def test_an_arrow_column_is_a_sequence_of_datums() -> None:
    column = ArrowColumn(types.INT4, pa.array([3, None, 5], pa.int32()))
    assert (len(column), list(column), column[1:], column[0]) == (3, [3, None, 5], [None, 5], 3)
    assert column == [3, None, 5]
