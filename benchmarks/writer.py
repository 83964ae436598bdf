"""Writes at a steady pace while others are measured, in a process of its own.

    python -m benchmarks.writer DSN VECTORS FIRST GONE
    VECTORS    a file of numpy's, f32[rows, dims]; those from FIRST on come in
    GONE       rows that are deleted in a second, of those before FIRST, at random

Ten times a second rows come in and others go, in one transaction, until the end of stdin. A line is
printed after the first, and one at the end: how many rows came in, and in how many seconds.
"""

from __future__ import annotations

import select
import sys
from time import perf_counter

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

ROWS_PER_SECOND = 1_000
TICKS_PER_SECOND = 10
INSERT = "INSERT INTO fed VALUES (%s, %s)"
DELETE = "DELETE FROM fed WHERE id = ANY(%s)"


def main(dsn: str, path: str, first: str, gone: str) -> None:
    vectors, low = np.load(path, mmap_mode="r"), int(first)
    doomed = np.random.default_rng(13).permutation(low)
    batch, going = ROWS_PER_SECOND // TICKS_PER_SECOND, int(gone) / TICKS_PER_SECOND
    with psycopg.connect(dsn) as connection:
        register_vector(connection)
        cursor = connection.cursor()
        started, tick, high = perf_counter(), 0, low
        while high < len(vectors) and not _ended(started + tick / TICKS_PER_SECOND):
            rows = range(high, min(high + batch, len(vectors)))
            cursor.executemany(INSERT, [(row, vectors[row]) for row in rows])
            ids = doomed[int(tick * going) : int((tick + 1) * going)]
            cursor.execute(DELETE, (ids.tolist(),))
            connection.commit()
            tick, high = tick + 1, rows.stop
            if tick == 1:
                print("writing", flush=True)
        print(high - low, perf_counter() - started, flush=True)


def _ended(until: float) -> bool:
    """Whether stdin has ended; waits for it until a time."""
    readable, _, _ = select.select([sys.stdin], [], [], max(0.0, until - perf_counter()))
    return bool(readable)


if __name__ == "__main__":
    main(*sys.argv[1:])
