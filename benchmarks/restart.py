"""How soon after its start does a server answer, with a large table, its graph and its text index?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.measure import Line, limit_line
from tests.harness.live_server import LiveServer

DIMS, CLUSTERS, WORDS = 384, 1_000, 12
LIMIT_SECONDS = 2.5
STARTS = 5
SCHEMA = f"""CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE big (id bigint PRIMARY KEY, body text, embedding vector({DIMS}));
CREATE INDEX ON big USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON big USING bm25 (body)"""


def run(rows: int) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder))
        probe = _load(server, rows)
        server.stop()
        seconds = []
        for _ in range(STARTS):
            started = perf_counter()
            server = LiveServer(Path(folder))
            _ask(server.dsn, rows // 2, probe)
            seconds.append(perf_counter() - started)
            server.stop()
    question = f"start with {rows:,} x {DIMS}, graph and BM25: first correct answers"
    return [limit_line(question, float(np.median(seconds)), LIMIT_SECONDS, "s")]


def _load(server: LiveServer, rows: int) -> np.ndarray:
    """Clustered vectors, and texts whose words are as unevenly frequent as those of a language; returns the
    vector of the row in the middle."""
    random = np.random.default_rng(11)
    probe = np.zeros(DIMS, np.float32)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        register_vector(connection)
        with connection.cursor().copy("COPY big FROM STDIN WITH (FORMAT BINARY)") as stream:
            stream.set_types(["int8", "text", "vector"])
            for row in _documents(rows, random):
                stream.write_row(row)
                if row[0] == rows // 2:
                    probe = row[2]
    server.wait_until_linked()
    return probe


def _documents(
    rows: int, random: np.random.Generator
) -> Iterator[tuple[int, str, np.ndarray]]:
    centres = random.standard_normal((CLUSTERS, DIMS), dtype=np.float32)
    vocabulary = np.array([f"word{i}" for i in range(60_000)])
    for first in range(0, rows, 10_000):
        count = min(10_000, rows - first)
        vectors = centres[random.integers(0, CLUSTERS, count)]
        vectors = vectors + 0.7 * random.standard_normal((count, DIMS), dtype=np.float32)
        numbers = np.minimum(random.zipf(1.3, (count, WORDS)) - 1, len(vocabulary) - 1)
        for i, words in enumerate(vocabulary[numbers]):
            yield first + i, f"{' '.join(words)} unique{first + i}", vectors[i]


def _ask(dsn: str, row: int, probe: np.ndarray) -> None:
    """The row is the nearest to its own vector, and the only one with its own word."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        register_vector(connection)
        near = "SELECT id FROM big ORDER BY embedding <=> %s LIMIT 10"
        assert connection.execute(near, (probe,)).fetchone() == (row,)
        text = "SELECT id FROM big ORDER BY body <@> %s LIMIT 10"
        assert connection.execute(text, (f"unique{row}",)).fetchone() == (row,)
