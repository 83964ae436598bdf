"""sqlvec.target_recall, hnsw.ef_search = -1 and the view that shows what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sqlvec.database import Cluster, Connection, Database

DIMS = 16


def rows(connection: Connection, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    prepared = connection.prepare(connection.parse(sql)[0])
    result = connection.execute(prepared, parameters)
    found = [row for batch in result.batches() for row in zip(*batch, strict=True)]
    connection.wait(connection.end_group())
    return found


def run_jobs(database: Database) -> None:
    while jobs := database.jobs():
        for job in jobs:
            job.run()


def explained(connection: Connection, sql: str) -> str:
    return "\n".join(str(row[0]) for row in rows(connection, sql))


def test_a_target_takes_the_place_of_ef_search(tmp_path: Path) -> None:
    cluster = Cluster.open(tmp_path)
    database = cluster.database("postgres")
    connection = database.connect("postgres", 1, b"1234", {})
    rows(connection, f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
    rows(connection, "CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
    random = np.random.default_rng(1)
    values = ", ".join(
        f"({i}, '{v.round(3).tolist()}')" for i, v in enumerate(random.normal(size=(2_000, DIMS)))
    )
    rows(connection, f"INSERT INTO t VALUES {values}")
    question = str(random.normal(size=DIMS).round(3).tolist())
    sql = f"EXPLAIN (ANALYZE, RECALL, TIMING off) SELECT id FROM t ORDER BY e <-> '{question}' LIMIT 10"
    run_jobs(database)
    assert "ef_search: 40" in explained(connection, sql)
    rows(connection, "SET hnsw.ef_search = -1")
    assert "ef_search: 100" in explained(connection, sql)
    rows(connection, "SET sqlvec.target_recall = 0.99")
    assert "ef_search: 1000" in explained(connection, sql), "before anything was measured"
    view = "SELECT indexrelname, searches_sampled > 0, recall, rows_calibrated, ef_90 <= ef_99 FROM sqlvec_index_recall"
    assert rows(connection, view)[0][3] is None
    run_jobs(database)
    plan = explained(connection, sql)
    ef = int(plan.split("ef_search: ")[1].split()[0])
    assert 10 <= ef < 1000 and "target_recall: 0.99" in plan
    assert float(plan.split("\nrecall: ")[1].split()[0]) >= 0.9
    ((name, sampled, recall, calibrated, ascending),) = rows(connection, view)
    assert (name, sampled, calibrated, ascending) == ("t_e", True, 2_000, True)
    assert isinstance(recall, float) and 0.5 < recall <= 1
    connection.close()
    cluster.close()
