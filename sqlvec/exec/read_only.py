"""READ ONLY transactions: what they may not do (25006)."""

from __future__ import annotations

from sqlvec.errors import ReadOnlyTransaction
from sqlvec.exec.context import Context
from sqlvec.sql import bound

_STRENGTHS = {1: "KEY SHARE", 2: "SHARE", 3: "NO KEY UPDATE", 4: "UPDATE"}


def forbid_writing(statement: bound.Statement) -> None:
    """Refuses a statement that writes, with PostgreSQL's name for it."""
    command = _writing_command(statement)
    if command is not None:
        raise ReadOnlyTransaction(f"cannot execute {command} in a read-only transaction")


def forbid_function(context: Context, name: str) -> None:
    if context.tx.read_only:
        raise ReadOnlyTransaction(f"cannot execute {name}() in a read-only transaction")


def _writing_command(statement: bound.Statement) -> str | None:
    match statement:
        case bound.Insert():
            return "INSERT"
        case bound.Update():
            return "UPDATE"
        case bound.Delete():
            return "DELETE"
        case bound.Copy(direction="from"):
            return "COPY FROM"
        case bound.Ddl():
            return statement.tag
        case bound.Select() if statement.locking:
            return f"SELECT FOR {_STRENGTHS[statement.locking[0].strength]}"
        case bound.Merge():
            return "MERGE"
        case bound.WithModifying():
            return _writing_command(statement.main) or "SELECT"
        case bound.Explain() if statement.options.get("analyze"):
            return _writing_command(statement.statement)
    return None
