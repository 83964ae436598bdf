"""The search kernels against the same sums in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.index.row_set import RowSet
from sqlvec.kernels.bm25 import SUM_MAX, scale_of, score_rows, search
from sqlvec.kernels.postings import BLOCK, build_blocks

NORM = (0.3, 0.05)


def corpus(seed: int, row_count: int, shares: list[float]):
    """(postings, blocks): each term in a share of the rows, at random."""
    dice = np.random.default_rng(seed)
    spans = [np.flatnonzero(dice.random(row_count) < share) for share in shares]
    starts = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    rows = np.concatenate(spans).astype(np.int32)
    freqs = dice.integers(1, 4, len(rows)).astype(np.uint8)
    freqs[dice.random(len(rows)) < 0.01] = 255
    lengths = dice.integers(1, 30, row_count).astype(np.int32)
    block_starts = np.concatenate([[0], np.cumsum((np.diff(starts) + BLOCK - 1) // BLOCK)])
    count = int(block_starts[-1])
    blocks = (
        block_starts.astype(np.int64),
        *(np.empty(count, kind) for kind in (np.int32, np.uint8, np.int32)),
    )
    build_blocks(starts, rows, freqs, lengths, *blocks)
    return (starts, rows, freqs, lengths), blocks


def expected_scores(postings, weights: np.ndarray) -> np.ndarray:
    starts, rows, freqs, lengths = postings
    scores = np.zeros(len(lengths))
    for term, weight in enumerate(weights):
        span = slice(starts[term], starts[term + 1])
        tf = freqs[span].astype(float)
        scores[rows[span]] += weight * tf / (tf + NORM[0] + NORM[1] * lengths[rows[span]])
    return scores


def run(window: int, postings, blocks, weights: np.ndarray, low: int, words: np.ndarray, k: int):
    norm = (np.float32(NORM[0]), np.float32(NORM[1]))
    numbers = np.arange(len(weights), dtype=np.int64)
    fixed = (weights * scale_of(weights.sum(), len(weights))).astype(np.float32)
    heap = np.empty(k, np.uint64)
    totals, touched = np.zeros(window, np.uint32), np.empty(window + 1, np.int32)
    size = search(
        numbers, fixed, norm, postings, blocks, low, words, totals, touched, 0, heap
    )
    assert not totals.any()
    return np.sort(heap[:size])


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 100) | st.integers(1_000, 60_000),
    st.lists(st.sampled_from([0.0, 0.0005, 0.01, 0.3, 0.9]), min_size=1, max_size=7),
    st.sampled_from([0, 1, 63, 64, 16_383, 100_001]),
    st.sampled_from([0.0, 0.001, 0.1, 0.6, 1.0]),
    st.integers(1, 40) | st.just(5_000),
    st.sampled_from([64, 1_000, 16_384]),
)
@settings(max_examples=120, deadline=None)
def test_search_gives_the_best_rows_window_by_window(
    seed, row_count, shares, low, allowed_share, k, window
):
    postings, blocks = corpus(seed, row_count, shares)
    dice = np.random.default_rng(seed)
    weights = dice.random(len(shares)) * 8 + 0.01
    allowed = np.concatenate([np.zeros(low, bool), dice.random(row_count) < allowed_share])
    words = RowSet.from_mask(allowed).words
    keys = run(100_000, postings, blocks, weights, low, words, k)
    assert keys.tolist() == run(window, postings, blocks, weights, low, words, k).tolist()
    row_ids = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    scores = np.where(allowed[low:], expected_scores(postings, weights), 0.0)
    assert allowed[row_ids].all()
    assert len(row_ids) == min(k, np.count_nonzero(scores))
    best = np.sort(scores)[::-1][: len(row_ids)]
    assert scores[row_ids - low] == pytest.approx(best, rel=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 500), st.data())
@settings(max_examples=60, deadline=None)
def test_score_rows_is_exact(seed, row_count, data):
    postings, _ = corpus(seed, row_count, [0.0, 0.02, 0.5, 1.0])
    weights = np.array([1.0, 3.0, 0.5, 0.1])
    rows = sorted(data.draw(st.sets(st.integers(0, row_count - 1))))
    scores = np.zeros(len(rows))
    numbers = np.arange(4, dtype=np.int64)
    low = 1_000
    score_rows(numbers, weights, NORM, postings, low, np.array(rows, np.int64) + low, scores)
    assert scores == pytest.approx(expected_scores(postings, weights)[rows], rel=1e-12, abs=0)


def test_equal_rows_are_taken_by_row_id():
    postings, blocks = corpus(1, 40_000, [1.0])
    postings[2][:], postings[3][:] = 2, 10
    build_blocks(*postings, *blocks)
    words = RowSet.full(40_000).words
    for window in (64, 100_000):
        keys = run(window, postings, blocks, np.array([2.0]), 0, words, 7)
        assert (keys & np.uint64(0xFFFFFFFF)).tolist() == list(range(7))


@pytest.mark.parametrize("terms", [1, 10, 100_000])
def test_sums_fit_in_32_bits(terms):
    weights = np.full(terms, 7.3)
    fixed = (weights * scale_of(weights.sum(), len(weights))).astype(np.float32)
    assert SUM_MAX * 0.99 < int((fixed.astype(np.int64) + 1).sum()) <= SUM_MAX


def test_a_row_that_scores_next_to_nothing_is_still_found():
    postings, blocks = corpus(1, 100, [1.0, 0.0])
    postings[3][:] = 2_000_000_000
    build_blocks(*postings, *blocks)
    words = RowSet.full(100).words
    for window in (64, 100_000):
        assert len(run(window, postings, blocks, np.array([1e-9, 9.0]), 0, words, 100)) == 100
