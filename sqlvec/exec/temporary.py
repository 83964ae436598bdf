"""Temporary objects: in a schema that belongs to one session, gone with it or, ON COMMIT, before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import TEMPORARY_PREFIX, Catalog, Index, Sequence, Table

if TYPE_CHECKING:
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction


def temporary_schema(pid: int) -> str:
    return f"{TEMPORARY_PREFIX}{pid}"


def end_transaction(tx: Transaction, schema_name: str) -> None:
    """Before COMMIT: what was declared ON COMMIT DELETE ROWS or DROP."""
    schema = tx.catalog.schema(schema_name)
    if schema is None:
        return
    for relation in list(tx.catalog.relations.values()):
        if not isinstance(relation, Table) or relation.schema_oid != schema.oid:
            continue
        if relation.on_commit == "delete":
            tx.truncate(relation.oid)
        elif relation.on_commit == "drop":
            tx.catalog = tx.catalog.without(*_with_parts(tx.catalog, relation))


def _with_parts(catalog: Catalog, table: Table) -> list[int]:
    owned = [
        r.oid for r in catalog.relations.values()
        if isinstance(r, Sequence) and r.owned_by[0] == table.oid
    ]  # fmt: skip
    return [table.oid, *owned, *(index.oid for index in catalog.indexes(table.oid))]


def drop_schemas(store: Store, *names: str) -> None:
    """Drops schemas of sessions that have ended, with all that is in them."""
    gone = [schema for schema in store.catalog.schemas.values() if schema.name in names]
    if not gone:
        return
    with store.lock:
        tx = store.begin()
        oids = {schema.oid for schema in gone}
        relations = tx.catalog.relations.values()
        inside = {r.oid for r in relations if not isinstance(r, Index) and r.schema_oid in oids}
        inside |= {r.oid for r in relations if isinstance(r, Index) and r.table_oid in inside}
        catalog = tx.catalog.without(*inside)
        schemas = {oid: s for oid, s in catalog.schemas.items() if oid not in oids}
        tx.catalog = replace(catalog, schemas=schemas)
        store.commit(tx)


def left_behind(store: Store) -> list[str]:
    """Schemas of sessions of an earlier process."""
    return [s.name for s in store.catalog.schemas.values() if s.is_temporary]
