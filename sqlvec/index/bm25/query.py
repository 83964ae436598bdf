"""Queries: the words of `<@>`, and the boolean syntax of `@@@`.

    query    item (["OR"] item)*         any of the items; but one with "-" or NOT that no OR stands
                                         beside excludes: a b -c is (a or b) and not c
    item     unary ("AND" unary)*
    unary    ("-" | "NOT") unary | "(" query ")" | "a phrase" | prefix* | word

AND, OR and NOT in capitals. A word of several terms (e-mail) is a phrase. Stop words are left out,
with the operators that join them; a query of nothing else matches no row.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

from sqlvec.errors import StatementTooComplex, SyntaxError
from sqlvec.index.bm25.analyzer import analyzer, fold

NESTING_MAX = 100  # each level takes a few frames of Python's stack, of which there are 1,000
_TOKEN = re.compile(r'\s*(?:"(?P<phrase>[^"]*)(?P<closed>"?)|(?P<mark>[()-])|(?P<word>[^\s()"]+))')
_OPERATORS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class Bm25Query:
    """Distinct terms, and how often the query has each."""

    terms: tuple[str, ...]
    frequencies: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """Rows that have one of the terms; none without terms."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Rows that have the terms one after the other; "" stands for any word. First and last are
    terms."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Rows that have a term that begins with one of these."""

    starts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Rows with a text that do not match."""

    part: Match


Match = AnyTerm | Phrase | Prefix | And | Or | Not


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: phrase, word, an operator or a mark; end: the end of the query. place counts from 1."""

    kind: str
    text: str
    place: int


def parse_query(text: str, config: str) -> Bm25Query:
    """The terms of a text, each with its frequency; never an error."""
    counted = Counter(analyzer(config).terms(text))
    return Bm25Query(tuple(counted), tuple(counted.values()))


def parse_match(text: str, config: str) -> Match:
    """The boolean syntax; 42601 with the place in the query where it is malformed."""
    return _Parser(text, config).parse()


class _Parser:
    """Recursive descent; None is a query of stop words only."""

    def __init__(self, text: str, config: str) -> None:
        self.text = text
        self.analyzer = analyzer(config)
        self.tokens = self._tokens()
        self.next = 0
        self.nesting = 0

    def parse(self) -> Match:
        if self._peek().kind == "end":
            return AnyTerm(())
        match = self._query()
        if self._peek().kind != "end":
            self._unexpected(self._peek())
        return AnyTerm(()) if match is None else match

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        size = len(self.text.rstrip())
        place = 0
        while place < size:
            found = _TOKEN.match(self.text, place)
            assert found is not None, (self.text, place)
            kind = found.lastgroup if found["phrase"] is None else "phrase"
            assert kind is not None, found
            text = found[kind]
            begin = found.start(kind) + 1
            if kind == "phrase" and not found["closed"]:
                self._malformed(f"Unterminated quoted phrase at character {begin - 1}.")
            if kind == "mark" or text in _OPERATORS and kind == "word":
                kind = text
            tokens.append(_Token(kind, text, begin))
            place = found.end()
        return [*tokens, _Token("end", "", len(self.text) + 1)]

    def _malformed(self, detail: str) -> NoReturn:
        raise SyntaxError(f'syntax error in text query: "{self.text}"', detail=detail)

    def _unexpected(self, token: _Token) -> NoReturn:
        what = "end of query" if token.kind == "end" else f'"{token.text}"'
        self._malformed(f"Unexpected {what} at character {token.place}.")

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def _query(self) -> Match | None:
        items = [self._item()]
        joined = [False]  # whether an OR stands before the item
        while self._peek().kind not in ("end", ")"):
            joined.append(self._peek().kind == "OR")
            if joined[-1]:
                self._take()
            items.append(self._item())
        wanted: list[Match] = []
        excluded: list[Match] = []
        for item, before, after in zip(items, joined, [*joined[1:], False], strict=True):
            if item is not None:
                excludes = isinstance(item, Not) and not before and not after
                (excluded if excludes else wanted).append(item)
        if not excluded:
            return _combined(Or, wanted)
        any_wanted = _combined(Or, wanted)
        return _combined(And, excluded if any_wanted is None else [any_wanted, *excluded])

    def _item(self) -> Match | None:
        parts = [self._unary()]
        while self._peek().kind == "AND":
            self._take()
            parts.append(self._unary())
        return _combined(And, [part for part in parts if part is not None])

    def _unary(self) -> Match | None:
        token = self._take()
        if token.kind in ("NOT", "-"):
            if token.kind == "-" and self._peek().place != token.place + 1 + self._quoted():
                self._unexpected(token)  # a dash between words is no operator
            part = self._nested(token)
            return None if part is None else Not(part)
        if token.kind == "(":
            return self._nested(token)
        if token.kind == "phrase":
            return self._phrase(token.text)
        if token.kind == "word" and token.text.strip("*"):
            return self._word(token.text)
        return self._unexpected(token)

    def _quoted(self) -> int:
        """1 when the next token is a phrase: its place is that of its text, after the quote."""
        return int(self._peek().kind == "phrase")

    def _nested(self, opened: _Token) -> Match | None:
        if self.nesting == NESTING_MAX:
            raise StatementTooComplex(
                "text query is nested too deeply",
                detail=f"At most {NESTING_MAX} levels are allowed.",
            )
        self.nesting += 1
        if opened.kind != "(":
            match = self._unary()
        else:
            match = self._query()
            if self._take().kind != ")":
                self._malformed(f"Unbalanced parenthesis at character {opened.place}.")
        self.nesting -= 1
        return match

    def _word(self, text: str) -> Match | None:
        if not text.endswith("*"):
            return self._phrase(text)
        words = self.analyzer.words(text)
        if len(words) != 1:
            return self._phrase(text)
        # What is written may be cut anywhere in the word, and the index holds stems: database* has
        # to find what database became.
        starts = {fold(words[0]), self.analyzer.term(words[0])} - {""}
        shortest = [s for s in starts if not any(s != t and s.startswith(t) for t in starts)]
        return Prefix(tuple(sorted(shortest)))

    def _phrase(self, text: str) -> Match | None:
        tokens = self.analyzer.tokens(text)
        terms = [place for place, term in enumerate(tokens) if term]
        if not terms:
            return None
        if len(terms) == 1:
            return AnyTerm((tokens[terms[0]],))
        return Phrase(tuple(tokens[terms[0] : terms[-1] + 1]))


def _combined(kind: type[And | Or], parts: list[Match]) -> Match | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return kind(tuple(parts))
