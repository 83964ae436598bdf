"""Postings of the rows of one shard, without scores: what a bm25 index and a gin index over tsvector share.

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

from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.matching import Matching
from sqlvec.index.bm25.part import Part, build_part, join
from sqlvec.index.bm25.query import Match
from sqlvec.index.row_set import RowSet

WAITING_MAX = 4096  # texts that wait to become a part


class PostingIndex:
    """What a text is, the analysis says: each field has an analyzer that makes words of it."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.fields = len(analysis.analyzers)
        self._parts: tuple[Part, ...] = ()
        self._waiting: list[list[Any]] = [[] for _ in range(self.fields)]
        self._waiting_low = 0
        self._lock = threading.Lock()

    @property
    def row_count(self) -> int:
        """Rows indexed so far."""
        return self._waiting_low + len(self._waiting[0])

    @property
    def memory_bytes(self) -> int:
        """Of what no segment keeps, about."""
        parts = (part for part in self._parts if not part.sealed)
        waiting = sum(len(text) for texts in self._waiting for text in texts if text)
        return waiting + sum(a.nbytes for part in parts for a in part.arrays().values())

    # ---------------------------------------------------------------- adding

    def add(self, first_row_id: int, columns: Sequence[Sequence[Any]]) -> None:
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

    def settle(self) -> None:
        """Makes a part of what waits."""
        with self._lock:
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
            self.settle()
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

    # ---------------------------------------------------------------- matching

    def match(self, query: Match, visible: RowSet) -> RowSet:
        """The visible rows that satisfy a query."""
        matching = self._matching(self._current(), visible)
        return matching.rows(query).extend(visible.row_count) & visible

    def _matching(self, parts: Sequence[Part], visible: RowSet) -> Matching:
        parts = [part for part in parts if part.low < visible.row_count]
        row_count = max([visible.row_count, *(part.high for part in parts)])
        return Matching(parts, row_count, self.fields, self.analysis.positions)
