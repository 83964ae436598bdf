"""Boolean queries: the rows that match, part by part, without scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_

import numpy as np

from sqlvec.index.bm25.part import Part
from sqlvec.index.bm25.query import And, AnyTerm, Match, Not, Or, Phrase, Prefix
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bitmap import word_count
from sqlvec.kernels.postings import GAP, mark_phrase, mark_rows, mark_texts


def matching(query: Match, parts: Sequence[Part], row_count: int) -> RowSet:
    """The rows of the parts that match, out of [0, row_count); a null text never does."""
    if isinstance(query, Not):
        return _texts(parts, row_count) - matching(query.part, parts, row_count)
    if isinstance(query, (And, Or)):
        found = [matching(part, parts, row_count) for part in query.parts]
        return reduce(and_ if isinstance(query, And) else or_, found)
    words = np.zeros(word_count(row_count), np.uint64)
    for part in parts:
        if isinstance(query, AnyTerm):
            _mark_terms(part, query, words)
        elif isinstance(query, Prefix):
            _mark_prefixes(part, query, words)
        else:
            _mark_phrase(part, query, words)
    return RowSet(words, row_count)


def _texts(parts: Sequence[Part], row_count: int) -> RowSet:
    words = np.zeros(word_count(row_count), np.uint64)
    for part in parts:
        mark_texts(part.lengths, part.low, words)
    return RowSet(words, row_count)


def _mark_terms(part: Part, query: AnyTerm, words: np.ndarray) -> None:
    for number, _ in part.find(query.terms):
        if number >= 0:
            _mark_numbers(part, number, number + 1, words)


def _mark_prefixes(part: Part, query: Prefix, words: np.ndarray) -> None:
    for start in query.starts:
        _mark_numbers(part, *part.prefixed(start), words)


def _mark_numbers(part: Part, low: int, high: int, words: np.ndarray) -> None:
    """Terms beside each other have their postings beside each other."""
    mark_rows(part.rows, int(part.starts[low]), int(part.starts[high]), part.low, words)


def _mark_phrase(part: Part, query: Phrase, words: np.ndarray) -> None:
    places = part.find([term for term in query.terms if term])
    rarest, count = min(places, key=lambda place: place[1])
    if count == 0:
        return
    given = (number for number, _ in places)
    phrase = np.array([next(given) if term else GAP for term in query.terms], np.int32)
    mark_phrase(part.postings, part.row_terms, part.row_ends, phrase, rarest, part.low, words)
