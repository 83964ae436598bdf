"""What zone maps rule out is what a scan of every row would not have found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.harness.world import World, world

COLUMNS = {
    "n": "int", "big": "bigint", "f": "float8", "r": "real", "price": "numeric", "cents": "numeric(9,2)",
    "name": "text", "d": "date", "at": "timestamp", "seen": "timestamptz", "u": "uuid", "ok": "bool",
}  # fmt: skip
VALUES = {
    "n": [str(i) for i in range(-3, 30, 4)],
    "big": ["9007199254740992", "9007199254740993", "-9223372036854775808", "5", "6"],
    "f": ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0", "1.5", "2.5"],
    "r": ["'NaN'", "0.1", "'-0'", "0", "3e38"],
    "price": ["'NaN'", "'Infinity'", "'-Infinity'", "0.1", "0.10", "1e-30", "12345678901234567890.5", "3"],
    "cents": ["-0.01", "0.01", "3", "99999.99"],
    "name": ["''", "'Zebra'", "'apple'", "'äpfel'", "'" + "long" * 20 + "'", "'" + "long" * 20 + "er'"],
    "d": ["'infinity'", "'-infinity'", "'2026-01-01'", "'2026-02-01'", "'0044-03-15 BC'"],
    "at": ["'infinity'", "'-infinity'", "'2026-01-01 12:00'", "'2026-01-01 12:00:00.000001'"],
    "seen": ["'infinity'", "'-infinity'", "'2026-01-01 12:00+00'", "'2026-01-01 12:00+02'"],
    "u": [f"'00000000-0000-0000-0000-00000000000{i}'" for i in range(4)],
    "ok": ["true", "false"],
}  # fmt: skip
# Beside the columns' own types, what they are also compared with.
MIXED = {"n": ["2.5", "'NaN'::float8", "5::numeric"], "big": ["9007199254740992.5", "1e300::float8"],
         "r": ["0.1::float8", "0.1"], "cents": ["0.011", "1e9"], "price": ["0.1::float8"]}  # fmt: skip


def literal(rng: Random, column: str, own: bool = False) -> str:
    # The relational engine has another -infinity than storage: no constant to compare with it there.
    choices = [value for value in VALUES[column] if value != "'-infinity'" or column not in ("d", "at", "seen")]
    value = rng.choice(choices + ([] if own else MIXED.get(column, [])))
    return value if "::" in value or value[0] not in "'tf" else f"{value}::{COLUMNS[column]}"


def comparison(rng: Random) -> str:
    column = rng.choice(list(COLUMNS))
    shape = rng.randrange(8)
    if shape == 0:
        return f"{column} IS {rng.choice(['', 'NOT '])}NULL"
    if shape == 1:
        items = ", ".join(literal(rng, column, own=True) for _ in range(rng.randint(1, 3)))
        return rng.choice([f"{column} IN ({items})", f"{column} = ANY (ARRAY[{items}])"])
    if shape == 2:
        return f"{column} BETWEEN {literal(rng, column)} AND {literal(rng, column)}"
    op = rng.choice(["=", "<", "<=", ">", ">="])
    if shape == 3:
        return f"{literal(rng, column)} {op} {column}"
    return f"{column} {op} {literal(rng, column)}"


def predicate(rng: Random, depth: int = 2) -> str:
    if depth == 0 or rng.random() < 0.5:
        return comparison(rng)
    word = rng.choice([" AND ", " OR "])
    return "(" + word.join(predicate(rng, depth - 1) for _ in range(rng.randint(2, 3))) + ")"


def row(rng: Random, id: int, columns: list[str]) -> str:
    """Neighbours are alike, so that zones differ."""
    values = []
    for column in columns:
        choices = VALUES[column]
        near = choices[(id // 6) % len(choices)]
        values.append("NULL" if rng.random() < 0.15 else near if rng.random() < 0.7 else rng.choice(choices))
    return f"({id}, {', '.join(values)})"


def insert(place: World, rng: Random, first: int, count: int, columns: list[str]) -> None:
    rows = ", ".join(row(rng, id, columns) for id in range(first, first + count))
    place.sql(f"INSERT INTO t (id, {', '.join(columns)}) VALUES {rows}")


def agree(place: World, rng: Random, times: int) -> None:
    """Zone maps know nothing of a CASE, so that every row is looked at."""
    for _ in range(times):
        asked = predicate(rng)
        found = place.sql(f"SELECT id FROM t WHERE {asked} ORDER BY id")
        every = place.sql(f"SELECT id FROM t WHERE CASE WHEN {asked} THEN true ELSE false END ORDER BY id")
        assert found == every, asked


SETTINGS: list[dict[str, int]] = [
    {"zone_rows": 3},
    {"zone_rows": 1, "filter_text_bytes_max": 0, "segments_merged": 2},
    {"zone_rows": 5, "dead_rows_min": 4, "segments_merged": 3},
]


@pytest.mark.parametrize("limits", SETTINGS, ids=str)
def test_a_predicate_finds_what_a_full_scan_finds(tmp_path: Path, limits: dict[str, int]) -> None:
    rng = Random(str(limits))
    with world(tmp_path, **limits) as place:
        old = [column for column in COLUMNS if column not in ("price", "ok")]
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, {', '.join(f'{c} {COLUMNS[c]}' for c in old)})")
        place.sql("ALTER TABLE t ALTER n TYPE text, ALTER name TYPE varchar(90)")
        quoted = [f"({id}, '{id % 7}', 'name{id}')" for id in range(30)]
        place.sql(f"INSERT INTO t (id, n, name) VALUES {', '.join(quoted)}")
        place.session.store.flush()
        place.sql("ALTER TABLE t ALTER n TYPE int USING n::int, ALTER name TYPE text")  # the first anew
        place.sql("ALTER TABLE t ADD price numeric DEFAULT 3, ADD ok bool")  # rows that are there do not hold them
        agree(place, rng, 6)
        for first in (100, 200, 300):
            insert(place, rng, first, 40, list(COLUMNS))
            place.session.store.flush()
            place.sql(f"DELETE FROM t WHERE id % 5 = {first // 100}")
            place.sql(f"UPDATE t SET n = n + 1, f = NULL, name = 'apple' WHERE id % 7 = {first // 100}")
            agree(place, rng, 12)
        place.maintain()
        agree(place, rng, 25)
        place.sql("DELETE FROM t WHERE id < 290")  # most of it is dead: written anew where that is allowed
        place.maintain()
        place.reopen()
        agree(place, rng, 25)


def test_infinite_times_are_the_first_and_the_last(tmp_path: Path) -> None:
    given = ["-infinity", "2026-01-01", "2026-01-02", "infinity"]
    with world(tmp_path, zone_rows=2) as place:
        place.sql("CREATE TABLE t (id int PRIMARY KEY, d date, at timestamp)")
        place.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, '{v}', '{v}')" for i, v in enumerate(given)))
        place.session.store.flush()
        for column in ("d", "at"):
            for op, wanted in (("=", [0]), ("<=", [0]), ("<", []), (">", [1, 2, 3]), (">=", [0, 1, 2, 3])):
                found = place.sql(f"SELECT id FROM t WHERE {column} {op} '-infinity' ORDER BY id")
                assert found == [(i,) for i in wanted], (column, op)
            for op, wanted in (("=", [3]), (">=", [3]), (">", []), ("<", [0, 1, 2])):
                found = place.sql(f"SELECT id FROM t WHERE {column} {op} 'infinity' ORDER BY id")
                assert found == [(i,) for i in wanted], (column, op)


def blocks_skipped(place: World, where: str, what: str = "id") -> str:
    lines = place.sql(f"EXPLAIN (ANALYZE, TIMING OFF) SELECT {what} FROM t WHERE {where}")
    (found,) = [str(line) for (line,) in lines if "blocks skipped: " in str(line)]
    return found.split("blocks skipped: ")[1].split("  ")[0]


def test_explain_analyze_counts_the_blocks_that_were_skipped(tmp_path: Path) -> None:
    with world(tmp_path, zone_rows=10) as place:
        place.sql("CREATE TABLE t (id int PRIMARY KEY, n int, price numeric, body text, v vector(2))")
        place.sql(
            "INSERT INTO t SELECT i, i, CASE WHEN i < 95 THEN i / 4.0 END, repeat(chr(65 + i / 10), 200), '[1,2]' "
            "FROM generate_series(0, 99) i"
        )
        place.session.store.flush()
        place.sql("ALTER TABLE t ADD kind text DEFAULT 'old'")
        assert blocks_skipped(place, "n >= 95") == "9 of 10"
        assert blocks_skipped(place, "n BETWEEN 15 AND 25") == "8 of 10"
        assert blocks_skipped(place, "n IN (3, 55)") == "8 of 10"
        assert blocks_skipped(place, "price > 20") == "8 of 10"
        assert blocks_skipped(place, "price > 20 OR n = 3") == "7 of 10"
        assert blocks_skipped(place, "price IS NULL") == "9 of 10"
        assert blocks_skipped(place, f"body = '{'C' * 200}'") == "9 of 10"
        assert blocks_skipped(place, "kind = 'new' AND n > 0") == "10 of 10"
        assert blocks_skipped(place, "kind = 'old' AND n > 89") == "9 of 10"
        assert blocks_skipped(place, "n % 2 = 0") == "0 of 10"
        assert blocks_skipped(place, "price < 1", "count(*)") == "9 of 10"
        assert blocks_skipped(place, "n < 10 ORDER BY v <-> '[0,0]' LIMIT 3") == "9 of 10"
        for _ in range(2):  # and once the filter has been read
            assert place.sql("SELECT count(*) FROM t WHERE n > 98") == [(1,)]
            assert blocks_skipped(place, "n > 98") == "9 of 10"


def test_a_segment_that_is_ruled_out_is_not_read(tmp_path: Path) -> None:
    with world(tmp_path, segments_merged=100) as place:
        place.sql("CREATE TABLE t (id int PRIMARY KEY, n int, price numeric)")
        for start in range(0, 30, 10):
            place.sql(f"INSERT INTO t SELECT i, i, i FROM generate_series({start}, {start + 9}) i")
            place.session.store.flush()
        place.reopen()
        assert place.sql("SELECT id FROM t WHERE n = 15") == [(15,)]
        assert place.sql("SELECT id FROM t WHERE price = 15") == [(15,)]
        ((oid,),) = place.sql("SELECT 't'::regclass::oid")
        assert isinstance(oid, int)
        shard = place.session.store.shard(oid)
        assert shard is not None
        held = [filter(s.file.is_held, s.file.names) for s in shard.segments]
        read = [{name.split("/")[0] for name in names} for names in held]
        assert ["filter" in names for names in read] == [False, True, False]
        assert ["column" in names for names in read] == [False, True, False]
