"""What a change of the catalog claims before it is made: names and oids. Nobody else gives them out meanwhile."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Catalog, Index, Relation, next_oid_after
from sqlvec.sql import bound
from sqlvec.storage.locks import Mode

if TYPE_CHECKING:
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction

_NAME_INDEX_OID = 2663  # pg_class_relname_nsp_index


def claim(statement: bound.Ddl, tx: Transaction, store: Store) -> bool:
    """Whether the statement may be run as it was bound. If others have taken its oids meanwhile, the transaction
    goes on behind those, and it is to be bound anew. LockWait while another transaction that gave one of its
    names to something is open."""
    with store.lock:
        first = tx.catalog.next_oid
        made = first if statement.catalog is None else statement.catalog.next_oid
        end = next_oid_after(made, statement.changed)
        if end > first and (free := store.take_oids(first, end)) != first:
            tx.catalog = replace(tx.catalog, next_oid=free)
            return False
        for schema_oid, name in _new_names(statement, tx.catalog):
            number = zlib.crc32(f"{schema_oid}.{name}".encode()) & 0x7FFF_FFFF
            tx.locks.acquire(tx.owner, ("key", _NAME_INDEX_OID, number, 0), Mode.EXCLUSIVE)
        return True


def _new_names(statement: bound.Ddl, before: Catalog) -> Iterator[tuple[int, str]]:
    made = {r.oid: r for r in statement.changed}
    known = before.relations
    if statement.catalog is not None:
        relations = statement.catalog.relations.items()
        made |= {oid: r for oid, r in relations if known.get(oid) is not r and oid not in made}
    for oid, relation in made.items():
        place = _place(relation, made, known)
        if oid not in known or _place(known[oid], known, known) != place:
            yield place


def _place(
    relation: Relation, made: Mapping[int, Relation], known: Mapping[int, Relation]
) -> tuple[int, str]:
    """Schema and name; an index is in the schema of its table."""
    if isinstance(relation, Index):
        table = made.get(relation.table_oid) or known[relation.table_oid]
        assert not isinstance(table, Index), table
        return table.schema_oid, relation.name
    return relation.schema_oid, relation.name
