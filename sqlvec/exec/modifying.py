"""WITH with data-modifying statements: all of them look at the tables as they were before the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec.exec.changes import Changes
from sqlvec.exec.context import Context
from sqlvec.exec.insert import run_insert
from sqlvec.exec.modify import run_modify
from sqlvec.exec.placement import table_shards
from sqlvec.exec.result import Result, arrow_table
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
        result = run_write(part, frozen)
        frozen.returned[number] = arrow_table(result.rows, result.columns or ())
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
        if scan.as_of is not None:
            continue
        shards = table_shards(scan.table, context)
        found[scan.relation_id] = {shard: shard.visible(context.tx) for shard in shards}
    return found
