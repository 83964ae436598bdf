"""EXPLAIN and EXPLAIN (ANALYZE): the plan, and what a run of it saw."""

from __future__ import annotations

from typing import Any

from sqlvec import types
from sqlvec.exec.context import Context
from sqlvec.exec.explain_formats import rendered
from sqlvec.exec.hand_fusion import fuses_what_is_recognised
from sqlvec.exec.insert import run_insert
from sqlvec.exec.limit import row_limit
from sqlvec.exec.modify import run_modify
from sqlvec.exec.prefilter import prefilter
from sqlvec.exec.ranked_rows import rank
from sqlvec.exec.result import Result, rows_result
from sqlvec.exec.select import run_query
from sqlvec.index.hnsw.recall import recall_of
from sqlvec.plan.explain import Node, explain
from sqlvec.plan.physical import InsertPlan, ModifyPlan, NativeSelect, Plan, Recognised, VectorLeg
from sqlvec.plan.planner import plan as make_plan
from sqlvec.sql import bound

PLAN_COLUMN = bound.OutputColumn("QUERY PLAN", types.TEXT)
JSON_PLAN_COLUMN = bound.OutputColumn("QUERY PLAN", types.JSON)


def explain_columns(statement: bound.Explain) -> tuple[bound.OutputColumn, ...]:
    json_format = statement.options.get("format", "text") == "json"
    return (JSON_PLAN_COLUMN if json_format else PLAN_COLUMN,)


def run_explain(statement: bound.Explain, context: Context) -> Result:
    """The plan as rows of text, or as one document."""
    inner, options = statement.statement, statement.options
    columns = explain_columns(statement)
    if not isinstance(inner, (bound.Query, bound.Insert, bound.Update, bound.Delete)):
        return rows_result(columns, iter([[["Utility statements have no plan structure"]]]), "EXPLAIN")
    started = context.clock_us()
    plan = make_plan(inner, context.catalog)
    if isinstance(plan, Recognised) and not fuses_what_is_recognised(context):
        plan = plan.as_written
    planned = context.clock_us()
    summary: dict[str, Any] = {}
    if options.get("analyze"):
        context.observed = {}
        row_count = _run(plan, context)
        finished = context.clock_us()
        summary["rows"] = row_count
        if options.get("timing", True):
            summary["Planning Time"] = (planned - started) / 1000
            summary["Execution Time"] = (finished - planned) / 1000
        if options.get("recall"):
            observed, context.observed = context.observed, None  # of the run, not of its repetition
            summary["recall"] = _recall(plan, context)
            context.observed = observed
    node = explain(plan, context.observed)
    context.observed = None
    form = options.get("format", "text")
    if form != "text":
        document: dict[str, Any] = {"Plan": node.tree(), **summary}
        return rows_result(columns, iter([[[rendered(document, form)]]]), "EXPLAIN")
    return rows_result(columns, iter([[_lines(node, summary)]]), "EXPLAIN")


def _lines(node: Node, summary: dict[str, Any]) -> list[str]:
    if "rows" in summary:
        node.details["returned"] = summary["rows"]
    lines = node.text()
    if summary.get("recall") is not None:
        lines.append(f"recall: {summary['recall']:.3f}")
    for name in ("Planning Time", "Execution Time"):
        if name in summary:
            lines.append(f"{name}: {summary[name]:.3f} ms")
    return lines


def _run(plan: Plan, context: Context) -> int:
    if isinstance(plan, InsertPlan):
        return run_insert(plan, context).row_count
    if isinstance(plan, ModifyPlan):
        return run_modify(plan, context).row_count
    return sum(len(batch[0]) for batch in run_query(plan, context) if batch)


def _recall(plan: Plan, context: Context) -> float | None:
    """The share of the exact answer that this query's ranked scan found; None where nothing is ranked."""
    if not isinstance(plan, NativeSelect) or plan.ranking is None:
        return None
    leg = plan.ranking.leg
    if not isinstance(leg, VectorLeg):
        return 1.0
    rows = prefilter(plan.prefilter, context)
    total = sum(part.rows.count for part in rows)
    k = row_limit(plan.limit, plan.offset, context).needed(total)
    found = rank(leg, rows, k, context)
    exact = rank(VectorLeg(leg.distance, leg.index, exact=True), rows, k, context)
    return recall_of(found.keys, exact.keys)
