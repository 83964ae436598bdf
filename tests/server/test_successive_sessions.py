"""What a session leaves behind for the next - the engine's cursor, answers about the catalog - is not noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.harness.live_server import LiveServer

VISIBLE = "SELECT relname, relpersistence FROM pg_class WHERE pg_table_is_visible(oid) AND relname LIKE 'mine%' ORDER BY 1"
OWN = """SELECT pg_backend_pid(), current_setting('application_name'), count(*), max(at)::text
    FROM (VALUES (timestamptz '2024-07-01 12:00:00+00')) v(at) GROUP BY 1, 2"""


def _connect(server: LiveServer, **settings: str) -> psycopg.Connection:
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return psycopg.connect(server.dsn, autocommit=True, options=options)


def test_the_engines_cursor_serves_each_session_by_its_own_settings(server: LiveServer) -> None:
    for zone, shown in (("UTC", "12:00:00+00"), ("Asia/Tokyo", "21:00:00+09"), ("UTC", "12:00:00+00")):
        for name in ("first", "second", "third"):
            with _connect(server, timezone=zone, application_name=name) as session:
                pid = session.info.backend_pid
                for _ in range(3):
                    assert session.execute(OWN).fetchall() == [(pid, name, 1, f"2024-07-01 {shown}")]


def test_a_temporary_table_is_seen_by_its_session_alone(server: LiveServer) -> None:
    with _connect(server) as one, _connect(server) as other:
        one.execute("CREATE TABLE mine_too (id int)")
        for session in (one, other, one):
            assert session.execute(VISIBLE).fetchall() == [("mine_too", "p")]
        one.execute("CREATE TEMP TABLE mine (id int)")
        assert one.execute(VISIBLE).fetchall() == [("mine", "t"), ("mine_too", "p")]
        assert other.execute(VISIBLE).fetchall() == [("mine_too", "p")]
        other.execute("CREATE TEMP TABLE mine_too (id int)")
        assert other.execute(VISIBLE).fetchall() == [("mine_too", "t")]
        one.execute("DROP TABLE public.mine_too")


def test_a_cursor_whose_statement_was_given_up_is_not_passed_on(server: LiveServer) -> None:
    slow = "SELECT sum(sqrt(a * b)) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    for _ in range(3):
        session = _connect(server)
        with ThreadPoolExecutor(1) as pool, _connect(server) as other:
            statement = pool.submit(_run_until_closed, session, slow)
            while not other.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'",
                (session.info.backend_pid,),
            ).fetchall():
                pass
            other.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))
            statement.result()
            assert other.execute("SELECT a, count(*) FROM generate_series(1, 3) a GROUP BY a").rowcount == 3
        with _connect(server) as next_one:
            assert next_one.execute(OWN).fetchone()[2] == 1  # type: ignore[index]


def _run_until_closed(session: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        session.execute(statement)
