"""A million vectors of 128 dimensions, made with clusters: how fast is an index built, and asked?

Real vectors lie in few of their dimensions. Here a point lies in 24: about one of a thousand centres, turned
into 128 dimensions, with a little noise in all of them. Questions are drawn as the rows are.
"""

from __future__ import annotations

import numpy as np
from pgvector.psycopg import register_vector

from benchmarks.exact import nearest
from benchmarks.ingest import BUILD_GOAL, copy
from benchmarks.measure import SERVERS, Line, seconds_line, timed
from benchmarks.servers import running_pair
from benchmarks.sweep import Point, line_at, sweep
from benchmarks.top10 import GOALS

DIMS, INNER_DIMS, CENTRES = 128, 24, 1_000
SPREAD, NOISE = 0.6, 0.05
EF_SEARCH = (16, 40, 64, 100, 200, 400)
SQL = "SELECT id FROM items ORDER BY embedding <-> %s LIMIT 10"
TABLE = f"CREATE TABLE items (id bigint PRIMARY KEY, embedding vector({DIMS}))"
TYPES = ["int8", "vector"]
INDEX = "CREATE INDEX ON items USING hnsw (embedding vector_l2_ops)"


def run(rows: int, queries: int) -> tuple[list[Line], list[Point]]:
    made = clustered(rows + queries)
    vectors, questions = made[:rows], made[rows:]
    loading: dict[str, float] = {}
    building: dict[str, float] = {}
    with running_pair() as pair:
        for name in SERVERS:
            connection = pair.connections[name]
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            register_vector(connection)
            connection.execute(TABLE)
            loading[name] = timed(lambda c=connection: copy(c, "items", enumerate(vectors), TYPES))
            building[name] = timed(lambda c=connection: c.execute(INDEX))
            connection.execute("ANALYZE items")
        exact = nearest(vectors, questions, 10, metric="l2")
        points = sweep(pair, SQL, list(questions), exact, EF_SEARCH)
    size = f"{rows:,} x {DIMS}"
    built = seconds_line(f"{size}: hnsw build", building)
    built.goal = BUILD_GOAL
    lines = [seconds_line(f"{size}: COPY BINARY without an index", loading), built]
    ours, theirs = (points, "sqlvec"), (points, "pgvector")
    for recall, goal in GOALS.items():
        lines.append(line_at(f"{size}: top-10", ours, theirs, recall, goal))
    return lines, points


def clustered(rows: int) -> np.ndarray:
    """f32[rows, DIMS], the same in every run."""
    random = np.random.default_rng(19)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32)

    centres, turn = normal(CENTRES, INNER_DIMS), normal(INNER_DIMS, DIMS) / np.sqrt(INNER_DIMS)
    inner = centres[random.integers(0, CENTRES, rows)] + np.float32(SPREAD) * normal(
        rows, INNER_DIMS
    )
    made: np.ndarray = inner @ turn.astype(np.float32) + np.float32(NOISE) * normal(rows, DIMS)
    return made
