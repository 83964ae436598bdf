"""Queries: the words of `<@>`, and the boolean syntax of `@@@`.

    words        any of them        "a phrase"   the words in this order
    -word        not                a AND b, a OR b, NOT a, ( )
    prefix*      any term that begins so
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from sqlvec.errors import SyntaxError
from sqlvec.index.bm25.analyzer import analyzer

_TOKEN = re.compile(r'\s*(?:(?P<quote>"(?P<phrase>[^"]*)"?)|(?P<mark>[()-])|(?P<word>[^\s()"]+))')


@dataclass(frozen=True, slots=True)
class Bm25Query:
    """Distinct terms, and how often the query has each."""

    terms: tuple[str, ...]
    frequencies: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnyTerm:
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    start: str


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Match


Match = AnyTerm | Phrase | Prefix | And | Or | Not


def parse_query(text: str, config: str) -> Bm25Query:
    """The terms of a text, each with its frequency; never an error."""
    counted = Counter(analyzer(config).terms(text))
    return Bm25Query(tuple(counted), tuple(counted.values()))


def parse_match(text: str, config: str) -> Match:
    """The boolean syntax; 42601 with the position inside the query where it is malformed."""
    return _Parser(text, config).parse()


class _Parser:
    def __init__(self, text: str, config: str) -> None:
        self.text = text
        self.analyzer = analyzer(config)
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            assert found is not None, (text, place)
            start = found.start() + len(found.group()) - len(found.group().lstrip())
            if found["quote"] is not None:
                if not found["quote"].endswith('"') or len(found["quote"]) < 2:
                    raise self._error("unterminated quoted string", start)
                self.tokens.append(("phrase", found["phrase"], start))
            elif found["mark"]:
                self.tokens.append((found["mark"], found["mark"], start))
            else:
                kind = found["word"] if found["word"] in ("AND", "OR", "NOT") else "word"
                self.tokens.append((kind, found["word"], start))
            place = found.end()
        self.place = 0

    def _error(self, what: str, position: int) -> SyntaxError:
        return SyntaxError(f"{what} in text query at position {position + 1}: {self.text!r}")

    def _peek(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def parse(self) -> Match:
        if not self.tokens:
            return AnyTerm(())
        match = self._or()
        if self.place < len(self.tokens):
            token = self.tokens[self.place]
            raise self._error(f'unexpected "{token[1]}"', token[2])
        return match

    def _or(self) -> Match:
        """Words side by side mean any of them; those with a minus exclude."""
        wanted: list[Match] = [self._and()]
        while self._peek() not in ("", ")"):
            if self._peek() == "OR":
                self.place += 1
            wanted.append(self._and())
        excluded = tuple(part for part in wanted if isinstance(part, Not))
        kept = tuple(part for part in wanted if not isinstance(part, Not))
        if not excluded:
            return kept[0] if len(kept) == 1 else Or(kept)
        if not kept:
            return excluded[0] if len(excluded) == 1 else And(excluded)
        return And((kept[0] if len(kept) == 1 else Or(kept), *excluded))

    def _and(self) -> Match:
        parts = [self._unary()]
        while self._peek() == "AND":
            self.place += 1
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _unary(self) -> Match:
        kind = self._peek()
        if kind in ("NOT", "-"):
            self.place += 1
            return Not(self._unary())
        if kind == "(":
            opened = self.tokens[self.place][2]
            self.place += 1
            match = self._or()
            if self._peek() != ")":
                raise self._error("unbalanced parenthesis", opened)
            self.place += 1
            return match
        if kind not in ("word", "phrase"):
            end = len(self.text)
            token = self.tokens[self.place] if kind else ("", "end of query", end)
            raise self._error(f'unexpected "{token[1]}"', token[2])
        _, text, _ = self.tokens[self.place]
        self.place += 1
        if kind == "word" and text.endswith("*") and len(text) > 1:
            return Prefix(text[:-1].lower())
        terms = tuple(self.analyzer.terms(text))
        return Phrase(terms) if kind == "phrase" and len(terms) > 1 else AnyTerm(terms)
