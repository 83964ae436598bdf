"""Reading as of a time, through every kind of scan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlvec import types
from tests.harness.world import HOUR_US, START_US, World, world

MINUTE_US = 60_000_000
SCANS = {
    "all rows": "SELECT id, title FROM {docs} ORDER BY id",
    "a key": "SELECT title FROM {docs} WHERE id = 2",
    "a range": "SELECT id FROM {docs} WHERE id BETWEEN 2 AND 9 ORDER BY id",
    "a column": "SELECT id FROM {docs} WHERE title = 'blue fish' ORDER BY id",
    "an expression": "SELECT id FROM {docs} WHERE length(title) + id > 9 ORDER BY id",
    "vectors": "SELECT id, v <-> '[2,0]' FROM {docs} ORDER BY v <-> '[2,0]' LIMIT 3",
    "vectors under a filter": "SELECT id FROM {docs} WHERE id <> 2 ORDER BY v <-> '[2,0]' LIMIT 3",
    "vectors without a graph": "SELECT id, v <=> '[2,1]' FROM {docs} ORDER BY v <=> '[2,1]' LIMIT 3",
    "half vectors": "SELECT id FROM {docs} ORDER BY v::halfvec(2) <#> '[1,3]' LIMIT 3",
    "text": "SELECT id, title <@> 'red fish' FROM {docs} ORDER BY title <@> 'red fish' LIMIT 3",
    "a match": "SELECT id FROM {docs} WHERE title @@@ 'fish' ORDER BY id",
    "fusion": "SELECT id, rrf(v <-> '[2,0]', title <@> 'red') AS s FROM {docs} ORDER BY s DESC, id LIMIT 4",
    "groups": "SELECT title, count(*), sum(id) FROM {docs} GROUP BY title ORDER BY title",
    "a ranked part": "SELECT count(*) FROM (SELECT id FROM {docs} ORDER BY v <-> '[2,0]' LIMIT 2) AS near",
    "a semi-join": "SELECT id FROM {docs} WHERE id IN (SELECT n FROM few) ORDER BY v <-> '[9,9]' LIMIT 5",
}
ROWS = "INSERT INTO docs VALUES (1, 'red fish', '[1,0]'), (2, 'blue fish', '[2,0]'), (3, 'red bird', '[3,1]')"


def make_tables(place: World) -> None:
    place.sql("CREATE EXTENSION vector; CREATE TABLE docs (id int PRIMARY KEY, title text, v vector(2))")
    place.sql("CREATE INDEX ON docs USING hnsw (v vector_l2_ops)")
    place.sql("CREATE INDEX ON docs USING hnsw ((v::halfvec(2)) halfvec_ip_ops)")
    place.sql("CREATE INDEX ON docs USING bm25 (title)")
    place.sql("CREATE TABLE few AS SELECT generate_series(1, 3) AS n")


@pytest.fixture
def docs(tmp_path: Path) -> Iterator[World]:
    """Three rows; a minute later two are changed, one is deleted, and many come."""
    with world(tmp_path, retention_us=HOUR_US, segments_merged=2, dead_nodes_min=1) as place:
        make_tables(place)
        place.sql(ROWS)
        place.pass_time(10)
        place.sql("UPDATE docs SET title = 'green fish', v = '[8,8]' WHERE id = 2")
        place.sql("DELETE FROM docs WHERE id = 3")
        place.sql("INSERT INTO docs SELECT i, 'red red fish', '[2,0]' FROM generate_series(4, 40) i")
        yield place


def test_every_scan_shows_what_was_there(docs: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    with world(tmp_path_factory.mktemp("then")) as then:
        make_tables(then)
        then.sql(ROWS)
        expected = {name: then.sql(sql.format(docs="docs")) for name, sql in SCANS.items()}
    past = "docs FOR SYSTEM_TIME AS OF '-5 minutes'"
    for step in ("fresh", "flushed", "restarted"):
        found = {name: docs.sql(sql.format(docs=past)) for name, sql in SCANS.items()}
        assert found == expected, step
        docs.sql("SET sqlvec.as_of = '-5 minutes'")
        found = {name: docs.sql(sql.format(docs="docs")) for name, sql in SCANS.items()}
        assert found == expected, f"{step}, the session"
        docs.sql("RESET sqlvec.as_of")
        assert docs.sql("SELECT count(*) FROM docs") == [(39,)]
        docs.maintain() if step == "fresh" else docs.reopen()


@pytest.mark.parametrize(
    "time",
    [
        "'-5 minutes'", "'2026-01-01 10:05'", "'2026-01-01 12:05+02'", "timestamp '2026-01-01 10:05'",
        "timestamptz '2026-01-01 10:05:00+00'", "now() - interval '5 minutes'", "interval '-5 minutes'",
        "(SELECT '2026-01-01 10:05'::timestamptz)", "date '2026-01-01' + time '10:05'", "'-300 s'::interval",
        "CASE WHEN true THEN '2026-01-01 10:05'::timestamp END", "current_timestamp - '5 min'::interval",
        "timestamp '2026-01-01 05:05' AT TIME ZONE 'America/New_York'",
    ],
)  # fmt: skip
def test_the_time_is_any_expression(docs: World, time: str) -> None:
    for alias in ("", " d", " AS d", ' AS "d"'):
        found = docs.sql(f"SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF {time}{alias} WHERE id > 1")
        assert found == [(2,)], alias


def test_the_time_may_be_a_parameter(docs: World) -> None:
    sql = "SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF $1 d JOIN few ON n = id"
    then = START_US + 5 * MINUTE_US
    assert docs.sql(sql, "-5 minutes") == [(3,)]
    assert docs.sql(sql, "2026-01-01 10:05") == [(3,)]
    assert docs.sql(sql, then, oids=(types.TIMESTAMPTZ.oid,)) == [(3,)]
    assert docs.sql(sql, (0, 0, -5 * MINUTE_US), oids=(types.INTERVAL.oid,)) == [(3,)]
    docs.pass_time(1)
    assert docs.sql(sql, "now") == [(2,)]


def test_tables_of_one_statement_have_their_own_times(docs: World) -> None:
    changed = """
        SELECT n.id, o.title, n.title FROM docs FOR SYSTEM_TIME AS OF '-5 minutes' AS o
        FULL JOIN docs AS n USING (id) WHERE n.title IS DISTINCT FROM o.title AND id < 4 ORDER BY id"""
    assert docs.sql(changed) == [(2, "blue fish", "green fish"), (None, "red bird", None)]
    both = "SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-5 min', docs FOR SYSTEM_TIME AS OF '-1 s' b"
    assert docs.sql(both.replace("'-1 s'", "'-4 min'")) == [(9,)]


def test_rows_can_be_brought_back(docs: World) -> None:
    docs.sql("INSERT INTO docs SELECT * FROM docs FOR SYSTEM_TIME AS OF '-5 min' WHERE id = 3")
    docs.sql(
        "UPDATE docs SET title = o.title FROM docs FOR SYSTEM_TIME AS OF '-5 min' o WHERE o.id = docs.id"
    )
    docs.sql("DELETE FROM docs USING docs FOR SYSTEM_TIME AS OF '-5 min' o WHERE docs.id = o.id + 3")
    assert docs.sql("SELECT id, title FROM docs WHERE id < 8 ORDER BY id") == [
        (1, "red fish"), (2, "blue fish"), (3, "red bird"), (7, "red red fish"),
    ]  # fmt: skip


def test_own_changes_are_not_of_the_past(docs: World) -> None:
    docs.pass_time(1)
    docs.sql("BEGIN; DELETE FROM docs")
    assert docs.sql("SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-5 min'") == [(3,)]
    assert docs.sql("SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF now()") == [(39,)]
    with_rows = """
        WITH gone AS (DELETE FROM few RETURNING n)
        SELECT count(*), (SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-5 min') FROM gone"""
    assert docs.sql(with_rows) == [(3, 3)]
    docs.sql("ROLLBACK")


def test_a_truncated_table_is_there_still(docs: World) -> None:
    docs.sql("TRUNCATE docs")
    docs.maintain()
    docs.reopen()
    assert docs.sql("SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-5 min'") == [(3,)]
    assert docs.sql("SELECT count(*) FROM docs") == [(0,)]


def test_a_key_that_was_none_then_finds_every_row(docs: World) -> None:
    docs.sql("CREATE TABLE loose (a int, b int); INSERT INTO loose VALUES (1, 1), (1, 2)")
    docs.pass_time(1)
    docs.sql("DELETE FROM loose WHERE b = 2; ALTER TABLE loose ADD PRIMARY KEY (a)")
    past = "FROM loose FOR SYSTEM_TIME AS OF '-30 s' WHERE a = 1"
    assert docs.sql(f"SELECT b {past} ORDER BY b") == [(1,), (2,)]
    assert docs.sql(f"SELECT b {past} AND b > 1") == [(2,)]


def test_columns_that_changed_since(docs: World) -> None:
    docs.sql("ALTER TABLE docs ADD COLUMN stars int DEFAULT 5; ALTER TABLE docs DROP COLUMN title")
    past = "docs FOR SYSTEM_TIME AS OF '-5 minutes'"
    assert docs.sql(f"SELECT * FROM {past} WHERE id < 3") == [(1, (1.0, 0.0), 5), (2, (2.0, 0.0), 5)]
    docs.sql("ALTER TABLE docs ALTER COLUMN stars TYPE text")
    error = docs.error(f"SELECT id FROM {past}")
    assert (error.sqlstate, error.hint) == ("0A000", "Ask for a time after ALTER TABLE.")
    assert error.message == 'columns of relation "docs" had other types at that time'
    docs.sql("SET sqlvec.as_of = '-5 minutes'")
    assert docs.error("SELECT id FROM docs").sqlstate == "0A000"
    docs.sql("RESET sqlvec.as_of; CREATE TABLE late (a int)")
    error = docs.error("SELECT FROM late FOR SYSTEM_TIME AS OF '-5 minutes'")
    assert (error.sqlstate, error.message) == ("42P01", 'relation "late" did not exist at that time')
    docs.sql("DROP TABLE docs")
    assert docs.error(f"SELECT FROM {past}").sqlstate == "42P01"


def test_an_index_made_since_serves_the_past(docs: World) -> None:
    past = "docs FOR SYSTEM_TIME AS OF '-5 minutes'"
    docs.sql("CREATE INDEX ON docs USING hnsw ((binary_quantize(v)::bit(2)) bit_hamming_ops)")
    near = f"SELECT id FROM {past} ORDER BY binary_quantize(v)::bit(2) <~> B'11' LIMIT 3"
    for _ in range(2):
        assert docs.sql(near) == [(3,), (1,), (2,)]
        docs.maintain()
        docs.reopen()


def test_statistics_over_all_tenants_are_of_the_time(docs: World) -> None:
    docs.sql("CREATE TABLE notes (t text, id int, body text, PRIMARY KEY (t, id)) PARTITION BY TENANT (t)")
    docs.sql("CREATE INDEX ON notes USING bm25 (body) WITH (bm25_stats = 'table')")
    docs.sql("INSERT INTO notes VALUES ('a', 1, 'red fish'), ('a', 2, 'fish'), ('b', 1, 'fish'), ('b', 2, 'red')")
    ranked = "SELECT id, body <@> 'red' FROM notes{} WHERE t = 'a' ORDER BY body <@> 'red', id"
    inside = "SELECT id FROM notes{} WHERE t = 'a' AND (body <@> 'red') * id < -0.2"
    queries = (ranked, inside)
    before = [docs.sql(query.format("")) for query in queries]
    docs.pass_time(1)
    docs.sql("UPDATE notes SET body = 'red red' WHERE t = 'b'")
    docs.pass_time(1)
    past = " FOR SYSTEM_TIME AS OF '-90 seconds'"
    assert [docs.sql(query.format("")) for query in queries] != before
    assert [docs.sql(query.format(past)) for query in queries] == before


def test_views_and_stored_queries(docs: World) -> None:
    docs.sql("CREATE VIEW titles AS SELECT id, title FROM docs, few WHERE n = id")
    docs.sql("CREATE VIEW old AS SELECT id FROM docs FOR SYSTEM_TIME AS OF '-5 minutes' AS o")
    assert docs.sql("SELECT count(*) FROM titles") == [(2,)]
    assert docs.sql("SELECT count(*) FROM titles FOR SYSTEM_TIME AS OF '-5 minutes' t") == [(3,)]
    assert docs.sql("SELECT id FROM old ORDER BY id") == [(1,), (2,), (3,)]
    assert docs.sql("SELECT (SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-5 min') + count(*) FROM few") == [(6,)]
    with_cte = "WITH o AS (SELECT id FROM docs FOR SYSTEM_TIME AS OF '-5 min') SELECT count(*) FROM o"
    assert docs.sql(with_cte) == [(3,)]


def test_the_session_may_not_write(docs: World) -> None:
    docs.sql("SET sqlvec.as_of = '-5 minutes'")
    for sql, command in (
        ("INSERT INTO few VALUES (1)", "INSERT"), ("UPDATE docs SET id = 1", "UPDATE"),
        ("DELETE FROM docs", "DELETE"), ("CREATE TABLE x ()", "CREATE TABLE"), ("TRUNCATE few", "TRUNCATE TABLE"),
        ("MERGE INTO few USING docs ON n = id WHEN MATCHED THEN DELETE", "MERGE"),
        ("WITH d AS (DELETE FROM few RETURNING n) SELECT FROM d", "SELECT"),
        ("SELECT id FROM docs FOR UPDATE", "SELECT FOR UPDATE"), ("COPY few FROM STDIN", "COPY FROM"),
    ):  # fmt: skip
        error = docs.error(sql)
        assert (error.sqlstate, error.message) == (
            "25006", f"cannot execute {command} in a read-only transaction",
        )  # fmt: skip
    docs.sql("SET sqlvec.as_of = ''")
    docs.sql("DELETE FROM few")


def test_when_the_sessions_time_is_taken(docs: World) -> None:
    count = "SELECT count(*) FROM docs"
    docs.sql("SET sqlvec.as_of = '-5 minutes'; BEGIN")
    assert docs.sql(count) == [(3,)]
    docs.pass_time(10)
    assert docs.sql(count) == [(39,)], "READ COMMITTED: a time for each statement"
    docs.sql("COMMIT; SET sqlvec.as_of = '-15 minutes'; BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert docs.sql(count) == [(3,)]
    docs.pass_time(10)
    assert docs.sql(count) == [(3,)], "REPEATABLE READ: one for the transaction"
    docs.sql("COMMIT")
    assert docs.sql(count) == [(39,)]
    docs.sql("RESET sqlvec.as_of; BEGIN; SET LOCAL sqlvec.as_of = '2026-01-01 10:05'")
    assert docs.sql(count) == [(3,)]
    docs.sql("SET LOCAL sqlvec.as_of = ''; DELETE FROM docs WHERE id = 1")
    assert docs.sql(count) == [(38,)]
    docs.sql("SET LOCAL sqlvec.as_of = '-15 minutes'")
    assert docs.error(count).sqlstate == "25001"
    docs.sql("ROLLBACK")


def test_times_without_history(docs: World) -> None:
    past = "SELECT FROM docs FOR SYSTEM_TIME AS OF"
    error = docs.error(f"{past} '2025-12-31'")
    assert (error.sqlstate, error.message) == ("72000", "snapshot too old")
    assert error.detail == "History begins at 2026-01-01 10:00:00+00."
    assert docs.error(f"{past} '2026-01-02'").sqlstate == "22023"
    assert docs.error(f"{past} '5 minutes'").message == 'time "2026-01-01 10:15:00+00" is in the future'
    assert docs.error(f"{past} 'soon'").sqlstate == "22007"
    assert docs.error(f"{past} NULL").sqlstate == "22004"
    assert docs.error("SET sqlvec.as_of = 'soon'").sqlstate == "22007"
    docs.pass_time(90)
    docs.sql("INSERT INTO few VALUES (9)")
    assert docs.error(f"{past} '2026-01-01 10:05'").detail == "History begins at 2026-01-01 10:40:00+00."
    assert docs.sql("SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-1 hour'") == [(39,)]


def test_the_retention_is_shown_and_not_set(docs: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert docs.sql("SHOW sqlvec.retention") == [("1h",)]
    assert docs.error("SET sqlvec.retention = '2h'").sqlstate == "55P02"
    with world(tmp_path_factory.mktemp("none")) as none:
        none.sql("CREATE TABLE t (a int)")
        error = none.error("SELECT FROM t FOR SYSTEM_TIME AS OF now()")
        assert (error.sqlstate, error.hint) == (
            "72000", "Start the server with --retention, for example --retention 1h.",
        )  # fmt: skip


def test_where_the_clause_may_not_stand(docs: World) -> None:
    as_of = "FOR SYSTEM_TIME AS OF '-5 min'"
    for sql, sqlstate, position in (
        (f"DELETE FROM docs {as_of}", "42601", 18), (f"SELECT 1 {as_of}", "42601", 10),
        (f"UPDATE docs {as_of} SET id = 1", "42601", 13), (f"TRUNCATE docs {as_of}", "42601", 15),
        (f"SELECT FROM (SELECT FROM docs) d {as_of}", "42601", 34),
        (f"SELECT FROM docs WHERE id = 1 {as_of}", "42601", 31),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF WHERE id = 1", "42601", 40),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF", "42601", 39),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF 1 +", "42601", 43),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF 1", "42804", 40),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF id", "42703", 40),
        ("SELECT FROM docs FOR SYSTEM_TIME AS OF max(now())", "42803", None),
        (f"SELECT FROM pg_class {as_of}", "42809", 13),
        (f"WITH c AS (SELECT 1) SELECT FROM c {as_of}", "42809", 34),
        (f"SELECT FROM docs {as_of} FOR UPDATE", "0A000", None),
    ):  # fmt: skip
        error = docs.error(sql)
        assert (error.sqlstate, error.position) == (sqlstate, position), (sql, error.message)
    assert docs.sql("SELECT 'x FOR SYSTEM_TIME AS OF 1'") == [("x FOR SYSTEM_TIME AS OF 1",)]


def test_explain_tells_the_time(docs: World) -> None:
    lines = docs.sql("EXPLAIN SELECT id FROM docs FOR SYSTEM_TIME AS OF '-5 min' WHERE id = 1")
    assert lines == [("key lookup docs",), ("  prefilter  as of: '-5 min'  where: id = 1",)]


def test_a_lateral_ranking_reads_as_of_a_time_that_is_a_parameter(tmp_path: Path) -> None:
    """Its parameters and those that it is run with for each row are not the same."""
    with world(tmp_path, retention_us=HOUR_US) as place:
        place.sql("CREATE EXTENSION vector; CREATE TABLE near (id int PRIMARY KEY, e vector(2))")
        place.sql("INSERT INTO near VALUES (1, '[0,0]'), (2, '[5,5]')")
        place.pass_time(5)
        place.sql("DELETE FROM near WHERE id = 1")
        place.pass_time(5)
        found = place.sql(
            "SELECT q, d.id FROM (VALUES ('[0,0]'::vector(2)), ('[5,5]')) AS v(q), LATERAL ("
            "SELECT id FROM near FOR SYSTEM_TIME AS OF $1 AS n ORDER BY n.e <-> q LIMIT 1) d ORDER BY 2",
            "-7 minutes",
            oids=(25,),
        )
        assert found == [((0.0, 0.0), 1), ((5.0, 5.0), 2)]
