"""GIN over tsvector: what it leaves is decided by @@ itself, so answers are those without the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer

WORDS = "cat dog bird fish tree river stone cloud run running jumped over lazy quick brown fox".split()
QUERIES = [
    "cat", "cat & dog", "cat | dog", "!cat", "cat & !dog", "!(cat | dog)", "cat <-> dog", "cat <2> dog",
    "riv:*", "c:* & !cat", "cat:A", "cat:B | dog", "(run & jump) | (fox <-> lazi)", "nowhere", "!nowhere",
    "cat & nowhere", "run:*A", "bird <-> (fish | tree)", "!(cat <-> dog) & cat", "",
]  # fmt: skip
SCHEMA = """
CREATE TABLE plain (id int PRIMARY KEY, title text, body text,
    words tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', coalesce(title, '')), 'A')
        || to_tsvector('english', coalesce(body, ''))) STORED);
CREATE TABLE indexed (LIKE plain INCLUDING ALL);
CREATE INDEX by_words ON indexed USING gin (words);
CREATE INDEX by_body ON indexed USING gin (to_tsvector('english', body));
"""


def fill(connection: psycopg.Connection, low: int, high: int) -> None:
    for table in ("plain", "indexed"):
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} (id, title, body) FROM STDIN") as copy:
            for i in range(low, high):
                picked = [WORDS[(i * (k + 3) + k * k) % len(WORDS)] for k in range(i % 7)]
                title = None if i % 11 == 0 else WORDS[i % len(WORDS)]
                copy.write_row((i, title, None if i % 13 == 0 else " ".join(picked)))


def assert_same(connection: psycopg.Connection) -> None:
    for query in QUERIES:
        for where in (
            "words @@ %(q)s::tsquery",
            "to_tsvector('english', body) @@ %(q)s::tsquery",
            "words @@ %(q)s::tsquery AND id %% 3 = 0",
            "words @@ %(q)s::tsquery OR to_tsvector('english', body) @@ 'fox'",
            "NOT words @@ %(q)s::tsquery",
        ):
            found = [
                connection.execute(f"SELECT id FROM {table} WHERE {where} ORDER BY id", {"q": query}).fetchall()
                for table in ("plain", "indexed")
            ]
            assert found[0] == found[1], (query, where)


@pytest.fixture
def docs(connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    connection.execute(SCHEMA)
    fill(connection, 0, 150)
    yield connection


def test_answers_are_those_without_the_index(docs: psycopg.Connection) -> None:
    assert_same(docs)
    with docs.transaction(force_rollback=True):
        fill(docs, 150, 170)
        for table in ("plain", "indexed"):
            docs.execute(f"DELETE FROM {table} WHERE id % 5 = 0")
            docs.execute(f"UPDATE {table} SET body = 'cat dog' WHERE id % 7 = 0")
        assert_same(docs)
    assert_same(docs)


def test_explain_shows_the_index(docs: psycopg.Connection) -> None:
    def plan(where: str) -> str:
        return str(docs.execute(f"EXPLAIN SELECT id FROM indexed WHERE {where}").fetchall())

    assert "gin by_words" in plan("words @@ to_tsquery('english', 'cat & dog')")
    assert "gin by_body" in plan("to_tsvector('english', body) @@ plainto_tsquery('english', 'cat')")
    assert "gin" not in plan("to_tsvector('simple', body) @@ plainto_tsquery('english', 'cat')")
    assert "gin" not in plan("NOT words @@ 'cat'")
    analyzed = docs.execute(
        "EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM indexed WHERE words @@ 'nowhere'"
    ).fetchall()
    assert "rows: 0" in str(analyzed)


def test_an_index_made_later_holds_the_rows_there_are(docs: psycopg.Connection) -> None:
    docs.execute("DROP INDEX by_words")
    docs.execute("CREATE INDEX by_words ON indexed USING gin (words tsvector_ops)")
    assert_same(docs)
    docs.execute("CREATE INDEX ON plain USING gin ((to_tsvector('simple', title) || words))")
    with pytest.raises(psycopg.errors.InvalidObjectDefinition):
        docs.execute("CREATE INDEX ON plain USING gin (to_tsvector(body))")


def test_what_changes_rows_finds_them_by_the_index(docs: psycopg.Connection) -> None:
    for table in ("plain", "indexed"):
        docs.execute(f"DELETE FROM {table} WHERE words @@ 'cat & dog'")
        docs.execute(f"UPDATE {table} SET title = 'whale' WHERE words @@ 'fox'")
    assert_same(docs)
    counts = [
        docs.execute(f"SELECT count(*) FROM {table} WHERE words @@ 'whale:A'").fetchone()
        for table in ("plain", "indexed")
    ]
    assert counts[0] == counts[1] != (0,)


def test_a_restarted_server_finds_the_same(tmp_path: Path) -> None:
    first = LiveServer(tmp_path)
    with psycopg.connect(first.dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)
        fill(connection, 0, 60)
        connection.execute("CHECKPOINT")
        fill(connection, 60, 90)
    first.kill()
    second = LiveServer(tmp_path)
    try:
        with psycopg.connect(second.dsn, autocommit=True) as connection:
            assert_same(connection)
    finally:
        second.kill()
