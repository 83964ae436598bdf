"""SELECT FOR UPDATE and its kin: rows are locked one after the other, in order, until there are enough.

A row that was changed since the snapshot is locked in its newest version, and the query is asked again about
the versions that were locked: it may not want them any more, and then the next row has its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sqlvec import types
from sqlvec.errors import LockNotAvailable
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.limit import row_limit
from sqlvec.exec.result import Batch
from sqlvec.index.row_set import RowSet
from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT, LockingSelect, NativeSelect, QueryPlan
from sqlvec.sql import bound
from sqlvec.storage.locks import LockWait, RowMode
from sqlvec.storage.row_claims import GONE
from sqlvec.storage.shard import Shard

BATCH_ROWS = 1_000
Row = tuple[Datum, ...]
RunQuery = Callable[[QueryPlan, Context], Iterator[Batch]]


def run_locking(plan: LockingSelect, context: Context, run_query: RunQuery) -> Iterator[Batch]:
    """The rows, all of them locked before the first is given."""
    limit = row_limit(plan.limit, plan.offset, context)
    needed = None if limit.limit is None else limit.limit + limit.offset
    kept: list[Row] = []
    if needed != 0:
        for row in _candidates(plan, needed, context, run_query):
            locked = _locked(plan, row, context, run_query)
            if locked is not None:
                kept.append(locked)
                if len(kept) == needed:
                    break
    kept = kept[limit.offset :]
    chunks = (kept[i : i + BATCH_ROWS] for i in range(0, len(kept), BATCH_ROWS))
    return ([list(column) for column in zip(*chunk, strict=True)] for chunk in chunks)


def _candidates(
    plan: LockingSelect, needed: int | None, context: Context, run_query: RunQuery
) -> Iterator[Row]:
    """The source's rows; where that is cheaper only as many as are needed, and more when these do not do."""
    source = plan.source
    if needed is None or not isinstance(source, NativeSelect):
        yield from _rows(source, context, run_query)
        return
    seen, size = 0, needed
    while True:
        count = 0
        some = replace(source, limit=bound.Const(types.INT8, size))
        for row in _rows(some, context, run_query):
            count += 1
            if count > seen:
                yield row
        if count < size:
            return
        seen, size = count, size * 4


def _rows(plan: QueryPlan, context: Context, run_query: RunQuery) -> Iterator[Row]:
    for batch in run_query(plan, context):
        yield from zip(*batch, strict=True)


def _locked(
    plan: LockingSelect, row: Row, context: Context, run_query: RunQuery
) -> Row | None:
    """The row as it is once its parts are locked; None when one is gone or skipped."""
    context.check_cancelled()
    width = len(plan.columns)
    newer: dict[int, dict[Shard, RowSet]] = {}
    moved = False
    for lock, place in zip(plan.locks, row[width:], strict=True):
        if place is None:
            continue
        shard = context.store.shard_by_id(place >> ROW_ID_SHARD_SHIFT)
        row_id = place & ((1 << ROW_ID_SHARD_SHIFT) - 1)
        newest = _lock_row(shard, row_id, lock, context)
        if newest == GONE:
            return None
        moved = moved or newest != row_id
        ids = np.array([newest], dtype=np.int64)
        newer[lock.relation_id] = {shard: RowSet.from_ids(ids, shard.row_count)}
    if not moved:
        return row[:width]
    found = next(_rows(plan.source, context.narrowed(newer), run_query), None)
    return None if found is None else found[:width]


def _lock_row(shard: Shard, row_id: int, lock: bound.RowLock, context: Context) -> int:
    ids = np.array([row_id], dtype=np.int64)
    try:
        locked = context.tx.lock_rows(shard, ids, RowMode(lock.strength), lock.policy)
    except LockWait:
        raise
    except LockNotAvailable as error:
        name = context.catalog.table(shard.table_oid).name
        raise LockNotAvailable(f'could not obtain lock on row in relation "{name}"') from error
    return int(locked.rows.item(0))
