"""DuckDB's types and literals: what is written is what DuckDB reads back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from sqlvec import types
from sqlvec.sql.render_types import Fixed, duckdb_type, literal, value_form
from sqlvec.types import SqlType


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@pytest.mark.parametrize(
    ("value", "sql_type"),
    [
        (True, types.BOOL), (-7, types.INT2), (2**62, types.INT8), (0.1, types.FLOAT8), (float("inf"), types.FLOAT8),
        ("it's \\ ü", types.TEXT), (b"\x00'\xff", types.BYTEA), (-719_162, types.DATE), (0, types.DATE),
        (86_399_999_999, types.TIME), (-1, types.TIMESTAMP), (1_700_000_000_123_456, types.TIMESTAMPTZ),
        ((14, -3, 5_000_001), types.INTERVAL), ([1, None, 3], types.array_of(types.INT4)),
        ([], types.array_of(types.TEXT)), (["a", "it's"], types.array_of(types.TEXT)), (None, types.INT4),
        (Decimal("12.30"), SqlType(types.NUMERIC.oid, (10 << 16 | 2) + 4)), ('{"a": 1}', types.JSONB),
        ([Decimal("1.5"), Decimal("2")], types.array_of(types.NUMERIC)),
    ],
)  # fmt: skip
def test_a_literal_is_its_value_in_its_type(
    engine: duckdb.DuckDBPyConnection, value: Any, sql_type: SqlType
) -> None:
    table = engine.sql(f"SELECT {literal(value, sql_type)} AS c0").to_arrow_table()
    array = table.column(0).combine_chunks().cast(sql_type.definition.arrow(sql_type.typmod))
    assert sql_type.definition.from_arrow(array) == [value]
    (shown,) = engine.execute(f"SELECT typeof({literal(value, sql_type)})").fetchall()
    assert shown[0].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") == duckdb_type(sql_type)


@pytest.mark.parametrize(
    ("text", "form"),
    [("1.50", Fixed(3, 2)), ("0.05", Fixed(3, 2)), ("100", Fixed(3, 0)), ("1" * 38, Fixed(38, 0)),
     ("1" * 39, None), ("NaN", None), ("0", Fixed(1, 0))],
)  # fmt: skip
def test_form_of_a_number(text: str, form: Fixed | None) -> None:
    assert value_form(Decimal(text)) == form


def test_types_follow_the_arrow_forms() -> None:
    assert duckdb_type(SqlType(types.NUMERIC.oid, (10 << 16 | 2) + 4)) == "DECIMAL(10,2)"
    assert duckdb_type(types.NUMERIC) == "VARCHAR"
    assert duckdb_type(SqlType(types.VECTOR.oid, 3)) == "FLOAT[3]"
    assert duckdb_type(types.array_of(types.TIMESTAMPTZ)) == "TIMESTAMPTZ[]"
    assert duckdb_type(types.UUID) == "VARCHAR"
