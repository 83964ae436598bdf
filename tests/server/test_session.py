"""Statements over a real connection: what a client sees."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.queries import rows

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (
    id bigserial PRIMARY KEY, category text NOT NULL, body text, price numeric(10,2) CHECK (price > 0),
    embedding vector(3));
INSERT INTO items (category, body, price, embedding) VALUES
    ('fruit', 'red apple pie', 1.50, '[1,2,3]'), ('fruit', 'green apple', 2.25, '[4,5,6]'),
    ('sky', 'blue sky over apple trees', 3.00, '[1,1,1]'), ('sky', 'no vector here', NULL, NULL);
CREATE INDEX ON items USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON items USING bm25 (body);
"""


@pytest.fixture
def items(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(SCHEMA)
    return connection


def test_vectors_are_ordered_by_distance_with_null_last(items: psycopg.Connection) -> None:
    found = rows(items, "SELECT id FROM items ORDER BY embedding <-> '[1,1,1]' LIMIT 10")
    assert found == [(3,), (1,), (2,), (4,)]


def test_a_row_without_a_vector_is_not_taken_for_zeros(items: psycopg.Connection) -> None:
    items.execute("CREATE INDEX ON items USING hnsw (embedding vector_l2_ops)")
    found = rows(items, "SELECT id FROM items ORDER BY embedding <-> '[0,0,0]' LIMIT 4")
    assert found == [(3,), (1,), (2,), (4,)]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("<->", 5.196152422706632), ("<#>", -32.0), ("<=>", 0.025368153802923787), ("<+>", 9.0)],
)
def test_distances_are_pgvectors(
    connection: psycopg.Connection, operator: str, expected: float
) -> None:
    found = rows(connection, f"SELECT '[1,2,3]'::vector {operator} '[4,5,6]'::vector")
    assert found[0][0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("operator", ["<->", "<#>", "<=>", "<+>"])
def test_a_limit_is_honoured_under_a_filter(items: psycopg.Connection, operator: str) -> None:
    found = rows(
        items,
        f"SELECT category FROM items WHERE category = 'sky' ORDER BY embedding {operator} %s LIMIT 2",
        "[1,2,3]",
    )
    assert found == [("sky",), ("sky",)]


def test_bm25_orders_by_score_and_holds_only_matches(items: psycopg.Connection) -> None:
    found = rows(items, "SELECT id FROM items ORDER BY body <@> 'green apple' LIMIT 10")
    assert [row[0] for row in found] == [2, 1, 3]


def test_a_text_match_is_a_predicate(items: psycopg.Connection) -> None:
    sql = "SELECT id FROM items WHERE body @@@ %s ORDER BY id"
    assert rows(items, sql, "apple -green") == [(1,), (3,)]
    assert rows(items, sql, '"apple pie"') == [(1,)]
    assert rows(items, sql, "gre*") == [(2,)]
    assert rows(items, sql, "blue AND sky") == [(3,)]


def test_a_malformed_text_match_is_a_syntax_error(items: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        items.execute("SELECT id FROM items WHERE body @@@ '\"open'")


@pytest.mark.parametrize(
    "fusion",
    [
        "rrf(embedding <=> '[1,2,3]', body <@> 'apple')",
        "rrf(embedding <=> '[1,2,3]', body <@> 'apple', k => 10, weights => '{2,1}')",
        "relative_score(embedding <=> '[1,2,3]', body <@> 'apple')",
        "hybrid(embedding <=> '[1,2,3]', body <@> 'apple', alpha => 0.7)",
    ],
)
def test_fusion_is_one_statement(items: psycopg.Connection, fusion: str) -> None:
    sql = f"SELECT id, {fusion} AS score FROM items WHERE category = 'fruit' ORDER BY score DESC LIMIT 5"
    found = rows(items, sql)
    assert sorted(row[0] for row in found) == [1, 2]
    assert found[0][1] >= found[1][1] >= 0


def test_a_distance_predicate_is_a_range(items: psycopg.Connection) -> None:
    found = rows(items, "SELECT id FROM items WHERE embedding <-> '[1,1,1]' < 3 ORDER BY id")
    assert found == [(1,), (3,)]


def test_a_ranked_subquery_feeds_an_aggregate(items: psycopg.Connection) -> None:
    found = rows(
        items,
        "SELECT category, count(*) FROM (SELECT category FROM items ORDER BY embedding <=> '[1,2,3]' "
        "LIMIT 2) d GROUP BY category",
    )
    assert found == [("fruit", 2)]


def test_the_hand_written_fusion_works(items: psycopg.Connection) -> None:
    found = rows(
        items,
        """WITH v AS (SELECT id, RANK() OVER (ORDER BY embedding <=> %s) AS rank FROM items
                ORDER BY embedding <=> %s LIMIT 20),
             t AS (SELECT id, RANK() OVER (ORDER BY body <@> %s) AS rank FROM items
                ORDER BY body <@> %s LIMIT 20)
           SELECT coalesce(v.id, t.id) AS id,
                  coalesce(1.0 / (60 + v.rank), 0.0) + coalesce(1.0 / (60 + t.rank), 0.0) AS score
           FROM v FULL OUTER JOIN t ON v.id = t.id ORDER BY score DESC, id LIMIT 2""",
        "[1,2,3]", "[1,2,3]", "apple", "apple",
    )  # fmt: skip
    assert {row[0] for row in found} == {1, 2}


def test_joins_windows_and_ctes_run(items: psycopg.Connection) -> None:
    items.execute("CREATE TABLE names (category text PRIMARY KEY, label text)")
    items.execute("INSERT INTO names VALUES ('fruit', 'Fruit'), ('sky', 'Sky')")
    found = rows(
        items,
        "WITH top AS (SELECT i.*, row_number() OVER (PARTITION BY category ORDER BY id) AS n FROM items i) "
        "SELECT label, t.id FROM top t JOIN names USING (category) WHERE n = 1 ORDER BY label",
    )
    assert found == [("Fruit", 1), ("Sky", 3)]


def test_update_delete_and_returning(items: psycopg.Connection) -> None:
    assert rows(items, "UPDATE items SET price = price * 2 WHERE id = 1 RETURNING price")[0][0] == 3
    assert rows(items, "DELETE FROM items WHERE category = 'sky' RETURNING id") == [(3,), (4,)]
    assert rows(items, "SELECT id FROM items ORDER BY embedding <=> '[1,1,1]' LIMIT 5") == [(2,), (1,)]


def test_on_conflict(items: psycopg.Connection) -> None:
    items.execute(
        "INSERT INTO items (id, category, body) VALUES (1, 'new', 'x') "
        "ON CONFLICT (id) DO UPDATE SET category = excluded.category"
    )
    assert rows(items, "SELECT category, body FROM items WHERE id = 1") == [("new", "red apple pie")]
    done = items.execute("INSERT INTO items (id, category) VALUES (1, 'z') ON CONFLICT DO NOTHING")
    assert done.rowcount == 0


def test_own_writes_are_seen_in_every_scan_and_rolled_back(items: psycopg.Connection) -> None:
    items.execute("BEGIN")
    items.execute("INSERT INTO items (category, body, embedding) VALUES ('x', 'zebra', '[9,9,9]')")
    assert rows(items, "SELECT body FROM items ORDER BY embedding <-> '[9,9,9]' LIMIT 1") == [("zebra",)]
    assert rows(items, "SELECT category FROM items ORDER BY body <@> 'zebra' LIMIT 1") == [("x",)]
    items.execute("ROLLBACK")
    assert rows(items, "SELECT count(*) FROM items") == [(4,)]
    assert rows(items, "SELECT id FROM items ORDER BY body <@> 'zebra' LIMIT 1") == []


def test_savepoints(items: psycopg.Connection) -> None:
    items.execute("BEGIN")
    items.execute("SAVEPOINT a")
    items.execute("DELETE FROM items")
    items.execute("ROLLBACK TO a")
    items.execute("COMMIT")
    assert rows(items, "SELECT count(*) FROM items") == [(4,)]


@pytest.mark.parametrize(
    ("sql", "sqlstate", "position"),
    [
        ("SELECT 1 FORM x y", "42601", 15),
        ("SELECT nope FROM items", "42703", 8),
        ("SELECT * FROM nope", "42P01", 15),
        ("SELECT 'a'::int", "22P02", 8),
        ("SELECT 1/0", "22012", None),
        ("SELECT foo(1)", "42883", 8),
        ("INSERT INTO items (category, embedding) VALUES ('a', '[1,2]')", "22000", None),
        ("INSERT INTO items (category) VALUES (NULL)", "23502", None),
        ("INSERT INTO items (id, category) VALUES (1, 'a')", "23505", None),
        ("INSERT INTO items (category, price) VALUES ('a', -1)", "23514", None),
        ("SELECT id FROM items ORDER BY embedding <-> '[1,2]' LIMIT 1", "22000", None),
        ("SELECT '[1,a]'::vector", "22P02", 8),
        ("SELECT '[]'::vector", "22000", 8),
        ("CREATE INDEX ON items USING hnsw (embedding)", "42704", None),
        ("CREATE INDEX ON items USING hnsw (embedding vector_l2_ops) WITH (m = 101)", "22023", None),
        ("SET hnsw.ef_search = 5000", "22023", None),
        ("SET hnsw.nope = 1", "42602", None),
        ("SELECT category, price FROM items GROUP BY category", "42803", 18),
        ("CREATE TABLE items (id int)", "42P07", None),
        ("DROP TABLE nope", "42P01", None),
        ("SELECT category <@> 'x' FROM items", "55000", 17),
    ],
)
def test_bad_input_gets_postgresqls_error_and_the_connection_lives(
    items: psycopg.Connection, sql: str, sqlstate: str, position: int | None
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        items.execute(sql)
    assert caught.value.sqlstate == sqlstate
    if position is not None:
        assert caught.value.diag.statement_position == str(position)
    assert rows(items, "SELECT count(*) FROM items") == [(4,)]


def test_an_error_in_a_block_fails_it_until_its_end(items: psycopg.Connection) -> None:
    items.execute("BEGIN")
    with pytest.raises(psycopg.errors.UndefinedTable):
        items.execute("SELECT * FROM nope")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        items.execute("SELECT 1")
    items.execute("ROLLBACK")
    assert rows(items, "SELECT 1") == [(1,)]


def test_a_message_of_many_statements_is_one_transaction(items: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        items.execute("DELETE FROM items; SELECT 1/0")
    assert rows(items, "SELECT count(*) FROM items") == [(4,)]


def test_tenants_are_kept_apart(connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE TABLE notes (tenant text, id int, body text, embedding vector(2), "
        "PRIMARY KEY (tenant, id)) PARTITION BY TENANT (tenant)"
    )
    connection.execute("CREATE INDEX ON notes USING hnsw (embedding vector_l2_ops)")
    for tenant in ("acme", "zeta"):
        connection.execute("SET sqlvec.tenant = '" + tenant + "'")
        connection.execute("INSERT INTO notes (id, body, embedding) VALUES (1, %s, '[1,1]')", [tenant])
    sql = "SELECT tenant, body FROM notes ORDER BY embedding <-> '[1,1]' LIMIT 5"
    assert rows(connection, sql) == [("zeta", "zeta")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO notes (tenant, id) VALUES ('acme', 2)")
    connection.execute("RESET sqlvec.tenant")
    assert rows(connection, "SELECT body FROM notes WHERE tenant = 'acme'") == [("acme",)]
    assert len(rows(connection, sql)) == 2


def test_explain_tells_the_plan_as_text_and_json(items: psycopg.Connection) -> None:
    sql = "SELECT id FROM items WHERE category = 'sky' ORDER BY embedding <=> '[1,2,3]' LIMIT 2"
    text = "\n".join(row[0] for row in rows(items, f"EXPLAIN {sql}"))
    assert "hnsw scan items.embedding" in text
    assert "prefilter  where: category = 'sky'" in text
    document = rows(items, f"EXPLAIN (ANALYZE, RECALL, FORMAT JSON) {sql}")[0][0]
    assert document[0]["rows"] == 2
    assert document[0]["recall"] == 1.0


def test_settings_are_shown_set_and_reset(connection: psycopg.Connection) -> None:
    assert rows(connection, "SHOW hnsw.ef_search") == [("40",)]
    connection.execute("SET hnsw.ef_search = 100")
    assert rows(connection, "SELECT current_setting('hnsw.ef_search')") == [("100",)]
    connection.execute("RESET hnsw.ef_search")
    assert rows(connection, "SHOW hnsw.ef_search") == [("40",)]


def test_prepare_and_execute(items: psycopg.Connection) -> None:
    items.execute("PREPARE q (int) AS SELECT body FROM items WHERE id = $1")
    assert rows(items, "EXECUTE q(2)") == [("green apple",)]
    items.execute("DEALLOCATE q")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        items.execute("EXECUTE q(2)")


@pytest.mark.parametrize("options", ["", "(FORMAT csv, HEADER)", "(FORMAT binary)"])
def test_copy_out_reads_back_in(items: psycopg.Connection, options: str) -> None:
    with items.cursor().copy(f"COPY items TO STDOUT {options}") as copy:
        data = b"".join(bytes(piece) for piece in copy)
    items.execute("CREATE TABLE again (id bigint, category text, body text, price numeric(10,2), embedding vector(3))")
    with items.cursor().copy(f"COPY again FROM STDIN {options}") as copy:
        copy.write(data)
    assert rows(items, "SELECT * FROM again ORDER BY id") == rows(items, "SELECT * FROM items ORDER BY id")


def test_a_bad_copy_row_names_line_and_column(items: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
        with items.cursor().copy("COPY items (id, category) FROM STDIN") as copy:
            copy.write("10\ta\nx\tb\n")
    assert "line 2, column id" in str(caught.value.diag.context)
    assert rows(items, "SELECT count(*) FROM items") == [(4,)]


def test_alter_table_adds_and_drops_columns(items: psycopg.Connection) -> None:
    items.execute("ALTER TABLE items ADD COLUMN stock int DEFAULT 7")
    assert rows(items, "SELECT DISTINCT stock FROM items") == [(7,)]
    items.execute("ALTER TABLE items DROP COLUMN stock")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        items.execute("SELECT stock FROM items")


def test_a_dropped_table_is_gone(items: psycopg.Connection) -> None:
    items.execute("DROP TABLE items")
    with pytest.raises(psycopg.errors.UndefinedTable):
        items.execute("SELECT * FROM items")
