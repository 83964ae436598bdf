"""The BM25 index of one shard: parts of rows, scored together with statistics exact over the
visible rows.

Rows come in row-id order. The newest wait as texts and become a part at the first search, or when
they are many; parts in memory are joined so that each is more than twice as large as the next,
which keeps them few and joins a row's postings a logarithmic number of times. A sealed range is
replaced by the part that its segment keeps, and is joined no more.

Readers take the tuple of parts once; parts and the tuple are never changed in place. One lock is
held by those who put another tuple in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.matching import matching
from sqlvec.index.bm25.part import Part, build_part, join
from sqlvec.index.bm25.query import Bm25Query, Match
from sqlvec.index.bm25.statistics import Statistics
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bm25 import scale_of, score_rows, search_all, search_windows

WAITING_MAX = 4096  # texts that wait to become a part
STATISTICS_MAX = 4  # row sets whose statistics are kept: open transactions see different rows
WINDOW_TERMS_MAX = 64
WINDOW_ROWS_MIN = 1 << 22
WASTED_POSTINGS_MAX = 32_768  # postings of rows that are not allowed
LOOKUP_COST = 8  # what looking up a term of a row costs, in postings added up

_NO_ROWS = np.empty(0, np.int64)
_NO_SCORES = np.empty(0, np.float64)


class Step(NamedTuple):
    """The terms of a query that a part has."""

    part: Part
    numbers: np.ndarray
    weights: np.ndarray
    posting_count: int


class Plan:
    """steps: of the parts that have a term. norm: what a row's length adds to the denominator, at
    length 0 and for each term more."""

    __slots__ = ("norm", "posting_count", "steps", "weights")

    def __init__(self, steps: list[Step], weights: list[float], norm: tuple[float, float]) -> None:
        self.steps = steps
        self.weights = weights
        self.norm = norm
        self.posting_count = sum(step.posting_count for step in steps)

    def scores(self, row_ids: np.ndarray) -> np.ndarray:
        """Exact scores (f64) of ascending row ids; 0 without a term."""
        scores = np.zeros(len(row_ids), np.float64)
        for part, numbers, weights, _ in self.steps:
            begin, end = np.searchsorted(row_ids, (part.low, part.high)).tolist()
            if begin < end:
                score_rows(
                    numbers, weights, self.norm, part.postings, part.low,
                    row_ids[begin:end], scores[begin:end],
                )  # fmt: skip
        return scores


class Bm25Index:
    """Several columns are searched as one field: their texts one after the other."""

    def __init__(self, config: str, k1: float = 1.2, b: float = 0.75, fields: int = 1) -> None:
        self.config = config
        self.analyzer = analyzer(config)
        self.k1 = k1
        self.b = b
        self.fields = fields
        self._parts: tuple[Part, ...] = ()
        self._waiting: list[list[str | None]] = [[] for _ in range(fields)]
        self._waiting_low = 0
        self._statistics: tuple[Statistics, ...] = ()
        self._spare_totals: list[np.ndarray] = []
        self._lock = threading.Lock()

    @property
    def row_count(self) -> int:
        """Rows indexed so far."""
        return self._waiting_low + len(self._waiting[0])

    # ---------------------------------------------------------------- adding

    def add(self, first_row_id: int, columns: Sequence[Sequence[str | None]]) -> None:
        """Appends rows: one list of texts a column. Row ids left out before them have no text."""
        assert len(columns) == self.fields, (len(columns), self.fields)
        with self._lock:
            gap = first_row_id - self.row_count
            assert gap >= 0, (first_row_id, self.row_count)
            for waiting, texts in zip(self._waiting, columns, strict=True):
                if gap:
                    waiting += [None] * gap
                waiting += texts
            if len(self._waiting[0]) >= WAITING_MAX:
                self._settle()

    def _settle(self) -> None:
        """Makes a part of what waits, and joins it with the parts that are not much larger."""
        waiting = self._waiting
        if not waiting[0]:
            return
        part = build_part(self._waiting_low, waiting, self.analyzer)
        first = len(self._parts)
        low = part.low
        while first > 0 and not self._parts[first - 1].sealed:
            older = self._parts[first - 1]
            if older.high != low or older.high - older.low > 2 * (part.high - low):
                break
            low = older.low
            first -= 1
        joined = join([*self._parts[first:], part], low, part.high)
        self._parts = (*self._parts[:first], joined)
        self._waiting = [[] for _ in range(self.fields)]
        self._waiting_low = part.high

    def _current(self) -> tuple[Part, ...]:
        if self._waiting[0]:
            with self._lock:
                self._settle()
        return self._parts

    # ---------------------------------------------------------------- keeping

    def seal(self, low: int, high: int) -> dict[str, np.ndarray]:
        """The arrays of rows [low, high), for their segment."""
        assert low < high <= self.row_count, (low, high, self.row_count)
        parts = self._current()
        return join([p for p in parts if p.low < high and p.high > low], low, high).arrays()

    def attach(self, low: int, high: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Puts a segment's part in the place of the rows [low, high); XX001 if it is none."""
        sealed = Part(low, high, arrays, sealed=True)
        with self._lock:
            self._settle()
            parts: list[Part] = [sealed]
            for part in self._parts:
                if part.high <= low or part.low >= high:
                    parts.append(part)
                    continue
                if part.low < low:
                    parts.append(join([part], part.low, low))
                if part.high > high:
                    parts.append(join([part], high, part.high))
            self._parts = tuple(sorted(parts, key=lambda part: part.low))
            self._waiting_low = max(self._waiting_low, high)

    # ---------------------------------------------------------------- searching

    def search(
        self, query: Bm25Query, k: int, visible: RowSet, allowed: RowSet | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best k of the allowed rows that have a term: (row ids i64, scores f64 descending).

        Ties by row id. allowed is a part of visible, None for all of it."""
        statistics = self._counted(visible)
        plan = self._plan(query, statistics)
        rows = visible if allowed is None else allowed
        k = min(k, rows.count)
        if k < 1 or not plan.steps:
            return _NO_ROWS, _NO_SCORES
        if rows.count * len(plan.weights) * LOOKUP_COST < plan.posting_count:
            row_ids = rows.ids()
        else:
            row_ids = self._best(plan, statistics, rows, k)
        return _ranked(row_ids, plan.scores(row_ids), k)

    def scores(self, query: Bm25Query, visible: RowSet, row_ids: np.ndarray) -> np.ndarray:
        """Scores (f64) of the rows, 0 where no term matches."""
        plan = self._plan(query, self._counted(visible))
        order = np.argsort(row_ids, kind="stable")
        scores = np.empty(len(row_ids), np.float64)
        scores[order] = plan.scores(np.asarray(row_ids, np.int64)[order])
        return scores

    def idfs(self, query: Bm25Query, visible: RowSet) -> list[float]:
        """Of each term of the query over the visible rows; 0 where none has it."""
        return [term.idf for term in self._counted(visible).terms(query.terms)]

    def match(self, query: Match, visible: RowSet) -> RowSet:
        """The visible rows that satisfy a boolean query."""
        parts = [part for part in self._current() if part.low < visible.row_count]
        row_count = max([visible.row_count, *(part.high for part in parts)])
        return matching(query, parts, row_count).extend(visible.row_count) & visible

    def _counted(self, visible: RowSet) -> Statistics:
        """The statistics of a row set, kept while it and the parts are the same objects."""
        parts = self._current()
        kept = self._statistics
        for statistics in kept:
            if statistics.fits(parts, visible):
                return statistics
        fresh = Statistics(parts, visible)
        others = [one for one in kept if one.all_parts is parts]
        self._statistics = (fresh, *others[: STATISTICS_MAX - 1])
        return fresh

    def _plan(self, query: Bm25Query, statistics: Statistics) -> Plan:
        """Leaves out terms that no visible row has, and parts without a term."""
        found = statistics.terms(query.terms)
        weighted = [
            (term, term.idf * frequency)
            for term, frequency in zip(found, query.frequencies, strict=True)
            if term.idf
        ]
        steps = []
        for i, part in enumerate(statistics.parts):
            mine = [
                (t.numbers[i], w, t.posting_counts[i]) for t, w in weighted if t.posting_counts[i]
            ]
            if mine:
                numbers, weights, counts = zip(*mine, strict=True)
                steps.append(
                    Step(part, np.array(numbers, np.int64), np.array(weights), sum(counts))
                )
        norm = self.k1 * (1 - self.b), self.k1 * self.b / statistics.average_length
        return Plan(steps, [weight for _, weight in weighted], norm)

    def _best(self, plan: Plan, statistics: Statistics, rows: RowSet, k: int) -> np.ndarray:
        """Row ids (i64, ascending) of the best k, by sums in fixed point."""
        norm = np.float32(plan.norm[0]), np.float32(plan.norm[1])
        scale = scale_of(plan.weights)
        words = statistics.words if rows is statistics.visible else statistics.padded(rows)
        share = rows.count / rows.row_count
        heap = np.empty(min(k, plan.posting_count), np.uint64)
        size = 0
        for part, numbers, weights, posting_count in plan.steps:
            fixed = (weights * scale).astype(np.float32)
            if _is_windowed(part, len(numbers), posting_count, share):
                size = search_windows(
                    numbers, fixed, norm, part.postings, part.blocks, part.low, words, heap, size
                )
                continue
            totals = self._take_totals(part.high - part.low)
            size = search_all(
                numbers, fixed, norm, part.postings, part.low, words, totals, heap, size
            )
            self._spare_totals.append(totals)
        row_ids = (heap[:size] & np.uint64(0xFFFFFFFF)).view(np.int64)
        row_ids.sort()
        return row_ids

    def _take_totals(self, row_count: int) -> np.ndarray:
        """Zeros (u32) for a search: used again, because fresh memory costs more than a search."""
        try:
            totals = self._spare_totals.pop()
        except IndexError:
            totals = np.zeros(0, np.uint32)
        if len(totals) < row_count:
            totals = np.zeros(row_count + (row_count >> 1), np.uint32)
        return totals


def _is_windowed(part: Part, term_count: int, posting_count: int, share: float) -> bool:
    """Whether search_windows is the faster for a part; share: how many of all rows are allowed.

    Measured on 117,659 and a million rows: adding up everything wins while its sums stay in the
    cache, unless a filter leaves most of the postings unused."""
    if term_count > WINDOW_TERMS_MAX:
        return False
    wasted = posting_count * (1 - share)
    return wasted >= WASTED_POSTINGS_MAX or part.high - part.low >= WINDOW_ROWS_MIN


def _ranked(row_ids: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best k rows that have a score; row_ids ascend, so a stable sort leaves ties in their
    order."""
    order = np.argsort(-scores, kind="stable")[:k]
    scores = scores[order]
    if len(scores) and scores[-1] == 0:
        order, scores = order[scores > 0], scores[scores > 0]
    return row_ids[order], scores
