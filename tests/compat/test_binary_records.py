"""Rows in their binary form: each field has the type that PostgreSQL gives it."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.live_server import LiveServer

WORLD = """
    CREATE TEMP TABLE person (id int, name text, born date, tags text[], score numeric(5, 2));
    INSERT INTO person VALUES (1, 'Ann "A" B', '1999-01-02', '{a,"b c"}', 1.50), (2, NULL, NULL, NULL, NULL);
"""
QUERIES = (
    "SELECT ROW('é'::text, 1)",
    "SELECT ROW(1, 'a', NULL, 2.5, date '2024-01-02', timestamptz '2024-01-02 10:00+02', true, 1::float8, 'x'::bytea)",
    "SELECT p FROM person p ORDER BY id",
    "SELECT ROW(id, name), ROW(ROW(id, tags), 'z') FROM person ORDER BY id",
    "SELECT (SELECT ROW(id, name) FROM person WHERE id = 1)",
    "SELECT s.r FROM (SELECT ROW(id, name) AS r FROM person) s",
    "SELECT coalesce(NULL, ROW(1, 'a')), CASE WHEN true THEN ROW(1, 2) END",
    "SELECT s FROM (SELECT id, score FROM person) s ORDER BY id",
    "INSERT INTO person VALUES (3, 'c') RETURNING ROW(id, name), person",
)


@pytest.mark.parametrize("query", QUERIES)
def test_fields_come_with_their_types(query: str, server: LiveServer, oracle: str) -> None:
    assert _binary(server.dsn, query) == _binary(oracle, query)


def test_without_their_types_they_are_texts(server: LiveServer) -> None:
    """Records of a set operation: PostgreSQL knows the types of their fields row by row."""
    (row,) = _binary(server.dsn, "SELECT ROW(1, 'b c') UNION ALL SELECT ROW(1, 'b c') LIMIT 1")
    count, *fields = row[0][:4], row[0][4:13], row[0][13:]
    assert count == b"\0\0\0\2" and fields[0][-1:] == b"1" and fields[1][-3:] == b"b c"


def _binary(dsn: str, query: str) -> list[tuple[bytes | None, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(WORLD)
        result = connection.cursor(binary=True).execute(query).pgresult
        assert result is not None
        return [
            tuple(result.get_value(row, column) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]
