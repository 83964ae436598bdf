"""Clients that do not speak UTF-8: their messages are turned into it before they are answered, and answers back.

Text is turned wherever it is: queries, names, parameters, rows, errors, notices, notifications. Values in their
binary forms hold text too; which do and where their type says. COPY's data are turned by COPY itself, which may have
an encoding of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlvec.encodings import Encoding
from sqlvec.errors import DatabaseError
from sqlvec.pgwire import backend
from sqlvec.pgwire.frontend import read_bind
from sqlvec.server.statement import portal_shown, spread
from sqlvec.types.binary_text import Turn, text_in_binary

if TYPE_CHECKING:
    from sqlvec.exec.arrow_rows import BatchEncoder
    from sqlvec.types import SqlType

RECODED = b"QPBDECf"  # messages of clients that hold text
_COLUMN_TAIL = 18  # bytes behind a column's name in RowDescription
_INT16, _INT32 = struct.Struct(">H"), struct.Struct(">i")
Types = Sequence["SqlType"]


class Recoding:
    """What one session's messages are turned with."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    # ---------------------------------------------------------------- from the client

    def incoming(self, kind: int, body: bytes, types_of: Callable[[str], Types]) -> bytes:
        """The body in UTF-8; types_of gives the parameters of a prepared statement."""
        if body.isascii():
            return body
        to_utf8 = self.encoding.to_utf8
        if kind == ord("B"):
            return self._bind(body, types_of)
        if kind == ord("P"):
            end = body.find(b"\0", body.find(b"\0") + 1) + 1
            return to_utf8(body[:end]) + body[end:]
        if kind == ord("E"):
            end = body.find(b"\0") + 1
            return to_utf8(body[:end]) + body[end:]
        return to_utf8(body)

    def _bind(self, body: bytes, types_of: Callable[[str], Types]) -> bytes:
        names = body.find(b"\0", body.find(b"\0") + 1) + 1
        head = self.encoding.to_utf8(body[:names])
        portal, statement, formats, values, _ = read_bind(head + body[names:])
        to_utf8 = self.encoding.to_utf8
        types = types_of(statement)
        turns = [
            text_in_binary(types[i], to_utf8) if code == 1 and i < len(types) else to_utf8
            for i, code in enumerate(spread(formats, len(values)))
        ]
        if len(turns) != len(values):  # the statement says what is wrong
            return body
        place = names + 2 + 2 * len(formats)
        parts = [head, body[names : place + 2]]
        place += 2
        for i, value in enumerate(values):
            if value is None:
                parts.append(_INT32.pack(-1))
                place += 4
                continue
            place += 4 + len(value)
            try:
                turned = value if (turn := turns[i]) is None else turn(value)
            except DatabaseError as error:
                error.where = f"{portal_shown(portal)} parameter ${i + 1}"
                raise
            parts += (_INT32.pack(len(turned)), turned)
        return b"".join([*parts, body[place:]])

    # ---------------------------------------------------------------- to the client

    def outgoing(self, data: bytes) -> bytes:
        """One message, or rows, which have been turned already (COPY's data as well)."""
        kind = data[:1]
        if kind in (b"D", b"d") or data.isascii():
            return data
        body, from_utf8 = data[5:], self.encoding.from_utf8
        if kind == b"E":
            try:
                return backend.message(kind, from_utf8(body))
            except DatabaseError as error:  # the error that is told instead
                return backend.error(error)
        if kind in (b"N", b"S"):
            return backend.message(kind, from_utf8(body))
        if kind == b"A":
            return backend.message(kind, body[:4] + from_utf8(body[4:]))
        if kind == b"T":
            return backend.message(kind, self._columns(body))
        return data

    def _columns(self, body: bytes) -> bytes:
        parts, place = [body[:2]], 2
        for _ in range(_INT16.unpack_from(body)[0]):
            end = body.index(b"\0", place)
            parts += (self.encoding.from_utf8(body[place:end]), body[end : end + 1 + _COLUMN_TAIL])
            place = end + 1 + _COLUMN_TAIL
        return b"".join(parts)

    def rows(self, encoder: BatchEncoder, types: Types, formats: Sequence[int]) -> RecodedRows:
        from_utf8 = self.encoding.from_utf8
        return RecodedRows(
            encoder,
            [
                text_in_binary(t, from_utf8) if code else from_utf8
                for t, code in zip(types, formats, strict=True)
            ],
        )


class RecodedRows:
    """DataRow messages whose fields are turned, each as its column says; None leaves it as it is."""

    def __init__(self, encoder: BatchEncoder, turns: Sequence[Turn | None]) -> None:
        self._encoder = encoder
        self._turns = turns

    def encode(self, columns: Sequence[Sequence[Any]]) -> bytes:
        data = self._encoder.encode(columns)
        return data if data.isascii() else self._turned(data)

    def _turned(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        place, end = 0, len(data)
        while place < end:
            size = _INT32.unpack_from(data, place + 1)[0]
            parts.append(backend.message(b"D", self._row(data[place + 5 : place + 1 + size])))
            place += 1 + size
        return b"".join(parts)

    def _row(self, body: bytes) -> bytes:
        parts, place = [body[:2]], 2
        for turn in self._turns:
            size = _INT32.unpack_from(body, place)[0]
            place += 4
            if size < 0:
                parts.append(_INT32.pack(-1))
                continue
            value = body[place : place + size]
            place += size
            if turn is not None:
                value = turn(value)
            parts += (_INT32.pack(len(value)), value)
        return b"".join(parts)
