"""The processes of the benchmarks against a real server: they ask and write what they are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from benchmarks.connections import clients
from benchmarks.ingest import copy
from benchmarks.writer import ROWS_PER_SECOND, TICKS_PER_SECOND
from benchmarks.writing import SQL, recall_of_snapshot, while_writing
from tests.harness.live_server import LiveServer

ROWS, DIMS = 500, 32


@pytest.fixture
def vectors() -> np.ndarray:
    """Those of the table, and as many that may come in."""
    made = np.random.default_rng(1).normal(size=(ROWS + 5 * ROWS_PER_SECOND, DIMS))
    return made.astype(np.float32)


@pytest.fixture
def fed(
    server: LiveServer, connection: psycopg.Connection, vectors: np.ndarray
) -> tuple[psycopg.Connection, str]:
    """A connection to a database with a table of ROWS rows, and the database's dsn."""
    connection.execute("CREATE EXTENSION vector")
    register_vector(connection)
    connection.execute(f"CREATE TABLE fed (id bigint PRIMARY KEY, embedding vector({DIMS}))")
    copy(connection, "fed", enumerate(vectors[:ROWS]), ["int8", "vector"])
    return connection, f"{server.dsn.rpartition('/')[0]}/{connection.info.dbname}"


def test_clients_ask_with_the_setting_that_they_are_given(
    fed: tuple[psycopg.Connection, str], vectors: np.ndarray
) -> None:
    with clients(fed[1], SQL, vectors[:20], 2) as asking:
        assert asking.rate("SET hnsw.ef_search = 40", 0.1) > 0
        assert asking.rate("SET hnsw.ef_search = 80", 0.1) > 0
        processes = asking.processes
    assert [process.returncode for process in processes] == [0, 0]


def test_rows_come_in_and_go_while_others_work(
    fed: tuple[psycopg.Connection, str], vectors: np.ndarray, tmp_path: Path
) -> None:
    connection, dsn = fed
    path = tmp_path / "vectors.npy"
    np.save(path, vectors)

    def work() -> tuple[float, float]:
        return 1.0, recall_of_snapshot(connection, vectors, vectors[:10])

    (_, found), written = while_writing(dsn, path, (ROWS, 50), work)
    assert (found, written > 0) == (1.0, True)
    came, low, high = connection.execute(
        "SELECT count(*), min(id), max(id) FROM fed WHERE id >= %s", (ROWS,)
    ).fetchone() or (0, 0, 0)
    ticks, rest = divmod(came, ROWS_PER_SECOND // TICKS_PER_SECOND)
    assert (ticks > 0, rest, low, high) == (True, 0, ROWS, ROWS + came - 1)
    left = connection.execute("SELECT count(*) FROM fed WHERE id < %s", (ROWS,)).fetchone()
    assert left == (ROWS - 5 * ticks,)
