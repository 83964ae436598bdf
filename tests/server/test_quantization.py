"""The codes of an index change while clients read and write, in the background of a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from sqlvec.server.listener import quantizations
from tests.harness.live_server import LiveServer
from tests.harness.world import world
from tests.server.test_startup import refused

DIMS, ROWS = 64, 3_000


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path)
    with psycopg.connect(made.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        register_vector(connection)
        with connection.cursor().copy("COPY t FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            for i, vector in enumerate(np.random.default_rng(1).normal(size=(ROWS, DIMS))):
                copy.write_row([i, vector.astype(np.float32)])
        connection.execute("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
    yield made
    assert made.stop() == 0


def test_clients_go_on_while_the_codes_change(live: LiveServer) -> None:
    done, asked, added = threading.Event(), [0], [0]

    def read() -> None:
        with psycopg.connect(live.dsn, autocommit=True) as connection:
            register_vector(connection)
            dice = np.random.default_rng(2)
            sql = "SELECT id FROM t ORDER BY e <-> %s LIMIT 10"
            while not done.is_set():
                found = connection.execute(sql, (dice.normal(size=DIMS),)).fetchall()
                assert len(set(found)) == 10
                asked[0] += 1

    def write() -> None:
        with psycopg.connect(live.dsn, autocommit=True) as connection:
            register_vector(connection)
            dice = np.random.default_rng(3)
            while not done.is_set():
                row = (ROWS + added[0], dice.normal(size=DIMS))
                connection.execute("INSERT INTO t VALUES (%s, %s)", row)
                added[0] += 1

    failed: list[threading.ExceptHookArgs] = []
    threading.excepthook, before = failed.append, threading.excepthook
    clients = [threading.Thread(target=read), threading.Thread(target=write)]
    for client in clients:
        client.start()
    try:
        with psycopg.connect(live.dsn, autocommit=True) as connection:
            for quantization in ("bit", "pq", "none", "int8"):
                seen = (asked[0], added[0])
                connection.execute(f"ALTER INDEX t_e SET (quantization = {quantization})")
                live.wait_until_walked_by("t_e", quantization)
                while asked[0] < seen[0] + 5 or added[0] < seen[1] + 5:
                    assert not failed, failed
                    connection.execute("SELECT pg_sleep(0.01)")
    finally:
        done.set()
        for client in clients:
            client.join()
        threading.excepthook = before
    assert not failed, failed
    live.wait_until_linked()
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (ROWS + added[0],)


def test_what_a_server_warms_is_what_its_indexes_are_walked_by(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        assert quantizations(place.cluster) == set()
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        place.sql("CREATE INDEX ON t USING hnsw (e vector_l2_ops)")
        assert quantizations(place.cluster) == set()
        place.sql("CREATE INDEX ON t USING hnsw (e vector_l2_ops) WITH (quantization = 'PQ')")
        assert quantizations(place.cluster) == {"pq"}
    with world(tmp_path, index_memory_limit_bytes=1 << 20) as place:
        assert quantizations(place.cluster) == {"pq", "bit"}


def test_a_limit_that_is_no_size_is_refused(tmp_path: Path) -> None:
    wrong = refused(tmp_path, "--index-memory-limit", "much")
    assert wrong == 'sqlvec: invalid value for parameter "sqlvec.index_memory_limit": "much"'
