"""COPY of every vector type: the same bytes as PostgreSQL's in all three formats, out and in."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.vector.differential import agree, outcome

_COLUMNS = "v vector(3), h halfvec(3), s sparsevec(9), b bit(10), a vector[], p vector"
_ROWS = """
    ('[1,2,3]', '[0.1,2,65504]', '{1:1.5,9:-2}/9', '1010101010', '{"[1,2]","[3]"}', '[1,2,3,4]'),
    ('[-0,1e-40,3.4e38]', '[0,0,0]', '{}/9', '0000000000', '{}', '[5]'),
    (NULL, NULL, NULL, NULL, NULL, NULL),
    ('[0,0,0]', NULL, '{5:1}/9', NULL, '{NULL}', NULL)
"""
_BAD = {
    "v": ["[1,2]", "[1,2,NaN]", "[1,2,3", "[1e39,1,1]"],
    "h": ["[1,2]", "[65520,1,1]", "x"],
    "s": ["{1:1}/8", "{10:1}/9", "{1:1,1:2}/9", "{1:1"],
    "b": ["101", "12", "10101010101"],
}


@pytest.fixture(scope="module")
def pair(
    oracle: str, server: LiveServer
) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    with (
        psycopg.connect(oracle, autocommit=True) as postgres,
        psycopg.connect(server.dsn, autocommit=True) as ours,
    ):
        for connection in (postgres, ours):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute("DROP TABLE IF EXISTS copied")
            connection.execute(f"CREATE TABLE copied (id int, {_COLUMNS})")
        yield postgres, ours
        for connection in (postgres, ours):
            connection.execute("DROP TABLE copied")


def _numbered() -> str:
    rows = _ROWS.strip().split("\n")
    return "\n".join(row.replace("(", f"({i}, ", 1) for i, row in enumerate(rows))


def _out(connection: psycopg.Connection, form: str, columns: str) -> bytes:
    query = f"SELECT {columns} FROM copied ORDER BY id"
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT {form})") as copy:
        return b"".join(bytes(part) for part in copy)


def _in(connection: psycopg.Connection, form: str, data: bytes, columns: str = "") -> None:
    with connection.cursor().copy(f"COPY copied {columns} FROM STDIN (FORMAT {form})") as copy:
        copy.write(data)


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_what_one_copies_out_the_other_copies_in(
    form: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    postgres, ours = pair
    columns = "id, v, h, s, b, p"  # a binary array names its element's oid, which is each server's own
    if form != "binary":
        columns += ", a"
    for connection in pair:
        connection.execute("TRUNCATE copied")
        connection.execute(f"INSERT INTO copied VALUES {_numbered()}")
    data = _out(postgres, form, columns)
    assert _out(ours, form, columns) == data
    ours.execute("TRUNCATE copied")
    _in(ours, form, data, f"({columns})")
    rows = f"SELECT {columns} FROM copied ORDER BY id"
    assert agree(outcome(postgres, rows), outcome(ours, rows))
    assert _out(ours, form, columns) == data


def test_arrays_of_vectors_are_copied_in_binary(
    pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    ours = pair[1]
    ours.execute("TRUNCATE copied")
    ours.execute(f"INSERT INTO copied VALUES {_numbered()}")
    before = outcome(ours, "SELECT a FROM copied ORDER BY id")
    data = _out(ours, "binary", "id, a")
    ours.execute("TRUNCATE copied")
    _in(ours, "binary", data, "(id, a)")
    assert outcome(ours, "SELECT a FROM copied ORDER BY id") == before


@pytest.mark.parametrize("column", list(_BAD))
def test_bad_fields_are_refused_alike(
    column: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    for text in _BAD[column]:
        errors = []
        for connection in pair:
            with pytest.raises(psycopg.Error) as caught:
                _in(connection, "text", f"1\t{text}\n".encode(), f"(id, {column})")
            errors.append((caught.value.sqlstate, caught.value.diag.message_primary))
        assert errors[0] == errors[1], text


def _binary_row(field: bytes) -> bytes:
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    return header + b"\0\1" + len(field).to_bytes(4, "big") + field + b"\xff\xff"


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("v", "0002 0000 3f800000 3f800000"),
        ("v", "0003 0000 3f800000 3f800000"),
        ("v", "0003 0001 3f800000 3f800000 3f800000"),
        ("v", "0003 0000 7fc00000 3f800000 3f800000"),
        ("v", "0003 0000 3f800000 ff800000 3f800000"),
        ("v", "0000 0000"),
        ("v", "00"),
        ("h", "0003 0000 3c00 3c00"),
        ("h", "0003 0000 3c00 3c00 7e00"),
        ("h", "0003 0000 3c00 3c00 7c00"),
        ("h", "ffff 0000"),
        ("s", "00000009 00000001 00000000 00000000"),
        ("s", "00000009 00000001 00000001 00000000 3f800000"),
        ("s", "00000009 00000001 00000000 00000009 3f800000"),
        ("s", "00000009 00000002 00000000 00000001 00000001 3f800000 3f800000"),
        ("s", "00000009 00000002 00000000 00000002 00000001 3f800000 3f800000"),
        ("s", "00000009 00000001 00000000 00000001 00000000"),
        ("s", "00000009 00000001 00000000 00000001 7fc00000"),
        ("s", "00000009 ffffffff 00000000"),
        ("s", "00000002 00000003 00000000 00000000 00000001 00000002 3f800000 3f800000 3f800000"),
        ("s", "00000000 00000000 00000000"),
        ("s", "00000008 00000000 00000000"),
        ("b", "00000009 aa80"),
        ("b", "0000000a aa"),
    ],
)
def test_bad_binary_fields_are_refused_alike(
    column: str, field: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    errors = []
    for connection in pair:
        with pytest.raises(psycopg.Error) as caught:
            _in(connection, "binary", _binary_row(bytes.fromhex(field)), f"({column})")
        errors.append((caught.value.sqlstate, caught.value.diag.message_primary))
    assert errors[0] == errors[1]
