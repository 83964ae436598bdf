"""The BM25 index of one shard: parts of rows, scored together with statistics exact over the visible
rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sqlvec.fulltext.config import DEFAULT
from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.posting_index import PostingIndex
from sqlvec.index.bm25.query import Fields, Match, QueryBuilder
from sqlvec.index.bm25.scoring import Scoring, as_terms
from sqlvec.index.bm25.statistics import Counted, Scope, Statistics
from sqlvec.index.bm25.terms import NO_ROWS, NO_SCORES, TermPlan, Totals
from sqlvec.index.row_set import RowSet

BUILDERS_MAX = 64  # combinations of fields and weights
STATISTICS_MAX = 4  # row sets whose statistics are kept: open transactions see different rows


class Bm25Index(PostingIndex):
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
        super().__init__(Analysis(config, fields, positions))
        self.k1 = k1
        self.b = b
        self.weights = weights or (1.0,) * fields
        self._scopes: tuple[Scope, ...] = ()  # of statistics that are counted alone
        self._builders: dict[Any, QueryBuilder] = {}
        self._every = tuple(range(fields))
        self._totals = Totals()

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
        others: Sequence[Counted] = (),
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best k of the allowed rows that match: (row ids i64, scores f64 descending).

        Ties by row id. allowed is a part of visible, None for all of it. others: statistics of other
        shards that are counted too."""
        rows = visible if allowed is None else allowed
        k = min(k, rows.count)
        if k < 1:
            return NO_ROWS, NO_SCORES
        terms = as_terms(query)
        if terms is not None and len(fields := terms.fields or self._every) == 1:
            plan = TermPlan(terms, fields[0], self._scope(visible, others), self.k1, self.b)
            return plan.best(rows, k, self._totals)
        scoring = self._scoring(visible, others)
        if terms is not None:
            return scoring.plan(terms).best(rows, k, self._totals)
        row_ids = (scoring.matching.rows(query).extend(visible.row_count) & rows).ids()
        scores = scoring.scored(query, row_ids).scores
        order = np.argsort(-scores, kind="stable")[:k]
        return row_ids[order], scores[order]

    def scores(
        self,
        query: Match,
        visible: RowSet,
        row_ids: np.ndarray,
        others: Sequence[Counted] = (),
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
        return self._alone(visible).idfs(terms, fields or self._every)

    def statistics(self, visible: RowSet) -> Statistics:
        """Of a row set, over the parts there are."""
        return self._alone(visible).own

    def _alone(self, visible: RowSet) -> Scope:
        """Kept while the row set and the parts are the same objects."""
        parts = self._current()
        kept = self._scopes
        for scope in kept:
            if scope.own.fits(parts, visible):
                return scope
        fresh = Scope(Statistics(parts, visible, self.fields))
        others = [one for one in kept if one.own.all_parts is parts]
        self._scopes = (fresh, *others[: STATISTICS_MAX - 1])
        return fresh

    def _scope(self, visible: RowSet, others: Sequence[Counted]) -> Scope:
        alone = self._alone(visible)
        return Scope(alone.own, others) if others else alone

    def _scoring(self, visible: RowSet, others: Sequence[Counted]) -> Scoring:
        scope = self._scope(visible, others)
        matching = self._matching(scope.own.all_parts, visible)
        return Scoring(matching, scope, self.k1, self.b, self.weights)
