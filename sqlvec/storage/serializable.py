"""SERIALIZABLE: serializable snapshot isolation (Cahill, Röhm, Fekete 2008; PostgreSQL's predicate.c).

Under snapshot isolation a history can only fail to be serializable if it holds three transactions

    T0 --rw--> T1 --rw--> T2     (a --rw--> b: a read what b wrote over, and did not see it; both at once)

of which T2 commits first; T0 and T2 may be one. So each serializable transaction notes what it reads and what it
writes, and is refused if it would complete such a structure: as T1, the pivot, or as T0 of a T1 that has
committed. It is looked at after each of its statements and, for certain, when it is appended to the log, under the
store's lock. A T0 that writes nothing is harmless unless T2 had committed before its snapshot (Ports, Grittner 2012).

What is read and written is noted by table: the keys, where rows were found by a unique key, else the whole table.
So there are refusals that were not necessary, but none between transactions that touch different rows by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlvec.catalog.objects import Catalog
from sqlvec.errors import SerializationFailure
from sqlvec.storage.key_search import key_definitions

if TYPE_CHECKING:
    from sqlvec.storage.growing import RowIds
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.transaction import Transaction

Key = tuple[tuple[int, ...], tuple[Any, ...]]  # attnums and values
KEYS_MAX = 256  # written in one piece; more of them count as the whole table
WHOLE = None


class Footprint:
    """What was read, or written: by table oid its keys, or WHOLE."""

    def __init__(self) -> None:
        self.tables: dict[int, set[Key] | None] = {}

    def add_whole(self, oid: int) -> None:
        self.tables[oid] = WHOLE

    def add(self, oid: int, keys: Iterable[Key]) -> None:
        found = self.tables.setdefault(oid, set())
        if found is not WHOLE:
            found.update(keys)

    def meets(self, other: Footprint) -> bool:
        for oid, mine in self.tables.items():
            if oid in other.tables:
                theirs = other.tables[oid]
                if mine is WHOLE or theirs is WHOLE or not mine.isdisjoint(theirs):
                    return True
        return False


@dataclass(slots=True, eq=False)
class Tracked:
    """One serializable transaction. seqno and committed_at are 0 while it is open; out_seqno is that of the
    first to commit of those that wrote over what it had read, when it committed."""

    tx_id: int
    began_at: int
    snapshot: int
    read_only: bool = False
    reads: Footprint = field(default_factory=Footprint)
    writes: Footprint = field(default_factory=Footprint)
    seqno: int = 0
    committed_at: int = 0
    out_seqno: int = 0

    def note_key(self, oid: int, attnums: tuple[int, ...], values: Iterable[Any], catalog: Catalog) -> None:
        """A row was asked for by a key; what is no unique key counts as the whole table."""
        if any(d.attnums == attnums for d in key_definitions(catalog.table(oid), catalog)):
            self.reads.add(oid, [(attnums, tuple(map(_comparable, values)))])
        else:
            self.reads.add_whole(oid)

    def note_rows(self, shard: Shard, row_ids: RowIds, catalog: Catalog) -> None:
        """Rows are inserted or deleted."""
        oid = shard.table_oid
        definitions = key_definitions(catalog.table(oid), catalog)
        if len(row_ids) > KEYS_MAX or not definitions:
            self.writes.add_whole(oid)
            return
        for definition in definitions:
            columns = [shard.gather(attnum, row_ids) for attnum in definition.attnums]
            self.writes.add(
                oid,
                [(definition.attnums, tuple(map(_comparable, row))) for row in zip(*columns, strict=True)],
            )


class SerializableTransactions:
    """The open ones, and those committed that were open together with one that still is."""

    def __init__(self) -> None:
        self.open: dict[int, Tracked] = {}
        self.committed: list[Tracked] = []
        self._time = 0

    def begin(self, tx: Transaction) -> Tracked:
        self._time += 1
        found = self.open[tx.id] = Tracked(tx.id, self._time, tx.snapshot_seqno, tx.read_only)
        return found

    def renew(self, one: Tracked, snapshot: int) -> None:
        """It has taken its snapshot: it is together with those that are open from now on."""
        self._time += 1
        one.began_at, one.snapshot = self._time, snapshot

    def check(self, one: Tracked) -> None:
        """SerializationFailure if it completes a dangerous structure with what is known now."""
        after = [c for c in self.committed if c.seqno > one.snapshot and one.reads.meets(c.writes)]
        if not after:
            return
        writes = bool(one.writes.tables)
        for other in after:
            if other.out_seqno and (writes or other.out_seqno <= one.snapshot):
                raise _refused("Canceled on conflict out to pivot, during conflict out checking.")
        first = min(after, key=lambda c: c.seqno)
        if writes and any(self._closes(before, first) for before in self._before(one)):
            raise _refused("Canceled on identification as a pivot, during commit attempt.")

    def _before(self, one: Tracked) -> Iterator[Tracked]:
        """Those that have read what it writes over."""
        for other in self.open.values():
            if other is not one and other.reads.meets(one.writes):
                yield other
        for other in self.committed:
            together = other.committed_at > one.began_at or other.seqno > one.snapshot
            if together and other.reads.meets(one.writes):
                yield other

    def _closes(self, before: Tracked, first: Tracked) -> bool:
        """Whether `first` was the first of the three to commit, and `before` can tell."""
        if before.committed_at and before is not first and before.committed_at < first.committed_at:
            return False
        writes_nothing = before.read_only or (before.committed_at and not before.writes.tables)
        return not writes_nothing or first.seqno <= before.snapshot

    def rivals(self, one: Tracked) -> list[Tracked]:
        """Open transactions that may yet make its snapshot unsafe: those older than it that may write."""
        return [
            other
            for other in self.open.values()
            if other is not one and not other.read_only and other.began_at < one.began_at
        ]

    def is_safe(self, one: Tracked) -> bool:
        """Of a read-only transaction without rivals: whether it may read anything and be a T0 of nobody."""
        together = [c for c in self.committed if c.committed_at > one.began_at]
        return not any(0 < c.out_seqno <= one.snapshot for c in together)

    def commit(self, one: Tracked, seqno: int) -> None:
        """After check(), in the order of commits."""
        after = [
            c.seqno for c in self.committed if c.seqno > one.snapshot and one.reads.meets(c.writes)
        ]
        self._time += 1
        one.seqno, one.committed_at, one.out_seqno = seqno, self._time, min(after, default=0)
        del self.open[one.tx_id]
        self.committed.append(one)
        self._forget()

    def abort(self, tx_id: int) -> None:
        if self.open.pop(tx_id, None) is not None:
            self._forget()

    def _forget(self) -> None:
        """Drops those that no open transaction was open together with."""
        if not self.open:
            self.committed.clear()
            return
        began = min(one.began_at for one in self.open.values())
        snapshot = min(one.snapshot for one in self.open.values())
        self.committed = [
            c for c in self.committed if c.committed_at > began or c.seqno > snapshot
        ]


def _refused(reason: str) -> SerializationFailure:
    return SerializationFailure(
        "could not serialize access due to read/write dependencies among transactions",
        detail=f"Reason code: {reason}",
        hint="The transaction might succeed if retried.",
    )


def _comparable(value: Any) -> Any:
    """Equal for values that a unique index finds equal; it does no harm if it is for others too."""
    if isinstance(value, str):
        return value.rstrip(" ")
    if isinstance(value, (list, tuple)):
        return tuple(_comparable(item) for item in value)
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return "NaN" if value != value else value
