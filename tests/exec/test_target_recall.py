"""sqlvec.target_recall, hnsw.ef_search = -1 and the view that shows what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.harness.world import World, world

DIMS = 16


def explained(place: World, sql: str) -> str:
    return "\n".join(str(row[0]) for row in place.sql(sql))


def test_a_target_takes_the_place_of_ef_search(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
        random = np.random.default_rng(1)
        values = ", ".join(
            f"({i}, '{v.round(3).tolist()}')" for i, v in enumerate(random.normal(size=(2_000, DIMS)))
        )
        place.sql(f"INSERT INTO t VALUES {values}")
        question = str(random.normal(size=DIMS).round(3).tolist())
        sql = f"EXPLAIN (ANALYZE, RECALL, TIMING off) SELECT id FROM t ORDER BY e <-> '{question}' LIMIT 10"
        place.maintain()
        assert "ef_search: 40" in explained(place, sql)
        place.sql("SET hnsw.ef_search = -1")
        assert "ef_search: 100" in explained(place, sql)
        place.sql("SET sqlvec.target_recall = 0.99")
        assert "ef_search: 1000" in explained(place, sql), "before anything was measured"
        view = "SELECT indexrelname, searches_sampled > 0, recall, rows_calibrated, ef_90 <= ef_99 FROM sqlvec_index_recall"
        assert place.sql(view)[0][3] is None
        place.maintain()
        plan = explained(place, sql)
        ef = int(plan.split("ef_search: ")[1].split()[0])
        assert 10 <= ef < 1000 and "target_recall: 0.99" in plan
        assert float(plan.split("\nrecall: ")[1].split()[0]) >= 0.9
        ((name, sampled, recall, calibrated, ascending),) = place.sql(view)
        assert (name, sampled, calibrated, ascending) == ("t_e", True, 2_000, True)
        assert isinstance(recall, float) and 0.5 < recall <= 1
