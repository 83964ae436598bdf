"""Text as a tsquery: PostgreSQL's operators, or the syntax of a web search; what an operand becomes is told by
the caller, since a text search configuration may make several words of it, or none (tsquery.c).

Operands and operators are written behind their sides; STOP stands for a word left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.errors import InvalidParameterValue, SyntaxError
from sqlvec.types.lexemes import LexemeReader
from sqlvec.types.tsquery import (
    AND,
    DISTANCE_MAX,
    NOT,
    OR,
    PHRASE,
    PRIORITIES,
    Item,
    Operand,
    Operator,
    TsQuery,
)
from sqlvec.types.tsvector import check_lexeme


class Stop:
    """The place of a stop word."""


STOP = Stop()
Written = list[Item | Stop]
Push = Callable[[Written, str, int, bool], None]  # output, text, weights, prefix
_WEIGHTS = {"a": 8, "b": 4, "c": 2, "d": 1}
_OPEN, _CLOSE, _END, _VALUE, _OPERATOR = "open", "close", "end", "value", "operator"


def push_lexeme(output: Written, text: str, weights: int, prefix: bool) -> None:
    """The operand as it is written."""
    check_lexeme(text)
    output.append(Operand(text, weights, prefix))


def parse_tsquery(text: str, push: Push = push_lexeme, *, web: bool = False) -> TsQuery:
    """42601 for what is malformed; a web search is never."""
    reader = _WebReader(text) if web else _Reader(text)
    output: Written = []
    stacks: list[list[Operator]] = [[]]
    while True:
        kind, value = reader.next(output)
        if kind == _VALUE:
            push(output, *value)
        elif kind == _OPERATOR:
            _settle(stacks[-1], output, value.kind)
            stacks[-1].append(value)
        elif kind == _OPEN:
            stacks.append([])
        elif kind == _CLOSE:
            _settle(stacks.pop(), output, OR)
        else:
            _settle(stacks.pop(), output, OR)
            return finished(output)


def _settle(stack: list[Operator], output: Written, kind: int) -> None:
    """Writes the operators that bind as tightly as one to come; NOT waits for its operand."""
    priority = PRIORITIES[kind]
    while stack:
        top = PRIORITIES[stack[-1].kind]
        if priority > top or (kind == NOT and priority == top):
            return
        output.append(stack.pop())


class _Reader:
    """& | ! <-> <n> and parentheses."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lexemes = LexemeReader(text, in_query=True)
        self.place = 0
        self.depth = 0
        self.expects = "first"  # first operand, operand, operator

    def next(self, output: Written) -> tuple[str, Any]:
        text = self.text
        while self.place < len(text) and text[self.place].isspace():
            self.place += 1
        char = text[self.place : self.place + 1]
        return self._operator(char) if self.expects == "operator" else self._operand(char)

    def _operand(self, char: str) -> tuple[str, Any]:
        if char == "!":
            return self._take(1, "operand", Operator(NOT))
        if char == "(":
            self.place += 1
            self.expects = "operand"
            self.depth += 1
            return _OPEN, None
        if char == ":":
            raise self._error()
        self.lexemes.place = self.place
        lexeme = self.lexemes.next()
        if lexeme is None:
            if self.expects == "first":
                return _END, None
            raise SyntaxError(f'no operand in tsquery: "{self.text}"')
        self.place = self.lexemes.place
        self.expects = "operator"
        return _VALUE, (lexeme, *self._modifiers())

    def _modifiers(self) -> tuple[int, bool]:
        weights, prefix = 0, False
        if self.text[self.place : self.place + 1] == ":":
            self.place += 1
            while (char := self.text[self.place : self.place + 1].lower()) and char in "abcd*":
                prefix = prefix or char == "*"
                weights |= _WEIGHTS.get(char, 0)
                self.place += 1
        return weights, prefix

    def _operator(self, char: str) -> tuple[str, Any]:
        if char in ("&", "|"):
            return self._take(1, "operand", Operator(AND if char == "&" else OR))
        if char == "<":
            return self._phrase()
        if char == ")" and self.depth:
            self.place += 1
            self.depth -= 1
            return _CLOSE, None
        if char == "" and not self.depth:
            return _END, None
        raise self._error()

    def _phrase(self) -> tuple[str, Any]:
        end = self.text.find(">", self.place)
        inside = self.text[self.place + 1 : end] if end > 0 else ""
        if inside == "-":
            return self._take(end + 1 - self.place, "operand", Operator(PHRASE, 1))
        if not (inside.isascii() and inside.isdigit()):
            raise self._error()
        check_distance(int(inside))
        return self._take(end + 1 - self.place, "operand", Operator(PHRASE, int(inside)))

    def _take(self, size: int, expects: str, operator: Operator) -> tuple[str, Any]:
        self.place += size
        self.expects = expects
        return _OPERATOR, operator

    def _error(self) -> SyntaxError:
        return SyntaxError(f'syntax error in tsquery: "{self.text}"')


