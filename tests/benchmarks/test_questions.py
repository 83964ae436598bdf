"""What the benchmarks are told and how they count; what they measure is no test's business."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import QUESTIONS, questions, times
from benchmarks.exact import nearest
from benchmarks.measure import recall
from benchmarks.million import DIMS, INNER_DIMS, clustered
from benchmarks.sweep import Point, at_recall, curves, line_at


def test_questions_are_named_one_by_one_or_in_a_list() -> None:
    for name in QUESTIONS:
        assert questions(name) == {name}
    assert questions("top10, filtered") == {"top10", "filtered"}


def test_every_question_is_explained() -> None:
    told = (Path(__file__).resolve().parents[2] / "benchmarks" / "README.md").read_text()
    assert [name for name in QUESTIONS if f"| `{name}` |" not in told] == []


@pytest.mark.parametrize("text", ["", ",", "top11", "top10,nothing"])
def test_a_name_that_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no question"):
        questions(text)


@pytest.mark.parametrize(
    "ratio, shown",
    [(0.984, "0.98x"), (1.5, "1.50x"), (9.99, "9.99x"), (131.8, "132x"), (math.nan, "-")],
)
def test_ratios_are_shown_by_their_size(ratio: float, shown: str) -> None:
    assert times(ratio) == shown


def _points(*measured: tuple[float, float], name: str = "sqlvec") -> list[Point]:
    return [{"ef": 1, "rates": {name: rate}, "recall": {name: found}} for found, rate in measured]


@pytest.mark.parametrize(
    "target, rate",
    [(0.90, 1000.0), (0.92, 900.0), (0.95, 750.0), (0.99, 540.0), (0.80, 1000.0), (0.999, None)],
)
def test_the_rate_at_a_recall_lies_between_what_was_measured(
    target: float, rate: float | None
) -> None:
    points = _points((1.0 - 0.01, 540.0), (0.90, 1000.0), (0.95, 750.0))
    assert at_recall(points, "sqlvec", target) == (rate if rate is None else pytest.approx(rate))


def test_a_recall_that_is_not_reached_gives_no_ratio() -> None:
    ours, theirs = _points((0.90, 100.0), (0.99, 50.0)), _points((0.5, 9.0), name="pgvector")
    line = line_at("top-10", (ours, "sqlvec"), (theirs, "pgvector"), 0.95, 5.0)
    assert math.isnan(line.ratio)
    assert (line.sqlvec, line.pgvector, line.goal) == ("72/s", "not reached", 5.0)


def test_a_ratio_is_taken_at_equal_recall() -> None:
    ours, theirs = _points((0.90, 100.0), (1.0, 50.0)), _points((0.95, 25.0), name="hnswlib")
    line = line_at("top-10", (ours, "sqlvec"), (theirs, "hnswlib"), 0.95)
    assert (line.ratio, line.pgvector) == (pytest.approx(3.0), "25/s (hnswlib)")


def test_curves_rise_by_recall() -> None:
    points = _points((0.99, 5.0), (0.9, 10.0))
    assert curves(points, "{} (server)") == {"sqlvec (server)": [(0.9, 10.0), (0.99, 5.0)]}
    assert curves([]) == {}


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("some", [None, np.array([2, 3, 5, 8, 40, 41, 99]), np.array([7])])
def test_exact_answers_are_those_of_every_distance(metric: str, some: np.ndarray | None) -> None:
    dice = np.random.default_rng(1)
    vectors = dice.normal(size=(100, 8)).astype(np.float32)
    asked = dice.normal(size=(40, 8)).astype(np.float32)
    found = nearest(vectors, asked, 5, some, metric)
    ids = np.arange(100) if some is None else some
    assert found.shape == (40, min(5, len(ids)))
    for question, answer in zip(asked.astype(float), found, strict=True):
        rows = vectors[ids].astype(float)
        if metric == "cosine":
            distances = 1 - rows @ question / np.linalg.norm(rows, axis=1) / np.linalg.norm(
                question
            )
        else:
            distances = np.linalg.norm(rows - question, axis=1)
        np.testing.assert_array_equal(answer, ids[np.argsort(distances)][: len(answer)])


def test_no_rows_have_no_nearest() -> None:
    none = np.zeros((0, 4), np.float32)
    assert nearest(none, np.ones((3, 4), np.float32), 10).shape == (3, 0)


def test_recall_counts_what_was_found_of_the_exact_answer() -> None:
    exact = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall([[4, 3, 2, 9], [8]], exact) == pytest.approx(0.5)


def test_made_vectors_are_the_same_in_every_run_and_lie_in_few_dimensions() -> None:
    made = clustered(1_000)
    assert (made.shape, made.dtype) == ((1_000, DIMS), np.float32)
    np.testing.assert_array_equal(made, clustered(1_000))
    variances = np.linalg.eigvalsh(np.cov(made.T))[::-1]
    assert variances[INNER_DIMS - 1] > 25 * variances[INNER_DIMS]
