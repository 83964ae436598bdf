"""Who looks at the catalog: the search path and the user decide what names mean and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from sqlvec.catalog.objects import Catalog, Schema

SUPERUSER_OID = 10
SUPERUSER = "postgres"


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """search_path holds schema names as set, without the implicit pg_catalog."""

    catalog: Catalog
    search_path: tuple[str, ...] = ("public",)
    user: str = SUPERUSER

    def schemas(self, *, implicit: bool = True) -> list[Schema]:
        """The schemas searched, in order; those that do not exist are left out."""
        names = list(dict.fromkeys(self.search_path))
        if implicit and "pg_catalog" not in names:
            names.insert(0, "pg_catalog")
        found = [self.catalog.schema(name) for name in names]
        return [schema for schema in found if schema is not None]
