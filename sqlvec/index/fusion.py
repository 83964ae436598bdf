"""Fusing ranked lists: reciprocal ranks, relative scores, and where to cut the result.

rrf: Cormack, Clarke and Buettcher, SIGIR 2009. relative_score and autocut: as Weaviate describes
its relativeScoreFusion and autocut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Leg = tuple[np.ndarray, np.ndarray, bool]  # row ids best first, values, whether greater is better


class Listed(NamedTuple):
    """A ranked list: row ids (i64) best first, and their scores (f64), greater is better.

    pools: of each row, how deep the legs were ranked when it came in. whole: no deeper pool has
    more rows."""

    row_ids: np.ndarray
    scores: np.ndarray
    pools: np.ndarray
    whole: bool


def fuse(
    kind: str, legs: Sequence[Leg], weights: Sequence[float], k: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """(row ids i64, scores f64) of all rows, best first, ties by row id; k is rrf's rank constant.

    rrf: the sum of weight / (k + rank) over the legs that have the row.
    relative_score: the sum of weight * value, where each leg's values are brought to 0..1 (1 is
    best; all equal: 1 each). A leg has a row at most once, and adds nothing to the rows it
    lacks."""
    assert kind in ("rrf", "relative_score"), kind
    assert len(legs) == len(weights), (len(legs), len(weights))
    shares = [
        weight * normalised(kind, leg, k) for leg, weight in zip(legs, weights, strict=True)
    ]
    if not any(map(len, shares)):
        return np.empty(0, np.int64), np.empty(0, np.float64)
    all_ids = np.concatenate([row_ids for row_ids, _, _ in legs])
    # Stable sorts: a row's shares are added in the order of the legs, and ties stay in row-id
    # order.
    order = np.argsort(all_ids, kind="stable")
    ordered = all_ids[order]
    first = np.empty(len(ordered), bool)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    scores = np.add.reduceat(np.concatenate(shares)[order], starts)
    best = np.argsort(-scores, kind="stable")
    return ordered[starts[best]], scores[best]


def normalised(kind: str, leg: Leg, k: float = 60.0) -> np.ndarray:
    """What each row of a leg has before it is weighed."""
    _, values, greater_is_better = leg
    if kind == "rrf":
        return np.asarray(1.0 / (k + ranks(values)))
    return _relative(np.asarray(values, np.float64), greater_is_better)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (i64) from 1 of values in their order; equal values share the first of their ranks, as
    in SQL's rank(), so that no rank depends on how the rows are stored."""
    found = np.arange(1, len(values) + 1)
    if len(values) > 1:
        found[1:][values[1:] == values[:-1]] = 0
        np.maximum.accumulate(found, out=found)
    return found


def deepen(
    ranked: Callable[[int], tuple[np.ndarray, np.ndarray, bool]], pool: int, count: int
) -> Listed:
    """At least `count` rows, where there are as many, of a ranking that depends on its pool.

    ranked(pool) gives the row ids and scores of the rows within a pool, and whether that is all.
    Rows that come in with a pool twice as deep follow those before them, and score no more than
    the last of these: so neither order nor score of a row depends on how many are asked for."""
    row_ids, scores, whole = ranked(pool)
    pools = np.full(len(row_ids), pool)
    while len(row_ids) < count and not whole:
        pool *= 2
        more, values, whole = ranked(pool)
        fresh = np.isin(more, row_ids, invert=True)
        if len(scores):
            values = np.minimum(values, scores[-1])
        row_ids = np.concatenate([row_ids, more[fresh]])
        scores = np.concatenate([scores, values[fresh]])
        pools = np.concatenate([pools, np.full(int(fresh.sum()), pool)])
    return Listed(row_ids, scores, pools, whole)


def _relative(values: np.ndarray, greater_is_better: bool) -> np.ndarray:
    """To 0..1 between the worst and the best; infinite values are as the next finite one."""
    if not len(values):
        return values
    scores = values if greater_is_better else -values
    low, high = scores.min(), scores.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = scores[np.isfinite(scores)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
        scores = np.clip(scores, low, high)
    # Halves: the distance between two finite numbers may be infinite.
    width = high / 2 - low / 2
    if width == 0:
        return np.ones(len(scores))
    return np.asarray((scores / 2 - low / 2) / width)


def autocut(scores: np.ndarray, jumps: int) -> int:
    """How many results, best first, stand before the jumps-th jump; all when there are fewer jumps.

    The curve of scores is drawn in a unit square and compared with its diagonal: a jump lies before
    each result where the fall has got further ahead of the diagonal than at both its neighbors."""
    count = len(scores)
    if jumps < 1 or count < 2 or scores[0] == scores[-1]:
        return count
    ahead = (scores[0] - scores) / (scores[0] - scores[-1]) - np.linspace(0.0, 1.0, count)
    padded = np.append(ahead, -np.inf)
    peaks = np.flatnonzero((ahead[1:] > ahead[:-1]) & (ahead[1:] > padded[2:])) + 1
    if count == 2 or ahead[-1] <= ahead[-3]:
        peaks = peaks[peaks < count - 1]
    return int(peaks[jumps - 1]) if len(peaks) >= jumps else count
