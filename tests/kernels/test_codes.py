"""Codes and the distances that they give, against the same sums in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from sqlvec.kernels.distance import METRICS, doubt_of, form_of, near, padded
from sqlvec.kernels.product_codes import CENTROIDS, encode_products
from sqlvec.kernels.sign_codes import PLANES, TURNS, encode_signs, rotate, sign_words
from tests.kernels.reference import about_center, nearest_pieces, rotated, sign_distance

CODED_METRICS = ("l2", "inner_product", "cosine")


@njit
def code_distances(metric, codes, factors, query, aid):  # type: ignore[no-untyped-def]
    """near() and doubt_of() of every row."""
    form = form_of(metric, codes, query, aid)
    found = np.empty((2, len(codes)), np.float32)
    for row in range(len(codes)):
        found[0, row] = near(metric, codes, form, row, factors)
        found[1, row] = doubt_of(metric, codes, form, row, factors)
    return found


def _rows(count: int, dims: int, seed: int = 0) -> np.ndarray:
    """Not about the origin, and of unequal spread."""
    dice = np.random.default_rng(seed)
    made = np.zeros((count, padded(dims)), np.float32)
    spread = dice.uniform(0.2, 2, dims)
    made[:, :dims] = dice.normal(size=(count, dims)) * spread + dice.normal(size=dims)
    return made


def _flips(dims: int) -> np.ndarray:
    dice = np.random.default_rng(1)
    return dice.choice(np.array([-1, 1], np.float32), (TURNS, 64 * sign_words(dims)))


def _signs(metric: str, rows: np.ndarray, dims: int) -> tuple[np.ndarray, ...]:
    sample = rows / np.linalg.norm(rows, axis=1, keepdims=True) if metric == "cosine" else rows
    center, flips = sample.mean(axis=0).astype(np.float32), _flips(dims)
    codes = np.zeros((len(rows), sign_words(dims)), np.int64)
    factors = np.zeros((len(rows), 2), np.float32)
    encode_signs(METRICS[metric], rows, 0, len(rows), center, flips, codes, factors)
    return center, flips, codes, factors


def _sign_aid(center: np.ndarray, flips: np.ndarray) -> tuple[np.ndarray, ...]:
    width = flips.shape[1]
    return center, flips, np.empty(width, np.float32), np.empty((PLANES, width // 64), np.int64)


def _exact(metric: str, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """What near() estimates, without what is the same for all rows."""
    x, q = rows.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return ((x - q) ** 2).sum(axis=1)
    if metric == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return -(x @ q)


@pytest.mark.parametrize("dims", [64, 100, 384, 1000])
def test_a_rotation_is_one_and_keeps_the_norm(dims: int) -> None:
    flips = _flips(dims)
    values = np.random.default_rng(2).normal(size=flips.shape[1]).astype(np.float32)
    turned = values.copy()
    rotate(turned, flips)
    np.testing.assert_allclose(turned, rotated(values, flips), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(values), rtol=1e-5)


@pytest.mark.parametrize("dims", [48, 100, 384])
@pytest.mark.parametrize("metric", CODED_METRICS)
def test_signs_are_those_of_the_rotated_rows(metric: str, dims: int) -> None:
    rows = _rows(60, dims)
    center, flips, codes, factors = _signs(metric, rows, dims)
    bits = np.unpackbits(codes.view(np.uint8), axis=1, bitorder="little").astype(bool)
    turned = np.array([about_center(metric, row, center, flips) for row in rows])
    clear = np.abs(turned) > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(bits[clear], turned[clear] > 0)
    squares = (turned**2).sum(axis=1)
    np.testing.assert_allclose(factors[:, 0], squares / np.abs(turned).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("dims", [48, 100, 384])
@pytest.mark.parametrize("metric", CODED_METRICS)
def test_the_distance_of_signs_is_the_estimate_of_the_reference(metric: str, dims: int) -> None:
    rows, query = _rows(60, dims), _rows(1, dims, seed=3)[0]
    center, flips, codes, factors = _signs(metric, rows, dims)
    found, _ = code_distances(METRICS[metric], codes, factors, query, _sign_aid(center, flips))
    expected = np.array([sign_distance(metric, row, query, center, flips) for row in rows])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=5e-3)


@pytest.mark.parametrize("metric", CODED_METRICS)
def test_an_estimate_is_as_far_off_as_it_says(metric: str) -> None:
    rows, query = _rows(3_000, 128), _rows(1, 128, seed=3)[0]
    center, flips, codes, factors = _signs(metric, rows, 128)
    if metric == "cosine":
        query = query / np.float32(np.linalg.norm(query))
    found, doubt = code_distances(
        METRICS[metric], codes, factors, query, _sign_aid(center, flips)
    )
    off = found - _exact(metric, rows, query)
    off -= np.median(off)  # what is the same for all rows
    assert np.abs(off.mean()) < 0.1 * doubt.mean()
    assert (np.abs(off) <= doubt).mean() >= 0.99
    assert (np.abs(off) <= doubt / 6).mean() < 0.7, "it could say less"


def test_rows_of_any_size_have_signs() -> None:
    rows = np.zeros((4, 64), np.float32)
    rows[1], rows[2], rows[3] = 1e-38, 3e38, -3e38
    codes, factors = np.zeros((4, 1), np.int64), np.zeros((4, 2), np.float32)
    for metric in range(3):
        encode_signs(metric, rows, 0, 4, np.zeros(64, np.float32), _flips(64), codes, factors)
        aid = _sign_aid(np.zeros(64, np.float32), _flips(64))
        for query in rows:
            found, _ = code_distances(metric, codes, factors, query, aid)
            assert found.shape == (4,)
        assert factors[0, 0] == 0


def _codebooks(rows: np.ndarray, dims: int) -> np.ndarray:
    chosen = np.random.default_rng(4).choice(len(rows), CENTROIDS)
    parts = rows[chosen].reshape(CENTROIDS, -1, dims)
    return np.ascontiguousarray(parts.transpose(1, 2, 0))


@pytest.mark.parametrize("dims, piece", [(48, 4), (100, 4), (384, 8)])
@pytest.mark.parametrize("metric", CODED_METRICS)
def test_pieces_are_the_nearest_and_give_their_distance(
    metric: str, dims: int, piece: int
) -> None:
    rows, query = _rows(300, dims), _rows(1, dims, seed=3)[0]
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    plain = (rows / norms).astype(np.float32) if metric == "cosine" else rows
    books = _codebooks(plain, piece)
    codes = np.zeros((300, len(books)), np.uint8)
    factors = np.zeros((300, 2), np.float32)
    encode_products(METRICS[metric], rows, 0, 300, books, codes, factors)
    expected, made = nearest_pieces(plain, books)
    assert (codes == expected).mean() > 0.999  # but for ties that rounding decides
    lost = np.linalg.norm(plain - made, axis=1)
    np.testing.assert_allclose(factors[:, 0], lost, rtol=1e-3, atol=2e-3)
    table = np.empty((len(books), CENTROIDS), np.float32)
    found, doubt = code_distances(METRICS[metric], codes, factors, query, (books, table))
    wanted = _exact("l2", made, query) + lost**2 if metric == "l2" else -(made @ query)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
    off = np.abs(found - _exact(metric, rows, query))
    assert (off <= doubt + 1e-5 * np.abs(found)).mean() >= 0.99
