"""Writing rows of partitioned tables: each row goes to a partition, whose own Writer checks and stores it.

Partitions have their columns at the places at which the table has them, so that a row is the same list of values in
all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sqlvec.catalog.objects import Table
from sqlvec.catalog.partition_router import router
from sqlvec.errors import CheckViolation
from sqlvec.exec.changes import Change
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.heir_writer import HeirWriter
from sqlvec.exec.row_rules import row_rules
from sqlvec.exec.write import Rows, TableRules, Writer, Written, shown
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Place = TypeVar("Place")


def writer_of(
    table: Table,
    context: Context,
    relation_id: int,
    checks: Sequence[bound.Check] = (),
    generated: Sequence[bound.Assignment] = (),
    rules: TableRules | None = None,
    *,
    heirs: bool = False,
) -> Writer:
    """A Writer for a table of any kind; with its heirs, for those too."""
    made = Writer
    if heirs:
        made = HeirWriter
    elif table.partitioning is not None:
        made = PartitionWriter
    elif table.bound is not None:
        made = BoundWriter
    return made(table, context, relation_id, checks, generated, rules)


def placed(table: Table, columns: Sequence[Sequence[Datum]], context: Context) -> list[int]:
    """The oid of the partition, without partitions itself, that takes each row; columns: by attnum - 1, those
    that no partition is chosen by may be empty. 23514 for a row that none takes."""
    assert table.partitioning is not None
    catalog = context.catalog
    routing, attnums = router(catalog, table), table.partitioning.attnums
    keys = list(zip(*(columns[attnum - 1] for attnum in attnums), strict=True))
    found: list[int] = []
    deeper: dict[int, list[int]] = {}
    known: dict[tuple[Datum, ...], Table] = {}
    for i, key in enumerate(keys):
        partition = known.get(key) or routing.partition_of(key)
        if partition is None:
            names = ", ".join(table.column_by_attnum(attnum).name for attnum in attnums)
            values = ", ".join(shown(t, value) for t, value in zip(routing.types, key, strict=True))
            raise CheckViolation(
                f'no partition of relation "{table.name}" found for row',
                detail=f"Partition key of the failing row contains ({names}) = ({values}).",
                schema=catalog.schemas[table.schema_oid].name,
                table=table.name,
            )
        known[key] = partition
        found.append(partition.oid)
        if partition.partitioning is not None:
            deeper.setdefault(partition.oid, []).append(i)
    for oid, places in deeper.items():
        some = [[column[i] for i in places] if column else [] for column in columns]
        for i, leaf in zip(places, placed(catalog.table(oid), some, context), strict=True):
            found[i] = leaf
    return found


def by_attnum(writer: Writer, rows: Rows) -> list[list[Datum]]:
    """The columns at attnum - 1; dropped ones are empty."""
    columns: list[list[Datum]] = [[] for _ in writer.table.columns]
    for column, values in zip(writer.columns, rows, strict=True):
        columns[column.attnum - 1] = values
    return columns


def outside(table: Table, columns: Sequence[Sequence[Datum]], context: Context) -> int | None:
    """The first of the rows that the partition, or one that it is in, does not take."""
    catalog = context.catalog
    while table.parent_oid:
        parent = catalog.table(table.parent_oid)
        routing = router(catalog, parent)
        keys = zip(*(columns[attnum - 1] for attnum in routing.attnums), strict=True)
        for i, key in enumerate(keys):
            partition = routing.partition_of(key)
            if partition is None or partition.oid != table.oid:
                return i
        table = parent
    return None


def _verify_bound(writer: Writer, rows: Rows) -> None:
    """Of a partition that a statement names."""
    i = outside(writer.table, by_attnum(writer, rows), writer.context)
    if i is not None:
        raise CheckViolation(
            f'new row for relation "{writer.table.name}" violates partition constraint',
            detail=writer.failing_row(rows, i),
            schema=writer.schema_name(),
            table=writer.table.name,
        )


class BoundWriter(Writer):
    """Of a partition that a statement names."""

    def verify(self, rows: Rows) -> None:
        Writer.verify(self, rows)
        _verify_bound(self, rows)


class PartitionWriter(Writer):
    """Of a partitioned table: a Writer for each partition that rows go to."""

    __slots__ = ("_leaves",)

    def __post_init__(self) -> None:
        Writer.__post_init__(self)
        self._leaves: dict[int, Writer] = {}
        leaves = self.context.catalog.leaves(self.table)
        keys = [key for leaf in leaves for key in self._leaf(leaf).keys]
        self.keys = list(dict.fromkeys([*self.keys, *keys]))
        self.watched = any(writer.watched for writer in self._leaves.values())

    def _leaf(self, table: Table) -> Writer:
        found = self._leaves.get(table.oid)
        if found is None:
            rules = row_rules(self.context, table, self.relation_id)
            found = Writer(table, self.context, self.relation_id, rules.checks)
            self._leaves[table.oid] = found
        return found

    def writer_at(self, shard: Shard) -> Writer:
        return self._leaf(self.context.catalog.table(shard.table_oid))

    def _placed(self, rows: Rows) -> list[int]:
        return placed(self.table, by_attnum(self, rows), self.context)

    def verify(self, rows: Rows) -> None:
        _verify_bound(self, rows)
        for oid, _, some in _grouped(self._placed(rows), rows):
            self._leaf(self.context.catalog.table(oid)).verify(some)
        for check in self.checks:
            if check.of_view:
                self.verify_check(check, rows)

    def shards_of(self, rows: Rows) -> list[Shard]:
        oids = self._placed(rows)
        found = {oid: self.context.store.shard(oid, create=True) for oid in set(oids)}
        return [found[oid] for oid in oids]

    def verify_unique(self, rows: Rows, shards: Sequence[Shard], key: tuple[int, ...]) -> None:
        for shard, _, some in _grouped(shards, rows):
            writer = self.writer_at(shard)
            if key in writer.keys:
                writer.verify_unique(some, [shard] * len(some[0]), key)

    def find(
        self, key: tuple[int, ...], values: tuple[Datum, ...], shard: Shard
    ) -> tuple[Shard, int] | None:
        writer = self.writer_at(shard)
        return writer.find(key, values, shard) if key in writer.keys else None

    def insert(
        self, rows: Rows, shards: Sequence[Shard], *, replacing: bool = False
    ) -> list[Written]:
        written: list[Written] = []
        for shard, positions, some in _grouped(shards, rows):
            writer = self.writer_at(shard)
            for part in writer.insert(some, [shard] * len(positions), replacing=replacing):
                written.append(Written(part.shard, part.first_row_id, positions[part.positions]))
        return written

    def insert_new(self, rows: Rows, shards: Sequence[Shard]) -> None:
        for shard, positions, some in _grouped(shards, rows):
            self.writer_at(shard).insert_new(some, [shard] * len(positions))

    def note(self, change: Change) -> None:
        """Under the partitions' names; a row that has moved ended in one and began in another."""
        old, new = change.old, change.new
        if old is not None and new is not None and old[0].table_oid != new[0].table_oid:
            Writer.note(self, Change(old[0].table_oid, old, moved=new))
            Writer.note(self, Change(new[0].table_oid, None, new))
            return
        place = old or new
        assert place is not None
        Writer.note(self, Change(place[0].table_oid, old, new))


def _grouped(
    places: Sequence[Place], rows: Rows
) -> Iterator[tuple[Place, np.ndarray, Rows]]:
    """The rows of each place: their positions, and the rows."""
    groups: dict[Place, list[int]] = {}
    for i, place in enumerate(places):
        groups.setdefault(place, []).append(i)
    for place, positions in groups.items():
        some = rows if len(groups) == 1 else [[column[i] for i in positions] for column in rows]
        yield place, np.array(positions, np.int64), some
