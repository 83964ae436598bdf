"""Ending and replacing row versions, as UPDATE, DELETE, ON CONFLICT and the actions of foreign keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sqlvec.exec.changes import Change
from sqlvec.exec.write import Rows, Writer, Written
from sqlvec.storage.locks import RowMode

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard


def claim_mode(writer: Writer, assigned: set[int]) -> RowMode:
    """How rows are claimed that get new values in these columns."""
    return RowMode.UPDATE if writer.changes_key(assigned) else RowMode.NO_KEY_UPDATE


def note_deleted(writer: Writer, shard: Shard, ids: np.ndarray) -> None:
    """Claimed rows end with the transaction."""
    if writer.watched:
        writer.note(Change(writer.table.oid, (shard, ids)))


def replace_rows(
    writer: Writer, old: list[tuple[Shard, np.ndarray]], rows: Rows, assigned: set[int]
) -> list[Written]:
    """Puts rows in the place of claimed versions, given in the same order; `assigned` are the columns
    that may differ."""
    for assignment in writer.generated:
        rows[writer.place_of(assignment.attnum)] = writer.evaluate([assignment.expression], rows)[0]
    writer.verify(rows)
    # All old versions are gone before keys are compared: UPDATE t SET id = id + 1 must not collide.
    if writer.table.shards > 1 and not writer.table.split_by:
        shards = [shard for shard, ids in old for _ in range(len(ids))]
    else:
        shards = writer.shards_of(rows)
    for key in writer.keys:
        if assigned & set(key):
            writer.verify_unique(rows, shards, key)
    written = writer.replace(old, rows, shards, keys_changed=writer.changes_key(assigned))
    if writer.watched:
        writer.note_replaced(old, written)
    return written
