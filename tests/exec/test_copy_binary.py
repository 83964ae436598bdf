"""COPY FROM in the binary format: what PostgreSQL answers to whole and to broken data, and how it is read."""

from __future__ import annotations

import struct

import numpy as np
import psycopg
import pytest

from sqlvec import types
from sqlvec.exec.copy_binary import BinaryDecoder
from sqlvec.types.copy_format import BATCH_BYTES

HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TAIL = struct.pack(">h", -1)
TABLE = "id int, body text, v vector(2)"


def field(body: bytes | None) -> bytes:
    return struct.pack(">i", -1) if body is None else struct.pack(">i", len(body)) + body


def vector(*values: float, dims: int | None = None) -> bytes:
    return struct.pack(f">HH{len(values)}f", len(values) if dims is None else dims, 0, *values)


def row(number: int, body: bytes | None = b"a", v: bytes | None = None) -> bytes:
    fields = [struct.pack(">i", number), body, v]
    return struct.pack(">h", 3) + b"".join(map(field, fields))


STREAMS = {
    "whole": HEAD + row(1, b"\xc3\xa9", vector(1, 2)) + row(2, None, None) + row(3, b"") + TAIL,
    "no trailer": HEAD + row(1),
    "no rows": HEAD + TAIL,
    "no signature": b"PGCOPX\n\xff\r\n\0" + bytes(8),
    "short header": HEAD[:12],
    "a critical flag": HEAD[:11] + struct.pack(">ii", 1 << 17, 0),
    "oids": HEAD[:11] + struct.pack(">ii", 1 << 16, 0),
    "flags and no length": HEAD[:15],
    "an extension cut off": HEAD[:11] + struct.pack(">ii", 0, 9) + b"xyz",
    "an extension below nothing": HEAD[:11] + struct.pack(">ii", 0, -1),
    "half a field count": HEAD + row(1) + b"\0",
    "an extension": HEAD[:11] + struct.pack(">ii", 0, 3) + b"xyz" + row(1) + TAIL,
    "a row too wide": HEAD + row(1) + struct.pack(">h", 4) + field(b"a") * 4,
    "a row too narrow": HEAD + row(1) + struct.pack(">h", 2) + field(None) * 2,
    "a negative size": HEAD + row(1) + struct.pack(">hi", 3, -7),
    "a row cut off": HEAD + row(1) + row(2)[:-2],
    "an integer of two bytes": HEAD
    + row(1)
    + struct.pack(">h", 3)
    + field(b"ab")
    + field(None) * 2,
    "not UTF-8": HEAD + row(1) + row(2, b"a\xff"),
    "a NUL": HEAD + row(1) + row(2, b"a\0b"),
    "NaN": HEAD + row(1, v=vector(0, 1)) + row(2, v=vector(1, float("nan"))),
    "infinity": HEAD + row(1, v=vector(float("inf"), 1)),
    "three dimensions": HEAD + row(1, v=vector(0, 1)) + row(2, v=vector(1, 2, 3)),
    "dimensions that lie": HEAD + row(1, v=vector(0, 1, dims=3)),
}


def answer(connection: psycopg.Connection, stream: bytes) -> object:
    try:
        with connection.cursor().copy("COPY taken FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(stream)
        return connection.execute("SELECT id, body, v::text FROM taken ORDER BY id").fetchall()
    except psycopg.Error as error:
        diag = error.diag
        return diag.sqlstate, diag.message_primary, diag.context
    finally:
        connection.execute("TRUNCATE taken")


@pytest.fixture(scope="module")
def pair(server, oracle):  # type: ignore[no-untyped-def]
    connections = [psycopg.connect(dsn, autocommit=True) for dsn in (oracle, server.dsn)]
    for connection in connections:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(f"CREATE TABLE taken ({TABLE})")
    yield connections
    for connection in connections:
        connection.execute("DROP TABLE taken")
        connection.close()


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_the_answer_is_postgresqls(pair, stream):  # type: ignore[no-untyped-def]
    theirs, ours = (answer(connection, stream) for connection in pair)
    assert ours == theirs


def test_data_may_end_anywhere_in_a_piece():
    whole = HEAD + b"".join(row(i, b"x" * (i % 5), vector(i, -i)) for i in range(50)) + TAIL
    sql_types = [types.INT4, types.TEXT, types.SqlType(types.VECTOR.oid, 2)]
    for size in (1, 7, 64, len(whole)):
        decoder = BinaryDecoder(sql_types, {"format": "binary"})
        batches = []
        for at in range(0, len(whole), size):
            batches += decoder.feed(whole[at : at + size])
        batches += decoder.finish()
        numbers = [n for batch in batches for n in batch.columns[0].to_pylist()]
        vectors = np.concatenate([batch.columns[2].vectors for batch in batches])
        assert numbers == list(range(50))
        assert vectors.tolist() == [[i, -i] for i in range(50)]


def test_a_long_row_is_looked_at_seldom_until_it_is_whole(monkeypatch):
    decoder = BinaryDecoder([types.TEXT], {"format": "binary"})
    looks = []
    decode = decoder._decode
    monkeypatch.setattr(decoder, "_decode", lambda *, last: looks.append(1) or decode(last=last))
    piece = b"x" * (1 << 18)
    decoder.feed(HEAD + struct.pack(">hi", 1, 8 * BATCH_BYTES))
    for _ in range(8 * BATCH_BYTES // len(piece)):
        assert not decoder.feed(piece)
    batches = decoder.finish()
    assert len(batches[0].columns[0][0].as_py()) == 8 * BATCH_BYTES
    assert len(looks) < 8
