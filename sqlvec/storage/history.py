"""History: at what time each commit was, and from which one on snapshots are whole.

A commit gets its time when it is appended: the clock's, but a later one than any commit before has, so that
times order commits as seqnos do, whatever the clock does. The first entry says what was there when history
begins; each further one, that from `time` on the database was as of `seqno`. Entries are kept as long as
their time is within the retention, the newest older one included, for it holds at the border.

A checkpoint writes them to a block file with the blocks seqnos and times, i64 both, which the manifest names; the
log has those after it.

Beyond ENTRIES_MAX every second of the older half goes: a time between two entries means the earlier.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.errors import (
    DataCorrupted,
    FeatureNotSupported,
    InvalidParameterValue,
    SnapshotTooOld,
    UndefinedTable,
)
from sqlvec.storage.blocks import BlockFile, FileKind, write_blocks
from sqlvec.storage.growing import RowIds
from sqlvec.storage.part import vector_dims
from sqlvec.storage.vfs import Vfs
from sqlvec.types.calendar import render_timestamp

ENTRIES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class TableChanges:
    """Seqnos: the table is there from `created` on, its columns have their types from `retyped` on; 0: before
    history began."""

    created: int = 0
    retyped: int = 0


class History:
    """Changed under the store's lock. retention_us 0: no times are kept, and no row versions for them."""

    def __init__(self, retention_us: int) -> None:
        self.retention_us = retention_us
        self.start = 0  # snapshots before this seqno may have lost rows
        self.last_us = 0
        self.changes: dict[int, TableChanges] = {}  # by table oid, since history began
        self._seqnos = array("q")
        self._times = array("q")

    def next_time(self, clock_us: int) -> int:
        """The time of the commit that is appended now."""
        self.last_us = max(self.last_us + 1, clock_us)
        return self.last_us

    def close(self, time_us: int) -> None:
        """Have every later commit a later time."""
        self.last_us = max(self.last_us, time_us)

    def record(self, seqno: int, time_us: int) -> None:
        self.last_us = max(self.last_us, time_us)
        if not self.retention_us or seqno < self.start:
            return
        assert not self._seqnos or seqno > self._seqnos[-1], (seqno, self._seqnos[-1])
        self._seqnos.append(seqno)
        self._times.append(time_us)
        if len(self._seqnos) > ENTRIES_MAX:
            del self._seqnos[1 : ENTRIES_MAX // 2 : 2]
            del self._times[1 : ENTRIES_MAX // 2 : 2]

    def begin(self, seqno: int, clock_us: int) -> None:
        """Have it begin with what is there now, if it has not begun."""
        if self.retention_us and not self._seqnos:
            self.start = max(self.start, seqno)
            self.record(seqno, self.next_time(clock_us))

    def first_seqno(self, clock_us: int) -> int | None:
        """The oldest snapshot that may be asked for; None when none but the newest may."""
        self._cut(clock_us)
        return self._seqnos[0] if self._seqnos else None

    def check_time(self, time_us: int, now_us: int) -> None:
        """SnapshotTooOld before history begins, InvalidParameterValue after now."""
        if not self.retention_us:
            raise SnapshotTooOld(
                "snapshot too old",
                detail="No history is kept: sqlvec.retention is 0.",
                hint="Start the server with --retention, for example --retention 1h.",
            )
        self._cut(now_us)
        border = max(self._times[0], now_us - self.retention_us)
        if time_us < border:
            raise SnapshotTooOld(
                "snapshot too old",
                detail=f"History begins at {render_timestamp(border, '+00')}.",
                hint="Start the server with a larger --retention to keep more.",
            )
        if time_us > now_us:
            shown = render_timestamp(time_us, "+00")
            raise InvalidParameterValue(f'time "{shown}" is in the future')

    def seqno_at(self, time_us: int) -> int:
        """The newest commit that was not later than a time that check_time() allows."""
        return self._seqnos[bisect_right(self._times, time_us) - 1]

    def _cut(self, clock_us: int) -> None:
        if self._times and self._times[-1] != self._times[0]:
            border = max(clock_us, self.last_us) - self.retention_us
            first = bisect_right(self._times, border) - 1
            if first > 0:
                del self._seqnos[:first]
                del self._times[:first]

    # ------------------------------------------------------------ tables

    def note_catalog(self, seqno: int, old: Catalog, new: Catalog) -> None:
        """A commit put the new catalog in the place of the old."""
        if old.relations is new.relations:
            return
        for oid, table in new.relations.items():
            before = old.relations.get(oid)
            if before is table or not isinstance(table, Table):
                continue
            if not isinstance(before, Table):
                self.changes[oid] = TableChanges(created=seqno)
            elif _is_retyped(before, table):
                self.changes[oid] = TableChanges(self._changes_of(oid).created, seqno)

    def check_table(self, table: Table, seqno: int) -> None:
        """Whether the table's rows at that snapshot can be read with the columns it has now."""
        changes = self.changes.get(table.oid)
        if changes is None:
            return
        if seqno < changes.created:
            raise UndefinedTable(f'relation "{table.name}" did not exist at that time')
        if seqno < changes.retyped:
            raise FeatureNotSupported(
                f'columns of relation "{table.name}" had other types at that time',
                hint="Ask for a time after ALTER TABLE.",
            )

    def _changes_of(self, oid: int) -> TableChanges:
        return self.changes.get(oid, TableChanges())

    # ------------------------------------------------------------ files

    def saved(self, upto: int) -> tuple[RowIds, RowIds]:
        """(seqnos, times) of the commits up to a seqno, as copies."""
        count = bisect_right(self._seqnos, upto)
        seqnos, times = (np.array(a[:count], np.int64) for a in (self._seqnos, self._times))
        return seqnos, times

    def saved_changes(self, catalog: Catalog) -> dict[int, TableChanges]:
        """What is to be known of the tables there are."""
        border = self._seqnos[0] if self._seqnos else self.start
        self.changes = {
            oid: changes
            for oid, changes in self.changes.items()
            if oid in catalog.relations and max(changes.created, changes.retyped) > border
        }
        return dict(self.changes)

    def load(
        self, vfs: Vfs, name: str, start: int, changes: Mapping[int, TableChanges]
    ) -> None:
        """Take over what a checkpoint saved; entries of the log follow. Whatever `start` says was reclaimed is
        not history any more, even if the clock has gone back since."""
        self.start, self.changes = start, dict(changes)
        if not name:
            return
        seqnos, times = read_times(vfs, name)
        self.last_us = int(times[-1]) if len(times) else 0
        for seqno, time_us in zip(seqnos.tolist(), times.tolist(), strict=True):
            self.record(seqno, time_us)


def write_times(vfs: Vfs, name: str, seqnos: RowIds, times: RowIds) -> None:
    write_blocks(vfs, name, FileKind.TIMES, {"seqnos": seqnos, "times": times})


def read_times(vfs: Vfs, name: str) -> tuple[RowIds, RowIds]:
    if not vfs.exists(name):
        raise DataCorrupted(f'file "{name}" is missing')
    file = BlockFile(vfs, name, FileKind.TIMES)
    return file.array("seqnos"), file.array("times")


def _is_retyped(before: Table, after: Table) -> bool:
    """Whether values that were written before are not read as values of the column now."""
    for old, new in zip(before.columns, after.columns, strict=False):
        if old.dropped or new.dropped or old.type.stored == new.type.stored:
            continue
        forms = [t.definition.arrow(t.typmod) for t in (old.type, new.type)]
        if forms[0] != forms[1] or vector_dims(old.type) != vector_dims(new.type):
            return True
    return False
