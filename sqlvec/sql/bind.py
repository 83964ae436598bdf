"""Binding: a parsed statement in, a bound statement with its parameter types out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.bind_ddl import DDL_KINDS, bind_ddl
from sqlvec.sql.bind_merge import bind_merge
from sqlvec.sql.bind_select import bind_query
from sqlvec.sql.bind_utility import bind_utility
from sqlvec.sql.bind_write import bind_copy, bind_delete, bind_insert, bind_update
from sqlvec.sql.binder import Binder
from sqlvec.sql.body_statement import BodyStatement, bind_in_body
from sqlvec.sql.context import BindContext
from sqlvec.sql.parse import ParsedStatement


def bind(
    parsed: ParsedStatement,
    context: BindContext,
    parameter_oids: Sequence[int] = (),
    body: BodyStatement | None = None,
) -> bound.BoundStatement:
    """Names resolved, types known. Raises what PostgreSQL raises, with positions. body: the function's, whose
    arguments are the parameters."""
    binder = Binder(parsed, context, parameter_oids)
    if body is None:
        statement = bind_whole(binder, parsed)
    else:
        statement = bind_in_body(binder, parsed, body)
    return bound.BoundStatement(statement, binder.parameter_types(), tuple(binder.notices))


def bind_whole(binder: Binder, parsed: ParsedStatement) -> bound.Statement:
    """A statement with the data-modifying ones of its WITH."""
    statement = bind_statement(binder, parsed)
    if not binder.modifying:
        return statement
    if not isinstance(statement, (bound.Query, bound.Insert, bound.Update, bound.Delete)):
        raise FeatureNotSupported("data-modifying statements in WITH are not supported here")
    return bound.WithModifying(tuple(binder.modifying), statement)


def bind_statement(binder: Binder, parsed: ParsedStatement) -> bound.Statement:
    """By kind of statement."""
    kind, body = next(iter(parsed.node.items()))
    if kind == "SelectStmt" and "intoClause" in body:
        query = {key: value for key, value in body.items() if key != "intoClause"}
        made = {"query": {"SelectStmt": query}, "into": body["intoClause"], "objtype": "OBJECT_TABLE"}
        return bind_ddl(binder, "CreateTableAsStmt", made)
    if kind == "SelectStmt":
        return bind_query(binder, parsed.node, None)
    if kind == "InsertStmt":
        return bind_insert(binder, body)
    if kind == "UpdateStmt":
        return bind_update(binder, body)
    if kind == "DeleteStmt":
        return bind_delete(binder, body)
    if kind == "MergeStmt":
        return bind_merge(binder, body)
    if kind == "CopyStmt":
        return bind_copy(binder, body)
    if kind in DDL_KINDS:
        return bind_ddl(binder, kind, body)
    return bind_utility(binder, kind, body, bind_statement)
