"""COLLATE: which collations there are. All of them compare bytes, so that a name changes no order."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.names import COLLATIONS
from sqlvec.errors import DatatypeMismatch, InvalidSchemaName, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types import SqlType
from sqlvec.types.domain_type import value_type


def check_collation(binder: Binder, parts: list[Node], position: int | None) -> None:
    """42704 for a collation that is not there."""
    *schema, name = [part["String"]["sval"] for part in parts]
    if schema and binder.catalog.schema(schema[-1]) is None and schema[-1] != "pg_catalog":
        raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist', position=position)
    if name not in COLLATIONS or (schema and schema[-1] != "pg_catalog"):
        shown = ".".join([*schema, name])
        raise UndefinedObject(
            f'collation "{shown}" for encoding "UTF8" does not exist', position=position
        )


def check_column_collation(
    binder: Binder, column: Node, sql_type: SqlType, *, placed: bool = True
) -> None:
    """The collation that a ColumnDef declares, if any, fits the column."""
    clause = column.get("collClause")
    if clause:
        position = binder.position(clause)
        check_collation(binder, clause["collname"], position if placed else None)
        _require_collatable(sql_type, position if placed else None)


def collated(
    binder: Binder, value: bound.Expression, names: list[Node], position: int | None
) -> bound.Expression:
    """value COLLATE name."""
    check_collation(binder, names, position)
    if is_unknown(value.type):
        return binder.coerce(value, types.TEXT)
    _require_collatable(value.type, position)
    return value


def _require_collatable(sql_type: SqlType, position: int | None) -> None:
    element = types.element_of(sql_type) or value_type(sql_type)
    if element.definition.category != "S":
        raise DatatypeMismatch(
            f"collations are not supported by type {sql_type.plain_name}", position=position
        )
