"""Which rows the filters of the benchmarks leave, and which setting a server gets."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.correlation import closeness, crowded
from benchmarks.exact import nearest
from benchmarks.filtered import SHARES, Cell, Choice, best, cells
from benchmarks.wordnet import Wordnet


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Wordnet:
    """Of the sample, which is everywhere."""
    return Wordnet(2_000, 40, tmp_path_factory.mktemp("empty") / "none")


@pytest.fixture(scope="module")
def by_title(data: Wordnet) -> dict[str, Cell]:
    return {cell.title: cell for cell in cells(data)}


def test_the_crowded_questions_are_those_about_one_place() -> None:
    dice = np.random.default_rng(2)
    spread = dice.normal(size=(50, 16))
    spread[10:20] = spread[10] + 0.01 * dice.normal(size=(10, 16))
    found = crowded(spread.astype(np.float32), 10)
    assert sorted(found.tolist()) == list(range(10, 20))


def test_closeness_is_the_share_of_rows_that_are_nearer() -> None:
    vectors = np.array([[1, 0], [0, 3], [2, 1], [-1, 0]], np.float32)
    found = closeness(vectors, np.array([1, 0], np.float32))
    np.testing.assert_array_equal(found, [0.0, 0.5, 0.25, 0.75])


@pytest.mark.parametrize("kind", ["random", "correlated", "anti-correlated"])
@pytest.mark.parametrize("share", SHARES)
def test_each_filter_leaves_its_share(
    by_title: dict[str, Cell], data: Wordnet, kind: str, share: float
) -> None:
    cell = by_title[f"{100 * share:g} % of the rows, {kind}"]
    assert (len(cell.rows), cell.kind) == (round(share * len(data.vectors)), kind)


def test_correlated_rows_are_nearer_to_those_who_ask_than_anti_correlated_ones(
    by_title: dict[str, Cell], data: Wordnet
) -> None:
    for share in SHARES:
        near, far = (
            by_title[f"{100 * share:g} % of the rows, {kind}"]
            for kind in ("correlated", "anti-correlated")
        )
        np.testing.assert_array_equal(near.questions, far.questions)
        means = [float((cell.questions @ data.vectors[cell.rows].T).mean()) for cell in (near, far)]
        assert means[0] > means[1] + 0.05, share


def test_natural_filters_are_columns_of_the_documents(
    by_title: dict[str, Cell], data: Wordnet
) -> None:
    cell = by_title["the rows with pos = 'n'"]
    assert [data.pos[row] for row in cell.rows] == ["n"] * data.pos.count("n")
    found = nearest(data.vectors, cell.questions, 10, cell.rows)
    assert np.isin(found, cell.rows).all()


def test_a_server_gets_the_fastest_setting_that_finds_enough() -> None:
    slow, fast = Choice("slow", 10.0, 0.99, True), Choice("fast", 20.0, 0.95, True)
    hasty = Choice("hasty", 90.0, 0.94, True)
    assert best([slow, fast, hasty]) is fast
    assert best([hasty, Choice("lost", 99.0, 0.5, True)]) is hasty
