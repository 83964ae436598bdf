"""Claims: which open transaction is about to end a row, and which row took a row's place.

Two arrays by row id, empty until the shard is changed for the first time and not kept on disk, since no
transaction outlives the process:

    holders     the transaction that has deleted or replaced the row and is not published yet; 0 for none
    successors  the version that replaced the row; negative when a key changed with it; 0 for none

A claim is the row lock of a writer: NO KEY UPDATE when the keys stay, else UPDATE. Locks of other kinds, and
claims that somebody waits for, are in the lock table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.errors import LockNotAvailable, SerializationFailure
from sqlvec.storage.growing import Mask, RowIds, grown
from sqlvec.storage.locks import ROW_CONFLICTS, LockTable, Mode, RowMode, Tag
from sqlvec.storage.visibility import LIVE

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.transaction import Transaction

GONE = -1  # the row was deleted, or is locked and was to be skipped
MOVED_AWAY = -(2**62)  # successor of a row that went to another shard
_ROWS_FEW = 4


class RowClaims:
    """The two arrays of one shard."""

    def __init__(self) -> None:
        self.holders = np.zeros(0, np.int64)
        self.successors = np.zeros(0, np.int64)

    def holder(self, row_id: int) -> int:
        return self.holders.item(row_id) if row_id < len(self.holders) else 0

    def successor(self, row_id: int) -> int:
        return self.successors.item(row_id) if row_id < len(self.successors) else 0

    def hold(self, tx_id: int, row_ids: RowIds, row_count: int) -> RowIds:
        """Claim rows; returns those not already claimed by the same transaction."""
        if row_count > len(self.holders):
            self.holders = grown(self.holders, len(self.holders), row_count)
        if len(row_ids) == 1:
            row = row_ids.item(0)
            if self.holders.item(row) == tx_id:
                return row_ids[:0]
            self.holders[row] = tx_id
            if row < len(self.successors):
                self.successors[row] = 0
            return row_ids
        new: RowIds = row_ids[self.holders[row_ids] == 0]
        self.holders[new] = tx_id
        self.successors[new[new < len(self.successors)]] = 0
        return new

    def release(self, row_ids: RowIds) -> None:
        """The claims are over; for rows that did not end the successors are void too."""
        self.holders[row_ids] = 0

    def renumbered(self, numbers: RowIds) -> RowClaims:
        """The successors of a shard that was written anew; numbers: of its rows, -1 for one that has none.
        Nobody holds a row."""
        claims, rows = RowClaims(), np.flatnonzero(self.successors).astype(np.int64)
        rows = rows[numbers[rows] >= 0]
        kept = self.successors[rows]
        stays = kept != MOVED_AWAY
        followers = np.abs(kept[stays])
        kept[stays] = np.sign(kept[stays]) * np.maximum(numbers[followers], 0)
        if len(rows):
            claims.replace(numbers[rows], kept, int(numbers.max()) + 1)
        return claims

    def replace(self, row_ids: RowIds, successors: RowIds, row_count: int) -> None:
        if row_count > len(self.successors):
            self.successors = grown(self.successors, len(self.successors), row_count)
        if len(row_ids) == 1:
            self.successors[row_ids.item(0)] = successors.item(0)
        else:
            self.successors[row_ids] = successors


@dataclass(frozen=True, slots=True)
class LockedRows:
    """rows: i64[n], the newest version of each row asked for, or GONE. stale: bool[n], where that is not
    the version asked for, so that its predicate must be tested anew; None when that is nowhere."""

    rows: RowIds
    stale: Mask | None = None


class ConflictAt(Exception):
    """Within this package: the row at `position` must be waited for."""

    def __init__(self, position: int, wait: Exception) -> None:
        super().__init__()
        self.position = position
        self.wait = wait


def newest(
    tx: Transaction, shard: Shard, row_ids: RowIds, mode: RowMode, policy: str
) -> LockedRows:
    """The newest versions of rows that the transaction sees, free for it to lock in the mode.

    policy: wait (LockWait when one is locked), nowait (then LockNotAvailable), skip (then the row is GONE);
    claim is wait for who will write the rows.
    SerializationFailure when one was changed after the snapshot of a transaction that keeps its snapshot.
    """
    busy = _disputed(tx, shard, row_ids)
    if not busy:
        return LockedRows(row_ids)
    rows = row_ids.copy()
    for position in busy:
        row = row_ids.item(position)
        try:
            rows[position] = _follow(tx, shard, row, mode, policy)
        except LockNotAvailable as wait:
            raise ConflictAt(position, wait) from None
    stale = rows != row_ids
    return LockedRows(rows, stale if stale.any() else None)


def _disputed(tx: Transaction, shard: Shard, row_ids: RowIds) -> list[int]:
    """Positions of rows that have ended, are claimed, or have an entry in the lock table."""
    claims, ends = shard.claims, shard.times.ends
    locked = tx.locks.rows.get(shard.shard_id)
    if len(row_ids) <= _ROWS_FEW:
        return [
            position
            for position, row in enumerate(row_ids.tolist())
            if claims.holder(row) or ends.item(row) != LIVE or (locked and row in locked)
        ]
    busy = ends[row_ids] != LIVE
    known = row_ids < len(claims.holders)
    busy[known] |= claims.holders[row_ids[known]] != 0
    if locked:
        busy |= np.isin(row_ids, np.fromiter(locked, np.int64, len(locked)))
    return np.flatnonzero(busy).tolist()


def _follow(tx: Transaction, shard: Shard, row: int, mode: RowMode, policy: str) -> int:
    claims = shard.claims
    while shard.times.ends.item(row) != LIVE:
        successor = claims.successor(row)
        if not tx.rereads:
            what = "delete" if policy == "claim" and not successor else "update"
            raise SerializationFailure(f"could not serialize access due to concurrent {what}")
        if successor == MOVED_AWAY:
            raise SerializationFailure(
                "tuple to be locked was already moved to another partition due to concurrent update"
            )
        if not successor:
            return GONE
        row = abs(successor)
    return row if _is_free(tx, shard, row, mode, policy) else GONE


def _is_free(tx: Transaction, shard: Shard, row: int, mode: RowMode, policy: str) -> bool:
    """Whether the row, which has not ended, is there to be locked."""
    locks, tag = tx.locks, ("row", shard.shard_id, row)
    holder = shard.claims.holder(row)
    if holder == tx.id:
        return False
    if holder:
        held = RowMode.NO_KEY_UPDATE if shard.claims.successor(row) > 0 else RowMode.UPDATE
        if ROW_CONFLICTS[mode] >> held & 1:
            locks.grant(locks.owners[holder], tag, held)
    if tag not in locks.locks or locks.acquire(tx.owner, tag, mode, wait=policy in ("wait", "claim")):
        return True
    if policy == "nowait":
        raise LockNotAvailable("could not obtain lock on row")
    return False


def lock_in_table(tx: Transaction, shard: Shard, rows: RowIds, mode: RowMode) -> None:
    """Enters locks of rows that are free, and of what an open transaction is replacing them by."""
    locks, claims = tx.locks, shard.claims
    for row in rows.tolist():
        locks.grant(tx.owner, ("row", shard.shard_id, row), mode)
        while claims.holder(row) and (row := abs(claims.successor(row))):
            locks.grant(tx.owner, ("row", shard.shard_id, row), mode)


def carry_over(locks: LockTable, shard: Shard, rows: RowIds, successors: RowIds) -> None:
    """Locks that others have on the replaced rows hold for those that replace them."""
    locked = locks.rows.get(shard.shard_id)
    if not locked:
        return
    for row, successor in zip(rows.tolist(), successors.tolist(), strict=True):
        lock = locks.locks.get(("row", shard.shard_id, row)) if row in locked else None
        for owner, mask in list(lock.granted.items()) if lock is not None else ():
            for mode in RowMode:
                if mask >> mode & 1:
                    locks.grant(owner, ("row", shard.shard_id, successor), mode)


def await_transaction(tx: Transaction, other: int) -> None:
    """LockWait until another transaction has ended, of which a key depends."""
    tag: Tag = ("transaction", other)
    tx.locks.grant(tx.locks.owners[other], tag, Mode.EXCLUSIVE)
    tx.locks.acquire(tx.owner, tag, Mode.SHARE)
