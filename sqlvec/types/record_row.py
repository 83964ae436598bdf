"""Rows of a result whose fields' types the statement tells: in their binary form each field has its own type.

Datum: the row's text, as the relational engine gives it. Binary: as of a record, record_send in rowtypes.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlvec.types.array import Array
from sqlvec.types.pseudo import Record
from sqlvec.types.record_literal import RecordLiteral, packed_record
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
        words = RecordLiteral(self.render(datum)).read(len(self.fields))
        pairs = zip(self.fields, words, strict=True)
        return packed_record((sql_type.oid, _encoded(sql_type, word)) for sql_type, word in pairs)


def _encoded(sql_type: SqlType, word: str | None) -> bytes | None:
    definition = sql_type.definition
    return None if word is None else definition.encode(definition.parse(word, sql_type.typmod))


@lru_cache(maxsize=256)
def record_of(fields: tuple[SqlType, ...]) -> SqlType:
    """One for the same fields, so that plans made anew have the columns that they had."""
    return SqlType(RECORD_OID, -1, RecordRow(fields))


@lru_cache(maxsize=256)
def records_of(fields: tuple[SqlType, ...]) -> SqlType:
    return SqlType(RECORDS_OID, -1, Array(RecordRow(fields)))
