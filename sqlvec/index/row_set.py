"""RowSet: the rows that a ranked scan may return, as an immutable bitmap over row ids [0, row_count)."""

from __future__ import annotations

import numpy as np
from pyroaring import BitMap

from sqlvec.kernels.bitmap import fill_ids, pack_mask, popcount, set_ids, test_ids, word_count


class RowSet:
    """Bits beyond row_count are zero. words must not be changed once given."""

    __slots__ = ("words", "row_count", "_count", "_ids")

    def __init__(self, words: np.ndarray, row_count: int, count: int | None = None) -> None:
        assert len(words) == word_count(row_count), (len(words), row_count)
        self.words = words
        self.row_count = row_count
        self._count = count
        self._ids: np.ndarray | None = None

    @classmethod
    def empty(cls, row_count: int) -> RowSet:
        return cls(np.zeros(word_count(row_count), np.uint64), row_count, 0)

    @classmethod
    def full(cls, row_count: int) -> RowSet:
        words = np.full(word_count(row_count), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64)
        if row_count & 63:
            words[-1] = np.uint64((1 << (row_count & 63)) - 1)
        return cls(words, row_count, row_count)

    @classmethod
    def from_ids(cls, ids: np.ndarray, row_count: int) -> RowSet:
        words = np.zeros(word_count(row_count), np.uint64)
        set_ids(words, np.asarray(ids, dtype=np.int64))
        return cls(words, row_count)

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> RowSet:
        return cls(pack_mask(np.asarray(mask, dtype=bool)), len(mask))

    @classmethod
    def from_roaring(cls, bitmap: BitMap, row_count: int) -> RowSet:
        ids = np.frombuffer(bitmap.to_array(), dtype=np.uint32).astype(np.int64)
        return cls.from_ids(ids, row_count)

    def to_roaring(self) -> BitMap:
        return BitMap(self.ids().astype(np.uint32))

    @property
    def count(self) -> int:
        if self._count is None:
            self._count = int(popcount(self.words))
        return self._count

    def ids(self) -> np.ndarray:
        """Row ids (i64), ascending."""
        if self._ids is None:
            ids = np.empty(self.count, np.int64)
            fill_ids(self.words, ids)
            self._ids = ids
        return self._ids

    def contains(self, ids: np.ndarray) -> np.ndarray:
        """bool[ids]."""
        found = np.empty(len(ids), np.bool_)
        test_ids(self.words, np.asarray(ids, dtype=np.int64), found)
        return found

    def extend(self, row_count: int) -> RowSet:
        """The same rows over another row_count; rows beyond it are cut."""
        if row_count == self.row_count:
            return self
        size = word_count(row_count)
        words = np.zeros(size, np.uint64)
        common = min(size, len(self.words))
        words[:common] = self.words[:common]
        if row_count < self.row_count and row_count & 63:
            words[-1] &= np.uint64((1 << (row_count & 63)) - 1)
        return RowSet(words, row_count, self._count if row_count > self.row_count else None)

    def __and__(self, other: RowSet) -> RowSet:
        assert self.row_count == other.row_count, (self.row_count, other.row_count)
        if self._count == self.row_count:
            return other
        if other._count == self.row_count:
            return self
        return RowSet(self.words & other.words, self.row_count)

    def __or__(self, other: RowSet) -> RowSet:
        assert self.row_count == other.row_count, (self.row_count, other.row_count)
        return RowSet(self.words | other.words, self.row_count)

    def __sub__(self, other: RowSet) -> RowSet:
        assert self.row_count == other.row_count, (self.row_count, other.row_count)
        return RowSet(self.words & ~other.words, self.row_count)

    def __invert__(self) -> RowSet:
        return RowSet.full(self.row_count) - self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowSet):
            return NotImplemented
        same = self.row_count == other.row_count
        return same and bool((self.words == other.words).all())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"RowSet({self.count} of {self.row_count})"
