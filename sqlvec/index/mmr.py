"""Maximal marginal relevance: results that are near the query and unlike each other.

Carbonell and Goldstein, SIGIR 1998.
"""

from __future__ import annotations

import numpy as np


def diversify(
    relevance: np.ndarray, vectors: np.ndarray, balance: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(places i64 of the first `count` in the order of choice, their scores f64, never ascending).

    relevance: f64[rows] in 0..1. vectors: [rows, dims]. Each step takes the row with the greatest
    balance * relevance + (1 - balance) * (1 - likeness), ties by place; likeness is the greatest
    cosine similarity with a row that was taken before, at least 0."""
    rows = len(relevance)
    count = min(count, rows)
    units = np.array(vectors, np.float32)
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    np.divide(units, lengths, out=units, where=lengths > 0)
    likeness = np.zeros(rows)
    left = np.ones(rows, bool)
    places = np.empty(count, np.int64)
    scores = np.empty(count)
    for step in range(count):
        values = balance * relevance + (1.0 - balance) * (1.0 - likeness)
        values[~left] = -np.inf
        best = int(np.argmax(values))
        places[step], scores[step] = best, values[best]
        left[best] = False
        np.maximum(likeness, np.clip(units @ units[best], 0.0, 1.0), out=likeness)
    return places, scores
