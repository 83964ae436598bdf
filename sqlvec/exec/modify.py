"""UPDATE and DELETE: a new row version and an end for the old one; an end alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.heir_writer import replace_versions
from sqlvec.exec.heirs import stored
from sqlvec.exec.hidden_columns import hidden_of
from sqlvec.exec.insert import output_columns, returning, returning_carried
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.prefilter import prefilter
from sqlvec.exec.result import Batch, Result
from sqlvec.exec.row_versions import claim_mode, note_deleted
from sqlvec.exec.select import run_remainder
from sqlvec.exec.write import Rows, Writer
from sqlvec.index.row_set import RowSet
from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT, ModifyPlan
from sqlvec.sql import bound
from sqlvec.storage.locks import RowMode

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard


def run_modify(plan: ModifyPlan, context: Context) -> Result:
    statement = plan.statement
    checks = statement.checks if isinstance(statement, bound.Update) else ()
    target = statement.target
    writer = writer_of(target.table, context, target.relation_id, checks, heirs=target.heirs)
    carried: Rows = [[] for _ in plan.carried]
    if isinstance(statement, bound.Update):
        found = _update(plan, statement, writer, carried)
    else:
        found = _delete(plan, writer, carried)
    command = "UPDATE" if isinstance(statement, bound.Update) else "DELETE"
    count = len(found[0]) if found else 0
    result = Result(None, command, iter(()), count, counted=True)
    if statement.returning:
        result.columns = output_columns(statement.returning)
        batch: Batch
        if plan.carried:
            batch = returning_carried(plan, writer, found, carried)
        else:
            batch = returning(writer, statement.returning, found)
        result.rows = iter([batch])
    return result


Target = tuple["Shard", np.ndarray, list[list[Datum]] | None]


def _targets(plan: ModifyPlan, writer: Writer, mode: RowMode) -> list[Target]:
    """Row ids by shard, claimed, and the assigned values where the relational engine computed them.

    Of a row that was changed since the snapshot the newest version is tested and changed, in place of the one
    that the snapshot shows (PostgreSQL's EvalPlanQual).
    """
    context, found = writer.context, []
    newer: dict[Shard, RowSet] = {}
    for shard, ids, values in _found(plan, context):
        locked = context.tx.claim(shard, ids, mode)
        if locked.stale is not None:
            same = ~locked.stale
            moved = locked.rows[locked.stale]
            newer[shard] = RowSet.from_ids(np.unique(moved[moved >= 0]), shard.row_count)
            ids = ids[same]
            if values is not None:
                kept = np.flatnonzero(same).tolist()
                values = [[column[i] for i in kept] for column in values]
        found.append((shard, ids, values))
    if newer:
        relation_id = plan.statement.target.relation_id
        for shard, ids, values in _found(plan, context.narrowed({relation_id: newer})):
            context.tx.claim(shard, ids, mode)
            found.append((shard, ids, values))
    return [target for target in found if len(target[1])]


def _found(plan: ModifyPlan, context: Context) -> Iterator[Target]:
    """The rows that the statement is about, as its snapshot shows them."""
    if plan.source is None:
        for part in prefilter(plan.prefilter, context):
            yield stored(part.shard), part.rows.ids(), None
        return
    width = len(plan.source.columns)
    columns: list[list[Datum]] = [[] for _ in range(width)]
    for batch in run_remainder(plan.source, context):
        for column, values in zip(columns, batch, strict=True):
            column += values
    places = np.array(columns[0], dtype=np.int64)
    _, first = np.unique(places, return_index=True)  # a row joined twice is changed once
    shard_ids = places[first] >> ROW_ID_SHARD_SHIFT
    for shard_id in np.unique(shard_ids).tolist():
        mine = first[shard_ids == shard_id]
        ids = places[mine] & ((1 << ROW_ID_SHARD_SHIFT) - 1)
        chosen = [[column[i] for i in mine.tolist()] for column in columns[1:]]
        yield context.store.shard_by_id(shard_id), ids, chosen


def _delete(plan: ModifyPlan, writer: Writer, carried: Rows) -> Rows:
    returns = bool(plan.statement.returning)
    deleted: Rows = [[] for _ in writer.columns]
    for shard, ids, values in _targets(plan, writer, RowMode.UPDATE):
        for column, given in zip(carried, values or (), strict=False):
            column += given
        if returns:
            for column, values in zip(deleted, writer.read(shard, ids), strict=True):
                column += values
        else:
            deleted[0] += [None] * len(ids)
        note_deleted(writer, shard, ids)
    return deleted


def _update(
    plan: ModifyPlan, statement: bound.Update, writer: Writer, carried: Rows
) -> Rows:
    changed: Rows = [[] for _ in writer.columns]
    assigned = {assignment.attnum for assignment in statement.assignments}
    targets = _targets(plan, writer, claim_mode(writer, assigned))
    for shard, ids, values in targets:
        rows = writer.read(shard, ids)
        if values is None:
            values = writer.evaluate([a.expression for a in statement.assignments], rows)
        for column, given in zip(carried, values[len(statement.assignments) :], strict=True):
            column += given
        for assignment, column in zip(statement.assignments, values, strict=False):
            rows[writer.place_of(assignment.attnum)] = column
        for column, new in zip(changed, rows, strict=True):
            column += new
    if not changed or not changed[0]:
        return changed
    written = replace_versions(writer, [(shard, ids) for shard, ids, _ in targets], changed, assigned)
    for asked, values in zip(plan.carried, carried, strict=True):
        if asked.relation_id == writer.relation_id:  # hidden: of the new version
            values[:] = hidden_of(asked, written, len(values))
    return changed
