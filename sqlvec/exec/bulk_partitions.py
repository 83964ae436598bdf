"""Batches of columns for partitioned tables and partitions: they are divided by the values that partitions are chosen
by, and their arrays go to each as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.partition_writer import outside, placed

Given = Mapping[int, Any]  # arrays by attnum


def leaf_rows(table: Table, given: Given, context: Context) -> Iterator[tuple[Table, np.ndarray]]:
    """The partitions that take rows of a batch, and which; 23514 for a row that none takes."""
    found = np.array(placed(table, _keys(table, given, context.catalog), context), np.int64)
    for oid in np.unique(found).tolist():
        yield context.catalog.table(oid), np.flatnonzero(found == oid)


def are_inside(table: Table, given: Given, context: Context) -> bool:
    """Whether a partition takes all rows of a batch."""
    if not table.parent_oid:
        return True
    return outside(table, _keys(table, given, context.catalog), context) is None


def _keys(table: Table, given: Given, catalog: Catalog) -> list[list[Datum]]:
    """By attnum - 1; only those of the columns that decide are filled."""
    columns: list[list[Datum]] = [[] for _ in table.columns]
    for attnum in _deciding(table, catalog):
        own = table.column_by_attnum(attnum).type
        columns[attnum - 1] = own.definition.from_arrow(given[attnum])
    return columns


def _deciding(table: Table, catalog: Catalog) -> set[int]:
    """Attnums by which partitions of the table are chosen, and it among others."""
    trees = list(catalog.partition_tree(table.oid))
    while table.parent_oid:
        table = catalog.table(table.parent_oid)
        trees.append(table)
    return {a for tree in trees if tree.partitioning for a in tree.partitioning.attnums}
