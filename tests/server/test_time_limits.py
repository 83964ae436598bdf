"""Cancelling, time limits, terminating: who is told what, and what goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.pgwire.conversation import Wire, encode, fields

ENDLESS = "SELECT pg_sleep(600)"
HEAVY = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b"


@pytest.fixture
def wire(server: LiveServer) -> Iterator[Wire]:
    found = Wire(server.host, server.port)
    found.start(user="postgres", database="postgres")
    yield found
    found.close()


def ask(wire: Wire, *lines: str) -> list[tuple[bytes, bytes]]:
    wire.send(b"".join(encode(line) for line in lines))
    return wire.until_ready()


def error_of(messages: list[tuple[bytes, bytes]]) -> tuple[str, str, str]:
    """Severity, SQLSTATE and text of the only error."""
    (found,) = [fields(body) for kind, body in messages if kind == b"E"]
    return found[b"V"], found[b"C"], found[b"M"]


@pytest.mark.parametrize("query", [ENDLESS, HEAVY])
def test_statement_timeout_stops_the_statement_and_not_the_connection(
    wire: Wire, query: str
) -> None:
    ask(wire, 'Query "set statement_timeout = 150"')
    found = ask(wire, f'Query "{query}"')
    expected = ("ERROR", "57014", "canceling statement due to statement timeout")
    assert error_of(found) == expected
    assert ask(wire, 'Query "select 1"')[-2] == (b"C", b"SELECT 1\0")
    assert error_of(ask(wire, f'Parse query="{query}"', "Bind", "Execute", "Sync")) == expected
    assert ask(wire, 'Query "set statement_timeout = 0; select 1"')[-1][0] == b"Z"


def test_statement_timeout_counts_for_each_statement_of_a_message(wire: Wire) -> None:
    ask(wire, 'Query "set statement_timeout = 2000"')
    found = ask(wire, 'Query "' + "select pg_sleep(0.02);" * 5 + '"')
    assert [kind for kind, _ in found].count(b"C") == 5


def test_statement_timeout_ends_a_copy_that_waits_for_data(wire: Wire) -> None:
    ask(wire, 'Query "create table if not exists slow (a int); set statement_timeout = 150"')
    wire.send(encode('Query "copy slow from stdin"') + encode('CopyData "1\\n"'))
    found = wire.until_ready()
    assert error_of(found)[1] == "57014"
    assert ask(wire, 'Query "set statement_timeout = 0; select count(*) from slow"')[-3][0] == b"D"


def test_a_cancel_request_stops_what_runs(server: LiveServer, wire: Wire) -> None:
    for query in (ENDLESS, HEAVY):
        wire.send(encode(f'Query "{query}"'))
        found = _until_error(wire, lambda: _cancel(server, wire))
        assert error_of(found) == ("ERROR", "57014", "canceling statement due to user request")


def _cancel(server: LiveServer, wire: Wire) -> None:
    other = Wire(server.host, server.port)
    other.send(b"\0\0\0\x10\x04\xd2\x16\x2e" + wire.key)
    assert other.read() == (b"", b"")
    other.close()


def _until_error(wire: Wire, again: Callable[[], None]) -> list[tuple[bytes, bytes]]:
    """What comes; a request that arrives before the statement runs does nothing, so it is repeated."""
    found = [(b"", b"")]
    while found[-1][0] != b"Z":
        if wire.silent():
            again()
        else:
            found.append(wire.read())
    return found


def test_a_cancel_request_to_an_idle_session_has_no_effect(server: LiveServer, wire: Wire) -> None:
    _cancel(server, wire)
    assert ask(wire, 'Query "select pg_sleep(0)"')[-2][0] == b"C"


def test_a_cancel_request_with_a_wrong_key_has_no_effect(server: LiveServer, wire: Wire) -> None:
    wire.send(encode('Query "select pg_sleep(0.3)"'))
    other = Wire(server.host, server.port)
    other.send(b"\0\0\0\x10\x04\xd2\x16\x2e" + wire.key[:4] + b"\0\0\0\0")
    assert other.read() == (b"", b"")
    other.close()
    assert wire.until_ready()[-2][0] == b"C"


def test_pg_cancel_backend_stops_another_session(server: LiveServer, wire: Wire) -> None:
    pid = int.from_bytes(wire.key[:4], "big")
    wire.send(encode(f'Query "{ENDLESS}"'))
    with psycopg.connect(server.dsn, autocommit=True) as other:
        found = _until_error(
            wire, lambda: other.execute("SELECT pg_cancel_backend(%s)", [pid]).fetchone()
        )
        assert error_of(found)[1] == "57014"
        assert other.execute("SELECT pg_cancel_backend(1)").fetchone() == (False,)


@pytest.mark.parametrize("busy", [False, True])
def test_pg_terminate_backend_ends_another_session(
    server: LiveServer, wire: Wire, busy: bool
) -> None:
    pid = int.from_bytes(wire.key[:4], "big")
    if busy:
        wire.send(encode(f'Query "{ENDLESS}"'))
    with psycopg.connect(server.dsn, autocommit=True) as other:
        assert other.execute("SELECT pg_terminate_backend(%s)", [pid]).fetchone() == (True,)
    found = wire.until_ready()
    text = "terminating connection due to administrator command"
    assert error_of(found) == ("FATAL", "57P01", text)
    assert found[-1][0] == b""


def test_an_idle_transaction_is_ended(wire: Wire) -> None:
    ask(wire, 'Query "set idle_in_transaction_session_timeout = 100"')
    ask(wire, 'Query "select 1"')
    assert wire.silent()  # not in a transaction: it may idle
    ask(wire, 'Query "begin"')
    text = "terminating connection due to idle-in-transaction timeout"
    assert error_of(wire.until_ready()) == ("FATAL", "25P03", text)


def test_a_failed_transaction_that_idles_is_ended_too(wire: Wire) -> None:
    ask(wire, 'Query "set idle_in_transaction_session_timeout = 100"')
    ask(wire, 'Query "begin; select nope"')
    assert error_of(wire.until_ready())[1] == "25P03"


def test_an_idle_session_is_ended(wire: Wire) -> None:
    ask(wire, 'Query "set idle_session_timeout = 100"')
    text = "terminating connection due to idle-session timeout"
    assert error_of(wire.until_ready()) == ("FATAL", "57P05", text)


def test_a_session_that_works_is_not_idle(wire: Wire) -> None:
    ask(wire, 'Query "set idle_session_timeout = 400"')
    assert ask(wire, 'Query "select pg_sleep(0.6)"')[-2][0] == b"C"


def test_a_client_that_does_not_authenticate_in_time_is_sent_away(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "--authentication-timeout", "0.2")
    try:
        for start in (b"", b"\0\0\0\x08\x04\xd2\x16\x2f"):  # nothing, and an SSLRequest
            wire = Wire(server.host, server.port)
            wire.send(start)
            if start:
                assert wire.read_byte() == b"N"
            found = wire.until_ready()
            assert error_of(found) == ("FATAL", "57014", "canceling authentication due to timeout")
            wire.close()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        assert server.stop() == 0


def test_a_stop_tells_every_client_and_keeps_what_was_committed(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    wires = [Wire(server.host, server.port) for _ in range(3)]
    for wire in wires:
        wire.start(user="postgres", database="postgres")
    ask(wires[0], 'Query "create table kept (a int); insert into kept values (1)"')
    ask(wires[1], 'Query "begin; insert into kept values (2)"')
    wires[2].send(encode(f'Query "{HEAVY}"'))
    assert server.stop() == 0
    for wire in wires:
        assert error_of(wire.until_ready())[:2] == ("FATAL", "57P01")
        wire.close()
    again = LiveServer(tmp_path)
    with psycopg.connect(again.dsn) as connection:
        assert connection.execute("SELECT a FROM kept").fetchall() == [(1,)]
    assert again.stop() == 0


def test_a_client_that_vanishes_takes_its_transaction_with_it(server: LiveServer) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as other:
        other.execute("DROP TABLE IF EXISTS vanished")
        other.execute("CREATE TABLE vanished (a int PRIMARY KEY)")
        for query in ("select 1", ENDLESS, HEAVY):
            wire = Wire(server.host, server.port)
            wire.start(user="postgres", database="postgres")
            ask(wire, 'Query "begin; insert into vanished values (1)"')
            wire.send(encode(f'Query "{query}"'))
            wire.close()
            pid = int.from_bytes(wire.key[:4], "big")
            gone = threading.Event()
            while other.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]
            ).fetchone() != (0,):
                gone.wait(0.02)
            assert other.execute("SELECT count(*) FROM vanished").fetchone() == (0,)


@pytest.mark.parametrize(
    "call", ["pg_terminate_backend(pg_backend_pid())", "pg_terminate_backend(pid) FROM pg_stat_activity"]
)
def test_a_session_that_ends_itself_is_told_so_and_gets_no_answer(
    server: LiveServer, call: str
) -> None:
    with psycopg.connect(server.dsn) as onlooker, psycopg.connect(server.dsn) as session:
        mine = session.info.backend_pid
        where = f" WHERE pid = {mine}" if "FROM" in call else ""
        with pytest.raises(psycopg.errors.AdminShutdown, match="due to administrator command"):
            session.execute(f"SELECT {call}{where}")  # type: ignore[arg-type]
        left = onlooker.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (mine,))
        assert left.fetchone() == (0,)


def test_a_session_that_cancels_itself_goes_on(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_cancel_backend(pg_backend_pid())")
    assert connection.execute("SELECT 1").fetchone() == (1,)
