"""INSERT: rows from VALUES or a query, defaults, ON CONFLICT, RETURNING."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.errors import (
    CardinalityViolation,
    InvalidColumnReference,
    ObjectNotInState,
    SerializationFailure,
)
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import compile_expression
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.prefilter import session_tenant
from sqlvec.exec.result import Batch, Result
from sqlvec.exec.row_versions import claim_mode, replace_rows
from sqlvec.exec.select import run_query
from sqlvec.exec.write import Rows, Writer, evaluate_over_rows, table_rules
from sqlvec.plan.native import is_native
from sqlvec.plan.physical import InsertPlan
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

INSERT_BATCH_ROWS = 10_000


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
        kept = _write(writer, rows, statement.on_conflict)
        count += len(kept[0]) if kept else 0
        if statement.returning:
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


def _write(writer: Writer, rows: Rows, on_conflict: bound.OnConflict | None) -> Rows:
    """Writes the rows and returns those inserted or updated, as they are now."""
    writer.verify(rows)
    shards = writer.shards_of(rows)
    if on_conflict is None:
        writer.insert_new(rows, shards)
        return rows
    return _Upsert(writer, on_conflict).run(rows, shards)


class _Upsert:
    """ON CONFLICT, row by row: the row with the key is left, or replaced."""

    def __init__(self, writer: Writer, on_conflict: bound.OnConflict) -> None:
        self.writer = writer
        self.on_conflict = on_conflict
        self._refuse_late(writer, on_conflict)
        arbiters = [k for k in writer.keys if set(k) == set(on_conflict.attnums)]
        if on_conflict.attnums and not arbiters:
            raise InvalidColumnReference(
                "there is no unique or exclusion constraint matching the ON CONFLICT specification"
            )
        self.arbiters = arbiters or writer.keys
        slots = writer.slots()
        width = len(writer.columns)
        for i, column in enumerate(writer.columns):
            reference = bound.ColumnRef(
                column.value_type, on_conflict.excluded_id, column.attnum - 1, column.name
            )
            slots[reference] = width + i
        self.assignments = [
            (writer.place_of(a.attnum), compile_expression(a.expression, slots))
            for a in on_conflict.do_update
        ]
        self.assigned = {a.attnum for a in on_conflict.do_update}
        self.mode = claim_mode(writer, self.assigned)
        where = on_conflict.where
        self.where = None if where is None else compile_expression(where, slots)
        self.touched: set[tuple[Shard, int]] = set()

    @staticmethod
    def _refuse_late(writer: Writer, on_conflict: bound.OnConflict) -> None:
        for constraint in writer.table.unique_keys:
            chosen = set(constraint.attnums) == set(on_conflict.attnums)
            if constraint.deferrable and (chosen or not on_conflict.attnums):
                raise ObjectNotInState(
                    "ON CONFLICT does not support deferrable unique constraints/exclusion "
                    "constraints as arbiters",
                    schema=writer.schema_name(), table=writer.table.name, constraint=constraint.name,
                )  # fmt: skip

    def run(self, rows: Rows, shards: list[Shard]) -> Rows:
        kept: list[tuple[Datum, ...]] = []
        for row, shard in zip(zip(*rows, strict=True), shards, strict=True):
            written = self._row(row, shard)
            if written is not None:
                kept.append(written)
        if not kept:
            return [[] for _ in self.writer.columns]
        return [list(column) for column in zip(*kept, strict=True)]

    def _row(self, row: tuple[Datum, ...], shard: Shard) -> tuple[Datum, ...] | None:
        writer = self.writer
        tx = writer.context.tx
        for key in self.arbiters:
            found = writer.find(key, writer.key_of(key, row), shard)
            if found is not None:
                shard, row_id = found
                if not tx.rereads and not shard.sees(row_id, tx):
                    raise SerializationFailure(
                        "could not serialize access due to concurrent update"
                    )
                if self.on_conflict.nothing:
                    return None
                return self._update(row, shard, row_id)
        self._insert(row, shard)
        return row

    def _insert(self, row: tuple[Datum, ...], shard: Shard) -> None:
        writer = self.writer
        rows = [[value] for value in row]
        writer.verify_keys(rows, [shard])
        written = writer.insert(rows, [shard])[0]
        self.touched.add((shard, written.first_row_id))

    def _update(
        self, row: tuple[Datum, ...], shard: Shard, row_id: int
    ) -> tuple[Datum, ...] | None:
        writer, context = self.writer, self.writer.context
        if (shard, row_id) in self.touched:
            raise CardinalityViolation(
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
                hint="Ensure that no rows proposed for insertion within the same command have "
                "duplicate constrained values.",
            )
        ids = np.array([row_id], dtype=np.int64)
        context.tx.lock_rows(shard, ids, self.mode)
        old = tuple(shard.gather(c.attnum, ids)[0] for c in writer.columns)
        both = old + row
        if self.where is not None and self.where(both, context) is not True:
            return None
        new = list(old)
        for place, evaluator in self.assignments:
            new[place] = evaluator(both, context)
        rows = [[value] for value in new]
        context.tx.claim(shard, ids, self.mode)
        written = replace_rows(writer, [(shard, ids)], rows, self.assigned)[0]
        self.touched.add((written.shard, written.first_row_id))
        return tuple(new)
