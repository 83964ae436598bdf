"""Rows of a result whose fields' types the statement tells: in their binary form each field has its own type.

Datum: the row's text, as the relational engine gives it. Binary: as of a record, record_send in rowtypes.c.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlvec.types.array import Array
from sqlvec.types.pseudo import Record
from sqlvec.types.record_literal import RecordLiteral
from sqlvec.types.sql_type import SqlType

RECORD_OID, RECORDS_OID = 2249, 2287


class RecordRow(Record):
    def __init__(self, fields: Sequence[SqlType]) -> None:
        super().__init__(
            RECORD_OID, "record", array_oid=RECORDS_OID, category="P", kind="p", align="d",
            routine="record_", own=True,
        )  # fmt: skip
        self.fields = tuple(fields)

    def encode(self, datum: Any) -> bytes:
        parts = [struct.pack(">i", len(self.fields))]
        words = RecordLiteral(self.render(datum)).read(len(self.fields))
        for sql_type, word in zip(self.fields, words, strict=True):
            body = None
            if word is not None:
                definition = sql_type.definition
                body = definition.encode(definition.parse(word, sql_type.typmod))
            parts += [struct.pack(">Ii", sql_type.oid, -1 if body is None else len(body)), body or b""]
        return b"".join(parts)


@lru_cache(maxsize=256)
def record_of(fields: tuple[SqlType, ...]) -> SqlType:
    """One for the same fields, so that plans made anew have the columns that they had."""
    return SqlType(RECORD_OID, -1, RecordRow(fields))


@lru_cache(maxsize=256)
def records_of(fields: tuple[SqlType, ...]) -> SqlType:
    return SqlType(RECORDS_OID, -1, Array(RecordRow(fields)))
