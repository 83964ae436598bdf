"""Searches while rows come in and go, against searches at rest: how fast, and do they find what is there?

All documents are loaded and linked. Then another process writes (benchmarks.writer): what comes in are
documents that were moved a little, what goes is a hundredth of those that were there. The rate at rest is the
mean of before and after. What a search should find is known for a snapshot: a transaction reads which
rows it sees, and asks.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.client import ask_for
from benchmarks.connections import ROOT
from benchmarks.exact import nearest
from benchmarks.ingest import copy
from benchmarks.measure import Line, floor_line, recall
from benchmarks.wordnet import Wordnet
from benchmarks.writer import ROWS_PER_SECOND
from tests.harness.live_server import LiveServer

SQL = "SELECT id FROM fed ORDER BY embedding <=> %s LIMIT 10"
EF_SEARCH = 64
REST_SECONDS, WRITING_SECONDS = 4.0, 12.0
SPARE_SECONDS = 20.0  # for what else is done while the writer writes
GONE_SHARE = 0.01
MOVED = 0.02  # in each dimension, of vectors of length 1
SNAPSHOT_QUESTIONS = 60
RATE_GOAL, RECALL_FLOOR = 0.7, 0.95


def run(data: Wordnet) -> list[Line]:
    vectors = np.concatenate([data.vectors, _moved(data.vectors)])
    first, questions = len(data.vectors), data.question_vectors
    gone = max(1, round(first * GONE_SHARE / WRITING_SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, vectors)
        server = LiveServer(Path(folder) / "server")
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            _load(connection, data)
            server.wait_until_linked()
            cursor = connection.cursor(binary=True)

            def at_rest() -> float:
                return ask_for(cursor, SQL, questions, REST_SECONDS)

            def meanwhile() -> tuple[float, float]:
                rate = ask_for(cursor, SQL, questions, WRITING_SECONDS)
                return rate, recall_of_snapshot(connection, vectors, questions[:SNAPSHOT_QUESTIONS])

            before = at_rest()
            (busy, found), written = while_writing(server.dsn, path, (first, gone), meanwhile)
            server.wait_until_linked()
            idle = (before + at_rest()) / 2
        server.stop()
    title = f"top-10 while {written:,.0f} of {ROWS_PER_SECOND:,} rows/s come in and 1 % go"
    detail = {"busy": busy, "before": before, "idle": idle, "written": written}
    return [
        Line(title, f"{busy:,.0f}/s", f"{idle:,.0f}/s at rest", busy / idle, detail, RATE_GOAL),
        floor_line("recall@10 meanwhile, of the rows that are there", found, RECALL_FLOOR),
    ]


def _moved(vectors: np.ndarray) -> np.ndarray:
    """What comes in; enough for as long as the writer may write."""
    random = np.random.default_rng(17)
    rows = int(ROWS_PER_SECOND * (WRITING_SECONDS + SPARE_SECONDS))
    noise = MOVED * random.standard_normal((rows, vectors.shape[1]), dtype=np.float32)
    moved: np.ndarray = vectors[random.integers(0, len(vectors), rows)] + noise
    return moved


def _load(connection: psycopg.Connection, data: Wordnet) -> None:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute(f"CREATE TABLE fed (id bigint PRIMARY KEY, embedding vector({data.dims}))")
    connection.execute("CREATE INDEX ON fed USING hnsw (embedding vector_cosine_ops)")
    copy(connection, "fed", enumerate(data.vectors), ["int8", "vector"])
    connection.execute(f"SET hnsw.ef_search = {EF_SEARCH}")


def while_writing(
    dsn: str, path: Path, rows: tuple[int, int], work: Callable[[], tuple[float, float]]
) -> tuple[tuple[float, float], float]:
    """What the work gives, and how many rows a second came in; rows: the first, and how many go."""
    command = [sys.executable, "-m", "benchmarks.writer", dsn, str(path), *map(str, rows)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        found = work()
        said, _ = writer.communicate()
    count, seconds = said.split()
    return found, int(count) / float(seconds)


def recall_of_snapshot(connection: psycopg.Connection, vectors: np.ndarray, questions: np.ndarray) -> float:
    """Of a snapshot, while the writer goes on."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor = connection.cursor(binary=True)
        ids = np.array([row[0] for row in cursor.execute("SELECT id FROM fed").fetchall()])
        found = [[row[0] for row in cursor.execute(SQL, (each,))] for each in questions]
    return recall(found, nearest(vectors, questions, 10, np.sort(ids)))
