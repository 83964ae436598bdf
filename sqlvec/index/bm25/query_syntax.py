"""The syntax of `@@@`, and the table of all readings of a text as a query.

    query    item (["OR"] item)*         any of the items; but one with "-" or NOT that no OR stands
                                         beside excludes: a b -c is (a or b) and not c
    item     unary ("AND" unary)*
    unary    ("-" | "NOT") unary | [field ":"] part
    part     "(" query ")" ["~" n] [boost]    at least n of the items
           | "a phrase" ["~" slop] [boost]
           | IN "[" word* "]" [boost]         one of the words, all alike
           | prefix* [boost] | word ["~" edits] [boost]
    boost    "^" factor

AND, OR, NOT and IN in capitals. A word of several terms (e-mail) is a phrase. A field is a column that
is searched; before anything else a colon is a part of the word. Stop words are left out, with the
operators that join them; a query of nothing else matches no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from sqlvec.errors import StatementTooComplex, SyntaxError
from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.paradedb_query import read_query
from sqlvec.index.bm25.query import (
    EDITS_MAX,
    SLOP_MAX,
    AnyTerm,
    Boost,
    Match,
    Not,
    QueryBuilder,
    all_of,
    any_of,
    nothing,
)

NESTING_MAX = 100  # each level takes a few frames of Python's stack, of which there are 1,000
PARTS_MAX = 10_000  # that a group may ask for
_TOKEN = re.compile(
    r'\s*(?:"(?P<phrase>[^"]*)(?P<closed>"?)|IN\s*\[(?P<set>[^\]]*)(?P<ended>\]?)'
    r'|(?P<mark>[()-])|(?P<word>[^\s()"]+))'
)
_SUFFIX = re.compile(r"(?P<near>~\d*)?(?P<boost>\^[^\s()\"]*)?")
_WORD = re.compile(r"(?P<text>.*?)(?P<star>\*?)(?P<near>~\d*)?(?P<boost>\^[\d.]*)?", re.DOTALL)
_OPERATORS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: phrase, set, word, an operator or a mark; end: the end of the query. place counts from 1.
    near, boost: what follows a phrase, a set or a closing parenthesis, with its sign."""

    kind: str
    text: str
    place: int
    near: str = ""
    boost: str = ""


def parse_match(text: str, builder: QueryBuilder | str) -> Match:
    """The syntax of `@@@`; 42601 with the place in the query where it is malformed."""
    if isinstance(builder, str):
        builder = QueryBuilder((analyzer(builder),))
    return _Parser(text, builder).parse()


def parse_query(text: str, config: str) -> AnyTerm:
    """The words of a text under one config, as `<@>` reads them; never an error."""
    found = QueryBuilder((analyzer(config),)).words(text)
    assert isinstance(found, AnyTerm), found
    return found


# How a text is read as a query: by the words that it has, or by a syntax.
SYNTAXES: dict[str, Callable[[QueryBuilder, str], Match]] = {
    "words": lambda builder, text: builder.words(text),
    "match": lambda builder, text: parse_match(text, builder),
    "paradedb": read_query,
}


