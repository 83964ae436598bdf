"""pg_stat_activity: who does what."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.harness.live_server import LiveServer

SEEN = """SELECT state, query, xact_start IS NOT NULL, query_start >= backend_start
    FROM pg_stat_activity WHERE pid = %s"""


def sleep(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(30)")


def test_the_state_and_the_statement_of_another_session(server: LiveServer) -> None:
    with (
        psycopg.connect(server.dsn, autocommit=True) as onlooker,
        psycopg.connect(server.dsn) as other,
    ):
        pid = other.info.backend_pid
        looked = lambda: onlooker.execute(SEEN, (pid,)).fetchone()  # noqa: E731
        other.execute("SELECT 1 AS one")
        assert looked() == ("idle in transaction", "SELECT 1 AS one", True, True)
        with pytest.raises(psycopg.errors.DivisionByZero):
            other.execute("SELECT 1 / 0")
        assert looked()[:2] == ("idle in transaction (aborted)", "SELECT 1 / 0")
        other.rollback()
        assert looked()[0] == "idle" and not looked()[2]
        running = threading.Thread(target=sleep, args=(other,))
        running.start()
        while looked()[0] == "idle" or looked()[1] == "BEGIN":
            assert running.is_alive()
        assert looked() == ("active", "SELECT pg_sleep(30)", True, True)
        onlooker.execute("SELECT pg_cancel_backend(%s)", (pid,))
        running.join()
