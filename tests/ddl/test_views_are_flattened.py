"""A query over a view is planned like one over its table."""

from __future__ import annotations

import psycopg
import pytest

_NEAREST = "SELECT id, word FROM {} ORDER BY embedding <-> '[1,2,3]' LIMIT 2"


def _plan(connection: psycopg.Connection, sql: str) -> str:
    rows = connection.execute(f"EXPLAIN {sql}".encode()).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    for sql in (
        "CREATE EXTENSION vector",
        "CREATE TABLE t (id int PRIMARY KEY, word text, embedding vector(3), hidden boolean)",
        "INSERT INTO t SELECT g, 'w' || g, ARRAY[g, 2, 3]::real[]::vector, g = 1 FROM generate_series(1, 50) g",
        "CREATE INDEX ON t USING hnsw (embedding vector_l2_ops)",
        "CREATE VIEW everything AS SELECT * FROM t",
        "CREATE VIEW shown AS SELECT id, upper(word) AS word, embedding FROM t WHERE NOT hidden",
        "CREATE VIEW deep AS SELECT * FROM shown WHERE id > 2",
    ):
        connection.execute(sql.encode())
    return connection


def test_a_ranked_query_over_a_view_is_a_ranked_scan(filled: psycopg.Connection) -> None:
    assert _plan(filled, _NEAREST.format("everything")) == _plan(filled, _NEAREST.format("t"))
    assert "hnsw" in _plan(filled, _NEAREST.format("deep"))
    assert filled.execute(_NEAREST.format("everything").encode()).fetchall() == [(1, "w1"), (2, "w2")]
    assert filled.execute(_NEAREST.format("shown").encode()).fetchall() == [(2, "W2"), (3, "W3")]
    assert filled.execute(_NEAREST.format("deep").encode()).fetchall() == [(3, "W3"), (4, "W4")]


def test_a_lookup_by_key_over_a_view_is_one_by_key(filled: psycopg.Connection) -> None:
    sql = "SELECT word FROM {} WHERE id = 7"
    assert _plan(filled, sql.format("everything")) == _plan(filled, sql.format("t"))
    assert filled.execute(sql.format("deep").encode()).fetchall() == [("W7",)]


def test_what_is_not_the_same_rows_stays_apart(filled: psycopg.Connection) -> None:
    filled.execute("CREATE VIEW few AS SELECT id FROM t ORDER BY id LIMIT 3")
    assert filled.execute("SELECT count(*) FROM few WHERE id > 2").fetchone() == (1,)
    filled.execute("CREATE VIEW grouped AS SELECT hidden, count(*) AS n FROM t GROUP BY hidden")
    assert filled.execute("SELECT n FROM grouped WHERE hidden").fetchone() == (1,)
    assert filled.execute("SELECT v FROM (SELECT id, word FROM t WHERE id = 1) v").fetchone() == (("1", "w1"),)
    one = "SELECT count(DISTINCT r) FROM (SELECT random() AS r, id FROM t) q WHERE r = r"
    assert filled.execute(one).fetchone() == (50,)
