"""COPY into partitioned tables, partitions and tables of a family: rows and errors are PostgreSQL's."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.harness.live_server import LiveServer

TABLES = """
    DROP SCHEMA IF EXISTS copied CASCADE; CREATE SCHEMA copied; SET search_path = copied;
    CREATE TABLE logs (at date, kind text, n int, body text DEFAULT 'none', PRIMARY KEY (at, kind, n)) PARTITION BY RANGE (at);
    CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
    CREATE TABLE logs_new PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
    CREATE TABLE logs_a PARTITION OF logs_new FOR VALUES IN ('a', 'b');
    CREATE TABLE logs_b PARTITION OF logs_new DEFAULT;
    ALTER TABLE logs_b ADD CHECK (n < 1000);
    CREATE TABLE base (a int); CREATE TABLE heir (b int) INHERITS (base)"""
COPIES = (
    ("logs", "".join(f"202{3 + i % 2}-0{1 + i % 9}-11\t{'abc'[i % 3]}\t{i}\tbody {i}\n" for i in range(900))),
    ("logs (n, kind, at)", "1000\ta\t2024-05-05\n1001\ta\t2022-05-05\n"),
    ("logs", "2024-05-05\ta\t1000\tagain\n"),
    ("logs", "2024-05-05\ta\t5000\tx\n2024-05-05\ta\t5000\ttwice\n"),
    ("logs", "2024-05-05\ta\t5001\tx\n2026-05-05\ta\t5002\tnowhere\n"),
    ("logs", "2024-05-05\tz\t5003\tcheck\n"),
    ("logs", "2024-05-05\t\\N\t5004\tnull\n"),
    ("logs_a", "2024-05-05\ta\t6000\tx\n2024-05-06\tb\t6000\ty\n"),
    ("logs_a", "2024-05-05\ta\t6001\tx\n2024-05-06\tc\t6001\ty\n"),
    ("logs_new", "2024-05-05\ta\t6002\tx\n2024-05-06\tc\t602\ty\n"),
    ("logs_new", "2021-05-05\ta\t6003\tx\n"),
    ("base", "1\n2\n"),
    ("heir", "3\t4\n"),
)
QUERIES = (
    "SELECT tableoid::regclass::text, * FROM logs ORDER BY at, kind, n",
    "SELECT tableoid::regclass::text, * FROM base ORDER BY a",
)


@pytest.fixture
def connections(oracle: str, server: LiveServer) -> Iterator[list[psycopg.Connection]]:
    both = [psycopg.connect(dsn, autocommit=True) for dsn in (server.dsn, oracle)]
    yield both
    for connection in both:
        connection.execute("DROP SCHEMA copied CASCADE")
        connection.close()


def _copied(connection: psycopg.Connection, target: str, data: str) -> object:
    try:
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY {target} FROM STDIN") as copy:
                copy.write(data)
            return cursor.statusmessage
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary, error.diag.message_detail, error.diag.table_name


def test_rows_go_where_they_go_in_postgresql(connections: list[psycopg.Connection]) -> None:
    for connection in connections:
        connection.execute(TABLES)
    for target, data in COPIES:
        ours, wanted = (_copied(connection, target, data) for connection in connections)
        assert ours == wanted, (target, data)
    for query in QUERIES:
        ours_rows, wanted_rows = (connection.execute(query).fetchall() for connection in connections)
        assert ours_rows == wanted_rows
