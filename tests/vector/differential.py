"""Statements put to PostgreSQL with pgvector and to us: rows, or SQLSTATE, message and detail, must be equal.

Distances are compared to seven digits: pgvector adds up in single precision.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

STATEMENTS = Path(__file__).parent / "statements"
_RELATIVE, _ABSOLUTE = 2e-6, 1e-12
_DIFFERS = re.compile(r"-- differs: (.*)\n")
_ROW_BY_ROW = "-- row by row only"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file; differs names the intended difference, if there is one. What the
    relational engine does not do is marked too."""

    text: str
    differs: str = ""
    row_by_row: bool = False


def statements(name: str) -> list[Statement]:
    """Of statements/name.sql: each ends with a semicolon at a line's end."""
    found = []
    for part in (STATEMENTS / f"{name}.sql").read_text().split(";\n"):
        match = _DIFFERS.search(part)
        text = re.sub(r"^--.*\n", "", part, flags=re.MULTILINE).strip()
        if text:
            found.append(Statement(text, match[1] if match else "", _ROW_BY_ROW in part))
    return found


def outcome(connection: psycopg.Connection, statement: str, *, binary: bool = False) -> Any:
    """The rows, the command tag, or the error."""
    try:
        cursor = connection.execute(statement, binary=binary)
        return cursor.fetchall() if cursor.description else cursor.statusmessage
    except psycopg.Error as error:
        diagnostics = error.diag
        return (diagnostics.sqlstate, diagnostics.message_primary, diagnostics.message_detail)


def agree(expected: Any, found: Any, absolute: float = _ABSOLUTE) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        if math.isnan(expected) or math.isnan(found):
            return math.isnan(expected) and math.isnan(found)
        return math.isclose(expected, found, rel_tol=_RELATIVE, abs_tol=absolute)
    if type(expected) is not type(found):
        return False
    if isinstance(expected, (list, tuple)):
        pairs = zip(expected, found, strict=False)
        return len(expected) == len(found) and all(agree(a, b, absolute) for a, b in pairs)
    return bool(expected == found)


def disagreement(
    postgres: psycopg.Connection,
    ours: psycopg.Connection,
    statement: str,
    *,
    binary: bool = False,
    absolute: float = _ABSOLUTE,
) -> str:
    """Empty when both give the same; distances may be apart by `absolute` where terms cancel out."""
    expected = outcome(postgres, statement, binary=binary)
    found = outcome(ours, statement, binary=binary)
    if agree(expected, found, absolute):
        return ""
    return f"{statement}\n  PostgreSQL {expected}\n  ours       {found}"
