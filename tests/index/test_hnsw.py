"""The graph against an exact scan: recall, filters, metrics, codes, snapshots, linking while searching."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sqlvec.index.hnsw import HnswGraph, SearchResult
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.codes import code_width, encode_rows
from sqlvec.kernels.distance import distances, padded

METRICS = ("l2", "inner_product", "cosine", "l1")
ROWS = 12_000


def _vectors(rows: int, dims: int, seed: int = 0) -> np.ndarray:
    """Clustered, as embeddings are; padded as the storage pads."""
    centers = np.random.default_rng(9).normal(size=(60, dims))
    random = np.random.default_rng(seed)
    made = np.zeros((rows, padded(dims)), np.float32)
    made[:, :dims] = centers[random.integers(0, 60, rows)] + 0.4 * random.normal(size=(rows, dims))
    return made


def _exact(vectors: np.ndarray, query: np.ndarray, metric: str, ids: np.ndarray, k: int) -> np.ndarray:
    """The twin: numpy, float64."""
    x, q = vectors[ids].astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        d = np.sqrt(((x - q) ** 2).sum(1))
    elif metric == "l1":
        d = np.abs(x - q).sum(1)
    elif metric == "inner_product":
        d = -(x @ q)
    else:
        d = 1 - x @ q / np.sqrt((x * x).sum(1) * (q @ q))
    return ids[np.lexsort((ids, d))[:k]]


def _graph(vectors: np.ndarray, metric: str, dims: int, upto: int | None = None) -> HnswGraph:
    graph = HnswGraph.create(metric, dims)
    graph.link(vectors, upto or len(vectors), None)
    return graph


def _recall(found: list[SearchResult], exact: list[np.ndarray]) -> float:
    hits = [len(set(f.row_ids.tolist()) & set(e.tolist())) / len(e) for f, e in zip(found, exact, strict=True)]
    return float(np.mean(hits))


@pytest.fixture(scope="module", params=[(metric, dims) for metric in METRICS for dims in (20, 100)])
def world(request: pytest.FixtureRequest) -> tuple[str, np.ndarray, HnswGraph, np.ndarray]:
    metric, dims = request.param
    vectors = _vectors(ROWS, dims)
    return metric, vectors, _graph(vectors, metric, dims), _vectors(40, dims, seed=1)


def test_recall_of_an_unfiltered_walk(world: tuple[str, np.ndarray, HnswGraph, np.ndarray]) -> None:
    metric, vectors, graph, queries = world
    everything = np.arange(ROWS)
    found = [graph.search(vectors, q, 10, 100, None) for q in queries]
    assert {f.strategy for f in found} == {"walk"}
    assert _recall(found, [_exact(vectors, q, metric, everything, 10) for q in queries]) >= 0.95


@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_filter_is_honoured_and_the_limit_met(
    world: tuple[str, np.ndarray, HnswGraph, np.ndarray], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)
    metric, vectors, graph, queries = world
    ids = np.flatnonzero(np.random.default_rng(2).random(ROWS) < share)
    allowed = RowSet.from_ids(ids, ROWS)
    found = [graph.search(vectors, q, 10, 100, allowed) for q in queries]
    assert all(len(f.row_ids) == 10 and allowed.contains(f.row_ids).all() for f in found)
    assert any("walk" in f.strategy for f in found)
    assert _recall(found, [_exact(vectors, q, metric, ids, 10) for q in queries]) >= 0.95


def test_two_hops_reach_what_one_does_not(
    world: tuple[str, np.ndarray, HnswGraph, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)
    metric, vectors, graph, queries = world
    ids = np.flatnonzero(np.random.default_rng(3).random(ROWS) < 0.05)
    allowed = RowSet.from_ids(ids, ROWS)
    found = [graph.search(vectors, q, 10, 100, allowed) for q in queries]
    assert all(len(f.row_ids) == 10 and allowed.contains(f.row_ids).all() for f in found)
    assert _recall(found, [_exact(vectors, q, metric, ids, 10) for q in queries]) >= 0.95


@pytest.mark.parametrize("share", [0.5, 0.2, 0.08, 0.02])
@pytest.mark.parametrize("side", ["near", "far"])
def test_a_filter_that_knows_the_query_costs_no_recall(
    side: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest part of the rows, or the farthest, where a walk among them would go astray."""
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)
    vectors, count = _vectors(ROWS, 64), int(ROWS * share)
    graph = _graph(vectors, "l2", 64)
    found, exact = [], []
    for query in _vectors(20, 64, seed=1):
        order = np.argsort(((vectors - query) ** 2).sum(1))
        ids = np.sort(order[:count] if side == "near" else order[-count:])
        found.append(graph.search(vectors, query, 10, 64, RowSet.from_ids(ids, ROWS)))
        exact.append(_exact(vectors, query, "l2", ids, 10))
    assert _recall(found, exact) >= 0.95
    if side == "far":
        assert {f.reason for f in found} == {"rows far from the query"}


