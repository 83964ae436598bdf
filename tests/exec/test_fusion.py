"""Fused, diversified and explained rankings, over a connection and beside a twin in plain Python."""

from __future__ import annotations

import math
import random
from collections import Counter

import psycopg
import pytest

from tests.harness.queries import ids, rows

SCHEMA = """
CREATE EXTENSION vector;
CREATE TABLE docs (id bigint PRIMARY KEY, kind text, title text, body text,
    embedding vector(3), other vector(2));
CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops);
CREATE INDEX ON docs USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX ON docs USING bm25 (title) WITH (text_config = 'simple');
CREATE VIEW fruit AS SELECT id, body AS words, embedding AS place FROM docs WHERE kind = 'fruit';
INSERT INTO docs VALUES
    (1, 'fruit', 'pie', 'red apple pie', '[1,2,3]', '[1,0]'),
    (2, 'fruit', 'green', 'green apple', '[4,5,6]', '[0,1]'),
    (3, 'sky', 'blue apple', 'blue sky over apple trees', '[1,1,1]', '[1,1]'),
    (4, 'sky', 'none', 'nothing of that', NULL, NULL),
    (5, 'sky', 'cloud', NULL, '[9,9,9]', '[2,2]');
"""
WORDS = ["apple", "pear", "plum", "tree", "sky"]


