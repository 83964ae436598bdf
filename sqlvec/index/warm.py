"""Warming the kernels: compiling or loading each, so that no query waits for it."""

from __future__ import annotations

import numpy as np


def warm() -> None:
    """Shows every kernel the array types that the server will give it."""
    from sqlvec.index.bm25 import Bm25Index, parse_match, parse_query
    from sqlvec.index.hnsw import HnswGraph
    from sqlvec.index.row_set import RowSet

    for metric, dims in (("l1", 16), ("cosine", 64)):  # one without codes, one with
        vectors = np.zeros((64, dims), np.float32)
        vectors[np.arange(64), np.arange(64) % 16] = np.arange(1, 65)
        graph = HnswGraph.create(metric, dims)
        graph.link(vectors, 64, None)
        some = RowSet.from_ids(np.arange(0, 64, 2), 64)
        for opened in (graph, HnswGraph.from_arrays(graph.arrays())):
            opened.search(vectors, vectors[1], 2, 8, None)
            opened.search(vectors, vectors[1], 2, 8, some)
        graph.reconnect(vectors, some, 0, 64)
        graph.take_out(vectors, some, RowSet.full(64) - some)
    some.contains(np.arange(4))
    text = Bm25Index("simple")
    text.add(0, [["a b", "b c"]])
    visible = RowSet.full(2)
    kept = {name: _read_only(array) for name, array in text.seal(0, 2).items()}
    other = Bm25Index("simple")
    other.attach(0, 2, kept)
    for index in (text, other):
        index.search(parse_query("b", "simple"), 1, visible, None)
        index.search(parse_query("b", "simple"), 1, RowSet.from_ids(np.array([1]), 2), None)
        for words in ("b", '"a b"', "b -c", "a OR c", "a*"):
            index.match(parse_match(words, "simple"), visible)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
