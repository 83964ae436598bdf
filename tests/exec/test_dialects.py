"""ParadeDB's and pg_textsearch's SQL, as their documentations have it."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.queries import ids

ITEMS = """
CREATE EXTENSION vector; CREATE EXTENSION pg_search;
CREATE TABLE items (id serial PRIMARY KEY, description text, category text, rating int, embedding vector(3));
INSERT INTO items (description, category, rating, embedding) VALUES
    ('Ergonomic metal keyboard', 'Electronics', 4, '[1,2,3]'), ('Plastic Keyboard', 'Electronics', 4, '[3,2,1]'),
    ('Sleek running shoes', 'Footwear', 5, '[1,1,1]'), ('White jogging shoes', 'Footwear', 3, '[5,1,1]'),
    ('Generic shoes', 'Footwear', 4, '[0,1,1]'), (NULL, 'Toys', 1, NULL);
CREATE INDEX search_idx ON items USING bm25 (id, description, (category::pdb.literal), rating) WITH (key_field='id');
"""
DOCUMENTS = """
CREATE EXTENSION pg_textsearch;
CREATE TABLE documents (id bigserial PRIMARY KEY, content text, title text);
INSERT INTO documents (content, title) VALUES ('PostgreSQL is a powerful database system', 'a'),
    ('BM25 is an effective ranking function', 'b'), ('Full text search with custom scoring', 'c');
