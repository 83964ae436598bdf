"""The source text of an expression inside a statement, by the tokens that its parse node covers."""

from __future__ import annotations

import re

from sqlvec.sql.parse import Node, ParsedStatement

_TOKEN = re.compile(
    r"\s+|--[^\n]*|/\*.*?\*/|[eEbBxX]?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\w*\$|[\w.]+|[()\[\],;]|.", re.S
)
# What ends a column constraint's expression, at depth zero.
_ENDS = frozenset(
    "not null default primary unique check references constraint generated collate deferrable initially".split()
)


def expression_source(parsed: ParsedStatement, node: Node) -> str:
    """The text from the expression's first token to the end of its clause."""
    start = first_location(node)
    assert start is not None, node
    raw = parsed.text.encode()
    text = raw[start:].decode(errors="ignore")
    before = raw[:start].decode(errors="ignore").rstrip()
    inside = before.endswith("(")
    depth, place, previous = 0, 0, ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        word = token.lower()
        if token in "([" and token:
            depth += 1
        elif token in ")]" and token:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and token in (",", ";"):
            break
        elif depth == 0 and not inside and place and word in _ENDS and previous not in ("is", "not"):
            break
        place = match.end()
        if word.strip():
            previous = word
    return text[:place].strip()


def first_location(node: object) -> int | None:
    """The least location in a parse tree."""
    found: list[int] = []
    _collect(node, found)
    return min(found) if found else None


def _collect(node: object, found: list[int]) -> None:
    if isinstance(node, dict):
        location = node.get("location")
        if isinstance(location, int) and location >= 0:
            found.append(location)
        elif "location" not in node and any(k in node for k in ("A_Const", "ColumnRef")):
            inner = next(iter(node.values()))
            if isinstance(inner, dict) and "location" not in inner:
                found.append(0)
        for value in node.values():
            _collect(value, found)
    elif isinstance(node, list):
        for item in node:
            _collect(item, found)
