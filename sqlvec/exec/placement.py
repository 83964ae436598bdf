"""The shards of a split table: where a row goes, where a key is looked for, where it must be unique."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import ObjectNotInState
from sqlvec.exec.context import Context, Datum
from sqlvec.storage.keys import hash_columns
from sqlvec.storage.placement import shard_name, shard_numbers

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard


def table_shards(table: Table, context: Context) -> Iterable[Shard]:
    """Every shard of a table, and of the partitions of one that has them, each opened when it is its turn."""
    if table.partitioning is None:
        return context.store.each_shard(table.oid)
    leaves = context.catalog.leaves(table)
    return (shard for leaf in leaves for shard in context.store.each_shard(leaf.oid))


def family_shards(table: Table, context: Context) -> Iterable[Shard]:
    """The same with those of the tables that inherit from it."""
    heirs = context.catalog.heirs(table.oid)
    return (shard for heir in heirs for shard in table_shards(heir, context))


def shard_index(index: Index, shard: Shard, context: Context) -> Index:
    """The index that a shard has: of its own table, or the part of that of a partitioned table."""
    part = context.catalog.index_in(index, shard.table_oid)
    if part is None and context.catalog.children(index.table_oid):
        heir = context.catalog.table(shard.table_oid)
        raise ObjectNotInState(
            f'table "{heir.name}" has no index like "{index.name}"',
            hint="Indexes are not inherited: create one with the same definition on that table.",
        )
    if part is None:
        raise ObjectNotInState(
            f'index "{index.name}" is not valid',
            hint="Attach an index of each partition to it with ALTER INDEX ... ATTACH PARTITION.",
        )
    return part


def own_index(index: Index | None, shard: Shard, context: Context) -> Index | None:
    """The same, where rows are found without an index too; what inherits from a table need not have it."""
    if index is None or context.catalog.children(index.table_oid):
        return None if index is None else context.catalog.index_in(index, shard.table_oid)
    return shard_index(index, shard, context)


def row_shards(table: Table, columns: Sequence[pa.Array], count: int, context: Context) -> list[Shard]:
    """The shard of each of `count` new rows; columns: those of split_by."""
    numbers = placed(table, columns, count, context).tolist()
    opened = {
        number: context.store.shard(table.oid, shard_name(number), create=True)
        for number in set(numbers)
    }
    return [opened[number] for number in numbers]


def placed(table: Table, columns: Sequence[pa.Array], count: int, context: Context) -> np.ndarray:
    """Shard numbers, i64[count]: by the key, or in turn."""
    if table.split_by:
        return key_numbers(table, columns)
    rows = sum(shard.row_count for shard in context.store.shards(table.oid))
    return (rows + np.arange(count)) % table.shards


def key_numbers(table: Table, columns: Sequence[pa.Array]) -> np.ndarray:
    types = [table.column_by_attnum(attnum).type.stored for attnum in table.split_by]
    hashes, _ = hash_columns(columns, types, True)
    return shard_numbers(hashes, table.shards)


def key_arrays(table: Table, columns: Sequence[Sequence[Datum]]) -> list[pa.Array]:
    """Datums of the columns of split_by, as arrays."""
    types = [table.column_by_attnum(attnum).type for attnum in table.split_by]
    return [
        t.definition.to_arrow(list(values), t.typmod)
        for t, values in zip(types, columns, strict=True)
    ]


def key_shards(
    table: Table, attnums: Sequence[int], columns: Sequence[Sequence[Datum]], context: Context
) -> list[Shard]:
    """The shards that may have rows with these values in those columns."""
    if not table.split_by or not set(table.split_by) <= set(attnums):
        return context.store.shards(table.oid)
    wanted = [columns[list(attnums).index(attnum)] for attnum in table.split_by]
    names = map(shard_name, sorted(set(key_numbers(table, key_arrays(table, wanted)).tolist())))
    found = (context.store.shard(table.oid, name) for name in names)
    return [shard for shard in found if shard is not None]


def unique_scope(table: Table, attnums: Sequence[int], shard: Shard, context: Context) -> list[Shard]:
    """The shards in which no other row may have what a row of the shard has in those columns."""
    return context.store.shards(table.oid) if table.is_unique_across(attnums) else [shard]
