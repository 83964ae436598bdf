"""The index against a twin in plain Python: the same rows, scores and statistics."""

import gc
import math
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.errors import DataCorrupted, InvalidParameterValue, ObjectNotInState
from sqlvec.index.bm25 import Bm25Index, analyzer, parse_match, parse_query
from sqlvec.index.bm25 import terms as plans
from sqlvec.index.bm25.query import terms_of
from sqlvec.index.row_set import RowSet

WORDS = ["red", "green", "blue", "cat", "dog", "tree", "über", "数据", "the"]
texts = st.none() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
corpora = st.lists(texts, min_size=1, max_size=60)


class Twin:
    """BM25 as it is written in the book, over lists."""

    def __init__(
        self, config: str, rows: list[str | None], k1: float = 1.2, b: float = 0.75
    ) -> None:
        self.terms = [[] if row is None else analyzer(config).terms(row) for row in rows]
        self.k1, self.b = k1, b

    def scores(self, query: list[str], visible: set[int]) -> dict[int, float]:
        documents = [row for row in visible if self.terms[row]]
        average = sum(len(self.terms[row]) for row in documents) / max(1, len(documents))
        found: dict[int, float] = {}
        for term in query:
            doc_freq = sum(term in self.terms[row] for row in documents)
            idf = math.log(1 + (len(documents) - doc_freq + 0.5) / (doc_freq + 0.5))
            for row in documents:
                tf = min(255, self.terms[row].count(term))
                norm = self.k1 * (1 - self.b + self.b * len(self.terms[row]) / average)
                if tf:
                    found[row] = found.get(row, 0.0) + idf * tf / (tf + norm)
        return found

    def best(self, query: list[str], k: int, visible: set[int], allowed: set[int]):
        scores = {r: s for r, s in self.scores(query, visible).items() if r in allowed}
        # Rows of equal score may differ in the last bits here, where terms are added in another
        # order.
        return sorted(scores.items(), key=lambda item: (-round(item[1], 9), item[0]))[:k]


def filled(rows: list[str | None], steps: list[int], config: str = "simple") -> Bm25Index:
    """An index to which the rows came in batches, with a search after each."""
    index = Bm25Index(config)
    place = 0
    for step in [*steps, len(rows)]:
        batch = rows[place : place + step]
        if batch:
            index.add(place, [batch])
            place += len(batch)
            index.search(parse_query("red", config), 1, RowSet.full(place), None)
    return index


def row_set(rows: set[int], row_count: int) -> RowSet:
    return RowSet.from_ids(np.array(sorted(rows), np.int64), row_count)


def assert_same(found, expected) -> None:
    ids, scores = found
    assert ids.dtype == np.int64 and scores.dtype == np.float64
    assert ids.tolist() == [row for row, _ in expected]
    assert scores.tolist() == pytest.approx([score for _, score in expected], rel=1e-9)


@given(st.data(), corpora, st.lists(st.integers(1, 20), max_size=5))
@settings(max_examples=150, deadline=None)
def test_search_agrees_with_the_twin(data, rows, steps):
    index, twin = filled(rows, steps), Twin("simple", rows)
    # An older snapshot may know fewer rows than the index has.
    count = data.draw(st.integers(1, len(rows)))
    visible = data.draw(st.sets(st.integers(0, count - 1)))
    allowed = data.draw(st.none() | st.sets(st.sampled_from(sorted(visible)))) if visible else None
    query = " ".join(data.draw(st.lists(st.sampled_from(WORDS), max_size=6)))
    k = data.draw(st.integers(0, 12))
    terms = analyzer("simple").terms(query)
    seen = row_set(visible, count)
    limit = None if allowed is None else row_set(allowed, count)
    expected = twin.best(terms, k, visible, visible if allowed is None else allowed)
    assert_same(index.search(parse_query(query, "simple"), k, seen, limit), expected)
    every = np.array(data.draw(st.permutations(range(count))), np.int64)
    scores = twin.scores(terms, visible)
    got = index.scores(parse_query(query, "simple"), seen, every)
    for row, score in zip(every.tolist(), got.tolist(), strict=True):
        if row in visible:
            assert score == pytest.approx(scores.get(row, 0.0), rel=1e-9)


