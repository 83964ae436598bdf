"""Types that values pass through rather than live in: record, void, unknown and what is only shown.

Datums: record tuple, the others str. A record does not know the types of its fields: they follow
from the Python values (bool, int, float, str, bytes; anything else as text).
Binary record: int32 field count, (int32 type oid, int32 length, bytes)* (record_send in rowtypes.c).
"""

from __future__ import annotations

from typing import Any

from sqlvec.errors import FeatureNotSupported
from sqlvec.types.record_literal import RecordLiteral, packed_record, quoted_field
from sqlvec.types.sql_type import REGISTRY, TypeDefinition
from sqlvec.types.text import Text

_TEXT_OID = 25
_OIDS = {bool: 16, float: 701, str: _TEXT_OID, bytes: 17}


class Shown(Text):
    """A type whose values are only shown; datum str."""

    def render(self, datum: Any) -> str:
        return str(datum)

    def encode(self, datum: Any) -> bytes:
        return self.render(datum).encode()


class Key(Shown):
    """What an index keeps of a value; nobody writes one."""

    def parse(self, text: str, typmod: int = -1) -> str:
        raise FeatureNotSupported(f"cannot accept a value of type {self.name}")


class Void(Shown):
    """The result of a function that gives none."""

    def render(self, datum: Any) -> str:
        return ""


class Record(Shown):
    def render(self, datum: Any) -> str:
        if not isinstance(datum, tuple):
            return str(datum)
        return "(" + ",".join(_field(value) for value in datum) + ")"

    def encode(self, datum: Any) -> bytes:
        if isinstance(datum, str):  # of a query that does not tell the types of its fields
            datum = RecordLiteral(datum).read()
        return packed_record((_oid(value), _encoded(value)) for value in datum)


def _encoded(value: Any) -> bytes | None:
    oid = _oid(value)
    if value is None:
        return None
    return _definition(oid).encode(value if oid != _TEXT_OID else _text(value))


def _definition(oid: int) -> TypeDefinition:
    return REGISTRY[oid]


def _oid(value: Any) -> int:
    if type(value) is int:
        return 23 if -(2**31) <= value < 2**31 else 20
    return _OIDS.get(type(value), _TEXT_OID)


def _text(value: Any) -> str:
    """The field's text form."""
    if isinstance(value, tuple):
        return "(" + ",".join(_field(item) for item in value) + ")"
    oid = _oid(value)
    return str(value) if oid == _TEXT_OID else _definition(oid).render(value)


def _field(value: Any) -> str:
    if value is None:
        return ""
    return quoted_field(_text(value))
