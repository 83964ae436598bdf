"""Sentences of the grammar, drawn by Hypothesis.

hypothesis.extra.lark gives every alternative of a rule the same chance; through twelve levels of precedence
that makes sentences without end. Here a rule that only orders precedence mostly passes on, and at the end of
a budget of rules every choice is the shortest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st
from lark import Lark
from lark.grammar import NonTerminal, Symbol, Terminal
from lark.lexer import PatternRE, TerminalDef

from tests.grammar.specification import grammar

BUDGET = 70
_PASS_ON = 6  # of 7: how often a level of precedence holds no operator
_PASSING = st.integers(0, _PASS_ON)
_ENDLESS = 10**6
Given = Mapping[str, st.SearchStrategy[str]]


@dataclass(frozen=True, slots=True)
class _Choices:
    """The alternatives of a rule, shortest first, with their depths; passing only goes on to the next level."""

    options: list[list[Symbol]]
    depths: list[int]
    passing: list[Symbol] | None


class _Rules:
    """The alternatives of every rule, and how many rules deep its shortest sentence is."""

    def __init__(self, lark: Lark, given: Given) -> None:
        self.literals = {t.name: _literal(t) for t in lark.terminals}
        self.given = given
        self.alternatives: dict[str, list[list[Symbol]]] = {}
        for rule in lark.rules:
            self.alternatives.setdefault(str(rule.origin.name), []).append(list(rule.expansion))
        self.depths = dict.fromkeys(self.alternatives, _ENDLESS)
        while self._shorten():
            pass
        self.choices = {name: self._ordered(name) for name in self.alternatives}

    def _ordered(self, name: str) -> _Choices:
        options = sorted(self.alternatives[name], key=self._depth_of)
        units = [i for i, o in enumerate(options) if len(o) == 1 and isinstance(o[0], NonTerminal)]
        passing = options[units[0]] if len(units) == 1 and len(options) > 1 else None
        return _Choices(options, [self._depth_of(o) for o in options], passing)

    def _shorten(self) -> bool:
        changed = False
        for name, options in self.alternatives.items():
            best = 1 + min(map(self._depth_of, options))
            changed |= best < self.depths[name]
            self.depths[name] = min(best, self.depths[name])
        return changed

    def _depth_of(self, expansion: list[Symbol]) -> int:
        return max((self._depth(symbol) for symbol in expansion), default=0)

    def _depth(self, symbol: Symbol) -> int:
        if symbol.name in self.given or isinstance(symbol, Terminal):
            return 0
        return self.depths[str(symbol.name)]

    def draw(self, draw: st.DrawFn, symbol: Symbol, budget: int, words: list[str]) -> None:
        name = str(symbol.name)
        if name in self.given:
            words.append(draw(self.given[name]))
        elif isinstance(symbol, Terminal):
            words.append(self.literals[name])
        else:
            for part in self._choose(draw, name, budget):
                self.draw(draw, part, budget - 1, words)

    def _choose(self, draw: st.DrawFn, name: str, budget: int) -> list[Symbol]:
        choices = self.choices[name]
        count = bisect_left(choices.depths, budget)
        if count <= 1:
            return choices.options[0]
        passing = choices.passing
        if passing is not None and draw(_PASSING) < _PASS_ON:
            return passing
        return choices.options[draw(_index(count))]


@cache
def _index(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


def _literal(terminal: TerminalDef) -> str:
    pattern = terminal.pattern
    return str(pattern.raw if isinstance(pattern, PatternRE) else pattern.value)


def sentences(start: str, given: Given, budget: int = BUDGET) -> st.SearchStrategy[str]:
    """Sentences of the rule; given says what stands for a rule or terminal, by its name."""
    rules = _Rules(grammar(start), given)

    @st.composite
    def sentence(draw: st.DrawFn) -> str:
        words: list[str] = []
        rules.draw(draw, NonTerminal(start), budget, words)
        return " ".join(words)

    return sentence()
