"""An index that is being built: how far it is, who may go on meanwhile, and that it can be given up."""

from __future__ import annotations

import threading

import numpy as np
import psycopg
import pytest

from tests.harness.live_server import LiveServer

ROWS = 30_000
BUILDING = "SELECT * FROM pg_stat_progress_create_index"


@pytest.fixture
def building(server: LiveServer):  # type: ignore[no-untyped-def]
    """A connection that builds in a thread of its own, and one that looks on."""
    with (
        psycopg.connect(server.dsn, autocommit=True) as builder,
        psycopg.connect(
            server.dsn, autocommit=True, row_factory=psycopg.rows.dict_row
        ) as onlooker,
    ):
        builder.execute("CREATE EXTENSION IF NOT EXISTS vector")
        builder.execute("CREATE TABLE long_build (id int PRIMARY KEY, v vector(64))")
        with builder.cursor().copy("COPY long_build FROM STDIN") as copy:
            for i, vector in enumerate(np.random.default_rng(5).random((ROWS, 64)).round(4).tolist()):
                copy.write_row((i, str(vector)))
        outcome: list[object] = []

        def build() -> None:
            try:
                outcome.append(builder.execute("CREATE INDEX ON long_build USING hnsw (v vector_l2_ops)"))
            except psycopg.Error as error:
                outcome.append(error.sqlstate)

        thread = threading.Thread(target=build)
        thread.start()
        yield onlooker, thread, outcome
        thread.join()
        builder.execute("DROP TABLE long_build")


def test_its_rows_are_counted_and_readers_go_on(building):  # type: ignore[no-untyped-def]
    onlooker, thread, outcome = building
    seen: list[dict[str, object]] = []
    while thread.is_alive():
        seen += onlooker.execute(BUILDING).fetchall()
        assert onlooker.execute("SELECT count(*) AS n FROM long_build").fetchone() == {"n": ROWS}
    assert not isinstance(outcome[0], str)
    assert {row["command"] for row in seen} == {"CREATE INDEX"}
    assert {row["tuples_total"] for row in seen} <= {0, ROWS}
    done = [row["tuples_done"] for row in seen]
    assert done == sorted(done) and len(set(done)) > 2
    assert seen[-1]["phase"] == "building index: loading tuples"
    assert onlooker.execute(BUILDING).fetchall() == []


def test_it_can_be_cancelled_and_leaves_nothing(building):  # type: ignore[no-untyped-def]
    onlooker, thread, outcome = building
    while not (seen := onlooker.execute(BUILDING).fetchall()) or not seen[0]["tuples_done"]:
        assert thread.is_alive()
    onlooker.execute("SELECT pg_cancel_backend(%s)", (seen[0]["pid"],))
    thread.join()
    assert outcome == ["57014"]
    assert onlooker.execute(BUILDING).fetchall() == []
    named = "SELECT indexname FROM pg_indexes WHERE tablename = 'long_build'"
    assert onlooker.execute(named).fetchall() == [{"indexname": "long_build_pkey"}]
