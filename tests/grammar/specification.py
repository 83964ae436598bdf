"""The grammar of grammar/*.lark, and the examples beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from lark import Lark, UnexpectedInput
from lark.lexer import PatternRE, PatternStr, TerminalDef

GRAMMAR = Path(__file__).resolve().parents[2] / "grammar"
OPERATOR_SIGNS = r"+*/<>=~!@#%^&|`?-"
_REJECTION = re.compile(r"-- (?P<sqlstate>\w{5})(?: at (?P<position>\d+))?(?P<ours>, ours)?")


@cache
def grammar(*starts: str) -> Lark:
    source = "\n".join(path.read_text() for path in sorted(GRAMMAR.glob("*.lark")))
    return Lark(
        source, start=list(starts), parser="earley", lexer="dynamic", edit_terminals=_bounded
    )


def _bounded(terminal: TerminalDef) -> None:
    """Keywords and operators end where PostgreSQL's scanner ends them; keywords have no case."""
    pattern = terminal.pattern
    if not isinstance(pattern, PatternStr):
        return
    literal, signs = re.escape(pattern.value), re.escape(OPERATOR_SIGNS)
    if pattern.value[-1].isalnum() or pattern.value[-1] == "_":
        terminal.pattern = PatternRE(f"(?i:{literal})(?![A-Za-z0-9_$])", raw=pattern.value)
    elif pattern.value[-1] in OPERATOR_SIGNS:
        terminal.pattern = PatternRE(f"{literal}(?![{signs}])", raw=pattern.value)


def describes(sentence: str, start: str = "statement") -> bool:
    """Whether the grammar derives the sentence."""
    try:
        grammar(start).parse(sentence)
    except UnexpectedInput:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Example:
    """One block of an example file. ours: not PostgreSQL's syntax. sqlstate: how it is rejected."""

    place: str
    text: str
    ours: bool = False
    sqlstate: str = ""
    position: int | None = None


def examples(folder: str) -> list[Example]:
    """Of accepted or rejected."""
    found = []
    for path in sorted((GRAMMAR / folder).glob("*.sql")):
        found += blocks(path)
    return found


def blocks(path: Path) -> list[Example]:
    """A block is a statement up to ; at a line's end, and the comments that follow it."""
    found: list[Example] = []
    lines: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("--") and not lines and found:
            found[-1] = _remarked(found[-1], line)
            continue
        if line.strip() and not (line.startswith("--") and not lines):
            lines.append(line)
        if line.endswith(";"):
            found.append(Example(f"{path.stem}:{number}", "\n".join(lines)[:-1]))
            lines = []
    assert not lines, f"{path}: the last statement has no semicolon"
    return found


def _remarked(example: Example, line: str) -> Example:
    if line == "-- ours":
        return replace(example, ours=True)
    match = _REJECTION.fullmatch(line)
    if match is None:
        return example
    position = int(match["position"]) if match["position"] else None
    ours = bool(match["ours"])
    return replace(example, sqlstate=match["sqlstate"], position=position, ours=ours)