@pytest.fixture
def docs(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(SCHEMA)
    return connection


# ---------------------------------------------------------------- a twin


class Twin:
    """rrf and relative_score of rows (id, kind, body, embedding) by their definitions."""

    def __init__(self, docs: list[tuple[int, str, str | None, tuple[int, ...] | None]]) -> None:
        self.docs = docs
        self.terms = {d[0]: Counter((d[2] or "").split()) for d in docs}
        lengths = [c.total() for c in self.terms.values() if c]
        self.count = len(lengths)
        self.average = sum(lengths) / len(lengths) if lengths else 1.0

    def bm25(self, doc_id: int, query: str) -> float:
        terms = self.terms[doc_id]
        score = 0.0
        for term in query.split():
            frequency = sum(1 for counted in self.terms.values() if counted[term])
            if not terms[term]:
                continue
            idf = math.log(1 + (self.count - frequency + 0.5) / (frequency + 0.5))
            norm = 1.2 * (0.25 + 0.75 * terms.total() / self.average)
            score += idf * terms[term] / (terms[term] + norm)
        return score

    def legs(self, allowed: set[int], point: tuple[int, ...], query: str) -> list[list[tuple]]:
        """Of each leg (id, value), best first."""
        near = [
            (math.dist(d[3], point), d[0]) for d in self.docs if d[3] is not None and d[0] in allowed
        ]
        scored = [(-self.bm25(d[0], query), d[0]) for d in self.docs if d[0] in allowed]
        return [
            [(doc_id, value) for value, doc_id in sorted(near)],
            [(doc_id, value) for value, doc_id in sorted(scored) if value < 0],
        ]

    def fused(self, kind: str, legs: list[list[tuple]], weights: list[float]) -> dict[int, float]:
        scores: dict[int, float] = {}
        for leg, weight in zip(legs, weights, strict=True):
            values = [value for _, value in leg]
            for doc_id, value in leg:
                share = 1 / (60 + values.index(value) + 1)
                if kind == "relative_score":
                    width = values[-1] - values[0]
                    share = 1.0 if width == 0 else (values[-1] - value) / width
                scores[doc_id] = scores.get(doc_id, 0.0) + weight * share
        return scores


def make_docs(chance: random.Random, count: int) -> list[tuple]:
    numbers = chance.sample(range(1000), count)
    return [
        (
            number,
            chance.choice(["a", "b"]),
            chance.choice([None, " ".join(chance.choices(WORDS, k=chance.randint(1, 6)))]),
            chance.choice([None, tuple(chance.choices(range(-4, 5), k=3))]),
        )
        for number in numbers
    ]


def insert(connection: psycopg.Connection, table: str, made: list[tuple]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (id, kind, body, embedding) VALUES (%s, %s, %s, %s)",
            [(i, kind, body, None if e is None else str(list(e))) for i, kind, body, e in made],
        )


@pytest.mark.parametrize("seed", range(6))
def test_fused_scores_are_those_of_the_twin(docs: psycopg.Connection, seed: int) -> None:
    chance = random.Random(seed)
    docs.execute("DELETE FROM docs")
    made = make_docs(chance, 40)
    insert(docs, "docs", made)
    twin = Twin(made)
    point = tuple(chance.choices(range(-4, 5), k=3))
    query = " ".join(chance.sample(WORDS, 2))
    for kind, where in (("rrf", None), ("relative_score", None), ("rrf", "a"), ("relative_score", "b")):
        weights = [chance.choice([0.5, 1.0, 2.0]) for _ in range(2)]
        allowed = {d[0] for d in made if where in (None, d[1])}
        expected = twin.fused(kind, twin.legs(allowed, point, query), weights)
        call = f"{kind}(embedding <-> %s, body <@> %s, weights => %s, pool => 100)"
        filtered = "" if where is None else f"WHERE kind = '{where}'"
        sql = f"SELECT id, {call} AS s FROM docs {filtered} ORDER BY s DESC LIMIT 100"
        found = rows(docs, sql, str(list(point)), query, weights)
        assert dict(found) == pytest.approx(expected, abs=1e-6)
        order = [(-round(score, 9), doc_id) for doc_id, score in found]
        assert order == sorted(order)
        every = dict(rows(docs, f"SELECT id, {call} FROM docs {filtered}", str(list(point)), query, weights))
        assert every == pytest.approx({i: expected.get(i, 0.0) for i in allowed}, abs=1e-6)


@pytest.mark.parametrize("kind", ["rrf", "relative_score", "mmr"])
def test_pages_neither_repeat_nor_lose_a_row(docs: psycopg.Connection, kind: str) -> None:
    chance = random.Random(7)
    docs.execute("DELETE FROM docs")
    insert(docs, "docs", make_docs(chance, 60))
    call = f"{kind}(embedding <-> '[1,0,2]', body <@> 'apple sky', pool => 4)"
    if kind == "mmr":
        call = "mmr(rrf(embedding <-> '[1,0,2]', body <@> 'apple sky', pool => 4), pool => 5)"
    sql = f"SELECT id, {call} AS s FROM docs ORDER BY s DESC"
    whole = rows(docs, sql)
    assert len(whole) > 30
    for size in (1, 7, 20):
        pages = [
            row
            for start in range(0, len(whole) + size, size)
            for row in rows(docs, f"{sql} LIMIT {size} OFFSET {start}")
        ]
        assert pages == whole
    with docs.transaction():
        docs.execute(f"DECLARE c CURSOR FOR {sql}")
        fetched = []
        while some := rows(docs, "FETCH 9 FROM c"):
            fetched += some
    assert fetched == whole


def test_ties_go_by_key_and_not_by_the_order_of_writing(docs: psycopg.Connection) -> None:
    docs.execute("DELETE FROM docs")
    for number in (30, 10, 20):
        docs.execute("INSERT INTO docs (id, body, embedding) VALUES (%s, 'apple', '[1,1,1]')", (number,))
    docs.execute("UPDATE docs SET kind = 'moved' WHERE id = 10")
    sql = "SELECT id FROM docs ORDER BY rrf(embedding <-> '[1,1,1]', body <@> 'apple') DESC LIMIT 2"
    assert ids(docs, sql) == [10, 20]


# ---------------------------------------------------------------- legs


def test_any_number_of_legs(docs: psycopg.Connection) -> None:
    sql = """SELECT id, rrf(embedding <-> '[1,2,3]', other <=> '[1,0]', body <@> 'apple', title <@> 'pie',
        weights => '{1,2,3,4}') AS s FROM docs ORDER BY s DESC LIMIT 2"""
    found = rows(docs, sql)
    assert found[0] == (1, pytest.approx(1 / 61 + 2 / 61 + 3 / 62 + 4 / 61))
    two = "SELECT id FROM docs ORDER BY relative_score(embedding <-> '[1,2,3]', other <-> '[0,1]') DESC LIMIT 2"
    assert ids(docs, two) == [2, 3]
    texts = "SELECT id FROM docs ORDER BY rrf(title <@> 'apple', body <@> 'apple') DESC LIMIT 9"
    assert ids(docs, texts) == [3, 2, 1]


def test_a_row_that_no_leg_ranks_is_left_out_and_scores_nothing(docs: psycopg.Connection) -> None:
    call = "rrf(embedding <-> '[1,2,3]', body <@> 'apple')"
    assert sorted(ids(docs, f"SELECT id FROM docs ORDER BY {call} DESC LIMIT 10")) == [1, 2, 3, 5]
    assert rows(docs, f"SELECT id, {call} FROM docs WHERE id = 4") == [(4, 0.0)]


def test_a_leg_may_be_turned_around(docs: psycopg.Connection) -> None:
    plain = "SELECT id, rrf(embedding <=> '[1,2,3]', body <@> 'apple') AS s FROM docs {} ORDER BY s DESC LIMIT 5"
    expected = rows(docs, plain.format(""))
    for near in ("1 - (embedding <=> '[1,2,3]')", "(embedding <=> '[1,2,3]') * -1", "-(embedding <=> '[1,2,3]')"):
        for words in ("score(body @@@ 'apple')", "-(body <@> 'apple')", "bm25(body, 'apple')"):
            sql = f"SELECT id, rrf({near}, {words}) AS s FROM docs ORDER BY s DESC LIMIT 5"
            assert rows(docs, sql) == expected, sql
    scored = "SELECT id, rrf(embedding <=> '[1,2,3]', pdb.score(id)) AS s FROM docs WHERE body ||| 'apple' ORDER BY s DESC LIMIT 5"
    assert rows(docs, scored) == rows(docs, plain.format("WHERE body @@@ 'apple'"))
    for no_leg in ("(embedding <=> '[1,2,3]') - 1 - year", "abs(embedding <=> '[1,2,3]')"):
        with pytest.raises(psycopg.Error):
            rows(docs, f"SELECT id FROM docs ORDER BY rrf({no_leg}, body <@> 'apple') DESC LIMIT 5")


def test_hybrid_weighs_the_vector_leg_by_alpha(docs: psycopg.Connection) -> None:
    legs = "embedding <-> '[1,2,3]', body <@> 'green'"
    assert ids(docs, f"SELECT id FROM docs ORDER BY hybrid({legs}, alpha => 1) DESC LIMIT 1") == [1]
    assert ids(docs, f"SELECT id FROM docs ORDER BY hybrid({legs}, alpha => 0) DESC LIMIT 1") == [2]
    for alpha in (0.25, 0.5):
        sql = f"""SELECT id, hybrid({legs}, alpha => %s), relative_score({legs}, weights => %s)
            FROM docs ORDER BY id"""
        for _, one, other in rows(docs, sql, alpha, [alpha, 1 - alpha]):
            assert one == pytest.approx(other)
    sql = f"SELECT hybrid({legs}, fusion => 'rrf', k => 10), rrf({legs}, k => 10, weights => '{{.5,.5}}') FROM docs"
    for one, other in rows(docs, sql):
        assert one == pytest.approx(other)


def test_autocut_stops_at_a_jump_in_any_ranking(docs: psycopg.Connection) -> None:
    docs.execute("DELETE FROM docs")
    for number, place in enumerate([0, 0.1, 0.2, 7, 7.1, 7.2, 30, 30.1]):
        docs.execute(
            "INSERT INTO docs (id, body, embedding) VALUES (%s, %s, %s)",
            (number, "apple " * (8 - number), f"[{place},0,0]"),
        )
    call = "relative_score(embedding <-> '[0,0,0]', body <@> 'apple', weights => '{1,0}', autocut => %s)"
    sql = f"SELECT id FROM docs ORDER BY {call} DESC LIMIT 8"
    assert ids(docs, sql, 1) == [0, 1, 2]
    assert len(ids(docs, sql, 0)) == 8
    near = "SELECT id FROM docs ORDER BY embedding <-> '[0,0,0]' LIMIT %s"
    docs.execute("SET sqlvec.autocut = 1")
    assert ids(docs, near, 8) == [0, 1, 2]
    assert ids(docs, near, 2) == [0, 1]
    assert ids(docs, near + " OFFSET 2", 8) == [2]
    assert ids(docs, sql, 0) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_mmr_prefers_what_is_unlike(docs: psycopg.Connection) -> None:
    docs.execute("DELETE FROM docs")
    for number, place in enumerate(["[1,0,0]", "[1,0.01,0]", "[0.8,0.6,0]", "[0,0,1]"]):
        docs.execute("INSERT INTO docs (id, body, embedding) VALUES (%s, 'apple', %s)", (number, place))
    plain = "SELECT id FROM docs ORDER BY embedding <=> '[1,0,0]' LIMIT 2"
    assert ids(docs, plain) == [0, 1]
    diverse = "SELECT id FROM docs ORDER BY mmr(embedding <=> '[1,0,0]', balance => %s) DESC LIMIT 2"
    assert ids(docs, diverse, 0.6) == [0, 1]
    assert ids(docs, diverse, 0.4) == [0, 3]
    assert ids(docs, diverse, 1) == [0, 1]
    assert ids(docs, diverse, 0) == [0, 3]
    fused = "mmr(rrf(embedding <=> '[1,0,0]', body <@> 'apple'))"
    assert ids(docs, f"SELECT id FROM docs ORDER BY {fused} DESC LIMIT 9")[0] == 0
    assert "diversify" in rows(docs, f"EXPLAIN SELECT id FROM docs ORDER BY {fused} DESC LIMIT 9")[1][0]


# ---------------------------------------------------------------- explanation


def test_explain_score_adds_up(docs: psycopg.Connection) -> None:
    legs = "embedding <-> '[1,2,3]', body <@> 'apple pie'"
    for call in (f"rrf({legs}, weights => '{{2,1}}')", f"relative_score({legs})", f"rrf({legs}, pool => 1)"):
        sql = f"SELECT id, {call} AS s, explain_score() FROM docs ORDER BY s DESC LIMIT 3"
        for doc_id, score, why in rows(docs, sql):
            assert why["score"] == score
            assert why["fusion"] == call.partition("(")[0]
            assert sum(leg["share"] for leg in why["legs"]) == pytest.approx(score)
            assert [leg["leg"] for leg in why["legs"]] == ["embedding <-> '[1,2,3]'", "body <@> 'apple pie'"]
            for leg in why["legs"]:
                if leg["rank"] is not None:
                    assert leg["share"] == pytest.approx(leg["weight"] * leg["normalised"])
            (distance, text) = rows(
                docs, "SELECT embedding <-> '[1,2,3]', body <@> 'apple pie' FROM docs WHERE id = %s", doc_id
            )[0]
            raw = [leg["raw"] for leg in why["legs"]]
            assert raw[0] in (None, distance)
            assert raw[1] in (None, text)


def test_explain_score_tells_the_terms(docs: psycopg.Connection) -> None:
    sql = "SELECT id, explain_score() FROM docs ORDER BY body <@> 'apple pie' LIMIT 1"
    ((doc_id, why),) = rows(docs, sql)
    terms = {term["term"]: term for term in why["legs"][0]["terms"]}
    assert (doc_id, sorted(terms)) == (1, ["apple", "pie"])
    assert (terms["apple"]["tf"], terms["apple"]["length"]) == (1, 3)
    assert terms["apple"]["idf"] == pytest.approx(math.log(1 + 1.5 / 3.5))
    assert terms["pie"]["idf"] == pytest.approx(math.log(1 + 3.5 / 1.5))
    average = (3 + 2 + 5 + 3) / 4
    norm = 1.2 * (0.25 + 0.75 * 3 / average)
    score = sum(t["idf"] * t["tf"] / (t["tf"] + norm) for t in terms.values())
    assert why["score"] == pytest.approx(-score, rel=1e-6)


def test_explain_score_is_jsonb_wherever_it_stands(docs: psycopg.Connection) -> None:
    sql = """WITH best AS (SELECT id, explain_score() AS why FROM docs
        ORDER BY rrf(embedding <-> '[1,2,3]', body <@> 'apple') DESC LIMIT 3)
        SELECT id, why->'legs'->0->>'rank', jsonb_typeof(why) FROM best ORDER BY id"""
    assert rows(docs, sql) == [(1, "1", "object"), (2, "3", "object"), (3, "2", "object")]
    named = "SELECT explain_score(embedding <-> '[1,2,3]')->'score' FROM docs ORDER BY id"
    assert rows(docs, named)[0] == (0,)
    plain = "SELECT explain_score()->>'score' FROM docs ORDER BY embedding <-> '[1,2,3]' LIMIT 1"
    assert rows(docs, plain) == [("0.0",)]
    of = "SELECT explain_score() FROM docs ORDER BY mmr(rrf(embedding <-> '[1,2,3]', body <@> 'apple')) DESC LIMIT 1"
    assert rows(docs, of)[0][0]["of"]["fusion"] == "rrf"


# ---------------------------------------------------------------- composition


CALL = "rrf(embedding <-> '[1,2,3]', body <@> 'apple')"
BEST = f"SELECT id, {CALL} AS s FROM docs ORDER BY s DESC, id"


def test_fusion_means_the_same_wherever_it_stands(docs: psycopg.Connection) -> None:
    expected = rows(docs, f"{BEST} LIMIT 3")
    assert [row[0] for row in expected] == [1, 2, 3]
    for sql in (
        f"WITH f AS ({BEST} LIMIT 3) SELECT * FROM f ORDER BY s DESC, id",
        f"SELECT * FROM (SELECT id, {CALL} AS s FROM docs) f ORDER BY s DESC, id LIMIT 3",
        f"SELECT * FROM (SELECT id, {CALL} AS s FROM docs) f WHERE s > 0.02 ORDER BY s DESC, id LIMIT 3",
        f"SELECT d.id, f.s FROM docs d JOIN ({BEST} LIMIT 3) f USING (id) ORDER BY s DESC, id",
        f"SELECT a.id, {CALL.replace('embedding', 'a.embedding').replace('body', 'a.body')} AS s "
        "FROM docs a JOIN docs b USING (id) ORDER BY s DESC, a.id LIMIT 3",
        f"SELECT id, max({CALL}) AS s FROM docs GROUP BY id ORDER BY s DESC, id LIMIT 3",
    ):
        assert rows(docs, sql) == expected, sql
    docs.execute(f"PREPARE p (vector, text) AS {BEST.replace(chr(39) + '[1,2,3]' + chr(39), '$1').replace(chr(39) + 'apple' + chr(39), '$2')} LIMIT 3")
    assert rows(docs, "EXECUTE p ('[1,2,3]', 'apple')") == expected


def test_fusion_over_a_view_ranks_the_views_rows(docs: psycopg.Connection) -> None:
    sql = "SELECT id, rrf(place <-> '[4,5,6]', words <@> 'apple') AS s FROM fruit ORDER BY s DESC LIMIT 5"
    table = "SELECT id, rrf(embedding <-> '[4,5,6]', body <@> 'apple') AS s FROM docs WHERE kind = 'fruit' ORDER BY s DESC LIMIT 5"
    assert rows(docs, sql) == rows(docs, table)
    assert ids(docs, sql) == [2, 1]
    assert "fuse rrf" in str(rows(docs, f"EXPLAIN {sql}"))


def test_a_subquery_in_where_filters_before_the_ranking(docs: psycopg.Connection) -> None:
    plain = f"SELECT id, {CALL} AS s FROM docs WHERE kind = 'sky' ORDER BY s DESC LIMIT 5"
    for where in (
        "id IN (SELECT id FROM docs WHERE kind = 'sky')",
        "kind = (SELECT max(kind) FROM docs)",
        "EXISTS (SELECT 1 FROM docs o WHERE o.id = docs.id AND o.kind = 'sky')",
    ):
        sql = f"SELECT id, {CALL} AS s FROM docs WHERE {where} ORDER BY s DESC LIMIT 5"
        assert rows(docs, sql) == rows(docs, plain), where
        assert rows(docs, f"WITH f AS ({sql}) SELECT * FROM f ORDER BY s DESC") == rows(docs, plain), where


def test_a_lateral_subquery_is_ranked_for_each_row(docs: psycopg.Connection) -> None:
    docs.execute("CREATE TABLE asked (n int, place vector(3), words text)")
    docs.execute("INSERT INTO asked VALUES (1, '[1,2,3]', 'apple'), (2, '[9,9,9]', 'sky'), (3, NULL, NULL)")
    inner = "SELECT id, rrf(embedding <-> a.place, body <@> a.words) AS s FROM docs d WHERE d.id > 1 ORDER BY s DESC LIMIT 2"
    found = rows(docs, f"SELECT n, id, s FROM asked a, LATERAL ({inner}) x ORDER BY n, s DESC, id")
    expected = []
    for n, place, words in (1, "[1,2,3]", "apple"), (2, "[9,9,9]", "sky"):
        one = inner.replace("a.place", f"'{place}'").replace("a.words", f"'{words}'")
        expected += [(n, *row) for row in sorted(rows(docs, one), key=lambda row: (-row[1], row[0]))]
    assert found == expected
    left = rows(docs, f"SELECT n, id FROM asked a LEFT JOIN LATERAL ({inner}) x ON true WHERE n > 1 ORDER BY n, s DESC")
    assert left == [(2, 3), (2, 5), (3, None)]
    assert "for each row" in str(rows(docs, f"EXPLAIN SELECT n FROM asked a, LATERAL ({inner}) x"))


def test_a_score_is_the_same_for_a_row_found_by_its_key(docs: psycopg.Connection) -> None:
    every = dict(rows(docs, "SELECT id, body <@> 'apple' FROM docs"))
    for doc_id, score in every.items():
        assert rows(docs, "SELECT body <@> 'apple' FROM docs WHERE id = %s", doc_id) == [(score,)]
        sql = "SELECT a.body <@> 'apple' FROM docs a JOIN docs b USING (id) WHERE a.id = %s"
        assert rows(docs, sql, doc_id) == [(score,)]


# ---------------------------------------------------------------- visible rows


STATEMENTS = (
    "SELECT id, rrf(embedding <-> '[1,0,2]', body <@> 'apple sky', pool => 99) AS s FROM {} {} ORDER BY s DESC, id LIMIT 30",
    "SELECT id, relative_score(embedding <-> '[1,0,2]', body <@> 'apple sky', pool => 99) AS s FROM {} {} ORDER BY s DESC, id LIMIT 30",
    "SELECT id, body <@> 'apple sky' AS s FROM {} {} ORDER BY s, id LIMIT 30",
    "SELECT id, rrf(embedding <-> '[1,0,2]', body <@> 'apple sky', pool => 99) AS s FROM {} {}",
)


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_a_table_of_just_the_visible_rows(
    docs: psycopg.Connection, seed: int
) -> None:
    """Filtered, of one tenant, and in a transaction with changes of its own."""
    chance = random.Random(seed)
    docs.execute(
        """CREATE TABLE parts (tenant text, id bigint, kind text, body text, embedding vector(3),
            PRIMARY KEY (tenant, id)) PARTITION BY TENANT (tenant);
        CREATE INDEX ON parts USING hnsw (embedding vector_l2_ops);
        CREATE INDEX ON parts USING bm25 (body) WITH (text_config = 'simple')"""
    )
    for tenant in ("acme", "other"):
        docs.execute(f"SET sqlvec.tenant = '{tenant}'")
        insert(docs, "parts", make_docs(chance, 50))
    docs.execute("SET sqlvec.tenant = 'acme'")
    docs.execute("DELETE FROM parts WHERE id % 5 = 0")
    with docs.transaction(force_rollback=True):
        docs.execute("UPDATE parts SET body = body || ' sky' WHERE id % 3 = 0")
        docs.execute("DELETE FROM parts WHERE id % 7 = 0")
        insert(docs, "parts", [(i + 1000, *rest) for i, *rest in make_docs(chance, 10)])
        docs.execute(
            """CREATE TABLE fresh (id bigint PRIMARY KEY, kind text, body text, embedding vector(3));
            INSERT INTO fresh SELECT id, kind, body, embedding FROM parts ORDER BY md5(id::text);
            CREATE INDEX ON fresh USING bm25 (body) WITH (text_config = 'simple')"""
        )
        assert 20 < rows(docs, "SELECT count(*) FROM fresh")[0][0] < 60
        for where in ("", "WHERE kind = 'a'", "WHERE id % 2 = 0"):
            for statement in STATEMENTS:
                found = dict(rows(docs, statement.format("parts", where)))
                expected = dict(rows(docs, statement.format("fresh", where)))
                assert found == pytest.approx(expected), (statement, where)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "state", "words", "at"),
    [
        ("rrf(embedding <-> '[1,2,3]')", "42601", "at least two legs", "rrf"),
        ("rrf(id, body <@> 'x')", "22023", "distances or text scores", "rrf"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', depth => 3)", "22023", 'option "depth"', "depth"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', pool => 0)", "22023", "out of bounds", "pool"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', k => -1)", "22023", "out of bounds", "k =>"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', pool => NULL)", "22004", "null", "pool"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', weights => '{1}')", "22023", "1 weights", "weights"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', weights => '{1,-2}')", "22023", "negative", "weights"),
        ("rrf(embedding <-> '[1,2,3]', body <@> 'x', weights => '{1,NaN}')", "22023", "finite", "weights"),
        ("relative_score(embedding <-> '[1,2,3]', body <@> 'x', k => 3)", "22023", 'option "k"', "k =>"),
        ("hybrid(body <@> 'x', embedding <-> '[1,2,3]')", "22023", "in this order", "hybrid"),
        ("hybrid(embedding <-> '[1,2,3]', body <@> 'x', alpha => 2)", "22023", "out of bounds", "alpha"),
        ("hybrid(embedding <-> '[1,2,3]', body <@> 'x', fusion => 'sum')", "22023", '"sum"', "fusion"),
        ("rrf('[1]'::vector <-> '[2]', body <@> 'x')", "22023", "one and the same table", "rrf"),
        ("mmr(body <@> 'x')", "22023", "between vectors", "mmr"),
        ("mmr(embedding <-> '[1,2,3]', other <-> '[1,2]')", "42601", "one leg", "mmr"),
        ("explain_score(1)", "22023", "a distance", "explain_score"),
        ("explain_score()", "42P10", "ranks by nothing", None),
    ],
)
def test_what_cannot_be_ranked_is_an_error_with_its_place(
    docs: psycopg.Connection, call: str, state: str, words: str, at: str | None
) -> None:
    sql = f"SELECT {call} FROM docs"
    with pytest.raises(psycopg.Error) as caught:
        docs.execute(sql)
    assert caught.value.sqlstate == state
    assert words in str(caught.value.diag.message_primary)
    position = caught.value.diag.statement_position
    assert position == (None if at is None else str(sql.index(at) + 1))


