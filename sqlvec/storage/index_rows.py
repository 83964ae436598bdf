"""The rows of an index that are not simply a vector column's: values of an expression, bit strings, sparse
vectors, or only the rows that a predicate holds for. By row id, like the vectors of a column.

    dense    a vector file of its own (vectors.py)
    column   the file of the column that is indexed; which rows count is the index's own
    bits     u64[rows, words], the first bit lowest
    sparse   starts i64[rows + 1], places i32[n], values f32[n]

What a row's value is, the executor says (IndexValues); here it is kept for as long as the shard is open, and
computed again from the columns when it is opened, as the rows of the memtable are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import FeatureNotSupported
from sqlvec.index.row_set import RowSet
from sqlvec.index.warm import warm_bits, warm_sparse
from sqlvec.storage.growing import Words, clear_ids, grown, set_bits, word_count
from sqlvec.storage.vectors import VectorBatch, VectorColumn
from sqlvec.types import BIT, HALFVEC, SPARSEVEC, TSVECTOR, VARBIT, VECTOR, SqlType

# The indexed value of each row, null where there is none or the predicate is not true. Given are the columns
# by attnum, how many rows, and which of them are alive (None: all); the others need no value.
IndexValues = Callable[[Index, Table, Callable[[int], pa.Array], int, Any], list[Any]]
GRAPH_METHODS = ("hnsw", "ivfflat")
_DENSE = (VECTOR.oid, HALFVEC.oid)


def no_index_values(index: Index, *_: Any) -> list[Any]:
    """For a store that was opened without an executor."""
    raise FeatureNotSupported(f'index "{index.name}" needs values that nobody computes')


@dataclass(frozen=True, slots=True, eq=False)
class IndexView:
    """What a scan reads: array in the form that kernels.forms describes; dims as the type counts them."""

    array: Any
    dims: int
    present: RowSet


def indexed_type(index: Index, table: Table) -> SqlType:
    """Of the one column or expression of a vector index or a gin index."""
    column = index.columns[0]
    if column.type is not None:
        return column.type
    return table.column_by_attnum(column.attnum).type.stored


def has_lexemes(index: Index, table: Table) -> bool:
    """Whether it is a gin index over a tsvector, of all rows: its lexemes are kept."""
    if index.method != "gin" or len(index.columns) > 1 or index.predicate:
        return False
    (column,) = index.columns
    if not column.attnum:
        return column.type == TSVECTOR
    return table.column_by_attnum(column.attnum).type.stored == TSVECTOR


def has_own_rows(index: Index, table: Table) -> bool:
    """Whether it is a vector index that needs more than the vector file of its column."""
    if index.method not in GRAPH_METHODS:
        return False
    dense = indexed_type(index, table).oid in _DENSE
    return bool(index.predicate) or not index.columns[0].attnum or not dense


class IndexRows:
    """See the module. `column` gives the file of the column, for an index over one."""

    def __init__(
        self,
        sql_type: SqlType,
        column: Callable[[], VectorColumn] | None,
        make_file: Callable[[], VectorColumn],
    ) -> None:
        self.dims = sql_type.typmod
        self.row_count = 0
        self._present: Words = np.zeros(0, np.uint64)
        self._view: IndexView | None = None
        self._values: _Values
        if sql_type.oid in (BIT.oid, VARBIT.oid):
            warm_bits()
            self._values = _Bits(self.dims)
        elif sql_type.oid == SPARSEVEC.oid:
            warm_sparse()
            self._values = _Sparse()
        elif column is not None:
            self._values = _Column(column)
        else:
            self._values = _Dense(make_file())

    def add(self, values: Sequence[Any]) -> None:
        """The next rows; None for one that the index does not hold."""
        first, last = self.row_count, self.row_count + len(values)
        self._values.add(first, values)
        self._present = grown(self._present, word_count(first), word_count(last))
        set_bits(self._present, first, last)
        absent = [first + i for i, value in enumerate(values) if value is None]
        clear_ids(self._present, np.array(absent, np.int64))
        self.row_count = last
        self._view = None

    def view(self, row_count: int) -> IndexView:
        """The first row_count rows."""
        view = self._view
        if view is None or view.present.row_count != row_count:
            assert row_count <= self.row_count, (row_count, self.row_count)
            words = self._present[: word_count(row_count)].copy()
            if row_count & 63:
                words[-1] &= np.uint64((1 << (row_count & 63)) - 1)
            view = IndexView(self._values.array(row_count), self.dims, RowSet(words, row_count))
            self._view = view
        return view

    def file_name(self) -> str:
        """Of a file of its own, which nobody else knows; empty when there is none."""
        return self._values.vectors.name if isinstance(self._values, _Dense) else ""


class _Values:
    """One form of values; subclasses keep them."""

    def add(self, first: int, values: Sequence[Any]) -> None:
        raise NotImplementedError

    def array(self, row_count: int) -> Any:
        raise NotImplementedError


class _Dense(_Values):
    def __init__(self, vectors: VectorColumn) -> None:
        self.vectors = vectors

    def add(self, first: int, values: Sequence[Any]) -> None:
        rows = np.zeros((len(values), self.vectors.dims), np.float32)
        for row, value in zip(rows, values, strict=True):
            if value is not None:
                row[:] = value
        self.vectors.write(first, VectorBatch(rows))

    def array(self, row_count: int) -> Any:
        return self.vectors.view(row_count).array


class _Column(_Values):
    def __init__(self, column: Callable[[], VectorColumn]) -> None:
        self.column = column

    def add(self, first: int, values: Sequence[Any]) -> None:
        """The column has them."""

    def array(self, row_count: int) -> Any:
        return self.column().view(row_count).array


class _Bits(_Values):
    def __init__(self, size: int) -> None:
        self.words = max(1, word_count(size))
        self.bits = np.zeros(0, np.uint64)

    def add(self, first: int, values: Sequence[Any]) -> None:
        width = self.words
        self.bits = grown(self.bits, first * width, (first + len(values)) * width)
        for place, value in enumerate(values, first):
            if value is not None:
                self.bits[place * width : (place + 1) * width] = packed_bits(value, width)

    def array(self, row_count: int) -> Any:
        return self.bits[: row_count * self.words].reshape(row_count, self.words)


class _Sparse(_Values):
    def __init__(self) -> None:
        self.starts = np.zeros(1, np.int64)
        self.places = np.zeros(0, np.int32)
        self.values = np.zeros(0, np.float32)

    def add(self, first: int, values: Sequence[Any]) -> None:
        counts = [0 if value is None else len(value.places) for value in values]
        used = int(self.starts[first])
        ends = used + np.cumsum(counts, dtype=np.int64)
        last = int(ends[-1]) if len(ends) else used
        self.starts = grown(self.starts, first + 1, first + 1 + len(values))
        self.places, self.values = grown(self.places, used, last), grown(self.values, used, last)
        self.starts[first + 1 : first + 1 + len(values)] = ends
        held = [value for value in values if value is not None]
        if held:
            self.places[used:last] = np.concatenate([value.places for value in held])
            self.values[used:last] = np.concatenate([value.values for value in held])

    def array(self, row_count: int) -> Any:
        return self.starts[: row_count + 1], self.places, self.values


def packed_bits(bits: str, words: int) -> Words:
    """A bit string as u64[words], the first bit lowest."""
    raw = np.frombuffer(bits.encode("ascii"), np.uint8) - np.uint8(ord("0"))
    out = np.zeros(words * 8, np.uint8)
    packed = np.packbits(raw, bitorder="little")
    out[: len(packed)] = packed
    return out.view(np.uint64)
