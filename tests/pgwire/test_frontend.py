"""Framing and bodies: any split of the bytes gives the same events, and what is broken is told."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.errors import DatabaseError, FatalError, ProtocolViolation
from sqlvec.pgwire.frontend import (
    MESSAGE_SIZE_MAX,
    CancelRequest,
    EncryptionRequest,
    Framing,
    Message,
    Startup,
    read_bind,
    read_execute,
    read_parse,
    read_target,
)
from tests.pgwire.conversation import bind, encode, message, parse, startup

CONVERSATION = b"".join(
    [
        encode("SSLRequest"),
        encode("GSSENCRequest"),
        startup({"user": "postgres", "database": "db", "_pq_.x": "1"}, minor=2),
        encode('Query "select 1"'),
        encode('Parse name="s" query="select $1" oids=[23]'),
        encode('Bind portal="p" statement="s" formats=[0, 1] values=["1", null] results=[1]'),
        encode('Execute "p" 5'),
        encode("Sync"),
        encode('CopyData "a\\tb\\n"'),
        encode("Terminate"),
    ]
)
EVENTS = [
    EncryptionRequest(gss=False),
    EncryptionRequest(gss=True),
    Startup(2, {"user": "postgres", "database": "db"}, ("_pq_.x",)),
    Message(ord("Q"), b"select 1\0"),
    Message(ord("P"), b"s\0select $1\0\0\1\0\0\0\x17"),
    Message(ord("B"), encode('Bind portal="p" statement="s" formats=[0, 1] values=["1", null] results=[1]')[5:]),
    Message(ord("E"), b"p\0\0\0\0\5"),
    Message(ord("S"), b""),
    Message(ord("d"), b"a\tb\n"),
    Message(ord("X"), b""),
]  # fmt: skip


def events(pieces: list[bytes]) -> list[object]:
    framing, found = Framing(), []
    for piece in pieces:
        framing.feed(piece)
        while (event := framing.next()) is not None:
            found.append(event)
    assert framing.buffered == 0
    return found


@pytest.mark.parametrize("cut", range(len(CONVERSATION) + 1))
def test_every_split_in_two_gives_the_same_events(cut: int) -> None:
    assert events([CONVERSATION[:cut], CONVERSATION[cut:]]) == EVENTS


def test_byte_by_byte_gives_the_same_events() -> None:
    assert events([bytes([byte]) for byte in CONVERSATION]) == EVENTS


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=12))
def test_every_split_in_many_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(CONVERSATION)]
    pieces = [CONVERSATION[a:b] for a, b in pairwise(places)]
    assert events(pieces) == EVENTS


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_give_events_or_an_error_of_the_protocol(data: bytes) -> None:
    framing = Framing()
    framing.feed(data)
    try:
        while framing.next() is not None:
            continue
    except FatalError as error:
        assert error.sqlstate in ("08P01", "0A000")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Q\0\0\0\3", "invalid message length"),
        (b"Q\xff\xff\xff\xff", "invalid message length"),
        (b"Q" + struct.pack(">I", MESSAGE_SIZE_MAX + 1), "invalid message length"),
        (b"S\0\1\0\0", "invalid message length"),
        (b"\0\0\0\0\4", "invalid frontend message type 0"),
        (b"z\0\0\0\4", "invalid frontend message type 122"),
    ],
)
def test_a_broken_frame_is_fatal_before_its_body_has_come(data: bytes, text: str) -> None:
    framing = Framing()
    framing.feed(startup({"user": "postgres"}))
    framing.next()
    framing.feed(data)
    with pytest.raises(FatalError, match=text):
        framing.next()


@pytest.mark.parametrize(
    ("packet", "sqlstate"),
    [
        (struct.pack(">II", 7, 196608), "08P01"),
        (struct.pack(">II", 10_001, 196608), "08P01"),
        (struct.pack(">II", 8, 0x20000), "0A000"),
        (struct.pack(">II", 8, 196608), "08P01"),
        (struct.pack(">II", 14, 196608) + b"user\0\0", "08P01"),
        (struct.pack(">III", 12, 80877102, 1), "08P01"),
    ],
)
def test_a_broken_startup_packet_is_fatal(packet: bytes, sqlstate: str) -> None:
    framing = Framing()
    framing.feed(packet)
    with pytest.raises(FatalError) as caught:
        framing.next()
    assert caught.value.sqlstate == sqlstate


def test_a_cancel_request_has_a_key_of_any_length() -> None:
    for secret in (b"abcd", b"k" * 32):
        body = struct.pack(">II", 80877102, 77) + secret
        framing = Framing()
        framing.feed(struct.pack(">I", len(body) + 4) + body)
        assert framing.next() == CancelRequest(77, secret)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
codes = st.lists(st.integers(0, 1), max_size=4)


@given(names, names, codes, st.lists(st.none() | st.binary(max_size=9), max_size=4), codes)
def test_bind_is_read_as_it_was_written(
    portal: str, name: str, formats: list[int], values: list[bytes | None], results: list[int]
) -> None:
    shown = [None if value is None else {"hex": value.hex()} for value in values]
    body = bind(portal, name, formats, shown, results)[5:]
    assert read_bind(body) == (portal, name, tuple(formats), values, tuple(results))


@given(names, names, st.lists(st.integers(0, 2**32 - 1), max_size=4))
def test_parse_is_read_as_it_was_written(name: str, query: str, oids: list[int]) -> None:
    assert read_parse(parse(name, query, oids)[5:]) == (name, query, oids)


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for read in (read_bind, read_parse, read_execute, lambda b: read_target(b, "CLOSE")):
        try:
            read(body)
        except DatabaseError as error:
            assert error.sqlstate in ("08P01", "22021")


def test_a_truncated_bind_names_the_parameter() -> None:
    body = bind("p", "", [], ["abc", "def"], [])[5:]
    with pytest.raises(ProtocolViolation, match="insufficient data") as caught:
        read_bind(body[:-3])
    assert caught.value.where == 'portal "p" parameter $2'


def test_a_negative_row_limit_is_none() -> None:
    assert read_execute(message("E", b"\0\xff\xff\xff\xff")[5:]) == ("", 0)
