"""UPDATE and DELETE: a new row version and an end for the old one; an end alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.insert import output_columns, returning
from sqlvec.exec.prefilter import prefilter
from sqlvec.exec.result import Batch, Result
from sqlvec.exec.select import run_remainder
from sqlvec.exec.write import Rows, Writer
from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT, ModifyPlan
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard


def run_modify(plan: ModifyPlan, context: Context) -> Result:
    statement = plan.statement
    checks = statement.checks if isinstance(statement, bound.Update) else ()
    writer = Writer(statement.target.table, context, statement.target.relation_id, checks)
    if isinstance(statement, bound.Update):
        found = _update(plan, statement, writer)
    else:
        found = _delete(plan, writer)
    command = "UPDATE" if isinstance(statement, bound.Update) else "DELETE"
    count = len(found[0]) if found else 0
    result = Result(None, command, iter(()), count, counted=True)
    if statement.returning:
        result.columns = output_columns(statement.returning)
        batch: Batch = returning(writer, statement.returning, found)
        result.rows = iter([batch])
    return result


def _targets(
    plan: ModifyPlan, writer: Writer
) -> Iterator[tuple[Shard, np.ndarray, list[list[Datum]] | None]]:
    """Row ids by shard, and the assigned values where the relational engine computed them."""
    context = writer.context
    rows = prefilter(plan.prefilter, context)
    if plan.source is None:
        for part in rows:
            yield part.shard, part.rows.ids(), None
        return
    width = len(plan.source.columns)
    columns: list[list[Datum]] = [[] for _ in range(width)]
    for batch in run_remainder(plan.source, context):
        for column, values in zip(columns, batch, strict=True):
            column += values
    row_ids = np.array(columns[0], dtype=np.int64)
    _, first = np.unique(row_ids, return_index=True)  # a row joined twice is changed once
    for position, part in enumerate(rows):
        mine = first[(row_ids[first] >> ROW_ID_SHARD_SHIFT) == position]
        if len(mine):
            ids = row_ids[mine] & ((1 << ROW_ID_SHARD_SHIFT) - 1)
            chosen = [[column[i] for i in mine.tolist()] for column in columns[1:]]
            yield part.shard, ids, chosen


def _read(writer: Writer, shard: Shard, ids: np.ndarray) -> Rows:
    return [shard.gather(column.attnum, ids) for column in writer.columns]


def _delete(plan: ModifyPlan, writer: Writer) -> Rows:
    returns = bool(plan.statement.returning)
    deleted: Rows = [[] for _ in writer.columns]
    for shard, ids, _ in list(_targets(plan, writer)):
        if returns:
            for column, values in zip(deleted, _read(writer, shard, ids), strict=True):
                column += values
        else:
            deleted[0] += [None] * len(ids)
        writer.context.tx.delete(shard, ids)
    return deleted


def _update(plan: ModifyPlan, statement: bound.Update, writer: Writer) -> Rows:
    changed: Rows = [[] for _ in writer.columns]
    targets = list(_targets(plan, writer))
    for shard, ids, values in targets:
        rows = _read(writer, shard, ids)
        if values is None:
            values = writer.evaluate([a.expression for a in statement.assignments], rows)
        for assignment, column in zip(statement.assignments, values, strict=True):
            rows[writer.place_of(assignment.attnum)] = column
        writer.verify(rows)
        writer.context.tx.delete(shard, ids)
        for column, new in zip(changed, rows, strict=True):
            column += new
    if not changed or not changed[0]:
        return changed
    # All old versions are gone before keys are compared: UPDATE t SET id = id + 1 must not collide.
    shards = writer.shards_of(changed)
    assigned = {assignment.attnum for assignment in statement.assignments}
    for key in writer.keys:
        if assigned & set(key):
            writer.verify_unique(changed, shards, key)
    writer.insert(changed, shards)
    return changed
