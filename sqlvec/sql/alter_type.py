"""ALTER COLUMN ... TYPE: the new type, and how the values there are become values of it (tablecmds.c)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlvec import types
from sqlvec.catalog.objects import Column, Table, View
from sqlvec.errors import DatatypeMismatch, FeatureNotSupported, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.binder import Binder
from sqlvec.sql.collation import declared_collation
from sqlvec.sql.dependencies import shown_name
from sqlvec.sql.expression_text import bind_expression_text, columns_read
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.table_draft import Draft
from sqlvec.sql.type_rules import casts_on_assignment
from sqlvec.types import SqlType

_UNBOUNDED = (types.TEXT.oid, types.VARCHAR.oid)


@dataclass(frozen=True, slots=True)
class ChangedType:
    """value: of the column in each row, over the old table; None where rows stay as they are."""

    type: SqlType
    default: str | None
    value: bound.Expression | None
    collation: int


def change_type(
    binder: Binder, draft: Draft, scan: bound.TableScan, column: Column, body: Node
) -> ChangedType | None:
    """None when nothing changes."""
    try:
        wanted = binder.type_name(body["typeName"])
    except UndefinedObject as error:
        error.position = None  # PostgreSQL tells no position here
        raise
    collation = declared_collation(binder, body, wanted, placed=False)
    table = draft.table()
    _refuse_readers(binder, table, column)
    using = body.get("raw_default")
    if using is None and (wanted, collation) == (column.type, column.collation):
        return None
    if using is not None:
        scope = Scope()
        scope.add(scan)
        value = bind_expression(binder, using, scope)
    else:
        value = bound.ColumnRef(column.value_type, scan.relation_id, column.attnum - 1, column.name)
    name = types.format_type(wanted.bare)
    if not casts_on_assignment(value.type, wanted):
        if using is not None:
            raise DatatypeMismatch(
                f'result of USING clause for column "{column.name}" cannot be cast automatically to '
                f"type {name}",
                hint="You might need to add an explicit cast.",
            )
        quoted = column.name
        raise DatatypeMismatch(
            f'column "{column.name}" cannot be cast automatically to type {name}',
            hint=f'You might need to specify "USING {quoted}::{types.format_type(wanted)}".',
        )
    default = _default(binder, column, wanted)
    if using is None and (wanted == column.type or _is_wider(column.type, wanted)):
        return ChangedType(wanted, default, None, collation)
    value = binder.assign(value, column.name, wanted, None)
    return ChangedType(wanted, default, value, collation)


def _is_wider(old: SqlType, new: SqlType) -> bool:
    """Whether every value of the old type is, as it is stored, one of the new."""
    if old.oid not in _UNBOUNDED or new.oid not in _UNBOUNDED:
        return False
    return new.typmod < 0 or 0 <= old.typmod <= new.typmod


def _default(binder: Binder, column: Column, wanted: SqlType) -> str | None:
    if not column.default:
        return column.default
    expression = bind_expression_text(binder, column.default, None, -2)
    if not casts_on_assignment(expression.type, wanted) and expression.type != types.UNKNOWN:
        raise DatatypeMismatch(
            f'default for column "{column.name}" cannot be cast automatically to type '
            f"{types.format_type(wanted.bare)}"
        )
    return column.default


def _refuse_readers(binder: Binder, table: Table, column: Column) -> None:
    """Views and generated columns that read the column keep its type as it is."""
    for view in binder.catalog.relations.values():
        if isinstance(view, (View, Table)) and view.uses(table.oid, column.attnum):
            word = "materialized view" if isinstance(view, Table) else "view"
            raise FeatureNotSupported(
                "cannot alter type of a column used by a view or rule",
                detail=f"rule _RETURN on {word} {shown_name(binder, view)} depends on column "
                f'"{column.name}"',
            )
    for other in table.live_columns:
        if other.generated and column.attnum in columns_read(
            bind_expression_text(binder, other.generated, table, -2)
        ):
            raise FeatureNotSupported(
                "cannot alter type of a column used by a generated column",
                detail=f'Column "{column.name}" is used by generated column "{other.name}".',
            )
