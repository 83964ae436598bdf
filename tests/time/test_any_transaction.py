"""Inside a transaction, under a tenant and a filter, scores are those of a database that holds just what is seen."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.harness.world import World, world
from tests.time.test_any_history import WORDS, documents

TENANTS = ("a", "b")
TABLE = """
    CREATE EXTENSION vector;
    CREATE TABLE docs (tenant text, id int, body text, v vector(3), PRIMARY KEY (tenant, id))
        PARTITION BY TENANT (tenant);
    CREATE INDEX ON docs USING hnsw (v vector_l2_ops);
    CREATE INDEX ON docs USING bm25 (body)"""
QUERIES = (
    "SELECT id, body <@> 'red fish' FROM docs ORDER BY body <@> 'red fish', id LIMIT 9",
    "SELECT id, body <@> 'bird' FROM docs WHERE id % 3 = 0 ORDER BY body <@> 'bird', id LIMIT 9",
    "SELECT id, score(body @@@ 'blue OR tree^2') AS s FROM docs WHERE body @@@ 'blue OR tree^2' ORDER BY s DESC, id",
    "SELECT id FROM docs WHERE body @@@ '\"red fish\"~1' AND id > 4 ORDER BY id",
    "SELECT id, v <-> '[1,1,1]' FROM docs WHERE id % 2 = 1 ORDER BY v <-> '[1,1,1]', id LIMIT 5",
    "SELECT id, relative_score(v <-> '[4,0,1]', body <@> 'green', pool => 999) AS s FROM docs"
    " WHERE id <> 3 ORDER BY s DESC, id LIMIT 6",
)


def change(place: World, random: Random, next_id: int) -> int:
    tenant, low = random.choice(TENANTS), random.randrange(max(1, next_id))
    kind = random.choice(["insert", "insert", "update", "delete"])
    if kind == "insert":
        count = random.choice([1, 2, 20])
        rows = [
            f"('{tenant}', {next_id + i}, '{' '.join(random.choices(WORDS, k=random.randint(0, 6)))}', "
            f"'[{random.randint(0, 9)},{i},{random.random():.3f}]')"
            for i in range(count)
        ]
        place.sql(f"INSERT INTO docs VALUES {', '.join(rows)}")
        return next_id + count
    where = f"WHERE tenant = '{tenant}' AND id BETWEEN {low} AND {low + 5}"
    if kind == "update":
        place.sql(f"UPDATE docs SET body = body || ' {random.choice(WORDS)}', v = v + '[1,0,0]' {where}")
    else:
        place.sql(f"DELETE FROM docs {where}")
    return next_id


@pytest.mark.parametrize("seed", range(6))
def test_a_transaction_scores_what_it_sees(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    with world(tmp_path / "now", segments_merged=2, dead_nodes_min=1) as place:
        place.sql(TABLE)
        place.sql("SET hnsw.ef_search = 400")
        next_id = 0
        for _ in range(20):
            next_id = change(place, random, next_id)
            if random.random() < 0.2:
                place.maintain()
        place.sql("BEGIN")
        for turn in range(random.randint(0, 6)):
            place.sql(f"SAVEPOINT s{turn}")
            next_id = change(place, random, next_id)
            if random.random() < 0.3:
                place.sql(f"ROLLBACK TO s{turn}")
        for tenant in TENANTS:
            place.sql(f"SET sqlvec.tenant = '{tenant}'")
            rows = place.sql("SELECT id, body, v FROM docs ORDER BY id")
            found = [place.sql(query) for query in QUERIES]
            with documents(tmp_path / f"alone_{tenant}", rows) as alone:
                assert found == [alone.sql(query) for query in QUERIES], tenant
        place.sql("ROLLBACK")
