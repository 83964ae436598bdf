"""Scans side by side: results in order, errors after all have ended."""

from __future__ import annotations

import threading

import pytest

from sqlvec.exec import shard_threads
from sqlvec.exec.shard_threads import side_by_side


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_threads, "CORES", 2)


def test_large_scans_run_at_the_same_time_and_keep_their_order() -> None:
    barrier = threading.Barrier(2, timeout=30)  # passed only by two at once

    def work(item: int) -> tuple[int, str]:
        barrier.wait()
        return item, threading.current_thread().name

    found = side_by_side(work, [1, 2], shard_threads.ROWS_MIN)
    assert [item for item, _ in found] == [1, 2]
    assert found[0][1] == threading.current_thread().name != found[1][1]


@pytest.mark.parametrize(("items", "rows"), [([1], 10**9), ([1, 2, 3], 10)])
def test_one_shard_or_few_rows_stay_in_the_callers_thread(items: list[int], rows: int) -> None:
    names = side_by_side(lambda _: threading.current_thread().name, items, rows)
    assert set(names) == {threading.current_thread().name}


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_an_error_is_raised_when_all_have_ended(wrong: int) -> None:
    ended = []

    def work(item: int) -> None:
        ended.append(item)
        if item == wrong:
            raise ValueError(item)

    with pytest.raises(ValueError, match=str(wrong)):
        side_by_side(work, [0, 1, 2], 10**9)
    assert sorted(ended) == [0, 1, 2]
