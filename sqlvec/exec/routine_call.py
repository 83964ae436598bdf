"""Users' functions run statement by statement (functions.c), inside the transaction of the statement that calls them.

Each statement of a body is a statement of its own: it sees what those before it wrote, locks its tables, and has its
constraints checked at its end. A lock that must be waited for undoes the whole calling statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlvec.catalog.routines import Routine
from sqlvec.errors import DatabaseError, StatementTooComplex, UndefinedFunction
from sqlvec.exec.read_only import forbid_writing
from sqlvec.exec.result import Result
from sqlvec.sql import bound
from sqlvec.sql.body_statement import BodyStatement
from sqlvec.sql.routine_body import VOID, body_statements, within_body
from sqlvec.storage.locks import LockWait, Mode
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.database import Connection, Prepared
    from sqlvec.exec.context import Context, Datum
    from sqlvec.sql.parse import ParsedStatement


@dataclass(frozen=True, slots=True)
class RunnableCall:
    """A call without its arguments, only their types."""

    oid: int
    given: tuple[SqlType, ...]
    is_set: bool
    place: int = -1


def call_of(expression: bound.RoutineCall) -> RunnableCall:
    return RunnableCall(expression.oid, tuple(a.type for a in expression.args), expression.is_set, expression.place)


def run_value(call: RunnableCall, args: Sequence[Datum], context: Context) -> Datum:
    """The function's value, or a column of it; of one that gives rows all of them."""
    rows = run_rows(call, args, context, as_columns=call.place >= 0)
    place = max(call.place, 0)
    if call.is_set:
        return [row[place] for row in rows]
    return rows[0][place] if rows else None


def run_rows(
    call: RunnableCall, args: Sequence[Datum], context: Context, *, as_columns: bool = True
) -> list[tuple[Datum, ...]]:
    """The rows of the last statement; of a function that gives one value, the first."""
    routine = context.catalog.routines.get(call.oid)
    if routine is None:
        raise UndefinedFunction(f"function with OID {call.oid} does not exist")
    if routine.strict and any(arg is None for arg in args):
        return []
    try:
        with _settings_of(routine, context):
            return _run(routine, call.given, args, context, as_columns)
    except RecursionError:
        raise StatementTooComplex(
            "stack depth limit exceeded", hint="A function calls itself too many times."
        ) from None


def call_procedure(args: dict[str, Any], context: Context) -> Result:
    """CALL: the row of its OUT arguments, if it has any."""
    expressions: Sequence[bound.Expression] = args["args"]
    routine = context.catalog.routines[args["oid"]]
    from sqlvec.exec.evaluate import constant

    values = [constant(expression, context) for expression in expressions]
    call = RunnableCall(routine.oid, tuple(e.type for e in expressions), False)
    rows = run_rows(call, values, context)
    if not routine.outputs:
        return Result(None, "CALL")
    given = rows or [(None,) * len(routine.outputs)]
    columns = tuple(bound.OutputColumn(a.name, a.type) for a in routine.outputs)
    return Result(columns, "CALL", iter([[[value] for value in given[0]]]))


def _run(
    routine: Routine, given: tuple[SqlType, ...], args: Sequence[Datum], context: Context, as_columns: bool
) -> list[tuple[Datum, ...]]:
    rows: list[tuple[Datum, ...]] = []
    statements = body_statements(routine)
    gives = routine.result != VOID
    for number, parsed in enumerate(statements, 1):
        body = BodyStatement(routine, given, number == len(statements) and gives, as_columns, number)
        try:
            rows = run_statement(parsed, body, args, context).rows
        except LockWait:
            raise
        except DatabaseError as error:
            raise within_body(error, routine, f"statement {number}") from None
    if not gives:
        return [(None,)]
    return rows if routine.returns_set else rows[:1]


@contextmanager
def _settings_of(routine: Routine, context: Context) -> Iterator[None]:
    """The function's own settings, for as long as it runs."""
    settings = context.settings
    before = [(name, settings.show(name)) for name, _ in routine.settings]
    for name, value in routine.settings:
        settings.set(name, value, local=True)
    try:
        yield
    finally:
        for name, value in before:
            settings.set(name, value, local=True)


# ---------------------------------------------------------------- a statement inside another


@dataclass(frozen=True, slots=True)
class Ran:
    """What a statement gave. types: of its columns, () where it has none; count: of the rows that it wrote."""

    rows: list[tuple[Datum, ...]]
    types: tuple[SqlType, ...]
    count: int

    @property
    def has_columns(self) -> bool:
        return bool(self.types)


def run_statement(
    parsed: ParsedStatement, body: BodyStatement, args: Sequence[Datum], context: Context
) -> Ran:
    """Runs a statement to its end."""
    connection = context.connection
    assert connection is not None
    prepared = _locked(connection, parsed, body, context)
    own, close = connection.own_relational()
    inner = replace(
        connection.context(context.tx, args), relational=own, statement_us=context.statement_us,
        transaction_us=context.transaction_us,
    )  # fmt: skip
    try:
        result = connection.run_inner(prepared, inner, args)
        rows = [row for batch in result.batches() for row in zip(*batch, strict=True)]
    finally:
        close()
    context.catalog = context.tx.catalog
    return Ran(rows, tuple(c.type for c in result.columns or ()), result.row_count if result.counted else 0)


def _locked(
    connection: Connection, parsed: ParsedStatement, body: BodyStatement, context: Context
) -> Prepared:
    """The statement, planned for the transaction's catalog, and its tables locked."""
    tx, locks = context.tx, connection.store.locks
    prepared = connection.prepare_inner(parsed, body, tx.catalog)
    if tx.read_only:
        forbid_writing(prepared.statement)
    while True:
        for oid, mode in prepared.locks:
            if mode <= Mode.ROW_EXCLUSIVE:
                locks.lock_weakly(connection.owner, oid, mode)
            else:
                locks.lock_relation(connection.owner, oid, mode)
        if tx.base_catalog is not connection.store.catalog:
            tx.follow_catalog()
        statement = prepared.statement
        if prepared.catalog is tx.catalog and (
            not isinstance(statement, bound.Ddl) or connection.claimed(statement, tx)
        ):
            return prepared
        prepared = connection.prepare_inner(parsed, body, tx.catalog)


# ---------------------------------------------------------------- called by the relational engine


def value_as_text(said: str, texts: Sequence[str | None], context: Context) -> str | None:
    call, result, args = _told(said, texts, context)
    return _text(run_value(call, args, context), result)


def rows_as_text(
    said: str, texts: Sequence[str | None], context: Context
) -> list[list[str | None]]:
    call, _, args = _told(said, texts, context)
    routine = context.catalog.routines[call.oid]
    columns = BodyStatement(routine, call.given, True, True).columns
    return [
        [_text(value, t) for value, (_, t) in zip(row, columns, strict=True)]
        for row in run_rows(call, args, context)
    ]


def _told(
    said: str, texts: Sequence[str | None], context: Context
) -> tuple[RunnableCall, SqlType, list[Any]]:
    oid, given_oids, result_oid, is_set, place = json.loads(said)
    given = tuple(_type(oid, context) for oid in given_oids)
    args = [None if text is None else t.definition.parse(text) for text, t in zip(texts, given, strict=True)]
    return RunnableCall(oid, given, is_set, place), _type(result_oid, context), args


def _type(oid: int, context: Context) -> SqlType:
    return context.catalog.type_by_oid(oid) or SqlType(oid)


def _text(value: Any, sql_type: SqlType) -> str | None:
    if value is None:
        return None
    return sql_type.definition.render(value)
