"""Where a text has what a query looks for: the whole text with marks, or its most telling piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlvec.errors import SyntaxError
from sqlvec.index.bm25.analyzer import Analyzer, analyzer
from sqlvec.index.bm25.query import (
    And,
    AnyTerm,
    Boost,
    Constant,
    Fuzzy,
    Match,
    Not,
    Or,
    Phrase,
    Prefix,
    QueryBuilder,
)
from sqlvec.index.bm25.query_syntax import SYNTAXES, parse_match
from sqlvec.index.bm25.splitting import Span

SNIPPET_CHARS = 150
ELLIPSIS = "..."
Place = tuple[int, int]


def highlight(config: str, text: str, query: str, start: str, stop: str) -> str:
    """The text, with start and stop around what the query looks for."""
    places = _places(analyzer(config), text, _leaves(config, query))
    return _marked(text, places, start, stop)


def snippet(config: str, text: str, query: str, start: str, stop: str, chars: int) -> str:
    """The piece of at most so many characters with most of what the query looks for, the first such; the
    beginning of a text that has nothing of it."""
    reader = analyzer(config)
    places = _places(reader, text, _leaves(config, query))
    begin, end = _best_piece(text, places, chars)
    inside = [(a - begin, b - begin) for a, b in places if begin <= a and b <= end]
    marked = _marked(text[begin:end], inside, start, stop)
    return (ELLIPSIS if begin else "") + marked + (ELLIPSIS if end < len(text) else "")


def query_snippet(
    config: str, column: str, text: str, query: str, syntax: str, start: str, stop: str, chars: int
) -> str | None:
    """snippet() for a query in one of SYNTAXES over a column; None for a text that has nothing of it."""
    reader = analyzer(config)
    places = _places(reader, text, _leaves_of(config, column, query, syntax))
    if not places:
        return None
    begin, end = _best_piece(text, places, chars)
    inside = [(a - begin, b - begin) for a, b in places if begin <= a and b <= end]
    return _marked(text[begin:end], inside, start, stop)


@lru_cache(maxsize=256)
def _leaves_of(
    config: str, column: str, query: str, syntax: str
) -> tuple[AnyTerm | Phrase | Prefix | Fuzzy, ...]:
    builder = QueryBuilder((analyzer(config),), (column,))
    return tuple(_wanted(SYNTAXES[syntax](builder, query)))


@lru_cache(maxsize=256)
def _leaves(config: str, query: str) -> tuple[AnyTerm | Phrase | Prefix | Fuzzy, ...]:
    """What a query looks for; one that is malformed is read as words, as <@> does."""
    builder = QueryBuilder((analyzer(config),))
    try:
        parsed = parse_match(query, builder)
    except SyntaxError:
        parsed = builder.words(query)
    return tuple(_wanted(parsed))


def _wanted(query: Match) -> Iterator[AnyTerm | Phrase | Prefix | Fuzzy]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _wanted(part)
        case Boost(part) | Constant(part):
            yield from _wanted(part)
        case Not():
            return
        case _:
            yield query


def _places(
    reader: Analyzer, text: str, leaves: Sequence[AnyTerm | Phrase | Prefix | Fuzzy]
) -> list[Place]:
    """What is marked, in order; places that meet are one."""
    spans = reader.spans(text)
    found: set[int] = set()
    for leaf in leaves:
        if isinstance(leaf, Phrase):
            found.update(_phrase_places(leaf, spans))
            continue
        for place, span in enumerate(spans):
            if span.word and _holds(leaf, span.word):
                found.add(place)
    merged: list[Place] = []
    for place in sorted(found):
        begin, end, _ = spans[place]
        if merged and begin < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _holds(leaf: AnyTerm | Prefix | Fuzzy, term: str) -> bool:
    if isinstance(leaf, AnyTerm):
        return term in leaf.terms
    if isinstance(leaf, Prefix):
        return term.startswith(leaf.starts)
    return near(leaf.term, term, leaf.edits, leaf.prefix)


def _phrase_places(phrase: Phrase, spans: Sequence[Span]) -> Iterator[int]:
    """Those of a phrase's words that lie together, slop added on either side."""
    wanted = {term for term in phrase.terms if term}
    reach = len(phrase.terms) + phrase.slop
    ordered = phrase.slop == 0
    for first, span in enumerate(spans):
        if ordered:
            window = [s.word for s in spans[first : first + reach]]
            pairs = zip(phrase.terms, window, strict=False)
            if len(window) == reach and all(a in ("", b) for a, b in pairs):
                yield from (first + i for i, term in enumerate(phrase.terms) if term)
        elif span.word in wanted:
            near_by = range(first, min(first + reach, len(spans)))
            if wanted <= {spans[i].word for i in near_by}:
                yield from (i for i in near_by if spans[i].word in wanted)


def near(wanted: str, term: str, edits: int, prefix: bool) -> bool:
    """Whether a term is at most so many edits away (kernels/fuzzy.py has it for dictionaries)."""
    before: list[int] = []
    row = list(range(len(wanted) + 1))
    for i, char in enumerate(term, 1):
        if prefix and row[-1] <= edits:
            return True
        older, before = before, row
        row = [i]
        for j, other in enumerate(wanted, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if older and j > 1 and char == wanted[j - 2] and term[i - 2] == other:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1] <= edits


def _best_piece(text: str, places: Sequence[Place], chars: int) -> Place:
    if len(text) <= chars:
        return 0, len(text)
    best, begin = -1, 0
    for i, (start, _) in enumerate(places):
        held = sum(1 for _, end in places[i : i + chars] if end <= start + chars)
        if held > best:
            best, begin = held, start
    if best > 0:  # what is found lies in the middle of the piece
        last = max(end for _, end in places if end <= begin + chars)
        begin = max(0, begin - (chars - (last - begin)) // 2)
    begin = min(begin, len(text) - chars)
    end = begin + chars
    first = places[0][0] if places else 0
    if begin and not text[begin - 1].isspace():
        space = text.find(" ", begin, end)
        if space >= 0 and not any(a <= space for a, b in places if begin <= a and b <= end):
            begin = space + 1
    if end < len(text) and not text[end].isspace():
        space = text.rfind(" ", begin, end)
        if space > max([begin, first if begin <= first < end else begin]):
            end = space
    return begin, end


def _marked(text: str, places: Sequence[Place], start: str, stop: str) -> str:
    pieces: list[str] = []
    at = 0
    for begin, end in places:
        pieces += [text[at:begin], start, text[begin:end], stop]
        at = end
    return "".join([*pieces, text[at:]])
