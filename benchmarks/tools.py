"""What tools ask: reflection, psql's description of a table; and short queries beside a long one."""

from __future__ import annotations

import os
import subprocess
import threading
from time import perf_counter

import numpy as np
import psycopg
from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import URL

from benchmarks.measure import SERVERS, Line, Pair, in_turn, seconds_line, timed

TABLES = 100
LONG_SECONDS = 5.0
SHORT_QUERIES = 400
P99_MAX = 5.0  # times the idle p99
LONG = "SELECT sum(sqrt(a * b)) FROM generate_series(1, {}) a, generate_series(1, 10000) b"
SHORT = "SELECT note FROM reflected_7 WHERE id = %s"
TABLE = """CREATE TABLE reflected_{0} (id int PRIMARY KEY, note text NOT NULL DEFAULT 'a',
    amount numeric(10, 2), at timestamptz, kind int UNIQUE, CHECK (amount >= 0){1})"""


def run(pair: Pair) -> list[Line]:
    for i in range(TABLES):
        parent = f", parent int REFERENCES reflected_{i - 1} (id)" if i % 3 == 2 else ""
        pair.execute(TABLE.format(i, parent))
        pair.execute(f"CREATE INDEX ON reflected_{i} (at, amount)")
    pair.execute("INSERT INTO reflected_7 SELECT i, 'note ' || i FROM generate_series(1, 1000) i")
    reflection = in_turn(lambda name: timed(lambda: _reflect(pair.dsns[name])))
    described = in_turn(lambda name: timed(lambda: _described(pair.dsns[name])))
    return [
        seconds_line(f"SQLAlchemy metadata.reflect() of {TABLES} tables", reflection),
        seconds_line("psql -c '\\d t'", described),
        _beside(pair),
    ]


def _reflect(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        info = connection.info
        url = URL.create("postgresql+psycopg", info.user, None, info.host, info.port, info.dbname)
    engine = create_engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    assert len([name for name in metadata.tables if name.startswith("reflected_")]) == TABLES
    engine.dispose()


def _described(dsn: str) -> None:
    command = ["psql", "-X", "-c", r"\d reflected_8", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert "Foreign-key constraints" in done.stdout, done.stdout


def _beside(pair: Pair) -> Line:
    """The slowest hundredth of short queries while an aggregate of five seconds runs, against idle."""
    shown, times = [], {}
    for name in SERVERS:
        idle = _p99(pair.dsns[name])
        busy = _p99_beside(pair.dsns[name])
        times[name] = busy / idle
        shown.append(f"{1e3 * idle:.2f} -> {1e3 * busy:.2f} ms")
    question = "p99 of a short query, idle and beside an aggregate of 5 s: at most 5x"
    return Line(question, *shown, P99_MAX / times["sqlvec"], {"times": times})


def _p99(dsn: str, until: threading.Event | None = None) -> float:
    """Seconds; SHORT_QUERIES of them, or as many as there is time for."""
    seconds: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        while until is None or not until.is_set():
            started = perf_counter()
            assert connection.execute(SHORT, (len(seconds) % 1000 + 1,), prepare=True).fetchone()
            seconds.append(perf_counter() - started)
            if until is None and len(seconds) == SHORT_QUERIES:
                break
    return float(np.percentile(seconds, 99))


def _p99_beside(dsn: str) -> float:
    with psycopg.connect(dsn, autocommit=True) as connection:
        long = LONG.format(_rows_of_long(connection))
        done = threading.Event()

        def ask() -> None:
            connection.execute(long)
            done.set()

        asking = threading.Thread(target=ask)
        asking.start()
        found = _p99(dsn, done)
        asking.join()
    return found


def _rows_of_long(connection: psycopg.Connection) -> int:
    """So many that the aggregate takes about LONG_SECONDS."""
    rows = 1_000
    while True:
        started = perf_counter()
        connection.execute(LONG.format(rows))
        elapsed = perf_counter() - started
        if elapsed > LONG_SECONDS / 4:
            return int(rows * LONG_SECONDS / elapsed)
        rows *= 2
