"""Expressions over rows at hand, by the relational engine: what a write computes of the rows that it writes.

The rows stand for one relation; subqueries among the expressions read tables as in any query.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from sqlvec.exec.context import Context, Datum
from sqlvec.sql import bound


def evaluate_over_rows(
    expressions: Sequence[bound.Expression],
    relation_id: int,
    rows: pa.Table,
    context: Context,
    whole: tuple[bound.OutputColumn, ...] = (),
) -> list[list[Datum]]:
    """Columns of the expressions over an Arrow table of columns c{ordinal}; whole: what a row of the relation is
    made of, where that is asked for."""
    from sqlvec.exec.select import run_remainder_arrow
    from sqlvec.plan.planner import plan_query
    from sqlvec.plan.remainder import has_subquery, plan_remainder

    columns = tuple(bound.OutputColumn(f"v{i}", e.type) for i, e in enumerate(expressions))
    targets = tuple(bound.Target(f"v{i}", e) for i, e in enumerate(expressions))
    query = bound.Select(columns, targets, (bound.CteScan(relation_id, "rows", whole, "rows"),))
    if any(map(has_subquery, expressions)):
        plan = plan_remainder(query, context.catalog, plan_query)
        batches = run_remainder_arrow(plan, context, {relation_id: rows})
    else:
        batches = context.relational().run(query, {relation_id: rows}, context, {})
    values: list[list[Datum]] = [[] for _ in expressions]
    for batch in batches:
        for i, column in enumerate(columns):
            array = batch.column(i)
            if isinstance(array, pa.ChunkedArray):
                array = array.combine_chunks()
            values[i] += column.type.definition.from_arrow(array)
    return values
