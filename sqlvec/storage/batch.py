"""Rows on their way into a shard: what the caller gave per column, brought to the types that
storage keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.storage.part import vector_dims
from sqlvec.storage.vectors import VectorBatch
from sqlvec.types import SqlType, by_oid


@dataclass(frozen=True, slots=True, eq=False)
class RowBatch:
    """row_count rows: Arrow arrays by attnum, vector(n) columns apart."""

    row_count: int
    columns: dict[int, pa.Array]
    vectors: dict[int, VectorBatch]
    types: dict[int, SqlType]

    def present_column(self, attnum: int) -> pa.Array:
        """A column that the batch has, or nulls."""
        found = self.column(attnum)
        return pa.nulls(self.row_count) if found is None else found

    def column(self, attnum: int) -> pa.Array | None:
        """A column as the type's Arrow form; None for one that the batch does not have."""
        vectors = self.vectors.get(attnum)
        if vectors is None:
            return self.columns.get(attnum)
        mask = None if vectors.present is None else pa.array(~vectors.present)
        values = pa.array(np.ascontiguousarray(vectors.vectors).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(values, vectors.vectors.shape[1], mask=mask)


def row_batch(table: Table, given: Mapping[int, Any]) -> RowBatch:
    """A batch with every live column of the table; what is not given is null."""
    row_count = next(len(column) for column in map(_sized, given.values()))
    columns: dict[int, pa.Array] = {}
    vectors: dict[int, VectorBatch] = {}
    for column in table.live_columns:
        value = given.get(column.attnum)
        dims = vector_dims(column.type.stored)
        if dims:
            vectors[column.attnum] = _vector_batch(value, dims, row_count)
            assert len(vectors[column.attnum]) == row_count, (column.name, row_count)
        else:
            columns[column.attnum] = _array(value, column.type.stored, row_count)
            assert len(columns[column.attnum]) == row_count, (column.name, row_count)
    return RowBatch(row_count, columns, vectors, {c.attnum: c.type.stored for c in table.live_columns})


def _sized(value: Any) -> Any:
    return value.vectors if hasattr(value, "vectors") else value


def _array(value: Any, type: SqlType, row_count: int) -> pa.Array:
    definition = by_oid(type.oid)
    assert definition is not None, type
    wanted = definition.arrow(type.typmod)
    if value is None:
        return pa.nulls(row_count, wanted)
    if hasattr(value, "vectors"):  # a column of type vector, without dims
        present = value.present
        datums = [
            row if present is None or present[i] else None for i, row in enumerate(value.vectors)
        ]
        return definition.to_arrow(datums, type.typmod)
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    return value if value.type == wanted else value.cast(wanted)


def _vector_batch(value: Any, dims: int, row_count: int) -> VectorBatch:
    if value is None:
        values = np.zeros((row_count, dims), np.float32)
        return VectorBatch(values, np.zeros(row_count, np.bool_))
    if hasattr(value, "vectors"):
        present = None if value.present is None else np.asarray(value.present, np.bool_)
        vectors = np.asarray(value.vectors, np.float32)
    else:
        vectors, present = _from_arrow(value, dims)
    assert vectors.shape == (row_count, dims), (vectors.shape, row_count, dims)
    return VectorBatch(vectors, None if present is None or present.all() else present)


def one_vector(value: Any, dims: int) -> VectorBatch:
    """A batch of one vector, or of a null."""
    if value is None:
        return VectorBatch(np.zeros((1, dims), np.float32), np.zeros(1, np.bool_))
    return VectorBatch(np.asarray(value, np.float32).reshape(1, dims), None)


def _from_arrow(value: Any, dims: int) -> tuple[Any, Any]:
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    present = np.asarray(value.is_valid()) if value.null_count else None
    if pa.types.is_fixed_size_list(value.type) and present is None:
        return value.flatten().to_numpy(zero_copy_only=False).reshape(-1, dims), None
    vectors = np.zeros((len(value), dims), np.float32)
    flat = value.flatten().to_numpy(zero_copy_only=False).reshape(-1, dims)
    vectors[slice(None) if present is None else present] = flat
    return vectors, present
