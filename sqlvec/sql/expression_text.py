"""Expressions kept in the catalog as text: defaults, checks, generated columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlvec.catalog.identifiers import quote_identifier
from sqlvec.catalog.objects import Table
from sqlvec.errors import DatabaseError, FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.grouping import forbid_aggregates
from sqlvec.sql.parse import Node, nodes_of, parse
from sqlvec.sql.scope import Scope
from sqlvec.sql.tree import children
from sqlvec.types import SqlType

_IDENTIFIER = re.compile(rb'"(?:[^"]|"")*"|\w+')
DOMAIN_VALUE = 2_000_000_000  # the relation id of VALUE, in a domain's conditions


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
    return _bind_text(binder, text, scope)


def bind_domain_text(binder: Binder, text: str, base: SqlType) -> bound.Expression:
    """A domain's check: over VALUE, column 0 of a relation without name."""
    return _bind_text(binder, text, domain_scope(base))


def domain_scope(base: SqlType) -> Scope:
    scope = Scope()
    value = bound.OutputColumn("value", base)
    scope.add(bound.RelationNode(DOMAIN_VALUE, "", (value,)))
    return scope


def _bind_text(binder: Binder, text: str, scope: Scope) -> bound.Expression:
    outer = binder.parsed, binder.stored_text, binder.bare
    binder.parsed, binder.stored_text, binder.bare = parse(f"SELECT {text}")[0], True, True
    try:
        return bind_expression(binder, parse_expression(text), scope)
    finally:
        binder.parsed, binder.stored_text, binder.bare = outer


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression of a definition stands, as errors name it (parse_agg.c, parse_expr.c)."""

    one: str
    many: str
    columns: bool = True  # it may read columns


CHECK = Place("check constraint", "check constraints")
DEFAULT = Place("DEFAULT expression", "DEFAULT expressions", columns=False)
ARGUMENT_DEFAULT = Place("DEFAULT expression", "DEFAULT expressions")
GENERATED = Place("column generation expression", "column generation expressions")


def bind_definition(
    binder: Binder, node: Node, table: Table | None, place: Place
) -> bound.Expression:
    """An expression as the statement that defines it has it: errors tell positions in that statement."""
    _refuse_subqueries(binder, node, place)
    if not place.columns:
        for inner in nodes_of(node, "ColumnRef"):
            raise FeatureNotSupported(
                f"cannot use column reference in {place.one}", position=binder.position(inner)
            )
    scope = Scope()
    if table is not None:
        scope.add(bound.TableScan(-2, table.name, table_columns(table), table))
    return _without_aggregates(binder, node, _bare(binder, node, scope), place)


def bind_domain_check(binder: Binder, node: Node, base: SqlType) -> bound.Expression:
    """A domain's condition as the statement that defines it has it."""
    _refuse_subqueries(binder, node, CHECK)
    expression = _bare(binder, node, domain_scope(base))
    return _without_aggregates(binder, node, expression, CHECK)


def _bare(binder: Binder, node: Node, scope: Scope) -> bound.Expression:
    outer, binder.bare = binder.bare, True
    try:
        return bind_expression(binder, node, scope)
    finally:
        binder.bare = outer


def _refuse_subqueries(binder: Binder, node: Node, place: Place) -> None:
    for inner in nodes_of(node, "SubLink"):
        raise FeatureNotSupported(
            f"cannot use subquery in {place.one}", position=binder.position(inner)
        )


def _without_aggregates(
    binder: Binder, node: Node, expression: bound.Expression, place: Place
) -> bound.Expression:
    try:
        forbid_aggregates(expression, place.many)
    except DatabaseError as error:
        error.position = next((binder.position(n) for n in nodes_of(node, "FuncCall")), None)
        raise
    return expression


def columns_read(expression: bound.Expression) -> list[int]:
    """The attnums of the columns in an expression over one table."""
    found: set[int] = set()
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, bound.ColumnRef):
            found.add(node.ordinal + 1)
        stack.extend(children(node))
    return sorted(found)


def first_position(binder: Binder, node: Node, column: str) -> int | None:
    """Where the expression names the column first."""
    for inner in nodes_of(node, "ColumnRef"):
        last = inner["fields"][-1]
        if "String" in last and last["String"]["sval"] == column:
            return binder.position(inner)
    return None


def column_references(text: str) -> list[tuple[int, list[str]]]:
    """The column references in an expression kept as text: byte offsets, and the names as folded."""
    shift = len("SELECT ")
    found = []
    for inner in nodes_of(parse_expression(text), "ColumnRef"):
        if all("String" in field for field in inner["fields"]):
            names = [field["String"]["sval"] for field in inner["fields"]]
            found.append((inner["location"] - shift, names))
    return found


# ---------------------------------------------------------------- under other names

Rewrite = Callable[[list[str]], list[str]]


def renamed(old: str, new: str) -> Rewrite:
    return lambda names: [*names[:-1], new] if names[-1] == old else names


def unqualified(table: str) -> Rewrite:
    return lambda names: names[1:] if len(names) == 2 and names[0] == table else names


def rewritten_text(text: str, rewrite: Rewrite) -> str:
    """The expression with its column references as `rewrite` makes them."""
    raw = text.encode()
    for location, names in sorted(column_references(text), reverse=True):
        new = rewrite(names)
        if new == names:
            continue
        end = location
        for i in range(len(names)):
            match = _IDENTIFIER.search(raw, end)
            assert match is not None, (text, names, i)
            end = match.end()
        raw = raw[:location] + ".".join(map(quote_identifier, new)).encode() + raw[end:]
    return raw.decode()