@pytest.mark.parametrize("window", [4_096, 1 << 17])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05, 0.001])
def test_search_agrees_with_the_twin_in_a_large_corpus(monkeypatch, window, share):
    dice = np.random.default_rng(7)
    # Zipf words and many equal rows, so that ties must be broken.
    lines = [" ".join(f"w{w}" for w in dice.zipf(1.3, 8).clip(1, 500)) for _ in range(700)]
    rows = [lines[i] for i in dice.integers(0, len(lines), 60_000)]
    monkeypatch.setattr(plans, "WINDOW", window)
    index, twin = filled(rows, [39_000, 6_000]), Twin("simple", rows)
    monkeypatch.setattr(plans, "LOOKUP_COST", 1 << 30)
    visible = set(np.flatnonzero(dice.random(len(rows)) < 0.9).tolist())
    allowed = {row for row in visible if dice.random() < share}
    seen, limit = row_set(visible, len(rows)), row_set(allowed, len(rows))
    for query in ("w1 w2 w3", "w1 w400", "w17", "w1 w1 w5 w9 w30 w77 absent"):
        expected = twin.best(query.split(), 50, visible, allowed)
        assert_same(index.search(parse_query(query, "simple"), 50, seen, limit), expected)


def test_few_allowed_rows_are_looked_up(monkeypatch):
    rows = [f"common w{i % 7}" for i in range(5_000)]
    index = filled(rows, [])
    monkeypatch.setattr(plans, "best_of_part", None)
    allowed = row_set({3, 4_000, 4_002}, len(rows))
    found = index.search(parse_query("common w3", "simple"), 2, RowSet.full(len(rows)), allowed)
    assert_same(
        found, Twin("simple", rows).best(["common", "w3"], 2, set(range(5_000)), {3, 4_000, 4_002})
    )


def test_a_query_may_have_ten_thousand_terms():
    rows = [f"w{i} w{i + 1}" for i in range(10_000)]
    index = filled(rows, [])
    query = parse_query(" ".join(f"w{i}" for i in range(10_001)), "simple")
    ids, scores = index.search(query, 5, RowSet.full(len(rows)), None)
    # The first and the last term are in one row only, so their rows are the best.
    assert sorted(ids[:2].tolist()) == [0, 9_999] and scores[0] == scores[1] > scores[2]


def test_k_may_exceed_the_matches():
    index = filled(["cat", "dog", None, "cat cat"], [])
    ids, _ = index.search(parse_query("cat", "simple"), 1_000_000, RowSet.full(4), None)
    assert sorted(ids.tolist()) == [0, 3]


def test_null_and_empty_texts_are_no_documents():
    index = filled(["cat", None, "", "dog"], [])
    alone = filled(["cat", "dog"], [])
    query = parse_query("cat", "simple")
    assert (
        index.search(query, 9, RowSet.full(4), None)[1]
        == alone.search(query, 9, RowSet.full(2), None)[1]
    )


def test_nothing_is_found_in_an_empty_index_or_by_an_empty_query():
    query = parse_query("cat", "simple")
    assert not len(Bm25Index("simple").search(query, 3, RowSet.empty(0), None)[0])
    index = filled(["cat"], [])
    assert not len(index.search(parse_query("", "simple"), 3, RowSet.full(1), None)[0])
    assert not len(index.search(query, 3, RowSet.empty(1), None)[0])
    assert index.scores(query, RowSet.full(1), np.empty(0, np.int64)).tolist() == []
    assert index.match(parse_match("cat", "simple"), RowSet.empty(0)).row_count == 0


def test_statistics_follow_the_row_set():
    rows = ["cat", "cat dog", "cat bird bird bird", "dog"]
    index, twin = filled(rows, []), Twin("simple", rows)
    query = parse_query("cat dog", "simple")
    for visible in ({0, 1, 2, 3}, {1, 3}, {0, 1, 2, 3}, {2}):
        expected = twin.best(["cat", "dog"], 9, visible, visible)
        assert_same(index.search(query, 9, row_set(visible, 4), None), expected)


