from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from sqlvec import types
from sqlvec.storage.column_reader import column_reader
from sqlvec.types import SqlType, by_oid

DATUMS: list[tuple[SqlType, list[Any]]] = [
    (types.BOOL, [True, False, None]),
    (types.INT2, [1, -2, None]),
    (types.INT4, [1, -2, None]),
    (types.INT8, [2**62, None, 0]),
    (types.FLOAT4, [1.5, None, -0.25]),
    (types.FLOAT8, [0.1, None, -2.5]),
    (types.TEXT, ["a", None, "äöü", ""]),
    (types.VARCHAR, ["a", None]),
    (types.BYTEA, [b"a\x00", None, b""]),
    (types.DATE, [0, -5, None]),
    (types.TIMESTAMP, [0, 1_000_001, None]),
    (types.TIMESTAMPTZ, [0, 1_000_001, None]),
    (types.TIME, [0, 86_399_999_999, None]),
    (types.TIMETZ, [(0, -3600), None]),
    (types.INTERVAL, [(1, 2, 3), None]),
    (types.NUMERIC, [Decimal("1.50"), None]),
    (SqlType(types.NUMERIC.oid, ((10 << 16) | 2) + 4), [Decimal("1.50"), None]),
    (types.UUID, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None]),
    (types.JSONB, ['{"a": 1}', None]),
    (types.OID, [1, 4_000_000_000, None]),
    (types.array_of(types.INT4), [[1, 2], None, []]),
    (types.array_of(types.TEXT), [["x", None], None]),
]


@pytest.mark.parametrize(("type", "datums"), DATUMS, ids=lambda value: getattr(value, "name", ""))
def test_single_rows_are_what_the_type_makes_of_the_array(type: SqlType, datums: list[Any]) -> None:
    definition = by_oid(type.oid)
    assert definition is not None
    array = definition.to_arrow([None, *datums], type.typmod)[1:]
    assert definition.from_arrow(array) == datums
    offsets = list(range(len(datums)))[::-1]
    assert column_reader(array, type)(offsets) == datums[::-1]


def test_vectors_without_dims_are_arrays() -> None:
    definition = by_oid(types.VECTOR.oid)
    assert definition is not None
    array = definition.to_arrow([np.array([1, 2], np.float32), None], -1)
    found = column_reader(array, types.VECTOR)([0, 1])
    assert found[0].tolist() == [1, 2] and found[1] is None
