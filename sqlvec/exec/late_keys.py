"""Unique keys that are compared when the statement or the transaction is over: DEFERRABLE ones, and unique indexes
over expressions or over part of the rows.

The keys of the latter are locked until the transaction ends, so that of two transactions which write the same
key the second waits for the first. An index over expressions has no run of keys to look in: its values are
computed for every row of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Constraint, Index, Table
from sqlvec.errors import UniqueViolation
from sqlvec.exec.changes import Change, RowIds
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.placement import unique_scope
from sqlvec.exec.row_rules import IndexRules, index_rules
from sqlvec.exec.write import Rows, Writer, hashable, shown
from sqlvec.storage.locks import Mode

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Key = tuple[Datum, ...]
RELATION_ID = 1
_ROWS_AT_ONCE = 10_000
_CALL = re.compile(r"\w+\([^()]*\)\Z")


def check_late_key(context: Context, table: Table, constraint: Constraint, change: Change) -> None:
    """No other row has the key of one of the new rows that are still there."""
    assert change.new is not None
    shard, ids = change.new
    ids = ids[shard.visible(context.tx).contains(ids)]
    if not len(ids):
        return
    values = [shard.gather(attnum, ids) for attnum in constraint.attnums]
    for place in unique_scope(table, constraint.attnums, shard, context):
        positions, rows = _same_columns(context, table, place, constraint.attnums, values)
        others = positions if place is not shard else positions[rows != ids[positions]]
        if len(others):
            first = int(others.min())
            writer = Writer(table, context, RELATION_ID)
            raise writer.duplicate(constraint.attnums, tuple(v[first] for v in values))


def _same_columns(
    context: Context, table: Table, shard: Shard, attnums: Sequence[int], values: list[list[Datum]]
) -> tuple[RowIds, RowIds]:
    """Rows that have the values in those columns: positions of the values, and the rows."""
    types = [table.column_by_attnum(attnum).type for attnum in attnums]
    arrays = [t.definition.to_arrow(v, t.typmod) for t, v in zip(types, values, strict=True)]
    return shard.keys.find_all(tuple(attnums), arrays, context.tx.newest())


def check_late_index(context: Context, table: Table, index: Index, change: Change) -> None:
    """A unique index over expressions or part of the rows: no other row has one of the new rows' keys."""
    assert change.new is not None
    shard, ids = change.new
    ids = ids[shard.visible(context.tx).contains(ids)]
    rules = index_rules(context, table, index, RELATION_ID)
    writer = Writer(table, context, RELATION_ID)
    found = list(_keys(writer, shard, ids, rules, index))
    if not found:
        return
    lock(context, index, [key for _, key in found])
    owners: dict[Key, int] = {}
    for row, key in found:
        if owners.setdefault(key, row) != row:
            raise duplicate(context, table, index, rules, key)
    attnums = [part.attnum for part in index.columns]
    for place in unique_scope(table, attnums, shard, context):
        for row, key in others(writer, place, rules, index, list(owners)):
            if key in owners and (place is not shard or owners[key] != row):
                raise duplicate(context, table, index, rules, key)


def _keys(
    writer: Writer, shard: Shard, ids: RowIds, rules: IndexRules, index: Index
) -> Iterator[tuple[int, Key]]:
    """The rows that are in the index, each with its key; those whose null makes them unlike any are not."""
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        some = ids[start : start + _ROWS_AT_ONCE]
        rows: Rows = [shard.gather(column.attnum, some) for column in writer.columns]
        for row, key in zip(some.tolist(), keys_of(writer, rows, rules, index), strict=True):
            if key is not None:
                yield row, key


def keys_of(writer: Writer, rows: Rows, rules: IndexRules, index: Index) -> list[Key | None]:
    """The key of every row; None for those that are not in the index or are unlike any."""
    expressions = [*rules.keys, *([rules.predicate] if rules.predicate is not None else [])]
    found: list[Key | None] = []
    for values in zip(*writer.evaluate(expressions, rows), strict=True):
        key = values[: len(rules.keys)]
        held = rules.predicate is None or values[-1] is True
        if held and not index.nulls_not_distinct:
            held = not any(v is None for v in key)
        found.append(tuple(hashable(v) for v in key) if held else None)
    return found


def others(
    writer: Writer, shard: Shard, rules: IndexRules, index: Index, keys: list[Key]
) -> Iterator[tuple[int, Key]]:
    """Rows of the index, as of now, that may have one of the keys."""
    context, attnums = writer.context, [part.attnum for part in index.columns]
    if all(attnums) and not index.nulls_not_distinct:
        values = [[key[i] for key in keys] for i in range(len(attnums))]
        _, rows = _same_columns(context, writer.table, shard, attnums, values)
    else:
        rows = shard.visible(context.tx.newest()).ids()
    return _keys(writer, shard, np.unique(rows), rules, index)


def lock(context: Context, index: Index, keys: list[Key]) -> None:
    """LockWait while another transaction that has written one of the keys is open."""
    tx = context.tx
    with context.store.lock:
        for key in dict.fromkeys(keys):
            number = hash(key) & 0x7FFF_FFFF
            tx.locks.acquire(tx.owner, ("key", index.oid, number, 0), Mode.EXCLUSIVE)


def duplicate(
    context: Context, table: Table, index: Index, rules: IndexRules, key: Key, *, built: bool = False
) -> UniqueViolation:
    """The error for a key that is there already, or twice when the index is built."""
    view = context.viewpoint()
    names = ", ".join(
        table.column_by_attnum(part.attnum).name
        if part.attnum
        else _in_key(view.expression(part.expression, table, pretty=True))
        for part in index.columns
    )
    values = ", ".join(shown(e.type, v) for e, v in zip(rules.keys, key, strict=True))
    message = f'duplicate key value violates unique constraint "{index.name}"'
    if built:
        message = f'could not create unique index "{index.name}"'
    return UniqueViolation(
        message,
        detail=f"Key ({names})=({values}) {'is duplicated' if built else 'already exists'}.",
        schema=context.catalog.schemas[table.schema_oid].name,
        table=table.name,
        constraint=index.name,
    )


def _in_key(expression: str) -> str:
    """As a column of an index is shown: in parentheses, unless it is a call."""
    return expression if _CALL.match(expression) else f"({expression})"


def verify_unique(index: Index, table: Table, context: Context) -> None:
    """Before a unique index is built: no two rows have the same key; those of a tenant table are compared
    within their tenant."""
    rules = index_rules(context, table, index, RELATION_ID)
    writer = Writer(table, context, RELATION_ID)
    across = table.is_unique_across([part.attnum for part in index.columns])
    seen: set[Key] = set()
    for shard in context.store.each_shard(table.oid):
        if not across:
            seen.clear()
        for _, key in _keys(writer, shard, shard.visible(context.tx).ids(), rules, index):
            context.check_cancelled()
            if key in seen:
                raise duplicate(context, table, index, rules, key, built=True)
            seen.add(key)
