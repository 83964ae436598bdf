"""Plans for the terms of a query: their postings in each part, and what each is worth.

TermPlan is for one field: the search of kernels.bm25. FieldPlan is for several, BM25F (Robertson and
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
from sqlvec.kernels.bm25 import WINDOW, add_fields, best_of_part, scale_of, score_rows

LOOKUP_COST = 8  # what looking up a term of a row costs, in postings added up


NO_ROWS, NO_SCORES = np.empty(0, np.int64), np.empty(0)
Ranked = tuple[np.ndarray, np.ndarray]  # row ids (i64), scores (f64)


class Step(NamedTuple):
    """The terms of a query that a part has."""

    part: Part
    numbers: np.ndarray
    weights: np.ndarray
    posting_count: int


class TermPlan:
    """steps: of the parts that have a term. norm: what a row's length adds to the denominator, at
    length 0 and for each term more."""

    __slots__ = ("_own", "field", "norm", "posting_count", "steps", "term_count", "weight_sum")

    def __init__(self, query: AnyTerm, field: int, scope: Scope, k1: float, b: float) -> None:
        """Leaves out terms that no visible row has, and parts without a term."""
        known = scope.weighed(query.terms, field)
        if query.frequencies:
            pairs = zip(known, query.frequencies, strict=True)
            known = [(idf * frequency, term) for (idf, term), frequency in pairs]
        self.steps = []
        self.posting_count = 0
        for i, part in enumerate(scope.own.parts):
            numbers, weights, count = [], [], 0
            for weight, term in known:
                if postings := term.posting_counts[i]:
                    numbers.append(term.numbers[i])
                    weights.append(weight)
                    count += postings
            if count and any(weights):
                self.steps.append(Step(part, np.array(numbers), np.array(weights), count))
                self.posting_count += count
        self.weight_sum = sum([weight for weight, _ in known])
        self.term_count = len(known)
        self.field = field
        self.norm = k1 * (1 - b), k1 * b / scope.average(field)
        self._own = scope.own

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

    def best(self, rows: RowSet, k: int, totals: Totals) -> Ranked:
        """The best k of the rows that have a term, best first."""
        if not self.steps:
            return NO_ROWS, NO_SCORES
        if rows.count * self.term_count * LOOKUP_COST < self.posting_count:
            row_ids = rows.ids()
            return ranked(row_ids, self.scores(row_ids), k)
        own = self._own
        words = own.words if rows is own.visible else own.padded(rows)
        scale = scale_of(self.weight_sum, self.term_count)
        buffers = totals.take()
        floor = 0
        found: list[Ranked] = []
        for part, numbers, weights, posting_count in self.steps:
            size = min(k, posting_count)
            row_ids, scores = np.empty(size, np.int64), np.empty(size, np.float64)
            sums, touched = buffers
            count, reached = best_of_part(
                numbers, weights, scale, self.norm, part.postings[self.field], part.blocks,
                part.low, words, sums, touched, floor, row_ids, scores,
            )  # fmt: skip
            if size == k:
                floor = reached
            found.append((row_ids[:count], scores[:count]))
        totals.give_back(buffers)
        if len(found) < 2:
            return found[0] if found else (NO_ROWS, NO_SCORES)
        ids = np.concatenate([ids for ids, _ in found])
        order = np.argsort(ids, kind="stable")
        return ranked(ids[order], np.concatenate([scores for _, scores in found])[order], k)


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

    def best(self, rows: RowSet, k: int, totals: Totals) -> Ranked:
        """The best k of the rows that have a term, best first."""
        found = [
            np.flatnonzero(self._added(part, numbers)) + part.low for part, numbers in self.steps
        ]
        row_ids = np.concatenate(found) if found else NO_ROWS
        row_ids = row_ids[rows.contains(row_ids)]
        return ranked(row_ids, self.scores(row_ids), k)

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
    """Sums (u32, all zero) and places (i32) for the rows of a window: used again, because fresh memory costs
    more than a search."""

    def __init__(self) -> None:
        self._spare: list[tuple[np.ndarray, np.ndarray]] = []

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(WINDOW, np.uint32), np.empty(WINDOW + 1, np.int32)

    def give_back(self, buffers: tuple[np.ndarray, np.ndarray]) -> None:
        """The sums are zero again."""
        self._spare.append(buffers)


def ranked(row_ids: np.ndarray, scores: np.ndarray, k: int) -> Ranked:
    """The best k rows that have a score; row_ids ascend, so a stable sort leaves ties in their order."""
    order = np.argsort(-scores, kind="stable")[:k]
    scores = scores[order]
    if len(scores) and scores[-1] == 0:
        order, scores = order[scores > 0], scores[scores > 0]
    return row_ids[order], scores
