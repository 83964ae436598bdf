"""Fusing ranked lists: reciprocal rank fusion and relative scores.

Cormack, Clarke and Buettcher, SIGIR 2009 (rrf); Weaviate's relativeScoreFusion and autocut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Leg = tuple[np.ndarray, np.ndarray, bool]  # row ids best first, values f64, whether greater is better


def fuse(
    kind: str, legs: Sequence[Leg], weights: Sequence[float], k: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """(row ids i64, scores f64) best first, ties by row id; a row that a leg lacks gets nothing from it.

    rrf: sum of weight / (k + rank), rank from 1. relative_score: the leg's values brought to 0..1, weighted."""
    assert kind in ("rrf", "relative_score"), kind
    assert len(legs) == len(weights), (len(legs), len(weights))
    contributions = []
    for (ids, values, greater), weight in zip(legs, weights, strict=True):
        if kind == "rrf":
            share = 1.0 / (k + np.arange(1, len(ids) + 1))
        else:
            share = _normalized(values if greater else -values)
        contributions.append(weight * share)
    all_ids = np.concatenate([ids for ids, _, _ in legs]) if legs else np.empty(0, np.int64)
    rows, places = np.unique(all_ids, return_inverse=True)
    scores = np.bincount(places, np.concatenate(contributions), len(rows)) if len(rows) else np.empty(0)
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _normalized(scores: np.ndarray) -> np.ndarray:
    """To 0..1 between the least and the greatest; all equal gives 1."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    if high == low:
        return np.ones(len(scores))
    return np.asarray((scores - low) / (high - low))


def autocut(scores: np.ndarray, jumps: int) -> int:
    """How many results stand before the jumps-th jump: where a score falls clearly below the straight line
    from the first to the last."""
    count = len(scores)
    if jumps < 1 or count < 3 or scores[0] == scores[-1]:
        return count
    along = np.linspace(0.0, 1.0, count)
    fallen = (scores[0] - scores) / (scores[0] - scores[-1])
    distance = fallen - along
    seen = 0
    for i in range(1, count):
        above_before = distance[i] > distance[i - 1]
        peak = i == count - 1 or distance[i] >= distance[i + 1]
        if above_before and peak and distance[i] > 0:
            seen += 1
            if seen == jumps:
                return i
    return count
