"""Reading a table together with those that inherit from it: their shards, as if the columns were where the table has
them. A row has its shard's own number and id, so that what changes it afterwards meets the shard itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlvec.catalog.objects import Catalog, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from sqlvec.exec.context import Context
    from sqlvec.index.row_set import RowSet
    from sqlvec.storage.growing import RowIds
    from sqlvec.storage.part import Part
    from sqlvec.storage.segment import Segment
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.vectors import VectorView

Places = Mapping[int, int]  # attnums of the heir by those of the table


def places_in(heir_oid: int, table_oid: int, catalog: Catalog) -> Places:
    """Where an heir has the columns of the table: those of the same names."""
    key = ("places", heir_oid, table_oid)
    found = catalog.memo.get(key)
    if found is None:
        attnums = {column.name: column.attnum for column in catalog.table(heir_oid).live_columns}
        table = catalog.table(table_oid)
        found = {column.attnum: attnums[column.name] for column in table.live_columns}
        catalog.memo[key] = found
    return cast("Places", found)


def heir_shards(table: Table, context: Context) -> Iterator[Shard]:
    """Those of the table and its heirs, each opened when it is its turn."""
    for heir in context.catalog.heirs(table.oid):
        shard = context.store.shard(heir.oid)
        if shard is not None:
            yield seen_from(table.oid, shard, context.catalog)


def seen_from(table_oid: int, shard: Shard, catalog: Catalog) -> Shard:
    """The shard of an heir with its columns where the table has them."""
    if shard.table_oid == table_oid:
        return shard
    places = places_in(shard.table_oid, table_oid, catalog)
    moved = any(here != there for here, there in places.items())
    return with_places(shard, places if moved else None)


def with_places(shard: Shard, places: Places | None) -> Shard:
    return shard if places is None else cast("Shard", HeirShard(shard, places))


def places_of(shard: Shard) -> Places | None:
    """What it is seen by, if it is not as it is."""
    return shard.places if isinstance(shard, HeirShard) else None


def stored(shard: Shard) -> Shard:
    """The shard itself, whatever it is seen from."""
    return shard.itself if isinstance(shard, HeirShard) else shard


class HeirShard:
    """What reads a shard by attnums, by other attnums; all else is the shard's."""

    __slots__ = ("itself", "places")

    def __init__(self, shard: Shard, places: Places) -> None:
        self.itself = shard
        self.places = places

    def __getattr__(self, name: str) -> Any:
        return getattr(self.itself, name)

    def _moved(self, attnums: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.places[attnum] for attnum in attnums)

    def parts(self) -> tuple[Part, ...]:
        return tuple(cast("Part", HeirPart(part, self.places)) for part in self.itself.parts())

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(cast("Segment", HeirPart(part, self.places)) for part in self.itself.segments)

    def gather(self, attnum: int, row_ids: RowIds) -> list[Any]:
        return self.itself.gather(self.places[attnum], row_ids)

    def take(self, attnums: Sequence[int], rows: RowSet | RowIds) -> pa.Table:
        return self.itself.take(self._moved(attnums), rows)

    def take_pieces(
        self, attnums: Sequence[int], rows: RowSet, size: int
    ) -> Iterator[tuple[list[pa.Array], int]]:
        return self.itself.take_pieces(self._moved(attnums), rows, size)

    def vectors(self, attnum: int) -> VectorView:
        return self.itself.vectors(self.places[attnum])


class HeirPart:
    """The same of a part of a shard."""

    __slots__ = ("_part", "_places")

    def __init__(self, part: Part, places: Places) -> None:
        self._part = part
        self._places = places

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def __len__(self) -> int:
        return len(self._part)

    def column(self, attnum: int) -> pa.Array:
        return self._part.column(self._places[attnum])

    def filter(self, attnum: int) -> Any:
        return self._part.filter(self._places[attnum])

    def has_read_filter(self, attnum: int) -> bool:
        return self._part.has_read_filter(self._places[attnum])

    def zones(self, attnum: int) -> Any:
        return self._part.zones(self._places[attnum])

    def stored_type(self, attnum: int) -> Any:
        return self._part.stored_type(self._places[attnum])
