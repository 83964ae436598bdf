"""Vector search in process: our graph under each quantization against hnswlib and zvec.

All have the same documents, m and ef_construction and are asked by cosine distance, one query at a
time from Python, so that what crosses from Python to an engine and back is counted for all of them.
All run on the thread that asks, and time is that of the thread, so that what else the machine does
matters less; only searches on two threads go by the clock, and are compared with one by the clock.

The graph is linked once over vectors (float32) and once over byte codes (int8, what an index has by
default); bit and pq walk the links of the latter, as they do in a server, where they are trained
after the rows are there.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from benchmarks import vector_peers
from benchmarks.measure import Line, floor_line, limit_line, recall
from benchmarks.sweep import Point, line_at
from benchmarks.vector_peers import EF_CONSTRUCTION, Ask, Engine, K, M
from benchmarks.wordnet import Wordnet
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw.arrays import grown
from sqlvec.index.hnsw.quantizer import RESCORE_DEFAULTS, TRAINING_ROWS_MAX, trained
from sqlvec.kernels.distance import padded

EFS = (16, 24, 40, 64, 100, 160, 256)
THREADS_EFS = (16, 24, 40, 64)
RECALLS = (0.90, 0.95, 0.99)
ROUNDS, REPEATS = 3, 3
FLOAT32, INT8, BIT, PQ = (f"sqlvec {name}" for name in ("float32", "int8", "bit", "pq"))
QUANTIZATIONS = {FLOAT32: "none", INT8: "int8", BIT: "bit", PQ: "pq"}
SEARCH_GOALS = {FLOAT32: 1.5, INT8: 2.2, BIT: None, PQ: None}
MEMORY_LIMITS = {INT8: 0.35, BIT: 0.12, PQ: 0.12}
RECALL_EF, RECALL_FLOOR = 64, 0.95
BUILD_GOAL, THREADS_GOAL, SERVER_GOAL = 1.6, 1.8, 0.5
ZVEC_GOALS = {"zvec": 1.0, "zvec ids": None}
ONE, TWO = "one thread", "two threads"


def run(data: Wordnet, servers: dict[str, Any]) -> tuple[list[Line], list[Point]]:
    """servers: what was measured of them in the same run (top10); without it their lines are left out."""
    vectors = _padded(data.vectors)
    questions = list(_padded(data.question_vectors))
    graphs, build_rates = _graphs(vectors, data.dims)
    with tempfile.TemporaryDirectory() as folder:
        engines = {name: Engine(partial(_asked, graph, vectors)) for name, graph in graphs.items()}
        engines |= vector_peers.hnswlib(data.vectors)
        engines |= vector_peers.zvec(data.vectors, Path(folder))
        points = _sweep(engines, questions, data.nearest(K))
        threads = _threads(engines[INT8], points, questions)
    lines = []
    if "hnswlib" in engines:
        lines += _search_lines(points)
        lines += _build_lines(build_rates, engines["hnswlib"].build_rate or 0.0)
    two, one = (threads, TWO), (threads, ONE)
    lines.append(line_at("in process, int8, two threads", two, one, 0.95, THREADS_GOAL))
    lines += _memory_lines(graphs, points, data.dims)
    if servers:
        lines += _server_lines(servers, points, threads)
    return lines, points


def _padded(vectors: np.ndarray) -> np.ndarray:
    """As a segment holds them: rows filled up with zeros, and beginning on cache lines."""
    made = np.zeros((len(vectors), padded(vectors.shape[1])), np.float32)
    made[:, : vectors.shape[1]] = vectors
    return grown(made, len(made), 0)


def _graphs(vectors: np.ndarray, dims: int) -> tuple[dict[str, HnswGraph], dict[str, float]]:
    """A graph for each quantization, and how many vectors a second one thread links under the first two."""
    graphs: dict[str, HnswGraph] = {}
    rates: dict[str, float] = {}
    warm = vectors[:500]
    for name in (FLOAT32, INT8):
        made = [
            HnswGraph.create("cosine", dims, M, EF_CONSTRUCTION, quantization=QUANTIZATIONS[name])
            for _ in range(2)
        ]
        made[0].link(warm, len(warm), None)  # a kernel is loaded when it is first called
        started = thread_time()
        made[1].link(vectors, len(vectors), None)
        rates[name] = len(vectors) / (thread_time() - started)
        graphs[name] = made[1]
    chosen = np.random.default_rng(3).permutation(len(vectors))[:TRAINING_ROWS_MAX]
    for name in (BIT, PQ):
        graph = HnswGraph.from_arrays(graphs[INT8].arrays())
        quantization = QUANTIZATIONS[name]
        learned = trained(quantization, graph.number, dims, vectors[np.sort(chosen)], len(vectors))
        assert learned is not None
        graph.adopt(learned, RESCORE_DEFAULTS[quantization], lambda: vectors)
        graphs[name] = graph
    return graphs, rates


def _asked(graph: HnswGraph, vectors: np.ndarray, ef: int) -> Ask:
    return lambda query: graph.search(vectors, query, K, ef, None).row_ids


def _sweep(
    engines: dict[str, Engine], questions: list[np.ndarray], exact: np.ndarray
) -> list[Point]:
    points = []
    for ef in EFS:
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        recalls = {}
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                ask = engine.at(ef)
                found = [list(map(int, ask(question))) for question in questions]
                recalls[name] = recall(found, exact)
                started = thread_time()
                _ask_all(ask, questions)
                seconds[name].append(thread_time() - started)
        asked = len(questions) * REPEATS
        rates = {name: asked / statistics.median(some) for name, some in seconds.items()}
        points.append({"ef": ef, "rates": rates, "recall": recalls})
    return points


def _ask_all(ask: Ask, questions: list[np.ndarray]) -> None:
    for _ in range(REPEATS):
        for question in questions:
            ask(question)


def _threads(engine: Engine, points: list[Point], questions: list[np.ndarray]) -> list[Point]:
    """Queries a second by the clock, of one thread and of two that ask the same graph."""
    found = []
    for ef in THREADS_EFS:
        ask = engine.at(ef)
        rates: dict[str, list[float]] = {ONE: [], TWO: []}
        for _ in range(ROUNDS):
            for name, count in ((ONE, 1), (TWO, 2)):
                asked = len(questions) * REPEATS * count
                rates[name].append(asked / _clocked(ask, questions, count))
        known = next(point["recall"][INT8] for point in points if point["ef"] == ef)
        medians = {name: statistics.median(some) for name, some in rates.items()}
        found.append({"ef": ef, "rates": medians, "recall": dict.fromkeys(rates, known)})
    return found


def _clocked(ask: Ask, questions: list[np.ndarray], count: int) -> float:
    workers = [threading.Thread(target=_ask_all, args=(ask, questions)) for _ in range(count)]
    started = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - started


def _search_lines(points: list[Point]) -> list[Line]:
    return [
        line_at(f"in process, {name.split()[1]}", (points, name), (points, "hnswlib"), target, goal)
        for name, goal in SEARCH_GOALS.items()
        for target in RECALLS
    ]


def _build_lines(rates: dict[str, float], theirs: float) -> list[Line]:
    return [
        Line(
            f"in process, graph over {name.split()[1]}, one thread, ef_construction {EF_CONSTRUCTION}",
            f"{rate:,.0f} rows/s",
            f"{theirs:,.0f} rows/s (hnswlib)",
            rate / theirs,
            {"rates": {name: rate, "hnswlib": theirs}},
            BUILD_GOAL,
        )
        for name, rate in rates.items()
    ]


def _memory_lines(graphs: dict[str, HnswGraph], points: list[Point], dims: int) -> list[Line]:
    """What walks read in the place of a vector, with all that was learned, and how well they find by it."""
    recalls = next(point["recall"] for point in points if point["ef"] == RECALL_EF)
    lines = []
    for name, limit in MEMORY_LIMITS.items():
        codes, _ = graphs[name].memory()
        share, code = codes / (graphs[name].linked * dims * 4), name.split()[1]
        lines.append(limit_line(f"memory of {code} codes", share, limit, "of float32"))
        title = f"recall with {code} codes, rescored, ef_search {RECALL_EF}"
        lines.append(floor_line(title, recalls[name], RECALL_FLOOR))
    return lines


def _server_lines(servers: dict[str, Any], points: list[Point], threads: list[Point]) -> list[Line]:
    """The server with all that it adds (SQL, the protocol, the client) against engines called in process."""
    found = []
    for engine, goal in ZVEC_GOALS.items():
        if engine in points[0]["rates"]:
            title = f"one connection against {engine} in process, top-10"
            ours = (servers["sweep"], "sqlvec")
            found.append(line_at(title, ours, (points, engine), 0.99, goal))
    ours = (servers["connections"], "sqlvec")
    title = "eight connections against two threads in process, top-10"
    return [*found, line_at(title, ours, (threads, TWO), 0.95, SERVER_GOAL)]