def test_k1_and_b_are_used():
    rows = ["cat", "cat cat dog", "dog"]
    index = Bm25Index("simple", k1=0.0, b=1.0)
    index.add(0, [rows])
    expected = Twin("simple", rows, 0.0, 1.0).best(["cat"], 9, {0, 1, 2}, {0, 1, 2})
    assert_same(index.search(parse_query("cat", "simple"), 9, RowSet.full(3), None), expected)


def two_fields(**options) -> Bm25Index:
    index = Bm25Index("simple", fields=2, **options)
    index.add(0, [["red cat", None, None, "red"], ["green dog", "red dog dog", None, "cat"]])
    return index


def test_several_columns_are_fields():
    index = two_fields()
    ids, _ = index.search(parse_query("dog", "simple"), 9, RowSet.full(4), None)
    assert sorted(ids.tolist()) == [0, 1]
    assert index.match(parse_match('"red cat"', "simple"), RowSet.full(4)).ids().tolist() == [0]
    assert index.match(parse_match("-dog", "simple"), RowSet.full(4)).ids().tolist() == [3]
    of_field = index.builder(names=("title", "body"))
    for text, expected in (
        ("title:red", [0, 3]), ("body:red", [1]), ('body:"red dog"', [1]), ("red", [0, 1, 3]),
        ("title:(red OR cat) AND body:cat", [3]), ("body:re*", [1]), ("title:rod~1", [0, 3]),
        ("body:IN [green cat]", [0, 3]), ("other:red", []),
    ):  # fmt: skip
        found = index.match(parse_match(text, of_field), RowSet.full(4))
        assert found.ids().tolist() == expected, text


def test_one_field_of_several_is_scored_alone():
    index, alone = two_fields(), filled(["green dog", "red dog dog", None, "cat"], [])
    query = parse_query("dog red", "simple")
    mine = index.search(index.builder((1,)).words("dog red"), 9, RowSet.full(4), None)
    theirs = alone.search(query, 9, RowSet.full(4), None)
    assert all((a == b).all() for a, b in zip(mine, theirs, strict=True))


@given(
    st.data(),
    st.lists(st.tuples(texts, texts), min_size=1, max_size=30),
    st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
)
@settings(max_examples=80, deadline=None)
def test_several_fields_are_scored_as_bm25f(data, rows, weights):
    columns = [list(column) for column in zip(*rows, strict=True)]
    index = Bm25Index("simple", fields=2, weights=weights)
    cut = data.draw(st.integers(0, len(rows)))
    index.add(0, [column[:cut] for column in columns])
    index.search(parse_query("red", "simple"), 1, RowSet.full(cut), None)
    index.add(cut, [column[cut:] for column in columns])
    visible = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    query = ["red", "cat", "red"]
    terms = [[analyzer("simple").terms(text or "") for text in column] for column in columns]
    average = [
        sum(len(own[r]) for r in visible) / max(1, sum(bool(own[r]) for r in visible)) or 1.0
        for own in terms
    ]
    documents = [r for r in visible if terms[0][r] or terms[1][r]]
    expected: dict[int, float] = {}
    for term in query:
        having = [r for r in documents if any(term in own[r] for own in terms)]
        idf = math.log(1 + (len(documents) - len(having) + 0.5) / (len(having) + 0.5))
        for row in having:
            tf = sum(
                weight * own[row].count(term) / (0.25 + 0.75 * len(own[row]) / mean)
                for weight, own, mean in zip(weights, terms, average, strict=True)
            )
            expected[row] = expected.get(row, 0.0) + idf * tf / (tf + 1.2)
    best = sorted(expected.items(), key=lambda item: (-round(item[1], 9), item[0]))[:9]
    asked = parse_query(" ".join(query), "simple")
    assert_same(index.search(asked, 9, row_set(visible, len(rows)), None), best)


