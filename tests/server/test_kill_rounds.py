"""kill -9 at random moments under eight writing connections: what was acknowledged is there, nothing is half
there, and every index agrees with an exact scan."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random
from time import monotonic

import psycopg
import pytest

from tests.harness.live_server import LiveServer

WRITERS = 8
SCHEMA = """
CREATE EXTENSION vector;
CREATE TABLE a (id bigint PRIMARY KEY, writer int, body text, embedding vector(4));
CREATE TABLE b (id bigint PRIMARY KEY, total bigint NOT NULL);
CREATE INDEX ON a USING hnsw (embedding vector_l2_ops);
CREATE INDEX ON a USING bm25 (body);
INSERT INTO b SELECT i, 0 FROM generate_series(0, 7) i;
"""


class Writer(threading.Thread):
    """Commits a row of `a`, its own counter in `b` one higher, and now and then takes an old row away."""

    def __init__(self, dsn: str, number: int, first: int) -> None:
        super().__init__()
        self.dsn, self.number, self.next = dsn, number, first
        self.acknowledged: list[int] = []

    def run(self) -> None:
        try:
            with psycopg.connect(self.dsn) as connection:
                while True:
                    self._commit(connection)
                    self.acknowledged.append(self.next)
                    self.next += WRITERS
        except psycopg.OperationalError:
            return

    def _commit(self, connection: psycopg.Connection) -> None:
        row = (self.next, self.number, f"row {self.next} word{self.number}", f"[{self.next},1,2,3]")
        connection.execute("INSERT INTO a VALUES (%s, %s, %s, %s)", row)
        connection.execute("UPDATE b SET total = total + 1 WHERE id = %s", (self.number,))
        connection.commit()


def check(connection: psycopg.Connection, acknowledged: set[int]) -> set[int]:
    """The ids that are there; they hold every acknowledged one, and whole transactions only."""
    rows = connection.execute("SELECT id, writer FROM a").fetchall()
    ids = {row[0] for row in rows}
    assert len(ids) == len(rows) and acknowledged <= ids, acknowledged - ids
    totals = dict(connection.execute("SELECT id, total FROM b").fetchall())
    counts = dict.fromkeys(range(WRITERS), 0)
    for _, writer in rows:
        counts[writer] += 1
    assert counts == totals, "half a transaction"
    nearest = "SELECT id FROM a ORDER BY embedding <-> '[0,1,2,3]' LIMIT 1000000"
    connection.execute("SET hnsw.ef_search = 1000")
    assert {row[0] for row in connection.execute(nearest)} == ids
    for writer in range(WRITERS):
        text = f"SELECT id FROM a ORDER BY body <@> 'word{writer}' LIMIT 1000000"
        assert len(connection.execute(text).fetchall()) == counts[writer]
    for id in Random(len(ids)).sample(sorted(ids), min(20, len(ids))):
        found = connection.execute("SELECT writer FROM a WHERE id = %s", (id,)).fetchall()
        assert len(found) == 1, id
    return ids


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.long)])
def test_rounds_of_kill_9(tmp_path: Path, rounds: int) -> None:
    rng, acknowledged = Random(rounds), set[int]()
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)
    first = 0
    for _ in range(rounds):
        writers = [Writer(live.dsn, number, first + number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        until = monotonic() + rng.uniform(0.1, 1.0)
        while monotonic() < until or not any(writer.acknowledged for writer in writers):
            writers[0].join(0.01)
            assert any(writer.is_alive() for writer in writers), "every writer failed"
        live.kill()
        for writer in writers:
            writer.join()
            acknowledged.update(writer.acknowledged)
        first = (max(writer.next for writer in writers) // WRITERS + 1) * WRITERS
        live = LiveServer(tmp_path)
        with psycopg.connect(live.dsn, autocommit=True) as connection:
            acknowledged = check(connection, acknowledged)
    assert live.stop() == 0
