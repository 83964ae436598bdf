"""When each row of a shard begins and ends: two arrays of seqnos by row id.

A row is visible at snapshot S when begin <= S < end. begin is UNCOMMITTED until its transaction is
published and ABORTED if that never happens; end is LIVE until a deletion is published. All three
are greater than any seqno, so one comparison tells. Publishing stores into these arrays in place:
for a reader at an older snapshot both the old and the new value are beyond S, so it sees no
difference.
"""

from __future__ import annotations

import numpy as np

from sqlvec.index.row_set import RowSet
from sqlvec.storage.growing import (
    RowIds,
    Words,
    clear_ids,
    grown,
    set_bits,
    word_count,
    words_of_mask,
)

LIVE = 2**63 - 1
UNCOMMITTED = 2**63 - 1
ABORTED = 2**63 - 2
SNAPSHOTS_CACHED_MAX = 4


class RowTimes:
    """begins, ends: i64[row_count]; and the bitmap of the rows visible now, kept up to date."""

    def __init__(self, begins: RowIds | None = None, ends: RowIds | None = None) -> None:
        self.begins = np.zeros(0, np.int64) if begins is None else begins
        self.ends = np.zeros(0, np.int64) if ends is None else ends
        self.row_count = len(self.begins)
        self.changed_at = 0  # the newest seqno that begins or ends here
        self._live = words_of_mask((self.begins < ABORTED) & (self.ends == LIVE))
        if self.row_count:
            self.changed_at = int(max(_newest(self.begins), _newest(self.ends)))
        self._latest: RowSet | None = None
        self._snapshots: dict[int, RowSet] = {}

    def append(self, count: int, begin: int = UNCOMMITTED) -> int:
        """Add rows that nobody sees yet, and return the first row id."""
        first, needed = self.row_count, self.row_count + count
        self.begins = grown(self.begins, first, needed)
        self.ends = grown(self.ends, first, needed)
        self.begins[first:needed] = begin
        self.ends[first:needed] = LIVE
        self._live = grown(self._live, word_count(first), word_count(needed))
        self.row_count = needed
        self._latest = None
        return first

    def begin(self, low: int, high: int, seqno: int) -> None:
        self.begins[low:high] = seqno
        set_bits(self._live, low, high)
        self._change(seqno)

    def abort(self, low: int, high: int) -> None:
        self.begins[low:high] = ABORTED

    def end(self, row_ids: RowIds, seqno: int) -> None:
        self.ends[row_ids] = seqno
        clear_ids(self._live, row_ids)
        self._change(seqno)

    def _change(self, seqno: int) -> None:
        self.changed_at = max(self.changed_at, seqno)
        self._latest = None

    def visible(self, seqno: int) -> RowSet:
        """The rows visible at a snapshot, over row ids [0, row_count)."""
        if seqno >= self.changed_at:
            if self._latest is None:
                self._latest = RowSet(self._live_words(), self.row_count)
            return self._latest
        found = self._snapshots.get(seqno)
        if found is None or found.row_count != self.row_count:
            begins, ends = self.begins[: self.row_count], self.ends[: self.row_count]
            found = RowSet(words_of_mask((begins <= seqno) & (seqno < ends)), self.row_count)
            while len(self._snapshots) >= SNAPSHOTS_CACHED_MAX:
                del self._snapshots[next(iter(self._snapshots))]
            self._snapshots[seqno] = found
        return found

    def sees(self, row_id: int, seqno: int) -> bool:
        return bool(self.begins.item(row_id) <= seqno < self.ends.item(row_id))

    def _live_words(self) -> Words:
        return self._live[: word_count(self.row_count)].copy()


def _newest(seqnos: RowIds) -> int:
    """The greatest that is a seqno."""
    committed = seqnos[seqnos < ABORTED]
    return int(committed.max()) if len(committed) else 0
