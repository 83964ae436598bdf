"""Changes of the catalog side by side, where PostgreSQL words it otherwise or the server is stopped in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer


@pytest.fixture
def sessions(connection: psycopg.Connection) -> Iterator[list[psycopg.Connection]]:
    info = connection.info
    dsn = f"host={info.host} port={info.port} user=postgres dbname={info.dbname}"
    with ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(dsn)) for _ in range(4)]


def test_a_name_that_another_has_given_meanwhile_is_taken(
    connection: psycopg.Connection, sessions: list[psycopg.Connection]
) -> None:
    a, b, *_ = sessions
    a.execute("CREATE TABLE wanted (id int)")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(b.execute, "CREATE TABLE wanted (v text)")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while connection.execute(waiting).fetchone() == (0,):
            assert not late.done()
        a.commit()
        with pytest.raises(psycopg.errors.DuplicateTable):
            late.result()
    b.rollback()
    assert b.execute("SELECT id FROM wanted").fetchall() == []


def test_names_that_the_server_chooses_are_not_given_twice(
    connection: psycopg.Connection, sessions: list[psycopg.Connection]
) -> None:
    a, b, *_ = sessions
    connection.execute("CREATE TABLE t_id (v int); CREATE TABLE t (id_v int)")
    a.execute("CREATE INDEX ON t_id (v)")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(b.execute, "CREATE INDEX ON t (id_v)")
        while connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            assert not late.done()
        a.commit()
        late.result()
    b.commit()
    names = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE 't_id%'")
    assert sorted(name for (name,) in names) == ["t_id_v_idx", "t_id_v_idx1"]


def test_many_sessions_create_and_drop_at_once(
    connection: psycopg.Connection, sessions: list[psycopg.Connection]
) -> None:
    def work(session: psycopg.Connection, number: int) -> None:
        for round_ in range(8):
            name = f"part_{number}_{round_}"
            session.execute(f"CREATE TABLE {name} (id serial PRIMARY KEY, v int UNIQUE)")
            session.execute(f"CREATE TEMP TABLE same_{round_} (v int)")
            session.execute(f"INSERT INTO {name} (v) VALUES (1), (2)")
            session.execute(f"INSERT INTO same_{round_} SELECT v FROM {name}")
            if round_ % 4 == 3:
                session.rollback()
            else:
                session.commit()
            if round_ % 4 == 2:
                session.execute(f"DROP TABLE {name}")
                session.commit()

    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(work, sessions, range(len(sessions))))
    names = connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'part%' AND relkind = 'r'")
    wanted = {f"part_{n}_{r}" for n in range(len(sessions)) for r in (0, 1, 4, 5)}
    assert {name for (name,) in names} == wanted
    oids = [oid for (oid,) in connection.execute("SELECT oid FROM pg_class")]
    assert len(set(oids)) == len(oids)
    for name in sorted(wanted):
        assert connection.execute(f"SELECT id, v FROM {name} ORDER BY id").fetchall() == [(1, 1), (2, 2)]


def test_what_was_made_side_by_side_is_there_after_a_crash(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    with psycopg.connect(server.dsn) as a, psycopg.connect(server.dsn) as b:
        a.execute("CREATE TABLE of_a (id serial, v text)")
        a.execute("INSERT INTO of_a (v) VALUES ('one'), ('two')")
        b.execute("CREATE TABLE of_b (id serial, v text)")
        b.execute("INSERT INTO of_b (v) VALUES ('three')")
        b.commit()
        with psycopg.connect(server.dsn, autocommit=True) as other:
            other.execute("CHECKPOINT")  # of_a's sequence has counted, and is nobody's yet
        a.commit()
        server.kill()
    server = LiveServer(tmp_path)
    with psycopg.connect(server.dsn) as again:
        again.execute("INSERT INTO of_a (v) VALUES ('next')")
        again.execute("INSERT INTO of_b (v) VALUES ('next')")
        ids = again.execute("SELECT min(id), count(DISTINCT id), count(*) FROM of_a").fetchone()
        assert ids == (1, 3, 3)
        ids = again.execute("SELECT min(id), count(DISTINCT id), count(*) FROM of_b").fetchone()
        assert ids == (1, 2, 2)
    server.stop()
