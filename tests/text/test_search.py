"""BM25 in SQL: the query syntax, fields, scores, marks and what bad input gets."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.queries import ids, rows

SCHEMA = """
CREATE TABLE docs (id int PRIMARY KEY, kind text, title text, body text);
INSERT INTO docs VALUES
    (1, 'a', 'red cats', 'the quick brown fox jumps over the lazy dog'),
    (2, 'b', 'dogs', 'a lazy dog sleeps; cats do not'),
    (3, 'a', 'foxes and dogs', 'quick quick foxes of the forest'),
    (4, 'b', NULL, 'database systems'),
    (5, 'a', 'databases', NULL);
CREATE INDEX docs_text ON docs USING bm25 (title, body) WITH (weights = '2,1');
"""


@pytest.fixture
def docs(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(SCHEMA)
    return connection


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("lazy fox", [1, 2, 3]),
        ("body:fox", [1, 3]),
        ("title:dogs body:database", [2, 3, 4]),
        ('"lazy dog"', [1, 2]),
        ('"quick fox"', [3]),
        ('"quick fox"~1', [1, 3]),
        ("fox -lazy", [3]),
        ("NOT dog AND NOT cat", [4, 5]),
        ("data*", [4, 5]),
        ("foks~1", [1, 3]),
        ("title:(cat OR dog) AND lazy^2", [1, 2]),
        ("IN [sleeps forest]", [2, 3]),
        ("(quick lazy brown)~2", [1]),
        ("the of", []),
    ],
)
@pytest.mark.parametrize("shape", ["{}", "({} OR false)", "{} AND id IN (SELECT id FROM docs)"])
def test_the_query_syntax(
    docs: psycopg.Connection, query: str, expected: list[int], shape: str
) -> None:
    where = shape.format("(title, body) @@@ %s")
    assert ids(docs, f"SELECT id FROM docs WHERE {where} ORDER BY id", query) == expected


def test_a_malformed_query_says_where(docs: psycopg.Connection) -> None:
    for query, place in (('lazy "dog', 6), ("lazy AND", 9), ("(lazy", 1), ("dog~9", 4)):
        with pytest.raises(psycopg.errors.SyntaxError) as raised:
            docs.execute("SELECT id FROM docs WHERE (title, body) @@@ %s", (query,))
        diagnostic = raised.value.diag
        assert diagnostic.internal_query == query
        assert diagnostic.internal_position == str(place)
        assert ids(docs, "SELECT id FROM docs ORDER BY (title, body) <@> %s LIMIT 9", query)


def test_a_query_of_stop_words_only_is_noted(docs: psycopg.Connection) -> None:
    noted: list[str] = []
    docs.add_notice_handler(lambda diagnostic: noted.append(diagnostic.message_primary or ""))
    for sql in (
        "SELECT id FROM docs WHERE body @@@ 'the of'",
        "SELECT id FROM docs ORDER BY (title, body) <@> 'the of' LIMIT 3",
    ):
        assert rows(docs, sql) == []
    assert noted == ["text-search query contains only stop words or doesn't contain lexemes, ignored"] * 2
    rows(docs, "SELECT id FROM docs WHERE body @@@ 'the fox'")
    assert len(noted) == 2


def test_an_unknown_configuration_lists_those_there_are(docs: psycopg.Connection) -> None:
    docs.execute("CREATE TABLE empty (body text)")
    for sql in (
        "CREATE INDEX ON empty USING bm25 (body) WITH (text_config = 'klingon')",
        "ALTER INDEX docs_text SET (text_config = 'klingon')",
        "SELECT * FROM sqlvec.analyze('klingon', 'x')",
    ):
        with pytest.raises(psycopg.errors.InvalidParameterValue) as raised:
            docs.execute(sql)
        assert "klingon" in str(raised.value)
        assert "english" in (raised.value.diag.message_hint or ""), sql
    assert rows(docs, "SELECT count(*) FROM docs WHERE title @@@ 'cat'") == [(1,)]


@pytest.mark.parametrize(
    "options",
    ["k1 = 99", "b = 2", "bm25_stats = 'all'", "positions = 'maybe'", "weights = '1,2,3'", "weights = '0,1'",
     "text_config = 'english, simple, german'", "text_config = 'ngram(5,2)'", "fillfactor = 1"],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(docs: psycopg.Connection, options: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        docs.execute(f"CREATE INDEX other ON docs USING bm25 (title, body) WITH ({options})")
    assert rows(docs, "SELECT to_regclass('other') IS NULL") == [(True,)]


def test_analyze_shows_the_terms(connection: psycopg.Connection) -> None:
    found = rows(connection, "SELECT * FROM sqlvec.analyze('english', 'The Running dogs')")
    assert found == [(1, "the", None), (2, "running", "run"), (3, "dogs", "dog")]
    sql = "SELECT array_agg(term ORDER BY position) FROM sqlvec.analyze(%s, %s)"
    assert rows(connection, sql, "edge_ngram(2,3)", "Café") == [(["ca", "caf"],)]
    assert rows(connection, sql, "cjk", "数据库 Index") == [(["数据", "据库", "index"],)]


def test_weights_decide_between_fields(docs: psycopg.Connection) -> None:
    assert ids(docs, "SELECT id FROM docs ORDER BY (title, body) <@> 'dog' LIMIT 3") == [2, 3, 1]
    sql = "SELECT id FROM docs ORDER BY bm25((title, body), 'cat', weights => '{%s}') LIMIT 2"
    assert ids(docs, sql % "100,0.01") == [1, 2]
    assert ids(docs, sql % "0.01,100") == [2, 1]
    own = rows(docs, "SELECT id, (title, body) <@> 'dog' FROM docs ORDER BY id")
    given = rows(docs, "SELECT id, bm25((title, body), 'dog', weights => '{2,1}') FROM docs ORDER BY id")
    assert own == given
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        docs.execute("SELECT bm25((title, body), 'dog', weights => '{1}') FROM docs")


def test_a_column_of_several_is_searched_alone(docs: psycopg.Connection) -> None:
    assert ids(docs, "SELECT id FROM docs ORDER BY title <@> 'dog' LIMIT 9") == [2, 3]
    before = rows(docs, "SELECT id, body <@> 'dog' FROM docs ORDER BY id")
    docs.execute("CREATE INDEX ON docs USING bm25 (body)")
    assert rows(docs, "SELECT id, body <@> 'dog' FROM docs ORDER BY id") == before
    plan = str(rows(docs, "EXPLAIN SELECT id FROM docs ORDER BY body <@> 'dog' LIMIT 1"))
    assert "docs_body_idx" in plan


def test_the_score_of_a_match_is_a_column(docs: psycopg.Connection) -> None:
    sql = """SELECT id, score((title, body) @@@ %(q)s) AS s FROM docs
        WHERE (title, body) @@@ %(q)s ORDER BY s DESC, id"""
    found = docs.execute(sql, {"q": "fox^3 OR (lazy AND dog)"}).fetchall()
    assert [row[0] for row in found] == [3, 1, 2] and found[0][1] > found[1][1] > found[2][1] > 0
    top = ids(docs, "SELECT id FROM docs ORDER BY score((title, body) @@@ 'fox^3 lazy') DESC LIMIT 2")
    assert top == [3, 1]
    plain = "SELECT id, score(body @@@ 'lazy dog'), -(body <@> 'lazy dog') FROM docs"
    assert all(a == b for _, a, b in rows(docs, plain))


def test_facets_count_what_matches(docs: psycopg.Connection) -> None:
    sql = """SELECT kind, count(*), max(score((title, body) @@@ 'dog fox')) > 0 FROM docs
        WHERE (title, body) @@@ 'dog fox' GROUP BY kind ORDER BY kind"""
    assert rows(docs, sql) == [("a", 2, True), ("b", 1, True)]


def test_more_like_this_by_text_and_by_key(docs: psycopg.Connection) -> None:
    docs.execute("INSERT INTO docs SELECT i, 'c', 'filler', 'other words ' || i FROM generate_series(10, 40) i")
    sql = "SELECT id FROM docs WHERE more_like_this((title, body), %s) ORDER BY id"
    assert ids(docs, sql, "quick foxes and a lazy dog") == [1, 2, 3]
    assert ids(docs, "SELECT id FROM docs WHERE more_like_this(body, key => 3) ORDER BY id") == [1, 3]
    assert ids(docs, "SELECT id FROM docs WHERE more_like_this(body, key => 99)") == []
    scored = ids(docs, "SELECT id FROM docs ORDER BY score(more_like_this(body, key => 3)) DESC LIMIT 2")
    assert scored == [3, 1]


@pytest.mark.parametrize("shape", ["{}", "max({})"])
def test_highlights_and_snippets(docs: psycopg.Connection, shape: str) -> None:
    def one(call: str, row: int) -> str:
        sql = f"SELECT {shape.format(call)} FROM docs WHERE id = {row}"
        return rows(docs, sql)[0][0]

    assert one("highlight(title, 'cat')", 1) == "red <b>cats</b>"
    assert one("highlight(body, '\"lazy dog\" -fox')", 2) == "a <b>lazy</b> <b>dog</b> sleeps; cats do not"
    assert one("highlight(body, 'qu* foks~1', start_tag => '[', end_tag => ']')", 3) == (
        "[quick] [quick] [foxes] of the forest"
    )
    assert one("highlight(title, 'cat \"')", 1) == "red <b>cats</b>"
    assert one("snippet(body, 'lazy', max_num_chars => 20)", 1) == "...over the <b>lazy</b> dog"
    assert one("highlight(body, 'cat')", 5) is None


def test_matches_inside_a_transaction_see_its_own_rows(docs: psycopg.Connection) -> None:
    with docs.transaction(force_rollback=True):
        docs.execute("INSERT INTO docs VALUES (6, 'a', 'new fox', 'nothing'), (7, 'a', 'x', 'y')")
        docs.execute("DELETE FROM docs WHERE id = 3")
        assert ids(docs, "SELECT id FROM docs WHERE (title, body) @@@ 'fox' ORDER BY id") == [1, 6]
        inside = rows(docs, "SELECT id, (title, body) <@> 'fox' FROM docs ORDER BY id")
    docs.execute("INSERT INTO docs VALUES (6, 'a', 'new fox', 'nothing'), (7, 'a', 'x', 'y')")
    docs.execute("DELETE FROM docs WHERE id = 3")
    assert rows(docs, "SELECT id, (title, body) <@> 'fox' FROM docs ORDER BY id") == inside
    assert ids(docs, "SELECT id FROM docs WHERE (title, body) @@@ 'fox' ORDER BY id") == [1, 6]


def test_large_documents_and_queries_are_bounded(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE large (id int, body text)")
    connection.execute("CREATE INDEX ON large USING bm25 (body)")
    document = "alpha beta gamma delta " * (10_000_000 // 23)
    connection.execute("INSERT INTO large VALUES (1, %s), (2, 'beta')", (document,))
    assert ids(connection, "SELECT id FROM large WHERE body @@@ 'gamma AND \"beta gamma\"'") == [1]
    query = " ".join(f"w{i}" for i in range(10_000)) + " beta"
    assert ids(connection, "SELECT id FROM large ORDER BY body <@> %s LIMIT 5", query) == [1, 2]
    assert ids(connection, "SELECT id FROM large WHERE body @@@ %s ORDER BY id", query) == [1, 2]
    with pytest.raises(psycopg.errors.StatementTooComplex):
        connection.execute("SELECT id FROM large WHERE body @@@ %s", ("(" * 100_000,))


def test_a_row_that_no_longer_fits_an_index_of_the_past_is_no_concern_of_it(
    connection: psycopg.Connection,
) -> None:
    connection.execute("CREATE TABLE changed (id int PRIMARY KEY, body text)")
    connection.execute("CREATE INDEX changed_body ON changed USING bm25 (body)")
    connection.execute("INSERT INTO changed VALUES (1, '5')")
    for sql in (
        "BEGIN",
        "DROP INDEX changed_body",
        "ALTER TABLE changed ALTER COLUMN body TYPE int USING body::int",
        "INSERT INTO changed VALUES (2, 7)",
        "COMMIT",
    ):
        connection.execute(sql)
    assert rows(connection, "SELECT body + 1 FROM changed ORDER BY id") == [(6,), (8,)]


def test_a_changed_configuration_indexes_anew_in_the_background(docs: psycopg.Connection) -> None:
    sql = "SELECT id FROM docs WHERE body @@@ 'jump'"
    assert ids(docs, sql) == [1]
    docs.execute("ALTER INDEX docs_text SET (text_config = 'simple, ngram(3,4)')")
    while ids(docs, "SELECT id FROM docs WHERE title @@@ 'cat'"):  # "cats" is stemmed no more
        docs.execute("SELECT pg_sleep(0.02)")
    assert ids(docs, "SELECT id FROM docs WHERE body @@@ 'atabas'") == [4]
    assert ids(docs, "SELECT id FROM docs ORDER BY title <@> 'cats' LIMIT 3") == [1]
    docs.execute("ALTER INDEX docs_text RESET (text_config)")
    while not ids(docs, "SELECT id FROM docs WHERE title @@@ 'cat'"):
        docs.execute("SELECT pg_sleep(0.02)")
    assert ids(docs, sql) == [1]


TENANTS = """
CREATE TABLE {name} (tenant text, id int, body text, PRIMARY KEY (tenant, id)) PARTITION BY TENANT (tenant);
CREATE INDEX ON {name} USING bm25 (body) WITH (bm25_stats = '{scope}');
INSERT INTO {name} VALUES ('a', 1, 'cat'), ('a', 2, 'cat dog'), ('a', 3, 'bird'), ('b', 1, 'cat fish fish'),
    ('b', 2, 'cat');
"""


def test_statistics_are_the_tenants_or_the_tables(connection: psycopg.Connection) -> None:
    for name, scope in (("own", "tenant"), ("shared", "table")):
        connection.execute(TENANTS.format(name=name, scope=scope))
    twin = """CREATE TABLE twin (tenant text, id int, body text);
        INSERT INTO twin SELECT * FROM own WHERE {}; CREATE INDEX ON twin USING bm25 (body)"""
    for name, where in (("own", "tenant = 'a'"), ("shared", "true")):
        connection.execute(twin.format(where))
        sql = "SELECT id, round((body <@> 'cat dog')::numeric, 9) FROM {} WHERE tenant = 'a' ORDER BY id"
        assert rows(connection, sql.format(name)) == rows(connection, sql.format("twin"))
        best = "SELECT id FROM {} WHERE tenant = 'a' ORDER BY body <@> 'cat dog' LIMIT 9"
        assert ids(connection, best.format(name)) == ids(connection, best.format("twin")) == [2, 1]
        connection.execute("DROP TABLE twin")
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL sqlvec.tenant = 'b'")
        assert ids(connection, "SELECT id FROM own ORDER BY body <@> 'cat' LIMIT 9") == [2, 1]
