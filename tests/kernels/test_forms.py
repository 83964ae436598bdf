"""Distances over each form of rows against the same sums in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sqlvec.index.row_set import RowSet
from sqlvec.kernels.distance import METRICS, distances, flat_search, inverse_norms
from tests.kernels.reference import bit_distance, dense_distance, sparse_query, sparse_rows

DENSE_METRICS = ("l2", "inner_product", "cosine", "l1")
_ELEMENTS = st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, -2.25, 3.0, 100.0, -0.001])
_WORDS = arrays.arrays(
    np.uint64, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.integers(0, 2**64 - 1)
)


def _rows(width: int = 16) -> st.SearchStrategy[np.ndarray]:
    shape = st.tuples(st.integers(1, 20), st.just(width))
    return arrays.arrays(np.float32, shape, elements=_ELEMENTS)


@pytest.mark.parametrize("metric", DENSE_METRICS)
@given(rows=_rows(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_dense_and_sparse_rows_have_the_distances_of_the_reference(
    metric: str, rows: np.ndarray, data: st.DataObject
) -> None:
    query = data.draw(arrays.arrays(np.float32, 16, elements=_ELEMENTS))
    expected = [dense_distance(metric, row, query) for row in rows]
    ids = np.arange(len(rows))
    dense = distances(rows, query, metric, ids)
    sparse = distances(sparse_rows(rows), sparse_query(query), metric, ids)  # type: ignore[arg-type]
    assert np.allclose(dense, expected, rtol=1e-9, atol=1e-12, equal_nan=True)
    assert np.allclose(sparse, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@given(rows=_WORDS, data=st.data())
@settings(max_examples=50, deadline=None)
def test_bits_have_the_distances_of_the_reference(
    metric: str, rows: np.ndarray, data: st.DataObject
) -> None:
    elements = st.integers(0, 2**64 - 1)
    query = data.draw(arrays.arrays(np.uint64, rows.shape[1], elements=elements))
    expected = [bit_distance(metric, row, query) for row in rows]
    found = distances(rows, query, metric, np.arange(len(rows)))
    assert np.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("metric", DENSE_METRICS)
@given(rows=_rows(), data=st.data(), k=st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_the_exact_scan_of_sparse_rows_finds_the_nearest(
    metric: str, rows: np.ndarray, data: st.DataObject, k: int
) -> None:
    query = data.draw(arrays.arrays(np.float32, 16, elements=_ELEMENTS))
    words = RowSet.full(len(rows)).words
    ids, found = flat_search(
        sparse_rows(rows), sparse_query(query), metric, words, len(rows), k  # type: ignore[arg-type]
    )
    expected = np.array([dense_distance(metric, row, query) for row in rows])
    if metric == "cosine":  # a zero vector has no direction
        expected = expected[(rows != 0).any(axis=1)]
    assert np.allclose(found, np.sort(expected)[:k], rtol=1e-5, atol=1e-6, equal_nan=True)
    assert len(set(ids.tolist())) == len(ids)


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@given(rows=_WORDS, k=st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_the_exact_scan_of_bits_finds_the_nearest(metric: str, rows: np.ndarray, k: int) -> None:
    words = RowSet.full(len(rows)).words
    _, found = flat_search(rows, rows[0].copy(), metric, words, len(rows), k)
    expected = np.sort([bit_distance(metric, row, rows[0]) for row in rows])[:k]
    assert np.allclose(found, expected, rtol=1e-6)


@given(rows=_rows())
@settings(max_examples=30, deadline=None)
def test_norms_of_sparse_rows_are_those_of_dense_ones(rows: np.ndarray) -> None:
    dense, sparse = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    inverse_norms(rows, 0, len(rows), dense)
    inverse_norms(sparse_rows(rows), 0, len(rows), sparse)
    assert np.array_equal(dense, sparse)


def test_every_metric_has_a_number_of_its_own() -> None:
    assert sorted(METRICS.values()) == list(range(len(METRICS)))
