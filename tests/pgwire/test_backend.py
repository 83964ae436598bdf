"""Messages of the server, byte for byte."""

from __future__ import annotations

import pytest

from sqlvec.errors import SyntaxError, UniqueViolation
from sqlvec.pgwire import backend
from tests.pgwire.conversation import render


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (backend.ready(b"T"), b"Z\0\0\0\5T"),
        (backend.command_complete("SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
        (backend.parameter_status("a", "é"), b"S\0\0\0\x09a\0\xc3\xa9\0"),
        (backend.backend_key(258, b"abcd"), b"K\0\0\0\x0c\0\0\1\2abcd"),
        (backend.negotiate_version(0, ["_pq_.x"]), b"v\0\0\0\x13\0\0\0\0\0\0\0\1_pq_.x\0"),
        (backend.parameter_description([23, 25]), b"t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19"),
        (backend.copy_response(b"G", binary=True, column_count=2), b"G\0\0\0\x0b\1\0\2\0\1\0\1"),
        (backend.copy_data([b"a\n", b""]), b"d\0\0\0\6a\nd\0\0\0\4"),
        (backend.notification(7, "c", "p"), b"A\0\0\0\x0c\0\0\0\7c\0p\0"),
        (
            backend.row_description([("n", 16390, 2, 1700, -1, 655366)], [1]),
            b"T\0\0\0\x1a\0\1n\0\0\0\x40\x06\0\2\0\0\6\xa4\xff\xff\0\x0a\0\6\0\1",
        ),
        (backend.sasl(["SCRAM-SHA-256"]), b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
    ],
)
def test_a_message_has_the_bytes_that_the_protocol_says(made: bytes, expected: bytes) -> None:
    assert made == expected


def test_an_error_has_its_fields() -> None:
    failure = SyntaxError("no", position=3, hint="Try.", detail="So.", where="here")
    made = backend.error(failure)
    assert render(made[:1], made[5:]) == (
        'ErrorResponse ERROR 42601 no detail="So." hint="Try." position="3" where="here"'
    )
    failure = UniqueViolation("twice", schema="s", table="t", constraint="c")
    made = backend.error(failure)
    assert render(made[:1], made[5:]) == (
        'ErrorResponse ERROR 23505 twice schema="s" table="t" constraint="c"'
    )
