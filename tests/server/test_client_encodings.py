"""Clients that do not speak UTF-8, beside PostgreSQL: the same bytes come back, in every kind of message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import pq

from tests.harness.live_server import LiveServer

Answer = tuple[Any, ...]
SQL = """
SHOW client_encoding; SELECT pg_client_encoding()
SELECT 'caf\u00e9' AS "na\u00efve", ARRAY['\u00e9', NULL, 'e'], '{"\u00e9": 1}'::jsonb, ROW('\u00e9', 1)
SELECT nothing AS "\u00e9" FROM (SELECT 1) t
SELECT U&'\\20AC'
SELECT U&'\\20AC' AS "x" FROM generate_series(1, 100)
SELECT 1 AS U&"\\20AC"
SELECT * FROM U&"\\20AC"
DONOTHING_\u00e9
SELECT repeat('\u00e9', g) FROM generate_series(1, 60) g
"""


class Speaker:
    """A connection that is asked in bytes and tells bytes."""

    def __init__(self, dsn: str, encoding: str) -> None:
        dsn = psycopg.conninfo.make_conninfo(dsn, client_encoding=encoding)
        self.pg = pq.PGconn.connect(dsn.encode())
        assert self.pg.status == pq.ConnStatus.OK, self.pg.error_message

    def ask(self, sql: bytes) -> Answer:
        return _told(self.pg.exec_(sql))

    def prepared(self, sql: bytes, values: list[bytes | None], code: int) -> Answer:
        formats = [pq.Format(code)] * len(values)
        return _told(self.pg.exec_params(sql, values, None, formats, pq.Format(code)))


def _told(result: pq.abc.PGresult) -> Answer:
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        return tuple(result.error_field(field) for field in (67, 77, 87))  # code, message, context
    rows = range(result.ntuples)
    columns = range(result.nfields)
    names = tuple(result.fname(column) for column in columns)
    return names, [tuple(result.get_value(row, column) for column in columns) for row in rows]


Pair = tuple[Speaker, Speaker]


@pytest.fixture
def both(
    request: pytest.FixtureRequest, server: LiveServer, oracle: str
) -> Iterator[Pair]:
    pair = Speaker(server.dsn, request.param), Speaker(oracle, request.param)
    yield pair
    for speaker in pair:
        speaker.pg.finish()


def same(both: Pair, sql: bytes) -> Answer:
    here, there = (speaker.ask(sql) for speaker in both)
    assert here == there, sql
    return here


@pytest.mark.parametrize("both", ["LATIN1"], indirect=True)
def test_every_kind_of_message_is_in_the_encoding_of_the_client(both: Pair) -> None:
    for line in SQL.strip().splitlines():
        same(both, line.encode("latin-1"))


@pytest.mark.parametrize(
    ("both", "raw"),
    [
        ("WIN1252", b"\x80uro"), ("WIN1252", b"\x81"), ("KOI8R", bytes(range(0xC0, 0x100))),
        ("SJIS", b"\x83\\\x83\x65"), ("SJIS", b"\x83\xff"), ("EUC_JP", b"\xa4\xa2"), ("EUC_JP", b"a\xa4"),
        ("EUC_KR", b"\xb0\xa1"), ("GBK", b"\x81\x40"), ("BIG5", b"\xa4\x40"), ("GB18030", b"\x81\x30\x84\x36"),
        ("SQL_ASCII", b"\xc3\xa9"), ("SQL_ASCII", b"\xe9"), ("UTF8", b"\xe9"), ("LATIN9", b"\xa4"),
    ],
    indirect=["both"],
)  # fmt: skip
def test_text_comes_back_as_it_was_sent_or_is_refused_alike(both: Pair, raw: bytes) -> None:
    same(both, b"SELECT '" + raw + b"' AS a, length('" + raw + b"')")
    for code in (0, 1):
        here, there = (s.prepared(b"SELECT $1::text || 'x'", [raw], code) for s in both)
        assert here == there


@pytest.mark.parametrize("both", ["LATIN1"], indirect=True)
def test_text_within_binary_values_is_turned_too(both: Pair) -> None:
    values = [
        b"'\xe9'::text", b"ARRAY['\xe9', NULL, 'e']", b"'{\"\xe9\": 2}'::jsonb", b"'{\"\xe9\": 2}'::json",
        b"'\xe9:1,2 e:3'::tsvector", b"'\xe9 & !e <-> (\xe9:*a | f)'::tsquery", b"'\xe9'::varchar(3)",
        b"'\xe9'::bytea", b"1.5", b"ARRAY[233, 234]", b"'$.\"\xe9\"'::jsonpath",
    ]  # fmt: skip
    for value in values:
        here, there = (s.prepared(b"SELECT " + value, [], 1) for s in both)
        assert here == there, value
    array = both[0].prepared(b"SELECT ARRAY['\xe9', NULL]", [], 1)[1][0][0]
    here, there = (s.prepared(b"SELECT $1::text[]", [array], 1) for s in both)
    assert here == there


@pytest.mark.parametrize("both", ["UTF8"], indirect=True)
def test_the_encoding_changes_with_the_setting_and_back_with_the_transaction(both: Pair) -> None:
    for sql in (
        b"SET client_encoding = 'iso-8859-1'", b"SELECT '\xe9'", b"BEGIN", b"SET client_encoding TO UTF8",
        b"SELECT '\xc3\xa9'", b"ROLLBACK", b"SELECT '\xe9'", b"SHOW client_encoding", b"RESET client_encoding",
        b"SELECT '\xc3\xa9'", b"SET NAMES 'UNICODE'", b"SHOW client_encoding", b"SET client_encoding = 'nope'",
        b"SET client_encoding = 'mule_internal'",
    ):  # fmt: skip
        assert same(both, sql)[0] != b"XX000"
        here, there = (s.pg.parameter_status(b"client_encoding") for s in both)
        assert here == there


COPIED = [
    ("LATIN1", "", b"1\tcaf\xe9\n2\t\xe9\xe9\n"), ("LATIN1", "(ENCODING 'utf8')", b"1\tcaf\xc3\xa9\n"),
    ("UTF8", "(ENCODING 'latin1', FORMAT csv)", b"1,caf\xe9\n"), ("UTF8", "(ENCODING 'euc_jp')", b"1\ta\n2\tb\xe9\n"),
    ("SJIS", "", b"1\t\x83\\n\n"), ("LATIN1", "(FORMAT binary)", b""), ("UTF8", "(ENCODING 'nope')", b""),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "options", "data"), COPIED)
def test_copy_goes_by_its_own_encoding_or_the_clients(
    server: LiveServer, oracle: str, encoding: str, options: str, data: bytes
) -> None:
    told: list[Any] = []
    for dsn in (server.dsn, oracle):
        with psycopg.connect(dsn, client_encoding=encoding) as connection:
            connection.execute("CREATE TEMP TABLE pieces (id int, word text)")
            if not data:
                connection.execute("INSERT INTO pieces VALUES (1, 'e'), (2, 'caf' || chr(233))")
            try:
                if data:
                    with connection.cursor().copy(f"COPY pieces FROM STDIN {options}") as copy:
                        copy.write(data[:5])
                        copy.write(data[5:])
                with connection.cursor().copy(f"COPY pieces TO STDOUT {options}") as copy:
                    written = b"".join(map(bytes, copy))
                if not data:
                    with connection.cursor().copy(f"COPY pieces FROM STDIN {options}") as copy:
                        copy.write(written)
                codes = connection.execute("SELECT array_agg(ascii(right(word, 1)) ORDER BY id) FROM pieces")
                told.append((written, codes.fetchone()))
            except psycopg.Error as error:
                told.append((error.sqlstate, error.diag.message_primary, error.diag.context))
    assert told[0] == told[1]


def test_bytes_are_converted_as_postgresql_does(
    connection: psycopg.Connection, oracle: str
) -> None:
    expressions = [
        r"convert_from('\xe9', 'latin1')", r"convert_from('\x81', 'WIN1252')", r"convert_from('\xff', 'EUC_JP')",
        r"convert_from('\x8f', 'UTF8')", r"convert_from('\x6100', 'latin1')", r"convert_from('a', 'zz')",
        r"convert_to('é', 'latin-1')", r"convert_to('€', 'LATIN1')", r"convert_to('a', 'zz')",
        r"convert('\xe9', 'latin1', 'utf8')", r"convert('\xe9', 'latin1', 'win1252')",
        r"length('\xe9e9', 'latin1')", r"length('\xc3a9', 'utf8')", r"length('\xe9', 'zz')",
        "pg_encoding_to_char(35)", "pg_encoding_to_char(42)", "pg_char_to_encoding('koi8')",
        "pg_char_to_encoding('zz')", "pg_encoding_max_length(39)",
    ]  # fmt: skip

    def asked(on: psycopg.Connection, expression: str) -> object:
        try:
            return on.execute(f"SELECT {expression}").fetchone()  # type: ignore[arg-type]
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary

    with psycopg.connect(oracle, autocommit=True) as postgresql:
        for expression in expressions:
            assert asked(connection, expression) == asked(postgresql, expression), expression
