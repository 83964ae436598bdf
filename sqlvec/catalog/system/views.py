"""pg_tables, pg_indexes, pg_views, pg_sequences: views of pg_catalog that name instead of number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.object_text import index_text
from sqlvec.catalog.objects import Catalog, Index, Sequence, View
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.relations import owner_of, tables_of
from sqlvec.catalog.system.tables import system_tables
from sqlvec.catalog.viewpoint import SUPERUSER, Viewpoint

Row = dict[str, Any]


def _system_tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        if table.kind == "r":
            yield _table(table.schema, table.name, False)


def _tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        if not table.query:
            schema = catalog.schemas[table.schema_oid].name
            yield _table(schema, table.name, bool(catalog.indexes(table.oid)))


def _materialized(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        if table.query:
            yield {"schemaname": catalog.schemas[table.schema_oid].name, "matviewname": table.name,
                   "matviewowner": SUPERUSER, "hasindexes": bool(catalog.indexes(table.oid)),
                   "ispopulated": table.populated, "definition": f" {table.query};"}  # fmt: skip


def _table(schema: str, name: str, indexed: bool) -> Row:
    return {"schemaname": schema, "tablename": name, "tableowner": SUPERUSER, "hasindexes": indexed,
            "hasrules": False, "hastriggers": False, "rowsecurity": False}  # fmt: skip


def _system_views(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        if table.kind == "v":
            yield {"schemaname": table.schema, "viewname": table.name, "viewowner": SUPERUSER}


def _views(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for view in catalog.relations.values():
        if isinstance(view, View):
            yield {"schemaname": catalog.schemas[view.schema_oid].name, "viewname": view.name,
                   "viewowner": SUPERUSER, "definition": f" {view.query};"}  # fmt: skip


def _indexes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    nobody = Viewpoint(catalog, print_expression=environment.print_expression)
    for index in catalog.relations.values():
        if isinstance(index, Index):
            table = owner_of(catalog, index)
            yield {"schemaname": catalog.schemas[table.schema_oid].name, "tablename": table.name,
                   "indexname": index.name, "indexdef": index_text(nobody, index.oid)}  # fmt: skip


def _sequences(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for s in catalog.relations.values():
        if isinstance(s, Sequence):
            yield {"schemaname": catalog.schemas[s.schema_oid].name, "sequencename": s.name,
                   "sequenceowner": SUPERUSER, "data_type": s.type.oid, "start_value": s.start,
                   "min_value": s.minimum, "max_value": s.maximum, "increment_by": s.increment,
                   "cycle": s.cycle, "cache_size": s.cache}  # fmt: skip


BUILTIN = {"pg_tables": _system_tables, "pg_views": _system_views}
OURS = {
    "pg_tables": _tables,
    "pg_views": _views,
    "pg_matviews": _materialized,
    "pg_indexes": _indexes,
    "pg_sequences": _sequences,
}
