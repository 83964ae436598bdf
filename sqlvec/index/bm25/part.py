"""A part: the postings of rows [low, high), immutable; in memory or over a segment's arrays.

    starts i64[terms+1], rows i32[], freqs u8[], lengths i32[rows] (-1: null text)
    term_ends i64[terms], term_bytes u8[]   the terms, sorted by their UTF-8 bytes
    row_terms i32[], row_ends i64[rows]     the terms of each row in their order: for phrases and merging
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sqlvec.index.bm25.analyzer import Analyzer
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bm25 import build_postings, mark_rows, sum_lengths


class Part:
    """Rows and terms are looked up by offset from low."""

    def __init__(self, low: int, high: int, arrays: dict[str, np.ndarray]) -> None:
        self.low = low
        self.high = high
        self.starts = arrays["starts"]
        self.rows = arrays["rows"]
        self.freqs = arrays["freqs"]
        self.lengths = arrays["lengths"]
        self.term_ends = arrays["term_ends"]
        self.term_bytes = arrays["term_bytes"]
        self.row_terms = arrays["row_terms"]
        self.row_ends = arrays["row_ends"]
        self._known: dict[str, int] = {}
        self._visible: tuple[RowSet | None, int, int] = (None, 0, 0)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "starts": self.starts,
            "rows": self.rows,
            "freqs": self.freqs,
            "lengths": self.lengths,
            "term_ends": self.term_ends,
            "term_bytes": self.term_bytes,
            "row_terms": self.row_terms,
            "row_ends": self.row_ends,
        }

    # ---------------------------------------------------------------- terms

    def _term(self, number: int) -> bytes:
        start = int(self.term_ends[number - 1]) if number else 0
        return self.term_bytes[start : int(self.term_ends[number])].tobytes()

    def _place(self, wanted: bytes) -> int:
        """The first term that is not less."""
        low, high = 0, len(self.term_ends)
        while low < high:
            middle = (low + high) // 2
            if self._term(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def find(self, term: str) -> int:
        """The number of a term, -1 when no row has it."""
        found = self._known.get(term)
        if found is None:
            wanted = term.encode()
            place = self._place(wanted)
            exact = place < len(self.term_ends) and self._term(place) == wanted
            found = self._known[term] = place if exact else -1
        return found

    def prefixed(self, start: str) -> range:
        """The numbers of the terms that begin so."""
        wanted = start.encode()
        low = high = self._place(wanted)
        while high < len(self.term_ends) and self._term(high).startswith(wanted):
            high += 1
        return range(low, high)

    def terms(self) -> list[str]:
        return [self._term(number).decode() for number in range(len(self.term_ends))]

    # ---------------------------------------------------------------- rows

    def statistics(self, visible: RowSet) -> tuple[int, int]:
        """(visible rows with a text, sum of their lengths)."""
        known, count, total = self._visible
        if known is not visible:
            count, total = sum_lengths(self.lengths, self.low, visible.words)
            self._visible = (visible, count, total)
        return count, total

    def mark(self, numbers: Sequence[int] | range, words: np.ndarray) -> None:
        """Sets the bits of the rows that have any of the terms."""
        for number in numbers:
            mark_rows(
                self.rows, int(self.starts[number]), int(self.starts[number + 1]), self.low, words
            )

    def has_phrase(self, row: int, numbers: list[int]) -> bool:
        """Whether the row (by offset) has the terms one after the other."""
        start = int(self.row_ends[row - 1]) if row else 0
        terms = self.row_terms[start : int(self.row_ends[row])]
        size = len(terms) - len(numbers) + 1
        if size < 1:
            return False
        match = np.ones(size, dtype=bool)
        for offset, number in enumerate(numbers):
            match &= terms[offset : offset + size] == number
        return bool(match.any())


def build_part(low: int, texts: Sequence[str | None], analyzer: Analyzer) -> Part:
    """Analyses the texts of rows low, low + 1, ..."""
    numbers: dict[str, int] = {}
    flat: list[int] = []
    ends: list[int] = []
    number = numbers.setdefault
    for text in texts:
        if text:
            flat += [number(term, len(numbers)) for term in analyzer.terms(text)]
        ends.append(len(flat))
    return assemble(
        low,
        list(numbers),
        np.array(flat, np.int32),
        np.array(ends, np.int64),
        np.array([text is None for text in texts], bool),
    )


def assemble(
    low: int, terms: list[str], flat: np.ndarray, ends: np.ndarray, nulls: np.ndarray
) -> Part:
    """The part of rows whose terms, numbered as in `terms`, are flat[.., ends[i]]."""
    encoded = [term.encode() for term in terms]
    order = sorted(range(len(encoded)), key=encoded.__getitem__)
    renumber = np.empty(len(encoded), np.int32)
    renumber[order] = np.arange(len(encoded), dtype=np.int32)
    flat = renumber[flat] if len(flat) else flat.astype(np.int32)
    starts = np.zeros(len(encoded) + 1, np.int64)
    rows = np.empty(len(flat), np.int32)
    freqs = np.empty(len(flat), np.uint8)
    lengths = np.empty(len(ends), np.int32)
    used = build_postings(flat, ends, len(encoded), starts, rows, freqs, lengths)
    lengths[nulls] = -1
    ordered = [encoded[i] for i in order]
    sizes = np.array([len(term) for term in ordered], np.int64)
    return Part(
        low,
        low + len(ends),
        {
            "starts": starts,
            "rows": rows[:used].copy(),
            "freqs": freqs[:used].copy(),
            "lengths": lengths,
            "term_ends": np.cumsum(sizes),
            "term_bytes": np.frombuffer(b"".join(ordered), np.uint8),
            "row_terms": flat,
            "row_ends": ends,
        },
    )


def cut(part: Part, low: int, high: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(terms, ends, nulls) of rows [low, high) of a part, with the part's numbers."""
    first, last = low - part.low, high - part.low
    begin = int(part.row_ends[first - 1]) if first else 0
    ends = part.row_ends[first:last] - begin
    flat = part.row_terms[begin : begin + (int(ends[-1]) if len(ends) else 0)]
    return flat, ends, part.lengths[first:last] < 0


def merge(parts: Sequence[Part], low: int, high: int) -> Part:
    """One part of rows [low, high) out of neighboring parts that cover them."""
    numbers: dict[str, int] = {}
    flats, ends, nulls, total = [], [], [], 0
    for part in parts:
        start, end = max(low, part.low), min(high, part.high)
        if start >= end:
            continue
        renumber = np.array([numbers.setdefault(t, len(numbers)) for t in part.terms()], np.int32)
        flat, part_ends, part_nulls = cut(part, start, end)
        flats.append(renumber[flat] if len(flat) else flat)
        ends.append(part_ends + total)
        nulls.append(part_nulls)
        total += len(flat)
    if not ends:
        return assemble(low, [], np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, bool))
    return assemble(
        low, list(numbers), np.concatenate(flats), np.concatenate(ends), np.concatenate(nulls)
    )
