"""Rows in and out: point reads, durable single-row writes, large results."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

from benchmarks.measure import SERVERS, Line, Pair, in_turn, rate_line, rates, seconds_line, timed

WRITERS = 8
SECONDS = 2.0
RESULT_ROWS = 100_000
EVENTS = """CREATE TABLE events (
    id bigint PRIMARY KEY, kind int, amount float8, name text, note text, at timestamp)"""


def run(pair: Pair) -> list[Line]:
    for connection in pair.connections.values():
        connection.execute(EVENTS)
        with connection.cursor().copy("COPY events FROM STDIN") as stream:
            for i in range(RESULT_ROWS):
                day = f"2024-{i % 12 + 1:02}-{i % 28 + 1:02} 10:00:00"
                name, note = f"name {i % 1000}", f"a note on event {i}"
                stream.write_row([i, i % 7, i * 0.25, name, note, day])
        connection.execute("ANALYZE events")
        connection.execute("CREATE TABLE written (id bigserial PRIMARY KEY, note text)")
    shown = [_points(pair), _writes(pair)]
    for binary in (False, True):
        label = "binary" if binary else "text"
        seconds = in_turn(lambda name, b=binary: timed(lambda: _all(pair.connections[name], b)))
        shown.append(seconds_line(f"SELECT of {RESULT_ROWS:,} rows x 6 columns, {label}", seconds))
    return shown + _loads(pair)


def _loads(pair: Pair) -> list[Line]:
    """The same rows once more as text, as csv, and from a query."""
    rows = [
        (i, i % 7, i * 0.25, f"name {i % 1000}", f"a note, on event {i}", f"2024-{i % 12 + 1:02}-{i % 28 + 1:02} 10:00:00")
        for i in range(RESULT_ROWS)
    ]  # fmt: skip
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    csv = "".join(f'{i},{k},{a},{n},"{note}",{at}\n' for i, k, a, n, note, at in rows)
    for connection in pair.connections.values():
        connection.execute(EVENTS.replace("events", "loaded"))

    def copy(name: str, form: str, data: str) -> float:
        connection = pair.connections[name]
        connection.execute("TRUNCATE loaded")

        def run() -> None:
            with connection.cursor().copy(f"COPY loaded FROM STDIN (FORMAT {form})") as stream:
                stream.write(data)

        return timed(run)

    def select(name: str) -> float:
        connection = pair.connections[name]
        connection.execute("TRUNCATE loaded")
        return timed(lambda: connection.execute("INSERT INTO loaded SELECT * FROM events"))

    return [
        seconds_line(f"COPY of {RESULT_ROWS:,} rows x 6 columns, text", in_turn(lambda n: copy(n, "text", text))),
        seconds_line(f"COPY of {RESULT_ROWS:,} rows x 6 columns, csv", in_turn(lambda n: copy(n, "csv", csv))),
        seconds_line(f"INSERT of {RESULT_ROWS:,} rows x 6 columns from a SELECT", in_turn(select)),
    ]  # fmt: skip


def _points(pair: Pair) -> Line:
    statement = ("SELECT name, amount FROM events WHERE id = %s", [(i * 37,) for i in range(2_000)])
    both, _ = rates(pair, dict.fromkeys(SERVERS, statement))
    return rate_line("point SELECT by key", both)


def _writes(pair: Pair) -> Line:
    both = in_turn(lambda name: _commits(pair.dsns[name]))
    return rate_line(f"durable single-row INSERT, {WRITERS} connections", both)


def _commits(dsn: str) -> float:
    """Commits a second of WRITERS threads, each with a connection of its own."""
    counts = [0] * WRITERS
    stop = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO written (note) VALUES (%s)", ("x",), prepare=True)
                counts[number] += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    elapsed = timed(lambda: _let_run(writers, stop))
    return sum(counts) / elapsed


def _let_run(writers: list[threading.Thread], stop: threading.Event) -> None:
    for writer in writers:
        writer.start()
    stop.wait(SECONDS)
    stop.set()
    for writer in writers:
        writer.join()


def _all(connection: psycopg.Connection[Any], binary: bool) -> None:
    rows = connection.cursor(binary=binary).execute("SELECT * FROM events").fetchall()
    assert len(rows) == RESULT_ROWS, len(rows)
