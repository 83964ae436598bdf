"""ON CONFLICT over a unique index of expressions, or of part of the rows.

Such an index has no run of keys to look in (see late_keys): the keys of all rows of the statement are locked,
then looked for once; what the statement itself writes is noted as it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Index
from sqlvec.errors import FeatureNotSupported, InvalidColumnReference
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.late_keys import RELATION_ID, Key, keys_of, lock, others
from sqlvec.exec.row_rules import index_rules
from sqlvec.exec.write import Rows, Writer
from sqlvec.sql import bound
from sqlvec.sql.arbiters import NO_ARBITER
from sqlvec.sql.keys import is_late

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Place = tuple["Shard", int]


def late_arbiters(writer: Writer, on_conflict: bound.OnConflict) -> list[LateArbiter]:
    """Of the statement: those it names, or all of the table."""
    if not writer.watched:
        return []
    oids, any_will_do = _meant(on_conflict, writer.context), on_conflict.is_for_any
    indexes = writer.context.catalog.indexes(writer.table.oid)
    chosen = [i for i in indexes if is_late(i) and (any_will_do or i.oid in oids)]
    if chosen and writer.table.partitioning is not None:
        raise FeatureNotSupported(
            "unique indexes over expressions or part of the rows of a partitioned table are no arbiters of "
            "ON CONFLICT"
        )
    return [LateArbiter(writer, index) for index in chosen]


def _meant(on_conflict: bound.OnConflict, context: Context) -> list[int]:
    """Of the indexes that are named by parameters, those whose predicates these values have."""
    found = [
        index.oid
        for index in on_conflict.indexes
        if all(constant(given, context) == wanted.value for given, wanted in index.given)
    ]
    if on_conflict.indexes and not found and not on_conflict.attnums:
        raise InvalidColumnReference(NO_ARBITER)
    return found


class LateArbiter:
    def __init__(self, writer: Writer, index: Index) -> None:
        context, table = writer.context, writer.table
        self._index = index
        self._writer = Writer(table, context, RELATION_ID)
        self._rules = index_rules(context, table, index, RELATION_ID)
        self._across = table.is_unique_across([part.attnum for part in index.columns])
        self._owners: dict[tuple[Shard | None, Key], Place] = {}

    def look(self, rows: Rows, shards: list[Shard]) -> None:
        """Finds the rows that have the keys of these, and keeps others from writing such."""
        keys = keys_of(self._writer, rows, self._rules, self._index)
        wanted: dict[Shard, list[Key]] = {}
        for shard, key in zip(shards, keys, strict=True):
            if key is not None:
                wanted.setdefault(shard, []).append(key)
        context, table = self._writer.context, self._writer.table
        lock(context, self._index, [key for found in wanted.values() for key in found])
        if self._across and wanted:
            everything = [key for found in wanted.values() for key in found]
            wanted = dict.fromkeys(context.store.shards(table.oid), everything)
        for shard, found in wanted.items():
            looked_for = set(found)
            for row_id, key in others(self._writer, shard, self._rules, self._index, found):
                if key in looked_for:
                    self._owners[self._scope(shard), key] = shard, row_id

    def find(self, row: tuple[Datum, ...], shard: Shard) -> Place | None:
        """The row that has the key of this one."""
        key = self._key(row)
        return None if key is None else self._owners.get((self._scope(shard), key))

    def note(self, row: tuple[Datum, ...], place: Place, before: Place | None = None) -> None:
        """The row is written there; `before` is no more."""
        for key in [key for key, owner in self._owners.items() if owner == before]:
            del self._owners[key]
        found = self._key(row)
        if found is not None:
            self._owners.setdefault((self._scope(place[0]), found), place)

    def _key(self, row: tuple[Datum, ...]) -> Key | None:
        return keys_of(self._writer, [[value] for value in row], self._rules, self._index)[0]

    def _scope(self, shard: Shard) -> Shard | None:
        return None if self._across else shard