def test_what_is_wrong_only_when_run_is_an_error_too(docs: psycopg.Connection) -> None:
    sql = f"SELECT {CALL[:-1]}, pool => %s, weights => %s) FROM docs"
    for pool, weights, state in ((0, [1.0, 1.0], "22023"), (5, [1.0], "22023"), (None, [1.0, 1.0], "22004")):
        with psycopg.connect(docs.info.dsn, autocommit=True) as fresh:
            with pytest.raises(psycopg.Error) as caught:
                fresh.execute(sql, (pool, weights)).fetchall()
            assert caught.value.sqlstate == state
            assert fresh.execute("SELECT 1").fetchone() == (1,)


def test_a_fused_score_is_not_allowed_in_where(docs: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="not allowed in WHERE") as caught:
        docs.execute(f"SELECT id FROM docs WHERE {CALL} > 0")
    assert caught.value.sqlstate == "42P20"
    assert "subquery" in str(caught.value.diag.message_hint)


def test_legs_against_another_tables_columns_are_sent_to_lateral(docs: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        docs.execute("SELECT rrf(a.embedding <-> b.embedding, a.body <@> b.body) FROM docs a, docs b")
    assert "LATERAL" in str(caught.value.diag.message_hint)


def test_a_nan_or_missing_query_ranks_nothing(docs: psycopg.Connection) -> None:
    sql = "SELECT id FROM docs ORDER BY rrf(embedding <-> NULL, body <@> 'apple') DESC LIMIT 9"
    assert ids(docs, sql) == [2, 1, 3]
    assert ids(docs, sql.replace("'apple'", "NULL")) == []


