"""Twins of the vector kernels, in numpy and in float64."""

from __future__ import annotations

import numpy as np

Sparse = tuple[np.ndarray, np.ndarray, np.ndarray]


def dense_distance(metric: str, row: np.ndarray, query: np.ndarray) -> float:
    a, b = row.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return float(np.sqrt(((a - b) ** 2).sum()))
    if metric == "l1":
        return float(np.abs(a - b).sum())
    if metric == "inner_product":
        return -float((a * b).sum())
    assert metric == "cosine", metric
    norms = (a * a).sum() * (b * b).sum()
    return float("nan") if norms == 0 else 1 - float(np.clip((a * b).sum() / np.sqrt(norms), -1, 1))


def bit_distance(metric: str, row: np.ndarray, query: np.ndarray) -> float:
    """row, query u64[words]."""
    a, b = (np.unpackbits(side.view(np.uint8)).astype(bool) for side in (row, query))
    if metric == "hamming":
        return float((a ^ b).sum())
    assert metric == "jaccard", metric
    both, either = (a & b).sum(), (a | b).sum()
    return 1.0 if both == 0 else 1 - float(both / either)


def sparse_rows(dense: np.ndarray) -> Sparse:
    """The sparse form of f32[rows, dims]."""
    counts = (dense != 0).sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows, places = np.nonzero(dense)
    return starts, places.astype(np.int32), dense[rows, places].astype(np.float32)


def sparse_query(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.flatnonzero(dense).astype(np.int32)
    return places, dense[places].astype(np.float32)


# ---------------------------------------------------------------- codes


def rotated(values: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """f64[width]: flips f32[turns, width] and Hadamard transforms in turn, as a matrix would do it."""
    width = len(values)
    size = 1 << (width.bit_length() - 1)
    transform = np.ones((1, 1))
    while len(transform) < size:
        transform = np.block([[transform, transform], [transform, -transform]])
    found = values.astype(np.float64)
    for turn, signs in enumerate(flips.astype(np.float64)):
        found = found * signs
        first = 0 if turn % 2 == 0 else width - size
        found[first : first + size] = transform @ found[first : first + size] / np.sqrt(size)
    return found


def about_center(
    metric: str, row: np.ndarray, center: np.ndarray, flips: np.ndarray
) -> np.ndarray:
    """A row or a query as sign codes see it: less the center, rotated."""
    values = row.astype(np.float64)
    if metric == "cosine":
        values = values / np.linalg.norm(values)
    wide = np.zeros(flips.shape[1])
    wide[: len(values)] = values - center
    return rotated(wide, flips)


def sign_distance(
    metric: str, row: np.ndarray, query: np.ndarray, center: np.ndarray, flips: np.ndarray
) -> float:
    """The estimate that a row's signs give, with a query of sixteen levels."""
    x, q = (about_center(metric, side, center, flips) for side in (row, query))
    signs = np.where(x > 0, 1.0, -1.0)
    step = np.abs(q).max() / 15
    levels = 2 * np.clip(np.floor(q / (2 * step)) + 8, 0, 15) - 15
    product = (x @ x) / np.abs(x).sum() * step * (signs @ levels)
    if metric == "l2":
        return float(x @ x - 2 * product)
    wide = np.zeros(flips.shape[1])
    wide[: len(center)] = center
    return float(-product - x @ rotated(wide, flips))


def nearest_pieces(rows: np.ndarray, codebooks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centroid of each piece of each row (i64[rows, pieces]), and the rows made of them."""
    pieces, dims, _ = codebooks.shape
    parts = rows.astype(np.float64).reshape(len(rows), pieces, dims, 1)
    codes = ((parts - codebooks[None]) ** 2).sum(axis=2).argmin(axis=2)
    made = codebooks.transpose(0, 2, 1)[np.arange(pieces)[None], codes]
    return codes, made.reshape(len(rows), -1)