def test_columns_may_be_analyzed_each_in_its_own_way():
    index = Bm25Index("english, simple", fields=2)
    index.add(0, [["running"], ["running"]])
    builder = index.builder(names=("title", "body"))
    for text, count in (("title:runs", 1), ("body:runs", 0), ("body:running", 1), ("runs", 1)):
        assert index.match(parse_match(text, builder), RowSet.full(1)).count == count, text
    with pytest.raises(InvalidParameterValue):
        Bm25Index("english, simple", fields=3)


def test_without_positions_there_are_no_phrases():
    index, other = two_fields(positions=False), two_fields()
    query = parse_query("dog cat", "simple")
    found = [i.search(query, 9, RowSet.full(4), None) for i in (index, other)]
    assert all((a == b).all() for a, b in zip(*found, strict=True))
    assert not len(index.seal(1, 3)["row_terms"])
    with pytest.raises(ObjectNotInState):
        index.match(parse_match('"red cat"', "simple"), RowSet.full(4))
    assert not index.fits(other.seal(0, 4)) and other.fits(other.seal(0, 4))


SCORED = ["red cat", "cat red dog", None, "red red cat dog", "bird", "the red big cat"]


@pytest.mark.parametrize(
    "text, same_as",
    [
        ("cat^2 dog", "cat cat dog"),
        ("cat dog", "(cat OR dog)"),
        ("cat OR (dog^0.5 red)^2", "cat^1 OR dog OR red^2"),
    ],
)
def test_boosts_are_frequencies(text, same_as):
    index = filled(SCORED, [])
    found = [
        index.search(parse_match(one, "simple"), 9, RowSet.full(6), None) for one in (text, same_as)
    ]
    assert found[0][0].tolist() == found[1][0].tolist()
    assert found[0][1].tolist() == pytest.approx(found[1][1].tolist(), rel=1e-12)


def test_what_a_query_does_not_match_has_no_score():
    index, every = filled(SCORED, []), np.arange(6)
    terms = {
        word: index.scores(parse_query(word, "simple"), RowSet.full(6), every)
        for word in ("red", "cat", "dog")
    }
    for text, expected in (
        ("red AND cat", terms["red"] + terms["cat"]),
        ("red -dog", terms["red"] * (terms["dog"] == 0)),
        ("(red cat dog)~3", (terms["red"] + terms["cat"] + terms["dog"]) * (terms["dog"] > 0)),
        ("do*^3", 3.0 * (terms["dog"] > 0)),
        ("IN [dog red]", 1.0 * (terms["red"] > 0)),
        ("dgo~1^2 OR bird", None),
    ):
        found = index.scores(parse_match(text, "simple"), RowSet.full(6), every)
        matched = index.match(parse_match(text, "simple"), RowSet.full(6)).contains(every)
        assert (matched == (found > 0)).all(), text
        if expected is not None:
            assert found.tolist() == pytest.approx((expected * matched).tolist()), text


def test_a_phrase_is_scored_as_a_term_that_is_as_rare_as_its_words_together():
    index = filled(SCORED, [])
    (row,), (score,) = index.search(parse_match('"cat red dog"', "simple"), 9, RowSet.full(6), None)
    idf = sum(math.log(1 + (5 - df + 0.5) / (df + 0.5)) for df in (4, 4, 2))
    average = sum(len(text.split()) for text in SCORED if text) / 5
    assert row == 1 and score == pytest.approx(idf / (1 + 1.2 * (0.25 + 0.75 * 3 / average)))
    sloppy, _ = index.search(parse_match('"red cat"~1', "simple"), 9, RowSet.full(6), None)
    assert sloppy.tolist() == [0, 3, 5]


def test_others_of_a_scope_are_counted():
    rows = ["cat", "cat dog", "bird bird", "dog"]
    whole, mine, theirs = filled(rows, []), filled(rows[:2], []), filled(rows[2:], [])
    query = parse_query("cat dog", "simple")
    others = [theirs.statistics(RowSet.full(2))]
    found = mine.search(query, 9, RowSet.full(2), None, others)
    expected = whole.search(query, 9, RowSet.full(4), RowSet.from_ids(np.array([0, 1]), 4))
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_more_like_this_asks_for_the_telling_terms():
    rows = [f"common w{i % 40} w{i % 7}" for i in range(200)]
    index = filled(rows, [])
    query = index.like(index.builder(), "common w39 w3 unheard", RowSet.full(200))
    assert set(terms_of(query)) == {"common", "w39", "w3"}
    found = index.search(query, 3, RowSet.full(200), None)[0]
    assert all("w39" in rows[row] or "w3" in rows[row] for row in found.tolist())


