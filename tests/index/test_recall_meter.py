"""What a graph knows of its own recall, and the width of search that follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw import recall as recall_module
from sqlvec.index.hnsw.recall import EFS, Curve, RecallMeter, dynamic_ef, recall_of
from sqlvec.index.row_set import RowSet

ROWS, DIMS = 6_000, 32


def points(rows: int, seed: int) -> np.ndarray:
    """Hard ones: without clusters, so that a narrow search misses some."""
    return np.random.default_rng(seed).normal(size=(rows, DIMS)).astype(np.float32)


@pytest.fixture(scope="module")
def world() -> tuple[HnswGraph, np.ndarray, RowSet]:
    vectors = points(ROWS, 1)
    graph = HnswGraph.create("l2", DIMS, m=8)
    graph.link(vectors, ROWS, None)
    return graph, vectors, RowSet.full(ROWS)


@pytest.mark.parametrize("target", [0.9, 0.99])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_calibrated_search_reaches_its_target_on_questions_it_has_not_seen(
    world: tuple[HnswGraph, np.ndarray, RowSet],
    target: float,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)
    graph, vectors, live = world
    meter = RecallMeter()
    cautious = meter.ef(target, share, 10)
    assert meter.has_work(ROWS)
    meter.measure(graph, vectors, live)
    assert not meter.has_work(ROWS)
    ef = meter.ef(target, share, 10)
    chosen = np.flatnonzero(np.random.default_rng(2).random(ROWS) < share)
    allowed = RowSet.from_ids(chosen, ROWS)
    found = []
    for query in points(60, 3):
        answer = graph.search(vectors, query, 10, ef, allowed)
        exact = graph.search(vectors, query, 10, 1, allowed, "exact")
        found.append(recall_of(answer.distances, exact.distances))
    assert np.mean(found) >= target - 0.02
    assert ef <= cautious


def test_a_graph_that_has_grown_is_calibrated_anew(
    world: tuple[HnswGraph, np.ndarray, RowSet],
) -> None:
    graph, vectors, live = world
    meter = RecallMeter()
    assert not meter.has_work(ROWS), "nobody has asked for a target"
    meter.ef(0.95, 1.0, 10)
    meter.measure(graph, vectors, live)
    assert not meter.has_work(int(ROWS * 1.4)) and meter.has_work(int(ROWS * 1.6))


def test_one_search_in_many_is_repeated_exactly(
    world: tuple[HnswGraph, np.ndarray, RowSet],
) -> None:
    graph, vectors, live = world
    now = [0.0]
    meter = RecallMeter(clock=lambda: now[0])
    assert meter.recall is None and meter.worst is None
    for i, query in enumerate(points(recall_module.LOOK_EVERY * 4, 4)):
        now[0] = i / recall_module.LOOK_EVERY
        meter.note(query, 10, live, graph.search(vectors, query, 10, 10, None).distances, 0.0)
    assert meter.has_work(ROWS)
    meter.measure(graph, vectors, live)
    assert 2 <= meter.sampled <= 5
    assert meter.recall is not None and meter.worst is not None
    assert 0 <= meter.worst <= meter.recall < 1


def test_a_broken_promise_is_measured_anew(
    world: tuple[HnswGraph, np.ndarray, RowSet],
) -> None:
    graph, vectors, live = world
    now = [0.0]
    meter = RecallMeter(clock=lambda: now[0])
    meter.ef(0.99, 1.0, 10)
    meter.measure(graph, vectors, live)
    meter.curve = before = Curve(ROWS, {1.0: ((EFS[0], 1.0),)})  # it promises too much
    for query in points(recall_module.LOOK_EVERY * 24, 5):
        now[0] += 1
        ef = meter.ef(0.99, 1.0, 10)
        answer = graph.search(vectors, query, 10, ef, None)
        meter.note(query, 10, live, answer.distances, 0.99)
        if meter.has_work(ROWS):
            meter.measure(graph, vectors, live)
    assert meter.curve is not before and meter.curve.ef(0.99, 1.0, 10) > EFS[0]


def test_a_curve_is_read_by_share_and_limit() -> None:
    curve = Curve(100, {1.0: ((16, 0.8), (40, 0.97), (64, 0.96)), 0.5: ((16, 0.5), (100, 0.99))})
    assert curve.ef(0.95, 1.0, 10) == 40
    assert curve.ef(0.95, 0.7, 10) == 100, "between two shares the harder one counts"
    assert curve.ef(0.95, 0.1, 10) == 100, "below all shares the smallest one counts"
    assert curve.ef(0.95, 1.0, 20) == 80
    assert curve.ef(0.999, 1.0, 10) == 64, "what is out of reach is tried as well as possible"
    assert [dynamic_ef(k) for k in (1, 20, 1000)] == [100, 160, 500]


def test_ties_at_the_border_count_as_found() -> None:
    exact = np.array([1.0, 2.0, 2.0])
    assert recall_of(np.array([1.0, 2.0, 2.0]), exact) == 1.0
    assert recall_of(np.array([1.0, 2.0, 3.0]), exact) == pytest.approx(2 / 3)
    assert recall_of(np.array([]), np.array([np.inf])) == 1.0
