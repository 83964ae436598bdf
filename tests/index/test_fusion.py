import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.index.fusion import autocut, deepen, fuse, ranks


def leg(rows: dict[int, float], greater_is_better: bool = True):
    return (
        np.array(list(rows), np.int64),
        np.array(list(rows.values()), np.float64),
        greater_is_better,
    )


legs = st.lists(
    st.dictionaries(st.integers(0, 30), st.floats(-1e6, 1e6), max_size=12), min_size=1, max_size=4
)


def test_rrf_adds_reciprocal_ranks():
    ids, scores = fuse("rrf", [leg({7: 9.0, 5: 8.0}), leg({5: 1.0, 3: 0.5})], [1.0, 2.0], 60)
    assert ids.tolist() == [5, 3, 7]
    assert scores.tolist() == pytest.approx([1 / 62 + 2 / 61, 2 / 62, 1 / 61])


def test_relative_scores_are_between_0_and_1_in_each_leg():
    near, best = leg({1: 0.1, 2: 0.3, 3: 0.5}, False), leg({3: 10.0, 4: 5.0, 1: 0.0})
    ids, scores = fuse("relative_score", [near, best], [0.5, 0.5])
    assert ids.tolist() == [1, 3, 2, 4]
    assert scores.tolist() == pytest.approx([0.5, 0.5, 0.25, 0.25])


def test_equal_values_are_all_the_best():
    _, scores = fuse("relative_score", [leg({1: 3.0, 2: 3.0})], [0.7])
    assert scores.tolist() == [0.7, 0.7]


def test_ties_go_to_the_smaller_row_id():
    ids, _ = fuse("rrf", [leg({9: 1.0}), leg({4: 1.0}), leg({6: 1.0})], [1, 1, 1])
    assert ids.tolist() == [4, 6, 9]


def test_infinite_values_count_as_the_next_finite():
    _, scores = fuse("relative_score", [leg({1: 1.0, 2: 3.0, 3: math.inf}, False)], [1.0])
    assert scores.tolist() == [1.0, 0.0, 0.0]
    _, scores = fuse("relative_score", [leg({1: math.inf})], [1.0])
    assert scores.tolist() == [1.0]
    _, scores = fuse("relative_score", [leg({1: 1e308, 2: 0.0, 3: -1e308})], [1.0])
    assert scores.tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("kind", ["rrf", "relative_score"])
def test_nothing_fused_is_nothing(kind):
    for empty in ([], [leg({}), leg({}, False)]):
        ids, scores = fuse(kind, empty, [1.0] * len(empty))
        assert (ids.dtype, len(ids), len(scores)) == (np.int64, 0, 0)


@given(st.sampled_from(["rrf", "relative_score"]), legs, st.data())
def test_fusion_agrees_with_a_dictionary(kind, found, data):
    weights = [data.draw(st.floats(0, 10)) for _ in found]
    expected: dict[int, float] = {}
    ranked = []
    for rows, weight in zip(found, weights, strict=True):
        ordered = dict(sorted(rows.items(), key=lambda item: -item[1]))
        ranked.append(leg(ordered))
        low, high = min(rows.values(), default=0), max(rows.values(), default=0)
        for rank, (row, value) in enumerate(ordered.items(), 1):
            relative = (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 1.0
            first = list(ordered.values()).index(value) + 1
            assert first <= rank
            share = 1 / (60 + first) if kind == "rrf" else relative
            expected[row] = expected.get(row, 0.0) + weight * share
    ids, scores = fuse(kind, ranked, weights)
    assert sorted(ids.tolist()) == sorted(expected)
    assert scores.tolist() == pytest.approx([expected[row] for row in ids.tolist()])
    assert list(zip((-scores).tolist(), ids.tolist(), strict=True)) == sorted(
        zip((-scores).tolist(), ids.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    "scores, jumps, kept",
    [
        ([1.0, 0.95, 0.9, 0.3, 0.28, 0.25], 1, 3),
        ([1.0, 0.95, 0.9, 0.3, 0.28, 0.25], 2, 6),
        ([1.0, 0.98, 0.6, 0.58, 0.2, 0.1], 1, 2),
        ([1.0, 0.98, 0.6, 0.58, 0.2, 0.1], 2, 4),
        ([1.0, 0.98, 0.6, 0.58, 0.2, 0.1], 9, 6),
        ([1.0, 1.0, 1.0, 0.1], 1, 3),
        ([0.5, 0.5, 0.5], 1, 3),
        ([1.0, 0.5], 1, 2),
        ([1.0], 1, 1),
        ([], 1, 0),
        ([1.0, 0.2, 0.1], 0, 3),
    ],
)
def test_autocut_stops_before_a_jump(scores, jumps, kept):
    assert autocut(np.array(scores), jumps) == kept


def test_equal_values_share_a_rank():
    assert ranks(np.array([0.1, 0.1, 0.3, 0.3, 0.3, 0.5])).tolist() == [1, 1, 3, 3, 3, 6]
    assert ranks(np.array([])).tolist() == []
    _, scores = fuse("rrf", [leg({8: 2.0, 9: 2.0, 3: 1.0})], [1.0])
    assert scores.tolist() == [1 / 61, 1 / 61, 1 / 63]


@given(legs, st.integers(1, 5), st.sampled_from(["rrf", "relative_score"]))
def test_how_many_are_asked_for_changes_nothing(drawn, pool, kind):
    ordered = [dict(sorted(rows.items(), key=lambda row: (-row[1], row[0]))) for rows in drawn]

    def ranked(depth):
        parts = [leg(dict(list(rows.items())[:depth])) for rows in ordered]
        ids, scores = fuse(kind, parts, [1.0] * len(parts))
        return ids, scores, all(len(rows) <= depth for rows in ordered)

    whole = deepen(ranked, pool, 1_000)
    assert whole.whole
    assert sorted(whole.row_ids.tolist()) == sorted(set().union(*ordered))
    assert (np.diff(whole.scores) <= 0).all()
    for count in range(1, len(whole.row_ids) + 1):
        some = deepen(ranked, pool, count)
        assert len(some.row_ids) >= count
        assert some.row_ids[:count].tolist() == whole.row_ids[:count].tolist()
        assert some.scores[:count].tolist() == whole.scores[:count].tolist()
        assert some.pools[:count].tolist() == whole.pools[:count].tolist()


def test_rows_of_a_deeper_pool_score_no_more_than_those_before():
    places = [*range(9), 99], [*range(10, 19), 99]  # the last of both is the best of a deeper pool
    legs = [leg({row: 100.0 - rank for rank, row in enumerate(rows)}) for rows in places]

    def ranked(pool):
        parts = [(ids[:pool], values[:pool], greater) for ids, values, greater in legs]
        ids, scores = fuse("rrf", parts, [1.0, 1.0])
        return ids, scores, pool >= 10

    assert ranked(18)[0][0] == 99
    listed = deepen(ranked, 9, 19)
    assert (listed.row_ids[-1], listed.scores[-1]) == (99, 1 / 69)
    assert listed.pools.tolist() == [9] * 18 + [18]
