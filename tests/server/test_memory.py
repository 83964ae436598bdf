"""What statements of a database may hold in memory and on disk; the server lives on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer

ROWS = 400_000


@pytest.fixture(scope="module")
def small() -> Iterator[psycopg.Connection]:
    """A server that gives its statements 64 MB, and 16 MB on disk, with a table of 80 MB and one of few rows."""
    with tempfile.TemporaryDirectory() as directory:
        server = LiveServer(Path(directory), "--memory-limit", "64MB", "--temp-file-limit", "16MB")
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY, n int, s text, at date)")
            connection.execute(
                f"INSERT INTO t SELECT i, i % 7, repeat('x', 200), '-infinity' FROM generate_series(1, {ROWS}) i"
            )
            connection.execute("CREATE TABLE few AS SELECT i AS n FROM generate_series(0, 3) i")
            yield connection
        assert server.stop() == 0


def test_the_limits_are_shown(small: psycopg.Connection) -> None:
    assert small.execute("SHOW temp_file_limit").fetchone() == ("16MB",)
    assert small.execute("SHOW sqlvec.memory_limit").fetchone() == ("64MB",)
    with pytest.raises(psycopg.errors.CantChangeRuntimeParam):
        small.execute("SET temp_file_limit = -1")


@pytest.mark.parametrize(
    ("sql", "state"),
    [
        ("SELECT id FROM t ORDER BY s || id", "53400"),
        ("SELECT array_agg(s || id) FROM t", "53200"),
    ],
)
def test_a_statement_beyond_them_fails_alone(
    small: psycopg.Connection, sql: str, state: str
) -> None:
    with pytest.raises(psycopg.Error) as failed:
        small.execute(sql)
    assert failed.value.sqlstate == state
    assert small.execute("SELECT count(*) FROM t WHERE id < 10").fetchone() == (9,)


def test_rows_among_others_are_read_in_pieces(small: psycopg.Connection) -> None:
    """More of them than the limit stream through; joined, counted and ordered they are all there."""
    expected = sum(1 for i in range(1, ROWS + 1) if i % 7 != 3)
    with small.cursor(name="rows") as cursor, small.transaction():
        cursor.execute("SELECT id, s FROM t WHERE n <> 3")
        found = [row[0] for row in cursor if row[1] == "x" * 200]
    assert found == [i for i in range(1, ROWS + 1) if i % 7 != 3]
    (counted,) = small.execute(
        "SELECT count(*), count(*) FILTER (WHERE at = '-infinity') FROM t WHERE n <> 3"
    )
    assert counted == (expected, expected)
    (joined,) = small.execute("SELECT count(*), sum(t.id) FROM t JOIN few USING (n) WHERE n <> 3")
    kept = [i for i in range(1, ROWS + 1) if i % 7 < 3]
    assert joined == (len(kept), sum(kept))
    (none,) = small.execute("SELECT count(*) FROM t, few f WHERE t.n <> 3 AND f.n > 9")
    assert none == (0,)
