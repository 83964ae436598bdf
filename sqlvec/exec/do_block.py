"""Runs the block of a DO statement by statement, as PL/pgSQL would (pl_exec.c).

A block with EXCEPTION is a subtransaction: an error that it handles undoes what the block did, and no more. A lock
that must be waited for undoes the whole statement, with what it told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.catalog.conditions import is_in
from sqlvec.catalog.routines import Argument, Routine
from sqlvec.errors import (
    DatabaseError,
    FeatureNotSupported,
    NullValueNotAllowed,
    QueryCanceled,
    SyntaxError,
    UndefinedObject,
)
from sqlvec.exec.routine_call import run_statement
from sqlvec.sql.body_statement import BodyStatement
from sqlvec.sql.parse import ParsedStatement, parse
from sqlvec.sql.plpgsql_block import Block, Handler, If, Raise, Return, Sql, Step, sqlstates
from sqlvec.storage.locks import LockWait

if TYPE_CHECKING:
    from sqlvec.exec.context import Context, Datum

# What a block may name: variables that PL/pgSQL has in every block.
_VARIABLES = Routine(
    0, "inline_code_block", 0,
    (Argument("found", types.BOOL), Argument("sqlstate", types.TEXT), Argument("sqlerrm", types.TEXT)),
    types.VOID, "",
)  # fmt: skip
_STATEMENT = BodyStatement(_VARIABLES, tuple(a.type for a in _VARIABLES.arguments), False, False)
_NO_DESTINATION = "If you want to discard the results of a SELECT, use PERFORM instead."
_CONDITION_LEAD = "SELECT "
_STATES = {"WARNING": "01000", "ERROR": "P0001"}
_NAMES = ("column", "constraint", "datatype", "table", "schema")
_PLACEHOLDER = re.compile("%%|%")


class RaisedError(DatabaseError):
    """An error that a block raised itself, with the SQLSTATE that it said."""

    sqlstate = "P0001"


@dataclass(slots=True)
class Run:
    """One execution. handled: the error whose handler runs."""

    context: Context
    found: bool = False
    handled: DatabaseError | None = None
    undone: bool = False  # a subtransaction was rolled back

    def variables(self) -> list[Datum]:
        error = self.handled
        return [self.found, error and error.sqlstate, error and error.message]


def run_block(block: Block, context: Context) -> None:
    run = Run(context)
    connection = context.connection
    assert connection is not None
    start, told = context.tx.savepoint(), connection.notice_count
    try:
        _run_block(block, run)
    except LockWait:
        connection.forget_notices(told)
        if run.undone:  # the marks by which the statement is undone are those since then
            context.tx.rollback_to(start)
        raise


def _run_block(block: Block, run: Run) -> bool:
    """Whether RETURN ended it."""
    if not block.handlers:
        return _run_steps(block.steps, run)
    connection, tx = run.context.connection, run.context.tx
    assert connection is not None
    token, asked = tx.savepoint(), connection.notifications.mark()
    deferred, settings = connection.block.deferred.mark(), connection.settings.mark()
    try:
        return _run_steps(block.steps, run)
    except LockWait:
        raise
    except DatabaseError as error:
        handler = _handler(block.handlers, error)
        if handler is None:
            raise
        tx.rollback_to(token)
        connection.notifications.rollback_to(asked)
        connection.settings.back_to(settings)
        connection.block.deferred = deferred
        run.context.catalog, run.undone = tx.catalog, True
        outer, run.handled = run.handled, error
        try:
            return _run_steps(handler.steps, run)
        finally:
            run.handled = outer


def _handler(handlers: tuple[Handler, ...], error: DatabaseError) -> Handler | None:
    for handler in handlers:
        for name in handler.conditions:
            if name == "others":
                if not isinstance(error, QueryCanceled) and error.sqlstate != "P0004":
                    return handler
            elif any(is_in(error.sqlstate, state) for state in sqlstates(name)):
                return handler
    return None


def _run_steps(steps: tuple[Step, ...], run: Run) -> bool:
    for step in steps:
        run.context.check_cancelled()
        if isinstance(step, Return):
            return True
        if isinstance(step, Block):
            ended = _run_block(step, run)
        elif isinstance(step, If):
            ended = _run_if(step, run)
        else:
            ended = False
            (_run_sql if isinstance(step, Sql) else _run_raise)(step, run)  # type: ignore[arg-type]
        if ended:
            return True
    return False


def _at(error: DatabaseError, line: int, what: str, statement: str = "") -> DatabaseError:
    """The error, told of as one of a line of the block."""
    lines = [error.where] if error.where else []
    if error.position is not None and error.internal is None and statement:
        error.internal, error.position = (statement, error.position), None
    elif statement and error.internal is None:
        lines.append(f'SQL statement "{statement}"')
    lines.append(f"PL/pgSQL function inline_code_block line {line} at {what}")
    error.where = "\n".join(lines)
    return error


def _run_sql(step: Sql, run: Run) -> None:
    try:
        parsed = parse(step.text)[0]
        if "TransactionStmt" in parsed.node:
            raise FeatureNotSupported("unsupported transaction command in PL/pgSQL")
        rows, has_columns = _rows(parsed, run)
        if has_columns and step.what == "SQL statement":
            if "SelectStmt" in parsed.node:
                raise SyntaxError("query has no destination for result data", hint=_NO_DESTINATION)
            raise SyntaxError("query has no destination for result data")
        run.found = bool(rows)
    except LockWait:
        raise
    except DatabaseError as error:
        raise _at(error, step.line, step.what, step.text) from None


def _rows(parsed: ParsedStatement, run: Run) -> tuple[list[tuple[Datum, ...]], bool]:
    ran = run_statement(parsed, _STATEMENT, run.variables(), run.context)
    return ran.rows or [()] * ran.count, ran.has_columns


def _value(text: str, run: Run) -> tuple[Datum, types.SqlType]:
    """An expression's."""
    try:
        ran = run_statement(parse(_CONDITION_LEAD + text)[0], _STATEMENT, run.variables(), run.context)
    except LockWait:
        raise
    except DatabaseError as error:
        if error.position is not None:
            error.internal = (text, error.position - len(_CONDITION_LEAD))
            error.position = None
        raise
    value = ran.rows[0][0] if ran.rows else None
    return value, ran.types[0]


