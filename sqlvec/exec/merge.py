"""MERGE: the source joined with the target, each pair handed to the first clause that wants it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.errors import CardinalityViolation
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.heir_writer import replace_versions
from sqlvec.exec.insert import complete_rows
from sqlvec.exec.merge_recheck import frozen, paired_again
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.result import Result
from sqlvec.exec.row_versions import claim_mode, note_deleted
from sqlvec.exec.select import run_remainder
from sqlvec.exec.write import Rows, Writer
from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT, MergePlan
from sqlvec.sql import bound
from sqlvec.storage.locks import RowMode

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

_ROW_ID_MASK = (1 << ROW_ID_SHARD_SHIFT) - 1


def run_merge(plan: MergePlan, context: Context) -> Result:
    statement = plan.statement
    target = statement.target
    writer = writer_of(
        target.table, context, target.relation_id, statement.checks, heirs=target.heirs
    )
    columns: list[list[Datum]] = [[] for _ in plan.source.columns]
    for batch in run_remainder(plan.source, context):
        for column, values in zip(columns, batch, strict=True):
            column += values
    chosen = _chosen(statement, columns)
    _refuse_twice(statement, chosen, columns[0])
    columns, chosen = _claimed(plan, writer, columns, chosen)
    count = 0
    for number, clause in enumerate(statement.clauses):
        places = np.flatnonzero(chosen == number).tolist()
        if not places or clause.action == "nothing":
            continue
        count += len(places)
        first = plan.starts[number]
        values = [[columns[first + i][p] for p in places] for i in range(len(clause.assignments))]
        if clause.action == "insert":
            _insert(writer, clause, values, len(places))
        else:
            _change(writer, clause, [columns[0][p] for p in places], values)
    return Result(None, "MERGE", iter(()), count, counted=True)


def _claimed(
    plan: MergePlan, writer: Writer, columns: list[list[Datum]], chosen: np.ndarray
) -> tuple[list[list[Datum]], np.ndarray]:
    """The pairs and their clauses, once the rows to be changed are claimed: those of rows that were changed
    since the snapshot are chosen anew."""
    context = frozen(plan.statement, writer.context)
    newest = _claim(plan.statement, writer, columns[0], chosen)
    if not newest:
        return columns, chosen
    again = paired_again(plan, newest, context)
    kept = [i for i, place in enumerate(columns[0]) if place not in newest]
    columns = [
        [column[i] for i in kept] + [pair[place] for pair in again]
        for place, column in enumerate(columns)
    ]
    chosen = np.concatenate([chosen[kept], np.full(len(again), -1, np.int64)])
    fresh = _chosen(plan.statement, [column[len(kept) :] for column in columns])
    chosen[len(kept) :] = fresh
    _refuse_twice(plan.statement, chosen, columns[0])
    _claim(plan.statement, writer, columns[0][len(kept) :], fresh)
    return columns, chosen


def _claim(
    statement: bound.Merge, writer: Writer, row_ids: list[Datum], chosen: np.ndarray
) -> dict[int, int]:
    """Claims what is to be updated or deleted; the newest versions (-1: none) of rows that are outdated."""
    newest: dict[int, int] = {}
    for number, clause in enumerate(statement.clauses):
        places = [row_ids[i] for i in np.flatnonzero(chosen == number).tolist()]
        if not places or clause.action not in ("update", "delete"):
            continue
        assigned = {assignment.attnum for assignment in clause.assignments}
        mode = RowMode.UPDATE if clause.action == "delete" else claim_mode(writer, assigned)
        for shard, ids, _ in _by_shard(writer.context, places):
            locked = writer.context.tx.claim(shard, ids, mode)
            if locked.stale is None:
                continue
            shard_bits = shard.shard_id << ROW_ID_SHARD_SHIFT
            for old, new in zip(ids[locked.stale].tolist(), locked.rows[locked.stale].tolist(), strict=True):
                newest[shard_bits | old] = shard_bits | new if new >= 0 else -1
    return newest


def _chosen(statement: bound.Merge, columns: list[list[Datum]]) -> np.ndarray:
    """For each pair the number of the clause that takes it, -1 for none."""
    chosen = np.full(len(columns[0]), -1, np.int64)
    matched = np.array([row is not None for row in columns[0]], np.bool_)
    for number, clause in enumerate(statement.clauses):
        wanted = np.array([value is True for value in columns[1 + number]], np.bool_)
        take = (chosen < 0) & wanted & (matched if clause.matched else ~matched)
        chosen[take] = number
    return chosen


def _refuse_twice(statement: bound.Merge, chosen: np.ndarray, row_ids: list[Datum]) -> None:
    seen: set[int] = set()
    for number, row in zip(chosen.tolist(), row_ids, strict=True):
        if number < 0 or row is None or statement.clauses[number].action == "nothing":
            continue
        if row in seen:
            raise CardinalityViolation(
                "MERGE command cannot affect row a second time",
                hint="Ensure that not more than one source row matches any one target row.",
            )
        seen.add(row)


def _insert(writer: Writer, clause: bound.MergeClause, values: Rows, count: int) -> None:
    attnums = [assignment.attnum for assignment in clause.assignments]
    rows = complete_rows(writer, attnums, values, clause.defaults, count)
    writer.verify(rows)
    shards = writer.shards_of(rows)
    for key in writer.keys:
        writer.verify_unique(rows, shards, key)
    writer.insert(rows, shards)


def _change(
    writer: Writer, clause: bound.MergeClause, places: list[int], values: list[list[Datum]]
) -> None:
    """UPDATE or DELETE of the claimed rows at (shard id, row id)."""
    assigned = {assignment.attnum for assignment in clause.assignments}
    old: list[tuple[Shard, np.ndarray]] = []
    changed: Rows = [[] for _ in writer.columns]
    for shard, ids, positions in _by_shard(writer.context, places):
        if clause.action == "delete":
            note_deleted(writer, shard, ids)
            continue
        rows = writer.read(shard, ids)
        for assignment, column in zip(clause.assignments, values, strict=True):
            rows[writer.place_of(assignment.attnum)] = [column[p] for p in positions]
        old.append((shard, ids))
        for column, new in zip(changed, rows, strict=True):
            column += new
    if old:
        replace_versions(writer, old, changed, assigned)


def _by_shard(
    context: Context, places: list[int]
) -> Iterator[tuple[Shard, np.ndarray, list[int]]]:
    packed = np.array(places, np.int64)
    shard_ids = packed >> ROW_ID_SHARD_SHIFT
    for shard_id in np.unique(shard_ids).tolist():
        positions = np.flatnonzero(shard_ids == shard_id)
        yield context.store.shard_by_id(shard_id), packed[positions] & _ROW_ID_MASK, positions.tolist()
