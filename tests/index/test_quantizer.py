"""A graph under each quantization: recall, memory, changing the codes of a graph that answers, snapshots."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw.quantizer import RESCORE_DEFAULTS, piece_dims, trained
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.distance import METRICS, distances, padded

ROWS, DIMS = 6_000, 128
MEMORY = {"none": 0.0, "int8": 0.35, "bit": 0.12, "pq": 0.35}  # most bytes of codes, of those of vectors


def _vectors(rows: int, dims: int = DIMS, seed: int = 0) -> np.ndarray:
    """Clustered, and not about the origin."""
    centers = np.random.default_rng(9).normal(size=(60, dims)) + 0.5
    dice = np.random.default_rng(seed)
    made = np.zeros((rows, padded(dims)), np.float32)
    made[:, :dims] = centers[dice.integers(0, 60, rows)] + 0.4 * dice.normal(size=(rows, dims))
    return made


def _adopt(graph: HnswGraph, name: str, vectors: np.ndarray) -> None:
    quantizer = trained(name, graph.number, graph.dims, vectors[:4_000], len(vectors))
    assert quantizer is not None
    assert graph.adopt(quantizer, RESCORE_DEFAULTS[name], lambda: vectors)


def _graph(vectors: np.ndarray, metric: str, name: str, upto: int | None = None) -> HnswGraph:
    graph = HnswGraph.create(metric, DIMS)
    _adopt(graph, name, vectors)
    graph.link(vectors, upto or len(vectors), None)
    return graph


def _recall(graph: HnswGraph, vectors: np.ndarray, ef: int = 64) -> float:
    hits, ids = [], np.arange(graph.linked)
    for query in _vectors(30, seed=1):
        exact = ids[np.lexsort((ids, distances(vectors, query, graph.metric, ids)))[:10]]
        found = graph.search(vectors, query, 10, ef, None)
        assert found.strategy == "walk"
        np.testing.assert_array_equal(
            found.distances, distances(vectors, query, graph.metric, found.row_ids)
        )
        hits.append(len(np.intersect1d(found.row_ids, exact)))
    return float(np.mean(hits)) / 10


@pytest.mark.parametrize("metric", ["l2", "inner_product", "cosine"])
@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_recall_and_memory_of_a_graph_that_was_linked_by_its_codes(name: str, metric: str) -> None:
    vectors = _vectors(ROWS)
    graph = _graph(vectors, metric, name)
    assert graph.quantizer.name == name
    assert _recall(graph, vectors) >= 0.95
    codes, links = graph.memory()
    learned = sum(array.nbytes for array in graph.quantizer.kept().values())
    assert codes - learned <= MEMORY[name] * ROWS * DIMS * 4 and (codes > 0) == (name != "none")
    assert links >= ROWS * 2 * graph.m * 4


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_other_codes_leave_the_links_as_they_are(name: str) -> None:
    vectors = _vectors(ROWS)
    graph = _graph(vectors, "cosine", "int8")
    links = graph.arrays()["links"].copy()
    _adopt(graph, name, vectors)
    assert (graph.quantizer.name, graph.walks_by, graph.recall.curve) == (name, name, None)
    np.testing.assert_array_equal(graph.arrays()["links"], links)
    assert _recall(graph, vectors) >= 0.95


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_filtered_walks_and_exact_scans_under_each(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)
    vectors = _vectors(ROWS)
    graph = _graph(vectors, "l2", name)
    for share, least in ((0.5, 0.95), (0.05, 0.9)):
        ids = np.flatnonzero(np.random.default_rng(2).random(ROWS) < share)
        allowed, hits = RowSet.from_ids(ids, ROWS), 0
        for query in _vectors(20, seed=1):
            wanted = ids[np.lexsort((ids, distances(vectors, query, "l2", ids)))[:10]]
            found = graph.search(vectors, query, 10, 100, allowed)
            exact = graph.search(vectors, query, 10, 100, allowed, "exact")
            np.testing.assert_array_equal(exact.row_ids, wanted)
            assert allowed.contains(found.row_ids).all()
            hits += len(np.intersect1d(found.row_ids, wanted))
        assert hits / 200 >= least, (share, hits)


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_where_few_vectors_are_read_a_walk_is_taken_for_fewer_rows(name: str) -> None:
    vectors = _vectors(ROWS)
    graph = _graph(vectors, "l2", name)
    for count, exact in ((2_900, True), (3_100, name in ("none", "int8"))):
        allowed = RowSet.from_ids(np.arange(0, ROWS)[:count], ROWS)
        found = graph.search(vectors, vectors[5], 10, 40, allowed)
        assert (found.strategy == "exact") == exact and found.row_ids[0] == 5


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_a_snapshot_keeps_what_was_learned_and_is_linked_on(name: str) -> None:
    vectors = _vectors(4_000)
    graph = _graph(vectors, "cosine", name, 3_000)
    opened = HnswGraph.from_arrays(graph.arrays())
    assert opened.quantizer.name == name
    assert (opened.quantizer.trained, opened.rescore) == (
        graph.quantizer.trained,
        RESCORE_DEFAULTS[name],
    )
    query = vectors[5]
    first, again = (g.search(vectors, query, 10, 64, None) for g in (graph, opened))
    np.testing.assert_array_equal(first.row_ids, again.row_ids)
    for each in (graph, opened):
        each.take_changes()
        each.link(vectors, 4_000, None)
    for block, array in graph.arrays().items():
        np.testing.assert_array_equal(array, opened.arrays()[block], err_msg=block)


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_rows_that_only_a_log_holds_are_encoded_when_they_are_needed(name: str) -> None:
    vectors = _vectors(2_000)
    graph = _graph(vectors, "l2", name, 1_000)
    opened = HnswGraph.from_arrays(graph.arrays())
    graph.take_changes()
    graph.link(vectors, 2_000, None)
    changes = graph.take_changes()
    assert changes is not None and opened.apply(changes)
    for query in vectors[1_500:1_520]:
        one, other = (g.search(vectors, query, 10, 64, None) for g in (graph, opened))
        np.testing.assert_array_equal(one.row_ids, other.row_ids)
    np.testing.assert_array_equal(graph.arrays()["codes"], opened.arrays()["codes"])


def test_a_snapshot_from_before_there_were_others_has_bytes() -> None:
    vectors = _vectors(500)
    kept = _graph(vectors, "cosine", "int8").arrays()
    kept["settings"] = kept["settings"][:8]
    opened = HnswGraph.from_arrays(kept)
    assert opened.quantizer.name == "int8"
    assert opened.search(vectors, vectors[3], 1, 40, None).row_ids.tolist() == [3]


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_selected_rows_keep_their_codes(name: str) -> None:
    vectors = _vectors(1_000)
    graph = _graph(vectors, "l2", name)
    entry = int(graph.state[1]) & 0xFFFFFFFF
    rows = np.union1d(np.arange(0, 1_000, 2), [entry])
    kept = graph.selected(rows)
    assert kept is not None
    copied, chosen = HnswGraph.from_arrays(kept), np.ascontiguousarray(vectors[rows])
    assert (copied.quantizer.name, copied.linked) == (name, len(rows))
    fresh = HnswGraph.create("l2", DIMS)
    assert fresh.adopt(copied.quantizer, 1, lambda: chosen)
    fresh.link(chosen, len(rows), None)
    np.testing.assert_array_equal(fresh.arrays()["codes"], kept["codes"])


def test_codes_change_places_while_rows_are_linked_and_found() -> None:
    vectors = _vectors(ROWS)
    graph = HnswGraph.create("cosine", DIMS)
    graph.link(vectors, 1_000, None)
    linking = threading.Thread(target=graph.link, args=(vectors, ROWS, None))
    linking.start()
    changing = threading.Thread(
        target=lambda: [_adopt(graph, name, vectors) for name in ("bit", "pq", "none", "bit")]
    )
    changing.start()
    rounds = 0
    while linking.is_alive() or changing.is_alive() or not rounds:
        found = graph.search(vectors, vectors[rounds % 1_000], 5, 40, None)
        assert len(found.row_ids) == 5 and found.row_ids[0] == rounds % 1_000
        rounds += 1
    linking.join()
    changing.join()
    assert (graph.linked, graph.quantizer.name) == (ROWS, "bit")
    fresh = HnswGraph.create("cosine", DIMS)
    assert fresh.adopt(graph.quantizer, 1, lambda: vectors)
    fresh.link(vectors, ROWS, None)
    np.testing.assert_array_equal(graph.arrays()["codes"], fresh.arrays()["codes"])
    assert _recall(graph, vectors) >= 0.95


@pytest.mark.parametrize("name", ["bit", "pq"])
def test_a_cancelled_change_leaves_the_codes_that_there_are(name: str) -> None:
    vectors = _vectors(2_000)
    graph = _graph(vectors, "l2", "int8")
    quantizer = trained(name, graph.number, DIMS, vectors, 2_000)
    assert quantizer is not None
    assert not graph.adopt(quantizer, 4, lambda: vectors, lambda: True)
    assert (graph.quantizer.name, graph.rescore) == ("int8", 1)
    if name == "pq":
        assert trained(name, graph.number, DIMS, vectors, 2_000, lambda: True) is None


@pytest.mark.parametrize("metric, dims", [("l1", 96), ("l2", 47), ("cosine", 3), ("hamming", 0)])
def test_vectors_that_have_no_codes_are_walked_as_they_are(metric: str, dims: int) -> None:
    for name in QUANTIZATIONS:
        assert HnswGraph.create(metric, dims, quantization=name).quantizer.name == "none"
        made = trained(name, METRICS[metric], dims, np.zeros((0, padded(dims)), np.float32), 1)
        assert made is not None and made.name == "none"


@pytest.mark.parametrize("name", ["bit", "pq"])
@pytest.mark.parametrize("rows", [0, 1, 100])
def test_a_small_sample_is_trained_on_too(name: str, rows: int) -> None:
    vectors = _vectors(200)
    quantizer = trained(name, METRICS["l2"], DIMS, vectors[:rows], 1)
    assert quantizer is not None
    assert all(np.isfinite(array).all() for array in quantizer.kept().values())
    graph = HnswGraph.create("l2", DIMS)
    graph.adopt(quantizer, 4, lambda: vectors)
    graph.link(vectors, 200, None)
    assert len(graph.search(vectors, vectors[7], 10, 40, None).row_ids) == 10


@pytest.mark.parametrize("name, size", [("none", 0), ("int8", 392), ("bit", 56), ("pq", 56)])
def test_codes_take_as_many_bytes_as_the_documents_say(name: str, size: int) -> None:
    quantizer = trained(name, METRICS["cosine"], 384, np.zeros((0, 384), np.float32), 1)
    assert quantizer is not None
    arrays = quantizer.empty() if quantizer.coded else ()
    assert sum(array.shape[1] * array.itemsize for array in arrays) == size


@pytest.mark.parametrize("dims", [48, 100, 255, 256, 384, 1_536, 16_000])
def test_pieces_cover_all_dimensions(dims: int) -> None:
    assert padded(dims) % piece_dims(dims) == 0
