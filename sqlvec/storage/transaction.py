"""Transactions: a snapshot, and a write set that only its transaction sees.

Rows go into the memtable at once, with begin UNCOMMITTED: nobody sees them but through the write
set. A deletion is a mark: the row's holder is this transaction until it ends. Committing gives the
ranges and marks a seqno; rolling back makes the ranges ABORTED and lets the marks go.

A transaction that would delete or replace a row which another has claimed must wait (LockWait); its
statement is undone to where it began and run again. A row that was replaced after the snapshot is followed to
its newest version when the transaction rereads (READ COMMITTED), and is a SerializationFailure if it does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.merging import merged
from sqlvec.catalog.objects import Catalog
from sqlvec.errors import SerializationFailure
from sqlvec.index.row_set import RowSet
from sqlvec.storage.growing import RowIds, clear_ids, set_bits
from sqlvec.storage.locks import LockMark, LockOwner, RowMode
from sqlvec.storage.row_claims import (
    MOVED_AWAY,
    ConflictAt,
    LockedRows,
    await_transaction,
    carry_over,
    lock_in_table,
    newest,
)
from sqlvec.storage.shard_changes import NO_CHANGES, ShardChanges
from sqlvec.storage.visibility import LIVE

if TYPE_CHECKING:
    from sqlvec.storage.records import InsertRow
    from sqlvec.storage.serializable import Tracked
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

WriteMark = tuple[int, int, int]  # ranges, end of the last one, deletions
CLAIMS_KEPT_MAX = 10_000  # a statement that must wait keeps as many of the rows it had claimed


@dataclass(slots=True)
class ShardWrites:
    """What a transaction did to one shard: row ranges it inserted, in order, and row ids it
    deleted.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    deleted: list[RowIds] = field(default_factory=list)
    truncated: bool = False  # every row it saw was deleted, and nothing inserted since
    changes: int = 0
    only_row: InsertRow | None = None  # the first row, if it came alone: how the log tells it
    statement: int = 0  # the newest statement that wrote here, and how far things were before it
    before: WriteMark = (0, 0, 0)
    _visible: tuple[RowSet, int, RowSet] | None = None

    def add_range(self, low: int, high: int) -> None:
        self.truncated = False
        self.changes += 1
        if self.ranges and self.ranges[-1][1] == low:
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

    def mark(self) -> WriteMark:
        end = self.ranges[-1][1] if self.ranges else 0
        return len(self.ranges), end, len(self.deleted)

    def cut(self, mark: WriteMark) -> tuple[list[tuple[int, int]], list[RowIds]]:
        """Forget what was done since; returns the ranges and the deletions forgotten."""
        count, end, deleted_count = mark
        ranges, deleted = self.ranges[count:], self.deleted[deleted_count:]
        del self.ranges[count:]
        del self.deleted[deleted_count:]
        if count and self.ranges[-1][1] > end:
            low, high = self.ranges[-1]
            self.ranges[-1] = (low, end)
            ranges.append((end, high))
        self.truncated = False
        self.changes += 1
        return ranges, deleted


