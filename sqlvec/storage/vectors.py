"""The vectors of one column of one shard: a file of f32 rows, addressed by row id, mapped and
written in place, or read and written through memory (segment_io.py).

    file    f32[capacity, padded], row-major; padded is dims rounded up to a multiple of 16, the
            rest is zero

There is no header: every byte is a vector, and the manifest holds the dims. Whether a row has a
vector is in the segments and, for newer rows, in the WAL; a row without one is zeros here. The
file grows by allocation, doubling up to GROWTH_BYTES_MAX and by that much afterwards; maps of the
shorter file stay valid and see the same bytes. Rows below the flushed row id are synced; what lies
above is rewritten from the WAL by recovery. Segments keep digests of their rows here, which are
verified when the column is first read after opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from sqlvec.errors import DatabaseError, DataCorrupted
from sqlvec.index.row_set import RowSet
from sqlvec.storage.growing import (
    Mask,
    RowIds,
    Words,
    clear_ids,
    grown,
    mask_of_words,
    set_bits,
    word_count,
)
from sqlvec.storage.segment_io import RowFile, row_file
from sqlvec.storage.vfs import Vfs

Vectors = npt.NDArray[np.float32]

LANES = 16
ROWS_MIN = 64
DIGEST_ROWS = 4_096  # read at a time
GROWTH_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class VectorBatch:
    """Vectors on their way in: vectors f32[rows, dims] (a null row's content does not matter),
    present bool[rows], or None when every row has a vector."""

    vectors: Vectors
    present: Mask | None = None

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, slots=True, eq=False)
class VectorView:
    """What a scan reads: array f32[rows, padded], mapped; present says which rows have a vector."""

    array: Vectors
    dims: int
    present: RowSet


@dataclass(frozen=True, slots=True, eq=False)
class VectorCheck:
    """digest: xxh3 of the kept rows among [low, high), as they lie in the file."""

    low: int
    high: int
    kept: Mask
    digest: int


class VectorColumn:
    """One vector file and the bitmap of its present rows."""

    def __init__(self, vfs: Vfs, name: str, dims: int) -> None:
        self.name = name
        self.dims = dims
        self.padded = padded_dims(dims)
        self.row_count = 0
        self._vfs = vfs
        self._file: RowFile | None = None  # made with the first row
        self._array = np.zeros((0, self.padded), np.float32)
        self._present: Words = np.zeros(0, np.uint64)
        self._view: VectorView | None = None
        self._written = False
        self._written_from = 0  # the first of the rows that were written since the file had them
        self._loaded_rows = 0  # that were in the file when it was opened, and do not change
        self._loading = Lock()  # the array is not replaced while the file is read into it
        self._checks: list[VectorCheck] = []  # not verified yet

    def load(self, presence: Words, row_count: int, checks: list[VectorCheck]) -> None:
        """Take over the rows [0, row_count) that the file holds."""
        self._checks = checks
        assert len(presence) == word_count(row_count), (len(presence), row_count)
        self._present = presence
        self.row_count = row_count
        if row_count:
            self._loaded_rows = row_count
            self._map(row_count * self.padded * 4)
            if not checks and self._file is not None:
                self._file.load(row_count * self.padded * 4)

    def write(self, first: int, batch: VectorBatch) -> None:
        """Store a batch at row ids [first, first + rows); rows between the end and first are
        absent.
        """
        last = first + len(batch)
        self.reserve(last)
        if len(batch):
            rows = self._array[first:last]
            rows[:, : self.dims] = batch.vectors
            # Transactions commit in another order than they took their rows: a later one may lie before.
            self._written_from = min(self._written_from, first) if self._written else first
            self._written = True
        if batch.present is None:
            set_bits(self._present, first, last)
        else:
            set_bits(self._present, first, last)
            absent = np.flatnonzero(~batch.present).astype(np.int64)
            clear_ids(self._present, absent + first)
            self._array[absent + first] = 0.0
        self._view = None

    def reserve(self, row_count: int) -> None:
        """Make room for row ids below row_count; new ones are absent."""
        if row_count > len(self._array):
            self._grow(row_count)
        if row_count > self.row_count:
            words = word_count(self.row_count)
            self._present = grown(self._present, words, word_count(row_count))
            self.row_count = row_count
            self._view = None

    def view(self, row_count: int) -> VectorView:
        view = self._view
        if self._checks:
            self.verify()
        if view is None or view.present.row_count != row_count:
            self.reserve(row_count)
            words = self._present[: word_count(row_count)].copy()
            view = VectorView(self._array[:row_count], self.dims, RowSet(words, row_count))
            self._view = view
        return view

    def present_mask(self, low: int, high: int) -> Mask:
        """Which of the rows [low, high) have a vector."""
        return mask_of_words(self._present, low, high)

    def rows(self, low: int, high: int) -> Vectors:
        """f32[high - low, dims], a view."""
        if self._checks:
            self.verify()
        return self._array[low:high, : self.dims]

    def column(self, low: int, high: int) -> pa.Array:
        """The rows as Arrow's fixed-size lists, null where absent."""
        values = np.ascontiguousarray(self.rows(low, high)).reshape(-1)
        mask = pa.array(~self.present_mask(low, high))
        return pa.FixedSizeListArray.from_arrays(pa.array(values), self.dims, mask=mask)

    def datums(self, row_ids: list[int]) -> list[Vectors | None]:
        if self._checks:
            self.verify()
        array, dims, present = self._array, self.dims, self._present
        return [
            array[row, :dims].copy() if present.item(row >> 6) >> (row & 63) & 1 else None
            for row in row_ids
        ]

    def digest(self, low: int, high: int, kept: Mask) -> int:
        """xxh3 of the kept rows among [low, high), pads included; signed."""
        state = xxhash.xxh3_64()
        for start in range(low, high, DIGEST_ROWS):
            end = min(start + DIGEST_ROWS, high)
            rows = self._array[start:end]
            chosen = kept[start - low : end - low]
            state.update(rows.data if chosen.all() else rows[chosen].data)
        return int(np.uint64(state.intdigest()).astype(np.int64))

    def copy_rows(self, source: VectorColumn, row_ids: RowIds) -> None:
        """Take over rows of another file, as the rows 0, 1, ..."""
        if source._checks:
            source.verify()
        for first in range(0, len(row_ids), DIGEST_ROWS):
            ids = row_ids[first : first + DIGEST_ROWS]
            present = source._present[ids >> 6] >> (ids & 63).astype(np.uint64) & np.uint64(1)
            rows = source._array[ids, : self.dims]
            self.write(first, VectorBatch(rows, present.astype(np.bool_)))

    def verify(self) -> None:
        """Compare the file with what its segments say; DataCorrupted, now and until it is right."""
        with self._loading:
            if self._checks and self._file is not None:
                self._file.load(self._loaded_rows * self.padded * 4)
            self._verify()

    def _verify(self) -> None:
        for check in self._checks:
            if len(self._array) < check.high:
                size = self._array.nbytes
                raise DataCorrupted(f'unexpected end of file "{self.name}" at offset {size}')
            if self.digest(check.low, check.high, check.kept) != check.digest:
                offset = check.low * self.padded * 4
                raise DataCorrupted(
                    f'checksum mismatch in file "{self.name}" at offset {offset}',
                    detail=f"It covers rows {check.low} to {check.high}.",
                )
        self._checks = []

    def sync(self) -> None:
        """Make what was written durable."""
        if self.take_written():
            self._vfs.sync(self.name)

    def mark_written(self) -> None:
        """What take_written() told was not synced after all."""
        self._written, self._written_from = True, self._loaded_rows

    def take_written(self) -> bool:
        """Whether something was written since this was last asked: it is in the file, and the caller syncs it now."""
        written, first = self._written, self._written_from
        self._written = False
        if written and self._file is not None:
            try:
                array, row_bytes = self._array, self.padded * 4
                self._file.save(first * row_bytes, min(self.row_count, len(array)) * row_bytes)
            except DatabaseError:
                self.mark_written()
                raise
        return written

    def _grow(self, row_count: int) -> None:
        row_bytes = self.padded * 4
        held = len(self._array) * row_bytes
        size = max(row_count * row_bytes, held + min(held, GROWTH_BYTES_MAX), ROWS_MIN * row_bytes)
        self._map(size)

    def _map(self, size: int) -> None:
        with self._loading:
            if self._file is None:
                self._file = row_file(self._vfs, self.name)
            data = self._file.grow(size)
            rows = len(data) // (self.padded * 4)
            whole = data[: rows * self.padded * 4]
            self._array = whole.view(np.float32).reshape(rows, self.padded)


def padded_dims(dims: int) -> int:
    return -(-dims // LANES) * LANES
