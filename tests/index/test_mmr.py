import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.index.mmr import diversify


def twin(relevance, vectors, balance):
    """Each step by its definition, in plain Python."""
    left, places, scores = list(range(len(relevance))), [], []

    def likeness(a, b):
        lengths = np.linalg.norm(vectors[a]) * np.linalg.norm(vectors[b])
        return 0.0 if lengths == 0 else min(max(float(vectors[a] @ vectors[b]) / lengths, 0.0), 1.0)

    while left:
        values = {
            i: balance * relevance[i]
            + (1 - balance) * (1 - max([likeness(i, j) for j in places], default=0.0))
            for i in left
        }
        best = max(left, key=lambda i: (round(values[i], 6), -i))
        left.remove(best)
        places.append(best)
        scores.append(values[best])
    return places, scores


def test_a_row_like_one_that_was_taken_comes_later():
    relevance = np.array([1.0, 0.9, 0.5])
    vectors = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    places, scores = diversify(relevance, vectors, 0.5, 3)
    assert places.tolist() == [0, 2, 1]
    assert scores.tolist() == pytest.approx([1.0, 0.75, 0.45], abs=1e-3)


def test_a_balance_of_one_is_the_ranking_itself():
    relevance = np.array([0.2, 1.0, 0.7])
    places, scores = diversify(relevance, np.ones((3, 4)), 1.0, 9)
    assert places.tolist() == [1, 2, 0]
    assert scores.tolist() == pytest.approx([1.0, 0.7, 0.2])


def test_nothing_to_diversify_is_nothing():
    places, scores = diversify(np.empty(0), np.empty((0, 1)), 0.5, 10)
    assert (len(places), len(scores)) == (0, 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_every_step_takes_the_best_that_is_left(seed, count, balance):
    random = np.random.default_rng(seed)
    relevance = np.sort(random.random(count))[::-1]
    vectors = random.normal(size=(count, 3)).astype(np.float32)
    places, scores = diversify(relevance, vectors, balance, count)
    some, _ = diversify(relevance, vectors, balance, count // 2)
    assert some.tolist() == places.tolist()[: count // 2]
    expected_places, expected = twin(relevance.tolist(), vectors, balance)
    assert places.tolist() == expected_places
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)
    assert (np.diff(scores) <= 1e-12).all()
