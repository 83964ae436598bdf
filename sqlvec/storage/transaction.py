"""Transactions: a snapshot, and a write set that only its transaction sees.

Rows go into the memtable at once, with begin UNCOMMITTED: nobody sees them but through the write
set. A deletion is a mark: the row's holder is this transaction until it ends. Committing gives the
ranges and marks a seqno; rolling back makes the ranges ABORTED and lets the marks go.

Of two transactions that delete or replace one row the first holds it and the second fails at once
(40001); so does one that would delete a row which was deleted after its snapshot.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Catalog
from sqlvec.index.row_set import RowSet
from sqlvec.storage.growing import RowIds, clear_ids, set_bits

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store


@dataclass(slots=True)
class ShardWrites:
    """What a transaction did to one shard: row ranges it inserted, in order, and row ids it
    deleted.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    deleted: list[RowIds] = field(default_factory=list)
    truncated: bool = False  # every row it saw was deleted, and nothing inserted since
    changes: int = 0
    _mark: int = 0  # ranges before it belong to a savepoint and are not joined with newer ones
    _visible: tuple[RowSet, int, RowSet] | None = None

    def add_range(self, low: int, high: int) -> None:
        self.truncated = False
        self.changes += 1
        if len(self.ranges) > self._mark and self.ranges[-1][1] == low:
            self.ranges[-1] = (self.ranges[-1][0], high)
        else:
            self.ranges.append((low, high))

    def add_deleted(self, row_ids: RowIds) -> None:
        self.changes += 1
        self.deleted.append(row_ids)

    def holds(self, row_id: int) -> bool:
        """Whether the row was inserted by this transaction."""
        at = bisect_right(self.ranges, (row_id, 2**63)) - 1
        return at >= 0 and self.ranges[at][0] <= row_id < self.ranges[at][1]

    def deleted_ids(self) -> RowIds:
        return np.concatenate(self.deleted) if self.deleted else np.zeros(0, np.int64)

    def overlay(self, committed: RowSet) -> RowSet:
        """The committed rows with the own inserted ones and without the deleted ones."""
        cached = self._visible
        if cached is not None and cached[0] is committed and cached[1] == self.changes:
            return cached[2]
        words = committed.words.copy()
        for low, high in self.ranges:
            set_bits(words, low, high)
        if self.deleted:
            clear_ids(words, self.deleted_ids())
        found = RowSet(words, committed.row_count)
        self._visible = (committed, self.changes, found)
        return found

    def mark(self) -> tuple[int, int]:
        self._mark = len(self.ranges)
        return len(self.ranges), len(self.deleted)


@dataclass(frozen=True, slots=True)
class SavepointToken:
    catalog: Catalog
    marks: Mapping[Any, tuple[int, int]]
    fills: int


class Transaction:
    """One transaction. Used by one thread at a time; changes happen under the store's lock."""

    def __init__(self, store: Store, tx_id: int, snapshot_seqno: int) -> None:
        self.id = tx_id
        self.snapshot_seqno = snapshot_seqno
        self.base_catalog = store.catalog
        self.catalog = store.catalog
        self.committed = False  # appended to the log; published once durable
        self.closed = False
        self.writes: dict[Shard, ShardWrites] = {}
        self.fills: list[tuple[int, int]] = []
        self._store = store

    @property
    def has_writes(self) -> bool:
        return bool(self.writes or self.fills) or self.catalog is not self.base_catalog

    def refresh(self) -> None:
        """Take a new snapshot, for the next statement of READ COMMITTED."""
        assert not self.closed, "transaction has ended"
        with self._store.lock:
            self.snapshot_seqno = self._store.read_seqno
            if self.catalog is self.base_catalog:
                self.base_catalog = self.catalog = self._store.catalog

    def insert(self, shard: Shard, columns: Mapping[int, Any]) -> int:
        """Write rows and return the first of their consecutive row ids.

        A column is a pa.Array of the type's arrow(), or for vector(n) alternatively a VectorBatch
        (or any object with vectors f32[rows, dims] and present bool[rows] | None). Columns not
        given are null. SerializationFailure (40001) when another transaction that this one cannot
        see wrote one of the keys.
        """
        store = self._store
        with store.lock:
            assert not self.closed, "transaction has ended"
            store.check_writable()
            table = self.catalog.table(shard.table_oid)
            first, count = shard.insert(self, table, columns)
            writes = self._writes_of(shard)
            writes.add_range(first, first + count)
            shard.open_rows(self.id, writes)
            return first

    def delete(self, shard: Shard, row_ids: RowIds) -> None:
        """Mark rows as deleted. The ids are distinct rows that this transaction sees."""
        store = self._store
        row_ids = np.ascontiguousarray(row_ids, np.int64)
        with store.lock:
            assert not self.closed, "transaction has ended"
            store.check_writable()
            if len(row_ids) == 0:
                return
            row_ids = shard.hold(self.id, row_ids)
            writes = self._writes_of(shard)
            writes.add_deleted(row_ids)
            shard.open_rows(self.id, writes)

    def truncate(self, table_oid: int) -> None:
        """Delete every row of a table. A shard that then stays empty is dropped as a whole at
        commit.
        """
        with self._store.lock:
            for shard in self._store.shards(table_oid):
                self.delete(shard, shard.visible(self).ids())
                self._writes_of(shard).truncated = True

    def set_fill(self, table_oid: int, attnum: int, value: pa.Array) -> None:
        """Record the value (an array of one) that older rows have in an added column."""
        with self._store.lock:
            self._store.put_fill(table_oid, attnum, value)
            self.fills.append((table_oid, attnum))

    def savepoint(self) -> SavepointToken:
        marks = {shard: writes.mark() for shard, writes in self.writes.items()}
        return SavepointToken(self.catalog, marks, len(self.fills))

    def rollback_to(self, token: SavepointToken) -> None:
        """Undo what was done since; the savepoint stays."""
        with self._store.lock:
            for shard, writes in self.writes.items():
                ranges, deleted = token.marks.get(shard, (0, 0))
                shard.abort_rows(writes.ranges[ranges:])
                shard.release(writes.deleted[deleted:])
                del writes.ranges[ranges:]
                del writes.deleted[deleted:]
                writes.truncated = False
                writes.changes += 1
                shard.open_rows(self.id, writes)
            self._forget_fills(token.fills)
            if self.catalog is not token.catalog:
                self.catalog = token.catalog
                self._store.restore_columns(self.catalog, self.writes)

    def rollback(self) -> None:
        """End the transaction without a trace but dead row ids. No effect after its commit."""
        if self.closed:
            return
        with self._store.lock:
            self.closed = True
            for shard, writes in self.writes.items():
                shard.abort_rows(writes.ranges)
                shard.release(writes.deleted)
                shard.close_rows(self.id)
            self._forget_fills(0)
            self._store.end(self)

    def _forget_fills(self, kept: int) -> None:
        for table_oid, attnum in self.fills[kept:]:
            self._store.drop_fill(table_oid, attnum)
        del self.fills[kept:]

    def _writes_of(self, shard: Shard) -> ShardWrites:
        writes = self.writes.get(shard)
        if writes is None:
            writes = self.writes[shard] = ShardWrites()
        return writes
