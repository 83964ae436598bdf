"""The same value through PostgreSQL's codecs and through ours, for tests that compare them byte by byte."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus

from sqlvec.errors import DatabaseError
from sqlvec.types import SqlType

# As types without a length; "character" and "bit" alone mean a length of 1.
_SPELLINGS = {"character": "bpchar", "bit": '"bit"'}
_ERROR_FIELDS = (
    DiagnosticField.SQLSTATE,
    DiagnosticField.MESSAGE_PRIMARY,
    DiagnosticField.MESSAGE_DETAIL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a codec gave: the text and binary output, or the error."""

    text: str | None = None
    binary: str | None = None  # hexadecimal
    error: tuple[str, str, str | None] | None = None  # SQLSTATE, message, detail


class Postgres:
    """One connection to the oracle, in UTC."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("SET timezone = 'UTC'")

    def close(self) -> None:
        self.connection.close()

    def read_text(self, sql_type: SqlType, text: str) -> Answer:
        """The type's input function, then both output functions."""
        return self._both(sql_type, text.encode(), 0)

    def read_binary(self, sql_type: SqlType, data: bytes) -> Answer:
        """The type's receive function, then both output functions."""
        return self._both(sql_type, data, 1)

    def _both(self, sql_type: SqlType, value: bytes, code: int) -> Answer:
        command = f"SELECT $1::{_SPELLINGS.get(sql_type.name, sql_type.name)}".encode()
        outputs = []
        for result_format in (0, 1):
            result = self.connection.pgconn.exec_params(
                command, [value], None, [code], result_format
            )
            if result.status != ExecStatus.TUPLES_OK:
                fields = [result.error_field(field) for field in _ERROR_FIELDS]
                state, message, detail = (None if f is None else f.decode() for f in fields)
                return Answer(error=(state or "", message or "", detail))
            outputs.append(result.get_value(0, 0) or b"")
        return Answer(outputs[0].decode(), outputs[1].hex())


def read_text(sql_type: SqlType, text: str) -> Answer:
    """What our codecs make of the same."""
    definition = sql_type.definition
    try:
        datum = definition.apply_typmod(definition.parse(text), sql_type.typmod, explicit=True)
        return Answer(definition.render(datum), definition.encode(datum).hex())
    except DatabaseError as error:
        return Answer(error=(error.sqlstate, error.message, error.detail))


def read_binary(sql_type: SqlType, data: bytes) -> Answer:
    definition = sql_type.definition
    try:
        datum = definition.apply_typmod(definition.decode(data), sql_type.typmod, explicit=True)
        return Answer(definition.render(datum), definition.encode(datum).hex())
    except DatabaseError as error:
        return Answer(error=(error.sqlstate, error.message, error.detail))
