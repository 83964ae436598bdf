"""What a statement is bound against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlvec.catalog.objects import Catalog, Relation
from sqlvec.catalog.routines import Routine
from sqlvec.types import SqlType


@dataclass(frozen=True, slots=True)
class BindContext:
    """search_path holds schema names; pg_catalog is searched first without being named."""

    catalog: Catalog
    search_path: tuple[str, ...]
    show: Callable[[str], str]
    user: str = "postgres"
    database: str = "postgres"
    statements: Mapping[str, Any] = field(default_factory=dict)
    temporary_schema: str = "pg_temp_0"  # of the session, searched first
    zone: str = ""  # the session's where it is not UTC

    def find_relation(self, schema: str | None, name: str) -> Relation | None:
        """The relation that a name means here."""
        relations = (self.catalog.relation(oid, name) for oid in self.searched(schema))
        return next((found for found in relations if found is not None), None)

    def find_type(self, schema: str | None, name: str) -> SqlType | None:
        """The user's type that a name means here."""
        made = (self.catalog.type_by_name(oid, name) for oid in self.searched(schema))
        return next((found for found in made if found is not None), None)

    def find_routines(self, schema: str | None, name: str) -> list[Routine]:
        """The functions and procedures of that name, those that are found first before others."""
        return [r for oid in self.searched(schema) for r in self.catalog.routines_named(oid, name)]

    def searched(self, schema: str | None) -> Iterator[int]:
        """The oids of the schemas in which a name is looked for, in their order."""
        if schema is None:
            names = [self.temporary_schema, *self.search_path]
        else:
            names = [self.temporary_schema if schema == "pg_temp" else schema]
        for name in names:
            found = self.catalog.schema(name)
            if found is not None:
                yield found.oid

    def creation_schema_oid(self) -> int | None:
        """Where an unqualified CREATE puts its object."""
        for name in self.search_path:
            found = self.catalog.schema(name)
            if found is not None:
                return found.oid
        return None
