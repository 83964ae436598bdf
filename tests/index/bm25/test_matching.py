"""Boolean queries against a twin that looks at each row's terms."""

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.index.bm25 import Bm25Index, analyzer, parse_match
from sqlvec.index.bm25.query import And, AnyTerm, Boost, Constant, Fuzzy, Not, Or, Phrase, Prefix
from sqlvec.index.row_set import RowSet

WORDS = ["cat", "cats", "catalog", "dog", "the", "red"]
LEAVES = st.sampled_from(
    [AnyTerm(()), AnyTerm(("cat",)), AnyTerm(("dog", "red")), Prefix(("cat",)), Prefix(("d", "r"))]
) | st.sampled_from([Fuzzy("cet", 1), Fuzzy("der", 2), Fuzzy("catlaog", 1), Fuzzy("cta", 1, (), True)]) | st.builds(
    lambda middle, slop, last: Phrase(("cat", *middle, last), slop),
    st.lists(st.sampled_from(["cat", "dog", "", "red"]), min_size=0, max_size=2),
    st.integers(0, 4),
    st.sampled_from(["dog", "cat"]),
)
MATCHES = st.recursive(
    LEAVES,
    lambda inner: (
        inner.map(Not)
        | inner.map(lambda part: Boost(part, 2.0))
        | inner.map(Constant)
        | st.lists(inner, min_size=2, max_size=4).map(lambda parts: Or(tuple(parts), 2))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=6,
)


def phrase_spread(terms, tokens) -> float:
    """The least spread of displacements, over every way to give the terms places of their own."""
    wanted = [(i, term) for i, term in enumerate(terms) if term]
    ways = [[p for p, token in enumerate(tokens) if token == term] for _, term in wanted]
    least = math.inf
    for places in product(*ways):
        if len(set(places)) == len(places):
            shifts = [place - i for place, (i, _) in zip(places, wanted, strict=True)]
            least = min(least, max(shifts) - min(shifts))
    return least


@cache
def distance(a: str, b: str) -> int:
    """Optimal string alignment, as it is defined."""
    if not a or not b:
        return len(a) + len(b)
    best = min(
        distance(a[:-1], b) + 1, distance(a, b[:-1]) + 1, distance(a[:-1], b[:-1]) + (a[-1] != b[-1])
    )
    if len(a) > 1 and len(b) > 1 and a[-1] == b[-2] and a[-2] == b[-1]:
        best = min(best, distance(a[:-2], b[:-2]) + 1)
    return best


def matches(query, tokens: list[str]) -> bool:
    match query:
        case AnyTerm(terms):
            return any(term in tokens for term in terms)
        case Prefix(starts):
            return any(token.startswith(starts) for token in tokens if token)
        case Phrase(terms, slop):
            return phrase_spread(terms, tokens) <= slop
        case Fuzzy(term, edits, _, prefix):
            pieces = [t[: i + 1] for t in tokens for i in range(len(t))] if prefix else tokens
            return any(distance(term, piece) <= edits for piece in pieces if piece)
        case Boost(part) | Constant(part):
            return matches(part, tokens)
        case And(parts):
            return all(matches(part, tokens) for part in parts)
        case Or(parts, at_least):
            return sum(matches(part, tokens) for part in parts) >= at_least
        case Not(part):
            return not matches(part, tokens)
    raise AssertionError(query)


@given(
    st.data(),
    st.lists(
        st.none() | st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join),
        min_size=1,
        max_size=30,
    ),
    MATCHES,
)
@settings(max_examples=200, deadline=None)
def test_match_agrees_with_the_twin(data, rows, query):
    index = Bm25Index("english")
    cut = data.draw(st.integers(0, len(rows)))
    index.add(0, [rows[:cut]])
    index.match(query, RowSet.full(cut))
    index.add(cut, [rows[cut:]])
    count = data.draw(st.integers(0, len(rows)))
    visible = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    found = index.match(query, RowSet.from_ids(np.array(sorted(visible), np.int64), count))
    tokens = analyzer("english").tokens
    expected = [
        r for r in sorted(visible) if rows[r] is not None and matches(query, tokens(rows[r]))
    ]
    assert found.row_count == count and found.ids().tolist() == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("bank america", [0, 1, 2, 3]),
        ('"bank of america"', [0, 2]),
        ('"bank america"', [1]),
        ("bank AND -river", [0, 1, 2]),
        ("univers*", [4]),
        ("universities*", [4]),
        ("-bank", [4, 5]),
    ],
)
def test_queries_as_they_are_typed(text, expected):
    index = Bm25Index("english")
    rows = [
        "Bank of America", "bank America", "the bank in America", "river bank", "University", "",
        None,
    ]  # fmt: skip
    index.add(0, [rows])
    assert index.match(parse_match(text, "english"), RowSet.full(7)).ids().tolist() == expected
