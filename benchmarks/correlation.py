"""Filters that know something of the question.

There is a direction that many questions lie near; a column says where each document stands among
all by its distance from that direction. Asked by those questions, the documents that are near it are
a correlated filter, those farthest from it an anti-correlated one.
"""

from __future__ import annotations

import numpy as np


def crowded(questions: np.ndarray, count: int) -> np.ndarray:
    """i64[count]: the question with the nearest others and those others, itself first."""
    unit = _unit(questions)
    count = min(count, len(unit))
    similar = unit @ unit.T
    last = np.partition(-similar, count - 1, axis=1)[:, count - 1]
    middle = int(last.argmin())
    order = np.argsort(-similar[middle], kind="stable")
    return np.concatenate([[middle], order[order != middle]])[:count]


def closeness(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """f64[rows]: the share of rows that are nearer to the direction."""
    ranks = np.empty(len(vectors), np.int64)
    ranks[np.argsort(-(_unit(vectors) @ direction), kind="stable")] = np.arange(len(vectors))
    return ranks / len(vectors)


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(norms, np.float32(1e-30))
    return unit
