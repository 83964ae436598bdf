"""Domains: datum, text and binary form of the base type. What a domain asks of its values is looked at by the
executor, as its conditions are expressions (sql.bind_domain)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sqlvec.types.sql_type import Datum, SqlType, TypeDefinition, array_of, element_of


class Domain(TypeDefinition):
    """base: may be a domain too."""

    def __init__(self, oid: int, name: str, base: SqlType, **fields: Any) -> None:
        definition = base.definition
        super().__init__(
            oid, name, length=definition.length, category=definition.category, align=definition.align,
            routine="domain_", kind="d", own=True, **fields,
        )  # fmt: skip
        self.base = base
        self.delimiter = definition.delimiter
        self.storage = definition.storage

    @property
    def output_function(self) -> str:
        return self.base.definition.output_function

    @property
    def send_function(self) -> str:
        return self.base.definition.send_function

    def stored(self, typmod: int) -> SqlType:
        return self.base.stored

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return self.base.definition.arrow(self.base.typmod)

    def parse(self, text: str, typmod: int = -1) -> Datum:
        base = self.base
        return base.definition.apply_typmod(base.definition.parse(text, base.typmod), base.typmod)

    def render(self, datum: Datum) -> str:
        return self.base.definition.render(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Datum:
        base = self.base
        return base.definition.apply_typmod(base.definition.decode(data, base.typmod), base.typmod)

    def encode(self, datum: Datum) -> bytes:
        return self.base.definition.encode(datum)

    def from_arrow(self, array: pa.Array) -> list[Datum]:
        return self.base.definition.from_arrow(array)

    def to_arrow(self, datums: Sequence[Datum], typmod: int = -1) -> pa.Array:
        return self.base.definition.to_arrow(datums, self.base.typmod)


def base_of(sql_type: SqlType) -> SqlType:
    """The type that is under all domains; any other type is its own."""
    while isinstance(sql_type.own, Domain):
        sql_type = sql_type.own.base
    return sql_type


def value_type(sql_type: SqlType) -> SqlType:
    """The type of the values in expressions: a domain's base; of an array of domains, an array of the base."""
    if sql_type.own is None:
        return sql_type
    if isinstance(sql_type.own, Domain):
        return value_type(sql_type.own.base)
    element = element_of(sql_type)
    if element is None or (value := value_type(element)) is element:
        return sql_type
    return array_of(value)
