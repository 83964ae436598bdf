"""ColumnFilter: which rows of a segment have this value, lie in this range, are null.

An ordered run: the sorted values beside their row offsets, equal values in row order. Answers are row sets
over offsets [0, rows) of the segment; recent ones are kept, as bitmaps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sqlvec.index.row_set import RowSet

_CACHE_MAX = 256


class ColumnFilter:
    """Immutable; values are as the Arrow column stores them (dates and timestamps as integers)."""

    def __init__(self, values: Any, rows: np.ndarray, nulls: np.ndarray, row_count: int) -> None:
        """values ascending (numpy array, or list of str or bytes), rows[i] the offset of values[i]."""
        self._values = values
        self._rows = rows
        self._nulls = nulls
        self.row_count = row_count
        self._cache: dict[Any, RowSet] = {}

    @classmethod
    def build(cls, array: pa.Array) -> ColumnFilter | None:
        """The filter of a column; None for types that have no order here."""
        stored = _stored(array)
        if stored is None:
            return None
        valid = np.asarray(stored.is_valid())
        nulls = np.flatnonzero(~valid).astype(np.uint32)
        order = np.asarray(pc.sort_indices(stored))[: int(valid.sum())].astype(np.uint32)
        ordered = stored.take(pa.array(order))
        return cls(_plain(ordered), order, nulls, len(array))

    @property
    def low(self) -> Any:
        """The least value (zone map), None when all are null."""
        return self._values[0] if len(self._rows) else None

    @property
    def high(self) -> Any:
        return self._values[-1] if len(self._rows) else None

    def equal(self, value: Any) -> RowSet:
        return self.range(value, value, True, True)

    def range(self, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool) -> RowSet:
        """Rows between the bounds; a bound of None is open."""
        key = (low, high, low_inclusive, high_inclusive)
        found = self._cache.get(key)
        if found is None:
            start, end = self._bounds(*key)
            found = self._rows_of(start, end)
            if len(self._cache) >= _CACHE_MAX:
                self._cache.clear()
            self._cache[key] = found
        return found

    def any_of(self, values: list[Any]) -> RowSet:
        if not values:
            return RowSet.empty(self.row_count)
        spans = [self._bounds(value, value, True, True) for value in values]
        rows = np.concatenate([self._rows[start:end] for start, end in spans])
        return RowSet.from_ids(rows, self.row_count)

    def nulls(self) -> RowSet:
        return RowSet.from_ids(self._nulls, self.row_count)

    def _bounds(
        self, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool
    ) -> tuple[int, int]:
        start, end = 0, len(self._rows)
        if low is not None:
            start = self._search(low, right=not low_inclusive)
        if high is not None:
            end = self._search(high, right=high_inclusive)
        return start, max(start, end)

    def _search(self, value: Any, *, right: bool) -> int:
        if isinstance(self._values, np.ndarray):
            return int(np.searchsorted(self._values, value, "right" if right else "left"))
        wanted = value.encode() if isinstance(value, str) else value
        search = bisect_right if right else bisect_left
        return search(self._values, wanted)

    def _rows_of(self, start: int, end: int) -> RowSet:
        if end - start == self.row_count:
            return RowSet.full(self.row_count)
        return RowSet.from_ids(self._rows[start:end], self.row_count)

    # ---------------------------------------------------------------- keeping

    def arrays(self) -> dict[str, np.ndarray]:
        """What a segment keeps."""
        kept = {"rows": self._rows, "nulls": self._nulls}
        kept["count"] = np.array([self.row_count], np.int64)
        if isinstance(self._values, np.ndarray):
            kept["values"] = self._values
            return kept
        kept["ends"], kept["bytes"] = self._values.ends, self._values.data
        return kept

    @classmethod
    def from_arrays(cls, kept: dict[str, np.ndarray]) -> ColumnFilter:
        values: Any = kept["values"] if "values" in kept else _Strings(kept["ends"], kept["bytes"])
        return cls(values, kept["rows"], kept["nulls"], int(kept["count"][0]))


class _Strings:
    """A sorted list of byte strings over two arrays."""

    __slots__ = ("ends", "data")

    def __init__(self, ends: np.ndarray, data: np.ndarray) -> None:
        self.ends = ends
        self.data = data

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> bytes:
        if index < 0:
            index += len(self.ends)
        start = int(self.ends[index - 1]) if index else 0
        return self.data[start : int(self.ends[index])].tobytes()

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))


def _stored(array: pa.Array) -> pa.Array | None:
    """The column as sortable values: integers, floats, bytes."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return array
    if pa.types.is_boolean(kind):
        return array.cast(pa.int8())
    if pa.types.is_date32(kind):
        return array.cast(pa.int32())
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        return array.cast(pa.int64())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return array.cast(pa.binary())
    return None


def _plain(ordered: pa.Array) -> Any:
    if pa.types.is_binary(ordered.type):
        offsets = np.frombuffer(ordered.buffers()[1], np.int32)
        offsets = offsets[ordered.offset : ordered.offset + len(ordered) + 1].astype(np.int64)
        data = ordered.buffers()[2]
        raw = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        start = int(offsets[0]) if len(offsets) else 0
        return _Strings(offsets[1:] - start, raw[start : int(offsets[-1])])
    return ordered.to_numpy(zero_copy_only=False)
