"""Who looks at the catalog: the search path and the user decide what names mean and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlvec.catalog.objects import PUBLIC_SCHEMA_OID, Catalog, Schema, Table, ViewRelation
from sqlvec.types import TEXT, SqlType

SUPERUSER_OID = 10
SUPERUSER = "postgres"


class PrintExpression(Protocol):
    """A stored expression as PostgreSQL shows it, and its type: over the table, a literal as target; pretty
    as in psql."""

    def __call__(
        self, view: Viewpoint, text: str, table: Table | None, target: SqlType | None, pretty: bool
    ) -> tuple[str, SqlType]: ...


def _as_stored(
    view: Viewpoint, text: str, table: Table | None, target: SqlType | None, pretty: bool
) -> tuple[str, SqlType]:
    return text, target or TEXT


PrintQuery = Callable[["Viewpoint", str, "Sequence[ViewRelation]"], str]


def _query_as_stored(view: Viewpoint, text: str, relations: Sequence[ViewRelation]) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """search_path holds schema names as set, without the implicit pg_catalog."""

    catalog: Catalog
    search_path: tuple[str, ...] = ("public",)
    user: str = SUPERUSER
    print_expression: PrintExpression = _as_stored
    temporary_schema: str = ""  # of the session, searched before all others
    print_query: PrintQuery = _query_as_stored

    def expression(
        self, text: str, table: Table | None, *, target: SqlType | None = None, pretty: bool = False
    ) -> str:
        return self.print_expression(self, text, table, target, pretty)[0]

    def expression_type(self, text: str, table: Table | None) -> SqlType:
        return self.print_expression(self, text, table, None, False)[1]

    def schemas(self, *, implicit: bool = True) -> list[Schema]:
        """The schemas searched, in order; those that do not exist are left out."""
        names = list(dict.fromkeys(self.search_path))
        if implicit and "pg_catalog" not in names:
            names.insert(0, "pg_catalog")
        if implicit and self.temporary_schema:
            names.insert(0, self.temporary_schema)
        found = [self.catalog.schema(name) for name in names]
        return [schema for schema in found if schema is not None]

    @property
    def searches_public(self) -> bool:
        """Whether what the extension brought is found without its schema."""
        return any(schema.oid == PUBLIC_SCHEMA_OID for schema in self.schemas())
