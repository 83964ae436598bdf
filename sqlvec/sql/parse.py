"""Parsing: PostgreSQL's grammar through libpg_query, and the few statements that are ours alone.

Ours are cut out of the text before: PARTITION BY TENANT (column) and FOR SYSTEM_TIME AS OF time are blanked and
remembered; CREATE, DROP and ALTER TENANT stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pgparse

from sqlvec.errors import DatabaseError, FeatureNotSupported, SyntaxError, WindowingError
from sqlvec.sql.system_time import attach_times, cut_system_time

Node = dict[str, Any]
_PARTITION = re.compile(
    r'\bpartition\s+by\s+tenant\s*\(\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[a-z_]\w*))\s*\)', re.I
)
_TENANT = re.compile(
    r"\s*(?P<action>create|drop|alter)\s+tenant\s+(?P<exists>if\s+(?:not\s+)?exists\s+)?"
    r"(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[a-z_]\w*))"
    r"(?:\s+set\s+state\s+(?P<state>\w+))?\s*;?\s*\Z",
    re.I,
)
# How PostgreSQL's grammar words what it knows and refuses (ERRCODE_FEATURE_NOT_SUPPORTED in gram.y).
_NOT_SUPPORTED = ("not yet implemented", "cannot be marked DEFERRABLE", "cannot be marked NOT VALID",
                  "cannot be marked NO INHERIT", "is not yet supported")  # fmt: skip
STRINGS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.S)


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One statement: node is {"SelectStmt": {...}} as libpg_query names it; locations are byte offsets
    into `text`, the whole message. offset tells which statement of the message it is."""

    text: str
    node: Node
    offset: int
    tenant_column: str | None = None

    @property
    def kind(self) -> str:
        return next(iter(self.node))

    def position(self, location: int | None) -> int | None:
        """A byte offset as the 1-based character position that clients are told."""
        if location is None or location < 0:
            return None
        if self.text.isascii():
            return location + 1
        return len(self.text.encode()[:location].decode(errors="ignore")) + 1

    @property
    def rest(self) -> str:
        """The text from where the statement begins."""
        return self.text.encode()[self.offset :].decode(errors="ignore")

    @property
    def source(self) -> str:
        """The text of the statement alone."""
        return self.rest.strip().rstrip(";")


def nodes_of(node: object, kind: str) -> Iterator[Node]:
    """The bodies of a kind of node in a parse tree."""
    if isinstance(node, dict):
        if kind in node:
            yield node[kind]
        for value in node.values():
            yield from nodes_of(value, kind)
    elif isinstance(node, list):
        for item in node:
            yield from nodes_of(item, kind)


def parse(text: str) -> list[ParsedStatement]:
    """The statements of a message; 42601 with position for what is not in the grammar."""
    if (tenant := _TENANT.match(text)) and _is_tenant_statement(tenant):
        return [ParsedStatement(text, {"TenantStmt": _tenant(tenant)}, 0)]
    cut, tenants = _cut_tenants(text)
    cut, times = cut_system_time(cut)
    try:
        found = pgparse.parse(cut)
    except pgparse.PGQueryError as error:
        kind: type[DatabaseError] = SyntaxError
        if error.message.endswith(_NOT_SUPPORTED):
            kind = FeatureNotSupported
        elif error.message.startswith(("frame start", "frame end")):
            kind = WindowingError
        raise kind(error.message, position=error.position or None) from None
    if times:
        attach_times(text, found, times)
    statements = []
    for raw in found:
        start = raw.get("stmt_location", 0)
        end = start + raw["stmt_len"] if raw.get("stmt_len") else len(cut.encode())
        column = next((name for place, name in tenants if start <= place < end), None)
        statements.append(ParsedStatement(text, raw["stmt"], start, column))
    return statements


def _is_tenant_statement(match: re.Match[str]) -> bool:
    """Each has words of its own: CREATE IF NOT EXISTS, DROP IF EXISTS, ALTER SET STATE."""
    action, exists = match["action"].lower(), (match["exists"] or "").lower()
    if action == "alter":
        return bool(match["state"]) and not exists
    return not match["state"] and (not exists or ("not" in exists.split()) == (action == "create"))


def _tenant(match: re.Match[str]) -> Node:
    quoted = match["quoted"]
    return {
        "action": match["action"].lower(),
        "name": quoted.replace("''", "'") if quoted else match["plain"].lower(),
        "if_exists": bool(match["exists"]),
        "state": (match["state"] or "").lower(),
    }


def _cut_tenants(text: str) -> tuple[str, list[tuple[int, str]]]:
    """The text with PARTITION BY TENANT blanked outside strings, and the columns by byte offset."""
    if "tenant" not in text.lower():
        return text, []
    strings = [match.span() for match in STRINGS.finditer(text)]
    tenants = []
    for match in list(_PARTITION.finditer(text)):
        if any(start <= match.start() < end for start, end in strings):
            continue
        quoted = match["quoted"]
        name = quoted.replace('""', '"') if quoted else match["plain"].lower()
        tenants.append((len(text[: match.start()].encode()), name))
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    return text, tenants


def statement_text(parsed: ParsedStatement, length: int | None = None) -> str:
    """The source of one statement of the message."""
    raw = parsed.text.encode()
    end = len(raw) if length is None else parsed.offset + length
    return raw[parsed.offset : end].decode(errors="ignore").strip()
