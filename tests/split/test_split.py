"""A split table answers as one that is not split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import psycopg
import pytest

from sqlvec.errors import DatabaseError, UniqueViolation
from sqlvec.exec import ranked_scan, side_by_side
from sqlvec.exec.copy import CopyIn
from sqlvec.storage.locks import LockWait
from sqlvec.types.copy_format import ColumnBatch
from tests.harness.live_server import LiveServer
from tests.harness.world import HOUR_US, World, world

SHARDS = 4
TABLE = """
    CREATE EXTENSION vector;
    CREATE TABLE docs (id int PRIMARY KEY, code text UNIQUE, n int, body text, v vector(3)) WITH (shards = {shards});
    CREATE INDEX ON docs USING hnsw (v vector_l2_ops);
    CREATE INDEX ON docs USING bm25 (body);
    CREATE UNIQUE INDEX ON docs (lower(body)) WHERE n < 0;
    CREATE TABLE loose (a int, b text) WITH (shards = {shards});
    CREATE TABLE notes (id int PRIMARY KEY, doc int REFERENCES docs ON DELETE CASCADE ON UPDATE CASCADE)
        WITH (shards = {shards})"""
QUERIES = (
    "SELECT * FROM docs ORDER BY id",
    "SELECT id, n FROM docs ORDER BY n DESC NULLS LAST, id LIMIT 7 OFFSET 2",
    "SELECT n, count(*), min(code) FROM docs GROUP BY n ORDER BY n",
    "SELECT id, v <-> '[1,2,3]' FROM docs ORDER BY v <-> '[1,2,3]', id LIMIT 9",
    "SELECT id FROM docs WHERE n > 3 ORDER BY v <=> '[1,2,3]', id LIMIT 5",
    "SELECT id FROM docs WHERE v <-> '[1,2,3]' < 4 ORDER BY id",
    "SELECT id, body <@> 'red fish' FROM docs ORDER BY body <@> 'red fish', id LIMIT 9",
    "SELECT id, body <@> 'tree' FROM docs WHERE body @@@ 'tree AND red' ORDER BY id",
    "SELECT id, relative_score(v <-> '[4,0,1]', body <@> 'green tree', pool => 999) AS s FROM docs ORDER BY s DESC, id LIMIT 6",
    "SELECT code FROM docs WHERE id = 5",
    "SELECT id FROM docs WHERE code = 'c7'",
    "SELECT id FROM docs WHERE id IN (1, 2, 3, 99) OR code LIKE 'c1%' ORDER BY id",
    "SELECT a, count(*) FROM loose GROUP BY a ORDER BY a",
    "SELECT d.id, count(n.id) FROM docs d LEFT JOIN notes n ON n.doc = d.id GROUP BY 1 ORDER BY 1",
    "SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF '-1 hour' WHERE id > 0",
)
WORDS = "red blue green fish bird tree the of".split()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """One world with split tables, one without."""
    limits = {"retention_us": 4 * HOUR_US, "segments_merged": 2, "dead_nodes_min": 1}
    with world(tmp_path / "one", **limits) as one, world(tmp_path / "split", **limits) as split:
        for place, shards in ((one, 1), (split, SHARDS)):
            place.sql(TABLE.format(shards=shards))
        yield one, split


def both(pair: tuple[World, World], sql: str) -> list[tuple[object, ...]] | tuple[str, ...]:
    """What both say: rows, or an error with its message and detail."""
    found = []
    for place in pair:
        try:
            found.append(place.sql(sql))
        except Exception as error:  # noqa: BLE001 (whatever it is, it must be the same)
            found.append((type(error).__name__, *map(str, (error, getattr(error, "detail", "")))))
    assert found[0] == found[1], sql
    return found[0]


def statement(random: Random) -> str:
    key, other = random.randrange(60), random.randrange(60)
    body = " ".join(random.choices(WORDS, k=random.randint(0, 5)))
    row = f"({key}, 'c{random.randrange(90)}', {random.randrange(9)}, '{body}', '[{key % 9},{other % 5},1.{key}]')"
    several = ", ".join(
        f"({k}, 'x{k}', {k % 9}, '{random.choice(WORDS)} {k % 4}', '[{k % 7},{k % 5},0.{k}]')" for k in range(key, key + 8)
    )
    return random.choice(
        [
            f"INSERT INTO docs VALUES {row}",
            f"INSERT INTO docs VALUES {several} ON CONFLICT DO NOTHING",
            f"INSERT INTO docs VALUES {row} ON CONFLICT (id) DO UPDATE SET n = excluded.n, body = excluded.body RETURNING id, n",
            f"INSERT INTO docs VALUES {row} ON CONFLICT (code) DO UPDATE SET n = docs.n + 1 RETURNING id, n",
            f"UPDATE docs SET id = {other} WHERE id = {key}",
            f"UPDATE docs SET id = id + 100 WHERE id BETWEEN {key} AND {key + 3}",
            f"UPDATE docs SET code = 'c{other}' WHERE id = {key}",
            f"UPDATE docs SET body = body || ' {random.choice(WORDS)}', v = v + '[1,0,0]' WHERE n = {key % 9}",
            f"UPDATE docs SET n = -1 WHERE id IN ({key}, {other})",
            f"DELETE FROM docs WHERE id BETWEEN {key} AND {key + 2}",
            f"INSERT INTO loose SELECT i % 5, 'b' FROM generate_series({key}, {key + 9}) i",
            f"UPDATE loose SET b = 'c' WHERE a = {key % 5}",
            f"DELETE FROM loose WHERE a = {key % 5}",
            f"INSERT INTO notes VALUES ({key}, {other})",
            f"INSERT INTO notes SELECT id + 500, id FROM docs WHERE id = {key} ON CONFLICT DO NOTHING",
            f"MERGE INTO docs USING (VALUES ({key}), ({other + 60})) AS s (k) ON id = k "
            f"WHEN MATCHED THEN UPDATE SET n = 8 WHEN NOT MATCHED THEN INSERT (id, n, v) VALUES (k, 7, '[1,1,1]')",
            f"WITH gone AS (DELETE FROM docs WHERE id = {key} RETURNING *) SELECT id, code FROM gone",
            f"BEGIN; DELETE FROM docs; INSERT INTO docs (id) VALUES ({key}); SAVEPOINT s; UPDATE docs SET id = {other}; "
            f"ROLLBACK TO s; SELECT id FROM docs; ROLLBACK",
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "rows_min"), [(0, 0), (1, 0), (2, ranked_scan.PARALLEL_ROWS_MIN)])
def test_the_same_statements_say_the_same(
    seed: int, rows_min: int, pair: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rows_min 0 all ranked scans of several shards run side by side."""
    monkeypatch.setattr(ranked_scan, "PARALLEL_ROWS_MIN", rows_min)
    monkeypatch.setattr(side_by_side, "CORES", 2)
    random = Random(seed)
    for step in range(60):
        both(pair, statement(random))
        if step % 12 == 11:
            for query in QUERIES:
                both(pair, query)
            for place in pair:
                place.pass_time(30)
                if random.random() < 0.5:
                    place.maintain()
                else:
                    place.reopen()
                place.sql("SET hnsw.ef_search = 400")
    if seed == 0:
        for ddl in (
            "ALTER TABLE docs ALTER COLUMN id TYPE text", "ALTER TABLE docs ADD COLUMN extra int DEFAULT 3",
            "ALTER TABLE loose ADD UNIQUE (b)", "ALTER TABLE docs DROP CONSTRAINT docs_code_key", "TRUNCATE loose, notes",
        ):  # fmt: skip
            both(pair, ddl)
        both(pair, "ALTER TABLE docs ALTER COLUMN n TYPE bigint")
        for query in QUERIES[:-1]:
            both(pair, query)


