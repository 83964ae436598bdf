"""Comments: those that COMMENT ON gave, and PostgreSQL's own for its built-in objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlvec.catalog.names import database_oid
from sqlvec.catalog.object_description import METHODS
from sqlvec.catalog.objects import PUBLIC_SCHEMA_OID, Catalog, Described
from sqlvec.catalog.system import text_search
from sqlvec.catalog.system.facts import facts, number
from sqlvec.catalog.system.tables import class_oid, system_table
from sqlvec.catalog.viewpoint import SUPERUSER

_BUILTIN = {
    "types": "pg_type", "functions": "pg_proc", "operators": "pg_operator", "methods": "pg_am",
    "languages": "pg_language",
}  # fmt: skip
VECTOR_COMMENT = "vector data type and ivfflat and hnsw access methods"
EXTENSION_OID = 16_385


@cache
def builtin_comments() -> dict[Described, str]:
    """Of objects that are there from the start."""
    found: dict[Described, str] = {}
    for file, table in _BUILTIN.items():
        for fact in facts(file):
            description = fact["description"]
            if description is not None:
                found[(class_oid(table), number(fact, "oid"), 0)] = description
    for table, oid, description in text_search.comments():
        found[(class_oid(table), oid, 0)] = description
    namespace = class_oid("pg_namespace")
    found[(namespace, 11, 0)] = "system catalog schema"
    found[(namespace, PUBLIC_SCHEMA_OID, 0)] = "standard public schema"
    found[(class_oid("pg_extension"), EXTENSION_OID, 0)] = VECTOR_COMMENT
    database = database_oid(SUPERUSER)
    found[(class_oid("pg_database"), database, 0)] = "default administrative connection database"
    method = class_oid("pg_am")
    for name, oid in METHODS.items():
        found[(method, oid, 0)] = f"{name} index access method"
    return found


def comment(catalog: Catalog, oid: int | None, table: str | None, attnum: int = 0) -> str | None:
    """obj_description and col_description. Without a table, of any object with the oid."""
    if oid is None:
        return None
    if table is None:
        for key, text in all_comments(catalog):
            if key[1] == oid and key[2] == attnum:
                return text
        return None
    found = system_table("pg_catalog", table)
    if found is None:
        return None
    key = (found.oid, oid, attnum)
    return catalog.comments.get(key) or builtin_comments().get(key)


def all_comments(catalog: Catalog) -> Iterator[tuple[Described, str]]:
    """What COMMENT ON gave replaces what is built in."""
    yield from (builtin_comments() | dict(catalog.comments)).items()
