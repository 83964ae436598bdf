"""Fusions written by hand: recognised, and answered as if they had not been."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from tests.harness.live_server import LiveServer

VECTOR = "embedding <=> %(vector)s"
DOCUMENT = "to_tsvector('english', body)"
NEAR = f"SELECT id, RANK() OVER (ORDER BY {VECTOR}) AS r FROM docs ORDER BY {VECTOR} LIMIT 20"
WORDS = "SELECT id, RANK() OVER (ORDER BY body <@> %(text)s) AS r FROM docs ORDER BY body <@> %(text)s LIMIT 20"
LISTS = f"WITH a AS ({NEAR}), b AS ({WORDS})"
SCORE = "COALESCE(1.0 / (60 + a.r), 0.0) + COALESCE(1.0 / (60 + b.r), 0.0)"
FORMS = {
    "pgvector's documentation": f"""
        WITH semantic_search AS (
            SELECT id, RANK () OVER (ORDER BY {VECTOR}) AS rank FROM docs ORDER BY {VECTOR} LIMIT 20
        ), keyword_search AS (
            SELECT id, RANK () OVER (ORDER BY ts_rank_cd({DOCUMENT}, query) DESC)
            FROM docs, plainto_tsquery('english', %(word)s) query WHERE {DOCUMENT} @@ query
            ORDER BY ts_rank_cd({DOCUMENT}, query) DESC LIMIT 20
        ) SELECT COALESCE(semantic_search.id, keyword_search.id) AS id,
            COALESCE(1.0 / (%(k)s + semantic_search.rank), 0.0) +
            COALESCE(1.0 / (%(k)s + keyword_search.rank), 0.0) AS score
        FROM semantic_search FULL OUTER JOIN keyword_search ON semantic_search.id = keyword_search.id
        ORDER BY score DESC, 1 LIMIT 5""",
    "ParadeDB's documentation": f"""
        WITH text AS (
            SELECT id, RANK() OVER (ORDER BY body <@> %(text)s) AS rank FROM docs
            ORDER BY body <@> %(text)s LIMIT 20
        ), vector AS ({NEAR}), fused AS (
            SELECT id, 1.0 / (60 + rank) AS score FROM text
            UNION ALL SELECT id, 0.7 / (60 + r) FROM vector
        ) SELECT docs.id, docs.lexname, SUM(fused.score) AS score FROM fused JOIN docs USING (id)
        GROUP BY docs.id, docs.lexname ORDER BY score DESC, docs.id LIMIT 5""",
    "ParadeDB's older documentation": f"""
        WITH bm25_ranked AS (
            SELECT id, RANK() OVER (ORDER BY score) AS rank FROM (
                SELECT id, body <@> %(text)s AS score FROM docs ORDER BY body <@> %(text)s LIMIT 20) s
        ), semantic_search AS ({NEAR})
        SELECT COALESCE(semantic_search.id, bm25_ranked.id) AS id,
            COALESCE(1.0 / (60 + semantic_search.r), 0.0) + COALESCE(1.0 / (60 + bm25_ranked.rank), 0.0) AS score,
            docs.lexname
        FROM semantic_search FULL OUTER JOIN bm25_ranked ON semantic_search.id = bm25_ranked.id
        JOIN docs ON docs.id = COALESCE(semantic_search.id, bm25_ranked.id)
        ORDER BY score DESC, docs.id LIMIT 5""",
    "row numbers and USING": f"""
        WITH a AS (SELECT id, ROW_NUMBER() OVER (ORDER BY {VECTOR}, id) AS r FROM docs WHERE lexname = 'noun.animal'
            ORDER BY r LIMIT 15),
        b AS (SELECT id, ROW_NUMBER() OVER (ORDER BY body <@> %(text)s, id) AS r FROM docs ORDER BY r LIMIT 15)
        SELECT id, coalesce(0.7 / (60 + a.r), 0) + coalesce(0.3 / (60 + b.r), 0) AS s, a.r, b.r
        FROM a FULL JOIN b USING (id) ORDER BY s DESC, id LIMIT 10 OFFSET 3""",
    "a sum over UNION ALL": f"""
        {LISTS} SELECT id, sum(1.0 / (60 + r)) AS s FROM (SELECT id, r FROM a UNION ALL SELECT id, r FROM b) u
        GROUP BY id ORDER BY s DESC, id LIMIT 10""",
    "a sum in WITH": f"""
        {LISTS}, fused AS (SELECT id, sum(1.0::float8 / (60 + r)) AS score
            FROM (SELECT * FROM a UNION ALL SELECT * FROM b) u GROUP BY id)
        SELECT d.id, d.lexname, f.score FROM fused f JOIN docs d ON d.id = f.id
        ORDER BY f.score DESC, d.id LIMIT 5""",
    "three lists": f"""
        {LISTS}, c AS (SELECT id, DENSE_RANK() OVER (ORDER BY embedding <-> %(vector)s) AS r FROM docs
            ORDER BY embedding <-> %(vector)s LIMIT 9)
        SELECT COALESCE(a.id, b.id, c.id) AS id, {SCORE} + COALESCE(1.0 / (60 + c.r), 0.0) AS score
        FROM a FULL OUTER JOIN b ON a.id = b.id FULL OUTER JOIN c ON COALESCE(a.id, b.id) = c.id
        ORDER BY score DESC, 1 LIMIT 30""",
    "subqueries in FROM": f"""
        SELECT COALESCE(a.id, b.id) AS id, {SCORE} AS score FROM ({NEAR}) a FULL JOIN ({WORDS}) b ON b.id = a.id
        ORDER BY score DESC, 1""",
}
NOT_RECOGNISED = {
    "a left join": f"{LISTS} SELECT a.id, {SCORE} AS s FROM a LEFT JOIN b ON a.id = b.id ORDER BY s DESC, 1",
    "lists without a limit": f"{LISTS.replace('LIMIT 20', '')} SELECT a.id FROM a FULL JOIN b ON a.id = b.id ORDER BY 1 LIMIT 3",
    "a rank by something else": f"""WITH a AS (SELECT id, RANK() OVER (ORDER BY id) AS r FROM docs ORDER BY {VECTOR} LIMIT 5),
        b AS ({WORDS}) SELECT coalesce(a.id, b.id), a.r FROM a FULL JOIN b ON a.id = b.id ORDER BY 1""",
    "other aggregates": f"""{LISTS} SELECT id, count(*) FROM (SELECT id, r FROM a UNION ALL SELECT id, r FROM b) u
        GROUP BY id ORDER BY 2 DESC, 1 LIMIT 5""",
}


@pytest.fixture(scope="module")
def docs(wordnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """The first 2,000 rows of WordNet."""
    live = LiveServer(tmp_path_factory.mktemp("fusion"))
    vectors = np.load(wordnet / "vectors_f16.npy", mmap_mode="r")
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute(
            "CREATE TABLE docs (id bigint PRIMARY KEY, lexname text, body text, embedding vector(384))"
        )
        with (
            gzip.open(wordnet / "docs.jsonl.gz", "rt") as lines,
            connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int8", "text", "text", "vector"])
            for line, vector in zip(lines, vectors[:2_000], strict=False):
                doc = json.loads(line)
                body = ", ".join(doc["lemmas"]) + ": " + doc["gloss"]
                copy.write_row([doc["id"], doc["lexname"], body, vector.astype(np.float32)])
        connection.execute("CREATE INDEX ON docs USING bm25 (body)")
        yield connection
    assert live.stop() == 0


def answers(docs: psycopg.Connection, sql: str, asked: dict[str, object]) -> tuple[list, list, str]:
    """Recognised, as written, and the plan of the first."""
    docs.execute("SET sqlvec.enable_fusion_rewrite = off")
    written = docs.execute(sql, asked).fetchall()
    assert "fusion scan" not in str(docs.execute(f"EXPLAIN {sql}", asked).fetchall())
    docs.execute("SET sqlvec.enable_fusion_rewrite = on")
    plan = str(docs.execute(f"EXPLAIN {sql}", asked).fetchall())
    return docs.execute(sql, asked).fetchall(), written, plan


def questions(wordnet: Path, count: int) -> list[dict[str, object]]:
    asked = [json.loads(line)["text"] for line in (wordnet / "queries.jsonl").read_text().splitlines()]
    vectors = np.load(wordnet / "queries_f32.npy")
    chance = random.Random(5)
    words = ["animal", "body", "act", "water", "person"]
    return [
        {"vector": vectors[i], "text": f"{asked[i]} {chance.choice(words)}", "word": chance.choice(words), "k": 60}
        for i in range(count)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_recognised_is_answered_as_written(
    docs: psycopg.Connection, wordnet: Path, form: str
) -> None:
    for asked in questions(wordnet, 5):
        found, written, plan = answers(docs, FORMS[form], asked)
        assert found == written
        assert [[type(value) for value in row] for row in found] == [
            [type(value) for value in row] for row in written
        ]
        assert len(found) >= 5
        assert "fusion scan" in plan


@pytest.mark.parametrize("form", NOT_RECOGNISED)
def test_what_is_no_fusion_is_left_alone(
    docs: psycopg.Connection, wordnet: Path, form: str
) -> None:
    found, written, plan = answers(docs, NOT_RECOGNISED[form], questions(wordnet, 1)[0])
    assert found == written
    assert "fusion scan" not in plan


def test_a_key_that_repeats_is_joined_as_written(docs: psycopg.Connection, wordnet: Path) -> None:
    sql = """WITH a AS (SELECT lexname, RANK() OVER (ORDER BY embedding <=> %(vector)s) AS r FROM docs
            ORDER BY embedding <=> %(vector)s LIMIT 6),
        b AS (SELECT lexname, RANK() OVER (ORDER BY body <@> %(text)s) AS r FROM docs
            ORDER BY body <@> %(text)s LIMIT 6)
        SELECT lexname, a.r, b.r FROM a FULL JOIN b USING (lexname) ORDER BY 1, 2, 3"""
    found, written, plan = answers(docs, sql, questions(wordnet, 1)[0])
    assert found == written
    assert "fusion scan" in plan
    assert len(found) > len({row[0] for row in found})


def test_a_value_in_two_places_is_two_parameters(docs: psycopg.Connection, wordnet: Path) -> None:
    """As drivers number them; with other values in the second place it is another query."""
    sql = f"{LISTS} SELECT COALESCE(a.id, b.id) AS id, {SCORE} AS s FROM a FULL JOIN b ON a.id = b.id ORDER BY s DESC, 1"
    asked, other = questions(wordnet, 2)
    by_place = sql.replace("%(vector)s", "%s").replace("%(text)s", "%s")
    placed = [asked["vector"], asked["vector"], asked["text"], asked["text"]]
    expected = docs.execute(sql, asked).fetchall()
    assert docs.execute(by_place, placed).fetchall() == expected
    assert "fusion scan" in str(docs.execute(f"EXPLAIN {by_place}", placed).fetchall())
    placed[0], placed[2] = other["vector"], other["text"]
    found = docs.execute(by_place, placed).fetchall()
    docs.execute("SET sqlvec.enable_fusion_rewrite = off")
    assert docs.execute(by_place, placed).fetchall() == found
    docs.execute("SET sqlvec.enable_fusion_rewrite = on")
    assert found != expected


def test_scores_are_numeric_with_postgres_scale(docs: psycopg.Connection, wordnet: Path) -> None:
    sql = f"{LISTS} SELECT a.id, 1.0 / (60 + a.r), a.r FROM a FULL JOIN b ON a.id = b.id ORDER BY a.r LIMIT 1"
    (row,) = docs.execute(sql, questions(wordnet, 1)[0]).fetchall()
    assert row[1:] == (Decimal("0.01639344262295081967"), 1)
    assert str(row[1]) == "0.01639344262295081967"


def test_own_rows_and_a_cursor_are_seen(docs: psycopg.Connection, wordnet: Path) -> None:
    asked = questions(wordnet, 1)[0]
    sql = f"{LISTS} SELECT COALESCE(a.id, b.id) AS id, {SCORE} AS s FROM a FULL JOIN b ON a.id = b.id ORDER BY s DESC, 1"
    with docs.transaction(force_rollback=True):
        docs.execute("INSERT INTO docs VALUES (-1, 'own', %(text)s, %(vector)s)", asked)
        whole = docs.execute(sql, asked).fetchall()
        assert whole[0] == (-1, Decimal("0.03278688524590163934"))
        docs.execute(f"DECLARE c CURSOR FOR {sql}", asked)
        fetched = [row for _ in range(9) for row in docs.execute("FETCH 7 FROM c")]
        assert fetched == whole
    assert docs.execute(sql, asked).fetchall() != whole