@dataclass(frozen=True, slots=True)
class SavepointToken:
    catalog: Catalog
    base_catalog: Catalog
    marks: Mapping[Any, WriteMark]
    fills: int
    locks: LockMark
    shard_changes: ShardChanges


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest committed rows and what a transaction wrote: how constraints look at things."""

    id: int
    snapshot_seqno: int
    writes: Mapping[Any, ShardWrites]
    catalog: Catalog
    shard_changes: ShardChanges


class Past(Newest):
    """The rows of an older snapshot, whatever the transaction wrote itself."""


class Transaction:
    """One transaction. Used by one thread at a time; changes happen under the store's lock."""

    def __init__(self, store: Store, tx_id: int, snapshot_seqno: int, owner: LockOwner) -> None:
        self.id = tx_id
        self.owner = owner
        self.locks = store.locks
        self.snapshot_seqno = snapshot_seqno
        self.past_seqno = LIVE  # the oldest snapshot that it looks at beside its own
        self.read_only = False
        self.in_past = False  # its snapshot is one of the past
        self.waits_for_safety = False  # serializable, read-only and deferrable
        self.tracked: Tracked | None = None  # if it is serializable
        self.rereads = False  # READ COMMITTED: changed rows are followed to their newest versions
        self.base_catalog = store.catalog
        self.catalog = store.catalog
        self.committed = False  # appended to the log; published once durable
        self.closed = False
        self.writes: dict[Shard, ShardWrites] = {}
        self.fills: list[tuple[int, int]] = []
        self.shard_changes = NO_CHANGES
        self._store = store
        self._statement = 1
        self._touched: list[Shard] = []  # by the running statement
        self._before = (self.catalog, self.base_catalog, 0, self.shard_changes)

    @property
    def has_writes(self) -> bool:
        if self.writes or self.fills or self.shard_changes is not NO_CHANGES:
            return True
        return self.catalog is not self.base_catalog

    def refresh(self) -> None:
        """Take a new snapshot, for the next statement of READ COMMITTED."""
        assert not self.closed, "transaction has ended"
        with self._store.lock:
            self.snapshot_seqno = self._store.read_seqno
            if self.tracked is not None:
                self._store.serializable.renew(self.tracked, self.snapshot_seqno)
            self.follow_catalog()

    @property
    def oldest_seqno(self) -> int:
        """The oldest snapshot that it looks at."""
        return min(self.snapshot_seqno, self.past_seqno)

    def keep(self, seqno: int) -> None:
        """Have an older snapshot stay whole until the transaction ends."""
        self.past_seqno = min(self.past_seqno, seqno)

    def follow_catalog(self) -> None:
        """The catalog is always the newest one, with the changes of the transaction."""
        newest = self._store.catalog
        if self.catalog is self.base_catalog:
            self.base_catalog = self.catalog = newest
        elif newest is not self.base_catalog:
            self.catalog = merged(self.base_catalog, self.catalog, newest)
            self.base_catalog = newest

    def changes_relation(self, oid: int) -> bool:
        before, after = self.base_catalog.relations.get(oid), self.catalog.relations.get(oid)
        return before is not after and before != after

    # ------------------------------------------------------------ statements

    def make_serializable(self, wanted: bool) -> None:
        """Or not; before its first statement."""
        serializable = self._store.serializable
        with self._store.lock:
            if not wanted:
                serializable.abort(self.id)
                self.tracked = None
            elif self.tracked is None:
                self.tracked = serializable.begin(self)
            else:
                self.tracked.read_only = self.read_only

    def await_safety(self) -> None:
        """READ ONLY DEFERRABLE: waits for a snapshot that no serializable transaction can spoil, and needs to
        be looked at no more."""
        serializable = self._store.serializable
        with self._store.lock:
            while self.tracked is not None:
                for other in serializable.rivals(self.tracked):
                    await_transaction(self, other.tx_id)
                if serializable.is_safe(self.tracked):
                    self.make_serializable(False)
                    return
                serializable.abort(self.id)
                self.tracked = None
                self.refresh()
                self.tracked = serializable.begin(self)

    def check_serializable(self) -> None:
        """SerializationFailure if it cannot be committed any more."""
        if self.tracked is not None:
            with self._store.lock:
                self._store.serializable.check(self.tracked)

    def horizon(self) -> int:
        """Nobody looks further back than this."""
        return self._store.horizon()

    def begin_statement(self) -> None:
        self._statement += 1
        self._touched = []
        self._before = (self.catalog, self.base_catalog, len(self.fills), self.shard_changes)

    def undo_statement(self) -> None:
        """Undo what the running statement did, because it must wait and be run again. Rows that it claimed
        stay locked, up to a limit."""
        with self._store.lock:
            kept = CLAIMS_KEPT_MAX
            for shard in self._touched:
                deleted = self._undo(shard, self.writes[shard], self.writes[shard].before)
                for row_ids in deleted:
                    lock_in_table(self, shard, row_ids[:kept], RowMode.UPDATE)
                    kept = max(0, kept - len(row_ids))
            catalog, base, fills, self.shard_changes = self._before
            self._undo_catalog(catalog, base, fills)
            self.begin_statement()

    def _undo(self, shard: Shard, writes: ShardWrites, mark: WriteMark) -> list[RowIds]:
        ranges, deleted = writes.cut(mark)
        shard.abort_rows(ranges)
        shard.release(deleted)
        shard.open_rows(self.id, writes)
        return deleted

    def _undo_catalog(self, catalog: Catalog, base: Catalog, fills: int) -> None:
        self._forget_fills(fills)
        if self.catalog is not catalog:
            self.catalog, self.base_catalog = catalog, base
            self._store.restore_columns(self.catalog, self.writes)

    # ------------------------------------------------------------ writing

    def insert(self, shard: Shard, columns: Mapping[int, Any]) -> int:
        """Write rows and return the first of their consecutive row ids.

        A column is a pa.Array of the type's arrow(), or for vector(n) alternatively a VectorBatch
        (or any object with vectors f32[rows, dims] and present bool[rows] | None). Columns not
        given are null. LockWait when an open transaction is writing one of the keys, KeyTaken when a
        row that this one cannot see has it.
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
            if self.tracked is not None:
                self.tracked.note_rows(shard, np.arange(first, first + count), self.catalog)
            return first

    def insert_row(self, shard: Shard, datums: Sequence[Any]) -> int | None:
        """insert() of one row, a datum for each live column of the table; None when it must go through
        insert(). KeyTaken when any row has one of its keys, seen or not."""
        store = self._store
        with store.lock:
            assert not self.closed, "transaction has ended"
            store.check_writable()
            row = shard.insert_row(self, self.catalog.table(shard.table_oid), datums)
            if row is None:
                return None
            writes = self._writes_of(shard)
            if not writes.ranges:
                writes.only_row = row
            first = row.row_id
            writes.add_range(first, first + 1)
            shard.open_rows(self.id, writes)
            if self.tracked is not None:
                self.tracked.note_rows(shard, np.arange(first, first + 1), self.catalog)
            return first

    def delete(self, shard: Shard, row_ids: RowIds) -> None:
        """Mark rows as deleted. The ids are distinct rows that this transaction sees, and that it has
        locked or that nobody else can have."""
        if self.claim(shard, row_ids).stale is not None:
            raise SerializationFailure("could not serialize access due to concurrent update")

    def claim(
        self, shard: Shard, row_ids: RowIds, mode: RowMode = RowMode.UPDATE
    ) -> LockedRows:
        """Mark rows as deleted, but for those that have newer versions: these are locked, and to be claimed
        once the statement has tested them. The ids are distinct rows that this transaction sees.

        LockWait when another transaction has locked one.
        """
        row_ids = np.ascontiguousarray(row_ids, np.int64)
        with self._store.lock:
            assert not self.closed, "transaction has ended"
            self._store.check_writable()
            try:
                locked = newest(self, shard, row_ids, mode, "claim")
            except ConflictAt as conflict:
                if conflict.position:
                    self.claim(shard, row_ids[: conflict.position], mode)
                raise conflict.wait from None
            if locked.stale is None:
                self._hold(shard, row_ids)
                return locked
            self._hold(shard, row_ids[~locked.stale])
            moved = locked.rows[locked.stale]
            lock_in_table(self, shard, moved[moved >= 0], mode)
            return locked

    def _hold(self, shard: Shard, row_ids: RowIds) -> None:
        if len(row_ids):
            writes = self._writes_of(shard)
            if self.tracked is not None:
                self.tracked.note_rows(shard, row_ids, self.catalog)
            writes.add_deleted(shard.hold(self.id, row_ids))
            shard.open_rows(self.id, writes)

    def lock_rows(
        self, shard: Shard, row_ids: RowIds, mode: RowMode, policy: str = "wait"
    ) -> LockedRows:
        """Lock rows, or their newest versions, until the transaction ends. policy: wait, nowait, skip."""
        row_ids = np.ascontiguousarray(row_ids, np.int64)
        with self._store.lock:
            assert not self.closed, "transaction has ended"
            try:
                locked = newest(self, shard, row_ids, mode, policy)
            except ConflictAt as conflict:
                if conflict.position:
                    self.lock_rows(shard, row_ids[: conflict.position], mode, policy)
                raise conflict.wait from None
            lock_in_table(self, shard, locked.rows[locked.rows >= 0], mode)
            return locked

    def replace(
        self, shard: Shard, row_ids: RowIds, successors: RowIds, *, keys_changed: bool = True
    ) -> None:
        """Say which inserted rows took the place of claimed ones of the same shard, so that who waits for
        these finds them; successors MOVED_AWAY for rows that went to another shard."""
        with self._store.lock:
            if len(successors) and successors.item(0) != MOVED_AWAY:
                carry_over(self.locks, shard, row_ids, successors)
                successors = -successors if keys_changed else successors
            shard.claims.replace(row_ids, successors, shard.row_count)

    def newest(self) -> Newest:
        seqno = self._store.read_seqno
        return Newest(self.id, seqno, self.writes, self.catalog, self.shard_changes)

    def truncate(self, table_oid: int) -> None:
        """Delete every row of a table. A shard that then stays empty is dropped as a whole at
        commit.
        """
        with self._store.lock:
            for shard in self._store.shards(table_oid):
                self.delete(shard, shard.visible(self).ids())
                self._writes_of(shard).truncated = True

    def empty(self, shard: Shard) -> None:
        """Rows are to be written into a shard that this transaction has dropped: it stays, without the
        rows that it had.
        """
        if shard.shard_id in self.shard_changes.dropped:
            self.shard_changes = self.shard_changes.keep(shard.shard_id)
            self.delete(shard, shard.visible(self).ids())

    def set_fill(self, table_oid: int, attnum: int, value: pa.Array) -> None:
        """Record the value (an array of one) that older rows have in an added column."""
        with self._store.lock:
            self._store.put_fill(table_oid, attnum, value)
            self.fills.append((table_oid, attnum))

    def savepoint(self) -> SavepointToken:
        marks = {shard: writes.mark() for shard, writes in self.writes.items()}
        locks = self.locks.mark(self.owner)
        return SavepointToken(
            self.catalog, self.base_catalog, marks, len(self.fills), locks, self.shard_changes
        )

    def rollback_to(self, token: SavepointToken) -> None:
        """Undo what was done since, and give back the locks; the savepoint stays."""
        with self._store.lock:
            for shard, writes in self.writes.items():
                self._undo(shard, writes, token.marks.get(shard, (0, 0, 0)))
            self._undo_catalog(token.catalog, token.base_catalog, token.fills)
            self.shard_changes = token.shard_changes
            self.locks.release_after(self.owner, token.locks)
            self.begin_statement()

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
            if shard.retired:  # for one that had not locked the table
                raise SerializationFailure("could not serialize access due to concurrent update")
            writes = self.writes[shard] = ShardWrites()
        if writes.statement != self._statement:
            writes.statement = self._statement
            writes.before = writes.mark()
            self._touched.append(shard)
        return writes
