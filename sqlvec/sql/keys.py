"""The keys of a table."""

from __future__ import annotations

from sqlvec.catalog.objects import Catalog, Table


def unique_keys(table: Table, catalog: Catalog) -> list[tuple[int, ...]]:
    """Column lists that no two rows share: the primary key first, then constraints, then indexes."""
    keys = [constraint.attnums for constraint in table.unique_keys]
    for index in catalog.indexes(table.oid):
        attnums = tuple(column.attnum for column in index.columns)
        if index.unique and not index.predicate and 0 not in attnums and attnums not in keys:
            keys.append(attnums)
    return keys
