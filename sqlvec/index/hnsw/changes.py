"""What linking a range of rows did to a graph: whole rows of links, as they are afterwards.

Applied in order to the graph as it was before, changes make it the graph that it was, link by link; nothing is
computed again. Levels and places of upper rows follow from the row ids and are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class GraphChanges:
    """Rows [low, high) were offered. upper_low: upper rows in use before it; entry: the entry point after it."""

    low: int
    high: int
    upper_low: int
    entry: int
    rows: np.ndarray  # i32[n], nodes whose level 0 changed
    links: np.ndarray  # i32[n, 2m]
    upper_rows: np.ndarray  # i32[u]
    upper: np.ndarray  # i32[u, m]
    scales: np.ndarray  # f32[high - low] under cosine, else none
