from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.part import Part, build_part, join, select

SIMPLE = Analysis("simple")
rows_of_words = st.lists(
    st.none()
    | st.lists(st.sampled_from(["a", "b", "ab", "ü", "c" * 300]), max_size=8).map(" ".join),
    min_size=1,
    max_size=25,
)


def assert_equal(part: Part, other: Part) -> None:
    assert (part.low, part.high) == (other.low, other.high)
    ours, theirs = part.arrays(), other.arrays()
    for name in ours:
        assert ours[name].tolist() == theirs[name].tolist(), name


@given(st.data(), rows_of_words)
@settings(max_examples=100, deadline=None)
def test_joined_parts_are_the_part_of_all_rows(data, rows):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=3)) | {0, len(rows)})
    pieces = [build_part(5 + low, [rows[low:high]], SIMPLE) for low, high in pairwise(cuts)]
    assert_equal(join(pieces, 5, 5 + len(rows), SIMPLE), build_part(5, [rows], SIMPLE))
    low = data.draw(st.integers(0, len(rows) - 1))
    high = data.draw(st.integers(low + 1, len(rows)))
    assert_equal(join(pieces, 5 + low, 5 + high, SIMPLE), build_part(5 + low, [rows[low:high]], SIMPLE))


@given(st.data(), rows_of_words)
@settings(max_examples=100, deadline=None)
def test_selected_rows_are_a_part_of_their_own(data, rows):
    chosen = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1)))
    for analysis in (SIMPLE, Analysis("simple", positions=False)):
        part = select(build_part(7, [rows], analysis), np.array(chosen), 3, analysis)
        assert_equal(part, build_part(3, [[rows[i] for i in chosen]], analysis))


def test_rows_that_no_part_holds_are_null():
    part = join([build_part(2, [["a"]], SIMPLE), build_part(4, [["b"]], SIMPLE)], 0, 6, SIMPLE)
    assert_equal(part, build_part(0, [[None, None, "a", None, "b", None]], SIMPLE))
    assert join([], 0, 2, SIMPLE).lengths[0].tolist() == [-1, -1]


def test_terms_ascend_and_are_found():
    part = build_part(0, [["b a", "ü b", "c"]], SIMPLE)
    assert part.find(["a", "b", "c", "u"]) == [(0, 1), (1, 2), (2, 1), (3, 1)]
    *missing, found = part.find(["", "aa", "zz", "a"])
    assert all(number < 0 and count == 0 for number, count in missing) and found == (0, 1)
    assert build_part(0, [[None]], SIMPLE).find(["a"])[0][0] < 0


def test_the_cache_of_terms_is_bounded(monkeypatch):
    monkeypatch.setattr("sqlvec.index.bm25.part._CACHE_MAX", 4)
    part = build_part(0, [["a b c d e f"]], SIMPLE)
    for i in range(50):
        assert part.find(["a", f"x{i}", "f"])[::2] == [(0, 1), (5, 1)]
        assert len(part._places) <= 7


def test_prefixes_are_ranges():
    part = build_part(0, [["car card care cat dog caé 数据"]], SIMPLE)
    assert part.prefixed("car") == (1, 4)
    assert part.prefixed("ca") == (0, 5)
    assert part.prefixed("x") == (6, 6)
    assert part.prefixed("数") == (7, 8)
    assert part.prefixed("") == (0, 8)


def test_frequencies_end_at_255_and_lengths_do_not():
    part = build_part(0, [["a " * 1000]], SIMPLE)
    assert part.arrays()["freqs"].tolist() == [255]
    assert part.lengths[0].tolist() == [1000]


def test_blocks_hold_the_bounds_of_128_postings():
    rows = [("a " * (1 + i % 5)) + "b " * (300 - i) for i in range(300)]
    part = build_part(0, [rows], SIMPLE)
    arrays = part.arrays()
    assert arrays["block_starts"].tolist() == [0, 3, 6]
    assert arrays["block_lasts"].tolist() == [127, 255, 299] * 2
    assert arrays["block_freqs"][:3].tolist() == [5, 5, 5]
    least = [min(part.lengths[0][i : i + 128]) for i in (0, 128, 256)]
    assert arrays["block_lengths"].tolist() == least * 2


def test_arrays_are_read_only():
    for array in build_part(0, [["a b"]], SIMPLE).arrays().values():
        with pytest.raises(ValueError):
            array[:1] = 0


def test_a_part_lives_on_read_only_bytes():
    part = build_part(0, [["a b", None, "b"]], SIMPLE)
    mapped = {
        name: np.frombuffer(array.tobytes(), array.dtype) for name, array in part.arrays().items()
    }
    assert_equal(Part(0, 3, mapped, sealed=True), part)


TWO = Analysis("simple, english", 2)


@given(st.data(), st.lists(st.tuples(*[st.none() | st.sampled_from(["", "a", "b a", "as"])] * 2), min_size=1))
@settings(max_examples=50, deadline=None)
def test_parts_of_several_fields_are_joined_and_cut_too(data, rows):
    columns = [list(column) for column in zip(*rows, strict=True)]
    cut, low = (data.draw(st.integers(0, len(rows) - 1)) for _ in range(2))
    high = data.draw(st.integers(low + 1, len(rows)))
    pieces = [
        build_part(a, [column[a:b] for column in columns], TWO)
        for a, b in pairwise([0, cut, len(rows)])
        if a < b
    ]
    whole = build_part(low, [column[low:high] for column in columns], TWO)
    assert_equal(join(pieces, low, high, TWO), whole)


def test_terms_of_fields_do_not_mix():
    part = build_part(0, [["a b", None], ["b", "b"]], TWO)
    assert part.find(["\0a", "\0b", "\1b"]) == [(0, 1), (1, 1), (2, 2)]
    assert [lengths.tolist() for lengths in part.lengths] == [[2, -1], [1, 1]]
    assert part.totals == [(1, 2), (2, 2)]