def _run_if(step: If, run: Run) -> bool:
    for condition, steps in step.branches:
        try:
            holds = _is_true(*_value(condition, run))
        except LockWait:
            raise
        except DatabaseError as error:
            raise _at(error, step.line, "IF") from None
        if holds:
            return _run_steps(steps, run)
    return _run_steps(step.otherwise, run)


def _is_true(value: Any, sql_type: types.SqlType) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    return bool(types.BOOL.definition.parse(sql_type.definition.render(value)))


# ---------------------------------------------------------------- RAISE


def _run_raise(step: Raise, run: Run) -> None:
    if step.level == "ERROR" and step.message is None and not step.condition and not step.options:
        if run.handled is None:
            raise _at(
                _StackedDiagnosticsMissing("RAISE without parameters cannot be used outside an exception handler"),
                step.line, "RAISE",
            )  # fmt: skip
        raise run.handled
    try:
        said = {name: _text(text, run) for name, text in step.options}
        message = None if step.message is None else _filled(step, run)
        fields = _fields(step, message, said)
    except LockWait:
        raise
    except DatabaseError as error:
        raise _at(error, step.line, "RAISE") from None
    if step.level == "ERROR":
        raised = RaisedError(fields["message"], detail=fields.get("detail"), hint=fields.get("hint"))
        raised.sqlstate = fields["sqlstate"]
        raised.names = {name: fields[name] for name in _NAMES if name in fields}
        raise _at(raised, step.line, "RAISE")
    connection = run.context.connection
    assert connection is not None
    connection.tell(
        step.level, fields["sqlstate"], fields["message"], fields.get("detail"), fields.get("hint")
    )


class _StackedDiagnosticsMissing(DatabaseError):
    """RAISE without parameters where no error is handled."""

    sqlstate = "0Z002"


def _filled(step: Raise, run: Run) -> str:
    values = iter(step.parameters)
    assert step.message is not None, step

    def fill(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        return _text(next(values), run, null="<NULL>")

    return _PLACEHOLDER.sub(fill, step.message)


def _text(text: str, run: Run, *, null: str | None = None) -> str:
    value, sql_type = _value(text, run)
    if value is None:
        if null is None:
            raise NullValueNotAllowed("RAISE statement option cannot be null")
        return null
    shown: str = sql_type.definition.render(value)
    return shown


def _fields(step: Raise, message: str | None, said: dict[str, str]) -> dict[str, str]:
    """SQLSTATE, message and the rest, as they are said or else as PL/pgSQL has them."""
    state, name = _STATES.get(step.level, "00000"), ""
    if step.condition:
        name, state = step.condition, sqlstates(step.condition)[0]
    if "errcode" in said:
        name = said.pop("errcode")
        state = sqlstates(name)[0]
        if not re.fullmatch("[0-9A-Z]{5}", state):
            raise UndefinedObject(f'unrecognized exception condition "{name}"')
    if message is not None and "message" in said:
        raise SyntaxError("RAISE option already specified: MESSAGE")
    said.setdefault("message", message if message is not None else name or state)
    return {**said, "sqlstate": state}