def test_row_ids_left_out_hold_no_text():
    index = Bm25Index("simple")
    index.add(0, [["cat"]])
    index.add(5, [["cat"]])
    assert index.row_count == 6
    ids, _ = index.search(parse_query("cat", "simple"), 9, RowSet.full(6), None)
    assert ids.tolist() == [0, 5]
    assert index.match(parse_match("-dog", "simple"), RowSet.full(6)).ids().tolist() == [0, 5]


@given(st.data(), corpora)
@settings(max_examples=80, deadline=None)
def test_sealed_and_attached_ranges_change_no_answer(data, rows):
    index = filled(rows, data.draw(st.lists(st.integers(1, 20), max_size=4)))
    visible = RowSet.full(len(rows))
    query, match = parse_query("red cat tree", "simple"), parse_match('red OR "cat dog"', "simple")
    before = index.search(query, 20, visible, None)
    matched = index.match(match, visible)
    for _ in range(data.draw(st.integers(1, 3))):
        low = data.draw(st.integers(0, len(rows) - 1))
        high = data.draw(st.integers(low + 1, len(rows)))
        arrays = {name: array.copy() for name, array in index.seal(low, high).items()}
        index.attach(low, high, arrays)
        after = index.search(query, 20, visible, None)
        assert all((a == b).all() for a, b in zip(before, after, strict=True))
        assert index.match(match, visible) == matched
    index.add(len(rows), [["red", "blue"]])
    assert index.row_count == len(rows) + 2


def test_a_restarted_index_is_made_of_its_segments():
    rows = ["cat", None, "dog cat", "bird"]
    whole = filled(rows, [])
    index = Bm25Index("simple")
    index.attach(0, 2, whole.seal(0, 2))
    index.attach(2, 3, whole.seal(2, 3))
    index.add(3, [rows[3:]])
    for text in ("cat", "bird dog"):
        query = parse_query(text, "simple")
        a, b = (i.search(query, 9, RowSet.full(4), None) for i in (whole, index))
        assert a[0].tolist() == b[0].tolist() and a[1].tolist() == b[1].tolist()


def test_attaching_what_is_no_part_is_corruption():
    arrays = filled(["cat", "dog"], []).seal(0, 2)
    with pytest.raises(DataCorrupted):
        Bm25Index("simple").attach(0, 3, arrays)


def test_parts_in_memory_stay_few():
    index = Bm25Index("simple")
    for row in range(3_000):
        index.add(row, [[f"w{row % 50}"]])
        index.search(parse_query("w7", "simple"), 1, RowSet.full(row + 1), None)
    assert len(index._parts) <= 8
    ids, _ = index.search(parse_query("w7", "simple"), 99, RowSet.full(3_000), None)
    assert ids.tolist() == list(range(7, 3_000, 50))


def test_searches_run_beside_additions():
    index = Bm25Index("simple")
    index.add(0, [["cat"]])

    def search() -> None:
        for _ in range(200):
            count = index.row_count
            ids, _ = index.search(parse_query("cat", "simple"), count, RowSet.full(count), None)
            assert ids.tolist() == list(range(count))

    with ThreadPoolExecutor(3) as pool:
        searches = [pool.submit(search) for _ in range(3)]
        for row in range(1, 400):
            index.add(row, [["cat"]])
        for one in searches:
            one.result()


def test_an_index_that_nobody_holds_is_freed_at_once() -> None:
    """With the files that its postings are mapped from: nothing in it refers to itself."""
    index = filled(["red cat", "green dog"], [1])
    index.search(parse_query("red dog", "simple"), 1, RowSet.full(2), None)
    freed = weakref.ref(index.statistics(RowSet.full(2)).parts[0])
    gc.disable()
    try:
        del index
        assert freed() is None
    finally:
        gc.enable()
