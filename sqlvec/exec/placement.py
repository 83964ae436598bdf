"""The shards of a split table: where a row goes, where a key is looked for, where it must be unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.exec.context import Context, Datum
from sqlvec.storage.keys import hash_columns
from sqlvec.storage.placement import shard_name, shard_numbers

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard


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