@pytest.fixture
def split(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, retention_us=4 * HOUR_US) as place:
        place.sql(TABLE.format(shards=SHARDS))
        yield place


def counts(place: World, table: str) -> list[int]:
    """Visible rows of each shard of a table."""
    session = place.session
    ((oid,),) = place.sql(f"SELECT '{table}'::regclass::oid")
    tx = session.store.begin()
    found = [shard.visible(tx).count for shard in session.store.shards(oid)]
    tx.rollback()
    return found


def test_rows_are_spread_by_key_and_in_turn_without_one(split: World) -> None:
    split.sql("INSERT INTO docs (id) SELECT generate_series(1, 400)")
    split.sql("INSERT INTO loose SELECT 1 FROM generate_series(1, 41)")
    split.sql("INSERT INTO loose SELECT 2 FROM generate_series(1, 39)")
    assert len(counts(split, "docs")) == SHARDS and min(counts(split, "docs")) > 60
    assert counts(split, "loose") == [20] * SHARDS
    split.reopen()
    assert min(counts(split, "docs")) > 60


def test_a_key_is_looked_for_in_one_shard(split: World) -> None:
    split.sql("INSERT INTO docs (id, code) SELECT i, 'c' || i FROM generate_series(1, 50) i")
    assert split.sql("EXPLAIN SELECT n FROM docs WHERE id = 7") == [
        ("key lookup docs",), ("  prefilter  shards: 1 of 4  where: id = 7",),
    ]  # fmt: skip
    assert split.sql("EXPLAIN SELECT n FROM docs WHERE code = 'c7'")[1] == (
        "  prefilter  shards: 4  where: code = 'c7'",
    )
    found = split.sql("EXPLAIN SELECT id FROM docs ORDER BY v <-> '[1,2,3]' LIMIT 5")
    assert found[2] == ("    prefilter  shards: 4",)


