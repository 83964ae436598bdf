"""The source text of an expression inside a statement: the text that parses to its node again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlvec.errors import SyntaxError
from sqlvec.sql.parse import Node, ParsedStatement, parse

_TOKEN = re.compile(
    r"\s+|--[^\n]*|/\*.*?\*/|[eEbBxX]?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\w*\$|[\w.]+|[()\[\],;]|.", re.S
)


def expression_source(parsed: ParsedStatement, node: Node) -> str:
    """The shortest text around the node's first token that is the expression and nothing more.

    A node does not tell where it ends, nor whether parentheses belong to it or to its clause; so texts are
    tried, from the first token and from each parenthesis before it, until one parses to the same node.
    """
    first = first_location(node)
    assert first is not None, node
    raw = parsed.text.encode()
    wanted = _without_locations(node)
    for start in _starts(raw[:first].decode(errors="ignore")):
        text = raw[start:].decode(errors="ignore")
        for end in _ends(text):
            if _parses_to(text[:end], wanted):
                return text[:end].strip()
    raise AssertionError(f"no source for {node}")


def _starts(before: str) -> Iterator[int]:
    """Byte offsets: of what follows the text, and of each opening parenthesis that ends it."""
    yield len(before.encode())
    rest = before.rstrip()
    while rest.endswith("("):
        rest = rest[:-1]
        yield len(rest.encode())
        rest = rest.rstrip()


def _ends(text: str) -> Iterator[int]:
    """Where an expression may end: after tokens outside of parentheses."""
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("(", "["):
            depth += 1
        elif token in (")", "]"):
            depth -= 1
        if depth < 0 or (depth == 0 and token in (",", ";")):
            return
        if depth == 0 and not token.isspace():
            yield match.end()


def _parses_to(text: str, wanted: Any) -> bool:
    try:
        select = parse(f"SELECT {text}")[0].node["SelectStmt"]
    except SyntaxError:
        return False
    targets = select.get("targetList", ())
    if len(targets) != 1 or "fromClause" in select:
        return False
    target = targets[0]["ResTarget"]
    return "name" not in target and _without_locations(target["val"]) == wanted


def _without_locations(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_locations(v) for k, v in node.items() if not k.endswith("location")}
    if isinstance(node, list):
        return [_without_locations(item) for item in node]
    return node


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
