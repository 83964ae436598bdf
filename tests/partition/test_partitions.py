"""A partitioned table answers as one that is not: the same statements, searches and DDL on both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest

from sqlvec.catalog.partition_hash import hash_bytes, hash_uint32
from sqlvec.errors import CheckViolation, DatabaseError, FeatureNotSupported
from sqlvec.storage.locks import LockWait
from tests.harness.world import HOUR_US, World, world

COLUMNS = "(id int, n int, body text, v vector(3), PRIMARY KEY (id, n))"
PLAIN = f"CREATE EXTENSION vector; CREATE TABLE docs {COLUMNS}"
PARTITIONED = f"""
    CREATE EXTENSION vector;
    CREATE TABLE docs {COLUMNS} PARTITION BY RANGE (id);
    CREATE TABLE docs_low PARTITION OF docs FOR VALUES FROM (MINVALUE) TO (20);
    CREATE TABLE docs_middle PARTITION OF docs FOR VALUES FROM (20) TO (40) PARTITION BY HASH (n);
    CREATE TABLE docs_middle_0 PARTITION OF docs_middle FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE docs_high PARTITION OF docs DEFAULT"""
LATER = """
    CREATE INDEX ON docs USING hnsw (v vector_l2_ops);
    CREATE INDEX ON docs USING bm25 (body)"""
LAST = "CREATE TABLE docs_middle_1 PARTITION OF docs_middle FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
QUERIES = (
    "SELECT * FROM docs ORDER BY id, n",
    "SELECT n, count(*), min(body) FROM docs WHERE id > 5 GROUP BY n ORDER BY n",
    "SELECT id FROM docs WHERE id = 25 AND n = 3",
    "SELECT id FROM docs WHERE id IN (1, 21, 41) ORDER BY id",
    "SELECT id, v <-> '[1,2,3]' FROM docs ORDER BY v <-> '[1,2,3]', id, n LIMIT 9",
    "SELECT id, n FROM docs WHERE n > 3 ORDER BY v <-> '[4,2,3]', id, n LIMIT 5",
    "SELECT id FROM docs WHERE v <-> '[1,2,3]' < 4 ORDER BY id, n",
    "SELECT id, body <@> 'red fish' FROM docs ORDER BY body <@> 'red fish', id, n LIMIT 9",
    "SELECT id, body <@> 'tree' FROM docs WHERE body @@@ 'tree AND red' ORDER BY id, n",
    "SELECT id, n, rrf(v <-> '[4,0,1]', body <@> 'green tree', pool => 999) AS s FROM docs ORDER BY s DESC, id, n LIMIT 6",
    "SELECT a.id, b.n FROM docs a JOIN docs b ON a.id = b.id + 20 ORDER BY 1, 2",
)
WORDS = "red blue green fish bird tree the of".split()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """One world with a plain table, one where it is partitioned."""
    limits = {"retention_us": 4 * HOUR_US, "segments_merged": 2, "dead_nodes_min": 1}
    with world(tmp_path / "one", **limits) as one, world(tmp_path / "parts", **limits) as parts:
        one.sql(PLAIN + ";" + LATER)
        parts.sql(PARTITIONED + ";" + LATER + ";" + LAST)
        for place in (one, parts):
            place.sql("SET hnsw.ef_search = 400")
        yield one, parts


def both(pair: tuple[World, World], sql: str) -> None:
    """What both say is the same, but for the names of the partitions."""
    found: list[object] = []
    for place in pair:
        try:
            found.append(place.sql(sql))
        except DatabaseError as error:
            message = re.sub(r"docs_(low|middle_\d|high)\b", "docs", str(error))
            found.append((error.sqlstate, re.sub(r"docs_\w+_pkey", "docs_pkey", message), error.detail))
    assert found[0] == found[1], sql


def statement(random: Random) -> str:
    key, other = random.randrange(60), random.randrange(60)
    row = f"({key}, {other % 9}, '{' '.join(random.choices(WORDS, k=4))}', '[{key % 9},{other % 5},1.{key}]')"
    several = ", ".join(
        f"({k * 5}, {k % 4}, '{random.choice(WORDS)} {k % 4}', '[{k % 7},{k % 5},0.{k}]')"
        for k in range(random.randrange(4), 12)
    )
    return random.choice(
        [
            f"INSERT INTO docs VALUES {row}",
            f"INSERT INTO docs VALUES {several} ON CONFLICT DO NOTHING",
            f"INSERT INTO docs VALUES {row} ON CONFLICT (id, n) DO UPDATE SET body = excluded.body RETURNING id, n, body",
            f"UPDATE docs SET id = {other} WHERE id = {key}",
            f"UPDATE docs SET id = id + 100 WHERE id BETWEEN {key} AND {key + 9}",
            f"UPDATE docs SET n = n + 1, body = body || ' {random.choice(WORDS)}' WHERE n > {key % 5}",
            f"DELETE FROM docs WHERE id BETWEEN {key} AND {key + 2}",
            f"MERGE INTO docs USING (VALUES ({key}), ({other + 60})) AS s (k) ON id = k AND n = 7 "
            f"WHEN MATCHED THEN UPDATE SET id = k + 1 WHEN NOT MATCHED THEN INSERT (id, n, v) VALUES (k, 7, '[1,1,1]')",
            f"BEGIN; DELETE FROM docs; INSERT INTO docs (id, n) VALUES ({key}, 1); SAVEPOINT s; UPDATE docs SET id = {other}; "
            f"ROLLBACK TO s; SELECT id FROM docs; ROLLBACK",
        ]
    )  # fmt: skip


def test_the_same_statements_say_the_same(pair: tuple[World, World]) -> None:
    random = Random(1)
    for step in range(40):
        both(pair, statement(random))
        if step % 13 == 12:
            for query in QUERIES:
                both(pair, query)
            for place in pair:
                place.pass_time(30)
                if step % 2:
                    place.maintain()
                else:
                    place.reopen()
                place.sql("SET hnsw.ef_search = 400")
    for ddl in (
        "ALTER TABLE docs ADD COLUMN extra int DEFAULT 3", "ALTER TABLE docs ALTER COLUMN extra TYPE text",
        "ALTER TABLE docs ALTER COLUMN body TYPE varchar", "UPDATE docs SET extra = '4' WHERE id < 30",
        "ALTER TABLE docs RENAME COLUMN extra TO more", "ALTER TABLE docs DROP COLUMN more",
    ):  # fmt: skip
        both(pair, ddl)
    for query in QUERIES:
        both(pair, query)


def test_a_search_goes_through_the_graph_of_each_partition(pair: tuple[World, World]) -> None:
    _, parts = pair
    parts.sql("INSERT INTO docs SELECT g, g % 5, 'fish', ARRAY[g, g % 7, 1]::vector FROM generate_series(0, 59) g")
    plan = parts.sql("EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM docs ORDER BY v <-> '[3,3,3]' LIMIT 5")
    assert any("hnsw scan docs.v" in str(line) for line in plan), plan
    found = parts.sql("SELECT id FROM docs ORDER BY v <-> '[30,2,1]' LIMIT 60")
    assert {row[0] for row in found} == set(range(60))


def test_an_index_of_the_table_alone_is_not_searched_until_every_partition_has_its_part(
    pair: tuple[World, World],
) -> None:
    _, parts = pair
    parts.sql("DROP INDEX docs_v_idx; DROP INDEX docs_body_idx")
    parts.sql("INSERT INTO docs SELECT g, 1, 'fish ' || g, ARRAY[g, 0, 1]::vector FROM generate_series(0, 59) g")
    parts.sql("CREATE INDEX vectors ON ONLY docs USING hnsw (v vector_l2_ops)")
    parts.sql("CREATE INDEX texts ON ONLY docs USING bm25 (body)")
    assert parts.sql("SELECT id FROM docs ORDER BY v <-> '[41,0,1]' LIMIT 1") == [(41,)]
    with pytest.raises(DatabaseError, match='index "texts" is not valid'):
        parts.sql("SELECT id FROM docs WHERE body @@@ 'fish'")
    for table in ("docs_low", "docs_middle", "docs_high"):
        only = "ONLY " if table == "docs_middle" else ""
        parts.sql(f"CREATE INDEX t_{table} ON {only}{table} USING bm25 (body)")
        parts.sql(f"ALTER INDEX texts ATTACH PARTITION t_{table}")
    for table in ("docs_middle_0", "docs_middle_1"):
        parts.sql(f"CREATE INDEX t_{table} ON {table} USING bm25 (body)")
        parts.sql(f"ALTER INDEX t_docs_middle ATTACH PARTITION t_{table}")
    assert len(parts.sql("SELECT id FROM docs WHERE body @@@ 'fish'")) == 60


def test_partitions_outlive_a_restart_and_take_rows_as_before(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a date, b text) PARTITION BY LIST (a)")
        place.sql("CREATE TABLE p1 PARTITION OF p FOR VALUES IN ('2024-02-29', NULL)")
        place.sql("INSERT INTO p VALUES ('2024-02-29', 'x'), (NULL, 'y')")
        place.reopen()
        assert place.sql("SELECT b FROM p1 ORDER BY b") == [("x",), ("y",)]
        with pytest.raises(CheckViolation, match='no partition of relation "p" found for row') as raised:
            place.sql("INSERT INTO p VALUES ('2024-03-01', 'x')")
        assert raised.value.detail == "Partition key of the failing row contains (a) = (2024-03-01)."
        place.sql("DROP TABLE p")
        assert place.sql("SELECT 1 FROM pg_class WHERE relname LIKE 'p1%'") == []


def test_a_partition_that_is_referred_to_stays(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int PRIMARY KEY) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)")
        place.sql("CREATE TABLE c (a int REFERENCES p); CREATE TABLE rest PARTITION OF p DEFAULT; INSERT INTO p VALUES (1), (7)")
        place.sql("INSERT INTO c VALUES (1)")
        error = place.error("ALTER TABLE p DETACH PARTITION p1")
        assert error.message == 'removing partition "p1" violates foreign key constraint "c_a_fkey"'
        assert error.detail == 'Key (a)=(1) is still referenced from table "c".'
        error = place.error("UPDATE p SET a = 2 WHERE a = 1")
        assert error.message == 'update or delete on table "p" violates foreign key constraint "c_a_fkey" on table "c"'
        place.reopen()
        error = place.error("DELETE FROM p1")
        assert error.message == 'update or delete on table "p1" violates foreign key constraint "c_a_fkey" on table "c"'
        place.sql("ALTER TABLE p DETACH PARTITION rest; DELETE FROM c; DELETE FROM p")


def test_a_new_partition_waits_for_who_writes_to_the_default(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE rest PARTITION OF p DEFAULT")
        writer = place.connect()
        place.sql("BEGIN; INSERT INTO p VALUES (7)", on=writer)
        with pytest.raises(LockWait):
            place.sql("CREATE TABLE p7 PARTITION OF p FOR VALUES IN (7)")
        place.session.abort_group()
        place.sql("COMMIT", on=writer)
        with pytest.raises(CheckViolation, match='default partition "rest" would be violated'):
            place.sql("CREATE TABLE p7 PARTITION OF p FOR VALUES IN (7)")
        writer.close()


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("CREATE TABLE t (a int) PARTITION BY LIST ((a + 1))", FeatureNotSupported),
        ("CREATE TABLE t (a int) PARTITION BY TENANT (a); CREATE TABLE b PARTITION OF t DEFAULT", DatabaseError),
        ("ALTER TABLE base DETACH PARTITION base", DatabaseError),
    ],
)
def test_what_is_missing_is_refused(sql: str, error: type[DatabaseError], tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE base (a int PRIMARY KEY) PARTITION BY LIST (a)")
        with pytest.raises(error):
            place.sql(sql)


def test_hashes_are_those_of_postgresql(oracle: str) -> None:
    seeds = (0, 1, 0x7A5B22367996DCFD)
    texts = ["", "a", "elf bytes..", "twelve bytes", "more than twelve bytes", "dreizehn Äöü"]
    numbers = [0, 1, -1, 42, 2**31 - 1, -(2**31)]
    with psycopg.connect(oracle) as connection:
        for seed in seeds:
            for text in texts:
                (wanted,) = connection.execute("SELECT hashtextextended(%s, %s)", (text, seed)).fetchone() or ()
                assert hash_bytes(text.encode(), seed) == wanted % 2**64, (text, seed)
            for number in numbers:
                (wanted,) = connection.execute("SELECT hashint4extended(%s, %s)", (number, seed)).fetchone() or ()
                assert hash_uint32(number, seed) == wanted % 2**64, (number, seed)
