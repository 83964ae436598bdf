"""DO: the blocks in PL/pgSQL that are run, plain SQL statements with IF, PERFORM, RAISE and EXCEPTION.

libpg_query parses a block; what is not run - variables, loops, cursors, dynamic statements - is refused by name
before anything is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pgparse

from sqlvec.catalog.conditions import CONDITIONS
from sqlvec.errors import FeatureNotSupported, SyntaxError, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node

_KNOWN_VARIABLES = frozenset(["found", "sqlstate", "sqlerrm"])
_REFUSED = {
    "PLpgSQL_stmt_assign": "assignments", "PLpgSQL_stmt_loop": "loops", "PLpgSQL_stmt_while": "loops",
    "PLpgSQL_stmt_fori": "loops", "PLpgSQL_stmt_fors": "loops", "PLpgSQL_stmt_forc": "loops",
    "PLpgSQL_stmt_foreach_a": "loops", "PLpgSQL_stmt_dynfors": "loops", "PLpgSQL_stmt_exit": "EXIT",
    "PLpgSQL_stmt_case": "CASE statements", "PLpgSQL_stmt_dynexecute": "EXECUTE", "PLpgSQL_stmt_open": "cursors",
    "PLpgSQL_stmt_fetch": "cursors", "PLpgSQL_stmt_close": "cursors", "PLpgSQL_stmt_commit": "COMMIT",
    "PLpgSQL_stmt_rollback": "ROLLBACK", "PLpgSQL_stmt_getdiag": "GET DIAGNOSTICS",
    "PLpgSQL_stmt_assert": "ASSERT", "PLpgSQL_stmt_return_next": "RETURN NEXT",
    "PLpgSQL_stmt_return_query": "RETURN QUERY",
}  # fmt: skip
_LEVELS = {10: "DEBUG", 11: "DEBUG", 12: "DEBUG", 13: "DEBUG", 14: "DEBUG", 15: "LOG", 17: "INFO", 18: "NOTICE",
           19: "WARNING", 21: "ERROR"}  # fmt: skip
_OPTIONS = ("errcode", "message", "detail", "hint", "column", "constraint", "datatype", "table", "schema")
_HINT = "A DO block may hold SQL statements, PERFORM, IF, RAISE, NULL and EXCEPTION."


@dataclass(frozen=True, slots=True)
class Sql:
    """what: as errors name the statement: SQL statement, PERFORM, CALL."""

    line: int
    text: str
    what: str


@dataclass(frozen=True, slots=True)
class If:
    """branches: conditions with what is run, the first that holds; then what is run where none does."""

    line: int
    branches: tuple[tuple[str, tuple[Step, ...]], ...]
    otherwise: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Raise:
    """message: with % for each of the parameters; condition: a name or SQLSTATE. An empty one raises the error
    that is handled again."""

    line: int
    level: str
    message: str | None
    parameters: tuple[str, ...]
    condition: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Return:
    line: int


@dataclass(frozen=True, slots=True)
class Handler:
    conditions: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Block:
    line: int
    steps: tuple[Step, ...]
    handlers: tuple[Handler, ...]


Step = Sql | If | Raise | Return | Block


def bind_do(binder: Binder, body: Node) -> bound.Utility:
    """A DoStmt node."""
    language, source = "plpgsql", ""
    for node in body["args"]:
        option = node["DefElem"]
        word = option["arg"]["String"]["sval"]
        if option["defname"] == "language":
            language = word
        else:
            source = word
    if language == "sql":
        raise FeatureNotSupported('language "sql" does not support inline code execution')
    if language != "plpgsql":
        raise UndefinedObject(f'language "{language}" does not exist')
    return bound.Utility("do", "DO", {"block": parse_block(source)})


def parse_block(source: str) -> Block:
    """The block, or what is wrong with it, or which part of it is not run here."""
    tag = "$do"
    while tag in source:
        tag += "x"
    try:
        (made,) = pgparse.parse_pgsql(f"DO {tag}${source}{tag}$")
    except pgparse.PGQueryError as error:
        kind = UndefinedObject if error.message.startswith("unrecognized exception") else SyntaxError
        raise kind(error.message, where="PL/pgSQL function inline_code_block") from None
    function = made["PLpgSQL_function"]
    block = _block(function["action"]["PLpgSQL_stmt_block"])
    for datum in function.get("datums", ()):
        if next(iter(datum.values())).get("refname", "") not in _KNOWN_VARIABLES:
            raise _unsupported("variables")
    return block


def _unsupported(what: str) -> FeatureNotSupported:
    return FeatureNotSupported(f"DO blocks with {what} are not supported", hint=_HINT)


def _block(body: Node) -> Block:
    handlers = []
    for node in body.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", ()):
        part = node["PLpgSQL_exception"]
        names = tuple(c["PLpgSQL_condition"]["condname"] for c in part["conditions"])
        handlers.append(Handler(names, _steps(part.get("action", ()))))
    return Block(body.get("lineno", 0), _steps(body.get("body", ())), tuple(handlers))


def _steps(nodes: Sequence[Node]) -> tuple[Step, ...]:
    return tuple(_step(*next(iter(node.items()))) for node in nodes)


def _step(kind: str, body: Node) -> Step:
    line = body.get("lineno", 0)
    if kind == "PLpgSQL_stmt_block":
        return _block(body)
    if kind == "PLpgSQL_stmt_execsql":
        if body.get("into"):
            raise _unsupported("INTO")
        return Sql(line, _query(body["sqlstmt"]), "SQL statement")
    if kind == "PLpgSQL_stmt_perform":
        return Sql(line, _query(body["expr"]), "PERFORM")
    if kind == "PLpgSQL_stmt_call":
        if not body.get("is_call"):
            raise _unsupported("DO")
        return Sql(line, _query(body["expr"]), "CALL")
    if kind == "PLpgSQL_stmt_if":
        branches = [(_query(body["cond"]), _steps(body.get("then_body", ())))]
        for node in body.get("elsif_list", ()):
            part = node["PLpgSQL_if_elsif"]
            branches.append((_query(part["cond"]), _steps(part.get("stmts", ()))))
        return If(line, tuple(branches), _steps(body.get("else_body", ())))
    if kind == "PLpgSQL_stmt_raise":
        return _raise(line, body)
    if kind == "PLpgSQL_stmt_return":
        return Return(line)
    raise _unsupported(_REFUSED.get(kind, kind.removeprefix("PLpgSQL_stmt_").upper()))


def _query(node: Node) -> str:
    text: str = node["PLpgSQL_expr"]["query"]
    return text


def _raise(line: int, body: Node) -> Raise:
    options = tuple(
        (_OPTIONS[part.get("opt_type", 0)], _query(part["expr"]))
        for part in (node["PLpgSQL_raise_option"] for node in body.get("options", ()))
    )
    parameters = tuple(_query(node) for node in body.get("params", ()))
    condition = body.get("condname", "")
    return Raise(line, _LEVELS[body["elog_level"]], body.get("message"), parameters, condition, options)


def sqlstates(condition: str) -> tuple[str, ...]:
    """The SQLSTATEs that a condition's name stands for."""
    return CONDITIONS.get(condition, (condition,))
