"""Unique keys that are compared when the statement or the transaction is over: DEFERRABLE ones."""

from __future__ import annotations

import numpy as np

from sqlvec.catalog.objects import Constraint, Table
from sqlvec.exec.changes import Change
from sqlvec.exec.context import Context
from sqlvec.exec.write import Writer
from sqlvec.storage.key_search import KeySearch


def check_late_key(context: Context, table: Table, constraint: Constraint, change: Change) -> None:
    """No other row has the key of one of the new rows that are still there."""
    assert change.new is not None
    shard, ids = change.new
    ids = ids[shard.visible(context.tx).contains(ids)]
    if not len(ids):
        return
    columns = [table.column_by_attnum(attnum) for attnum in constraint.attnums]
    values = [shard.gather(column.attnum, ids) for column in columns]
    arrays = [c.type.definition.to_arrow(v, c.type.typmod) for c, v in zip(columns, values, strict=True)]
    keys: KeySearch = shard.keys
    positions, rows = keys.find_all(constraint.attnums, arrays, context.tx.newest())
    others = np.flatnonzero(rows != ids[positions])
    if len(others):
        first = int(positions[others].min())
        writer = Writer(table, context, 1)
        raise writer.duplicate(constraint.attnums, tuple(v[first] for v in values))
