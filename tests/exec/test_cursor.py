"""Cursors: where they stand, what they keep, what they read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec import types
from sqlvec.errors import ObjectNotInState
from sqlvec.exec.cursor import KEPT_ROWS, Cursor
from sqlvec.exec.result import Batch, Result, rows_result
from sqlvec.sql import bound

COLUMNS = (bound.OutputColumn("n", types.INT4),)


class Source:
    """Numbers from 1, in batches; counts the rows that were read, and whether it was closed."""

    def __init__(self, count: int, batch_rows: int = 3) -> None:
        self.count, self.batch_rows = count, batch_rows
        self.read, self.closed = 0, False

    def start(self) -> Result:
        result = rows_result(COLUMNS, self._batches())
        result.close = self._close
        return result

    def _batches(self) -> Iterator[Batch]:
        for first in range(1, self.count + 1, self.batch_rows):
            rows = list(range(first, min(first + self.batch_rows, self.count + 1)))
            self.read += len(rows)
            yield [rows]

    def _close(self) -> None:
        assert not self.closed
        self.closed = True


def fetch(cursor: Cursor, direction: str = "forward", count: int | None = 1) -> list[int]:
    return [number for batch in cursor.fetch(direction, count) for number in batch[0]]


def opened(count: int = 7, *, scroll: bool | None = None) -> tuple[Cursor, Source]:
    source = Source(count)
    return Cursor(COLUMNS, source.start, scroll=scroll), source


def test_rows_are_read_as_they_are_asked_for() -> None:
    cursor, source = opened(100)
    assert source.read == 0
    assert fetch(cursor, count=4) == [1, 2, 3, 4]
    assert source.read == 6
    assert fetch(cursor, count=None) == list(range(5, 101))
    assert source.closed
    assert fetch(cursor) == []


def test_the_source_is_closed_once_however_it_ends() -> None:
    cursor, source = opened()
    fetch(cursor)
    cursor.close()
    assert source.closed
    assert fetch(cursor) == []


def test_forward_only_keeps_one_row() -> None:
    cursor, _ = opened(scroll=False)
    assert fetch(cursor, count=5) == [1, 2, 3, 4, 5]
    assert fetch(cursor, count=0) == [5]
    with pytest.raises(ObjectNotInState, match="can only scan forward"):
        fetch(cursor, "backward", 1)


def test_without_scroll_it_goes_back_a_bounded_way() -> None:
    source = Source(KEPT_ROWS * 3, 1_000)
    cursor = Cursor(COLUMNS, source.start)
    assert len(fetch(cursor, count=KEPT_ROWS * 2)) == KEPT_ROWS * 2
    assert fetch(cursor, "backward", 1) == [KEPT_ROWS * 2 - 1]
    with pytest.raises(ObjectNotInState):
        fetch(cursor, "absolute", 1)


def test_keeping_reads_the_rest() -> None:
    cursor, source = opened()
    assert fetch(cursor, count=2) == [1, 2]
    cursor.keep()
    assert source.closed and source.read == 7 and cursor.held
    assert fetch(cursor, count=None) == [3, 4, 5, 6, 7]


class Model:
    """What PostgreSQL's documentation says of FETCH, over a list."""

    def __init__(self, count: int) -> None:
        self.rows, self.position = list(range(1, count + 1)), 0

    def fetch(self, direction: str, count: int | None) -> list[int]:
        total = len(self.rows)
        if direction == "absolute":
            place = count or 0
            return self._go(place if place >= 0 else max(total + 1 + place, 0))
        if direction == "relative":
            return self._go(max(self.position + (count or 0), 0))
        if count is not None and count < 0:
            direction = "forward" if direction == "backward" else "backward"
            count = -count
        if count == 0:
            return self._go(self.position)
        step = 1 if direction == "forward" else -1
        found = []
        while count is None or len(found) < count:
            self.position = min(max(self.position + step, 0), total + 1)
            if not 1 <= self.position <= total:
                break
            found.append(self.position)
        return found

    def _go(self, place: int) -> list[int]:
        self.position = min(place, len(self.rows) + 1)
        return [self.position] if 1 <= self.position <= len(self.rows) else []


moves = st.tuples(
    st.sampled_from(["forward", "backward", "absolute", "relative"]), st.integers(-9, 9) | st.none()
)


@given(st.integers(0, 8), st.lists(moves, max_size=12))
def test_a_scrolling_cursor_stands_where_the_documentation_says(
    count: int, steps: list[tuple[str, int | None]]
) -> None:
    cursor, model = opened(count, scroll=True)[0], Model(count)
    for direction, distance in steps:
        if distance is None and direction in ("absolute", "relative"):
            distance = 0
        expected = model.fetch(direction, distance)
        assert fetch(cursor, direction, distance) == expected
        assert cursor.position == model.position
