"""Messages that the server sends, as bytes. PostgreSQL, "Message Formats"."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

from sqlvec.errors import DatabaseError

_INT = struct.Struct(">I").pack
_COLUMN = struct.Struct(">IhIhih").pack


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + _INT(len(body) + 4) + body


PARSE_COMPLETE = message(b"1")
BIND_COMPLETE = message(b"2")
CLOSE_COMPLETE = message(b"3")
NO_DATA = message(b"n")
EMPTY_QUERY = message(b"I")
PORTAL_SUSPENDED = message(b"s")
COPY_DONE = message(b"c")
AUTHENTICATION_OK = message(b"R", _INT(0))
_READY = {status: message(b"Z", status) for status in (b"I", b"T", b"E")}
_FIELDS = {"schema": b"s", "table": b"t", "column": b"c", "datatype": b"d", "constraint": b"n"}


def ready(status: bytes) -> bytes:
    """ReadyForQuery; status I, T or E."""
    return _READY[status]


@lru_cache(maxsize=1_000)
def command_complete(tag: str) -> bytes:
    return message(b"C", tag.encode() + b"\0")


def parameter_status(name: str, value: str) -> bytes:
    return message(b"S", name.encode() + b"\0" + value.encode() + b"\0")


def backend_key(pid: int, secret: bytes) -> bytes:
    return message(b"K", _INT(pid) + secret)


def negotiate_version(minor: int, unknown: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: the newest minor version spoken, and options not known."""
    body = struct.pack(">iI", minor, len(unknown))
    return message(b"v", body + b"".join(name.encode() + b"\0" for name in unknown))


def sasl(mechanisms: Sequence[str]) -> bytes:
    return message(b"R", _INT(10) + b"".join(m.encode() + b"\0" for m in mechanisms) + b"\0")


def sasl_continue(data: bytes) -> bytes:
    return message(b"R", _INT(11) + data)


def sasl_final(data: bytes) -> bytes:
    return message(b"R", _INT(12) + data)


def parameter_description(oids: Sequence[int]) -> bytes:
    return message(b"t", struct.pack(f">H{len(oids)}I", len(oids), *oids))


ColumnDescription = tuple[str, int, int, int, int, int]  # name, table, attnum, type, length, typmod


def row_description(columns: Sequence[ColumnDescription], formats: Sequence[int]) -> bytes:
    parts = [struct.pack(">H", len(columns))]
    for (name, table, attnum, oid, length, typmod), code in zip(columns, formats, strict=True):
        parts += [name.encode(), b"\0", _COLUMN(table, attnum, oid, length, typmod, code)]
    return message(b"T", b"".join(parts))


def copy_response(kind: bytes, *, binary: bool, column_count: int) -> bytes:
    """CopyInResponse (G) or CopyOutResponse (H)."""
    code = int(binary)
    formats = struct.pack(f">BH{column_count}H", code, column_count, *[code] * column_count)
    return message(kind, formats)


def copy_data(rows: Sequence[bytes]) -> bytes:
    """CopyData, one a row."""
    return b"".join(part for row in rows for part in (b"d", _INT(len(row) + 4), row))


def notification(pid: int, channel: str, payload: str) -> bytes:
    """NotificationResponse; pid is the session that notified."""
    return message(b"A", _INT(pid) + channel.encode() + b"\0" + payload.encode() + b"\0")


def error(failure: DatabaseError) -> bytes:
    """ErrorResponse."""
    return message(b"E", _fields(failure.severity, failure.sqlstate, failure))


def _fields(severity: str, sqlstate: str, failure: DatabaseError) -> bytes:
    fields = [(b"S", severity), (b"V", severity), (b"C", sqlstate), (b"M", failure.message)]
    for code, value in ((b"D", failure.detail), (b"H", failure.hint), (b"W", failure.where)):
        if value:
            fields.append((code, value))
    if failure.position:
        fields.append((b"P", str(failure.position)))
    if failure.internal:
        query, place = failure.internal
        fields += [(b"p", str(place)), (b"q", query)]
    for name, value in failure.names.items():
        fields.append((_FIELDS[name], value))
    return b"".join(code + value.encode() + b"\0" for code, value in fields) + b"\0"


def notice(
    severity: str, sqlstate: str, text: str, detail: str | None = None, hint: str | None = None
) -> bytes:
    """NoticeResponse."""
    return message(b"N", _fields(severity, sqlstate, DatabaseError(text, detail=detail, hint=hint)))
