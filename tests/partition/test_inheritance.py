"""A table with heirs answers as one table with all their rows, whatever columns the heirs have and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sqlvec.errors import DatabaseError, FeatureNotSupported
from sqlvec.storage.locks import LockWait
from tests.harness.world import HOUR_US, World, world

COLUMNS = "id int, n int CHECK (n < 1000), body text, v vector(3)"
ONE = f"CREATE EXTENSION vector; CREATE TABLE docs ({COLUMNS})"
FAMILY = f"""
    CREATE EXTENSION vector;
    CREATE TABLE docs ({COLUMNS});
    CREATE TABLE docs_same () INHERITS (docs);
    CREATE TABLE docs_more (own text DEFAULT 'mine', body text) INHERITS (docs);
    CREATE TABLE docs_apart (v vector(3), extra int, body text, n int, id int, CONSTRAINT docs_n_check CHECK (n < 1000));
    ALTER TABLE docs_apart INHERIT docs;
    CREATE TABLE docs_below (deep int) INHERITS (docs_more)"""
NAMES = ("docs", "docs_same", "docs_more", "docs_apart", "docs_below")
QUERIES = (
    "SELECT id, n, body, v FROM docs ORDER BY id, n",
    "SELECT n, count(*), min(body) FROM docs WHERE id > 5 GROUP BY n ORDER BY n",
    "SELECT id FROM docs WHERE id = 25 AND n = 3",
    "SELECT id FROM docs WHERE id IN (1, 21, 41) OR body LIKE '%tree red%' ORDER BY id",
    "SELECT id, v <-> '[1,2,3]' FROM docs ORDER BY v <-> '[1,2,3]', id, n LIMIT 9",
    "SELECT id, n FROM docs WHERE n > 3 ORDER BY v <-> '[4,2,3]', id, n LIMIT 5",
    "SELECT id FROM docs WHERE v <-> '[1,2,3]' < 4 ORDER BY id, n",
    "SELECT id, body <@> 'red fish' FROM docs ORDER BY body <@> 'red fish', id, n LIMIT 9",
    "SELECT id, body <@> 'tree' FROM docs WHERE body @@@ 'tree AND red' ORDER BY id, n",
    "SELECT id, n, rrf(v <-> '[4,0,1]', body <@> 'green tree', pool => 999) AS s FROM docs ORDER BY s DESC, id, n LIMIT 6",
    "SELECT a.id, b.n FROM docs a JOIN docs b ON a.id = b.id + 20 ORDER BY 1, 2",
    "SELECT id FROM docs WHERE id < 9 ORDER BY id, n LIMIT 3 FOR UPDATE",
)
WORDS = "red blue green fish bird tree the of".split()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """One world with a plain table, one with a family."""
    limits = {"retention_us": 4 * HOUR_US, "segments_merged": 2, "dead_nodes_min": 1}
    with world(tmp_path / "one", **limits) as one, world(tmp_path / "family", **limits) as family:
        one.sql(ONE)
        family.sql(FAMILY)
        for place, names in ((one, NAMES[:1]), (family, NAMES)):
            for name in names:
                place.sql(f"CREATE INDEX ON {name} USING hnsw (v vector_l2_ops); CREATE INDEX ON {name} USING bm25 (body)")
            place.sql("SET hnsw.ef_search = 400")
        yield one, family


def both(pair: tuple[World, World], one: str, family: str) -> None:
    found: list[object] = []
    for place, sql in zip(pair, (one, family), strict=True):
        try:
            found.append(sorted(place.sql(sql)) if "RETURNING" in sql else place.sql(sql))
        except DatabaseError as error:
            found.append((error.sqlstate, re.sub(r'"docs_\w+"', '"docs"', str(error), count=1), error.detail))
    assert found[0] == found[1], family


def statement(random: Random) -> str:
    key, other = random.randrange(60), random.randrange(60)
    rows = ", ".join(
        f"({random.randrange(60)}, {k % 9}, '{' '.join(random.choices(WORDS, k=4))}', '[{k % 7},{k % 5},0.{random.randrange(999)}]')"
        for k in range(random.randrange(1, 9))
    )
    return random.choice(
        [
            f"INSERT INTO docs (id, n, body, v) VALUES {rows}",
            f"INSERT INTO docs (id, n, body, v) VALUES {rows} RETURNING id, n, body",
            f"UPDATE docs SET id = id + 100 WHERE id BETWEEN {key} AND {key + 9} RETURNING id, n",
            f"UPDATE docs SET n = n + 1, body = body || ' {random.choice(WORDS)}' WHERE n > {key % 5}",
            f"UPDATE docs SET n = 1000 + n WHERE id = {key}",
            f"UPDATE docs d SET v = '[{key},1,1]' FROM (VALUES ({key}), ({other})) s (k) WHERE id = k",
            f"DELETE FROM docs WHERE id BETWEEN {key} AND {key + 2} RETURNING id, body",
            f"MERGE INTO docs USING (VALUES ({key})) AS s (k) ON id = k WHEN MATCHED AND n = 7 THEN DELETE "
            f"WHEN MATCHED THEN UPDATE SET body = 'red ' || k",
            f"BEGIN; DELETE FROM docs; SAVEPOINT s; UPDATE docs SET id = {other}; "
            f"ROLLBACK TO s; SELECT id FROM docs; ROLLBACK",
        ]
    )  # fmt: skip


def test_the_same_statements_say_the_same(pair: tuple[World, World]) -> None:
    random = Random(3)
    for step in range(40):
        sql = statement(random)
        into = random.choice(NAMES)
        both(pair, sql, sql.replace("INSERT INTO docs ", f"INSERT INTO {into} "))
        if step % 13 == 12:
            for query in QUERIES:
                both(pair, query, query)
            for place in pair:
                place.pass_time(30)
                if step % 2:
                    place.maintain()
                else:
                    place.reopen()
                place.sql("SET hnsw.ef_search = 400")
    for ddl in (
        "ALTER TABLE docs ADD COLUMN more int DEFAULT 3", "ALTER TABLE docs ALTER COLUMN more TYPE text USING more || '!'",
        "ALTER TABLE docs ALTER COLUMN body TYPE varchar", "UPDATE docs SET more = more || id WHERE id < 30",
    ):  # fmt: skip
        both(pair, ddl, ddl)
    for query in (*QUERIES, "SELECT id, n, more FROM docs ORDER BY 1, 2, 3"):
        both(pair, query, query)


def test_a_search_goes_through_the_graph_of_each_heir_that_has_one(pair: tuple[World, World]) -> None:
    _, family = pair
    for number, name in enumerate(NAMES):
        family.sql(f"INSERT INTO {name} (id, body, v) SELECT g, 'fish', ARRAY[g, g % 7, 1]::vector "
                   f"FROM generate_series(0, 59) g WHERE g % {len(NAMES)} = {number}")  # fmt: skip
    query = "SELECT id FROM docs ORDER BY v <-> '[30,2,1]' LIMIT 60"
    before = family.sql(query)
    assert {row[0] for row in before} == set(range(60))
    plan = family.sql("EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM docs ORDER BY v <-> '[3,3,3]' LIMIT 5")
    assert any("hnsw scan docs.v" in str(line) for line in plan), plan
    family.sql("DROP INDEX docs_more_v_idx; DROP INDEX docs_apart_body_idx")
    assert family.sql(query) == before
    error = family.error("SELECT id FROM docs WHERE body @@@ 'fish'")
    assert (error.sqlstate, str(error)) == ("55000", 'table "docs_apart" has no index like "docs_body_idx"')
    assert len(family.sql("SELECT id FROM docs_more WHERE body @@@ 'fish'")) == 24
    assert len(family.sql("SELECT id FROM ONLY docs WHERE body @@@ 'fish'")) == 12


def test_a_family_outlives_a_restart(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int, CHECK (a > 0)); CREATE TABLE q (b int DEFAULT 4)")
        place.sql("CREATE TABLE c (c int) INHERITS (q, p); CREATE TABLE d () INHERITS (c)")
        place.sql("INSERT INTO c (a) VALUES (1); INSERT INTO d VALUES (5, 2, 6); ALTER TABLE p ADD e text DEFAULT 'e'")
        place.reopen()
        assert place.sql("SELECT a, e FROM p ORDER BY a") == [(1, "e"), (2, "e")]
        assert place.sql("SELECT b FROM q ORDER BY b") == [(4,), (5,)]
        place.maintain()
        place.reopen()
        assert place.sql("UPDATE p SET a = a + 1, e = 'f' RETURNING a") == [(2,), (3,)]
        assert place.sql("SELECT * FROM d") == [(5, 3, 6, "f")]
        assert place.error("UPDATE p SET a = -a").sqlstate == "23514"
        assert place.error("ALTER TABLE d DROP COLUMN e").sqlstate == "42P16"
        place.sql("DROP TABLE p CASCADE")
        assert place.sql("SELECT relname FROM pg_class WHERE relname IN ('c', 'd', 'q')") == [("q",)]


def test_copy_writes_the_parent_and_reads_it_alone(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int); CREATE TABLE c (b int) INHERITS (p)")
        place.sql("INSERT INTO p VALUES (1); INSERT INTO c VALUES (2, 3)")
        assert place.sql("SELECT count(*) FROM p") == [(2,)]
        (copy,) = place.session.parse("COPY p TO STDOUT")
        place.session.begin_statement()
        result = place.session.execute(place.session.prepare(copy))
        assert result.copy_out is not None
        assert b"".join(part for chunk in result.copy_out.chunks() for part in chunk) == b"1\n"
        place.session.end_group()


def test_many_rows_of_an_heir_are_read_in_pieces(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int, b int); CREATE TABLE c (b int, x text, a int); ALTER TABLE c INHERIT p")
        place.sql("INSERT INTO c SELECT -g, 'x', g FROM generate_series(1, 70000) g; DELETE FROM c WHERE a = 7")
        assert place.sql("SELECT sum(a + b), sum(a), count(*) FROM p") == [(0, 70000 * 70001 // 2 - 7, 69999)]
        assert place.sql("SELECT count(DISTINCT ctid), count(*) FROM p WHERE tableoid = 'c'::regclass") == [(69999, 69999)]


def test_who_changes_a_row_through_the_parent_waits_for_who_has_it(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int, b int); CREATE TABLE c (z int, b int, a int); ALTER TABLE c INHERIT p")
        place.sql("INSERT INTO c VALUES (9, 2, 1)")
        other = place.connect()
        place.sql("BEGIN; UPDATE c SET b = b + 10, z = 8", on=other)
        with pytest.raises(LockWait):
            place.sql("UPDATE p SET b = b * 2")
        place.session.abort_group()
        with pytest.raises(LockWait):
            place.sql("SELECT * FROM p FOR UPDATE")
        place.session.abort_group()
        place.sql("COMMIT", on=other)
        place.sql("UPDATE p SET b = b * 2")
        assert place.sql("SELECT * FROM c") == [(8, 24, 1)]
        other.close()


def test_a_past_moment_shows_the_rows_of_the_heirs(tmp_path: Path) -> None:
    with world(tmp_path, retention_us=HOUR_US) as place:
        place.sql("CREATE TABLE p (a int); CREATE TABLE c (b int) INHERITS (p); INSERT INTO c VALUES (1, 2)")
        place.pass_time(60)
        place.sql("UPDATE p SET a = 3")
        assert place.sql("SELECT a FROM p") == [(3,)]
        assert place.sql("SELECT a FROM p FOR SYSTEM_TIME AS OF interval '-30 seconds'") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE b () INHERITS (t)",
        "CREATE TABLE b (x int) INHERITS (p) PARTITION BY TENANT (x)",
        "ALTER TABLE t INHERIT p",
        "SELECT ctid FROM t",
        "INSERT INTO p VALUES (1) RETURNING ctid",
    ],
)
def test_what_is_missing_is_refused(sql: str, tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE t (a int) PARTITION BY TENANT (a); CREATE TABLE p (a int NOT NULL)")
        with pytest.raises(FeatureNotSupported):
            place.sql(sql)
