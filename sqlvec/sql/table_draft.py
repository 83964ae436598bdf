"""A table while its definition is read or changed, and the names that its parts get."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlvec.catalog.objects import Column, Constraint, Index, Sequence, Table
from sqlvec.errors import UndefinedColumn
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node

NAME_BYTES_MAX = 63  # NAMEDATALEN - 1


def object_name(first: str, second: str, label: str) -> str:
    """first_second_label, the longer of the two cut until it fits: makeObjectName in indexcmds.c."""
    fixed = (len(label.encode()) + 1 if label else 0) + (1 if second else 0)
    one, two = first.encode(), second.encode()
    while len(one) + len(two) + fixed > NAME_BYTES_MAX:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    parts = (one.decode(errors="ignore"), two.decode(errors="ignore"), label)
    return "_".join(part for part in parts if part)


@dataclass(slots=True)
class Draft:
    """next_oid counts the oids that its parts take."""

    binder: Binder
    oid: int
    name: str
    schema_oid: int
    next_oid: int
    columns: list[Column] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    tenant_attnum: int = 0
    declared_null: dict[int, bool] = field(default_factory=dict)  # by attnum: NOT NULL, or NULL
    generated: list[tuple[int, Node]] = field(default_factory=list)  # to be bound at the end
    altered: bool = False  # the table exists already

    def take_oid(self) -> int:
        self.next_oid += 1
        return self.next_oid - 1

    def free_name(self, columns: str, label: str) -> str:
        """A relation or constraint name as PostgreSQL chooses it, numbered when it is taken."""
        number = 0
        while True:
            name = object_name(self.name, columns, f"{label}{number or ''}")
            if not self.is_taken(name):
                self.names.add(name)
                return name
            number += 1

    def is_taken(self, name: str) -> bool:
        catalog = self.binder.catalog
        if name in self.names or catalog.relation(self.schema_oid, name) is not None:
            return True
        if any(c.name == name for c in self.constraints):
            return True
        tables = (r for r in catalog.relations.values() if isinstance(r, Table))
        return any(
            c.name == name
            for table in tables
            if table.schema_oid == self.schema_oid and table.oid != self.oid
            for c in table.constraints
        )

    def find_column(self, name: str) -> Column | None:
        for column in self.columns:
            if column.name == name and not column.dropped:
                return column
        return None

    def column(
        self, name: str, what: str = "named in key", position: int | None = None
    ) -> Column:
        found = self.find_column(name)
        if found is None:
            raise UndefinedColumn(f'column "{name}" {what} does not exist', position=position)
        return found

    def table(self) -> Table:
        return Table(
            self.oid, self.name, self.schema_oid, tuple(self.columns), tuple(self.constraints),
            self.tenant_attnum,
        )  # fmt: skip
