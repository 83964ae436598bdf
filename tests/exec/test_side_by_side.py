"""Scans side by side: results in order, errors after all have ended."""

from __future__ import annotations

import threading

import pytest

from sqlvec.exec import side_by_side as module
from sqlvec.exec.side_by_side import side_by_side


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CORES", 2)


def name(_: object) -> str:
    return threading.current_thread().name


def test_large_scans_run_at_the_same_time_and_keep_their_order() -> None:
    barrier = threading.Barrier(2, timeout=30)  # passed only by two at once

    def work(item: int) -> tuple[int, str]:
        barrier.wait()
        return item, name(item)

    found = side_by_side(work, [1, 2], worthwhile=True)
    assert [item for item, _ in found] == [1, 2]
    assert found[0][1] == name(0) != found[1][1]


@pytest.mark.parametrize(("items", "worthwhile"), [([1], True), ([1, 2, 3], False)])
def test_one_item_or_little_work_stays_in_the_callers_thread(
    items: list[int], worthwhile: bool
) -> None:
    assert set(side_by_side(name, items, worthwhile=worthwhile)) == {name(0)}


def test_what_runs_beside_others_is_not_split_further() -> None:
    def legs(_: int) -> bool:
        return set(side_by_side(name, range(8), worthwhile=True)) == {name(0)}

    assert side_by_side(legs, range(8), worthwhile=True) == [True] * 8
    assert len(set(side_by_side(name, range(8), worthwhile=True))) > 1


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_an_error_is_raised_when_all_have_ended(wrong: int) -> None:
    ended = []

    def work(item: int) -> None:
        ended.append(item)
        if item == wrong:
            raise ValueError(item)

    with pytest.raises(ValueError, match=str(wrong)):
        side_by_side(work, [0, 1, 2], worthwhile=True)
    assert sorted(ended) == [0, 1, 2]