CREATE INDEX docs_idx ON documents USING bm25(content) WITH (text_config='english', k1=1.5, b=0.8);
CREATE INDEX titles_idx ON documents USING bm25(title) WITH (text_config='simple');
"""


@pytest.fixture
def items(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(ITEMS)
    return connection


@pytest.fixture
def documents(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(DOCUMENTS)
    return connection


# ---------------------------------------------------------------- ParadeDB


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("description ||| 'running shoes'", [3, 4, 5]),
        ("description &&& 'running shoes'", [3]),
        ("description === 'shoes'", [3, 4, 5]),
        ("description === 'Shoes'", []),
        ("description === ARRAY['white', 'keyboard']", [1, 2, 4]),
        ("description ### 'running shoes'", [3]),
        ("description ### 'sleek shoes'", []),
        ("description ### 'sleek shoes'::pdb.slop(1)", [3]),
        ("description ### ARRAY['running', 'shoes']", [3]),
        ("description ||| 'runing shose'::pdb.fuzzy(2)", [3, 4, 5]),
        ("description &&& 'runing shose'::pdb.fuzzy(2)", [3]),
        ("description === 'shose'::pdb.fuzzy(1)", [3, 4, 5]),
        ("description ||| 'key'::pdb.fuzzy(0, t)", [1, 2]),
        ("description ||| 'white'::pdb.boost(3)", [4]),
        ("description ||| 'White Metal'::pdb.whitespace", [1, 4]),
        ("description ||| 'White Metal'::pdb.simple", [1, 4]),
        ("description &&& 'metal keyboard'::pdb.simple", [1]),
        ("category === 'Footwear'", [3, 4, 5]),
        ("category === ARRAY['Toys', 'Electronics']", [1, 2, 6]),
        ("category === 'Footwear' AND description ||| 'white' AND rating > 2", [4]),
        ("description @@@ 'keyboard OR white'", [1, 2, 4]),
        ("description @@@ pdb.parse('shoes AND (', lenient => true)", [3, 4, 5]),
        ("description @@@ pdb.parse('metal keyboard', conjunction_mode => true)", [1]),
        ("description @@@ pdb.phrase(ARRAY['sleek', 'shoes'], 1)", [3]),
        ("description @@@ pdb.term('white')", [4]),
        ("description @@@ pdb.term_set(ARRAY['white', 'metal'])", [1, 4]),
        ("description @@@ pdb.match_conjunction('metal keyboard')", [1]),
        ("id @@@ 'description:keyboard'", [1, 2]),
        ("id @@@ pdb.all()", [1, 2, 3, 4, 5, 6]),
        ("id @@@ pdb.empty()", []),
        ("id @@@ pdb.more_like_this(3)", [3, 4, 5]),
        ("id @@@ paradedb.exists('description')", [1, 2, 3, 4, 5]),
        ("id @@@ paradedb.term('description', 'shoes')", [3, 4, 5]),
        ("id @@@ paradedb.match('description', 'running shoes')", [3, 4, 5]),
        ("id @@@ paradedb.match('description', 'running shoes', conjunction_mode => true)", [3]),
        ("id @@@ paradedb.match(field => 'description', value => 'runing', distance => 1)", [3]),
        ("id @@@ paradedb.phrase('description', ARRAY['sleek', 'shoes'], slop => 1)", [3]),
        ("id @@@ paradedb.fuzzy_term('description', 'shoez')", [3, 4, 5]),
        ("id @@@ paradedb.fuzzy_term('description', 'shoez', distance => 0)", []),
        ("id @@@ paradedb.parse('description:shoes AND description:white')", [4]),
        ("id @@@ paradedb.parse_with_field('description', 'shoes AND white')", [4]),
        ("id @@@ paradedb.term_set(ARRAY[paradedb.term('description', 'white'), paradedb.term('description', 'metal')])", [1, 4]),
        ("id @@@ paradedb.disjunction_max(ARRAY[paradedb.term('description', 'white'), paradedb.empty()])", [4]),
        ("id @@@ paradedb.const_score(2, paradedb.term('description', 'white'))", [4]),
        (
            "id @@@ paradedb.boolean(must => ARRAY[paradedb.term('description', 'shoes')], "
            "must_not => ARRAY[paradedb.term('description', 'white')])",
            [3, 5],
        ),
        ("id @@@ paradedb.boolean(should => ARRAY[paradedb.term('description', 'white')])", [4]),
        ("NOT description ||| 'shoes' AND id < 4", [1, 2]),
    ],
)  # fmt: skip
def test_paradedbs_conditions(items: psycopg.Connection, condition: str, expected: list[int]) -> None:
    assert ids(items, f"SELECT id FROM items WHERE {condition} ORDER BY id") == expected


def test_a_condition_takes_parameters(items: psycopg.Connection) -> None:
    sql = "SELECT id FROM items WHERE description ||| %s ORDER BY pdb.score(id) DESC LIMIT 2"
    assert ids(items, sql, "running shoes")[0] == 3
    sql = "SELECT id FROM items WHERE description ||| %s::pdb.fuzzy(1) ORDER BY id"
    assert ids(items, sql, "shose") == [3, 4, 5]
    sql = "SELECT id FROM items WHERE id @@@ paradedb.boolean(must => ARRAY[paradedb.term('description', %s)]) ORDER BY id"
    assert ids(items, sql, "white") == [4]
    items.execute("PREPARE p (text) AS SELECT id FROM items WHERE description &&& $1 ORDER BY id")
    assert ids(items, "EXECUTE p ('plastic keyboard')") == [2]
    assert ids(items, "EXECUTE p (NULL)") == []


def test_scores_are_those_of_the_conditions(items: psycopg.Connection) -> None:
    sql = "SELECT id, pdb.score(id) FROM items WHERE description ||| 'running shoes' ORDER BY pdb.score(id) DESC LIMIT 5"
    found = items.execute(sql).fetchall()
    assert [row[0] for row in found] == [3, 5, 4]
    own = dict(items.execute("SELECT id, description <@> 'running shoes' FROM items").fetchall())
    for doc_id, score in found:
        assert score == pytest.approx(-own[doc_id], rel=1e-6)
    assert "bm25 scan" in str(items.execute(f"EXPLAIN {sql}").fetchall())
    legacy = sql.replace("pdb.score", "paradedb.score")
    assert items.execute(legacy).fetchall() == found
    both = """SELECT id, pdb.score(id) FROM items WHERE description ||| 'shoes' OR description ||| 'keyboard'::pdb.boost(2)
        ORDER BY 2 DESC, id LIMIT 2"""
    boosted = items.execute(both).fetchall()
    plain = dict(items.execute(both.replace("boost(2)", "boost(1)").replace("LIMIT 2", "")).fetchall())
    assert [row[0] for row in boosted] == [2, 1]
    assert [row[1] for row in boosted] == pytest.approx([2 * plain[2], 2 * plain[1]], rel=1e-6)
    constant = "SELECT pdb.score(id) FROM items WHERE description ||| 'shoes'::pdb.const(7)"
    assert ids(items, constant) == [7.0, 7.0, 7.0]


def test_what_only_should_match_scores_more(items: psycopg.Connection) -> None:
    sql = """SELECT id FROM items WHERE id @@@ paradedb.boolean(
        must => ARRAY[paradedb.term('description', 'shoes')],
        should => ARRAY[paradedb.boost(2, paradedb.term('description', 'white'))]) ORDER BY paradedb.score(id) DESC"""
    assert ids(items, sql) == [4, 5, 3]


def test_snippets_mark_what_was_found(items: psycopg.Connection) -> None:
    sql = "SELECT pdb.snippet(description) FROM items WHERE {} ORDER BY id LIMIT 1"
    assert ids(items, sql.format("description ||| 'shoes'")) == ["Sleek running <b>shoes</b>"]
    assert ids(items, sql.format("id @@@ paradedb.match('description', 'running')")) == ["Sleek <b>running</b> shoes"]
    assert ids(items, sql.format("description ||| 'shose'::pdb.fuzzy(1)")) == ["Sleek running <b>shoes</b>"]
    tagged = "SELECT paradedb.snippet(description, start_tag => '<i>', end_tag => '</i>', max_num_chars => 8) FROM items WHERE description ||| 'plastic'"
    assert ids(items, tagged) == ["<i>Plastic</i>"]
    either = "SELECT pdb.snippet(description) FROM items WHERE description ||| 'plastic' OR rating = 3 ORDER BY id"
    assert ids(items, either) == ["<b>Plastic</b> Keyboard", None]


def test_a_vector_search_beside_pdb_all_is_ranked(items: psycopg.Connection) -> None:
    sql = "SELECT id FROM items WHERE id @@@ pdb.all() ORDER BY embedding <=> '[1,2,3]', id LIMIT 3"
    assert ids(items, sql) == [1, 5, 3]
    assert "prefilter  rows" in str(items.execute(f"EXPLAIN ANALYZE {sql}").fetchall())


def test_paradedbs_documentation_of_hybrid_search_is_a_fusion_scan(items: psycopg.Connection) -> None:
    sql = """WITH text AS (
            SELECT id, RANK() OVER (ORDER BY pdb.score(id) DESC) AS rank FROM items
            WHERE description ||| 'running shoes' ORDER BY pdb.score(id) DESC LIMIT 20
        ), vector AS (
            SELECT id, RANK() OVER (ORDER BY embedding <=> '[1,2,3]') AS rank FROM items
            WHERE id @@@ pdb.all() ORDER BY embedding <=> '[1,2,3]' LIMIT 20
        ), fused AS (
            SELECT id, 1.0 / (60 + rank) AS score FROM text UNION ALL SELECT id, 0.7 / (60 + rank) FROM vector
        ) SELECT items.id, SUM(score) AS score, description FROM fused JOIN items USING (id)
        GROUP BY items.id, description ORDER BY score DESC LIMIT 5"""
    found = items.execute(sql).fetchall()
    assert found[0][0] == 3
    assert "fusion scan" in str(items.execute(f"EXPLAIN {sql}").fetchall())
    items.execute("SET sqlvec.enable_fusion_rewrite = off")
    assert items.execute(sql).fetchall() == found


def test_an_index_definition_tells_the_tokenizers(connection: psycopg.Connection) -> None:
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b text, c text, d text, n int)")
    connection.execute(
        """CREATE INDEX i ON t USING paradedb (id, a, (b::pdb.simple('stemmer=english')), (c::pdb.ngram(2, 3)), d, n)
        WITH (key_field = 'id', text_fields = '{"d": {"tokenizer": {"type": "whitespace"}}}', numeric_fields = '{"n": {}}')"""
    )
    assert notices == ['column "n" of type integer is filtered without the index']
    definition = connection.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'i'").fetchone()
    assert definition is not None
    assert "text_config='simple, english, ngram(2,3), whitespace'" in definition[0]
    connection.execute("INSERT INTO t VALUES (1, 'Runs', 'Runs', 'Runs', 'Runs', 5)")
    for column, word, matches in (
        ("a", "run", False), ("b", "running", True), ("c", "un", True), ("d", "runs", True), ("d", "run", False),
    ):  # fmt: skip
        found = ids(connection, f"SELECT id FROM t WHERE {column} ||| %s AND n > 4", word)
        assert found == [1] * matches, (column, word)
    assert ids(connection, "SELECT 'Running Shoes'::pdb.simple('stemmer=english')::text[]") == [["run", "shoe"]]


@pytest.mark.parametrize(
    ("statement", "state", "words"),
    [
        ("SELECT id FROM items WHERE id @@@ paradedb.term('nope', 'x')", "42703", 'no text column "nope"'),
        ("SELECT pdb.score(id) FROM items", "42P10", "none"),
        ("SELECT pdb.snippet(description) FROM items WHERE id = 1", "42P10", "pdb.snippet"),
        ("SELECT id FROM items WHERE description ||| 'x'::pdb.slop(2)", "22023", "does not go with |||"),
        ("SELECT id FROM items WHERE description ||| 'x'::pdb.fuzzy(5)", "22023", "between 0 and 2"),
        ("SELECT id FROM items WHERE description ||| 'x'::pdb.boost(5000)", "22023", "boost"),
        ("SELECT id FROM items WHERE description ||| 'x'::pdb.nope(5)", "42704", "pdb.nope"),
        ("SELECT id FROM items WHERE rating ||| 'x'", "42883", "operator does not exist"),
        ("SELECT id FROM items WHERE id @@@ pdb.regex('x.*')", "0A000", "pdb.regex"),
        ("SELECT id FROM items WHERE id @@@ pdb.nope('x')", "42883", "pdb.nope"),
        ("SELECT id FROM items WHERE id @@@ paradedb.match('description')", "42883", "'value'"),
        ("SELECT id FROM items WHERE id @@@ paradedb.match('description', 'a', lang => 'b')", "42883", '"lang"'),
        ("SELECT id FROM items WHERE id @@@ paradedb.parse('a AND')", "42601", "text query"),
        ("CREATE INDEX ON items USING bm25 (id, description) WITH (key_field = 'other')", "22023", "key_field"),
        ("CREATE INDEX ON items USING bm25 (id, nope) WITH (key_field = 'id')", "42703", "nope"),
        ("CREATE INDEX ON items USING bm25 (id, description) WITH (key_field = 'id', text_fields = '{oops')", "22023", "text_fields"),
        ("CREATE INDEX ON items USING bm25 (id, (description::pdb.regex_pattern('x'))) WITH (key_field = 'id')", "0A000", "regex_pattern"),
    ],
)  # fmt: skip
def test_what_paradedb_would_refuse_or_we_do_not_have(
    items: psycopg.Connection, statement: str, state: str, words: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        items.execute(statement)
    assert caught.value.sqlstate == state
    assert words in str(caught.value)
    assert ids(items, "SELECT 1") == [1]


# ---------------------------------------------------------------- pg_textsearch


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("'database system'", 1),
        ("to_bm25query('database system', 'docs_idx')", 1),
        ("to_bm25query('docs_idx', 'ranking')", 2),
        ("to_bm25query('scoring')", 3),
        ("'docs_idx:custom scoring'::bm25query", 3),
        ("'custom scoring'::bm25query", 3),
        ("'unknown:custom'::bm25query", 3),
    ],
)
def test_pg_textsearchs_queries(documents: psycopg.Connection, query: str, expected: int) -> None:
    sql = f"SELECT id, content <@> {query} AS score FROM documents ORDER BY content <@> {query} LIMIT 5"
    ((doc_id, score),) = documents.execute(sql).fetchall()
    assert doc_id == expected
    assert score < 0
    where = f"SELECT id FROM documents WHERE content <@> {query} < -0.1"
    assert ids(documents, where) == [expected]


def test_a_query_may_be_a_parameter(documents: psycopg.Connection) -> None:
    sql = "SELECT id FROM documents ORDER BY content <@> %s::bm25query LIMIT 5"
    assert ids(documents, sql, "docs_idx:database") == [1]
    assert ids(documents, sql, "ranking") == [2]
    assert ids(documents, "SELECT id FROM documents ORDER BY content <@> to_bm25query(%s, 'docs_idx') LIMIT 5", "custom") == [3]
    assert documents.execute("SELECT 'docs_idx:a'::bm25query, to_bm25query('b', 'docs_idx')").fetchall() == [
        ("docs_idx:a", "docs_idx:b")
    ]


@pytest.mark.parametrize(
    ("query", "state", "words"),
    [
        ("to_bm25query('x', 'nope')", "42P01", 'index "nope" does not exist'),
        ("to_bm25query('x', 'titles_idx')", "55000", 'not over column "content"'),
        ("to_bm25query('x', 'documents_pkey')", "42809", "not a bm25 index"),
        ("to_bm25query('x', 'docs_idx', 1)", "42883", "to_bm25query"),
    ],
)
def test_an_index_that_does_not_fit_is_an_error(
    documents: psycopg.Connection, query: str, state: str, words: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        documents.execute(f"SELECT id FROM documents ORDER BY content <@> {query} LIMIT 5")
    assert caught.value.sqlstate == state
    assert words in str(caught.value)
    assert caught.value.diag.statement_position is not None
