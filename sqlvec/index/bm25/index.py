"""The BM25 index of one shard: parts of rows, scored together with statistics exact over the visible rows.

Rows come in row-id order. The newest wait as texts and become a part at the first search or when they are
many; parts in memory are merged so that their sizes grow geometrically. A sealed range is replaced by the
part that its segment keeps. Readers take the list of parts once; it is never changed in place.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np

from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.part import Part, build_part, merge
from sqlvec.index.bm25.query import And, AnyTerm, Bm25Query, Match, Not, Or, Phrase, Prefix
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bm25 import collect, count_visible, score_all

WAITING_MAX = 4096  # texts that wait to become a part
_JOIN = "\n"


class Bm25Index:
    """Several columns are searched as one field: their texts one after the other."""

    def __init__(
        self, config: str, k1: float = 1.2, b: float = 0.75, fields: int = 1, first_row_id: int = 0
    ) -> None:
        self.config = config
        self.analyzer = analyzer(config)
        self.k1 = k1
        self.b = b
        self.fields = fields
        self._parts: tuple[Part, ...] = ()
        self._sealed_high = first_row_id
        self._waiting: list[str | None] = []
        self._waiting_low = first_row_id
        self._lock = threading.Lock()

    @property
    def row_count(self) -> int:
        """Rows indexed so far."""
        return self._waiting_low + len(self._waiting)

    # ---------------------------------------------------------------- adding

    def add(self, first_row_id: int, columns: Sequence[Sequence[str | None]]) -> None:
        """Appends rows: one list of texts a column."""
        assert len(columns) == self.fields, (len(columns), self.fields)
        with self._lock:
            self._fill_gap(first_row_id)
            assert first_row_id == self.row_count, (first_row_id, self.row_count)
            if self.fields == 1:
                self._waiting += columns[0]
            else:
                self._waiting += [_joined(texts) for texts in zip(*columns, strict=True)]
            if len(self._waiting) >= WAITING_MAX:
                self._settle()

    def _fill_gap(self, first_row_id: int) -> None:
        """Row ids that were given out and never used hold no text."""
        gap = first_row_id - self.row_count
        if gap > 0:
            self._waiting += [None] * gap

    def _settle(self) -> None:
        """Makes a part of what waits, and merges parts of similar size."""
        if not self._waiting:
            return
        part = build_part(self._waiting_low, self._waiting, self.analyzer)
        self._waiting_low = part.high
        self._waiting = []
        parts = [*self._parts, part]
        while len(parts) > 1 and parts[-2].low >= self._sealed_high:
            older, newer = parts[-2], parts[-1]
            if older.high - older.low > 2 * (newer.high - newer.low):
                break
            parts[-2:] = [merge([older, newer], older.low, newer.high)]
        self._parts = tuple(parts)

    def _current(self) -> tuple[Part, ...]:
        if self._waiting:
            with self._lock:
                self._settle()
        return self._parts

    # ---------------------------------------------------------------- keeping

    def seal(self, low: int, high: int) -> dict[str, np.ndarray]:
        """The arrays of rows [low, high), for their segment."""
        with self._lock:
            self._settle()
            covered = [p for p in self._parts if p.low < high and p.high > low]
            if len(covered) == 1 and (covered[0].low, covered[0].high) == (low, high):
                return covered[0].arrays()
            return merge(covered, low, high).arrays()

    def attach(self, low: int, high: int, arrays: dict[str, np.ndarray]) -> None:
        """Puts a segment's part in the place of the rows [low, high)."""
        with self._lock:
            self._settle()
            part = Part(low, high, arrays)
            kept: list[Part] = []
            for other in self._parts:
                if other.high <= low or other.low >= high:
                    kept.append(other)
                    continue
                if other.low < low:
                    kept.append(merge([other], other.low, low))
                if other.high > high:
                    kept.append(merge([other], high, other.high))
            self._parts = tuple(sorted([*kept, part], key=lambda p: p.low))
            self._sealed_high = max(self._sealed_high, high)
            if self._waiting_low < high:
                assert not self._waiting, (self._waiting_low, high)
                self._waiting_low = high

    # ---------------------------------------------------------------- scoring

    def _weights(
        self, query: Bm25Query, parts: Sequence[Part], visible: RowSet
    ) -> tuple[np.ndarray, float, float]:
        """(idf * query frequency f32[terms], and base and slope of the length norm)."""
        rows = total = 0
        for part in parts:
            count, length = part.statistics(visible)
            rows += count
            total += length
        average = total / rows if total else 1.0
        weights = np.zeros(len(query.terms), np.float32)
        for i, term in enumerate(query.terms):
            doc_freq = sum(self._doc_freq(part, term, visible) for part in parts)
            idf = math.log(1 + (rows - doc_freq + 0.5) / (doc_freq + 0.5))
            weights[i] = idf * query.frequencies[i]
        return weights, self.k1 * (1 - self.b), self.k1 * self.b / average

    def _doc_freq(self, part: Part, term: str, visible: RowSet) -> int:
        number = part.find(term)
        if number < 0:
            return 0
        start, end = int(part.starts[number]), int(part.starts[number + 1])
        if visible.count == visible.row_count:
            return end - start
        return int(count_visible(part.rows, start, end, part.low, visible.words))

    def _spans(
        self, part: Part, query: Bm25Query, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        numbers = [part.find(term) for term in query.terms]
        known = [i for i, number in enumerate(numbers) if number >= 0]
        spans = np.array(
            [(part.starts[numbers[i]], part.starts[numbers[i] + 1]) for i in known], np.int64
        ).reshape(-1, 2)
        return spans, weights[known]

    def search(
        self, query: Bm25Query, k: int, visible: RowSet, allowed: RowSet | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best k of the allowed rows that have a term: (row ids i64, scores f64 descending)."""
        parts = [part for part in self._current() if part.low < visible.row_count]
        rows = visible if allowed is None else allowed
        if not parts or k < 1 or not query.terms or not rows.count:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        weights, base, slope = self._weights(query, parts, visible)
        words = _padded(rows.words, max(part.high for part in parts))
        heap = np.empty(k, np.uint64)
        size = 0
        for part in parts:
            spans, part_weights = self._spans(part, query, weights)
            if not len(spans):
                continue
            scores = np.zeros(part.high - part.low, np.float32)
            score_all(
                spans, part_weights, part.rows, part.freqs, part.lengths, np.float32(base),
                np.float32(slope), scores,
            )  # fmt: skip
            size = collect(spans, part.rows, scores, part.low, words, k, heap, size)
        return _drained(heap, size)

    def scores(self, query: Bm25Query, visible: RowSet, row_ids: np.ndarray) -> np.ndarray:
        """Scores (f64) of the rows, 0 where no term matches."""
        result = np.zeros(len(row_ids), np.float64)
        parts = [part for part in self._current() if part.low < visible.row_count]
        if not parts or not query.terms:
            return result
        weights, base, slope = self._weights(query, parts, visible)
        for part in parts:
            mine = np.flatnonzero((row_ids >= part.low) & (row_ids < part.high))
            spans, part_weights = self._spans(part, query, weights)
            if not len(mine) or not len(spans):
                continue
            scores = np.zeros(part.high - part.low, np.float32)
            score_all(
                spans, part_weights, part.rows, part.freqs, part.lengths, np.float32(base),
                np.float32(slope), scores,
            )  # fmt: skip
            result[mine] = scores[row_ids[mine] - part.low]
        return result

    # ---------------------------------------------------------------- matching

    def match(self, query: Match, visible: RowSet) -> RowSet:
        """The visible rows that satisfy a boolean query."""
        parts = [part for part in self._current() if part.low < visible.row_count]
        row_count = max([visible.row_count, *(part.high for part in parts)])
        found = self._match(query, parts, row_count)
        return found.extend(visible.row_count) & visible

    def _match(self, query: Match, parts: Sequence[Part], row_count: int) -> RowSet:
        if isinstance(query, Not):
            return RowSet.full(row_count) - self._match(query.part, parts, row_count)
        if isinstance(query, (And, Or)):
            found = self._match(query.parts[0], parts, row_count)
            for other in query.parts[1:]:
                rows = self._match(other, parts, row_count)
                found = found & rows if isinstance(query, And) else found | rows
            return found
        words = np.zeros((row_count + 63) >> 6, np.uint64)
        for part in parts:
            if isinstance(query, AnyTerm):
                part.mark([n for n in map(part.find, query.terms) if n >= 0], words)
            elif isinstance(query, Prefix):
                part.mark(part.prefixed(query.start), words)
            else:
                _mark_phrase(part, query, words)
        return RowSet(words, row_count)


def _mark_phrase(part: Part, phrase: Phrase, words: np.ndarray) -> None:
    numbers = [part.find(term) for term in phrase.terms]
    if -1 in numbers:
        return
    rows = part.rows[part.starts[numbers[0]] : part.starts[numbers[0] + 1]]
    for number in set(numbers[1:]):
        others = part.rows[part.starts[number] : part.starts[number + 1]]
        rows = np.intersect1d(rows, others, assume_unique=True)
    for row in rows.tolist():
        if part.has_phrase(row, numbers):
            row_id = part.low + row
            words[row_id >> 6] |= np.uint64(1) << np.uint64(row_id & 63)


def _joined(texts: Sequence[str | None]) -> str | None:
    present = [text for text in texts if text is not None]
    return _JOIN.join(present) if present else None


def _padded(words: np.ndarray, row_count: int) -> np.ndarray:
    """Words that cover row_count rows; rows beyond the row set are not in it."""
    needed = (row_count + 63) >> 6
    if len(words) >= needed:
        return words
    return np.concatenate([words, np.zeros(needed - len(words), np.uint64)])


def _drained(heap: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    keys = np.sort(heap[:size])
    ids = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    high = (keys >> np.uint64(32)).astype(np.uint32)
    negative = (high & np.uint32(0x80000000)) == 0
    bits = np.where(negative, high ^ np.uint32(0xFFFFFFFF), high ^ np.uint32(0x80000000))
    return ids, -bits.astype(np.uint32).view(np.float32).astype(np.float64)


