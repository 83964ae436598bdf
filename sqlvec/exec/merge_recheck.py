"""MERGE under READ COMMITTED: pairs whose target row was changed since the snapshot, looked at again.

As in PostgreSQL (ExecMergeMatched): the source row meets the newest version of the target row. If the two still
match, the WHEN MATCHED clauses are gone through from the first; if they do not, or the row is gone, the source row
has no match, and WHEN NOT MATCHED is for it. Other rows are not looked for.

Source rows are told apart by all of their columns: those that have all in common fare alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.select import run_remainder
from sqlvec.exec.write import hashable
from sqlvec.index.row_set import RowSet
from sqlvec.plan.physical import ROW_ID_SHARD_SHIFT, MergePlan
from sqlvec.plan.planner import plan_merge, table_scans
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.transaction import Transaction

Key = tuple[Any, ...]
Pair = list[Datum]  # a row of the plan's source: place of the target row, clauses' tests, their values
Newest = Mapping[int, int]  # places of rows, and of their newest versions; -1 for none


def frozen(statement: bound.Merge, context: Context) -> Context:
    """A context in which other scans of the target table go on seeing rows that are claimed from now on."""
    others = [s for s in table_scans(statement) if s.table.oid == statement.target.table.oid]
    others = [s for s in others if s is not statement.target and s.as_of is None]
    if not others:
        return context
    rows = _FrozenRows(statement.target.table.oid, context.tx)
    return context.narrowed({scan.relation_id: rows for scan in others})


class _FrozenRows:
    """What a transaction sees of a table's shards now. Where it has not written, that is what is committed at its
    snapshot, and is looked up when it is asked for."""

    def __init__(self, table_oid: int, tx: Transaction) -> None:
        self._snapshot_seqno = tx.snapshot_seqno
        self._dropped = tx.shard_changes.dropped
        written = (shard for shard in tx.writes if shard.table_oid == table_oid)
        self._written = {shard: shard.visible(tx) for shard in written}

    def get(self, shard: Shard, /) -> RowSet | None:
        if shard.shard_id in self._dropped:
            return None
        known = self._written.get(shard)
        return shard.visible(self._snapshot_seqno) if known is None else known


def paired_again(plan: MergePlan, newest: Newest, context: Context) -> list[Pair]:
    """The pairs in the place of those of outdated rows. context is frozen."""
    width = len(plan.source.columns)
    identified = plan_merge(plan.statement, context.catalog, identified=True)
    before = _run(identified, list(newest), context)
    after = _run(identified, [place for place in newest.values() if place >= 0], context)
    matches = {(_key(pair, width), pair[0]): pair[:width] for pair in after if pair[0] is not None}
    alone: dict[Key, Pair] | None = None
    found = []
    for pair in before:
        if pair[0] is None:
            continue
        key = _key(pair, width)
        match = matches.get((key, newest[pair[0]]))
        if match is None:
            if alone is None:
                alone = {_key(row, width): row[:width] for row in _run(identified, [], context)}
            match = alone.get(key)
        if match is not None:  # a source of volatile functions may have given other rows
            found.append(match)
    return found


def _key(pair: Pair, width: int) -> Key:
    return tuple(hashable(value) for value in pair[width:])


def _run(plan: MergePlan, places: list[int], context: Context) -> list[Pair]:
    """The source rows beside those rows of the target, and no others."""
    packed = np.array(places, np.int64)
    shard_ids = packed >> ROW_ID_SHARD_SHIFT
    rows: dict[Shard, RowSet] = {}
    for shard_id in np.unique(shard_ids).tolist():
        shard = context.store.shard_by_id(shard_id)
        ids = np.unique(packed[shard_ids == shard_id] & ((1 << ROW_ID_SHARD_SHIFT) - 1))
        rows[shard] = RowSet.from_ids(ids, shard.row_count)
    narrowed = context.narrowed({plan.statement.target.relation_id: rows})
    columns: list[list[Datum]] = [[] for _ in plan.source.columns]
    for batch in run_remainder(plan.source, narrowed):
        for column, values in zip(columns, batch, strict=True):
            column += values
    return [list(pair) for pair in zip(*columns, strict=True)]
