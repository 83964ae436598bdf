"""What an index over an expression holds, column by column and row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sqlvec import types
from sqlvec.catalog.objects import Column, Index, IndexColumn, Table
from sqlvec.errors import NumericValueOutOfRange
from sqlvec.exec.index_values import index_values
from sqlvec.types import SqlType

VECTOR = SqlType(types.VECTOR.oid, 3)
TABLE = Table(1, "t", 1, (Column(1, "id", types.INT4), Column(2, "v", VECTOR)))
ROWS = [[1.5, -2, 0.1], None, [0, 7, -0.5], [3, 3, 3]]


def _index(expression: str, sql_type: SqlType, predicate: str = "") -> Index:
    part = IndexColumn(0, expression, "", type=sql_type)
    return Index(5, f"i{hash((expression, predicate))}", 1, "hnsw", (part,), predicate=predicate)


def _values(index: Index, rows: list[Any], alive: np.ndarray | None = None) -> list[Any]:
    vectors = [None if row is None else np.array(row, np.float32) for row in rows]
    columns = {1: pa.array(range(len(rows)), pa.int32()), 2: VECTOR.definition.to_arrow(vectors, 3)}
    return index_values(index, TABLE, lambda attnum: columns[attnum], len(rows), alive)


@pytest.mark.parametrize(
    ("expression", "sql_type"),
    [
        ("v::halfvec(3)", SqlType(types.HALFVEC.oid, 3)),
        ("binary_quantize(v)::bit(3)", SqlType(types.BIT.oid, 3)),
        ("subvector(v, 1, 2)::vector(2)", SqlType(types.VECTOR.oid, 2)),
        ("v::sparsevec(3)", SqlType(types.SPARSEVEC.oid, 3)),
    ],
)
def test_a_predicate_that_is_true_for_all_changes_no_value(expression: str, sql_type: SqlType) -> None:
    """Without one the usual expressions are computed for whole columns, with one row by row."""
    whole = _values(_index(expression, sql_type), ROWS)
    each = _values(_index(expression, sql_type, "id >= 0"), ROWS)
    shown = [
        [None if value is None else sql_type.definition.render(value) for value in values]
        for values in (whole, each)
    ]
    assert shown[0] == shown[1]
    assert shown[0][1] is None
    assert None not in (shown[0][0], shown[0][2], shown[0][3])


def test_rows_outside_the_predicate_and_dead_ones_have_no_value() -> None:
    index = _index("v::sparsevec(3)", SqlType(types.SPARSEVEC.oid, 3), "id <> 2")
    alive = np.array([True, True, True, False])
    assert [value is not None for value in _values(index, ROWS, alive)] == [True, False, False, False]


def test_a_value_out_of_range_is_the_casts_error() -> None:
    index = _index("v::halfvec(3)", SqlType(types.HALFVEC.oid, 3))
    with pytest.raises(NumericValueOutOfRange, match='"70000" is out of range for type halfvec'):
        _values(index, [[1, 2, 3], [70000, 0, 0]])
