"""The body of a function looked at as it is made (fmgr_sql_validator): that it can be bound, and gives what is declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlvec.catalog.objects import Relation, Table, View, ViewRelation
from sqlvec.catalog.routines import Routine
from sqlvec.errors import DatabaseError
from sqlvec.sql import bound, polymorphic
from sqlvec.sql.bind_call import result_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.body_arguments import BodyArguments
from sqlvec.sql.parse import ParsedStatement
from sqlvec.sql.routine_body import (
    LEAD_LENGTH,
    VOID,
    body_statements,
    check_columns,
    fitted,
    inside,
    no_result,
    within_body,
)
from sqlvec.sql.tree import nodes
from sqlvec.types.domain_type import value_type

_BOUND = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def check_body(binder: Binder, routine: Routine) -> None:
    """Raises what is wrong with the body. One over polymorphic arguments is only parsed."""
    try:
        statements = body_statements(routine)
    except DatabaseError as error:
        raise _placed(binder, error, routine) from None
    if any(polymorphic.is_polymorphic(a.type) for a in routine.inputs):
        return
    try:
        with _made(binder, routine):
            _check(binder, routine, statements)
    except DatabaseError as error:
        raise _placed(binder, error, routine) from None


def with_meanings(binder: Binder, routine: Routine) -> Routine:
    """A function whose body is one of the SQL standard, with what the names in it mean."""
    try:
        with _made(binder, routine):
            relations = _check(binder, routine, body_statements(routine))
    except DatabaseError as error:
        raise _placed(binder, error, routine) from None
    return replace(routine, relations=tuple(relations.values()))


def bind_body(binder: Binder, routine: Routine) -> None:
    """Binds the body, so that the binder notes what it uses of types and functions."""
    _check(binder, routine, body_statements(routine), noting=True)


@contextmanager
def _made(binder: Binder, routine: Routine) -> Iterator[None]:
    """The function is there, as one that calls itself may want it."""
    outer = binder.catalog, binder.context
    binder.catalog = binder.catalog.with_routine(routine)
    binder.context = replace(binder.context, catalog=binder.catalog)
    try:
        yield
    finally:
        binder.catalog, binder.context = outer


def _check(
    binder: Binder, routine: Routine, statements: Sequence[ParsedStatement], *, noting: bool = False
) -> dict[int, ViewRelation]:
    """The relations that the body reads and writes."""
    found: dict[int, ViewRelation] = {}
    result = value_type(routine.result)
    if not statements and result != VOID and routine.kind == "f":
        raise no_result(routine, routine.result)
    for place, parsed in enumerate(statements, 1):
        kind, body = next(iter(parsed.node.items()))
        values = [bound.Param(value_type(a.type), i) for i, a in enumerate(routine.inputs, 1)]
        arguments = BodyArguments(routine.name, [a.name for a in routine.inputs], values)
        last = place == len(statements) and result != VOID and (routine.kind == "f" or routine.outputs)
        with inside(binder, routine, parsed, arguments, noting=noting):
            if kind not in _BOUND:
                if last:
                    raise no_result(routine, routine.result)
                continue
            statement = bind_one(binder, parsed)
            if last:
                check_result(binder, routine, statement, body)
            for schema, relation in binder.used.values():
                found[relation.oid] = _meaning(schema, relation, statement, binder)
    return found


def bind_one(binder: Binder, parsed: ParsedStatement) -> bound.Statement:
    """A statement of a body, with those that its WITH has."""
    from sqlvec.sql.bind import bind_whole

    outer, binder.modifying = binder.modifying, []
    try:
        return bind_whole(binder, parsed)
    finally:
        binder.modifying = outer


def check_result(
    binder: Binder, routine: Routine, statement: bound.Statement, body: dict[str, Any]
) -> None:
    """42P13 where the final statement does not give what is declared."""
    columns = result_columns(routine, routine.result, {})
    if isinstance(statement, bound.WithModifying):
        statement = statement.main
    if isinstance(statement, bound.Query):
        fitted(binder, statement, body, value_type(routine.result), columns)
        return
    returning = getattr(statement, "returning", ())
    if not returning:
        raise no_result(routine, routine.result)
    check_columns(
        [t.expression.type for t in returning], value_type(routine.result), [t for _, t in columns]
    )


def _meaning(
    schema: str | None, relation: Relation, statement: bound.Statement, binder: Binder
) -> ViewRelation:
    columns: tuple[str, ...] = ()
    if isinstance(relation, (Table, View)):
        columns = tuple("" if c.dropped else c.name for c in relation.columns)
    read = {
        node.ordinal + 1
        for node in nodes((statement,))
        if isinstance(node, bound.ColumnRef)
        and (table := binder.tables.get(node.relation_id)) is not None
        and table.oid == relation.oid
    }
    if isinstance(relation, View):
        read = set(range(1, len(columns) + 1))
    return ViewRelation(schema or "", relation.name, relation.oid, columns, tuple(sorted(read)))


def _placed(binder: Binder, error: DatabaseError, routine: Routine) -> DatabaseError:
    """An error in the body: at its place in the statement where that can be told, or as one of the function."""
    start = binder.parsed.text.find(routine.body) if error.position is not None else -1
    if start < 0 or error.position is None:
        return within_body(error, routine, "")
    error.position += start - (LEAD_LENGTH if routine.standard else 0)
    return error
