"""The keys of a table."""

from __future__ import annotations

from sqlvec.catalog.objects import Catalog, Index, Table


def unique_keys(table: Table, catalog: Catalog) -> list[tuple[int, ...]]:
    """Column lists that no two rows share: the primary key first, then constraints, then indexes.
    Deferrable keys are not among them, as rows may share one for a while."""
    late = {constraint.index_oid for constraint in table.unique_keys if constraint.deferrable}
    keys = [c.attnums for c in table.unique_keys if not c.deferrable]
    for index in catalog.indexes(table.oid):
        attnums = tuple(column.attnum for column in index.columns)
        if index.oid in late or not index.unique or index.predicate or 0 in attnums:
            continue
        if attnums not in keys:
            keys.append(attnums)
    return keys


def is_late(index: Index) -> bool:
    """Whether it is a unique index that has no run of keys: over expressions, or over part of the rows."""
    if not index.unique:
        return False
    return bool(index.predicate) or any(not part.attnum for part in index.columns)
