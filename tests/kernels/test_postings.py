import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.index.row_set import RowSet
from sqlvec.kernels.postings import (
    BARRIER,
    GAP,
    compare,
    count_between,
    count_phrase,
    count_rows,
    cut_postings,
    find_terms,
    mark_rows,
    mark_texts,
    sum_lengths,
    union_terms,
)

dictionaries = st.sets(st.binary(min_size=1, max_size=4), max_size=20).map(sorted)
row_sets = st.integers(1, 200).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))
)


def kept(terms: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    ends = np.cumsum(np.array([len(term) for term in terms], np.int64))
    return ends, np.frombuffer(b"".join(terms), np.uint8)


def words_of(rows: set[int], row_count: int) -> np.ndarray:
    return RowSet.from_ids(np.array(sorted(rows), np.int64), row_count).words


@given(dictionaries, st.lists(st.binary(max_size=4), min_size=1, max_size=10))
@settings(deadline=None)
def test_find_terms_gives_the_number_or_where_it_would_be(terms, wanted):
    places = np.empty((2, len(wanted)), np.int64)
    starts = np.arange(len(terms) + 1, dtype=np.int64) * 3
    find_terms(*kept(terms), starts, *kept(wanted), places)
    for term, number, count in zip(wanted, *places.tolist(), strict=True):
        below = sum(other < term for other in terms)
        assert (number, count) == ((below, 3) if term in terms else (-1 - below, 0))


@given(st.binary(max_size=5), st.binary(max_size=5))
@settings(deadline=None)
def test_compare_orders_bytes(a, b):
    order = compare(*(x for v in (a, b) for x in (np.frombuffer(v, np.uint8), 0, len(v))))
    assert (order > 0) - (order < 0) == (a > b) - (a < b)


@given(dictionaries, dictionaries)
@settings(deadline=None)
def test_union_terms_numbers_both_dictionaries(a, b):
    a_numbers, b_numbers = np.empty(len(a), np.int32), np.empty(len(b), np.int32)
    ends = np.empty(len(a) + len(b), np.int64)
    data = np.empty(sum(map(len, a + b)), np.uint8)
    count, size = union_terms(*kept(a), *kept(b), a_numbers, b_numbers, ends, data)
    union = sorted({*a, *b})
    assert (count, data[:size].tobytes()) == (len(union), b"".join(union))
    assert ends[:count].tolist() == kept(union)[0].tolist()
    assert [union[n] for n in a_numbers] == a and [union[n] for n in b_numbers] == b


@given(row_sets, st.data())
@settings(deadline=None)
def test_count_between_counts_set_rows(rows, data):
    count, found = rows
    low = data.draw(st.integers(0, count))
    high = data.draw(st.integers(0, count))
    expected = sum(low <= row < high for row in found)
    assert count_between(words_of(found, count), low, high) == expected


@given(row_sets, st.data())
@settings(deadline=None)
def test_rows_are_counted_and_marked_at_an_offset(rows, data):
    count, found = rows
    low = data.draw(st.integers(0, count - 1))
    size = count - low
    lengths = np.array(
        data.draw(st.lists(st.integers(-1, 9), min_size=size, max_size=size)), np.int32
    )
    words = words_of(found, count)
    seen = [n for i, n in enumerate(lengths.tolist()) if n > 0 and low + i in found]
    assert sum_lengths(lengths, low, words) == (len(seen), sum(seen))
    posted = sorted(data.draw(st.sets(st.integers(0, size - 1))))
    starts, postings = np.array([0, len(posted)], np.int64), np.array(posted, np.int32)
    counts = np.array([10, 10], np.int64)
    count_rows(starts, postings, np.array([-5, 0], np.int64), low, words, counts)
    assert counts.tolist() == [10, 10 + sum(low + row in found for row in posted)]
    marked = np.zeros(len(words), np.uint64)
    mark_rows(postings, 0, len(posted), low, marked)
    assert RowSet(marked, count).ids().tolist() == [low + row for row in posted]
    marked = np.zeros(len(words), np.uint64)
    mark_texts(lengths, low, marked)
    assert RowSet(marked, count).ids().tolist() == [
        low + int(i) for i in np.flatnonzero(lengths >= 0)
    ]


def test_phrases_step_over_gaps_but_not_over_barriers():
    rows = [[0, 1], [0, GAP, 1], [0, BARRIER, 1], [1, 0], [0, 0, 1], [0, 2, 1]]
    row_terms = np.concatenate(rows).astype(np.int32)
    row_ends = np.cumsum([len(row) for row in rows]).astype(np.int64)
    starts, posted = np.array([0, 6], np.int64), np.arange(6, dtype=np.int32)
    postings = (starts, posted, np.ones(6, np.uint8), np.ones(6, np.int32))
    for phrase, slop, expected in (
        ([0, 1], 0, [1, 0, 0, 0, 1, 0]),
        ([0, GAP, 1], 0, [0, 1, 0, 0, 1, 1]),
        ([0, 1], 1, [1, 1 / 2, 0, 0, 3 / 2, 1 / 2]),
        ([0, 1], 2, [1, 1 / 2, 0, 1 / 3, 3 / 2, 1 / 2]),
    ):
        freqs = np.zeros(6, np.float32)
        count_phrase(postings, row_terms, row_ends, np.array(phrase, np.int32), slop, 0, freqs)
        assert freqs.tolist() == [np.float32(freq) for freq in expected], (phrase, slop)


@given(row_sets, st.data())
@settings(deadline=None)
def test_cut_postings_keeps_the_rows_between(row_set, data):
    row_count, _ = row_set
    by_term = data.draw(st.lists(st.sets(st.integers(0, row_count - 1)).map(sorted), max_size=4))
    first, last = sorted(data.draw(st.integers(0, row_count)) for _ in range(2))
    starts = np.cumsum([0, *map(len, by_term)]).astype(np.int64)
    rows = np.array([row for term in by_term for row in term], np.int32)
    freqs = (rows % 7).astype(np.uint8)
    cut_starts, cut_rows, cut_freqs = np.zeros_like(starts), rows.copy(), freqs.copy()
    count = cut_postings(starts, rows, freqs, first, last, cut_starts, cut_rows, cut_freqs)
    expected = [[row for row in term if first <= row < last] for term in by_term]
    assert cut_starts.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
    assert cut_rows[:count].tolist() == [row - first for term in expected for row in term]
    assert cut_freqs[:count].tolist() == [row % 7 for term in expected for row in term]
