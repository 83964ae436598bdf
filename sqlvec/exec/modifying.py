"""WITH with data-modifying statements: all of them look at the tables as they were before the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from sqlvec.exec.changes import Changes
from sqlvec.exec.context import Context
from sqlvec.exec.insert import run_insert
from sqlvec.exec.modify import run_modify
from sqlvec.exec.result import Result
from sqlvec.plan.physical import InsertPlan, ModifyPlan, QueryPlan, SequencePlan

if TYPE_CHECKING:
    from sqlvec.index.row_set import RowSet
    from sqlvec.storage.shard import Shard


def run_first(plan: SequencePlan, context: Context) -> Context:
    """Runs the statements of the WITH; returns the context of the main one."""
    if context.changes is None:
        context.changes = Changes()
    frozen = context.narrowed(_rows_before(plan, context))
    for number, part in plan.first:
        frozen.returned[number] = _rows_of(run_write(part, frozen))
    return frozen


def run_write(plan: InsertPlan | ModifyPlan, context: Context) -> Result:
    if isinstance(plan, InsertPlan):
        return run_insert(plan, context)
    return run_modify(plan, context)


def is_query(plan: QueryPlan | InsertPlan | ModifyPlan) -> bool:
    return not isinstance(plan, (InsertPlan, ModifyPlan))


def _rows_before(plan: SequencePlan, context: Context) -> dict[int, dict[Shard, RowSet]]:
    found: dict[int, dict[Shard, RowSet]] = {}
    for scan in plan.scans:
        shards = context.store.shards(scan.table.oid)
        found[scan.relation_id] = {shard: shard.visible(context.tx) for shard in shards}
    return found


def _rows_of(result: Result) -> pa.Table:
    """What a statement returned, as columns c0, c1 ..."""
    columns = result.columns or ()
    values: list[list[object]] = [[] for _ in columns]
    for batch in result.rows:
        for column, part in zip(values, batch, strict=True):
            column += part
    return pa.table(
        {
            f"c{i}": c.type.definition.to_arrow(v, c.type.typmod)
            for i, (c, v) in enumerate(zip(columns, values, strict=True))
        }
    )