def test_distances_are_exact_and_ascend(world: tuple[str, np.ndarray, HnswGraph, np.ndarray]) -> None:
    metric, vectors, graph, queries = world
    for query in queries:
        found = graph.search(vectors, query, 25, 60, None)
        assert (np.diff(found.distances) >= 0).all()
        np.testing.assert_array_equal(found.distances, distances(vectors, query, metric, found.row_ids))


@pytest.mark.parametrize("metric", ["l2", "inner_product", "cosine"])
@pytest.mark.parametrize("scale", [1.0, 1e-33, 1e-12, 1e15])
def test_an_exact_scan_by_way_of_codes_is_exact(metric: str, scale: float) -> None:
    """With rows of very different sizes, near duplicates and ties, which codes cannot tell apart."""
    random = np.random.default_rng(5)
    vectors = _vectors(3_000, 64) * random.choice([1e-3, 1.0, 50.0], (3_000, 1)).astype(np.float32)
    vectors[100:200] = vectors[0] + 1e-4 * random.normal(size=(100, 64)).astype(np.float32)
    vectors[200:220] = vectors[100]
    vectors = (vectors * scale).astype(np.float32)
    vectors[7] = 0
    graph = _graph(vectors, metric, 64)
    ids = np.setdiff1d(np.flatnonzero(random.random(3_000) < 0.6), [7])
    allowed = RowSet.from_ids(ids, 3_000)
    for query in (vectors[100], vectors[150], vectors[2_000], -vectors[5]):
        found = graph.search(vectors, query, 40, 40, allowed, "exact")
        expected = distances(vectors, query, metric, ids)
        order = np.lexsort((ids, expected))[:40]
        np.testing.assert_array_equal(found.row_ids, ids[order])
        np.testing.assert_array_equal(found.distances, expected[order])


@pytest.mark.parametrize("count", [0, 1, 7])
def test_fewer_allowed_rows_than_asked_for_are_all_found(
    world: tuple[str, np.ndarray, HnswGraph, np.ndarray], count: int
) -> None:
    metric, vectors, graph, queries = world
    ids = np.arange(count) * 1000 + 3
    found = graph.search(vectors, queries[0], 10, 40, RowSet.from_ids(ids, ROWS))
    np.testing.assert_array_equal(found.row_ids, _exact(vectors, queries[0], metric, ids, 10))


def test_a_snapshot_answers_the_same_and_grows_on() -> None:
    vectors = _vectors(6_000, 96)
    graph = _graph(vectors, "cosine", 96, 4_000)
    opened = HnswGraph.from_arrays(graph.arrays())
    query = vectors[5]
    first, again = (g.search(vectors, query, 10, 64, None) for g in (graph, opened))
    np.testing.assert_array_equal(first.row_ids, again.row_ids)
    for each in (graph, opened):
        assert each.link(vectors, 6_000, None) == 6_000
    target = vectors[5_500]
    for each in (graph, opened):
        assert each.search(vectors, target, 1, 64, None).row_ids.tolist() == [5_500]


def test_absent_rows_and_zero_vectors_are_offered_but_not_found() -> None:
    vectors = _vectors(400, 64)
    vectors[7] = 0
    present = RowSet.from_ids(np.setdiff1d(np.arange(400), [3, 200]), 400)
    graph = HnswGraph.create("cosine", 64)
    assert graph.link(vectors, 400, present.words) == 400
    found = graph.search(vectors, vectors[1], 400, 400, None)
    assert not {3, 7, 200} & set(graph.search(vectors, vectors[1], 50, 400, None).row_ids.tolist())
    assert len(found.row_ids) >= 397  # completed by an exact scan, which leaves zero vectors out


def test_searching_while_another_thread_links() -> None:
    vectors = _vectors(8_000, 64)
    graph = HnswGraph.create("l2", 64)
    graph.link(vectors, 1_000, None)
    linking = threading.Thread(target=graph.link, args=(vectors, 8_000, None))
    linking.start()
    rounds = 0
    while linking.is_alive() or not rounds:
        linked = graph.linked
        found = graph.search(vectors, vectors[rounds % 1_000], 5, 40, None)
        assert len(found.row_ids) == 5
        assert found.row_ids.max() < max(linked, graph.linked)
        rounds += 1
    linking.join()
    assert graph.search(vectors, vectors[7_999], 1, 64, None).row_ids.tolist() == [7_999]


@pytest.mark.parametrize("dims", [48, 100, 384])
def test_codes_are_the_rounded_vectors(dims: int) -> None:
    vectors = _vectors(50, dims)
    vectors[9] = 0
    codes = np.zeros((50, code_width(dims)), np.int8)
    factors = np.zeros((50, 2), np.float32)
    encode_rows(vectors, 0, 50, False, codes, factors)
    back = codes[:, :dims] * factors[:, :1]
    step = np.abs(vectors).max(1, keepdims=True) / 127
    assert (np.abs(back - vectors[:, :dims]) <= 0.51 * step + 1e-7).all()
    np.testing.assert_allclose(factors[:, 1], (vectors.astype(np.float64) ** 2).sum(1), rtol=1e-5)


