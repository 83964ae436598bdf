"""COLLATE: which collations there are. All of them compare bytes, so that a name changes no order."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.collations import COLLATIONS, type_collation
from sqlvec.errors import DatatypeMismatch, InvalidSchemaName, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.tree import children
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types import SqlType
from sqlvec.types.domain_type import value_type


def find_collation(binder: Binder, parts: list[Node], position: int | None) -> int:
    """Its oid; 42704 for a collation that is not there."""
    *schema, name = [part["String"]["sval"] for part in parts]
    if schema and binder.catalog.schema(schema[-1]) is None and schema[-1] != "pg_catalog":
        raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist', position=position)
    if name not in COLLATIONS or (schema and schema[-1] != "pg_catalog"):
        shown = ".".join([*schema, name])
        raise UndefinedObject(
            f'collation "{shown}" for encoding "UTF8" does not exist', position=position
        )
    return COLLATIONS[name]


def declared_collation(
    binder: Binder, column: Node, sql_type: SqlType, *, placed: bool = True
) -> int:
    """The collation that a ColumnDef declares, which must fit the column; 0 for the one of its type."""
    clause = column.get("collClause")
    if not clause:
        return 0
    position = binder.position(clause) if placed else None
    found = find_collation(binder, clause["collname"], position)
    require_collatable(sql_type, position)
    return 0 if found == type_collation(binder.catalog, sql_type) else found


def implied_collation(binder: Binder, value: bound.Expression) -> int:
    """Of a view's column: that of the columns it is made of, if they agree; 0 for the one of its type."""
    if not _is_collatable(value.type):
        return 0
    if isinstance(value, bound.ColumnRef):
        column = binder.column_of(value)
        return 0 if column is None else column.collation
    found = {implied_collation(binder, part) for part in children(value)} - {0}
    return found.pop() if len(found) == 1 else 0


def collated(
    binder: Binder, value: bound.Expression, names: list[Node], position: int | None
) -> bound.Expression:
    """value COLLATE name."""
    find_collation(binder, names, position)
    if is_unknown(value.type):
        return binder.coerce(value, types.TEXT)
    require_collatable(value.type, position)
    return value


def require_collatable(sql_type: SqlType, position: int | None) -> None:
    if not _is_collatable(sql_type):
        raise DatatypeMismatch(
            f"collations are not supported by type {sql_type.plain_name}", position=position
        )


def _is_collatable(sql_type: SqlType) -> bool:
    element = types.element_of(sql_type) or value_type(sql_type)
    return element.definition.category == "S"
