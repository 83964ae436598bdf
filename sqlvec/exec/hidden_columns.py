"""What the columns hold that no table declares: of rows of a shard, by their ids.

A row's ctid is its number in the shard, so that it stays what it is until the row is changed, or the shard written
anew. Tables with one shard have one row of a ctid; partitions and heirs number their rows for themselves.
xmax is 0, since nobody has ended a row that is seen; what an INSERT found there and updated, as its RETURNING
tells, has one that is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT
from sqlvec.sql import bound
from sqlvec.sql.system_columns import (
    CTID_ORDINAL,
    ROW_ID_ORDINAL,
    TABLEOID_ORDINAL,
    XMAX_ORDINAL,
)
from sqlvec.types.row_place import OFFSET_BITS

if TYPE_CHECKING:
    from sqlvec.exec.context import Datum
    from sqlvec.exec.write import Written
    from sqlvec.storage.shard import Shard

_ROWS_SHIFT = 8  # rows of a block, as a power of two; offsets count from 1


def hidden_values(ordinal: int, shard: Shard, row_ids: np.ndarray) -> np.ndarray:
    """i64[rows], in the order of the ids."""
    if ordinal == ROW_ID_ORDINAL:
        return row_ids | np.int64(shard.shard_id << ROW_ID_SHARD_SHIFT)
    if ordinal == TABLEOID_ORDINAL:
        return np.full(len(row_ids), shard.table_oid, np.int64)
    if ordinal == XMAX_ORDINAL:
        return np.zeros(len(row_ids), np.int64)
    assert ordinal == CTID_ORDINAL, ordinal
    offsets = (row_ids & ((1 << _ROWS_SHIFT) - 1)) + 1
    return (row_ids >> _ROWS_SHIFT) << OFFSET_BITS | offsets


def hidden_of(column: bound.ColumnRef, written: Sequence[Written], count: int) -> list[Datum]:
    """Of rows that were written, in the order of the statement."""
    found = np.zeros(count, np.int64)
    for part in written:
        row_ids = part.first_row_id + np.arange(len(part.positions), dtype=np.int64)
        found[part.positions] = hidden_values(column.ordinal, part.shard, row_ids)
    return list(found.tolist())
