"""Graphs across kill -9: what was linked stays linked, and what was not is found all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from tests.harness.live_server import LiveServer

ROWS, DIMS = 3_000, 16


def answers(connection: psycopg.Connection, vectors: np.ndarray) -> list[list[tuple[int]]]:
    connection.execute("SET hnsw.ef_search = 10")
    sql = "SELECT id FROM docs ORDER BY embedding <-> %s LIMIT 10"
    return [connection.execute(sql, (vector,)).fetchall() for vector in vectors]


def test_a_killed_server_answers_approximate_queries_as_before(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    vectors = random.normal(size=(ROWS, DIMS)).astype(np.float32)
    queries = random.normal(size=(30, DIMS)).astype(np.float32)
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute("CREATE TABLE docs (id int PRIMARY KEY, embedding vector(16))")
        connection.execute("CREATE INDEX docs_embedding ON docs USING hnsw (embedding vector_l2_ops)")
        with connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            for i, vector in enumerate(vectors):
                copy.write_row([i, vector])
        live.wait_until_linked()
        sql = "SELECT relname, indexrelname, tenant, rows_linked, rows_waiting FROM sqlvec_index_queue"
        queue = connection.execute(sql).fetchall()
        assert queue == [("docs", "docs_embedding", "", ROWS, 0)]
        before = answers(connection, queries)
        exact = np.argsort(((vectors[None] - queries[:, None]) ** 2).sum(2))[:, :10]
        assert [[row[0] for row in rows] for rows in before] != exact.tolist(), "no approximation"
    live.kill()
    again = LiveServer(tmp_path)
    with psycopg.connect(again.dsn, autocommit=True) as connection:
        register_vector(connection)
        assert answers(connection, queries) == before
        assert connection.execute(sql).fetchall() == queue
    assert again.stop() == 0