def _removed(graph: HnswGraph, vectors: np.ndarray, dead: RowSet) -> int:
    live = RowSet.full(len(vectors)) - dead
    for low in range(0, len(vectors), 1_000):
        graph.reconnect(vectors, dead, low, min(low + 1_000, len(vectors)))
    return graph.take_out(vectors, dead, live)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("metric", METRICS)
def test_dead_nodes_are_taken_out_and_the_rest_stays_connected(metric: str, share: float) -> None:
    vectors = _vectors(6_000, 96)
    graph = _graph(vectors, metric, 96)
    dead = RowSet.from_mask(np.random.default_rng(4).random(6_000) < share)
    assert _removed(graph, vectors, dead) == dead.count
    links = graph.arrays()["links"]
    assert not dead.contains(links[links >= 0].astype(np.int64)).any()
    assert (links[dead.ids()] == -1).all() and _removed(graph, vectors, dead) == 0
    living = np.setdiff1d(np.arange(6_000), dead.ids())
    queries = _vectors(40, 96, seed=1)
    found = [graph.search(vectors, q, 10, 100, None) for q in queries]
    assert {f.strategy for f in found} == {"walk"}
    assert all(not dead.contains(f.row_ids).any() for f in found)
    assert _recall(found, [_exact(vectors, q, metric, living, 10) for q in queries]) >= 0.95


def test_a_graph_of_which_all_died_takes_new_rows() -> None:
    vectors = _vectors(600, 64)
    graph = _graph(vectors, "l2", 64, 500)
    dead = RowSet.from_ids(np.arange(500), 600)
    for low in (0, 300):
        graph.reconnect(vectors, dead, low, low + 300 if low else 300)
    assert graph.take_out(vectors, dead, RowSet.empty(600)) == 500 and graph.state[1] == -1
    assert graph.link(vectors, 600, None) == 600
    assert graph.search(vectors, vectors[550], 1, 64, None).row_ids.tolist() == [550]


def test_a_removal_is_in_the_changes() -> None:
    vectors = _vectors(2_000, 96)
    graph = _graph(vectors, "cosine", 96)
    opened = HnswGraph.from_arrays(graph.arrays())
    graph.take_changes()
    assert _removed(graph, vectors, RowSet.from_ids(np.arange(0, 2_000, 3), 2_000)) == 667
    assert opened.apply(graph.take_changes())
    for name in ("settings", "links", "upper", "levels"):
        one, other = graph.arrays()[name], opened.arrays()[name]
        np.testing.assert_array_equal(one[:7] if name == "settings" else one, other[:7] if name == "settings" else other)


def test_searching_while_dead_nodes_are_taken_out() -> None:
    vectors = _vectors(8_000, 64)
    graph = _graph(vectors, "l2", 64)
    dead = RowSet.from_mask(np.random.default_rng(5).random(8_000) < 0.4)
    removal = threading.Thread(target=_removed, args=(graph, vectors, dead))
    removal.start()
    rounds = 0
    while removal.is_alive() or not rounds:
        found = graph.search(vectors, vectors[rounds % 8_000], 5, 40, None)
        assert len(found.row_ids) == 5
        rounds += 1
    removal.join()


@pytest.mark.parametrize("metric", METRICS)
def test_selected_rows_are_a_graph_of_their_own(metric: str) -> None:
    vectors = _vectors(3_000, 40)
    graph = HnswGraph.create(metric, 40)
    graph.link(vectors, 2_500, None)
    kept = np.flatnonzero(np.random.default_rng(3).random(3_000) < 0.4).astype(np.int64)
    live = RowSet.from_ids(kept, 3_000)
    dead = RowSet.full(3_000) - live
    for low in range(0, 2_500, 500):
        graph.reconnect(vectors, dead, low, low + 500)
    graph.take_out(vectors, dead, live)
    arrays = graph.selected(kept)
    assert arrays is not None
    copied, chosen = HnswGraph.from_arrays(arrays), np.ascontiguousarray(vectors[kept])
    linked = int((kept < 2_500).sum())
    assert copied.linked == linked
    hits = 0
    for query in _vectors(20, 40, seed=5):
        found = copied.search(chosen, query, 10, 80, None).row_ids
        exact = _exact(chosen, query, metric, np.arange(linked), 10)
        hits += len(set(found.tolist()) & set(exact.tolist()))
    assert hits >= 190
    copied.link(chosen, len(kept), None)
    assert copied.linked == len(kept)
    assert copied.search(chosen, chosen[-1], 1, 80, None).row_ids[0] == len(kept) - 1 or (
        metric == "inner_product"
    )


def test_a_graph_is_not_copied_without_its_entry_point() -> None:
    vectors = _vectors(200, 8)
    graph = HnswGraph.create("l2", 8)
    graph.link(vectors, 200, None)
    entry = graph.arrays()["settings"][6] & 0xFFFFFFFF
    assert graph.selected(np.delete(np.arange(200), entry)) is None
