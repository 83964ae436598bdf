"""What a commit says: the operations of a transaction, made from its write set when it is
appended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Catalog
from sqlvec.storage.catalog_codec import encode_catalog_edit
from sqlvec.storage.records import (
    CreateShard,
    Delete,
    DropShards,
    EditCatalog,
    Insert,
    InsertVectors,
    Operation,
    SetFill,
    SetState,
)
from sqlvec.storage.shard import vector_batch_at

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.transaction import ShardWrites, Transaction


@dataclass(slots=True, eq=False)
class CommitTicket:
    """One appended commit; done once it is durable and visible. A sequence's value has no tx."""

    seqno: int
    lsn: int
    tx: Transaction | None = None
    catalog: Catalog | None = None  # the catalog it commits, if it changes that
    dropped: tuple[int, ...] = ()  # shard ids
    time_us: int = 0
    states: Mapping[int, str] = field(default_factory=dict)  # of tenants, by shard id
    durable: bool = True  # to be made durable before it is visible
    done: bool = False


def create_operations(shards: Iterable[Shard]) -> list[Operation]:
    """Shards that the log does not know yet."""
    return [CreateShard(s.shard_id, s.table_oid, s.tenant) for s in shards if not s.logged]


def catalog_operations(
    tx: Transaction, old: Catalog, new: Catalog, fills: dict[tuple[int, int], bytes]
) -> list[Operation]:
    operations: list[Operation] = []
    if new is not old:
        operations.append(EditCatalog(encode_catalog_edit(old, new)))
    operations += [SetFill(*key, fills[key]) for key in tx.fills if key in fills]
    return operations


def write_operations(shard: Shard, writes: ShardWrites) -> list[Operation]:
    """Rows and deletions of one shard; columns and vectors are views, not copies."""
    operations: list[Operation] = []
    row = writes.only_row
    if row is not None and writes.ranges == [(row.row_id, row.row_id + 1)]:
        operations += [row, *_vector_operations(shard, row.row_id, row.row_id + 1)]
    else:
        for low, high in _joined(writes.ranges):
            operations += _insert_operations(shard, low, high)
    deleted = writes.deleted_ids()
    if len(deleted):
        operations.append(Delete(shard.shard_id, deleted))
    return operations


def drop_operations(dropped: tuple[int, ...]) -> list[Operation]:
    return [DropShards(dropped)] if dropped else []


def state_operations(states: Mapping[int, str]) -> list[Operation]:
    by_state: dict[str, list[int]] = {}
    for shard_id, state in states.items():
        by_state.setdefault(state, []).append(shard_id)
    return [SetState(tuple(ids), state) for state, ids in by_state.items()]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for low, high in ranges:
        if out and out[-1][1] == low:
            out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return out


def _insert_operations(shard: Shard, low: int, high: int) -> list[Operation]:
    """One insert per part that the range touches, since each has columns of its own."""
    operations: list[Operation] = []
    for part in shard.memtable.parts(shard.columns):
        first, last = max(low, part.low), min(high, part.high)
        if first >= last:
            continue
        columns = {
            attnum: array.slice(first - part.low, last - first)
            for attnum, array in part.stored_columns().items()
        }
        operations.append(Insert(shard.shard_id, first, last - first, columns))
    return operations + _vector_operations(shard, low, high)


def _vector_operations(shard: Shard, low: int, high: int) -> list[Operation]:
    operations: list[Operation] = []
    for attnum in shard.columns.types:
        batch = vector_batch_at(shard, attnum, low, high)
        if batch is not None:
            operations.append(InsertVectors(shard.shard_id, low, attnum, batch))
    return operations
