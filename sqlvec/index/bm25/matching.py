"""The rows that match a query, part by part, without scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sqlvec.errors import ObjectNotInState
from sqlvec.index.bm25.analysis import field_marks
from sqlvec.index.bm25.part import Part
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
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bitmap import set_ids, word_count
from sqlvec.kernels.fuzzy import near_terms
from sqlvec.kernels.postings import GAP, count_phrase, mark_rows, mark_texts

PhraseRows = tuple[np.ndarray, np.ndarray]  # row ids, how often each has the phrase


class Matching:
    """Queries over parts; the rows are out of [0, row_count). A row of null texts never matches."""

    def __init__(self, parts: Sequence[Part], row_count: int, fields: int, positions: bool) -> None:
        self.parts = parts
        self.row_count = row_count
        self.positions = positions
        self._marks = field_marks(fields)
        self._all_fields = tuple(range(fields))
        self._phrases: dict[tuple[Phrase, int], PhraseRows] = {}

    def rows(self, query: Match) -> RowSet:
        if isinstance(query, Not):
            return self._texts() - self.rows(query.part)
        if isinstance(query, (Boost, Constant)):
            return self.rows(query.part)
        if isinstance(query, And):
            found = self.rows(query.parts[0])
            for part in query.parts[1:]:
                found = found & self.rows(part)
            return found
        if isinstance(query, Or):
            return self._some(query)
        words = np.zeros(word_count(self.row_count), np.uint64)
        for field in self.fields(query.fields):
            self._mark(query, field, words)
        return RowSet(words, self.row_count)

    def fields(self, fields: Fields) -> Fields:
        return fields or self._all_fields

    def phrase_rows(self, query: Phrase, field: int) -> PhraseRows:
        """The rows that have a phrase in a field, ascending."""
        key = (query, field)
        if key not in self._phrases:
            if not self.positions:
                raise ObjectNotInState(
                    "phrases cannot be found by an index without positions",
                    hint="ALTER INDEX ... SET (positions = true);",
                )
            found = [self._phrase_rows(part, query, field) for part in self.parts]
            ids = [ids for ids, _ in found] or [np.empty(0, np.int64)]
            freqs = [freqs for _, freqs in found] or [np.empty(0, np.float32)]
            self._phrases[key] = np.concatenate(ids), np.concatenate(freqs)
        return self._phrases[key]

    def _texts(self) -> RowSet:
        words = np.zeros(word_count(self.row_count), np.uint64)
        for part in self.parts:
            for lengths in part.lengths:
                mark_texts(lengths, part.low, words)
        return RowSet(words, self.row_count)

    def _some(self, query: Or) -> RowSet:
        terms = _plain_terms(query) if query.at_least == 1 else None
        if terms is not None:
            return self.rows(terms)
        if query.at_least == 1:
            found = self.rows(query.parts[0])
            for part in query.parts[1:]:
                found = found | self.rows(part)
            return found
        counts = np.zeros(self.row_count, np.uint16)
        for part in query.parts:
            counts[self.rows(part).ids()] += 1
        return RowSet.from_mask(counts >= query.at_least)

    def _mark(
        self, query: AnyTerm | Prefix | Fuzzy | Phrase, field: int, words: np.ndarray
    ) -> None:
        if isinstance(query, Phrase):
            set_ids(words, self.phrase_rows(query, field)[0])
            return
        for part in self.parts:
            for low, high in self._numbers(part, query, field):
                # Terms beside each other have their postings beside each other.
                begin, end = int(part.starts[low]), int(part.starts[high])
                mark_rows(part.rows, begin, end, part.low, words)

    def _numbers(
        self, part: Part, query: AnyTerm | Prefix | Fuzzy, field: int
    ) -> Iterator[tuple[int, int]]:
        """Ranges of the numbers of the part's terms that match."""
        mark = self._marks[field]
        if isinstance(query, AnyTerm):
            for number, _ in part.find([mark + term for term in query.terms]):
                if number >= 0:
                    yield number, number + 1
        elif isinstance(query, Prefix):
            for start in query.starts:
                yield part.prefixed(mark + start)
        else:
            low, high = part.prefixed(mark)
            wanted = np.array([ord(char) for char in query.term], np.int32)
            near = np.empty(high - low, np.int32)
            ends, data = part.dictionary
            count = near_terms(
                ends, data, low, high, len(mark), wanted, query.edits, query.prefix, near
            )
            for number in near[:count].tolist():
                yield number, number + 1

    def _phrase_rows(self, part: Part, query: Phrase, field: int) -> PhraseRows:
        mark = self._marks[field]
        places = part.find([mark + term for term in query.terms if term])
        rarest, count = min(places, key=lambda place: place[1])
        freqs = np.zeros(count, np.float32)
        if count == 0:
            return np.empty(0, np.int64), freqs
        given = (number for number, _ in places)
        phrase = np.array([next(given) if term else GAP for term in query.terms], np.int32)
        count_phrase(
            part.postings[field], part.row_terms, part.row_ends, phrase, query.slop, rarest, freqs
        )
        begin = int(part.starts[rarest])
        rows = part.rows[begin : begin + count].astype(np.int64) + part.low
        has = freqs > 0
        return rows[has], freqs[has]


def _plain_terms(query: Or) -> AnyTerm | None:
    """All parts as one set of terms, when they are terms of the same fields."""
    terms: dict[str, None] = {}
    fields: Fields | None = None
    for part in query.parts:
        if not isinstance(part, AnyTerm) or fields not in (None, part.fields):
            return None
        fields = part.fields
        terms.update(dict.fromkeys(part.terms))
    return AnyTerm(tuple(terms), (), fields or ())
