"""One row, updated over and over: how fast, and how much of the disk is left to it?"""

from __future__ import annotations

import psycopg

from benchmarks.measure import SERVERS, Line, Pair, rate_line, timed

UPDATES = 100_000


def run(pair: Pair) -> list[Line]:
    rates: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for name in SERVERS:
        connection = pair.connections[name]
        connection.execute("CREATE TABLE counted (id int PRIMARY KEY, hits int, note text)")
        connection.execute("INSERT INTO counted VALUES (1, 0, 'a row that is never left alone')")
        connection.execute("SET synchronous_commit = off")
        rates[name] = UPDATES / timed(lambda c=connection: _update(c))
        connection.execute("RESET synchronous_commit")
        hits = connection.execute("SELECT hits FROM counted").fetchone()
        assert hits == (UPDATES,), hits
        size = connection.execute("SELECT pg_total_relation_size('counted')").fetchone()
        assert size is not None
        sizes[name] = size[0]
    shown = [f"{sizes[name] / 1e6:.2f} MB" for name in SERVERS]
    line = Line(
        f"disk after {UPDATES:,} updates of one row", *shown, sizes["pgvector"] / sizes["sqlvec"]
    )
    line.detail = {"bytes": sizes}
    return [rate_line(f"{UPDATES:,} updates of one row", rates), line]


def _update(connection: psycopg.Connection) -> None:
    """Each a transaction of its own."""
    for _ in range(UPDATES):
        connection.execute("UPDATE counted SET hits = hits + 1 WHERE id = %s", (1,), prepare=True)
