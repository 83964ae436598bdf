"""-infinity of dates and moments on the way into the relational engine and back.

PostgreSQL's is the least integer, and so is ours; DuckDB's is the least but one: what is less is for it a date
of the year -5877641. infinity is the greatest integer for all three.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlvec.exec.pieces import Pieces

_LEAST = {32: -(2**31), 64: -(2**63)}


def for_engine(table: pa.Table | Pieces) -> pa.Table | Pieces:
    """The rows, whose -infinity DuckDB knows."""
    if isinstance(table, Pieces):
        moments = any(_has_moments(field.type) for field in table.schema)
        return table.mapped(for_engine) if moments else table
    for place, field in enumerate(table.schema):
        if _has_moments(field.type):
            column = table.column(place)
            changed = pa.chunked_array([_moved(chunk, 0) for chunk in column.chunks], field.type)
            table = table.set_column(place, field, changed)
    return table


def from_engine(array: pa.Array) -> pa.Array:
    """A column, whose -infinity is ours."""
    return _moved(array, 1) if _has_moments(array.type) else array


def _has_moments(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _has_moments(kind.value_type)
    return pa.types.is_date32(kind) or pa.types.is_timestamp(kind)


def _moved(array: pa.Array, offset: int) -> pa.Array:
    """The least value and `offset` as the other of the two; the array itself where it has none."""
    if pa.types.is_list(array.type):
        items = _moved(array.values, offset)
        if items is array.values:
            return array
        offsets = pa.array(array.offsets.to_numpy())  # of a slice they begin where it begins
        return pa.ListArray.from_arrays(offsets, items, mask=pc.is_null(array))
    bits = array.type.bit_width
    least = _LEAST[bits]
    numbers = array.view(pa.int32() if bits == 32 else pa.int64())
    values = numbers.to_numpy(zero_copy_only=False) if not numbers.null_count else np.asarray(
        numbers.fill_null(0)
    )  # fmt: skip
    found = values == least + offset
    if not found.any():
        return array
    other = pa.scalar(least + 1 - offset, numbers.type)
    return pc.if_else(pa.array(found), other, numbers).view(array.type)
