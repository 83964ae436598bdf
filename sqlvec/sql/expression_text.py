"""Expressions kept in the catalog as text: defaults, checks, generated columns."""

from __future__ import annotations

from sqlvec.catalog.objects import Table
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node, parse
from sqlvec.sql.scope import Scope


def parse_expression(text: str) -> Node:
    """The parse node of an expression."""
    node: Node = parse(f"SELECT {text}")[0].node["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
    return node


def bind_expression_text(
    binder: Binder, text: str, table: Table | None, relation_id: int
) -> bound.Expression:
    """The expression over the table's columns, or over none."""
    scope = Scope()
    if table is not None:
        scope.add(bound.TableScan(relation_id, table.name, table_columns(table), table))
    outer = binder.parsed
    binder.parsed = parse(f"SELECT {text}")[0]
    try:
        return bind_expression(binder, parse_expression(text), scope)
    finally:
        binder.parsed = outer
