"""Binary parameters of every type, cut short at every place and made too long: told as PostgreSQL tells them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus

from tests.harness.live_server import LiveServer

VALUES = {
    "bool": "true", "int2": "7", "int4": "7", "int8": "7", "oid": "7", "float4": "1.5",
    "float8": "1.5", "numeric": "12345.678", "text": "ab", "varchar": "ab", "bpchar": "ab",
    "name": "ab", "bytea": "\\x0102", "date": "2024-02-03", "time": "04:05:06",
    "timetz": "04:05:06+02", "timestamp": "2024-02-03 04:05:06", "interval": "1 day 2 hours",
    "timestamptz": "2024-02-03 04:05:06+00", "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "json": '{"a": 1}', "jsonb": '{"a": 1}', "bit": "1", "varbit": "10110", "int4[]": "{1,NULL,3}",
    "text[]": "{a,b}", "float8[]": "{1.5,2}", "vector": "[1,2,3]", "halfvec": "[1,2,3]",
    "sparsevec": "{1:1.5,3:2}/5",
}  # fmt: skip
Outcome = tuple[str, str]  # accepted with its text, or the SQLSTATE and the message


@pytest.fixture(scope="module")
def ours(server: LiveServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        yield connection


@pytest.fixture(scope="module")
def theirs(oracle: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(oracle, autocommit=True) as connection:
        yield connection


def _binary(connection: psycopg.Connection, name: str) -> bytes:
    command = f"SELECT '{VALUES[name]}'::{_spelling(name)}".encode()
    result = connection.pgconn.exec_params(command, [], result_format=1)
    assert result.status == ExecStatus.TUPLES_OK, result.error_message
    value = result.get_value(0, 0)
    assert value is not None
    return value


def _spelling(name: str) -> str:
    return '"bit"' if name == "bit" else name


def _send(connection: psycopg.Connection, name: str, data: bytes) -> Outcome:
    command = f"SELECT $1::{_spelling(name)}".encode()
    result = connection.pgconn.exec_params(command, [data], param_formats=[1])
    if result.status == ExecStatus.TUPLES_OK:
        return "accepted", (result.get_value(0, 0) or b"").decode()
    fields = (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY)
    state, message = (result.error_field(field) or b"" for field in fields)
    return state.decode(), message.decode()


@pytest.mark.parametrize("name", VALUES)
def test_a_binary_parameter_of_the_wrong_length_is_refused_as_postgresql_refuses_it(
    ours: psycopg.Connection, theirs: psycopg.Connection, name: str
) -> None:
    whole = _binary(theirs, name)
    assert _binary(ours, name) == whole
    pieces = [whole[:size] for size in range(len(whole))] + [whole + b"\0", whole + b"\0" * 9]
    for data in pieces:
        assert _send(ours, name, data) == _send(theirs, name, data), data.hex()
