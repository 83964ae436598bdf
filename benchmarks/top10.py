"""The nearest ten: queries a second at equal recall."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from benchmarks.measure import SERVERS, Line, Pair, rate_line, rates, recall
from benchmarks.wordnet import Wordnet

SQL = "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10"
EF_SEARCH = (16, 24, 40, 64, 100, 200)
RECALLS = (0.90, 0.95, 0.99)


def sweep(pair: Pair, data: Wordnet) -> list[dict[str, Any]]:
    """Rates and recalls of both servers at each ef_search."""
    exact = data.nearest(10)
    parameters = [(vector,) for vector in data.question_vectors]
    points = []
    for ef in EF_SEARCH:
        pair.execute(f"SET hnsw.ef_search = {ef}")
        both, found = rates(pair, {name: (SQL, parameters) for name in SERVERS})
        recalls = {name: recall(found[name], exact) for name in SERVERS}
        points.append({"ef": ef, "rates": both, "recall": recalls})
    return points


def lines(points: list[dict[str, Any]]) -> list[Line]:
    shown = []
    for target in RECALLS:
        both = {name: at_recall(points, name, target) for name in SERVERS}
        if None not in both.values():
            known = {name: rate for name, rate in both.items() if rate is not None}
            shown.append(rate_line(f"top-10 at recall {target:.2f}", known))
    return shown


def at_recall(points: list[dict[str, Any]], name: str, target: float) -> float | None:
    """Queries a second at a recall, between the measured points; None when it is not reached."""
    ordered = sorted((point["recall"][name], point["rates"][name]) for point in points)
    for (low, slow), (high, fast) in pairwise(ordered):
        if low <= target <= high and high > low:
            return float(slow + (fast - slow) * (target - low) / (high - low))
    return float(ordered[0][1]) if ordered and ordered[0][0] >= target else None
