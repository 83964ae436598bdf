"""An index that is being built: how far it is, who may go on meanwhile, and that it can be given up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

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


def _vector(value: int) -> str:
    return str([value] * 64)


_GRAPH, _TEXT = "USING hnsw (v vector_l2_ops)", "USING bm25 (body)"
_HALVES = "USING hnsw ((v::halfvec(64)) halfvec_l2_ops) WHERE id > 5"
_LEXEMES = "USING gin (to_tsvector('english', body))"


@pytest.mark.parametrize(
    ("command", "definition"),
    [
        ("CREATE INDEX being", _GRAPH),
        ("CREATE INDEX CONCURRENTLY being", _HALVES),
        ("CREATE INDEX being", _TEXT),
        ("CREATE INDEX CONCURRENTLY being", _LEXEMES),
        ("REINDEX", _GRAPH),
        ("REINDEX", _TEXT),
    ],
)
def test_writers_go_on_and_their_rows_are_found(server: LiveServer, command, definition):  # type: ignore[no-untyped-def]
    rows = 9_000
    with (
        psycopg.connect(server.dsn, autocommit=True) as builder,
        psycopg.connect(server.dsn, autocommit=True) as writer,
        psycopg.connect(server.dsn) as open_writer,
        ThreadPoolExecutor(1) as pool,
    ):
        builder.execute("CREATE EXTENSION IF NOT EXISTS vector")
        builder.execute("CREATE TABLE written (id int PRIMARY KEY, body text, v vector(64))")
        with builder.cursor().copy("COPY written FROM STDIN") as copy:
            for i, vector in enumerate(np.random.default_rng(6).random((rows, 64)).round(4).tolist()):
                copy.write_row((i, f"row number{i} of many", str(vector)))
        if command == "REINDEX":
            builder.execute(f"CREATE INDEX being ON written {definition}")
            statement = "REINDEX INDEX being"
        else:
            statement = f"{command} ON written {definition}"
        insert = "INSERT INTO written VALUES (%s, %s, %s)"
        open_writer.execute(insert, (rows, "an early word", _vector(50)))
        build = pool.submit(builder.execute, statement)
        written = 0
        while not build.done():
            written += 1
            key = rows + written
            writer.execute(insert, (key, "a late word", _vector(100 + written)))
            if written % 3 == 0:
                writer.execute("DELETE FROM written WHERE id = %s", (key,))
        build.result()
        open_writer.commit()
        assert written > 2  # they did not wait for its end
        kept = written - written // 3
        found = writer.execute(
            "SELECT id FROM written WHERE id > 5 ORDER BY v::halfvec(64) <-> %s LIMIT %s"
            if "halfvec" in definition
            else "SELECT id FROM written ORDER BY v <-> %s LIMIT %s",
            (_vector(50_000), kept + 1),
        )
        late = [rows + n for n in range(written, 0, -1) if n % 3]
        assert [key for (key,) in found] == [*late, rows]
        for word, count in (("late", kept), ("early", 1), ("number17", 1)):
            if "bm25" in definition:
                matches = f"body @@@ '{word}'"
            else:
                matches = f"to_tsvector('english', body) @@ to_tsquery('english', '{word}')"
            counted = writer.execute(f"SELECT count(*) FROM written WHERE {matches}").fetchone()
            assert counted == (count,), word
        builder.execute("DROP TABLE written")


def test_a_build_beside_writers_is_not_part_of_a_transaction(server: LiveServer):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE alone (id int PRIMARY KEY)")
        connection.execute("CREATE INDEX alone_low ON alone (id)")
        for statement, command in (
            ("CREATE INDEX CONCURRENTLY ON alone (id)", "CREATE INDEX CONCURRENTLY"),
            ("DROP INDEX CONCURRENTLY alone_low", "DROP INDEX CONCURRENTLY"),
            ("REINDEX TABLE CONCURRENTLY alone", "REINDEX CONCURRENTLY"),
            ("REINDEX SCHEMA public", "REINDEX SCHEMA"),
        ):
            connection.execute("BEGIN")
            with pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused:
                connection.execute(statement)
            message = f"{command} cannot run inside a transaction block"
            assert refused.value.diag.message_primary == message
            connection.execute("ROLLBACK")
        connection.execute("DROP TABLE alone")
