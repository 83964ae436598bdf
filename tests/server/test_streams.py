"""Results that do not fit: rows as they are asked for, portals side by side, slow clients."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.pgwire.conversation import Wire, encode, fields, render

MANY = 800_000
WIDE = f"SELECT g, repeat('x', 100) FROM generate_series(1, {MANY}) g"
RESULT_BYTES = MANY * 110


@pytest.fixture
def wire(server: LiveServer) -> Iterator[Wire]:
    found = Wire(server.host, server.port)
    found.start(user="postgres", database="postgres")
    yield found
    found.close()


def ask(wire: Wire, *lines: str) -> list[tuple[bytes, bytes]]:
    wire.send(b"".join(encode(line) for line in lines))
    return wire.until_ready()


def memory(server: LiveServer) -> int:
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def numbers(messages: list[tuple[bytes, bytes]]) -> list[int]:
    return [int(body[6:]) for kind, body in messages if kind == b"D"]


@pytest.mark.parametrize("copy", [False, True])
def test_a_client_that_does_not_read_holds_one_batch(
    server: LiveServer, wire: Wire, copy: bool
) -> None:
    ask(wire, 'Query "select count(*) from generate_series(1, 10000)"')
    before = memory(server)
    query = f"COPY ({WIDE}) TO STDOUT" if copy else WIDE
    wire.send(encode(f'Query "{query}"'))
    with psycopg.connect(server.dsn) as other:  # served meanwhile, again and again
        for _ in range(50):
            assert other.execute("SELECT count(*) FROM generate_series(1, 20000)").fetchone()
    assert memory(server) - before < RESULT_BYTES / 3
    rows = 0
    while (message := wire.read())[0] not in (b"C", b"E"):
        rows += message[0] == (b"d" if copy else b"D")
    assert (message[0], rows) == (b"C", MANY)


def test_a_client_that_stops_reading_and_vanishes_takes_its_statement_with_it(
    server: LiveServer,
) -> None:
    wire = Wire(server.host, server.port)
    wire.start(user="postgres", database="postgres")
    wire.send(encode(f'Query "{WIDE}"'))
    assert wire.read()[0] == b"T"
    pid = int.from_bytes(wire.key[:4], "big")
    wire.close()
    with psycopg.connect(server.dsn, autocommit=True) as other:
        while True:
            sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            if other.execute(sql, [pid]).fetchone() == (0,):
                break


def test_portals_over_large_results_run_side_by_side(wire: Wire) -> None:
    ask(wire, 'Query "begin"')
    for name, factor in (("p", 1), ("q", 10)):
        query = f"select g * {factor} from generate_series(1, 50000) g"
        ask(wire, f'Parse query="{query}"', f'Bind portal="{name}"', "Sync")
    first = numbers(ask(wire, 'Execute "p" 3', 'Execute "q" 3', "Sync"))
    assert first == [1, 2, 3, 10, 20, 30]
    ask(wire, 'Query "select count(*) from generate_series(1, 30000)"')
    second = ask(wire, 'Execute "p" 40000', 'Execute "q" 2', 'Execute "p" 0', "Sync")
    found = numbers(second)
    assert found[:40000] == list(range(4, 40004))
    assert found[40000:40002] == [40, 50]
    assert found[40002:] == list(range(40004, 50001))
    assert second[-2] == (b"C", b"SELECT 9997\0")
    ask(wire, 'Query "rollback"')


def test_a_suspended_portal_sees_the_rows_of_its_start(wire: Wire) -> None:
    setup = "drop table if exists started; create table started (a int);"
    ask(wire, f'Query "{setup} insert into started select g from generate_series(1, 20000) g"')
    ask(wire, 'Query "begin"')
    for name, order in (("sorted", "order by a"), ("plain", "")):
        query = f"select a from started {order}"
        ask(wire, f'Parse query="{query}"', f'Bind portal="{name}"', f'Execute "{name}" 2', "Sync")
    ask(wire, 'Query "delete from started where a > 2; insert into started values (0), (99999)"')
    for name in ("sorted", "plain"):
        assert sorted(numbers(ask(wire, f'Execute "{name}"', "Sync"))) == list(range(3, 20001))
    ask(wire, 'Query "rollback"')


def test_an_error_in_the_middle_of_a_result_ends_it(wire: Wire) -> None:
    found = ask(wire, 'Query "select 1 / (60000 - g) from generate_series(1, 100000) g"')
    assert [kind for kind, _ in found[-2:]] == [b"E", b"Z"]
    assert fields(found[-2][1])[b"C"] == "22012"
    assert ask(wire, 'Query "select 1"')[-2] == (b"C", b"SELECT 1\0")


def test_a_message_of_thousands_of_statements_is_answered(wire: Wire) -> None:
    found = ask(wire, 'Query "' + "select 1;" * 3000 + '"')
    assert [kind for kind, _ in found] == [b"T", b"D", b"C"] * 3000 + [b"Z"]


def test_a_pipeline_of_thousands_of_messages_is_answered_in_order(wire: Wire) -> None:
    lines = ['Parse query="select $1::int"']
    for number in range(2000):
        lines += [f'Bind values=["{number}"]', "Execute"]
    found = ask(wire, *lines, "Sync")
    assert numbers(found) == list(range(2000))


def test_a_statement_that_runs_long_lets_others_in(server: LiveServer, wire: Wire) -> None:
    heavy = "select count(*) from generate_series(1, 3000000) a where a % 7 = 3"
    wire.send(encode(f'Query "{heavy}"'))
    other = Wire(server.host, server.port)
    other.start(user="postgres", database="postgres")
    assert ask(other, 'Query "select 5"')[1] == (b"D", b"\0\1\0\0\0\0015")
    other.close()
    assert render(*wire.until_ready()[-2]) == "CommandComplete SELECT 1"