def test_keys_without_the_splitting_columns_are_unique_over_all_shards(split: World) -> None:
    split.sql("INSERT INTO docs (id, code) VALUES (1, 'a')")
    other = split.connect()
    split.sql("BEGIN; INSERT INTO docs (id, code) VALUES (2, 'b')")
    for key in range(10, 20):  # of all shards
        with pytest.raises(LockWait):
            split.sql(f"INSERT INTO docs (id, code) VALUES ({key}, 'b')", on=other)
    split.sql("COMMIT")
    for key, code in ((10, "a"), (11, "b"), (12, "b"), (13, "a")):
        with pytest.raises(UniqueViolation, match="docs_code_key"):
            split.sql(f"INSERT INTO docs (id, code) VALUES ({key}, '{code}')", on=other)
    split.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM docs")
    split.sql("INSERT INTO docs (id, code) VALUES (3, 'c')", on=other)
    with pytest.raises(UniqueViolation, match="docs_code_key"):
        split.sql("INSERT INTO docs (id, code) VALUES (30, 'c')")
    other.close()


def test_copy_and_create_table_as_split_their_rows(split: World, server: LiveServer) -> None:
    split.sql("CREATE TABLE copied WITH (shards = 3) AS SELECT i FROM generate_series(1, 30) i")
    assert counts(split, "copied") == [10, 10, 10]
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE split_copy (id int PRIMARY KEY, t text) WITH (shards = 3)")
        with connection.cursor().copy("COPY split_copy FROM STDIN") as copy:
            for i in range(500):
                copy.write_row((i, f"t{i}"))
        assert connection.execute("SELECT count(*), sum(id) FROM split_copy").fetchone() == (500, 124_750)
        assert connection.execute("SELECT t FROM split_copy WHERE id = 77").fetchone() == ("t77",)
        with pytest.raises(psycopg.errors.UniqueViolation):
            with connection.cursor().copy("COPY split_copy FROM STDIN") as copy:
                copy.write_row((77, "again"))
        connection.execute("DROP TABLE split_copy")


def copy(place: World, statement: str, lines: Iterable[str]) -> None:
    """COPY FROM STDIN, in pieces that end anywhere."""
    session = place.session
    (parsed,) = session.parse(statement)
    session.begin_statement()
    data = "".join(f"{line}\n" for line in lines).encode()
    try:
        copy_in = session.execute(session.prepare(parsed, ()), ()).copy_in
        assert copy_in is not None
        for start in range(0, len(data), 100_000):
            copy_in.feed(data[start : start + 100_000])
        copy_in.finish()
        session.wait(session.end_group())
    except DatabaseError:
        session.abort_group()
        raise


def row_by_row(self: CopyIn, batch: ColumnBatch) -> None:
    raise AssertionError("not batch by batch")