class _Parser:
    """Recursive descent; None is a query of stop words only."""

    def __init__(self, text: str, builder: QueryBuilder) -> None:
        self.text = text
        self.builder = builder
        self.tokens = self._tokens()
        self.next = 0
        self.nesting = 0

    def parse(self) -> Match:
        if self._peek().kind == "end":
            return nothing()
        match = self._query()
        if self._peek().kind != "end":
            self._unexpected(self._peek())
        return nothing() if match is None else match

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        size = len(self.text.rstrip())
        place = 0
        while place < size:
            found = _TOKEN.match(self.text, place)
            assert found is not None, (self.text, place)
            kind = next(k for k in ("phrase", "set", "mark", "word") if found[k] is not None)
            text = found[kind]
            begin = found.start(kind) + 1
            if kind == "phrase" and not found["closed"]:
                self._malformed("Unterminated quoted phrase", begin - 1)
            if kind == "set" and not found["ended"]:
                self._malformed("Unterminated set of terms", begin - 1)
            if kind == "mark" or text in _OPERATORS and kind == "word":
                kind = text
            place = found.end()
            near = boost = ""
            if kind in ("phrase", "set", ")"):
                suffix = _SUFFIX.match(self.text, place)
                assert suffix is not None, place
                near, boost = suffix["near"] or "", suffix["boost"] or ""
                place = suffix.end()
            tokens.append(_Token(kind, text, begin, near, boost))
        return [*tokens, _Token("end", "", len(self.text) + 1)]

    def _malformed(self, what: str, place: int) -> NoReturn:
        raise SyntaxError(
            f'syntax error in text query: "{self.text}"',
            detail=f"{what} at character {place}.",
            internal=(self.text, place),
        )

    def _unexpected(self, token: _Token) -> NoReturn:
        what = "end of query" if token.kind == "end" else f'"{token.text}"'
        self._malformed(f"Unexpected {what}", token.place)

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def _query(self) -> Match | None:
        wanted, excluded = self._items()
        return self._joined(any_of(wanted), excluded)

    def _items(self) -> tuple[list[Match], list[Match]]:
        """The items that are wanted, and those that are excluded."""
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
        return wanted, excluded

    def _joined(self, wanted: Match | None, excluded: list[Match]) -> Match | None:
        return all_of(excluded if wanted is None else [wanted, *excluded])

    def _item(self) -> Match | None:
        parts = [self._unary()]
        while self._peek().kind == "AND":
            self._take()
            parts.append(self._unary())
        return all_of([part for part in parts if part is not None])

    def _unary(self) -> Match | None:
        token = self._take()
        if token.kind in ("NOT", "-"):
            if token.kind == "-" and self._peek().place != token.place + 1 + self._quoted():
                self._unexpected(token)  # a dash between words is no operator
            part = self._nested(self._unary)
            return None if part is None else Not(part)
        if token.kind == "(":
            return self._nested(lambda: self._group(token))
        if token.kind == "phrase":
            return self._phrase(token)
        if token.kind == "set":
            if token.near:
                self._unexpected(_Token("word", token.near, token.place + len(token.text) + 1))
            return self._boosted(self.builder.term_set(token.text.split()), token.boost, token)
        if token.kind == "word" and token.text.strip("*"):
            return self._word(token)
        return self._unexpected(token)

    def _quoted(self) -> int:
        """1 when the next token is a phrase: its place is that of its text, after the quote."""
        return int(self._peek().kind == "phrase")

    def _nested(self, parse: Callable[[], Match | None]) -> Match | None:
        if self.nesting == NESTING_MAX:
            raise StatementTooComplex(
                "text query is nested too deeply",
                detail=f"At most {NESTING_MAX} levels are allowed.",
            )
        self.nesting += 1
        match = parse()
        self.nesting -= 1
        return match

    def _group(self, opened: _Token) -> Match | None:
        wanted, excluded = self._items()
        closed = self._take()
        if closed.kind != ")":
            self._malformed("Unbalanced parenthesis", opened.place)
        at_least = self._number(closed.near, closed.place + 1, PARTS_MAX, "The number of parts")
        match = self._joined(any_of(wanted, 1 if at_least is None else at_least), excluded)
        return self._boosted(match, closed.boost, closed)

    def _phrase(self, token: _Token) -> Match | None:
        slop = self._number(token.near, token.place + len(token.text) + 1, SLOP_MAX, "Slop")
        match = self.builder.phrase(token.text, 0 if slop is None else slop)
        return self._boosted(match, token.boost, token)

    def _word(self, token: _Token) -> Match | None:
        name, colon, rest = token.text.partition(":")
        field = self.builder.within(name) if colon else None
        if field is not None:
            return self._of_field(field, token, rest)
        found = _WORD.fullmatch(token.text)
        assert found is not None, token
        text, star = found["text"], found["star"]
        near, boost = found["near"] or "", found["boost"] or ""
        if not text or (star and near):
            self._unexpected(token)
        if star:
            match = self.builder.prefix(text)
        elif near:
            edits = self._number(near, token.place + len(text), EDITS_MAX, "Edits")
            match = self.builder.fuzzy(text, 1 if edits is None else edits)
        else:
            match = self.builder.phrase(text)
        return self._boosted(match, boost, token)

    def _of_field(self, field: QueryBuilder, token: _Token, rest: str) -> Match | None:
        """What follows `name:`."""
        start = token.place + len(token.text) - len(rest)
        if rest:
            self.next -= 1
            self.tokens[self.next] = _Token("word", rest, start)
        elif self._peek().kind not in ("phrase", "set", "("):
            self._unexpected(self._peek())
        outer, self.builder = self.builder, field
        match = self._nested(self._unary)
        self.builder = outer
        return match

    def _number(self, near: str, place: int, most: int, what: str) -> int | None:
        """The number after `~`; None without one."""
        if len(near) < 2:
            return None
        number = int(near[1:])
        if number > most:
            self._malformed(f"{what} must not exceed {most}", place)
        return number

    def _boosted(self, match: Match | None, boost: str, token: _Token) -> Match | None:
        if not boost:
            return match
        try:
            factor = float(boost[1:])
        except ValueError:
            factor = -1.0
        if not 0 <= factor <= 1e6:
            self._malformed(f'"{boost}" is no boost after', token.place)
        return None if match is None else Boost(match, factor)
