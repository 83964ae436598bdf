"""Comparing a column with constants, row by row: where there is no filter that knows the answer.

As PostgreSQL compares: NaN equals NaN and is greater than every other number, a null matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlvec import types
from sqlvec.exec.context import Datum
from sqlvec.index.row_set import RowSet

_COMPARE: dict[str, Callable[[pa.Array, pa.Scalar], pa.Array]] = {
    "=": pc.equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_HOLDS_OF_NAN = (">", ">=")  # against another number


def compare_column(
    array: pa.Array,
    op: str,
    values: list[Datum],
    sql_type: types.SqlType,
    candidates: np.ndarray | None = None,
) -> RowSet:
    """The rows, by offset, for which `column op values` is true; others than candidates are not looked at."""
    if candidates is not None:
        rows = np.flatnonzero(candidates)
        if not len(rows):
            return RowSet.empty(len(array))
        found = compare_column(array.take(pa.array(rows)), op, values, sql_type)
        return RowSet.from_ids(rows[found.ids()], len(array))
    if op == "null":
        return RowSet.from_mask(np.asarray(pc.is_null(array)))
    if op == "not_null":
        return RowSet.from_mask(np.asarray(pc.is_valid(array)))
    wanted = sql_type.definition.to_arrow(values, sql_type.typmod)
    if wanted.type != array.type:
        wanted = wanted.cast(array.type)
    if op == "in":
        return RowSet.from_mask(np.asarray(pc.is_in(array, value_set=wanted)))
    if pa.types.is_floating(array.type):
        mask = _compare_floats(array, op, wanted[0])
    else:
        mask = _COMPARE[op](array, wanted[0])
    return RowSet.from_mask(np.asarray(pc.fill_null(mask, False)))


def _compare_floats(array: pa.Array, op: str, wanted: pa.Scalar) -> pa.Array:
    if not np.isnan(wanted.as_py()):
        mask = _COMPARE[op](array, wanted)
        return pc.or_(mask, pc.is_nan(array)) if op in _HOLDS_OF_NAN else mask
    if op in ("=", ">="):
        return pc.is_nan(array)
    if op == "<":
        return pc.invert(pc.is_nan(array))
    return pc.is_valid(array) if op == "<=" else pa.array(np.zeros(len(array), np.bool_))
