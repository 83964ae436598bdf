"""Whether the rows there are satisfy what a change of their table asks: NOT NULL, CHECK, keys, references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Column, Constraint, Index, Table
from sqlvec.errors import CheckViolation, NotNullViolation
from sqlvec.exec.context import Context
from sqlvec.exec.domain_values import breaks_rule, contains_domain
from sqlvec.exec.foreign_keys import ForeignKey
from sqlvec.exec.late_keys import verify_unique
from sqlvec.exec.partition_writer import by_attnum, outside
from sqlvec.exec.row_rules import row_rules
from sqlvec.exec.write import Rows, Writer
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

ROWS_AT_ONCE = 10_000
_RELATION_ID = 1


def table_rows(table: Table, context: Context) -> Iterator[tuple[Shard, np.ndarray]]:
    """Every row that the transaction sees, some at a time."""
    for shard in context.store.each_shard(table.oid):
        ids = shard.visible(context.tx).ids()
        for start in range(0, len(ids), ROWS_AT_ONCE):
            context.check_cancelled()
            yield shard, ids[start : start + ROWS_AT_ONCE]


def verify_rows(check: bound.Verify, context: Context) -> None:
    """One thing that must hold for all rows of a table."""
    table = context.catalog.table(check.table_oid)
    if check.kind == "n":
        _verify_not_null(table, check.number, context)
    elif check.kind == "u":
        index = context.catalog.relations[check.number]
        assert isinstance(index, Index), index
        verify_unique(index, table, context)
    elif check.kind in "pd":
        _verify_bound(table, context.catalog.table(check.number), check.kind == "d", context)
    elif check.kind == "x":
        _verify_unreferenced(table, check.number, context)
    else:
        constraint = next(c for c in table.constraints if c.oid == check.number)
        if constraint.kind == "c":
            _verify_check(table, constraint, context)
        else:
            _verify_references(table, constraint, context)


def _verify_not_null(table: Table, attnum: int, context: Context) -> None:
    column = table.column_by_attnum(attnum)
    for shard, ids in table_rows(table, context):
        if any(value is None for value in shard.gather(attnum, ids)):
            raise NotNullViolation(
                f'column "{column.name}" of relation "{table.name}" contains null values',
                schema=context.catalog.schemas[table.schema_oid].name,
                table=table.name,
                column=column.name,
            )


def _verify_check(table: Table, constraint: Constraint, context: Context) -> None:
    rules = row_rules(context, table, _RELATION_ID)
    expression = next(c.expression for c in rules.checks if c.name == constraint.name)
    writer = Writer(table, context, _RELATION_ID)
    for shard, ids in table_rows(table, context):
        rows: Rows = [shard.gather(column.attnum, ids) for column in writer.columns]
        if any(value is False for value in writer.evaluate([expression], rows)[0]):
            raise CheckViolation(
                f'check constraint "{constraint.name}" of relation "{table.name}" is violated by some '
                "row",
                schema=context.catalog.schemas[table.schema_oid].name,
                table=table.name,
                constraint=constraint.name,
            )


def _verify_bound(table: Table, partition: Table, is_default: bool, context: Context) -> None:
    """The rows of a table are of the partition that it is, or that it is in."""
    writer = Writer(table, context, _RELATION_ID)
    for shard, ids in table_rows(table, context):
        rows: Rows = [shard.gather(column.attnum, ids) for column in writer.columns]
        if outside(table, by_attnum(writer, rows), context) is not None:
            message = f'partition constraint of relation "{table.name}" is violated by some row'
            if is_default:
                message = (
                    f'updated partition constraint for default partition "{partition.name}" would be '
                    "violated by some row"
                )
            schema = context.catalog.schemas[table.schema_oid].name
            raise CheckViolation(message, schema=schema, table=table.name)


def _verify_references(table: Table, constraint: Constraint, context: Context) -> None:
    parent = context.catalog.table(constraint.foreign_table_oid)
    key = ForeignKey(context, constraint, table, parent)
    for shard, ids in table_rows(table, context):
        key.check_rows(shard, ids)


def _verify_unreferenced(partition: Table, constraint_oid: int, context: Context) -> None:
    """No row refers to one that only the partition had."""
    found = context.catalog.constraint(constraint_oid)
    assert found is not None, constraint_oid
    table, constraint = found
    parent = context.catalog.table(constraint.foreign_table_oid)
    key = ForeignKey(context, constraint, table, parent)
    for leaf in context.catalog.leaves(table):
        for shard, ids in table_rows(leaf, context):
            key.check_still_there(partition, shard, ids)


def verify_domain(check: bound.VerifyDomain, context: Context) -> None:
    """One rule of a domain, over all columns that hold values of it."""
    for table in list(context.catalog.relations.values()):
        if not isinstance(table, Table):
            continue
        for column in table.live_columns:
            if not contains_domain(column.type, check.domain):
                continue
            for shard, ids in table_rows(table, context):
                values = shard.gather(column.attnum, ids)
                if breaks_rule(column.type, values, check, context):
                    _refuse_domain(table, column, check, context)


def _refuse_domain(
    table: Table, column: Column, check: bound.VerifyDomain, context: Context
) -> None:
    kind = CheckViolation if check.constraint else NotNullViolation
    what = "values that violate the new constraint" if check.constraint else "null values"
    raise kind(
        f'column "{column.name}" of table "{table.name}" contains {what}',
        schema=context.catalog.schemas[table.schema_oid].name,
        table=table.name,
        column=column.name,
    )
