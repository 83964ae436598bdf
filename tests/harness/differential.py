"""Scripts that are run on two servers, whose answers must be the same.

    script    statements, each up to a ; at the end of a line, but not of one in a body; -- begins a comment
    -- @b     the next statement runs on the second connection

Compared are rows as text, the command tag, notices, and of errors SQLSTATE, message, detail, hint, position
and the names of schema, table, column, type and constraint. Rows are sorted where the statement does not order
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq

_FIELDS = {
    "detail": pq.DiagnosticField.MESSAGE_DETAIL,
    "hint": pq.DiagnosticField.MESSAGE_HINT,
    "position": pq.DiagnosticField.STATEMENT_POSITION,
    "schema": pq.DiagnosticField.SCHEMA_NAME,
    "table": pq.DiagnosticField.TABLE_NAME,
    "column": pq.DiagnosticField.COLUMN_NAME,
    "type": pq.DiagnosticField.DATATYPE_NAME,
    "constraint": pq.DiagnosticField.CONSTRAINT_NAME,
}
_CONTEXT = {
    "context": pq.DiagnosticField.CONTEXT,
    "internal query": pq.DiagnosticField.INTERNAL_QUERY,
    "internal position": pq.DiagnosticField.INTERNAL_POSITION,
}
_ATOMIC, _END = re.compile(r"\bBEGIN ATOMIC\b"), re.compile(r"\bEND\s*;\s*\Z")
_DOLLAR = re.compile(r"\$(?:[a-z_]\w*)?\$")
_QUOTED = re.compile(r"(\$(?:[a-z_]\w*)?\$).*?\1", re.DOTALL)
_SESSION = re.compile(r"--\s*@(\w+)\s*\Z")


@dataclass(frozen=True, slots=True)
class Statement:
    """number counts the statements of the script, from 1."""

    number: int
    sql: str
    session: str = ""


def read_script(path: Path) -> list[Statement]:
    found: list[Statement] = []
    lines: list[str] = []
    session = ""
    for line in path.read_text().splitlines():
        if not lines and (not line.strip() or line.startswith("--")):
            mark = _SESSION.match(line.strip())
            session = mark.group(1) if mark else session
            continue
        lines.append(line)
        if line.rstrip().endswith(";") and not _is_open("\n".join(lines)):
            found.append(Statement(len(found) + 1, "\n".join(lines), session))
            lines, session = [], ""
    assert not lines, f"{path.name}: the last statement has no end: {lines}"
    return found


def _is_open(text: str) -> bool:
    """Whether the text ends inside a body: between $$ or $tag$, or in BEGIN ATOMIC before its END."""
    if _DOLLAR.search(_QUOTED.sub("", text)):
        return True
    return bool(_ATOMIC.search(text)) and not _END.search(text)


class Side:
    """One server, with the sessions of a script. Made in a schema of its own, which is left empty."""

    def __init__(self, dsn: str, schema: str, *, context: bool = False) -> None:
        self.dsn = dsn
        self.fields = {**_FIELDS, **_CONTEXT} if context else _FIELDS
        self.schema = schema
        self.sessions: dict[str, psycopg.Connection] = {}
        self.notices: list[str] = []
        self.answer(Statement(0, f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        self.answer(Statement(0, f"CREATE SCHEMA {schema}"))

    def session(self, name: str) -> psycopg.Connection:
        found = self.sessions.get(name)
        if found is None:
            found = self.sessions[name] = psycopg.connect(self.dsn, autocommit=True)
            found.pgconn.exec_(f"SET search_path = {self.schema}, public".encode())
            found.pgconn.exec_(b"SET client_min_messages = notice")
            found.add_notice_handler(self._note)
        return found

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        parts = [notice.severity, notice.sqlstate, notice.message_primary]
        parts += [notice.message_detail, notice.message_hint]
        self.notices.append(" | ".join(part for part in parts if part))

    def answer(self, statement: Statement) -> list[str]:
        """What the statement answers, line by line."""
        self.notices.clear()
        result = self.session(statement.session).pgconn.exec_(statement.sql.encode())
        return [*self.notices, *_shown(result, "order by" in statement.sql.lower(), self.fields)]

    def close(self) -> None:
        for connection in self.sessions.values():
            connection.close()


Fields = dict[str, pq.DiagnosticField]


def _shown(result: pq.abc.PGresult, ordered: bool, fields: Fields) -> list[str]:
    if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
        return _error(result, fields)
    rows = [
        " | ".join(_value(result.get_value(i, j)) for j in range(result.nfields))
        for i in range(result.ntuples)
    ]
    names = " | ".join((result.fname(j) or b"").decode() for j in range(result.nfields))
    tag = (result.command_status or b"").decode()
    return [*([names] if result.nfields else []), *(rows if ordered else sorted(rows)), tag]


def _value(raw: bytes | None) -> str:
    return "NULL" if raw is None else raw.decode()


def _error(result: pq.abc.PGresult, fields: Fields) -> list[str]:
    def field(name: pq.DiagnosticField) -> str:
        return (result.error_field(name) or b"").decode()

    state, message = field(pq.DiagnosticField.SQLSTATE), field(pq.DiagnosticField.MESSAGE_PRIMARY)
    lines = [f"ERROR {state}: {message}"]
    return lines + [f"{name}: {field(code)}" for name, code in fields.items() if field(code)]


def differences(script: Path, ours: str, theirs: str, *, context: bool = False) -> list[str]:
    """Where the answers of two servers to a script differ, each as text to be read. context: also in where errors
    are said to be inside the statement."""
    schema = re.sub(r"\W", "_", script.stem)
    left, right = Side(ours, schema, context=context), Side(theirs, schema, context=context)
    found = []
    try:
        for statement in read_script(script):
            mine, wanted = left.answer(statement), right.answer(statement)
            if mine != wanted:
                found.append("\n    ".join(
                    [f"{script.name} {statement.number}: {statement.sql}", "ours:", *mine, "wanted:", *wanted]
                ))  # fmt: skip
    finally:
        for side in (left, right):
            side.answer(Statement(0, f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        left.close()
        right.close()
    return found
