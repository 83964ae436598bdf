"""UPDATE, DELETE and MERGE of a table together with those that inherit from it: a row is found and changed as one of
the table, and written as one of its own table, with the columns and constraints that this has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Table
from sqlvec.exec.changes import Change, is_watched
from sqlvec.exec.heirs import places_in, seen_from
from sqlvec.exec.row_rules import row_rules
from sqlvec.exec.row_versions import replace_rows
from sqlvec.exec.write import Rows, Writer, Written
from sqlvec.sql.keys import unique_keys

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Old = list[tuple["Shard", np.ndarray]]


class _OneHeir(Writer):
    """Of the rows of an heir, which are shown as those of the table that the statement names."""

    __slots__ = ("seen_as",)
    seen_as: Writer

    def failing_row(self, rows: Rows, i: int) -> str:
        table = self.seen_as.table
        places = places_in(self.table.oid, table.oid, self.context.catalog)
        some = [rows[self.place_of(places[column.attnum])] for column in table.live_columns]
        return Writer.failing_row(self.seen_as, some, i)


class HeirWriter(Writer):
    """Of the table; rows that it inserts are the table's own."""

    __slots__ = ("_heirs", "_writers")

    def __post_init__(self) -> None:
        Writer.__post_init__(self)
        catalog = self.context.catalog
        self._heirs = catalog.heirs(self.table.oid)
        self._writers: dict[int, Writer] = {}
        self.watched = any(is_watched(heir, catalog) for heir in self._heirs)

    def _of(self, heir: Table) -> Writer:
        """The Writer for rows of one of the tables."""
        made = self._writers.get(heir.oid)
        if made is None:
            rules = row_rules(self.context, heir, self.relation_id)
            if heir.oid == self.table.oid:
                made = Writer(heir, self.context, self.relation_id, self.checks, rules.generated)
            else:
                made = _OneHeir(heir, self.context, self.relation_id, rules.checks, rules.generated)
                made.seen_as = self
            self._writers[heir.oid] = made
        return made

    def read(self, shard: Shard, ids: np.ndarray) -> Rows:
        return Writer.read(self, seen_from(self.table.oid, shard, self.context.catalog), ids)

    def changes_key(self, assigned: set[int]) -> bool:
        return any(
            self._moved(assigned, heir.oid) & set(key)
            for heir in self._heirs
            for key in unique_keys(heir, self.context.catalog)
        )

    def note(self, change: Change) -> None:
        place = change.old or change.new
        assert place is not None
        Writer.note(self, Change(place[0].table_oid, change.old, change.new))

    def replace_versions(self, old: Old, rows: Rows, assigned: set[int]) -> list[Written]:
        start = 0
        written: list[Written] = []
        groups: dict[int, tuple[Old, list[int]]] = {}
        for shard, ids in old:
            mine, positions = groups.setdefault(shard.table_oid, ([], []))
            mine.append((shard, ids))
            positions += range(start, start + len(ids))
            start += len(ids)
        for oid, (mine, positions) in groups.items():
            some = [[column[i] for i in positions] for column in rows]
            writer = self._of(self.context.catalog.table(oid))
            if oid != self.table.oid:
                some = self._as_own(writer, mine, some, assigned)
            for part in replace_rows(writer, mine, some, self._moved(assigned, oid)):
                places = np.array(positions, np.int64)[part.positions]
                written.append(Written(part.shard, part.first_row_id, places))
        return written

    def _as_own(self, writer: Writer, old: Old, rows: Rows, assigned: set[int]) -> Rows:
        """New rows of an heir: as they were, with the assigned columns of the given rows."""
        for check in self.checks:
            if check.of_view:
                self.verify_check(check, rows)
        own: Rows = [[] for _ in writer.columns]
        for shard, ids in old:
            for column, values in zip(own, writer.read(shard, ids), strict=True):
                column += values
        places = places_in(writer.table.oid, self.table.oid, self.context.catalog)
        for attnum in assigned:
            own[writer.place_of(places[attnum])] = rows[self.place_of(attnum)]
        return own

    def _moved(self, attnums: set[int], oid: int) -> set[int]:
        places = places_in(oid, self.table.oid, self.context.catalog)
        return {places[attnum] for attnum in attnums}


def replace_versions(writer: Writer, old: Old, rows: Rows, assigned: set[int]) -> list[Written]:
    """replace_rows of a Writer of any kind."""
    if isinstance(writer, HeirWriter):
        return writer.replace_versions(old, rows, assigned)
    return replace_rows(writer, old, rows, assigned)
