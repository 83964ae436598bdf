"""Scores of queries: what each part of a query adds to a row that it matches (query.py)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from sqlvec.index.bm25.matching import Matching
from sqlvec.index.bm25.query import (
    And,
    AnyTerm,
    Boost,
    Constant,
    Fields,
    Fuzzy,
    Match,
    Not,
    Or,
    Phrase,
    Prefix,
)
from sqlvec.index.bm25.statistics import Scope
from sqlvec.index.bm25.terms import FieldPlan, TermPlan


class Scored(NamedTuple):
    """Of each row that was asked about: whether it matches, and its score, 0 if not."""

    matches: np.ndarray
    scores: np.ndarray


class Scoring:
    """One index at one snapshot."""

    def __init__(
        self, matching: Matching, scope: Scope, k1: float, b: float, weights: tuple[float, ...]
    ) -> None:
        self.matching = matching
        self.scope = scope
        self.k1, self.b = k1, b
        self.weights = weights

    def plan(self, query: AnyTerm) -> TermPlan | FieldPlan:
        fields = self.matching.fields(query.fields)
        if len(fields) == 1:
            return TermPlan(query, fields[0], self.scope, self.k1, self.b)
        return FieldPlan(
            query, fields, self.scope, self.k1, self.b, lambda field: self.weights[field]
        )

    def scored(self, query: Match, row_ids: np.ndarray) -> Scored:
        """Of ascending row ids."""
        match query:
            case AnyTerm():
                scores = self.plan(query).scores(row_ids)
                return Scored(scores > 0, scores)
            case Phrase():
                return self._phrase(query, row_ids)
            case Prefix() | Fuzzy():
                matches = self.matching.rows(query).contains(row_ids)
                return Scored(matches, matches.astype(np.float64))
            case Boost():
                part = self.scored(query.part, row_ids)
                return Scored(part.matches, part.scores * query.factor)
            case Constant():
                matches = self.matching.rows(query).contains(row_ids)
                return Scored(matches, np.where(matches, query.score, 0.0))
            case Not():
                matches = self.matching.rows(query).contains(row_ids)
                return Scored(matches, np.zeros(len(row_ids)))
            case And() | Or():
                return self._joined(query, row_ids)

    def _joined(self, query: And | Or, row_ids: np.ndarray) -> Scored:
        counts = np.zeros(len(row_ids), np.int64)
        scores = np.zeros(len(row_ids))
        for part in query.parts:
            found = self.scored(part, row_ids)
            counts += found.matches
            scores += found.scores
        wanted = len(query.parts) if isinstance(query, And) else query.at_least
        return Scored(counts >= wanted, np.where(counts >= wanted, scores, 0.0))

    def _phrase(self, query: Phrase, row_ids: np.ndarray) -> Scored:
        """A phrase is worth the sum of its terms' idfs, and occurs as often as kernels.postings counts
        it."""
        matches = np.zeros(len(row_ids), np.bool_)
        scores = np.zeros(len(row_ids))
        terms = [term for term in query.terms if term]
        for field in self.matching.fields(query.fields):
            ids, freqs = self.matching.phrase_rows(query, field)
            places = np.searchsorted(row_ids, ids)
            known = places < len(row_ids)
            known[known] = row_ids[places[known]] == ids[known]
            places, ids, freqs = places[known], ids[known], freqs[known].astype(np.float64)
            worth = sum(self.scope.idfs(terms, (field,)))
            slope = self.k1 * self.b / self.scope.average(field)
            norm = self.k1 * (1 - self.b) + slope * self._lengths(ids, field)
            matches[places] = True
            scores[places] += worth * freqs / (freqs + norm)
        return Scored(matches, scores)

    def _lengths(self, row_ids: np.ndarray, field: int) -> np.ndarray:
        lengths = np.zeros(len(row_ids))
        for part in self.matching.parts:
            begin, end = np.searchsorted(row_ids, (part.low, part.high)).tolist()
            lengths[begin:end] = part.lengths[field][row_ids[begin:end] - part.low]
        return lengths


def as_terms(query: Match) -> AnyTerm | None:
    """The query as terms alone, when it is nothing else: boosts become frequencies."""
    if isinstance(query, AnyTerm):
        return query
    found: list[tuple[AnyTerm, float]] = []
    if not _collect(query, 1.0, found):
        return None
    first = found[0][0]
    counted: Counter[str] = Counter()
    for part, factor in found:
        if (part.fields, part.field_weights) != (first.fields, first.field_weights):
            return None
        for term, frequency in zip(part.terms, part.frequencies or [1.0] * len(part.terms), strict=True):
            counted[term] += frequency * factor  # type: ignore[assignment]
    fields: Fields = first.fields
    return AnyTerm(tuple(counted), tuple(counted.values()), fields, first.field_weights)


def _collect(query: Match, factor: float, found: list[tuple[AnyTerm, float]]) -> bool:
    """Gathers the terms of a query that is made of nothing but alternatives."""
    if isinstance(query, AnyTerm):
        found.append((query, factor))
        return True
    if isinstance(query, Boost):
        return query.factor > 0 and _collect(query.part, factor * query.factor, found)
    if isinstance(query, Or):
        return query.at_least == 1 and all(_collect(part, factor, found) for part in query.parts)
    return False
