"""How well a graph answers, measured against exact scans, and how wide a search must be to answer well.

    samples   now and then a search is kept with its answer; a job repeats it exactly over the same rows
    curve     mean recall@10 by the share of rows allowed and by ef, over kept questions, or over stored vectors
              as long as there are too few of them; less what so few questions leave in doubt

Nothing here is done by a search but keeping a reference; measuring belongs to whoever runs jobs. The curve is
measured anew when the graph has grown, or when samples fall short of what it promised.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.index.row_set import RowSet

if TYPE_CHECKING:
    from sqlvec.index.hnsw.graph import HnswGraph

EFS = (16, 24, 40, 64, 100, 160, 250, 400, 640, 1000)
SHARES = (1.0, 0.5, 0.15, 0.05)
K = 10
LOOK_EVERY = 64  # searches between two looks at the clock
SAMPLE_SECONDS = 1.0  # at least between two samples: an exact scan costs as much as dozens of searches
SAMPLES_KEPT = 200  # of which the mean is told
QUESTIONS = 48  # of a calibration
QUESTIONS_REAL_MIN = 16
ERRORS = 2.0  # standard errors of a mean, by which it is taken for less
HIGH = 0.95  # a target that allows so few misses that easy questions matter
EASIER = 2  # steps of ef that made-up questions are easier by, for such a target
GROWN = 1.5  # a graph that has grown by so much is calibrated anew
SHORTFALL = 0.02  # of a promise, from which on it is made anew
MOVED = 0.75
UNMEASURED = ((0.9, 100), (0.95, 200), (0.98, 400), (1.0, 1000))  # ef before there is a curve
Points = tuple[tuple[int, float], ...]  # ef ascending, recall that is hardly less


def dynamic_ef(k: int) -> int:
    """ef for hnsw.ef_search = -1, by the number of rows asked for: Weaviate's rule."""
    return min(max(8 * k, 100), 500)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One search: the question, the rows it was asked of, how far away its k-th answer was."""

    query: np.ndarray
    k: int
    allowed: RowSet
    distances: np.ndarray
    target: float


@dataclass(frozen=True, slots=True)
class Curve:
    """points by share, largest share first; linked: how many rows the graph had; made: the questions were made
    up, which are a little easier than what somebody asks for."""

    linked: int
    points: dict[float, Points]
    made: bool = False

    def ef(self, target: float, share: float, k: int) -> int:
        """The least ef whose measured recall reaches the target, at the measured shares next to this one; for
        more rows than were asked for when measuring, in proportion."""
        below = max((s for s in self.points if s <= share), default=min(self.points))
        above = min((s for s in self.points if s >= share), default=max(self.points))
        found = max(_least_ef(self.points[s], target) for s in (below, above))
        if self.made and target > HIGH:
            found = EFS[min(bisect_left(EFS, found) + EASIER, len(EFS) - 1)]
        return max(k, math.ceil(found * max(1.0, k / K)))


def _least_ef(points: Points, target: float) -> int:
    return next((ef for ef, recall in _rising(points) if recall >= target), points[-1][0])


def _rising(points: Points) -> Points:
    """Without the dips that come from measuring few questions."""
    best, out = 0.0, []
    for ef, recall in points:
        best = max(best, recall)
        out.append((ef, best))
    return tuple(out)


@dataclass(slots=True)
class RecallMeter:
    """One a graph. note() and ef() belong to searches, measure() to a job."""

    clock: Callable[[], float] = monotonic
    curve: Curve | None = None
    sampled: int = 0
    _searches: int = 0
    _next_sample: float = 0.0
    _waiting: deque[Sample] = field(default_factory=lambda: deque(maxlen=4))
    _recalls: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    _promised: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT // 4))
    _questions: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=QUESTIONS))
    _wanted: bool = False  # somebody has asked for a target

    # ---------------------------------------------------------------- by searches

    def note(
        self, query: np.ndarray, k: int, allowed: RowSet, distances: np.ndarray, target: float
    ) -> None:
        """Keeps the search, if it is one to be looked at."""
        self._searches += 1
        if self._searches % LOOK_EVERY and self.sampled + len(self._waiting):
            return
        now = self.clock()
        if now >= self._next_sample:
            self._next_sample = now + SAMPLE_SECONDS
            self._waiting.append(Sample(query, k, allowed, distances, target))

    def ef(self, target: float, share: float, k: int) -> int:
        """How wide a search must be to find the share `target` of the k nearest, by what is known."""
        self._wanted = True
        if self.curve is None:
            found = UNMEASURED[bisect_left(UNMEASURED, (target, 0))][1]
            return max(k, math.ceil(found * max(1.0, k / K)))
        return self.curve.ef(target, share, k)

    # ---------------------------------------------------------------- what is known

    @property
    def recall(self) -> float | None:
        """The mean of the last samples; None before the first."""
        recalls = list(self._recalls)
        return float(np.mean(recalls)) if recalls else None

    @property
    def worst(self) -> float | None:
        recalls = list(self._recalls)
        return min(recalls) if recalls else None

    # ---------------------------------------------------------------- by jobs

    def forget_curve(self) -> None:
        """Walks go by something else: what was measured of them does not hold."""
        self.curve = None
        self._promised.clear()
        self._recalls.clear()

    def has_work(self, linked: int) -> bool:
        return bool(self._waiting) or (self._wanted and linked > 0 and self._is_stale(linked))

    def _is_stale(self, linked: int) -> bool:
        curve = self.curve
        if curve is None or linked > curve.linked * GROWN or linked * GROWN < curve.linked:
            return True
        missed = list(self._promised)
        return len(missed) >= QUESTIONS_REAL_MIN and float(np.mean(missed)) > SHORTFALL

    def measure(
        self,
        graph: HnswGraph,
        vectors: np.ndarray,
        live: RowSet,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Repeats the samples exactly; measures the curve, if a target was asked for and it is due. live: the
        rows that questions may be made of."""
        while self._waiting and not cancelled():
            self._measure_sample(self._waiting.popleft(), graph, vectors)
        if self._wanted and graph.linked and self._is_stale(graph.linked):
            curve = self._calibrated(graph, vectors, live, cancelled)
            if curve is not None:
                self.curve = curve
                self._promised.clear()

    def _measure_sample(self, sample: Sample, graph: HnswGraph, vectors: np.ndarray) -> None:
        exact = graph.search(vectors, sample.query, sample.k, 1, sample.allowed, "exact")
        found = recall_of(sample.distances, exact.distances)
        self.sampled += 1
        self._recalls.append(found)
        self._questions.append(sample.query)
        if sample.target and self.curve is not None:
            self._promised.append(sample.target - found)

    def _calibrated(
        self,
        graph: HnswGraph,
        vectors: np.ndarray,
        live: RowSet,
        cancelled: Callable[[], bool],
    ) -> Curve | None:
        linked, rng = graph.linked, np.random.default_rng(graph.linked)
        ids = live.ids()
        ids = ids[ids < linked]
        if not len(ids):
            return None
        questions = list(self._questions)
        made = len(questions) < QUESTIONS_REAL_MIN
        if made:
            questions = _made_questions(graph, vectors, ids, rng)
        if not questions:
            return None
        points: dict[float, Points] = {}
        for share in SHARES:
            chosen = ids if share == 1.0 else ids[rng.random(len(ids)) < share]
            if len(chosen) < K:
                continue
            allowed = RowSet.from_ids(chosen, linked)
            exact = [graph.search(vectors, q, K, 1, allowed, "exact") for q in questions]
            found: list[tuple[int, float]] = []
            for ef in EFS:
                if cancelled():
                    return None
                answers = [graph.search(vectors, q, K, ef, allowed) for q in questions]
                recalls = [
                    recall_of(a.distances, e.distances) for a, e in zip(answers, exact, strict=True)
                ]
                doubt = ERRORS * float(np.std(recalls)) / math.sqrt(len(recalls))
                found.append((ef, float(np.mean(recalls)) - doubt))
                if found[-1][1] >= 1.0:
                    break
            points[share] = tuple(found)
        return Curve(linked, points, made) if points else None


def _made_questions(
    graph: HnswGraph, vectors: np.ndarray, ids: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Stored vectors, each moved by about as much as its neighbors are away, since a vector itself is found
    more easily than what somebody asks for. None for bit strings and sparse vectors, which cannot be moved."""
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind != "f":
        return []
    made = []
    for i in rng.choice(ids, min(QUESTIONS, len(ids)), False):
        near = graph.search(vectors, vectors[i], 3 * K, 6 * K, None).row_ids
        if len(near) > K:
            j, k = rng.choice(near, 2, False)
            made.append((vectors[i] + MOVED * (vectors[j] - vectors[k])).astype(vectors.dtype))
    return made


def recall_of(found: np.ndarray, exact: np.ndarray) -> float:
    """The share of the exact answer that was found, by distances (ascending), so that ties count as found."""
    known = exact[np.isfinite(exact)]
    if not len(known):
        return 1.0
    near = found <= known[-1] + 1e-9 * abs(known[-1])
    return min(1.0, float(near.sum()) / len(known))
