"""Plans for the terms of a query: their postings in each part, and what each is worth.

TermPlan is for one field: the searches of kernels.bm25. FieldPlan is for several, BM25F (Robertson and
Zaragoza 2009, section 3.6.1): all postings of a term are added up field by field.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import NamedTuple

import numpy as np

from sqlvec.index.bm25.part import Part
from sqlvec.index.bm25.query import AnyTerm, Fields
from sqlvec.index.bm25.statistics import Scope
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bm25 import add_fields, scale_of, score_rows, search_all, search_windows

WINDOW_TERMS_MAX = 64
WINDOW_ROWS_MIN = 1 << 22
WASTED_POSTINGS_MAX = 32_768  # postings of rows that are not allowed
LOOKUP_COST = 8  # what looking up a term of a row costs, in postings added up


class Step(NamedTuple):
    """The terms of a query that a part has."""

    part: Part
    numbers: np.ndarray
    weights: np.ndarray
    posting_count: int


class TermPlan:
    """steps: of the parts that have a term. norm: what a row's length adds to the denominator, at
    length 0 and for each term more."""

    __slots__ = ("_scope", "field", "norm", "posting_count", "steps", "weights")

    def __init__(self, query: AnyTerm, field: int, scope: Scope, k1: float, b: float) -> None:
        """Leaves out terms that no visible row has, and parts without a term."""
        own = scope.own
        weighted = [
            (term, idf * frequency)
            for term, idf, frequency in zip(
                own.terms(query.terms, field),
                scope.idfs(query.terms, (field,)),
                query.frequencies or repeat(1.0),
                strict=False,
            )
            if idf and frequency
        ]
        self.steps = []
        for i, part in enumerate(own.parts):
            mine = [
                (t.numbers[i], w, t.posting_counts[i]) for t, w in weighted if t.posting_counts[i]
            ]
            if mine:
                numbers, weights, counts = zip(*mine, strict=True)
                self.steps.append(
                    Step(part, np.array(numbers, np.int64), np.array(weights), sum(counts))
                )
        self.weights = [weight for _, weight in weighted]
        self.field = field
        self.norm = k1 * (1 - b), k1 * b / scope.average(field)
        self.posting_count = sum(step.posting_count for step in self.steps)
        self._scope = scope

    def scores(self, row_ids: np.ndarray) -> np.ndarray:
        """Exact scores (f64) of ascending row ids; 0 without a term."""
        scores = np.zeros(len(row_ids), np.float64)
        for part, numbers, weights, _ in self.steps:
            begin, end = np.searchsorted(row_ids, (part.low, part.high)).tolist()
            if begin < end:
                score_rows(
                    numbers, weights, self.norm, part.postings[self.field], part.low,
                    row_ids[begin:end], scores[begin:end],
                )  # fmt: skip
        return scores

    def best(self, rows: RowSet, k: int, totals: Totals) -> np.ndarray:
        """Row ids (i64, ascending) that the best k are among."""
        if rows.count * len(self.weights) * LOOKUP_COST < self.posting_count:
            return rows.ids()
        own, norm = self._scope.own, (np.float32(self.norm[0]), np.float32(self.norm[1]))
        scale = scale_of(self.weights)
        words = own.words if rows is own.visible else own.padded(rows)
        share = rows.count / rows.row_count
        heap = np.empty(min(k, self.posting_count), np.uint64)
        size = 0
        for part, numbers, weights, posting_count in self.steps:
            fixed = (weights * scale).astype(np.float32)
            postings = part.postings[self.field]
            if _is_windowed(part, len(numbers), posting_count, share):
                size = search_windows(
                    numbers, fixed, norm, postings, part.blocks, part.low, words, heap, size
                )
                continue
            sums = totals.take(part.high - part.low)
            size = search_all(numbers, fixed, norm, postings, part.low, words, sums, heap, size)
            totals.give_back(sums)
        row_ids: np.ndarray = (heap[:size] & np.uint64(0xFFFFFFFF)).view(np.int64)
        row_ids.sort()
        return row_ids


class FieldPlan:
    """Terms of several fields. weight_of: of a field by its number."""

    def __init__(
        self, query: AnyTerm, fields: Fields, scope: Scope, k1: float, b: float,
        weight_of: Callable[[int], float],
    ) -> None:  # fmt: skip
        given = dict(zip(query.fields, query.field_weights, strict=False))
        self.k1 = k1
        self.fields = np.array(fields, np.int64)
        self.field_weights = np.array([given.get(f, weight_of(f)) for f in fields])
        self.slopes = np.array([b / scope.average(f) for f in fields])
        self.base = 1 - b
        self.weights = [
            idf * frequency
            for idf, frequency in zip(
                scope.idfs(query.terms, fields), query.frequencies or repeat(1.0), strict=False
            )
        ]
        places = [scope.own.terms(query.terms, field) for field in fields]
        self.steps: list[tuple[Part, np.ndarray]] = [
            (part, np.array([[t.numbers[i] for t in field] for field in places], np.int64))
            for i, part in enumerate(scope.own.parts)
        ]
        self._sums: dict[int, np.ndarray] = {}

    def scores(self, row_ids: np.ndarray) -> np.ndarray:
        """Exact scores (f64) of ascending row ids; 0 without a term."""
        scores = np.zeros(len(row_ids), np.float64)
        for part, numbers in self.steps:
            begin, end = np.searchsorted(row_ids, (part.low, part.high)).tolist()
            if begin < end:
                scores[begin:end] = self._added(part, numbers)[row_ids[begin:end] - part.low]
        return scores

    def best(self, rows: RowSet, k: int, totals: Totals) -> np.ndarray:
        """Row ids (i64, ascending) that have a term."""
        found = [
            np.flatnonzero(self._added(part, numbers)) + part.low for part, numbers in self.steps
        ]
        row_ids = np.concatenate(found) if found else np.empty(0, np.int64)
        return row_ids[rows.contains(row_ids)]

    def _added(self, part: Part, numbers: np.ndarray) -> np.ndarray:
        sums = self._sums.get(part.low)
        if sums is None:
            self._sums[part.low] = sums = np.zeros(part.high - part.low, np.float64)
            for i, weight in enumerate(self.weights):
                if weight:
                    add_fields(
                        np.ascontiguousarray(numbers[:, i]), self.fields, self.field_weights,
                        (self.base, self.k1, weight), self.slopes,
                        (part.starts, part.rows, part.freqs), part.all_lengths, sums,
                    )  # fmt: skip
        return sums


class Totals:
    """Zeros (u32) for searches: used again, because fresh memory costs more than a search."""

    def __init__(self) -> None:
        self._spare: list[np.ndarray] = []

    def take(self, row_count: int) -> np.ndarray:
        try:
            totals = self._spare.pop()
        except IndexError:
            totals = np.zeros(0, np.uint32)
        if len(totals) < row_count:
            totals = np.zeros(row_count + (row_count >> 1), np.uint32)
        return totals

    def give_back(self, totals: np.ndarray) -> None:
        """All zero again."""
        self._spare.append(totals)


def _is_windowed(part: Part, term_count: int, posting_count: int, share: float) -> bool:
    """Whether search_windows is the faster for a part; share: how many of all rows are allowed.

    Measured on 117,659 and a million rows: adding up everything wins while its sums stay in the
    cache, unless a filter leaves most of the postings unused."""
    if term_count > WINDOW_TERMS_MAX:
        return False
    wasted = posting_count * (1 - share)
    return wasted >= WASTED_POSTINGS_MAX or part.high - part.low >= WINDOW_ROWS_MIN
