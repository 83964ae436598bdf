"""Sessions that wait hold nobody up, and what a transaction wrote it sees in every kind of scan."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

WAITING = 40


@pytest.fixture
def sessions(connection: psycopg.Connection) -> Iterator[list[psycopg.Connection]]:
    info = connection.info
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                psycopg.connect(
                    host=info.host, port=info.port, user="postgres", dbname=info.dbname, autocommit=True
                )
            )
            for _ in range(WAITING)
        ]


def test_many_waiting_sessions_leave_the_others_alone(
    connection: psycopg.Connection, sessions: list[psycopg.Connection]
) -> None:
    """Half of them wait in statements that run in threads, of which there are few."""
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    connection.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    connection.execute("BEGIN")
    connection.execute("UPDATE t SET v = v + 1")
    by_key, by_scan = "UPDATE t SET v = v + 1 WHERE id = 1", "UPDATE t SET v = v + 1 WHERE v >= 0"
    with ThreadPoolExecutor(WAITING) as pool:
        statements = [by_key, by_scan] * (WAITING // 2)
        updates = [pool.submit(s.execute, q) for s, q in zip(sessions, statements, strict=True)]
        waiting = 0
        while waiting < WAITING:
            found = connection.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted"
            ).fetchone()
            assert found is not None
            waiting = found[0]
        assert connection.execute("SELECT sum(v) FROM t, generate_series(1, 9)").fetchone() == (18,)
        connection.execute("COMMIT")
        assert {update.result().statusmessage for update in updates} == {"UPDATE 1", "UPDATE 2"}
    found = connection.execute("SELECT v FROM t ORDER BY id").fetchall()
    assert found == [(1 + WAITING,), (1 + WAITING // 2,)]


SCANS = {
    "key": "SELECT id FROM docs WHERE id = 9",
    "filter": "SELECT id FROM docs WHERE body = 'zebra'",
    "exact": "SELECT id FROM docs ORDER BY other <-> '[9,9]' LIMIT 1",
    "hnsw": "SELECT id FROM docs ORDER BY embedding <-> '[9,9]' LIMIT 1",
    "bm25": "SELECT id FROM docs ORDER BY body <@> 'zebra' LIMIT 1",
    "fusion": "SELECT id FROM docs ORDER BY rrf(embedding <-> '[9,9]', body <@> 'zebra') DESC LIMIT 1",
    "join": "SELECT d.id FROM docs d JOIN docs e ON e.id = d.id WHERE d.body = 'zebra'",
}


@pytest.mark.parametrize("scan", SCANS)
def test_a_transaction_sees_what_it_wrote_and_not_what_it_took_back(
    connection: psycopg.Connection, scan: str
) -> None:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute(
        "CREATE TABLE docs (id int PRIMARY KEY, body text, embedding vector(2), other vector(2))"
    )
    connection.execute("CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops)")
    connection.execute("CREATE INDEX ON docs USING bm25 (body)")
    for i in range(4):
        connection.execute("INSERT INTO docs VALUES (%s, 'apple', '[0,0]', '[0,0]')", (i,))
    new, query = "INSERT INTO docs VALUES (9, 'zebra', '[9,9]', '[9,9]')", SCANS[scan]
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT s")
    connection.execute(new)
    assert connection.execute(query).fetchall() == [(9,)]
    connection.execute("ROLLBACK TO s")
    assert (9,) not in connection.execute(query).fetchall()
    connection.execute(new)
    connection.execute("DELETE FROM docs WHERE id = 9")
    assert (9,) not in connection.execute(query).fetchall()
    connection.execute(new)
    connection.execute("COMMIT")
    assert connection.execute(query).fetchall() == [(9,)]


def test_a_pipeline_up_to_sync_is_one_transaction(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with pytest.raises(psycopg.errors.UniqueViolation), connection.pipeline():
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with connection.pipeline():
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (2)")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
