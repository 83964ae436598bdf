"""Warming the kernels: compiling or loading each, so that no query waits for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from sqlvec.catalog.operator_classes import QUANTIZATIONS


def warm() -> None:
    """Shows every kernel the array types that the server will give it."""
    from sqlvec.index.bm25 import Bm25Index, parse_match, parse_query
    from sqlvec.index.row_set import RowSet
    from sqlvec.kernels.sync_loop import STOP, sync_loop

    for metric, dims in (("l1", 16), ("cosine", 64)):  # one without codes, one with
        vectors = np.zeros((64, dims), np.float32)
        vectors[np.arange(64), np.arange(64) % 16] = np.arange(1, 65)
        _warm_graph(metric, dims, vectors, vectors[1])
    state = np.zeros(3, np.int64)
    state[STOP] = 1
    sync_loop(0, 0, state)
    RowSet.from_ids(np.arange(0, 64, 2), 64).contains(np.arange(4))
    text = Bm25Index("simple")
    text.add(0, [["a b", "b c"]])
    visible = RowSet.full(2)
    kept = {name: _read_only(array) for name, array in text.seal(0, 2).items()}
    other = Bm25Index("simple")
    other.attach(0, 2, kept)
    for index in (text, other):
        index.search(parse_query("b", "simple"), 1, visible, None)
        index.search(parse_query("b", "simple"), 1, RowSet.from_ids(np.array([1]), 2), None)
        for words in ("b", '"a b"', "b -c", "a OR c", "a*", "a~1", '"b a"~2'):
            index.match(parse_match(words, "simple"), visible)
            index.search(parse_match(words, "simple"), 1, visible, None)
    several = Bm25Index("simple", fields=2)
    several.add(0, [["a", None], ["b", "a b"]])
    mapped = Bm25Index("simple", fields=2)
    mapped.attach(0, 2, {name: _read_only(array) for name, array in several.seal(0, 2).items()})
    for index in (several, mapped):
        index.search(parse_query("a b", "simple"), 1, visible, None)
        index.seal(0, 1)


@cache
def warm_bits() -> None:
    """The same for bits, when the first index over them is made or opened."""
    bits = np.arange(1, 129, dtype=np.uint64).reshape(64, 2)
    _warm_graph("hamming", 0, bits, bits[1])


@cache
def warm_sparse() -> None:
    """The same for sparse vectors."""
    starts, places = np.arange(65, dtype=np.int64), (np.arange(64) % 16).astype(np.int32)
    rows = (starts, places, np.arange(1, 65).astype(np.float32))
    _warm_graph("cosine", 0, rows, (rows[1][1:2], rows[2][1:2]))


@cache
def warm_codes(quantization: str) -> None:
    """The same for codes that are trained, when the first index gets or has them."""
    if quantization in ("bit", "pq"):
        vectors = np.zeros((64, 64), np.float32)
        vectors[np.arange(64), np.arange(64)] = np.arange(1, 65)
        _warm_graph("cosine", 64, vectors, vectors[1], quantization)


def warm_all() -> None:
    """Everything, for an image that is to compile nothing at all."""
    warm()
    warm_bits()
    warm_sparse()
    for quantization in QUANTIZATIONS:
        warm_codes(quantization)


def _warm_graph(
    metric: str, dims: int, vectors: Any, query: Any, quantization: str = "int8"
) -> None:
    """Every kind of walk over 64 rows, linking and taking out."""
    from sqlvec.index.hnsw import HnswGraph
    from sqlvec.index.hnsw.quantizer import TRAINED, trained
    from sqlvec.index.row_set import RowSet
    from sqlvec.kernels.distance import distances

    graph = HnswGraph.create(metric, dims)
    if quantization in TRAINED:
        quantizer = trained(quantization, graph.number, dims, vectors, 64)
        assert quantizer is not None
        graph.adopt(quantizer, 1, lambda: vectors)
    graph.link(vectors, 64, None)
    some = RowSet.from_ids(np.arange(0, 64, 2), 64)
    for opened in (graph, HnswGraph.from_arrays(graph.arrays())):
        opened.search(vectors, query, 2, 8, None)
        opened.search(vectors, query, 2, 8, some)
    distances(vectors, query, metric, np.arange(2))
    graph.reconnect(vectors, some, 0, 64)
    graph.take_out(vectors, some, RowSet.full(64) - some)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
