"""Twins of the vector kernels, in numpy and in float64."""

from __future__ import annotations

import numpy as np

Sparse = tuple[np.ndarray, np.ndarray, np.ndarray]


def dense_distance(metric: str, row: np.ndarray, query: np.ndarray) -> float:
    a, b = row.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return float(np.sqrt(((a - b) ** 2).sum()))
    if metric == "l1":
        return float(np.abs(a - b).sum())
    if metric == "inner_product":
        return -float((a * b).sum())
    assert metric == "cosine", metric
    norms = (a * a).sum() * (b * b).sum()
    return float("nan") if norms == 0 else 1 - float(np.clip((a * b).sum() / np.sqrt(norms), -1, 1))


def bit_distance(metric: str, row: np.ndarray, query: np.ndarray) -> float:
    """row, query u64[words]."""
    a, b = (np.unpackbits(side.view(np.uint8)).astype(bool) for side in (row, query))
    if metric == "hamming":
        return float((a ^ b).sum())
    assert metric == "jaccard", metric
    both, either = (a & b).sum(), (a | b).sum()
    return 1.0 if both == 0 else 1 - float(both / either)


def sparse_rows(dense: np.ndarray) -> Sparse:
    """The sparse form of f32[rows, dims]."""
    counts = (dense != 0).sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows, places = np.nonzero(dense)
    return starts, places.astype(np.int32), dense[rows, places].astype(np.float32)


def sparse_query(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.flatnonzero(dense).astype(np.int32)
    return places, dense[places].astype(np.float32)
