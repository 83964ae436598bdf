"""Rows that come as columns and go to the shards as they are: COPY's batches, and what an INSERT reads from a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.errors import CheckViolation
from sqlvec.exec.bulk_partitions import are_inside, leaf_rows
from sqlvec.exec.changes import Change
from sqlvec.exec.partition_writer import PartitionWriter
from sqlvec.exec.placement import placed
from sqlvec.exec.prefilter import check_tenant, tenant_key
from sqlvec.exec.tenants import writable_shard
from sqlvec.exec.write import Writer
from sqlvec.storage.batch import row_batch
from sqlvec.storage.placement import shard_name
from sqlvec.types.copy_format import VectorColumn

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Columns = Mapping[int, Any]  # Arrow arrays or VectorColumns by attnum


def insert_columns(writer: Writer, given: Columns, row_count: int) -> bool:
    """Whether the rows were inserted: they are not where something must be evaluated for each, or a constraint has
    something to say. Columns that are not given are null. KeyTaken as Transaction.insert raises it."""
    context, table = writer.context, writer.table
    if not takes_columns(writer):
        return False
    if (table.partitioning or table.parent_oid) and any(c.attnum not in given for c in writer.columns):
        return False
    try:
        parts = list(_placed(writer, given, row_count))
    except CheckViolation:  # of no partition; the rows, one by one, word this and other errors
        return False
    owners = [_owner(writer, shard) for shard, _, _ in parts]
    if not are_inside(table, given, context):
        return False
    if not all(_may_insert(o, *part[:2]) for o, part in zip(owners, parts, strict=True)):
        return False
    for owner, (shard, columns, count) in zip(owners, parts, strict=True):
        first = context.tx.insert(shard, columns)
        if owner.watched:
            ids = np.arange(first, first + count, dtype=np.int64)
            owner.note(Change(owner.table.oid, None, (shard, ids)))
    return True


def takes_columns(writer: Writer) -> bool:
    """Whether rows of the table may come as columns at all."""
    if writer.checks or writer.domains:
        return False
    return not any(writer.table.is_unique_across(key) for key in writer.keys)


def _owner(writer: Writer, shard: Shard) -> Writer:
    """Of the table, or of the partition that a shard is of."""
    return writer.writer_at(shard) if isinstance(writer, PartitionWriter) else writer


def _may_insert(owner: Writer, shard: Shard, columns: Columns) -> bool:
    """Whether no constraint has something to say."""
    if owner.checks or owner.domains:
        return False
    if any(c.not_null and (c.attnum not in columns or columns[c.attnum].null_count) for c in owner.columns):
        return False
    return not any(
        not all(attnum in columns for attnum in key)
        or shard.has_duplicates(key, [columns[attnum] for attnum in key], owner.context.tx)
        for key in owner.keys
    )


def _placed(
    writer: Writer, given: Columns, row_count: int
) -> Iterator[tuple[Shard, Columns, int]]:
    """The columns shard by shard, and how many rows those are."""
    context, table = writer.context, writer.table
    if table.shards > 1:
        yield from _split(writer, given, row_count)
        return
    if table.partitioning is not None:
        for leaf, rows in leaf_rows(table, given, context):
            whole = len(rows) == row_count
            some = given if whole else {a: _taken(column, rows) for a, column in given.items()}
            yield context.store.shard(leaf.oid, create=True), some, len(rows)
        return
    if not table.tenant_attnum:
        shard = context.store.shard(table.oid, create=True)
        yield shard, given, row_count
        return
    encoded = given[table.tenant_attnum].dictionary_encode()
    tenants = table.column_by_attnum(table.tenant_attnum).type.definition.from_arrow(encoded.dictionary)
    codes = encoded.indices.to_numpy()
    for code, value in enumerate(tenants):
        name = tenant_key(table, value)
        check_tenant(table, name, context)
        rows = np.flatnonzero(codes == code)
        whole = len(tenants) == 1
        columns = given if whole else {a: _taken(column, rows) for a, column in given.items()}
        yield writable_shard(context, table, name), columns, len(rows)


def _split(
    writer: Writer, given: Columns, row_count: int
) -> Iterator[tuple[Shard, Columns, int]]:
    context, table = writer.context, writer.table
    stored = row_batch(table, given)
    keys = [stored.present_column(attnum) for attnum in table.split_by]
    numbers = placed(table, keys, row_count, context)
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        shard = context.store.shard(table.oid, shard_name(number), create=True)
        yield shard, {a: _taken(column, rows) for a, column in given.items()}, len(rows)


def _taken(column: Any, rows: np.ndarray) -> Any:
    if isinstance(column, VectorColumn):
        return VectorColumn(column.vectors[rows], column.present[rows])
    return column.take(pa.array(rows))
