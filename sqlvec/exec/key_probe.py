"""Rows by the values of some columns, many at a time: how foreign keys and put-off unique keys look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlvec import types
from sqlvec.catalog.objects import Table
from sqlvec.errors import DatabaseError
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.placement import key_shards, table_shards
from sqlvec.exec.prefilter import tenant_key
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.exec.changes import RowIds
    from sqlvec.storage.shard import Shard

Key = tuple[Datum, ...]
_INTEGERS = (types.INT2.oid, types.INT4.oid, types.INT8.oid)
_TEXTS = (types.TEXT.oid, types.VARCHAR.oid, types.BPCHAR.oid, types.NAME.oid)


@dataclass(frozen=True, slots=True)
class Found:
    """rows of one shard, and for each the position of its key."""

    shard: Shard
    positions: RowIds
    rows: RowIds


def find_rows(
    context: Context,
    table: Table,
    attnums: Sequence[int],
    keys: Sequence[Key],
    key_types: Sequence[SqlType],
) -> Iterator[Found]:
    """Every row, as of now, whose columns equal one of the keys; the keys are distinct and hold no null."""
    places = _order(table, attnums)
    wanted = tuple(attnums[place] for place in places)
    own = [table.column_by_attnum(attnum).type for attnum in wanted]
    positions: list[int] = []
    columns: list[list[Datum]] = [[] for _ in wanted]
    for position, key in enumerate(keys):
        values = [_converted(key[p], key_types[p], t) for p, t in zip(places, own, strict=True)]
        if any(value is None for value in values):
            continue  # no value of the column can equal it
        positions.append(position)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    if not positions:
        return
    arrays = [t.definition.to_arrow(c, t.typmod) for t, c in zip(own, columns, strict=True)]
    numbers = np.array(positions, np.int64)
    newest = context.tx.newest()
    for shard in _shards(context, table, wanted, columns):
        at, rows = shard.keys.find_all(wanted, arrays, newest)
        if len(rows):
            yield Found(shard, numbers[at], rows)


def _order(table: Table, attnums: Sequence[int]) -> list[int]:
    """Positions in attnums, in the order of a key that the table has over them, if it has one."""
    for constraint in table.unique_keys:
        if sorted(constraint.attnums) == sorted(attnums):
            return [list(attnums).index(attnum) for attnum in constraint.attnums]
    return list(range(len(attnums)))


def _shards(
    context: Context, table: Table, attnums: tuple[int, ...], columns: list[list[Datum]]
) -> Iterable[Shard]:
    if table.shards > 1:
        return key_shards(table, attnums, columns, context)
    if table.tenant_attnum not in attnums:
        return table_shards(table, context)
    tenants = columns[attnums.index(table.tenant_attnum)]
    names = sorted({tenant_key(table, value) for value in tenants})
    shards = (context.store.shard(table.oid, name) for name in names)
    return [shard for shard in shards if shard is not None]


def _converted(value: Any, source: SqlType, target: SqlType) -> Datum:
    """The equal value of another type; None when there is none."""
    if source.oid == target.oid or (source.oid in _TEXTS and target.oid in _TEXTS):
        return value
    if target.oid in _INTEGERS:
        integer = target.definition
        low, high = integer.minimum, integer.maximum  # type: ignore[attr-defined]
        whole = int(value) if value == value and abs(value) != float("inf") else None
        return whole if whole is not None and whole == value and low <= whole <= high else None
    if target.oid == types.NUMERIC.oid:
        return Decimal(value)
    if target.oid in (types.FLOAT4.oid, types.FLOAT8.oid):
        return float(value)
    try:
        return target.definition.parse(source.definition.render(value), target.typmod)
    except DatabaseError:
        return None
