"""jsonpath: a path's tree, its reader, and the type, whose datum is the path as PostgreSQL prints it.

    path      [strict | lax] expression
    accessor  .key  ."key"  .*  .**  .**{1 to last}  [*]  [0, 2 to last]  .method()  ? (predicate)
    operand   $  @  $variable  last  "text"  1.5  true  false  null  ( expression )

Source: jsonpath.c, jsonpath_gram.y, jsonpath_scan.l.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlvec.errors import (
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    SyntaxError,
)
from sqlvec.types.sql_type import TypeDefinition
from sqlvec.types.text import decode_text

PREDICATES = frozenset(["and", "or", "not", "compare", "starts", "like", "exists", "unknown"])
METHODS = frozenset(["type", "size", "abs", "floor", "ceiling", "double", "keyvalue"])
COMPARISONS = ("==", "!=", "<>", "<=", ">=", "<", ">")
_PRIORITIES = {"or": 0, "and": 1, "compare": 2, "starts": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4}
_HIGHEST = 6
_UNARY = 5
_TOKEN = re.compile(
    r"""(?:[ \t\n\r\f]|/\*.*?\*/)*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<variable>\$(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|[^\s?%$.\[\]{}()|&!=<>@\#,*:\-+/"\\]+))
      | "(?P<text>(?:[^"\\]|\\.)*)"
      | (?P<sign>&&|\|\||==|!=|<>|<=|>=|\*\*|[$@.\[\]{}()?!<>+\-*/%,])
      | (?P<word>(?:[^\s?%$.\[\]{}()|&!=<>@\#,*:\-+/"\\]|\\.)+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_END = re.compile(r"(?:[ \t\n\r\f]|/\*.*?\*/)*\Z", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Node:
    """kind says what it is; value is a name, an operator or a constant."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    strict: bool
    expression: Node


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


class JsonPath(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        return render(read(text))

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        if not data or data[0] != 1:
            version = data[0] if data else 0
            raise InvalidBinaryRepresentation(f"unsupported jsonpath version number: {version}")
        return self.parse(decode_text(data[1:]))

    def encode(self, datum: str) -> bytes:
        return b"\x01" + datum.encode()


@lru_cache(maxsize=512)
def read(text: str) -> Path:
    """The path; SyntaxError for what is none."""
    return _Reader(text).path()


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while not _END.match(text, place):
        match = _TOKEN.match(text, place)
        if match is None:
            raise SyntaxError(f'syntax error at or near "{text[place : place + 1]}" of jsonpath input')
        kind = match.lastgroup if match.lastgroup != "quoted" else "variable"
        assert kind is not None
        body = match[kind]
        if kind == "variable":
            body = match["quoted"] if match["quoted"] is not None else body[1:]
        if kind in ("text", "variable", "word"):
            body = _ESCAPE.sub(_unescaped, body)
        found.append(_Token(kind, body, match.start(kind)))
        place = match.end()
    return found


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        return chr(int(code, 16))
    return _CONTROLS.get(match[4], match[4])


class _Reader:
    def __init__(self, text: str) -> None:
        if not text.strip():
            raise InvalidTextRepresentation('invalid input syntax for type jsonpath: ""')
        self.tokens = [*_tokens(text), _Token("end", "", len(text))]
        self.next = 0

    # ---------------------------------------------------------------- tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def takes(self, *texts: str) -> str | None:
        """The sign or word, if it is the next token."""
        token = self.token
        lowered = token.text.lower() if token.kind == "word" else token.text
        if token.kind in ("sign", "word") and lowered in texts:
            self.next += 1
            return lowered
        return None

    def wants(self, text: str) -> None:
        if self.takes(text) is None:
            raise self.error()

    def error(self) -> SyntaxError:
        if self.token.kind == "end":
            return SyntaxError("syntax error at end of jsonpath input")
        shown = json.dumps(self.token.text, ensure_ascii=False)[1:-1]
        return SyntaxError(f'syntax error at or near "{shown}" of jsonpath input')

    # ---------------------------------------------------------------- grammar

    def path(self) -> Path:
        mode = self.takes("strict", "lax")
        expression = self.disjunction()
        if self.token.kind != "end":
            raise self.error()
        return Path(mode == "strict", expression)

    def disjunction(self) -> Node:
        left = self.conjunction()
        while self.takes("||"):
            left = Node("or", None, (self.predicate(left), self.predicate(self.conjunction())))
        return left

    def conjunction(self) -> Node:
        left = self.comparison()
        while self.takes("&&"):
            left = Node("and", None, (self.predicate(left), self.predicate(self.comparison())))
        return left

    def comparison(self) -> Node:
        if self.takes("!"):
            return Node("not", None, (self.predicate(self.comparison()),))
        left = self.sum()
        operator = self.takes(*COMPARISONS)
        if operator is not None:
            return Node("compare", "!=" if operator == "<>" else operator, (left, self.sum()))
        if self.takes("starts"):
            self.wants("with")
            return Node("starts", None, (left, self.sum()))
        if self.takes("like_regex"):
            return self._like(left)
        if self.takes("is"):
            self.wants("unknown")
            return Node("unknown", None, (self.predicate(left),))
        return left

    def predicate(self, node: Node) -> Node:
        if node.kind not in PREDICATES:
            raise self.error()
        return node

    def _like(self, left: Node) -> Node:
        pattern = self._text()
        flags = self._text() if self.takes("flag") else ""
        for flag in flags:
            if flag not in "ismxq":
                raise SyntaxError(
                    "invalid input syntax for type jsonpath",
                    detail=f'Unrecognized flag character "{flag}" in LIKE_REGEX predicate.',
                )
        return Node("like", (pattern, flags), (left,))

    def _text(self) -> str:
        if self.token.kind != "text":
            raise self.error()
        self.next += 1
        return self.tokens[self.next - 1].text

    def sum(self) -> Node:
        left = self.product()
        while operator := self.takes("+", "-"):
            left = Node(operator, None, (left, self.product()))
        return left

    def product(self) -> Node:
        left = self.unary()
        while operator := self.takes("*", "/", "%"):
            left = Node(operator, None, (left, self.unary()))
        return left

    def unary(self) -> Node:
        operator = self.takes("+", "-")
        return Node("sign", operator, (self.unary(),)) if operator else self.accessors(self.operand())

    def operand(self) -> Node:
        token = self.token
        if token.kind == "sign":
            return self._bracketed()
        self.next += 1
        if token.kind == "number":
            return Node("literal", Decimal(token.text))
        if token.kind == "text":
            return Node("literal", token.text)
        if token.kind == "variable":
            return Node("variable", token.text)
        constants = {"true": True, "false": False, "null": None}
        if token.kind == "word" and token.text in constants:
            return Node("literal", constants[token.text])
        if token.kind == "word" and token.text.lower() == "last":
            return Node("last")
        if token.kind == "word" and token.text.lower() == "exists" and self.takes("("):
            found = Node("exists", None, (self.disjunction(),))
            self.wants(")")
            return found
        self.next -= 1
        raise self.error()

    def _bracketed(self) -> Node:
        if self.takes("$"):
            return Node("root")
        if self.takes("@"):
            return Node("current")
        self.wants("(")
        inside = self.disjunction()
        self.wants(")")
        return inside

    def accessors(self, base: Node) -> Node:
        steps: list[Node] = []
        while True:
            if self.takes("."):
                steps.append(self._member())
            elif self.takes("["):
                steps.append(self._subscripts())
            elif self.takes("?"):
                self.wants("(")
                steps.append(Node("filter", None, (self.predicate(self.disjunction()),)))
                self.wants(")")
            else:
                return Node("path", None, (base, *steps)) if steps else base

    def _member(self) -> Node:
        if self.takes("**"):
            return self._levels()
        if self.takes("*"):
            return Node("members")
        token = self.token
        if token.kind not in ("word", "text"):
            raise self.error()
        self.next += 1
        if token.kind == "word" and self.takes("("):
            if token.text.lower() not in METHODS:
                self.next -= 1
                raise self.error()
            self.wants(")")
            return Node("method", token.text.lower())
        return Node("key", token.text)

    def _levels(self) -> Node:
        """`.**`, from which level to which; None is the last."""
        low: int | None = 0
        high: int | None = None
        if self.takes("{"):
            low = high = self._level()
            if self.takes("to"):
                high = self._level()
            self.wants("}")
        return Node("levels", (low, high))

    def _level(self) -> int | None:
        if self.takes("last"):
            return None
        if self.token.kind != "number" or not self.token.text.isdigit():
            raise self.error()
        self.next += 1
        return int(self.tokens[self.next - 1].text)

    def _subscripts(self) -> Node:
        if self.takes("*"):
            self.wants("]")
            return Node("elements")
        ranges = []
        while True:
            low = self.sum()
            ranges.append(Node("range", None, (low, self.sum()) if self.takes("to") else (low,)))
            if self.takes("]"):
                return Node("subscripts", None, tuple(ranges))
            self.wants(",")


# ---------------------------------------------------------------- printing


def render(path: Path) -> str:
    return ("strict " if path.strict else "") + _shown(path.expression, brackets=True)


def _priority(node: Node) -> int:
    return _UNARY if node.kind == "sign" else _PRIORITIES.get(node.kind, _HIGHEST)


def _shown(node: Node, *, brackets: bool = False) -> str:
    kind = node.kind
    if kind == "path":
        base, *steps = node.parts
        return _shown(base, brackets=True) + "".join(map(_step, steps))
    if kind in ("root", "current", "last", "literal", "variable"):
        return _leaf(node)
    if kind in ("not", "exists", "unknown"):
        inside = _shown(node.parts[0])
        return {"not": f"!({inside})", "exists": f"exists ({inside})"}.get(kind, f"({inside}) is unknown")
    mine = _priority(node)
    sides = [_shown(part, brackets=_priority(part) <= mine) for part in node.parts]
    if kind == "sign":
        body = f"{node.value}{sides[0]}"
    elif kind == "like":
        pattern, flags = node.value
        body = f"{sides[0]} like_regex {_quoted(pattern)}" + (f' flag "{flags}"' if flags else "")
    else:
        words = {"or": "||", "and": "&&", "starts": "starts with", "compare": node.value}
        body = f" {words.get(kind, kind)} ".join(sides)
    return f"({body})" if brackets else body


def _leaf(node: Node) -> str:
    if node.kind == "literal":
        value = node.value
        if isinstance(value, str):
            return _quoted(value)
        return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
    return {"root": "$", "current": "@", "last": "last"}.get(node.kind) or f"${_quoted(node.value)}"


def _step(step: Node) -> str:
    match step.kind:
        case "key":
            return f".{_quoted(step.value)}"
        case "method":
            return f".{step.value}()"
        case "filter":
            return f"?({_shown(step.parts[0])})"
        case "subscripts":
            ranges = (" to ".join(_shown(end) for end in part.parts) for part in step.parts)
            return f"[{','.join(ranges)}]"
        case "levels":
            return f".**{_levels_shown(*step.value)}"
    return {"members": ".*", "elements": "[*]"}[step.kind]


def _levels_shown(low: int | None, high: int | None) -> str:
    if (low, high) == (0, None):
        return ""
    ends = ["last" if end is None else str(end) for end in (low, high)]
    return f"{{{ends[0]}}}" if low == high else f"{{{ends[0]} to {ends[1]}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
