"""Types that users make: enums, domains, composites, as immutable values of the catalog.

What they can do (types.TypeDefinition) follows from the catalog that they are in, as one may be made of others.
A catalog puts it into the columns of its relations (catalog.type_links).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlvec.catalog.identifiers import quote_identifier
from sqlvec.types import SqlType, TypeDefinition
from sqlvec.types.array import Array
from sqlvec.types.composite_type import Composite, Field
from sqlvec.types.domain_type import Domain
from sqlvec.types.enum_type import Enum

ORDER_UNIT = 2**40  # of a label's code; halves of it leave room between two labels


@dataclass(frozen=True, slots=True)
class EnumLabel:
    """code: what rows keep; codes are in the labels' order."""

    oid: int
    name: str
    code: int

    @property
    def order(self) -> float:
        return self.code / ORDER_UNIT


@dataclass(frozen=True, slots=True)
class UserType:
    oid: int
    name: str
    schema_oid: int
    array_oid: int
    array_name: str

    def definition(self, display: str, others: Mapping[int, SqlType]) -> TypeDefinition:
        """What it can do; others: the types that it may be made of, by oid."""
        raise NotImplementedError

    def parts(self) -> tuple[SqlType, ...]:
        """The types that it is made of."""
        return ()


@dataclass(frozen=True, slots=True)
class EnumType(UserType):
    labels: tuple[EnumLabel, ...] = ()  # in order

    def definition(self, display: str, others: Mapping[int, SqlType]) -> TypeDefinition:
        labels = {label.code: label.name for label in self.labels}
        return Enum(
            self.oid, self.name, labels, display=display, array_oid=self.array_oid,
            array_name=self.array_name,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """expression: over VALUE, as SQL text."""

    oid: int
    name: str
    expression: str
    validated: bool = True


@dataclass(frozen=True, slots=True)
class DomainType(UserType):
    base: SqlType
    default: str | None = None  # SQL text
    not_null: bool = False
    checks: tuple[DomainCheck, ...] = ()
    collation: int = 0  # oid; 0: the one of its base

    def definition(self, display: str, others: Mapping[int, SqlType]) -> TypeDefinition:
        return Domain(
            self.oid, self.name, linked_type(self.base, others), display=display,
            array_oid=self.array_oid, array_name=self.array_name,
        )  # fmt: skip

    def parts(self) -> tuple[SqlType, ...]:
        return (self.base,)


@dataclass(frozen=True, slots=True)
class Attribute:
    """attnum is 1-based and never reused; a dropped attribute keeps its place."""

    attnum: int
    name: str
    type: SqlType
    collation: int = 0  # oid; 0: the one of its type
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class CompositeType(UserType):
    """relation_oid: of its row in pg_class."""

    relation_oid: int
    attributes: tuple[Attribute, ...] = ()  # in attnum order

    @property
    def live_attributes(self) -> tuple[Attribute, ...]:
        return tuple(a for a in self.attributes if not a.dropped)

    def attribute(self, name: str) -> Attribute | None:
        return next((a for a in self.live_attributes if a.name == name), None)

    def definition(self, display: str, others: Mapping[int, SqlType]) -> TypeDefinition:
        fields = [Field(a.attnum, a.name, linked_type(a.type, others)) for a in self.live_attributes]
        return Composite(
            self.oid, self.name, fields, display=display, array_oid=self.array_oid,
            array_name=self.array_name,
        )  # fmt: skip

    def parts(self) -> tuple[SqlType, ...]:
        return tuple(a.type for a in self.live_attributes)


def linked_type(sql_type: SqlType, known: Mapping[int, SqlType]) -> SqlType:
    """The type with its definition, where it is a user's."""
    found = known.get(sql_type.oid)
    return sql_type if found is None else SqlType(sql_type.oid, sql_type.typmod, found.own)


def sql_types(made: Mapping[int, UserType]) -> dict[int, SqlType]:
    """Every type of them and its array type, by oid."""
    found: dict[int, SqlType] = {}

    def define(user_type: UserType) -> None:
        if user_type.oid in found:
            return
        for part in user_type.parts():
            if (inner := owner.get(part.oid)) is not None:
                define(inner)
        definition = user_type.definition(quote_identifier(user_type.name), found)
        found[user_type.oid] = definition.sql_type
        if user_type.array_oid:
            found[user_type.array_oid] = Array(definition).sql_type

    owner = {t.oid: t for t in made.values()}
    owner |= {t.array_oid: t for t in made.values() if t.array_oid}
    for user_type in made.values():
        define(user_type)
    return found
