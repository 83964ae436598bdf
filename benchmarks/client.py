"""One connection in a process of its own, so that Python's lock does not hold others back.

    python -m benchmarks.client DSN SQL VECTORS FIRST
    VECTORS    a file of numpy's, f32[questions, dims]

A line of stdin is a setting and a number of seconds with a tab between; the answer is a line with
the queries a second of so many seconds. The questions are asked in turn, from FIRST on, prepared
and binary.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

WARM = 10


def main(dsn: str, sql: str, vectors: str, first: str) -> None:
    questions = np.roll(np.load(vectors), -int(first), axis=0)
    with psycopg.connect(dsn, autocommit=True) as connection:
        register_vector(connection)
        cursor = connection.cursor(binary=True)
        for line in sys.stdin:
            setting, _, seconds = line.rstrip("\n").partition("\t")
            connection.execute(setting)
            ask_for(cursor, sql, questions, 0.0)
            print(ask_for(cursor, sql, questions, float(seconds)), flush=True)


def ask_for(cursor: psycopg.Cursor, sql: str, questions: np.ndarray, seconds: float) -> float:
    """Queries a second; at least WARM queries are asked."""
    started, count = perf_counter(), 0
    while count < WARM or perf_counter() - started < seconds:
        cursor.execute(sql, (questions[count % len(questions)],), prepare=True).fetchall()
        count += 1
    return count / (perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
