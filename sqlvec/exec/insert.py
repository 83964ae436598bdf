"""INSERT: rows from VALUES or a query, defaults, ON CONFLICT, RETURNING."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import compile_expression
from sqlvec.exec.over_rows import evaluate_over_rows
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.prefilter import session_tenant
from sqlvec.exec.result import Batch, Result
from sqlvec.exec.select import run_query
from sqlvec.exec.upsert import Upsert
from sqlvec.exec.write import Rows, Writer, table_rules
from sqlvec.plan.native import is_native
from sqlvec.plan.physical import InsertPlan, ModifyPlan
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.system_columns import TABLEOID_ORDINAL, XMAX_ORDINAL

INSERT_BATCH_ROWS = 10_000
_XIDS = 2**32 - 2


def run_insert(plan: InsertPlan, context: Context) -> Result:
    statement = plan.statement
    memo = plan.memo
    rules = memo.get("rules")
    if rules is None:
        rules = memo["rules"] = table_rules(statement.target.table, context.catalog)
    target = statement.target
    writer = writer_of(target.table, context, target.relation_id, statement.checks, (), rules)
    returned: list[Batch] = []
    count = 0
    for source in _source_batches(plan, context):
        context.check_cancelled()
        rows = complete_rows(
            writer, statement.attnums, source, statement.defaults, _row_count(source, plan), memo
        )
        kept, updated = _write(writer, rows, statement.on_conflict, memo)
        count += len(kept[0]) if kept else 0
        if plan.carried:
            hidden = [_hidden(column, writer, kept, updated) for column in plan.carried]
            returned.append(returning_carried(plan, writer, kept, hidden))
        elif statement.returning:
            returned.append(returning(writer, statement.returning, kept))
    result = Result(None, "INSERT", iter(()), count, counted=True)
    if statement.returning:
        result.columns = output_columns(statement.returning)
        result.rows = iter(returned)
    return result


def output_columns(targets: tuple[bound.Target, ...]) -> tuple[bound.OutputColumn, ...]:
    return tuple(
        bound.OutputColumn(t.name, t.expression.type, t.table_oid, t.attnum) for t in targets
    )


def _row_count(source: list[list[Datum]], plan: InsertPlan) -> int:
    if source:
        return len(source[0])
    return len(plan.rows) if plan.rows is not None else 0


def _source_batches(plan: InsertPlan, context: Context) -> Iterator[list[list[Datum]]]:
    if plan.rows is not None:
        compiled = plan.memo.get("rows")
        if compiled is None:
            compiled = [[compile_expression(e, {}) for e in row] for row in plan.rows]
            plan.memo["rows"] = compiled
        values = [[f((), context) for f in row] for row in compiled]
        yield [list(column) for column in zip(*values, strict=True)]
        return
    assert plan.source is not None
    # The whole source is read first: INSERT INTO t SELECT FROM t must not see its own rows.
    batches = list(run_query(plan.source, context))
    for batch in batches:
        yield [list(column) for column in batch]


def complete_rows(
    writer: Writer,
    attnums: Sequence[int],
    values: list[list[Datum]],
    defaults: Sequence[bound.Assignment],
    row_count: int,
    memo: dict[Any, Any] | None = None,
) -> Rows:
    """Rows with every live column: given, by default, the session's tenant, or null. memo: the plan's."""
    given = dict(zip(attnums, values, strict=True))
    rows: Rows = []
    expressions = {a.attnum: a.expression for a in defaults}
    table, context = writer.table, writer.context
    late: list[tuple[int, bound.Expression]] = []
    for place, column in enumerate(writer.columns):
        if column.attnum in given:
            rows.append(given[column.attnum])
        elif column.attnum == table.tenant_attnum and session_tenant(context):
            tenant = column.type.definition.parse(session_tenant(context), column.type.typmod)
            rows.append([tenant] * row_count)
        else:
            rows.append([None] * row_count)
            if column.attnum in expressions:
                late.append((place, expressions[column.attnum]))
    for place, expression in late:
        generated = bool(writer.columns[place].generated)
        if generated:
            rows[place] = writer.evaluate([expression], rows)[0]
        else:
            default = _default(expression, writer.relation_id, {} if memo is None else memo)
            rows[place] = default(row_count, writer.context)
    return rows


def _default(
    expression: bound.Expression, relation_id: int, memo: dict[Any, Any]
) -> Callable[[int, Context], list[Datum]]:
    """What gives a default's value for each of so many rows."""
    found = memo.get(id(expression))
    if found is None:
        found = memo[id(expression)] = _compiled_default(expression, relation_id)
    return found


def _compiled_default(
    expression: bound.Expression, relation_id: int
) -> Callable[[int, Context], list[Datum]]:
    if is_native(expression):
        evaluator = compile_expression(expression, {})
        return lambda row_count, context: [evaluator((), context) for _ in range(row_count)]

    def by_engine(row_count: int, context: Context) -> list[Datum]:
        rows = pa.table({"c_": pa.nulls(row_count, pa.bool_())})
        return evaluate_over_rows([expression], relation_id, rows, context)[0]

    return by_engine


def returning(
    writer: Writer, targets: tuple[bound.Target, ...], rows: Rows
) -> list[list[Datum]]:
    return writer.evaluate([target.expression for target in targets], rows)


def returning_carried(
    plan: InsertPlan | ModifyPlan, writer: Writer, rows: Rows, carried: Rows
) -> list[list[Datum]]:
    """RETURNING that asks for columns of other relations, or hidden ones: they follow the row's own."""
    table = writer.arrow(rows)
    first = len(plan.statement.target.columns)
    for i, (column, values) in enumerate(zip(plan.carried, carried, strict=True)):
        array = column.type.definition.to_arrow(values, column.type.typmod)
        table = table.append_column(f"c{first + i}", array)
    whole = table_columns(writer.table)
    return evaluate_over_rows(plan.returning, writer.relation_id, table, writer.context, whole)


def _hidden(
    column: bound.ColumnRef, writer: Writer, rows: Rows, updated: list[bool]
) -> list[Datum]:
    """What RETURNING knows of what is hidden: the tables that rows are in, and whether they had been there."""
    if column.ordinal == XMAX_ORDINAL:
        number = writer.context.store.read_seqno % _XIDS + 1
        return [number if was_there else 0 for was_there in updated]
    assert column.ordinal == TABLEOID_ORDINAL, column
    return [shard.table_oid for shard in writer.shards_of(rows)]


def _write(
    writer: Writer, rows: Rows, on_conflict: bound.OnConflict | None, memo: dict[Any, Any]
) -> tuple[Rows, list[bool]]:
    """Writes the rows and returns those inserted or updated, as they are now, and which were updated."""
    writer.verify(rows)
    shards = writer.shards_of(rows)
    if on_conflict is None:
        writer.insert_new(rows, shards)
        return rows, [False] * len(shards)
    upsert = Upsert(writer, on_conflict, memo)
    return upsert.run(rows, shards), upsert.updated
