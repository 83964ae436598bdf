"""Cursors: a query's rows, taken some at a time. A portal of the protocol and a cursor of DECLARE are one thing.

The query runs when the first row is asked for, and sees what its snapshot saw, whatever the transaction does
later. Rows passed are kept as far as the cursor may go back: all of them with SCROLL, the last with NO SCROLL,
KEPT_ROWS otherwise, where PostgreSQL lets it depend on the plan. WITH HOLD keeps the rest at COMMIT.

position counts from 1; 0 is before the first row, one more than there are rows is after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sqlvec.errors import ObjectNotInState
from sqlvec.exec.result import Batch, Result
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.database import Prepared

KEPT_ROWS = 10_000
CHUNK_ROWS = 1_000
Row = tuple[Any, ...]


class Cursor:
    """Opened by a Result, on the first fetch."""

    def __init__(
        self,
        columns: tuple[bound.OutputColumn, ...],
        start: Callable[[], Result],
        *,
        scroll: bool | None = None,
        hold: bool = False,
        prepared: Prepared | None = None,
    ) -> None:
        self.columns = columns
        self.prepared = prepared
        self.scroll = scroll
        self.hold = hold
        self.held = False  # outlives the transaction
        self.position = 0
        self.row_count = 0  # rows given
        self.result: Result | None = None
        self._start = start
        self._source: Iterator[Batch] | None = None
        self._rows: list[Row] = []
        self._passed = 0  # rows that are kept no more
        self._complete = False

    # ---------------------------------------------------------------- moving

    def fetch(self, direction: str, count: int | None) -> Iterator[Batch]:
        """The rows as batches; count None is all. Moves as the batches are taken."""
        if direction == "absolute":
            chunks = self._absolute(count or 0)
        elif direction == "relative":
            chunks = self._relative(count or 0)
        elif direction == "backward":
            chunks = self._backward(count) if count is None or count > 0 else self.forward(-count)
        elif count is not None and count < 0:
            chunks = self._backward(-count)
        else:
            chunks = self.forward(count)
        for rows in chunks:
            self.row_count += len(rows)
            yield [list(column) for column in zip(*rows, strict=True)]

    def forward(self, count: int | None) -> Iterator[list[Row]]:
        """The next rows, in chunks; none is the row that the cursor is on."""
        if count == 0:
            yield from self._current()
            return
        left = count
        while left is None or left > 0:
            wanted = CHUNK_ROWS if left is None else min(left, CHUNK_ROWS)
            end = self._read_to(self.position + wanted)
            rows = self._slice(self.position, end)
            short = len(rows) < wanted
            self.position = end + 1 if short else end
            self._forget()
            if rows:
                yield rows
            if short:
                return
            left = None if left is None else left - wanted

    def _require_scroll(self) -> None:
        if self.scroll is False:
            raise ObjectNotInState(
                "cursor can only scan forward",
                hint="Declare it with SCROLL option to enable backward scan.",
            )

    def _backward(self, count: int | None) -> Iterator[list[Row]]:
        self._require_scroll()
        last = max(self.position - 1, 0)
        first = 0 if count is None else max(last - count, 0)
        whole = count is not None and last - first == count
        if last > first:
            rows = self._slice(first, last)[::-1]
            self.position = first + 1 if whole else 0
            yield rows
        else:
            self.position = 0

    def _absolute(self, place: int) -> Iterator[list[Row]]:
        if place < 0:
            place = max(self._read_to(None) + 1 + place, 0)
        return self._go_to(place)

    def _relative(self, distance: int) -> Iterator[list[Row]]:
        return self._go_to(max(self.position + distance, 0))

    def _go_to(self, place: int) -> Iterator[list[Row]]:
        if place < self.position:
            self._require_scroll()
        self.position = min(place, self._read_to(place) + 1)
        yield from self._current()
        self._forget()

    def _current(self) -> Iterator[list[Row]]:
        if 1 <= self.position <= self._passed + len(self._rows):
            yield self._slice(self.position - 1, self.position)

    # ---------------------------------------------------------------- rows

    def open(self) -> None:
        """Runs the query, if it has not run; all waiting for locks happens here."""
        if self._source is None and not self._complete:
            self.result = self._start()
            self._source = self.result.batches()

    def _read_to(self, place: int | None) -> int:
        """Reads up to the row of that number, or all; the number of the last row there is up to it."""
        self.open()
        while not self._complete and (place is None or self._passed + len(self._rows) < place):
            batch = next(self._source, None) if self._source is not None else None
            if batch is None:
                self._complete = True
                self._release()
            else:
                self._rows += zip(*batch, strict=True)
        total = self._passed + len(self._rows)
        return total if place is None else min(place, total)

    def _slice(self, first: int, last: int) -> list[Row]:
        """Rows first + 1 to last."""
        if first < self._passed and last > first:
            raise ObjectNotInState(
                "cursor can only scan forward",
                hint="Declare it with SCROLL option to enable backward scan.",
            )
        return self._rows[first - self._passed : last - self._passed]

    def _forget(self) -> None:
        if self.scroll:
            return
        kept = 1 if self.scroll is False else KEPT_ROWS
        passed = self.position - kept - self._passed
        if passed > CHUNK_ROWS or (self.scroll is False and passed > 0):
            passed = min(passed, len(self._rows))
            del self._rows[:passed]
            self._passed += passed

    # ---------------------------------------------------------------- the end

    def keep(self) -> None:
        """At COMMIT: reads what is left, so that the cursor outlives the snapshot."""
        self._read_to(None)
        self.held = True

    def close(self) -> None:
        self._complete = True
        self._rows.clear()
        self._release()

    def _release(self) -> None:
        self._source = None
        if self.result is not None and self.result.close is not None:
            self.result.close()
            self.result.close = None