class _WebReader(_Reader):
    """Words, "phrases", or, -not."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lexemes = LexemeReader(text, in_query=True, web=True)

    def next(self, output: Written) -> tuple[str, Any]:
        text, size = self.text, len(self.text)
        while self.place < size:
            char = text[self.place]
            if char.isspace() or (self.expects != "operator" and char in "!&|()<"):
                if not char.isspace():
                    self.expects = "operand"
                self.place += 1
                continue
            if self.expects == "operator":
                return self._between(char)
            return self._web_operand(char)
        if self.expects == "operand":
            output.append(STOP)
        return _END, None

    def _between(self, char: str) -> tuple[str, Any]:
        if char != '"' and self._is_or():
            return self._take(2, "operand", Operator(OR))
        return self._take(0, "operand", Operator(AND))

    def _is_or(self) -> bool:
        text, place = self.text, self.place
        if text[place : place + 2].lower() != "or":
            return False
        after = text[place + 2 : place + 3]
        if after == "" or after in "-_" or after.isalnum():
            return False
        return text[place + 3 :].strip() != ""

    def _web_operand(self, char: str) -> tuple[str, Any]:
        if char == "-":
            return self._take(1, "operand", Operator(NOT))
        self.expects = "operator"
        if char == '"':
            end = self.text.find('"', self.place + 1)
            end = len(self.text) if end < 0 else end
            phrase = self.text[self.place + 1 : end]
            self.place = end + 1
            return _VALUE, (phrase, 0, False)
        self.lexemes.place = self.place
        lexeme = self.lexemes.next()
        self.place = self.lexemes.place
        return _VALUE, (lexeme or "", 0, False)


def check_distance(distance: int) -> None:
    if not 0 <= distance <= DISTANCE_MAX:
        raise InvalidParameterValue(
            "distance in phrase operator must be an integer value between zero and "
            f"{DISTANCE_MAX} inclusive"
        )


# ---------------------------------------------------------------- without stop words

_Node = tuple[Any, ...]  # (item,), (operator, left, right) or (NOT operator, side)


def finished(output: Written) -> TsQuery:
    """The query, without the stop words; where they stood in a phrase, its distances grow."""
    if not any(item is STOP for item in output):
        return TsQuery(tuple(reversed(output)))  # type: ignore[arg-type]
    stack: list[tuple[_Node | None, int, int]] = []
    for item in output:
        if isinstance(item, Stop):
            stack.append((None, 0, 0))
        elif isinstance(item, Operand):
            stack.append(((item,), 0, 0))
        elif item.kind == NOT:
            node, before, after = stack.pop()
            stack.append((None if node is None else (item, node), before, after))
        else:
            right = stack.pop()
            stack.append(_without_stops(item, stack.pop(), right))
    node = stack[-1][0] if stack else None
    return TsQuery(()) if node is None else TsQuery(tuple(_listed(node)))


def _without_stops(
    operator: Operator, left: tuple[_Node | None, int, int], right: tuple[_Node | None, int, int]
) -> tuple[_Node | None, int, int]:
    """The node, and by how much the distances before and behind it grow."""
    (left_node, left_before, left_after), (right_node, right_before, right_after) = left, right
    phrase = operator.kind == PHRASE
    distance = operator.distance if phrase else 0
    if left_node is None and right_node is None:
        gap = left_before + distance + right_before if phrase else max(left_before, right_before)
        return None, gap, gap
    if left_node is None:
        before = left_before + distance + right_before if phrase else right_before
        return right_node, before, right_after
    if right_node is None:
        after = left_after + distance + right_after if phrase else left_after
        return left_node, left_before, after
    if not phrase:
        return (operator, left_node, right_node), 0, 0
    wider = Operator(PHRASE, distance + left_after + right_before)
    return (wider, left_node, right_node), left_before, right_after


def _listed(node: _Node) -> list[Item]:
    """Operator, right side, left side."""
    items: list[Item] = []
    pending = [node]
    while pending:
        item, *sides = pending.pop()
        items.append(item)
        pending += sides
    return items
