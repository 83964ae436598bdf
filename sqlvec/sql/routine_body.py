"""The body of a function in the SQL language: its statements, and binding one of them.

A body sees the arguments of its function and nothing of the statement that calls it. A name in it is a column where
there is one, and an argument otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from sqlvec import types
from sqlvec.catalog.routines import Routine
from sqlvec.errors import DatabaseError, InvalidFunctionDefinition
from sqlvec.settings import names_of_path
from sqlvec.sql import bound
from sqlvec.sql.bind_select import bind_query, with_literals
from sqlvec.sql.binder import Binder
from sqlvec.sql.body_arguments import BodyArguments
from sqlvec.sql.composites import composite_of
from sqlvec.sql.parse import Node, ParsedStatement, parse
from sqlvec.sql.type_rules import casts_on_assignment
from sqlvec.types import SqlType

_LEAD = "CREATE FUNCTION f() RETURNS void "
LEAD_LENGTH = len(_LEAD)
VOID = types.VOID
TRIGGER_OID = 2279
Columns = tuple[tuple[str, SqlType], ...]


@lru_cache(maxsize=1_000)
def body_statements(routine: Routine) -> tuple[ParsedStatement, ...]:
    """The statements, one after the other; their locations are in their own text."""
    if not routine.standard:
        return tuple(parse(routine.body))
    text = _LEAD + routine.body
    body = parse(text)[0].node["CreateFunctionStmt"]["sql_body"]
    found = [body] if "ReturnStmt" in body else body["List"]["items"][0].get("List", {}).get("items", ())
    return tuple(ParsedStatement(text, _as_query(node), len(_LEAD)) for node in found)


def _as_query(node: Node) -> Node:
    """RETURN expression is SELECT expression."""
    if "ReturnStmt" not in node:
        return node
    target = {"ResTarget": {"val": node["ReturnStmt"]["returnval"]}}
    return {"SelectStmt": {"targetList": [target], "limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}}


@contextmanager
def inside(
    binder: Binder,
    routine: Routine,
    parsed: ParsedStatement,
    arguments: BodyArguments,
    *,
    noting: bool = False,
) -> Iterator[None]:
    """The binder binds a statement of the body. noting: it notes the types and functions used in it."""
    names = ("parsed", "meant", "used", "stored_text", "type_uses", "context", "arguments", "positions",
             "where", "explains", "as_of", "windows", "overriding", "running")  # fmt: skip
    outer = {name: getattr(binder, name) for name in names}
    binder.parsed, binder.arguments, binder.stored_text = parsed, arguments, routine.standard
    binder.meant = {(r.schema, r.name): r for r in routine.relations}
    binder.used, binder.positions, binder.windows = {}, {}, {}
    binder.type_uses = binder.type_uses if noting else None
    binder.where, binder.explains, binder.as_of, binder.overriding = None, False, None, False
    binder.running = (*binder.running, routine.oid)
    path = dict(routine.settings).get("search_path")
    if path is not None:
        binder.context = replace(binder.context, search_path=names_of_path(path, binder.context.user))
    try:
        yield
    finally:
        for name, value in outer.items():
            setattr(binder, name, value)


def bind_result(binder: Binder, node: Node, result: SqlType, columns: Columns) -> bound.Query:
    """The query that gives the function's result, its columns as those declared."""
    query = bind_query(binder, node, None)
    return fitted(binder, query, node["SelectStmt"], result, columns)


def fitted(
    binder: Binder, query: bound.Query, node: Node, result: SqlType, columns: Columns
) -> bound.Query:
    """The query with the columns that its function declares; 42P13 where it has others."""
    if result == VOID:
        return query
    wanted = [t for _, t in columns]
    whole = composite_of(result) is not None or result == types.RECORD
    if whole and len(query.columns) == 1 and query.columns[0].type.oid == result.oid and len(wanted) != 1:
        return query
    check_columns([c.type for c in query.columns], result, wanted)
    query = with_literals(binder, query, node, wanted, "assignment")
    return _cast(binder, query, wanted)


def check_columns(found: Sequence[SqlType], result: SqlType, wanted: Sequence[SqlType]) -> None:
    """42P13 where the columns of a final statement do not fit what is declared."""
    shown = types.format_type(result)
    if composite_of(result) is None and result != types.RECORD:
        if len(found) != 1:
            raise mismatch(shown, "Final statement must return exactly one column.")
        if not _fits(found[0], wanted[0]):
            raise mismatch(shown, f"Actual return type is {found[0].plain_name}.")
        return
    for place, (one, target) in enumerate(zip(found, wanted, strict=False), 1):
        if not _fits(one, target):
            raise mismatch(
                shown,
                f"Final statement returns {one.plain_name} instead of {target.plain_name} at column {place}.",
            )
    if len(found) != len(wanted):
        size = "few" if len(found) < len(wanted) else "many"
        raise mismatch(shown, f"Final statement returns too {size} columns.")


def mismatch(shown: str, detail: str) -> InvalidFunctionDefinition:
    return InvalidFunctionDefinition(
        f"return type mismatch in function declared to return {shown}", detail=detail
    )


def no_result(routine: Routine, result: SqlType) -> InvalidFunctionDefinition:
    return mismatch(
        types.format_type(result),
        "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.",
    )


def _fits(found: SqlType, wanted: SqlType) -> bool:
    return found.oid == wanted.oid or casts_on_assignment(found, wanted)


def _cast(binder: Binder, query: bound.Query, wanted: Sequence[SqlType]) -> bound.Query:
    """The query, its columns as the types wanted."""
    if all(c.type.oid == w.oid for c, w in zip(query.columns, wanted, strict=True)):
        return query
    if not isinstance(query, bound.Select) or query.distinct or query.distinct_on:
        query = over(binder, query)
    assert isinstance(query, bound.Select), query
    shown = [t for t in query.targets if not t.junk]
    junk = tuple(t for t in query.targets if t.junk)
    targets = tuple(
        replace(t, expression=binder.coerce(t.expression, w.bare, level="assignment"), table_oid=0, attnum=0)
        for t, w in zip(shown, wanted, strict=True)
    )
    columns = tuple(bound.OutputColumn(t.name, t.expression.type) for t in targets)
    return replace(query, targets=(*targets, *junk), columns=columns)


def over(binder: Binder, query: bound.Query) -> bound.Select:
    """SELECT * FROM (query)."""
    relation_id = binder.next_relation()
    table = bound.DerivedTable(relation_id, "", query.columns, query, True)
    binder.derived[relation_id] = query
    targets = tuple(
        bound.Target(c.name, bound.ColumnRef(c.type, relation_id, i, c.name), False, c.table_oid, c.attnum)
        for i, c in enumerate(query.columns)
    )
    return bound.Select(query.columns, targets, (table,))


def within_body(error: DatabaseError, routine: Routine, when: str) -> DatabaseError:
    """The error, told of as one in the function's body."""
    if error.position is not None and error.internal is None:
        lead = LEAD_LENGTH if routine.standard else 0
        error.internal, error.position = (routine.body, error.position - lead), None
    line = f'SQL function "{routine.name}" {when}'.rstrip()
    error.where = line if error.where is None else f"{error.where}\n{line}"
    return error


