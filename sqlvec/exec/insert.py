"""INSERT: rows from VALUES or a query, defaults, ON CONFLICT, RETURNING."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.exec.arrow_rows import ArrowColumn
from sqlvec.exec.bulk_insert import insert_columns, takes_columns
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
from sqlvec.storage.key_search import KeyTaken
from sqlvec.types.copy_format import arrow_or_vectors

BATCHES_TOGETHER = 8  # of a query, for one batch of rows
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
    for batch in _batches(plan, context):
        context.check_cancelled()
        attnums = statement.attnums
        if plan.rows is None:
            inserted, attnums, batch = _insert_columns(plan, writer, batch)
            if inserted:
                count += inserted
                continue
        source = [list(column) for column in batch]
        rows = complete_rows(
            writer, attnums, source, statement.defaults, _row_count(source, plan), memo
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


def _batches(plan: InsertPlan, context: Context) -> Iterator[Batch]:
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
    arrow = [columns for batch in batches if (columns := _arrow_columns(batch))]
    if len(arrow) < len(batches):
        yield from batches
        return
    for first in range(0, len(arrow), BATCHES_TOGETHER):
        yield _joined(arrow[first : first + BATCHES_TOGETHER])


def _arrow_columns(batch: Batch) -> list[ArrowColumn]:
    """The batch, if all its columns are Arrow's; else none."""
    columns = [column for column in batch if isinstance(column, ArrowColumn)]
    return columns if len(columns) == len(batch) else []


def _joined(batches: list[list[ArrowColumn]]) -> Batch:
    """One batch of several."""
    return [
        ArrowColumn(columns[0].type, pa.concat_arrays([column.array for column in columns]))
        for columns in zip(*batches, strict=True)
    ]


def _insert_columns(
    plan: InsertPlan, writer: Writer, batch: Batch
) -> tuple[int, tuple[int, ...], Batch]:
    """Inserts the rows by columns, if that is possible. The number of rows inserted; and otherwise, besides 0, what is
    known of them: columns, by attnum, with the defaults that were asked for on the way."""
    statement, table = plan.statement, writer.table
    attnums, columns = statement.attnums, _arrow_columns(batch)
    late = [a for a in statement.defaults if a.attnum not in attnums]
    known = {*attnums, *(a.attnum for a in late)}
    if (
        statement.on_conflict or statement.returning or not columns or not takes_columns(writer)
        or any(table.column_by_attnum(a.attnum).generated for a in late)
        or (table.tenant_attnum and table.tenant_attnum not in known)
        or any(not _is_form_of(table, a, c) for a, c in zip(attnums, columns, strict=True))
    ):  # fmt: skip
        return 0, attnums, batch
    given: dict[int, Any] = {a: c.array for a, c in zip(attnums, columns, strict=True)}
    row_count, values = len(batch[0]), [*batch]
    for assignment in late:
        default = _default(assignment.expression, writer.relation_id, plan.memo)
        found = default(row_count, writer.context)
        values.append(found)
        sql_type = table.column_by_attnum(assignment.attnum).type
        given[assignment.attnum] = arrow_or_vectors(sql_type, found)
    try:
        if insert_columns(writer, given, row_count):
            return row_count, (), []
    except KeyTaken:
        rows = complete_rows(writer, [*given], [*map(list, values)], (), row_count)
        writer.verify_keys(rows, writer.shards_of(rows))
        raise
    return 0, tuple(given), values


def _is_form_of(table: Table, attnum: int, column: ArrowColumn) -> bool:
    sql_type = table.column_by_attnum(attnum).type
    return bool(column.array.type == sql_type.definition.arrow(sql_type.typmod))


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
