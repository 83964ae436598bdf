"""Rates and recalls as searches are made wider, and what they say of equal recall."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.measure import SERVERS, Line, Pair, rates, recall

Point = dict[str, Any]  # ef; rates and recall: by the name of a server or an engine
Curves = dict[str, list[tuple[float, float]]]  # recalls, ascending, and rates


def sweep(
    pair: Pair,
    sql: str,
    questions: list[Any],
    exact: np.ndarray,
    efs: tuple[int, ...],
    *,
    simple: bool = False,
) -> list[Point]:
    """What both servers do at each ef_search."""
    parameters = [(question,) for question in questions]
    points = []
    for ef in efs:
        pair.execute(f"SET hnsw.ef_search = {ef}")
        both, found = rates(pair, dict.fromkeys(SERVERS, (sql, parameters)), simple=simple)
        recalls = {name: recall(found[name], exact) for name in SERVERS}
        points.append({"ef": ef, "rates": both, "recall": recalls})
    return points


def curves(points: list[Point], label: str = "{}") -> Curves:
    """What is drawn."""
    names = points[0]["rates"] if points else ()
    return {
        label.format(name): sorted(
            (point["recall"][name], point["rates"][name]) for point in points
        )
        for name in names
    }


def at_recall(points: list[Point], name: str, target: float) -> float | None:
    """Queries a second at a recall, between the measured points; None when it is not reached."""
    ordered = curves(points).get(name, [])
    for (low, slow), (high, fast) in pairwise(ordered):
        if low <= target <= high and high > low:
            return float(slow + (fast - slow) * (target - low) / (high - low))
    return float(ordered[0][1]) if ordered and ordered[0][0] >= target else None


def line_at(
    question: str,
    ours: tuple[list[Point], str],
    theirs: tuple[list[Point], str],
    target: float,
    goal: float | None = None,
) -> Line:
    """Rates at equal recall, each of the points and the name given; "not reached" where a recall is not."""
    found = [at_recall(points, name, target) for points, name in (ours, theirs)]
    shown = ["not reached" if rate is None else f"{rate:,.0f}/s" for rate in found]
    if theirs[1] != "pgvector":
        shown[1] += f" ({theirs[1]})"
    one, other = found
    ratio = float("nan") if one is None or other is None else one / other
    title = f"{question} at recall {target:.2f}"
    return Line(title, *shown, ratio, {"rates": found, "recall": target}, goal)
