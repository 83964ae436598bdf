"""A statement of a function's body, bound to be run by itself: the arguments are its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlvec import types
from sqlvec.catalog.routines import Routine
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound, polymorphic
from sqlvec.sql.bind_call import Columns, result_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.body_arguments import BodyArguments
from sqlvec.sql.check_body import bind_one
from sqlvec.sql.composites import composite_of
from sqlvec.sql.inline import as_row
from sqlvec.sql.parse import ParsedStatement
from sqlvec.sql.routine_body import VOID, check_columns, fitted, inside, no_result
from sqlvec.types import SqlType
from sqlvec.types.domain_type import value_type


@dataclass(frozen=True, slots=True)
class BodyStatement:
    """given: the types of the arguments of the call. last: it gives the function's result, as one value or, where
    rows are wanted, as its columns. number: which statement of the body it is."""

    routine: Routine
    given: tuple[SqlType, ...]
    last: bool
    as_columns: bool
    number: int = 1

    @property
    def result(self) -> SqlType:
        return value_type(self._settled().get(self.routine.result.oid, self.routine.result))

    @property
    def columns(self) -> Columns:
        return result_columns(self.routine, self.result, self._settled())

    def _settled(self) -> dict[int, SqlType]:
        wanted = [a.type for a in self.routine.inputs]
        return polymorphic.settled(wanted, self.given)


def bind_in_body(binder: Binder, parsed: ParsedStatement, body: BodyStatement) -> bound.Statement:
    routine = body.routine
    values = [bound.Param(given, i) for i, given in enumerate(body.given, 1)]
    arguments = BodyArguments(routine.name, [a.name for a in routine.inputs], values)
    if "TransactionStmt" in parsed.node:
        raise FeatureNotSupported(f"{_command(parsed)} is not allowed in an SQL function")
    with inside(binder, routine, parsed, arguments):
        statement = bind_one(binder, parsed)
        if not body.last:
            return statement
        if isinstance(statement, bound.WithModifying):
            main = _fitted(binder, statement.main, parsed, body)
            return replace(statement, main=main)  # type: ignore[arg-type]
        return _fitted(binder, statement, parsed, body)


def _fitted(
    binder: Binder, statement: bound.Statement, parsed: ParsedStatement, body: BodyStatement
) -> bound.Statement:
    """The statement, which gives what the function declares."""
    if isinstance(statement, bound.Query):
        return _query(binder, statement, parsed, body)
    return _returning(binder, statement, body)


def _command(parsed: ParsedStatement) -> str:
    kind: str = parsed.node["TransactionStmt"]["kind"]
    return kind.removeprefix("TRANS_STMT_").replace("_", " ").replace("ROLLBACK TO", "ROLLBACK TO SAVEPOINT")


def _query(
    binder: Binder, query: bound.Query, parsed: ParsedStatement, body: BodyStatement
) -> bound.Query:
    query = fitted(binder, query, parsed.node["SelectStmt"], body.result, body.columns)
    if body.as_columns or not is_row(body.result):
        return query
    return as_row(binder, query, body.result, body.routine.name)


def is_row(result: SqlType) -> bool:
    return result == types.RECORD or composite_of(result) is not None


def _returning(
    binder: Binder, statement: bound.Statement, body: BodyStatement
) -> bound.Statement:
    targets: Sequence[bound.Target] = getattr(statement, "returning", ())
    if body.result == VOID:
        return statement
    if not targets:
        raise no_result(body.routine, body.result)
    wanted = [t for _, t in body.columns]
    check_columns([t.expression.type for t in targets], body.result, wanted)
    values = tuple(
        binder.coerce(t.expression, w.bare, level="assignment")
        for t, w in zip(targets, wanted, strict=True)
    )
    if is_row(body.result) and not body.as_columns:
        made = bound.Target(body.routine.name, bound.RowExpression(body.result, values))
        return replace(statement, returning=(made,))  # type: ignore[arg-type]
    named = tuple(
        replace(t, expression=v, table_oid=0, attnum=0) for t, v in zip(targets, values, strict=True)
    )
    return replace(statement, returning=named)  # type: ignore[arg-type]
