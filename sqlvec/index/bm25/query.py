"""Text queries in the one form that every dialect is translated to, and how that form is built.

    AnyTerm    rows that have one of the terms            score: BM25, summed over the terms
    Phrase     the terms one after the other, within slop BM25 of the phrase as one term
    Prefix     a term that begins so                      1
    Fuzzy      a term within so many edits                1
    And        all of the parts                           the sum
    Or         at least so many of the parts              the sum of those that match
    Not        rows with a text that do not match         0
    Boost      the part                                   the part's, multiplied
    Constant   the part                                   this one

Terms in it are terms of the index: a QueryBuilder makes them of what was written, by the index's own
analyzers, and is what a dialect uses (Bm25Index.builder gives it). Nothing() matches no row, and
Not(Nothing()) all rows with a text. `fields` are numbers of the index's fields, in the order of its
columns; () is all of them. A term of several fields is scored by BM25F: its frequencies, each
normalised by the field's length and multiplied by the field's weight, count as one.

A dialect that is written as text has its reading in SYNTAXES (query_syntax.py), under the name that
bound.TextMatch and bound.TextScore carry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlvec.errors import InvalidParameterValue
from sqlvec.index.bm25.analyzer import Analyzer, fold

Fields = tuple[int, ...]
EDITS_MAX = 2
SLOP_MAX = 255


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """Rows that have one of the distinct terms; none without terms. frequencies: how often the query
    has each, () for once. field_weights: one for each of fields, () for 1 (or what the index says)."""

    terms: tuple[str, ...]
    frequencies: tuple[float, ...] = ()
    fields: Fields = ()
    field_weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """The terms one after the other in one field; "" stands for any word. First and last are terms.

    slop: how far, together, terms may be from where the phrase has them (the spread of their
    displacements, as in Lucene: two neighbors that are swapped have a slop of 2)."""

    terms: tuple[str, ...]
    slop: int = 0
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Prefix:
    """Rows that have a term that begins with one of these."""

    starts: tuple[str, ...]
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Rows that have a term at most so many insertions, deletions, substitutions and swaps of neighbors
    away. prefix: a term that begins so."""

    term: str
    edits: int
    fields: Fields = ()
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Match, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Not:
    """Rows with a text that do not match."""

    part: Match


@dataclass(frozen=True, slots=True)
class Boost:
    part: Match
    factor: float


@dataclass(frozen=True, slots=True)
class Constant:
    part: Match
    score: float = 1.0


Match = AnyTerm | Phrase | Prefix | Fuzzy | And | Or | Not | Boost | Constant


def nothing() -> Match:
    return AnyTerm(())


def all_of(parts: Sequence[Match]) -> Match | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return And(tuple(parts))


