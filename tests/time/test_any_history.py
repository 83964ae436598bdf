"""Whatever happened since, a time shows rows and scores of a database that holds what was there then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.harness.world import HOUR_US, Row, World, world

TABLE = """
    CREATE EXTENSION vector;
    CREATE TABLE docs (id int PRIMARY KEY, body text, v vector(3));
    CREATE INDEX ON docs USING hnsw (v vector_l2_ops);
    CREATE INDEX ON docs USING bm25 (body)"""
WORDS = "red blue green fish bird tree the of".split()
QUERIES = (
    "SELECT id, body, v FROM docs{past} ORDER BY id",
    "SELECT id, v <-> '[1,1,1]' FROM docs{past} ORDER BY v <-> '[1,1,1]', id LIMIT 7",
    "SELECT id, body <@> 'red fish tree' FROM docs{past} ORDER BY body <@> 'red fish tree', id LIMIT 7",
    "SELECT id, body <@> 'bird' FROM docs{past} WHERE id % 3 = 0 ORDER BY id",
    "SELECT id FROM docs{past} WHERE body @@@ 'blue AND fish' ORDER BY id",
    "SELECT id, relative_score(v <-> '[4,0,1]', body <@> 'green tree', pool => 999) AS s FROM docs{past} ORDER BY s DESC, id LIMIT 5",
    "SELECT body FROM docs{past} WHERE id = 5",
)


@contextmanager
def documents(directory: Path, rows: list[Row]) -> Iterator[World]:
    """A database that holds just these (id, body, v)."""
    with world(directory) as made:
        made.sql(TABLE)
        made.sql("SET hnsw.ef_search = 400")
        if rows:
            values = ", ".join(f"({i}, '{body}', '{list(v)}')" for i, body, v in rows)  # type: ignore[call-overload]
            made.sql(f"INSERT INTO docs VALUES {values}")
        yield made


def value(random: Random, key: int) -> str:
    body = " ".join(random.choices(WORDS, k=random.randint(0, 6)))
    return f"({key}, '{body}', '[{random.randint(0, 9)},{key % 7},{random.random():.3f}]')"


def change(place: World, random: Random, next_id: int) -> int:
    low = random.randrange(max(1, next_id))
    kind = random.choice(["insert", "insert", "update", "delete", "truncate", "undone"])
    if kind == "insert":
        count = random.choice([1, 2, 20])
        rows = ", ".join(value(random, next_id + i) for i in range(count))
        place.sql(f"INSERT INTO docs VALUES {rows}")
        return next_id + count
    where = f"WHERE id BETWEEN {low} AND {low + 5}"
    if kind == "update":
        place.sql(f"UPDATE docs SET body = body || ' {random.choice(WORDS)}', v = v + '[1,0,0]' {where}")
    elif kind == "delete":
        place.sql(f"DELETE FROM docs {where}")
    elif kind == "undone":
        place.sql(f"BEGIN; DELETE FROM docs {where}; ROLLBACK")
    elif random.random() < 0.2:
        place.sql("TRUNCATE docs")
    return next_id


@pytest.mark.parametrize("seed", range(4))
def test_a_time_shows_what_was_there(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    limits = {"segments_merged": 2, "dead_nodes_min": 1, "link_log_bytes_min": 1_000}
    with world(tmp_path / "now", retention_us=HOUR_US, **limits) as place:
        place.sql(TABLE)
        place.sql("SET hnsw.ef_search = 400")
        next_id, moments = 0, []
        for _ in range(25):
            next_id = change(place, random, next_id)
            place.pass_time(0.5)
            moments.append((place.clock.us, place.sql("SELECT id, body, v FROM docs ORDER BY id")))
            place.pass_time(0.5)
            if random.random() < 0.2:
                place.maintain()
            if random.random() < 0.1:
                place.reopen()
                place.sql("SET hnsw.ef_search = 400")
        for number, (time, rows) in enumerate(random.sample(moments, 3)):
            seconds = (place.clock.us - time) // 1_000_000
            past = f" FOR SYSTEM_TIME AS OF '-{seconds} seconds'"
            found = [place.sql(query.format(past=past)) for query in QUERIES]
            assert found[0] == rows
            with documents(tmp_path / f"then{number}", rows) as then:
                assert found == [then.sql(query.format(past="")) for query in QUERIES], seconds
