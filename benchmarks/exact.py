"""The exact answers, by which recall is counted."""

from __future__ import annotations

import numpy as np

QUESTIONS_AT_ONCE = 16


def nearest(
    vectors: np.ndarray,
    questions: np.ndarray,
    k: int,
    ids: np.ndarray | None = None,
    metric: str = "cosine",
) -> np.ndarray:
    """i64[questions, min(k, ids)]: the nearest of the rows `ids`, or of all, nearest first."""
    rows = vectors if ids is None else vectors[ids]
    k = min(k, len(rows))
    found = np.empty((len(questions), k), np.int64)
    weights = np.ones(len(rows), np.float32)
    offsets = np.zeros(len(rows), np.float32)
    if metric == "cosine":
        weights = 1 / np.maximum(np.linalg.norm(rows, axis=1), np.float32(1e-30))
    else:
        weights *= 2
        offsets = np.einsum("ij,ij->i", rows, rows)
    for first in range(0, len(questions) if k else 0, QUESTIONS_AT_ONCE):
        scores = (questions[first : first + QUESTIONS_AT_ONCE] @ rows.T) * weights - offsets
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found[first : first + QUESTIONS_AT_ONCE] = np.take_along_axis(best, order, axis=1)
    return found if ids is None else ids[found]
