"""What the catalog says of a table's rows, bound: checks, generated columns, defaults."""

from __future__ import annotations

from dataclasses import dataclass

from sqlvec.catalog.objects import Index, Table
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.temporary import temporary_schema
from sqlvec.sql import bound
from sqlvec.sql.bind_write import checks, default_of
from sqlvec.sql.binder import Binder
from sqlvec.sql.context import BindContext
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import ParsedStatement


@dataclass(frozen=True, slots=True)
class RowRules:
    checks: tuple[bound.Check, ...]
    generated: tuple[bound.Assignment, ...]


def row_rules(context: Context, table: Table, relation_id: int) -> RowRules:
    """The rules for rows that no statement of the user's writes."""
    binder = definition_binder(context)
    generated = []
    for column in table.live_columns:
        if column.generated:
            expression = default_of(binder, column, table, relation_id)
            assert expression is not None
            generated.append(bound.Assignment(column.attnum, expression))
    return RowRules(checks(binder, table, relation_id), tuple(generated))


@dataclass(frozen=True, slots=True)
class IndexRules:
    """keys: one expression a column; predicate: of a partial index."""

    keys: tuple[bound.Expression, ...]
    predicate: bound.Expression | None


def index_rules(context: Context, table: Table, index: Index, relation_id: int) -> IndexRules:
    binder = definition_binder(context)
    keys: list[bound.Expression] = []
    for part in index.columns:
        if part.attnum:
            column = table.column_by_attnum(part.attnum)
            reference = bound.ColumnRef(column.value_type, relation_id, part.attnum - 1, column.name)
            keys.append(reference)
        else:
            keys.append(bind_expression_text(binder, part.expression, table, relation_id))
    predicate = None
    if index.predicate:
        expression = bind_expression_text(binder, index.predicate, table, relation_id)
        predicate = binder.boolean(expression, "WHERE", None)
    return IndexRules(tuple(keys), predicate)


def default_values(context: Context, table: Table, attnum: int, count: int) -> list[Datum]:
    """What the column gets by default, for each of `count` rows."""
    column = table.column_by_attnum(attnum)
    expression = default_of(definition_binder(context), column, table, 1)
    if expression is None:
        return [None] * count
    return [constant(expression, context) for _ in range(count)]


def definition_binder(context: Context) -> Binder:
    """For expressions that the catalog keeps."""
    settings = context.settings
    surroundings = BindContext(
        catalog=context.catalog,
        search_path=settings.search_path(context.user),
        show=settings.show,
        user=context.user,
        database=context.database,
        temporary_schema=temporary_schema(context.pid),
        zone=settings.zone,
    )
    return Binder(ParsedStatement("", {}, 0), surroundings, ())
