"""SqlType: a type as expressions and columns have it; TypeDefinition: what the type can do.

A datum is the Python value that the engine passes around; each definition says which (see its module).
Arrow is the form of storage and exchange. Typmods are PostgreSQL's: varchar(80) is 84, vector(3) is 3,
numeric(10,2) is 655366, -1 is none. A type that a database defines brings its definition along (`own`): the
registry holds PostgreSQL's and ours, which are the same in every database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sqlvec.errors import (
    FeatureNotSupported,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    ProtocolViolation,
)

Datum = Any
BINARY_MISMATCH = "incorrect binary data format"


@dataclass(frozen=True, slots=True)
class SqlType:
    oid: int
    typmod: int = -1
    own: TypeDefinition | None = field(default=None, compare=False, repr=False)

    @property
    def definition(self) -> TypeDefinition:
        return REGISTRY[self.oid] if self.own is None else self.own

    @property
    def bare(self) -> SqlType:
        """Without the typmod."""
        return self if self.typmod < 0 else SqlType(self.oid, -1, self.own)

    @property
    def stored(self) -> SqlType:
        """The built-in type that storage and the relational engine keep its values as."""
        return self if self.own is None else self.own.stored(self.typmod)

    @property
    def order_oid(self) -> int:
        """The built-in type whose datums are in this order; its own oid where there is no other."""
        return self.oid if self.own is None else self.own.order_oid

    @property
    def plain_name(self) -> str:
        """As errors about operators, functions and casts show it: without the typmod."""
        return format_type(self.bare)

    @property
    def name(self) -> str:
        """As format_type shows it: "character varying(80)", "vector(3)", "integer[]"."""
        return format_type(self)


class TypeDefinition:
    """One row of pg_type, with its codecs. Subclasses override what their datum needs."""

    def __init__(
        self,
        oid: int,
        name: str,
        *,
        display: str = "",
        array_oid: int = 0,
        length: int = -1,
        category: str = "U",
        preferred: bool = False,
        align: str = "i",
        routine: str = "",
        kind: str = "b",
        own: bool = False,
        array_name: str = "",
    ) -> None:
        self.oid = oid
        self.name = name
        self.display_name = display or name
        self.array_oid = array_oid
        self.array_name = array_name or f"_{name}"
        self.element_oid = 0
        self.length = length
        self.by_value = 0 < length <= 8
        self.category = category
        self.preferred = preferred
        self.delimiter = ","
        self.align = align
        self.storage = "p" if length > 0 else "x"
        self.routine = routine or name
        self.kind = kind
        self.order_oid = oid  # see SqlType.order_oid
        self.own = own  # a database's, not the server's
        self.array_definition: TypeDefinition | None = None
        if not own:
            REGISTRY[oid] = self

    @property
    def sql_type(self) -> SqlType:
        return SqlType(self.oid, -1, self if self.own else None)

    def stored(self, typmod: int) -> SqlType:
        """See SqlType.stored."""
        return SqlType(self.oid, typmod)

    def element_type(self, typmod: int) -> SqlType | None:
        """The type of an array's elements."""
        return SqlType(self.element_oid, typmod) if self.element_oid else None

    @property
    def input_function(self) -> str:
        return f"{self.routine}in"

    @property
    def output_function(self) -> str:
        return f"{self.routine}out"

    @property
    def receive_function(self) -> str:
        return f"{self.routine}recv"

    @property
    def send_function(self) -> str:
        return f"{self.routine}send"

    def modifiers(self, typmod: int) -> str:
        """The part of the display name that a typmod adds."""
        return ""

    # ---------------------------------------------------------------- codecs

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.string()

    def parse(self, text: str, typmod: int = -1) -> Datum:
        raise NotImplementedError(self.name)

    def render(self, datum: Datum) -> str:
        return str(datum)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> Datum:
        raise FeatureNotSupported(f"no binary input function available for type {self.name}")

    def encode(self, datum: Datum) -> bytes:
        raise FeatureNotSupported(f"no binary output function available for type {self.name}")

    def apply_typmod(self, datum: Datum, typmod: int, explicit: bool = False) -> Datum:
        return datum

    def from_arrow(self, array: pa.Array) -> list[Datum]:
        values: list[Datum] = array.to_pylist()
        return values

    def to_arrow(self, datums: Sequence[Datum], typmod: int = -1) -> pa.Array:
        return pa.array(datums, type=self.arrow(typmod))

    # ---------------------------------------------------------------- errors

    def invalid(self, text: str, **fields: Any) -> InvalidTextRepresentation:
        """PostgreSQL's error for text that is no value of the type."""
        return InvalidTextRepresentation(
            f'invalid input syntax for type {self.display_name}: "{text}"', **fields
        )

    def require_length(self, data: bytes | memoryview, size: int) -> None:
        """What is too short misses data; what is too long is no value. Receivers add which it was."""
        if len(data) < size:
            raise ProtocolViolation("insufficient data left in message")
        if len(data) > size:
            raise InvalidBinaryRepresentation(BINARY_MISMATCH)


REGISTRY: dict[int, TypeDefinition] = {}


def by_oid(oid: int) -> TypeDefinition | None:
    return REGISTRY.get(oid)


def array_of(element: SqlType) -> SqlType:
    """The array type; its typmod is the element's, as in PostgreSQL."""
    if element.own is None:
        return SqlType(REGISTRY[element.oid].array_oid, element.typmod)
    return SqlType(element.own.array_oid, element.typmod, element.own.array_definition)


def element_of(array: SqlType) -> SqlType | None:
    definition = REGISTRY.get(array.oid) if array.own is None else array.own
    return None if definition is None else definition.element_type(array.typmod)


def format_type(sql_type: SqlType) -> str:
    """The type as PostgreSQL's format_type shows it."""
    definition = sql_type.own or REGISTRY.get(sql_type.oid)
    if definition is None:
        return "???"
    if definition.element_oid and definition.name.startswith("_"):
        element = definition.element_type(sql_type.typmod)
        assert element is not None, sql_type
        return format_type(element) + "[]"
    if sql_type.typmod < 0:
        return definition.display_name
    suffix = definition.modifiers(sql_type.typmod)
    name = definition.display_name
    if suffix and " with" in name:  # timestamp(3) without time zone
        head, tail = name.split(" ", 1)
        return f"{head}{suffix} {tail}"
    return name + suffix
