"""Functions of the relational engine over types that users make; sql.render_user_types calls them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlvec import types
from sqlvec.errors import InvalidTextRepresentation
from sqlvec.exec.relational_json_order import jsonb_key
from sqlvec.exec.relational_numeric import key as numeric_key
from sqlvec.sql import bound
from sqlvec.sql.domain_rules import violation
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Composite, composite
from sqlvec.types.domain_type import value_type


def parse_enum(text: str, codes: list[int], labels: list[str], name: str) -> int:
    """The code of a label."""
    try:
        return codes[labels.index(text)]
    except ValueError:
        raise InvalidTextRepresentation(
            f'invalid input value for enum {name}: "{text}"'
        ) from None


def domain_violation(schema: str, domain: str, constraint: str) -> str:
    """Raises what a value that breaks the rule raises; without a constraint the rule is NOT NULL."""
    condition = bound.Const(types.BOOL, False) if constraint else None
    raise violation(bound.DomainRule(schema, domain, constraint, condition))


def composite_text(datum: bytes, number: int) -> str:
    return composite(number).render(datum)


def parse_composite(text: str, number: int) -> bytes:
    return composite(number).parse(text)


def make_composite(texts: list[str | None], number: int) -> bytes:
    """Of the fields' output texts."""
    made = composite(number)
    return made.make(
        [
            None if text is None else field.type.definition.parse(text, field.type.typmod)
            for text, field in zip(texts, made.fields, strict=True)
        ]
    )


def composite_field(datum: bytes, number: int, attnum: int) -> str | None:
    """The output text of a field."""
    made = composite(number)
    field = next(field for field in made.fields if field.attnum == attnum)
    value = made.value(datum, attnum)
    return None if value is None else field.type.definition.render(value)


def composite_key(datum: bytes, number: int) -> bytes:
    """Bytes in the order of the values: field by field, NULL after everything else (record_cmp)."""
    made = composite(number)
    parts = []
    for field, value in zip(made.fields, made.values(datum), strict=True):
        parts.append(b"\xff" if value is None else b"\x01" + sort_key(value_type(field.type), value))
    return b"".join(parts)


def sort_key(sql_type: SqlType, value: Any) -> bytes:
    """Of one value; no key is the beginning of another."""
    if isinstance(sql_type.own, Composite):
        return composite_key(value, sql_type.own.number) + b"\0"
    if isinstance(value, list):
        element = types.element_of(sql_type)
        assert element is not None, sql_type
        items = (b"\xff" if v is None else b"\x01" + sort_key(element, v) for v in value)
        return b"".join(items) + b"\0"
    if isinstance(value, int):
        return (int(value) + 2**63).to_bytes(9, "big")
    if isinstance(value, float):
        (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))
        bits = 2**64 - 1 if value != value else bits ^ (2**64 - 1 if bits >> 63 else 2**63)
        return bits.to_bytes(8, "big")
    if isinstance(value, Decimal):
        return _escaped(numeric_key(types.NUMERIC.definition.render(value)))
    if isinstance(value, bytes):
        return _escaped(value)
    if sql_type.oid == types.JSONB.oid:
        return _escaped(jsonb_key(value))
    text = value if isinstance(value, str) else sql_type.definition.render(value)
    return _escaped((text.rstrip(" ") if sql_type.oid == types.BPCHAR.oid else text).encode())


def _escaped(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"\0\xff") + b"\0\0"


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("parse_enum", parse_enum, ["VARCHAR", "BIGINT[]", "VARCHAR[]", "VARCHAR"], "BIGINT"),
    ("composite_text", composite_text, ["BLOB", "BIGINT"], "VARCHAR"),
    ("parse_composite", parse_composite, ["VARCHAR", "BIGINT"], "BLOB"),
    ("make_composite", make_composite, ["VARCHAR[]", "BIGINT"], "BLOB"),
    ("composite_field", composite_field, ["BLOB", "BIGINT", "BIGINT"], "VARCHAR"),
    ("composite_key", composite_key, ["BLOB", "BIGINT"], "BLOB"),
]
VOLATILE = [("domain_violation", domain_violation, ["VARCHAR"] * 3, "VARCHAR")]
