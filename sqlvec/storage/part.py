"""A part: the rows [low, high) of a shard, as columns. Segments and memtable blocks are parts
alike.

What a part does not hold it answers all the same: a vector(n) column from the shard's vector file,
a column that was added after its rows were written with the column's fill value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.index.ordered import ColumnFilter
from sqlvec.index.zone_map import ColumnZones
from sqlvec.storage.column_reader import Reader, column_reader
from sqlvec.storage.growing import RowIds
from sqlvec.storage.keys import KeyDefinition, KeyRun, hash_columns, sorted_run
from sqlvec.storage.vectors import VectorColumn
from sqlvec.types import BYTEA, HALFVEC, JSON, JSONB, TEXT, VECTOR, SqlType, by_oid


@dataclass(slots=True)
class ShardColumns:
    """What the parts of a shard share: newest column types, fill values (one-element arrays) and
    the vector files by (attnum, dims), which hold vector(n) and halfvec(n) as float32. Types are
    those of the newest catalog that wrote here."""

    types: dict[int, SqlType] = field(default_factory=dict)
    fills: Mapping[int, pa.Array] = field(default_factory=dict)
    vectors: dict[tuple[int, int], VectorColumn] = field(default_factory=dict)
    filter_text_bytes_max: int = 64
    table: Table | None = None  # as last learnt

    def learn(self, table: Table) -> None:
        self.types = {column.attnum: column.type.stored for column in table.columns}
        self.table = table

    def vector(self, attnum: int) -> VectorColumn | None:
        """The vector file of a column of type vector(n), if it has one yet."""
        return self.vectors.get((attnum, vector_dims(self.types.get(attnum))))

    def datums(self, vector: VectorColumn, attnum: int, row_ids: list[int]) -> list[Any]:
        """Of a vector file, as the column's type has them."""
        found = vector.datums(row_ids)
        if self.types[attnum].oid == HALFVEC.oid:
            return [None if datum is None else datum.astype(np.float16) for datum in found]
        return found

    def missing(self, attnum: int, row_count: int) -> pa.Array:
        """A column of rows that were written before the column was added."""
        fill = self.fills.get(attnum)
        if fill is not None and fill[0].is_valid:
            return fill.take(pa.array(np.zeros(row_count, np.int64)))
        type = self.type(attnum)
        definition = by_oid(type.oid)
        assert definition is not None, type
        return pa.nulls(row_count, definition.arrow(type.typmod))

    def type(self, attnum: int) -> SqlType:
        return self.types.get(attnum, TEXT)


def vector_dims(type: SqlType | None) -> int:
    """n of vector(n) and halfvec(n), 0 for any other type."""
    if type is None or type.oid not in (VECTOR.oid, HALFVEC.oid):
        return 0
    return max(type.typmod, 0)


class Part:
    """Immutable for its reader; subclasses say what is stored."""

    def __init__(self, low: int, high: int, columns: ShardColumns) -> None:
        self.low = low
        self.high = high
        self._columns = columns
        self._readers: dict[int, Reader] = {}
        self._runs: dict[KeyDefinition, KeyRun] = {}

    def __len__(self) -> int:
        return self.high - self.low

    def column(self, attnum: int) -> pa.Array:
        """The column as an array of high - low rows, dead ones included (their values are
        unspecified).
        """
        vector = self._columns.vector(attnum)
        if vector is not None:
            return vector.column(self.low, self.high)
        stored = self._stored(attnum)
        return self._columns.missing(attnum, len(self)) if stored is None else stored

    def column_slice(self, attnum: int, low: int, high: int) -> pa.Array:
        """The rows [low, high), by local offsets, of a column."""
        vector = self._columns.vector(attnum)
        if vector is not None:
            return vector.column(self.low + low, self.low + high)
        return self.column(attnum).slice(low, high - low)

    def filter(self, attnum: int) -> ColumnFilter | None:
        """The column's filter over local offsets; None when there is none."""
        return None

    def has_read_filter(self, attnum: int) -> bool:
        """Whether the filter is in memory, or there is none."""
        return True

    def zones(self, attnum: int) -> ColumnZones | None:
        """The column's zones, of equally many rows each; None when the part does not keep any."""
        return None

    def stored_type(self, attnum: int) -> SqlType:
        """The column's type when its rows were written."""
        return self._columns.type(attnum)

    def read(self, attnum: int, offsets: Sequence[int]) -> list[Any]:
        """Datums of the rows at local offsets."""
        reader = self._readers.get(attnum)
        if reader is None:
            vector = self._columns.vector(attnum)
            if vector is not None:
                rows = [self.low + offset for offset in offsets]
                return self._columns.datums(vector, attnum, rows)
            stored = self._stored(attnum)
            if stored is None:
                stored = self._columns.missing(attnum, len(self))
            reader = column_reader(stored, self.stored_type(attnum))
            self._readers[attnum] = reader
        return reader(offsets)

    def key_run(self, definition: KeyDefinition) -> KeyRun:
        """The sorted hashes of a key, computed now if they were not written with the part."""
        run = self._runs.get(definition)
        if run is None:
            run = self._make_run(definition)
            self._runs[definition] = run
        return run

    def _make_run(self, definition: KeyDefinition) -> KeyRun:
        columns = [self.column(attnum) for attnum in definition.attnums]
        types = [self.stored_type(attnum) for attnum in definition.attnums]
        hashes, valid = hash_columns(columns, types, definition.nulls_not_distinct)
        rows: RowIds = np.flatnonzero(valid).astype(np.int64) + self.low
        return sorted_run(hashes[valid], rows)

    def _stored(self, attnum: int) -> pa.Array | None:
        raise NotImplementedError


def build_filter(type: SqlType, array: pa.Array, text_bytes_max: int) -> ColumnFilter | None:
    """The filter of a column: for scalars and short text, not for what nobody compares with a
    constant.
    """
    if type.oid in (BYTEA.oid, JSON.oid, JSONB.oid) or pa.types.is_nested(array.type):
        return None
    if pa.types.is_string(array.type) and array.nbytes > (text_bytes_max + 4) * len(array):
        return None
    return None if pa.types.is_interval(array.type) else ColumnFilter.build(array)