def test_copy_goes_to_the_shards_batch_by_batch(split: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(CopyIn, "_write_rows", row_by_row)
        for name, key, form, count in (
            ("numbers", "int", "{}", 20_000),
            ("texts", "text", "key{}", 2_000),
            ("times", "timestamptz", "2026-01-01 00:00:00.{:06}+00", 2_000),
        ):
            split.sql(f"CREATE TABLE {name} (k {key} PRIMARY KEY, n int, v vector(2)) WITH (shards = {SHARDS})")
            lines = (f"{form.format(n)}\t{n}\t[{n},1]" for n in range(count))
            copy(split, f"COPY {name} FROM STDIN", lines)
            assert split.sql(f"SELECT count(*), sum(n) FROM {name}") == [(count, count * (count - 1) // 2)]
            assert sum(counts(split, name)) == count and min(counts(split, name)) > count / SHARDS * 0.8
            found = split.sql(f"SELECT k, v FROM {name} WHERE n % 100 = 7 ORDER BY n")
            for n, (k, v) in zip(range(7, count, 100), found, strict=True):
                # Whoever has the key looks in the shard of the key alone.
                assert v == (n, 1) and split.sql(f"SELECT n FROM {name} WHERE k = $1", k) == [(n,)]
        split.sql(f"CREATE TABLE in_turn (n int) WITH (shards = {SHARDS})")
        copy(split, "COPY in_turn FROM STDIN", map(str, range(20_000)))
        assert counts(split, "in_turn") == [5_000] * SHARDS
    with pytest.raises(UniqueViolation, match="numbers_pkey"):
        copy(split, "COPY numbers (k) FROM STDIN", ["20001", "20002", "20001"])
    with pytest.raises(UniqueViolation, match="numbers_pkey"):
        copy(split, "COPY numbers FROM STDIN", ["20003\t1\t[1,2]", "77\t1\t[1,2]"])
    assert sum(counts(split, "numbers")) == 20_000


def test_keys_of_types_that_users_made_are_placed_by_what_is_stored(split: World) -> None:
    split.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    split.sql(f"CREATE TABLE moods (k mood, n int, PRIMARY KEY (k, n)) WITH (shards = {SHARDS})")
    copy(split, "COPY moods FROM STDIN", (f"{mood}\t{n}" for n in range(20) for mood in ("sad", "happy")))
    split.sql("INSERT INTO moods SELECT 'ok', n FROM generate_series(0, 19) n")
    for mood in ("sad", "ok", "happy"):
        assert split.sql(f"SELECT n FROM moods WHERE k = '{mood}' AND n = 13") == [(13,)]
    with pytest.raises(UniqueViolation, match="moods_pkey"):
        split.sql("INSERT INTO moods VALUES ('sad', 13)")


def test_copy_sees_that_a_key_is_taken_in_another_shard(split: World) -> None:
    copy(split, "COPY docs (id, code) FROM STDIN", (f"{i}\tc{i}" for i in range(50)))
    for line in ("70\tc7", "71\tc49"):
        with pytest.raises(UniqueViolation, match="docs_code_key"):
            copy(split, "COPY docs (id, code) FROM STDIN", [line])
    assert sum(counts(split, "docs")) == 50


def test_graphs_of_shards_find_the_nearest_of_all(split: World) -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(2_000, 3)).round(4)
    rows = ", ".join(f"({i}, '{v.tolist()}')" for i, v in enumerate(vectors))
    split.sql(f"INSERT INTO docs (id, v) VALUES {rows}")
    split.maintain()
    hits = 0
    for query in random.normal(size=(20, 3)):
        sql = f"SELECT id FROM docs ORDER BY v <-> '{query.tolist()}' LIMIT 10"
        exact = np.argsort(((vectors - query) ** 2).sum(1))[:10]
        hits += len({row[0] for row in split.sql(sql)} & set(exact.tolist()))
    assert hits >= 196


def test_what_cannot_be_split(split: World) -> None:
    for sql, sqlstate, message in (
        ("CREATE TABLE t (a int) WITH (shards = 0)", "22023", 'value 0 out of bounds for option "shards"'),
        ("CREATE TABLE t (a int) WITH (shards = 257)", "22023", 'value 257 out of bounds for option "shards"'),
        ("CREATE TABLE t (a int) WITH (shards = many)", "22023", 'invalid value for integer option "shards": many'),
        ("CREATE TABLE t (a int) WITH (shards)", "22023", 'invalid value for integer option "shards": true'),
        ("ALTER TABLE docs SET (shards = 2)", "0A000", "the number of shards of a table cannot be changed"),
        ("ALTER TABLE docs RESET (shards)", "0A000", "the number of shards of a table cannot be changed"),
        ("CREATE TABLE t (a int PRIMARY KEY) PARTITION BY TENANT (a) WITH (shards = 2)", "0A000",
         "a table with tenants cannot be split: each tenant has a shard of its own"),
        ("ALTER TABLE docs DROP COLUMN id CASCADE", "42P16",
         'cannot drop column "id" because the shards of the table are split by it'),
    ):  # fmt: skip
        error = split.error(sql)
        assert (error.sqlstate, error.message) == (sqlstate, message), sql
    split.sql("CREATE TABLE t (a int) WITH (shards = 1, fillfactor = 70); INSERT INTO t VALUES (1)")
    split.sql("ALTER TABLE t SET (fillfactor = 80)")


def test_a_key_that_changes_its_type_places_its_rows_anew(split: World) -> None:
    split.sql("CREATE TABLE k (id int PRIMARY KEY, n int) WITH (shards = 4)")
    split.sql("INSERT INTO k SELECT i, i FROM generate_series(1, 40) i")
    split.sql("ALTER TABLE k ALTER COLUMN id TYPE text")
    assert split.sql("SELECT n FROM k WHERE id = '17'") == [(17,)]
    assert [split.sql(f"SELECT n FROM k WHERE id = '{i}'") for i in range(1, 41)] == [[(i,)] for i in range(1, 41)]
    assert split.error("INSERT INTO k VALUES ('17')").sqlstate == "23505"
