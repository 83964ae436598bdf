"""What BM25 counts over the visible rows: how many have a term at all, their average length, and
how many have a given term. Exact; counted once for a row set and a list of parts.

As in Lucene, a row without a term (a null or empty text, or stop words only) is no document: it
counts neither in their number nor in their average length. Each field is counted by itself; a term of
several fields is in a row when it is in any of them.

Statistics of other shards may be counted with these (Scope): then documents and frequencies are those
of all of them. A scope knows its statistics, and they know no scope: nobody frees what refers to itself
before the garbage collection, and mapped files with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple, Protocol

import numpy as np

from sqlvec.index.bm25.analysis import field_marks
from sqlvec.index.bm25.part import Part
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bitmap import popcount
from sqlvec.kernels.postings import (
    count_between,
    count_rows,
    mark_counted,
    mark_rows,
    sum_lengths,
)

_CACHE_MAX = 65_536


class Term(NamedTuple):
    """A term of one field: how many visible rows have it, and in each part its number (negative: not
    there) and how many postings it has, visible or not."""

    doc_freq: int
    numbers: tuple[int, ...]
    posting_counts: tuple[int, ...]


class Counted(Protocol):
    """What a scope adds up."""

    texts: list[int]
    length_sums: list[int]

    def texts_of(self, fields: tuple[int, ...]) -> int: ...

    def terms(self, terms: Sequence[str], field: int = 0) -> list[Term]: ...

    def doc_freq(self, term: str, fields: tuple[int, ...]) -> int: ...


class Statistics:
    """parts: those that hold visible rows. words: the visible rows, as long as the parts need."""

    def __init__(self, parts: Sequence[Part], visible: RowSet, fields: int = 1) -> None:
        self.all_parts = parts
        self.visible = visible
        self.parts = [part for part in parts if part.low < visible.row_count]
        self.word_count = max([(part.high + 63) >> 6 for part in self.parts], default=0)
        self.words = self.padded(visible)
        self.marks = field_marks(fields)
        self._whole = [
            count_between(self.words, part.low, part.high) == part.high - part.low
            for part in self.parts
        ]
        totals = np.zeros((fields, 2), np.int64)
        for part, whole in zip(self.parts, self._whole, strict=True):
            for field in range(fields):
                counted = part.totals[field]
                if not whole:
                    counted = sum_lengths(part.lengths[field], part.low, self.words)
                totals[field] += counted
        self.texts: list[int] = totals[:, 0].tolist()
        self.length_sums: list[int] = totals[:, 1].tolist()
        self._terms: dict[str, Term] = {}
        self._unions: dict[tuple[tuple[int, ...], str], int] = {}

    def fits(self, parts: Sequence[Part], visible: RowSet) -> bool:
        """Whether these are the statistics of the row set over the parts."""
        return self.visible is visible and self.all_parts is parts

    def padded(self, rows: RowSet) -> np.ndarray:
        """The row set's words, as many as the parts need; read-only. What lies beyond is not in the
        set."""
        words = rows.words
        if len(words) < self.word_count:
            words = np.concatenate([words, np.zeros(self.word_count - len(words), np.uint64)])
        words = words[:]
        words.flags.writeable = False
        return words

    def terms(self, terms: Sequence[str], field: int = 0) -> list[Term]:
        """What is known of each term of a field; counted at the first time."""
        mark = self.marks[field]
        keys = [mark + term for term in terms] if mark else terms
        known = self._terms
        try:
            return [known[key] for key in keys]
        except KeyError:
            fresh = self._count(keys)
            if len(known) + len(fresh) > _CACHE_MAX:
                self._terms = known = {}
            known.update(zip(keys, fresh, strict=True))
            return fresh

    def _count(self, keys: Sequence[str]) -> list[Term]:
        places = [part.find(keys) for part in self.parts]
        partly = np.zeros(len(keys), np.int64)  # visible postings of parts with hidden rows
        for part, whole, found in zip(self.parts, self._whole, places, strict=True):
            if not whole:
                numbers = np.array([number for number, _ in found], np.int64)
                count_rows(part.starts, part.rows, numbers, part.low, self.words, partly)
        counted = []
        for i, doc_freq in enumerate(partly.tolist()):
            mine = [found[i] for found in places]
            counts = tuple(count for _, count in mine)
            doc_freq += sum(compress(counts, self._whole))
            counted.append(Term(doc_freq, tuple(n for n, _ in mine), counts))
        return counted

    def texts_of(self, fields: tuple[int, ...]) -> int:
        """How many visible rows have a term in any of the fields."""
        if len(fields) == 1:
            return self.texts[fields[0]]
        key = (fields, "")
        if key not in self._unions:
            marked = np.zeros(self.word_count, np.uint64)
            for part in self.parts:
                for field in fields:
                    mark_counted(part.lengths[field], part.low, marked)
            self._unions[key] = int(popcount(marked & self.words))
        return self._unions[key]

    def doc_freq(self, term: str, fields: tuple[int, ...]) -> int:
        """How many visible rows have the term in any of the fields."""
        if len(fields) == 1:
            return self.terms([term], fields[0])[0].doc_freq
        key = (fields, term)
        found = self._unions.get(key)
        if found is None:
            marked = np.zeros(self.word_count, np.uint64)
            for field in fields:
                numbers = self.terms([term], field)[0].numbers
                for part, number in zip(self.parts, numbers, strict=True):
                    if number >= 0:
                        begin, end = part.starts[number : number + 2].tolist()
                        mark_rows(part.rows, begin, end, part.low, marked)
            found = int(popcount(marked & self.words))
            if len(self._unions) >= _CACHE_MAX:
                self._unions = {}
            self._unions[key] = found
        return found


class Scope:
    """Statistics of one shard, counted alone or with those of others."""

    __slots__ = ("_averages", "_known", "own", "shards")

    def __init__(self, own: Statistics, others: Sequence[Counted] = ()) -> None:
        self.own = own
        self.shards: tuple[Counted, ...] = (own, *others)
        self._averages: list[float] | None = None
        self._known: list[dict[str, tuple[float, Term]]] = [{} for _ in own.marks]

    def average(self, field: int) -> float:
        """The average length of a field's texts."""
        if self._averages is None:
            self._averages = [
                sum(one.length_sums[f] for one in self.shards)
                / max(1, sum(one.texts[f] for one in self.shards))
                or 1.0
                for f in range(len(self.own.marks))
            ]
        return self._averages[field]

    def weighed(self, terms: Sequence[str], field: int) -> list[tuple[float, Term]]:
        """Of each term of a field its idf, and where this shard has it."""
        known = self._known[field]
        try:
            return [known[term] for term in terms]
        except KeyError:
            idfs = self.idfs(terms, (field,))
            fresh = list(zip(idfs, self.own.terms(terms, field), strict=True))
            if len(known) + len(fresh) > _CACHE_MAX:
                known.clear()
            known.update(zip(terms, fresh, strict=True))
            return fresh

    def idfs(self, terms: Sequence[str], fields: tuple[int, ...]) -> list[float]:
        """ln(1 + (N - df + 0.5) / (df + 0.5)) of each; 0: no visible row has it."""
        texts = sum(one.texts_of(fields) for one in self.shards)
        freqs = [0] * len(terms)
        for one in self.shards:
            if len(fields) == 1:
                mine = [term.doc_freq for term in one.terms(terms, fields[0])]
            else:
                mine = [one.doc_freq(term, fields) for term in terms]
            freqs = [a + b for a, b in zip(freqs, mine, strict=True)]
        return [
            math.log(1 + (texts - freq + 0.5) / (freq + 0.5)) if freq else 0.0 for freq in freqs
        ]
