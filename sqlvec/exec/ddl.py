"""DDL: a new catalog for the transaction, and the storage work that follows from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import CheckViolation, NotNullViolation, UniqueViolation
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.prefilter import prefilter
from sqlvec.exec.result import Result
from sqlvec.exec.select import run_query
from sqlvec.exec.write import Writer
from sqlvec.plan.physical import Prefilter
from sqlvec.plan.planner import plan_query
from sqlvec.sql import bound

LINK_ROWS = 2_000  # rows linked between two looks at the cancel flag


def run_ddl(statement: bound.Ddl, context: Context) -> Result:
    """Applies the change inside the transaction; others see it after the commit."""
    for sqlstate, message in statement.notices:
        context.notice(message, sqlstate=sqlstate)
    tx = context.tx
    old = tx.catalog
    _verify(statement, context)
    new = statement.catalog if statement.catalog is not None else old
    if statement.dropped:
        new = new.without(*statement.dropped)
    if statement.changed:
        new = new.with_relation(*statement.changed)
    if new is not old:
        tx.catalog = new
        context.catalog = new
    for table in statement.truncate:
        tx.truncate(table.oid)
    for rewrite in statement.rewrites:
        _rewrite(rewrite, context)
    for index in statement.build:
        _build(index, context)
    result = Result(None, statement.tag)
    if statement.query is not None:
        result = _fill(statement, context)
    return result


def _verify(statement: bound.Ddl, context: Context) -> None:
    """New CHECK and NOT NULL constraints hold for the rows there are."""
    for scan, check in statement.new_checks:
        writer = Writer(scan.table, context, scan.relation_id)
        for _, rows in _rows(scan, writer, context):
            values = writer.evaluate([check.expression], rows)[0]
            if False not in values:
                continue
            if isinstance(check.expression, bound.Test) and check.expression.kind == "not_null":
                raise NotNullViolation(
                    f'column "{check.name}" of relation "{scan.table.name}" contains null values'
                )
            raise CheckViolation(
                f'check constraint "{check.name}" of relation "{scan.table.name}" is violated '
                "by some row"
            )


def _rows(
    scan: bound.TableScan, writer: Writer, context: Context
) -> Iterator[tuple[np.ndarray, list[list[Datum]]]]:
    for part in prefilter(Prefilter(scan), context):
        ids = part.rows.ids()
        for start in range(0, len(ids), 10_000):
            some = ids[start : start + 10_000]
            yield some, [part.shard.gather(c.attnum, some) for c in writer.columns]


def _rewrite(rewrite: bound.Rewrite, context: Context) -> None:
    """Gives every row a new version with the new value, under the new definition of the table."""
    table = context.catalog.table(rewrite.target.table.oid)
    old = Writer(rewrite.target.table, context, rewrite.target.relation_id)
    new = Writer(table, context, rewrite.target.relation_id)
    for part in prefilter(Prefilter(rewrite.target), context):
        ids = part.rows.ids()
        rows = [part.shard.gather(column.attnum, ids) for column in old.columns]
        values = old.evaluate([rewrite.expression], rows)[0]
        by_attnum = {c.attnum: v for c, v in zip(old.columns, rows, strict=True)}
        by_attnum[rewrite.attnum] = values
        written = [by_attnum.get(c.attnum, [None] * len(ids)) for c in new.columns]
        new.verify(written)
        context.tx.delete(part.shard, ids)
        new.insert(written, [part.shard] * len(ids))


def _build(index: Index, context: Context) -> None:
    """Indexes the rows there are; a unique index is checked over them first."""
    table = context.catalog.table(index.table_oid)
    if index.unique:
        _verify_unique(index, table, context)
    for shard in context.store.shards(table.oid):
        shard.rebuild_index(index, table)
        if index.method in ("hnsw", "ivfflat"):
            while shard.link_step(index.oid, LINK_ROWS, 2, context.cancelled):
                context.check_cancelled()
    if index.method == "ivfflat":
        context.notice(
            f'index "{index.name}" is served by an hnsw graph',
        )


def _verify_unique(index: Index, table: Table, context: Context) -> None:
    columns = tuple(bound.OutputColumn(c.name, c.type) for c in table.columns)
    scan = bound.TableScan(1, table.name, columns, table)
    writer = Writer(table, context, 1)
    places = [writer.place_of(column.attnum) for column in index.columns if column.attnum]
    seen: set[tuple[Datum, ...]] = set()
    for _, rows in _rows(scan, writer, context):
        for key in zip(*(rows[p] for p in places), strict=True):
            if None in key:
                continue
            if key in seen:
                names = ", ".join(writer.columns[p].name for p in places)
                shown = ", ".join(str(value) for value in key)
                raise UniqueViolation(
                    f'could not create unique index "{index.name}"',
                    detail=f"Key ({names})=({shown}) is duplicated.",
                )
            seen.add(key)


def _fill(statement: bound.Ddl, context: Context) -> Result:
    """CREATE TABLE AS: the rows of the query."""
    assert statement.query is not None
    table = next(r for r in statement.changed if isinstance(r, Table))
    writer = Writer(table, context, 0)
    count = 0
    for batch in run_query(plan_query(statement.query, context.catalog), context):
        rows = [list(column) for column in batch]
        count += len(rows[0]) if rows else 0
        writer.insert(rows, writer.shards_of(rows))
    return Result(None, "SELECT", iter(()), count, counted=True)