def any_of(parts: Sequence[Match], at_least: int = 1) -> Match | None:
    """Of the parts at_least, or all if they are fewer."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return Or(tuple(parts), min(max(at_least, 1), len(parts)))


def terms_of(query: Match) -> list[str]:
    """What a query looks for, each once, as EXPLAIN shows it."""
    match query:
        case AnyTerm(terms) | Prefix(terms):
            found = list(terms)
        case Phrase(terms):
            found = [" ".join(term or "_" for term in terms)]
        case Fuzzy(term):
            found = [term]
        case And(parts) | Or(parts):
            found = [term for part in parts for term in terms_of(part)]
        case Boost(part) | Constant(part):
            found = terms_of(part)
        case Not():
            found = []
    return list(dict.fromkeys(found))


class QueryBuilder:
    """What was written, as a query; None where nothing but stop words was.

    analyzers: one a field of the index. names: the fields' columns. fields: those that are searched,
    () for all. weights: of the fields that are searched."""

    def __init__(
        self,
        analyzers: Sequence[Analyzer],
        names: Sequence[str] = (),
        fields: Fields = (),
        weights: tuple[float, ...] = (),
    ) -> None:
        self.analyzers = analyzers
        self.names = names
        self.fields = fields
        self.weights = weights
        searched = fields or tuple(range(len(analyzers)))
        groups: dict[Analyzer, list[int]] = {}
        for field in searched:
            groups.setdefault(analyzers[field].query, []).append(field)
        # Fields that are analyzed alike are searched as one; most often these are all there are.
        self._groups: list[tuple[Analyzer, Fields, tuple[float, ...]]] = []
        weight_of = dict(zip(searched, weights, strict=True)) if weights else {}
        for analyzer, members in groups.items():
            whole = len(members) == len(analyzers)
            numbers = () if whole and not weights else tuple(members)
            self._groups.append((analyzer, numbers, tuple(weight_of.get(f, 1.0) for f in members) if weights else ()))

    def within(self, name: str) -> QueryBuilder | None:
        """The builder for one field by its column's name; None when there is none."""
        if name not in self.names:
            return None
        field = self.names.index(name)
        if self.fields and field not in self.fields:
            return None
        return QueryBuilder(self.analyzers, self.names, (field,))

    def words(self, text: str) -> Match:
        """Any of a text's words, each counted as often as the text has it; never an error."""
        found = [
            AnyTerm(tuple(counted), tuple(counted.values()), fields, weights)
            for analyzer, fields, weights in self._groups
            if (counted := Counter(analyzer.terms(text)))
        ]
        return any_of(found) or nothing()

    def any_word(self, text: str, at_least: int = 1, edits: int = 0) -> Match | None:
        """At least so many of a text's words, each a term or one that is nearly it."""
        return self._each(lambda g: any_of([self._near(t, edits, g) for t in g[0].terms(text)], at_least))

    def all_words(self, text: str, edits: int = 0) -> Match | None:
        """All of a text's words."""
        return self._each(lambda g: all_of([self._near(t, edits, g) for t in g[0].terms(text)]))

    def phrase(self, text: str, slop: int = 0) -> Match | None:
        """A text's words one after the other; stop words in between stand for any word."""

        def make(group: tuple[Analyzer, Fields, tuple[float, ...]]) -> Match | None:
            tokens = group[0].tokens(text)
            places = [place for place, term in enumerate(tokens) if term]
            if not places:
                return None
            if len(places) == 1:
                return AnyTerm((tokens[places[0]],), (), group[1], group[2])
            return Phrase(tuple(tokens[places[0] : places[-1] + 1]), slop, group[1])

        return self._each(make)

    def prefix(self, text: str) -> Match | None:
        """Words that begin like the one that is written; several words are a phrase."""

        def make(group: tuple[Analyzer, Fields, tuple[float, ...]]) -> Match | None:
            analyzer, fields, _ = group
            words = analyzer.words(text)
            if len(words) != 1:
                return None
            # What is written may be cut anywhere in the word, and the index holds stems: database*
            # has to find what database became.
            starts = {fold(words[0]), analyzer.term(words[0])} - {""}
            least = [s for s in starts if not any(s != t and s.startswith(t) for t in starts)]
            return Prefix(tuple(sorted(least)), fields)

        return self._each(make) or self.phrase(text)

    def fuzzy(self, text: str, edits: int, prefix: bool = False) -> Match | None:
        """Terms that are nearly that of a word; of several words, each."""
        return self._each(
            lambda g: all_of([self._near(t, edits, g, prefix) for t in g[0].terms(text)])
        )

    def term(self, text: str) -> Match:
        """Exactly this term of the index; the text is not analyzed."""
        return any_of([AnyTerm((text,), (), fields, weights) for _, fields, weights in self._groups]) or nothing()

    def term_set(self, texts: Iterable[str]) -> Match:
        """One of the words, whichever: their scores do not depend on how rare they are."""
        found = [self.phrase(text) for text in texts]
        return Constant(any_of([part for part in found if part is not None]) or nothing())

    def like(self, text: str, weight_of: Callable[[str, Fields], float]) -> Match:
        """The rows that have a good part of a text's most telling terms (more like this)."""
        parts: list[Match] = []
        for analyzer, fields, weights in self._groups:
            counted = Counter(analyzer.terms(text))
            told = sorted(counted, key=lambda t: (-counted[t] * weight_of(t, fields), t))
            told = [term for term in told[:LIKE_TERMS_MAX] if weight_of(term, fields)]
            terms = [AnyTerm((term,), (), fields, weights) for term in told]
            found = any_of(terms, round(len(terms) * LIKE_SHARE))
            parts += [] if found is None else [found]
        return any_of(parts) or nothing()

    def _near(
        self,
        term: str,
        edits: int,
        group: tuple[Analyzer, Fields, tuple[float, ...]],
        prefix: bool = False,
    ) -> Match:
        if not 0 <= edits <= EDITS_MAX:
            raise InvalidParameterValue(
                f"{edits} edits are out of bounds",
                detail=f"A fuzzy term has between 0 and {EDITS_MAX} edits.",
            )
        _, fields, weights = group
        if edits or prefix:
            return Fuzzy(term, edits, fields, prefix)
        return AnyTerm((term,), (), fields, weights)

    def _each(
        self, make: Callable[[tuple[Analyzer, Fields, tuple[float, ...]]], Match | None]
    ) -> Match | None:
        found = [make(group) for group in self._groups]
        return any_of([part for part in found if part is not None])


LIKE_TERMS_MAX = 25  # Lucene's MoreLikeThis.DEFAULT_MAX_QUERY_TERMS
LIKE_SHARE = 0.3  # of the terms, as Elasticsearch's minimum_should_match is
