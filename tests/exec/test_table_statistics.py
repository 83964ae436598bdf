"""What a statement asks of a table of many tenants is asked without holding their shards open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlvec.exec.prefilter import SHARDS_HELD_MAX
from tests.harness.world import World, world

TENANTS, OPEN_MAX = 30, 4
WORDS = "cat dog fish bird".split()


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, open_shards_max=OPEN_MAX) as place:
        for name, split in (("many", "PARTITION BY TENANT (tenant)"), ("twin", ""), ("split", "WITH (shards = 3)")):
            place.sql(f"CREATE TABLE {name} (tenant text, id int, body text, PRIMARY KEY (tenant, id)) {split}")
            place.sql(f"CREATE INDEX ON {name} USING bm25 (body) WITH (bm25_stats = 'table')")
            lines = [
                f"('t{t:02}', {i}, '{' '.join(WORDS[(t * i + k) % 4] for k in range(1 + (t + i) % 3))} w{t % 5}')"
                for t in range(TENANTS)
                for i in range(4)
            ]
            place.sql(f"INSERT INTO {name} VALUES {', '.join(lines)}")
            place.sql(f"DELETE FROM {name} WHERE tenant = 't07' AND id = 1")
        place.maintain()
        place.reopen()
        yield place


def open_tenants(place: World) -> list[str]:
    return sorted(shard.tenant for shard in place.session.store.open_shards.values() if shard.tenant[:1] == "t")


@pytest.mark.parametrize("query", ["cat", "dog fish w3", "zebra", "bird"])
def test_scores_count_the_rows_of_all_tenants(tenants: World, query: str) -> None:
    for place, sql in enumerate((
        f"SELECT tenant, id, round((body <@> '{query}')::numeric, 9) FROM {{}} WHERE tenant = 't03' ORDER BY 1, 2",
        f"SELECT tenant, id FROM {{}} WHERE body @@@ '{query}' ORDER BY body <@> '{query}', tenant, id LIMIT 20",
        f"SELECT tenant, id, round((body <@> '{query}')::numeric, 9) FROM {{}} ORDER BY 1, 2",
    )):
        found = [tenants.sql(sql.format(name)) for name in ("many", "split", "twin")]
        assert found[0] == found[1] == found[2], sql
        held = SHARDS_HELD_MAX if place else 1  # by a statement over all tenants
        assert len(open_tenants(tenants)) <= OPEN_MAX + held + 2


def test_a_transactions_own_rows_are_counted(tenants: World) -> None:
    sql = "SELECT id, round((body <@> 'cat')::numeric, 9) FROM {} WHERE tenant = 't03' ORDER BY 1"
    before = tenants.sql(sql.format("many"))
    tenants.sql("BEGIN")
    for name in ("many", "twin"):
        tenants.sql(f"INSERT INTO {name} VALUES ('t03', 9, 'cat'), ('t04', 9, 'cat cat'), ('new', 1, 'cat')")
    assert tenants.sql(sql.format("many")) == tenants.sql(sql.format("twin")) != before
    tenants.sql("ROLLBACK")
    assert tenants.sql(sql.format("many")) == before


def test_merge_opens_the_tenants_that_it_is_about(tenants: World) -> None:
    tenants.sql(
        "MERGE INTO many m USING (SELECT o.id, o.body FROM many o WHERE o.tenant = 't11') s "
        "ON m.tenant = 't12' AND m.id = s.id WHEN MATCHED THEN UPDATE SET body = s.body"
    )
    assert open_tenants(tenants) == ["t11", "t12"]
    bodies = [tenants.sql(f"SELECT id, body FROM many WHERE tenant = '{t}' ORDER BY id") for t in ("t11", "t12")]
    assert bodies[0] == bodies[1] and len(bodies[0]) == 4
