"""Collations: which there are, and which one a type, a column or a key of an index has.

All of them compare bytes, so that a collation is shown, kept and dumped, but changes no order. Where a definition
declares none, or the one that comes with the type, it has 0 here.
"""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Column, IndexColumn, Table, View
from sqlvec.catalog.user_types import Attribute, DomainType
from sqlvec.types import SqlType, TypeDefinition

COLLATIONS = {"default": 100, "C": 950, "POSIX": 951, "ucs_basic": 12_344}


def definition_collation(definition: TypeDefinition) -> int:
    """typcollation of a type that is no domain: of texts and arrays of them, 0 for others."""
    element = types.by_oid(definition.element_oid) or definition
    if element.category != "S" and element.name != "pg_node_tree":
        return 0
    return COLLATIONS["C" if element.oid == types.NAME.oid else "default"]


def type_collation(catalog: Catalog, sql_type: SqlType) -> int:
    made = catalog.types.get(sql_type.oid)
    if isinstance(made, DomainType):
        return made.collation or type_collation(catalog, made.base)
    return definition_collation(sql_type.definition)


def column_collation(catalog: Catalog, column: Column | Attribute) -> int:
    return column.collation or type_collation(catalog, column.type)


def key_collation(
    catalog: Catalog, table: Table | View, part: IndexColumn, sql_type: SqlType
) -> int:
    """Of a key of an index: sql_type is the column's or the expression's."""
    if part.collation:
        return part.collation
    if part.attnum:
        return column_collation(catalog, table.columns[part.attnum - 1])
    return type_collation(catalog, sql_type)
