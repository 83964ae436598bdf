"""What BM25 counts over the visible rows: how many have a term at all, their average length, and
how many have a given term. Exact; counted once for a row set and a list of parts.

As in Lucene, a row without a term (a null or empty text, or stop words only) is no document: it
counts neither in their number nor in their average length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from sqlvec.index.bm25.part import Part
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.postings import count_between, count_rows, sum_lengths

_CACHE_MAX = 65_536


class Term(NamedTuple):
    """A term's idf over the visible rows (0: none has it), and in each part its number (negative:
    not there) and how many postings it has, visible or not."""

    idf: float
    numbers: tuple[int, ...]
    posting_counts: tuple[int, ...]


class Statistics:
    """parts: those that hold visible rows. words: the visible rows, as long as the parts need."""

    def __init__(self, parts: Sequence[Part], visible: RowSet) -> None:
        self.all_parts = parts
        self.visible = visible
        self.parts = [part for part in parts if part.low < visible.row_count]
        self.word_count = max([(part.high + 63) >> 6 for part in self.parts], default=0)
        self.words = self.padded(visible)
        self._whole: list[bool] = []
        texts = length_sum = 0
        for part in self.parts:
            whole = count_between(self.words, part.low, part.high) == part.high - part.low
            self._whole.append(whole)
            counted = (part.text_count, part.length_sum)
            if not whole:
                counted = sum_lengths(part.lengths, part.low, self.words)
            texts += counted[0]
            length_sum += counted[1]
        self.text_count = texts
        self.average_length = length_sum / texts if texts else 1.0
        self._terms: dict[str, Term] = {}

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

    def terms(self, terms: Sequence[str]) -> list[Term]:
        """What is known of each term; counted at the first time."""
        known = self._terms
        try:
            return [known[term] for term in terms]
        except KeyError:
            fresh = self._count(terms)
            if len(known) + len(fresh) > _CACHE_MAX:
                self._terms = known = {}
            known.update(zip(terms, fresh, strict=True))
            return fresh

    def _count(self, terms: Sequence[str]) -> list[Term]:
        places = [part.find(terms) for part in self.parts]
        partly = np.zeros(len(terms), np.int64)  # visible postings of parts with hidden rows
        for part, whole, found in zip(self.parts, self._whole, places, strict=True):
            if not whole:
                numbers = np.array([number for number, _ in found], np.int64)
                count_rows(part.starts, part.rows, numbers, part.low, self.words, partly)
        counted = []
        for i, doc_freq in enumerate(partly.tolist()):
            mine = [found[i] for found in places]
            counts = tuple(count for _, count in mine)
            doc_freq += sum(compress(counts, self._whole))
            counted.append(Term(self._idf(doc_freq), tuple(n for n, _ in mine), counts))
        return counted

    def _idf(self, doc_freq: int) -> float:
        """ln(1 + (N - df + 0.5) / (df + 0.5))."""
        if doc_freq == 0:
            return 0.0
        return math.log(1 + (self.text_count - doc_freq + 0.5) / (doc_freq + 0.5))
