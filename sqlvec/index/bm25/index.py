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
from typing import Any

import numpy as np

from sqlvec.fulltext.config import DEFAULT
from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.matching import Matching
from sqlvec.index.bm25.part import Part, build_part, join
from sqlvec.index.bm25.query import Fields, Match, QueryBuilder
from sqlvec.index.bm25.scoring import Scoring, as_terms
from sqlvec.index.bm25.statistics import Scope, Statistics
from sqlvec.index.bm25.terms import Totals
from sqlvec.index.row_set import RowSet

WAITING_MAX = 4096  # texts that wait to become a part
BUILDERS_MAX = 64  # combinations of fields and weights
STATISTICS_MAX = 4  # row sets whose statistics are kept: open transactions see different rows

_NO_ROWS = np.empty(0, np.int64)
_NO_SCORES = np.empty(0, np.float64)


class Bm25Index:
    """weights: what each field is worth when several are searched."""

    def __init__(
        self,
        config: str = DEFAULT,
        k1: float = 1.2,
        b: float = 0.75,
        fields: int = 1,
        *,
        weights: tuple[float, ...] = (),
        positions: bool = True,
    ) -> None:
        self.analysis = Analysis(config, fields, positions)
        self.k1 = k1
        self.b = b
        self.fields = fields
        self.weights = weights or (1.0,) * fields
        self._parts: tuple[Part, ...] = ()
        self._waiting: list[list[str | None]] = [[] for _ in range(fields)]
        self._waiting_low = 0
        self._statistics: tuple[Statistics, ...] = ()
        self._builders: dict[Any, QueryBuilder] = {}
        self._totals = Totals()
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
        part = build_part(self._waiting_low, waiting, self.analysis)
        first = len(self._parts)
        low = part.low
        while first > 0 and not self._parts[first - 1].sealed:
            older = self._parts[first - 1]
            if older.high != low or older.high - older.low > 2 * (part.high - low):
                break
            low = older.low
            first -= 1
        joined = join([*self._parts[first:], part], low, part.high, self.analysis)
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
        mine = [p for p in parts if p.low < high and p.high > low]
        return join(mine, low, high, self.analysis).arrays()

    def fits(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Whether a segment's arrays were made by the same analysis of as many fields."""
        made_by = arrays.get("analysis")
        return made_by is not None and made_by.tobytes() == self.analysis.coded.tobytes()

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
                    parts.append(join([part], part.low, low, self.analysis))
                if part.high > high:
                    parts.append(join([part], high, part.high, self.analysis))
            self._parts = tuple(sorted(parts, key=lambda part: part.low))
            self._waiting_low = max(self._waiting_low, high)

    # ---------------------------------------------------------------- searching

    def builder(
        self, fields: Fields = (), weights: tuple[float, ...] = (), names: tuple[str, ...] = ()
    ) -> QueryBuilder:
        """What makes queries over some of the fields; () is all of them. names: of all the fields."""
        key = (fields, weights, names)
        found = self._builders.get(key)
        if found is None:
            found = QueryBuilder(self.analysis.analyzers, names, fields, weights)
            if len(self._builders) >= BUILDERS_MAX:
                self._builders = {}
            self._builders[key] = found
        return found

    def like(self, builder: QueryBuilder, text: str, visible: RowSet) -> Match:
        """More like this: the builder's query of a text's telling terms, by how rare they are."""
        return builder.like(text, lambda term, fields: self.idfs([term], fields, visible)[0])

    def search(
        self,
        query: Match,
        k: int,
        visible: RowSet,
        allowed: RowSet | None,
        others: Sequence[Statistics] = (),
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best k of the allowed rows that match: (row ids i64, scores f64 descending).

        Ties by row id. allowed is a part of visible, None for all of it. others: statistics of other
        shards that are counted too."""
        scoring = self._scoring(visible, others)
        rows = visible if allowed is None else allowed
        k = min(k, rows.count)
        if k < 1:
            return _NO_ROWS, _NO_SCORES
        terms = as_terms(query)
        if terms is None:
            row_ids = (self._matched(scoring, query, visible) & rows).ids()
            return _ranked(row_ids, scoring.scored(query, row_ids).scores, k)
        plan = scoring.plan(terms)
        if not plan.steps:
            return _NO_ROWS, _NO_SCORES
        row_ids = plan.best(rows, k, self._totals)
        scores = plan.scores(row_ids)
        return _ranked(row_ids[scores > 0], scores[scores > 0], k)

    def scores(
        self,
        query: Match,
        visible: RowSet,
        row_ids: np.ndarray,
        others: Sequence[Statistics] = (),
    ) -> np.ndarray:
        """Scores (f64) of the rows, 0 where the query does not match."""
        scoring = self._scoring(visible, others)
        order = np.argsort(row_ids, kind="stable")
        scores = np.empty(len(row_ids), np.float64)
        ascending = np.asarray(row_ids, np.int64)[order]
        scores[order] = scoring.scored(as_terms(query) or query, ascending).scores
        return scores

    def idfs(self, terms: Sequence[str], fields: Fields, visible: RowSet) -> list[float]:
        """Of each term over the visible rows; 0 where none has it."""
        return Scope(self.statistics(visible)).idfs(terms, fields or tuple(range(self.fields)))

    def match(self, query: Match, visible: RowSet) -> RowSet:
        """The visible rows that satisfy a query."""
        matching = self._matching(self._current(), visible)
        return matching.rows(query).extend(visible.row_count) & visible

    def statistics(self, visible: RowSet) -> Statistics:
        """Kept while the row set and the parts are the same objects."""
        parts = self._current()
        kept = self._statistics
        for statistics in kept:
            if statistics.fits(parts, visible):
                return statistics
        fresh = Statistics(parts, visible, self.fields)
        others = [one for one in kept if one.all_parts is parts]
        self._statistics = (fresh, *others[: STATISTICS_MAX - 1])
        return fresh

    def _scoring(self, visible: RowSet, others: Sequence[Statistics]) -> Scoring:
        statistics = self.statistics(visible)
        scope = Scope(statistics, others)
        matching = self._matching(statistics.all_parts, visible)
        return Scoring(matching, scope, self.k1, self.b, self.weights)

    def _matching(self, parts: Sequence[Part], visible: RowSet) -> Matching:
        parts = [part for part in parts if part.low < visible.row_count]
        row_count = max([visible.row_count, *(part.high for part in parts)])
        return Matching(parts, row_count, self.fields, self.analysis.positions)

    def _matched(self, scoring: Scoring, query: Match, visible: RowSet) -> RowSet:
        return scoring.matching.rows(query).extend(visible.row_count)


def _ranked(row_ids: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best k rows; row_ids ascend, so a stable sort leaves ties in their order."""
    order = np.argsort(-scores, kind="stable")[:k]
    return row_ids[order], scores[order]
