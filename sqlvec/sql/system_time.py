"""FOR SYSTEM_TIME AS OF: cut out of the text before PostgreSQL's grammar sees it.

    docs FOR SYSTEM_TIME AS OF now() - interval '10 minutes' AS d   ->   docs                       AS d

The expression is parsed alone, at its own place, and put into the node of the relation before it. It ends
where an operand is followed by what continues no expression: an alias, a comma, a keyword of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pgparse

from sqlvec.errors import SyntaxError

_NAME = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")*")'
_NAMED = re.compile(rf"{_NAME}(?:\s*\.\s*{_NAME})*(?:\s*\*)?(?:\s+(?:as\s+)?(?P<alias>{_NAME}))?", re.I)
_READ_UNDER = frozenset(["fromClause", "usingClause", "larg", "rarg", "sourceRelation"])
_CLAUSE = re.compile(r"\bfor\s+system_time\s+as\s+of\b", re.I)
_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<operand>[eEbBxXnN]?'(?:[^']|'')*'|\$(?P<tag>[a-z_]*)\$.*?\$(?P=tag)\$|\$\d+"
    r"|\d[\w.]*)|(?P<name>\"(?:[^\"]|\"\")*\")|(?P<word>[^\W\d]\w*)|(?P<open>[(\[])|(?P<close>[)\]])|(?P<end>[,;])"
    r"|(?P<operator>::|.)",
    re.S | re.I,
)
# Words that stand between operands, or before one.
_JOINING = frozenset(
    "and or not is isnull notnull at collate between in like ilike similar to distinct from operator".split()
)
_PREFIXES = frozenset("case when then else array row timestamp time interval date not".split())
_ZONED = frozenset("with without time zone precision".split())  # timestamp with time zone '...'
_ENDING = frozenset(
    "as where join inner left right full cross natural on using group order having limit offset fetch window "
    "union intersect except for tablesample returning set values".split()
)


@dataclass(frozen=True, slots=True)
class SystemTime:
    """A clause that was cut out: its byte offset, its position for errors, and the node of the time."""

    place: int
    position: int
    node: Any


def cut_system_time(text: str) -> tuple[str, list[SystemTime]]:
    """The text with every clause blanked, and what they said, in order."""
    if "system_time" not in text.lower():
        return text, []
    found: list[SystemTime] = []
    pieces, last = [], 0
    for start, time_at in _clauses(text):
        if start < last:
            continue
        end = _end(text, time_at)
        pieces += [text[last:start], " " * len(text[start:end].encode())]
        place = len(text[:start].encode())
        found.append(SystemTime(place, start + 1, _time(text, time_at, end)))
        last = end
    return "".join([*pieces, text[last:]]), found


def attach_times(text: str, statements: list[Any], times: list[SystemTime]) -> None:
    """Puts each time into the relation that the clause follows; 42601 where it follows none."""
    raw = text.encode()
    relations = [
        (body["location"], body, key in _READ_UNDER)
        for body, key in _relations(statements, "")
        if "location" in body
    ]
    for time in times:
        before = max((r for r in relations if r[0] < time.place), key=lambda r: r[0], default=None)
        between = raw[before[0] : time.place].decode(errors="replace") if before else ""
        name = _NAMED.fullmatch(between.rstrip())
        wrong = name is None or (name["alias"] or "").lower() in _ENDING
        if before is None or wrong or not before[2] or "as_of" in before[1]:
            raise SyntaxError('syntax error at or near "FOR"', position=time.position)
        before[1]["as_of"] = time.node


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    """(start, where the time begins), outside of strings and comments."""
    plain = [m.span() for m in _TOKEN.finditer(text) if m["word"] and m["word"].lower() == "for"]
    for start, _ in plain:
        match = _CLAUSE.match(text, start)
        if match is not None:
            yield start, match.end()


def _end(text: str, start: int) -> int:
    """Behind the expression that begins at start."""
    depth = cases = 0
    end, after_operand, before = start, False, ""
    for match in _TOKEN.finditer(text, start):
        kind, token = match.lastgroup, match.group().lower()
        if kind == "space":
            continue
        if not depth and not cases:
            if kind in ("close", "end"):
                break
            if kind == "word" and _ends(token, after_operand, before):
                break
            if kind == "name" and after_operand and before != ".":
                break
        depth += (kind == "open") - (kind == "close")
        if kind == "word" and token in ("case", "end"):
            cases += 1 if token == "case" else -1
        operand = kind in ("operand", "name", "close") or (kind == "word" and token not in _JOINING)
        after_operand = operand and not (kind == "word" and token in _PREFIXES)
        end, before = match.end(), token
    return end


def _ends(word: str, after_operand: bool, before: str) -> bool:
    """Whether a word outside of parentheses is no part of the expression."""
    if before == ".":
        return False
    if not after_operand:
        return word in _ENDING and not (word in ("left", "right") and not before)
    return word not in _JOINING and word != "end" and not (word in _ZONED and before in _ZONED | _PREFIXES)


def _time(text: str, start: int, end: int) -> Any:
    """The expression's node, its locations those in the text."""
    if not text[start:end].strip():
        near = next((m for m in _TOKEN.finditer(text, end) if m.lastgroup != "space"), None)
        shown = "at end of input" if near is None else f'at or near "{near.group()}"'
        raise SyntaxError(f"syntax error {shown}", position=(near.start() if near else end) + 1)
    lead = " " * (len(text[:start].encode()) - len("SELECT "))
    try:
        (statement,) = pgparse.parse(f"{lead}SELECT {text[start:end]}")
    except pgparse.PGQueryError as error:
        shift = len(lead) + len("SELECT ") - start  # of characters that are several bytes
        raise SyntaxError(error.message, position=(error.position or shift) - shift or None) from None
    (target,) = statement["stmt"]["SelectStmt"]["targetList"]
    return target["ResTarget"]["val"]


def _relations(node: Any, key: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The relations of a tree, each with the key of what they stand in."""
    if isinstance(node, list):
        for item in node:
            yield from _relations(item, key)
    elif isinstance(node, dict):
        if "relname" in node:
            yield node, key
        for name, value in node.items():
            if name == "RangeTableSample":
                yield from _relations(value["relation"], "fromClause")
            else:
                yield from _relations(value, key if name == "RangeVar" else name)
