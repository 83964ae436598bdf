"""COPY FROM STDIN in text and csv: rows and errors as PostgreSQL gives them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.harness.live_server import LiveServer

_LONG = "".join(f"row,{i},{'x' * 900}\n" for i in range(4000))
GIVEN = {
    "plain": ("csv", 'a,1,x\nb,2,"y"\n'),
    "no last line end": ("csv", "a,1,x\nb,2,y"),
    "nulls and quoted nulls": ("csv", ',,\n"",2,""\n'),
    "another null": ("csv, null 'N'", 'N,N,N\n"N",1,""\n'),
    "force_not_null": ("csv, force_not_null (s, t)", ",,\n"),
    "force_null": ("csv, force_null (s)", '"",1,""\n'),
    "doubled quotes": ("csv", '"say ""hi""",1,"""",\n"x",2,a"b"c\n'.replace(",\n", "\n", 1)),
    "quotes inside": ("csv", 'pre"in,side"post,1,"a"b"c"\n'),
    "another escape": (r"csv, escape '\'", '"a\\"b\\\\c\\d",1,\\e\n"q",2,"x\\""\n'),
    "another quote": ("csv, quote '''', delimiter ';'", "'a;''b';1;\"c\"\n"),
    "line ends inside quotes": ("csv", 'a,1,"x\ny"\nb,2,"\n"\n'),
    "crlf": ("csv", 'a,1,"x\ny"\r\nb,2,"p\r\nq"\r\n'),
    "cr": ("csv", 'a,1,"x\ny"\rb,2,z\r'),
    "header": ("csv, header", "what,ever,it\na,1,x\n"),
    "header matches": ("csv, header match", "s,n,t\na,1,x\n"),
    "header does not match": ("csv, header match", "s,m,t\na,1,x\n"),
    "header with a line end": ("csv, header", 's,"n\nm",t\na,one,x\n'),
    "end of data": ("csv", "a,1,x\n\\.\nb,2,y\n"),
    "bytes": ("csv", 'ä,1,"ü\n日本"\n'),
    "too few": ("csv", "a,1,x\nb,2\n"),
    "too many": ("csv", "a,1,x\nb,2,y,z\n"),
    "empty line": ("csv", "a,1,x\n\nb,2,y\n"),
    "unterminated": ("csv", 'a,1,"x\nb,2,y\n'),
    "a bad number": ("csv", 'a,1,"x\ny"\nb,two,z\n'),
    "a bad number after a header": ("csv, header", "s,n,t\na,1,x\nb,two,z\n"),
    "unquoted carriage return": ("csv", "a,1,x\nb\rc,2,y\n"),
    "unquoted newline": ("csv", "a,1,x\r\nb\nc,2,y\r\n"),
    "text": ("text", "a\t1\tx\nb\\tc\t\\N\t\\x41\\101\\q\n"),
    "text crlf": ("text", "a\t1\tx\r\nb\t2\ty\r\n"),
    "text cr": ("text", "a\t1\tx\rb\t2\ty\r"),
    "text escaped line end": ("text", "a\\\nb\t1\tx\\\n\nb\t2\t\\\\\n"),
    "text escaped delimiter": ("text, delimiter '|'", "a\\|b|1|x\nc|2|\\\\\n"),
    "text literal carriage return": ("text", "a\t1\tx\nb\rc\t2\ty\n"),
    "text literal newline": ("text", "a\t1\tx\r\nb\nc\t2\ty\r\n"),
    "text end of data": ("text", "a\t1\tx\n\\.\n"),
    "text header": ("text, header", "s\tn\tt\na\tone\tx\n"),
    "text bad number": ("text", "a\t1\tx\nb\ttwo\ty\n"),
    "text too few": ("text", "a\t1\tx\nb\t2\n"),
    "rows over several reads": (
        "csv", "".join(f'"row\n{i}",{i},"{"x" * 900}"\n' for i in range(4000))
    ),
    "other line ends after several reads": ("csv", _LONG + "a,1,x\r\n" * 4000),
    "shorter line ends after several reads": ("csv", _LONG.replace("\n", "\r\n") + "a,1,x\n" * 4000),
    "text other line ends after several reads": (
        "text", _LONG.replace(",", "\t") + "a\t1\tx\r\n" * 4000
    ),
    "text shorter line ends after several reads": (
        "text", _LONG.replace(",", "\t").replace("\n", "\r\n") + "a\t1\tx\n" * 4000
    ),
    "a bad row over several reads": (
        "csv", "".join(f'"row\n{i}",{i if i < 3990 else "bad"},{"x" * 900}\n' for i in range(4000))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_copy_reads_and_refuses_as_postgresql(name: str, server: LiveServer, oracle: str) -> None:
    options, data = GIVEN[name]
    assert _copied(server.dsn, options, data) == _copied(oracle, options, data)


def _copied(dsn: str, options: str, data: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE copied (s text, n int, t text)")
        try:
            with connection.cursor().copy(f"COPY copied FROM STDIN (FORMAT {options})") as copy:
                for start in range(0, len(data), 100_000):
                    copy.write(data[start : start + 100_000])
        except psycopg.Error as error:
            shown = error.diag
            return [shown.sqlstate, shown.message_primary, shown.message_hint, shown.context]
        rows = connection.execute("SELECT s, n, t FROM copied ORDER BY n, s, t").fetchall()
        return list(map(repr, rows))
