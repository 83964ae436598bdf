"""Conversations that went wrong on the way: the server answers with errors, and nothing of them stays.

A conversation of every kind of message is mutated by messages (dropped, doubled, swapped, cut) and by bytes
(changed, put in, taken out), sent, and read to its end. No answer may be an internal error, and afterwards the
server has no more connections than before.
"""

from __future__ import annotations

import struct

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.live_server import LiveServer
from tests.pgwire.conversation import Wire, encode, fields, startup

END = b"S\0\0\0\4" * 200 + b"X\0\0\0\4"  # what a length that lies may swallow
START = startup({"user": "postgres", "database": "postgres"})
LINES = """
Query "create table if not exists fuzz (a int primary key, b text, v vector(3)); begin"
Query "select a, b, v from fuzz where a > 1 order by v <-> '[1,2,3]' limit 3"
Parse name="s" query="insert into fuzz (a, b, v) values ($1, $2, $3) on conflict do nothing" oids=[23, 0, 0]
Describe "S" "s"
Bind portal="p" statement="s" formats=[1, 0, 0] values=[{"hex": "00000005"}, "x", "[1,2,3]"] results=[1]
Describe "P" "p"
Execute "p" 0
Sync
Parse query="select g, g::text, array[g] from generate_series(1, 20) g where g <> $1"
Bind portal="q" values=["3"] results=[1]
Execute "q" 5
Execute "q" 2
Flush
Close "P" "q"
Close "S" "s"
Sync
Query "copy fuzz (a, b) from stdin"
CopyData "7\\tseven\\n8\\teight\\n"
CopyData "9\\tnine\\n"
CopyDone
Query "copy fuzz to stdout"
Query "copy fuzz from stdin (format binary)"
CopyData {"hex": "5047434f50590aff0d0a0000000000000000000003000000040000000700000005736576656effffffff"}
CopyFail "stop"
Query "listen c; notify c, 'x'"
FunctionCall 2000
Query "declare k cursor for select 1; fetch k; savepoint z; select nope"
Query "rollback"
Sync
""".strip().splitlines()
MESSAGES = [encode(line) for line in LINES]

_LENGTHS = st.integers(0, 64) | st.sampled_from([2**30, 2**30 + 1, 2**31 - 1, 2**31, 2**32 - 1])
places = st.integers(0, len(MESSAGES) - 1)
by_message = st.one_of(
    st.tuples(st.just("drop"), places, st.just(0)),
    st.tuples(st.just("double"), places, st.just(0)),
    st.tuples(st.just("swap"), places, places),
    st.tuples(st.just("cut"), places, st.integers(0, 60)),
    st.tuples(st.just("resize"), places, _LENGTHS),
    st.tuples(st.just("only"), places, st.just(0)),
)
by_byte = st.tuples(
    st.sampled_from(["set", "insert", "delete"]), st.integers(0, 1 << 12), st.integers(0, 255)
)
mutations = st.tuples(
    st.lists(by_message, max_size=4), st.lists(by_byte, max_size=4), st.booleans()
).filter(lambda found: bool(found[0] or found[1]))


def mutated(
    messages: list[tuple[str, int, int]], changes: list[tuple[str, int, int]], whole: bool
) -> bytes:
    """The conversation after the mutations; whole: those of bytes may hit the startup packet too."""
    found = list(MESSAGES)
    for kind, place, other in messages:
        if not found:
            break
        place %= len(found)
        message = found[place]
        if kind == "drop":
            del found[place]
        elif kind == "double":
            found.insert(place, message)
        elif kind == "swap":
            other %= len(found)
            found[place], found[other] = found[other], message
        elif kind == "cut":  # an honest length, a body that ends early
            body = message[5 : 5 + other]
            found[place] = message[:1] + struct.pack(">I", len(body) + 4) + body
        elif kind == "resize":
            found[place] = message[:1] + struct.pack(">I", other) + message[5:]
        elif kind == "only":
            found = found[place:]
    data = bytearray((START if whole else b"") + b"".join(found))
    for kind, place, value in changes:
        if not data:
            break
        place %= len(data)
        if kind == "set":
            data[place] = value
        elif kind == "insert":
            data.insert(place, value)
        else:
            del data[place]
    return (bytes(data) if whole else START + bytes(data)) + END


def answers(server: LiveServer, data: bytes) -> list[tuple[bytes, bytes]]:
    """All that comes back; where the server waits for more than it will get, the client leaves."""
    wire = Wire(server.host, server.port)
    found: list[tuple[bytes, bytes]] = []
    try:
        wire.send(data)
        while (not found or found[-1][0]) and (wire.buffer or not wire.silent()):
            found.append(wire.read())
    except (TimeoutError, OSError):  # the server has closed it, with something unread
        pass
    finally:
        wire.close()
    return found


def check(server: LiveServer, data: bytes) -> None:
    for kind, body in answers(server, data):
        if kind in (b"E", b"N"):
            assert fields(body)[b"C"] != "XX000", (fields(body), data)


def connection_count(server: LiveServer) -> int:
    """How many there are beside the one that asks, which must work."""
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone()
        assert row is not None
        return int(row[0]) - 1


@pytest.fixture
def steady(server: LiveServer) -> LiveServer:
    """The server; afterwards it has the connections that it had, and serves new ones."""
    before = connection_count(server)
    yield server
    assert connection_count(server) == before


def test_the_conversation_itself_is_answered(steady: LiveServer) -> None:
    with psycopg.connect(steady.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    found = answers(steady, START + b"".join(MESSAGES) + encode("Terminate"))
    kinds = b"".join(kind for kind, _ in found)
    assert kinds.count(b"Z") == 13  # one each: startup, 8 queries, 3 Syncs, the function call
    assert b"G" in kinds and b"s" in kinds and b"A" not in kinds


@given(mutations)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_mutated_conversations_leave_nothing(steady: LiveServer, mutation: tuple) -> None:
    check(steady, mutated(*mutation))


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(mutations)
@settings(
    max_examples=100_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_hundred_thousand_mutated_conversations(steady: LiveServer, mutation: tuple) -> None:
    check(steady, mutated(*mutation))


@pytest.mark.parametrize("size", [1, 4, 7, 8, 40])
def test_a_client_that_leaves_in_the_middle_of_its_startup(steady: LiveServer, size: int) -> None:
    answers(steady, START[:size])


@pytest.mark.parametrize("place", range(len(MESSAGES)))
def test_a_client_that_leaves_after_any_message(steady: LiveServer, place: int) -> None:
    check(steady, START + b"".join(MESSAGES[: place + 1]))


@pytest.mark.parametrize("message", ['Query "select 1"', 'Parse query="select 1"', "FunctionCall 1"])
def test_a_message_inside_a_copy_ends_it_and_the_connection_lives(
    steady: LiveServer, message: str
) -> None:
    wire = Wire(steady.host, steady.port)
    wire.start(user="postgres", database="postgres")
    wire.send(encode('Query "create temp table if not exists c (a int)"'))
    wire.until_ready()
    wire.send(encode('Query "copy c from stdin"') + encode(message))
    found = wire.until_ready()
    assert [kind for kind, _ in found] == [b"G", b"E", b"Z"]
    assert fields(found[1][1])[b"C"] == "08P01"
    wire.send(encode('Query "select 1"'))
    assert [kind for kind, _ in wire.until_ready()] == [b"T", b"D", b"C", b"Z"]
    wire.close()
