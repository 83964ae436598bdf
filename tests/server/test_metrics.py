"""What Prometheus is told."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from sqlvec.database import Cluster
from sqlvec.server.metrics import serve_metrics


def test_recall_and_queue_of_every_graph_are_told(tmp_path: Path) -> None:
    cluster = Cluster.open(tmp_path)
    connection = cluster.database("postgres").connect("postgres", 1, b"1234", {})
    for sql in (
        "CREATE TABLE docs (id int, e vector(2))",
        "CREATE INDEX docs_e ON docs USING hnsw (e vector_l2_ops)",
        "INSERT INTO docs VALUES (1, '[1,2]'), (2, '[3,4]')",
    ):
        connection.execute(connection.prepare(connection.parse(sql)[0]))
        connection.wait(connection.end_group())
    port, stop = serve_metrics(cluster, "127.0.0.1", 0)
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    labels = '{database="postgres",index="docs_e",table="docs",tenant=""}'
    assert f"sqlvec_index_rows_waiting{labels} 2.0" in text
    assert f"sqlvec_index_searches_sampled{labels} 0.0" in text
    assert 'sqlvec_connections{database="postgres"} 1.0' in text
    assert "sqlvec_index_recall{" not in text, "nothing was measured yet"
    stop()
    connection.close()
    cluster.close()
