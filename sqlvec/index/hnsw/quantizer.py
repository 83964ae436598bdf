"""Quantizers: what a walk reads in the place of the vectors of a graph.

    none   the vectors themselves
    int8   a byte a dimension (kernels.codes); what an index has unless it says otherwise
    bit    a bit a dimension (kernels.sign_codes), about a center that is learned
    pq     a byte for every four or eight dimensions (kernels.product_codes), of centroids that are learned

Whatever a walk finds is ordered by the vectors afterwards, so that codes cost recall and never a wrong distance.
An exact scan stays exact: it goes by bytes, which bound what they hide, and reads the vectors under the others.
l1 has no codes, bit strings and sparse vectors are read as they are, and below DIMENSIONS_MIN codes would save
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.kernels.codes import DIMENSIONS_MIN, code_width, encode_rows
from sqlvec.kernels.distance import COSINE, L1, METRICS, padded
from sqlvec.kernels.product_codes import CENTROIDS, encode_products
from sqlvec.kernels.sign_codes import PLANES, TURNS, encode_signs, sign_words

RESCORE_DEFAULTS = {"none": 1, "int8": 1, "bit": 3, "pq": 3}
TRAINED = frozenset(["bit", "pq"])
TRAINING_ROWS_MIN = 1_000  # an index with fewer goes by bytes
TRAINING_ROWS_MAX = 16_384
TRAINED_AGAIN = 8  # when there are so many times the rows that it was trained among
_ROUNDS = 10
_WIDE = 256  # dimensions from which on a piece has eight
_SEED = 5


class Quantizer:
    """none: rows are read as they are. The others make codes."""

    name = "none"
    coded = False

    def __init__(self, metric: int, dims: int, trained: int = 0) -> None:
        self.metric = metric
        self.dims = dims
        self.trained = trained  # how many rows there were to choose a sample from
        self.query_size = padded(dims)

    def empty(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes and factors of no row."""
        return np.zeros((0, 1), np.int8), np.zeros((0, 2), np.float32)

    def encode(
        self, vectors: Any, low: int, high: int, codes: np.ndarray, factors: np.ndarray
    ) -> None:
        """The codes of the rows [low, high)."""

    def aid(self) -> Any:
        """What a kernel needs to read a query beside the codes, with room for it: one search at a time."""
        return _NOTHING

    def kept(self) -> dict[str, np.ndarray]:
        """What was learned."""
        return {}


_NOTHING = np.zeros(1, np.int16)


class _Bytes(Quantizer):
    name = "int8"
    coded = True

    def empty(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((0, code_width(self.dims)), np.int8), np.zeros((0, 2), np.float32)

    def encode(
        self, vectors: Any, low: int, high: int, codes: np.ndarray, factors: np.ndarray
    ) -> None:
        encode_rows(vectors, low, high, self.metric == COSINE, codes, factors)

    def aid(self) -> Any:
        return np.empty(self.query_size, np.int16)


class _Signs(Quantizer):
    name = "bit"
    coded = True

    def __init__(
        self, metric: int, dims: int, trained: int, center: np.ndarray, flips: np.ndarray
    ) -> None:
        super().__init__(metric, dims, trained)
        self.center = center  # f32[padded]
        self.flips = flips  # f32[turns, width]

    def empty(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((0, sign_words(self.dims)), np.int64), np.zeros((0, 2), np.float32)

    def encode(
        self, vectors: Any, low: int, high: int, codes: np.ndarray, factors: np.ndarray
    ) -> None:
        encode_signs(self.metric, vectors, low, high, self.center, self.flips, codes, factors)

    def aid(self) -> Any:
        width = self.flips.shape[1]
        planes = np.empty((PLANES, width // 64), np.int64)
        return self.center, self.flips, np.empty(width, np.float32), planes

    def kept(self) -> dict[str, np.ndarray]:
        return {"center": self.center, "flips": self.flips}


class _Products(Quantizer):
    name = "pq"
    coded = True

    def __init__(self, metric: int, dims: int, trained: int, codebooks: np.ndarray) -> None:
        super().__init__(metric, dims, trained)
        self.codebooks = codebooks  # f32[pieces, piece dims, 256]

    def empty(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((0, len(self.codebooks)), np.uint8), np.zeros((0, 2), np.float32)

    def encode(
        self, vectors: Any, low: int, high: int, codes: np.ndarray, factors: np.ndarray
    ) -> None:
        encode_products(self.metric, vectors, low, high, self.codebooks, codes, factors)

    def aid(self) -> Any:
        return self.codebooks, np.empty((len(self.codebooks), CENTROIDS), np.float32)

    def kept(self) -> dict[str, np.ndarray]:
        return {"codebooks": self.codebooks}


def can_code(metric: int, dims: int) -> bool:
    """Whether there are codes for such vectors; dims is 0 for bit strings and sparse vectors."""
    return metric != L1 and dims >= DIMENSIONS_MIN


def untrained(name: str, metric: int, dims: int) -> Quantizer:
    """The quantizer as long as nothing was learned: bytes in the place of those that learn."""
    if name == "none" or not can_code(metric, dims):
        return Quantizer(metric, dims)
    return _Bytes(metric, dims)


def trained(
    name: str,
    metric: int,
    dims: int,
    sample: np.ndarray,
    row_count: int,
    cancelled: Callable[[], bool] = lambda: False,
) -> Quantizer | None:
    """A quantizer of vectors like the sample's (f32[rows, padded]), which was taken from row_count rows; None
    when cancelled."""
    if name not in TRAINED or not can_code(metric, dims):
        return untrained(name, metric, dims)
    if metric == COSINE:
        norms = np.sqrt((sample.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        sample = (sample / np.where(norms > 0, norms, 1)).astype(np.float32)
    if name == "bit":
        dice = np.random.default_rng(_SEED)
        flips = dice.choice(np.array([-1, 1], np.float32), (TURNS, 64 * sign_words(dims)))
        center = np.zeros(padded(dims), np.float32)
        if len(sample):
            center[:] = sample.mean(axis=0, dtype=np.float64)
        return _Signs(metric, dims, row_count, center, flips)
    codebooks = _centroids(sample, padded(dims) // piece_dims(dims), cancelled)
    return None if codebooks is None else _Products(metric, dims, row_count, codebooks)


def opened(kept: dict[str, np.ndarray], number: int, metric: int, dims: int, rows: int) -> Quantizer:
    """The quantizer as it was kept, by its number among QUANTIZATIONS."""
    name = QUANTIZATIONS[number]
    if name == "bit":
        return _Signs(metric, dims, rows, kept["center"], kept["flips"])
    if name == "pq":
        return _Products(metric, dims, rows, kept["codebooks"])
    return untrained(name, metric, dims)


def piece_dims(dims: int) -> int:
    """Dimensions of a piece of a product code."""
    return 8 if dims >= _WIDE else 4


def _centroids(
    sample: np.ndarray, pieces: int, cancelled: Callable[[], bool]
) -> np.ndarray | None:
    """Lloyd's k-means for each piece: f32[pieces, piece dims, 256]. A centroid that loses all its rows takes
    one at random."""
    dice = np.random.default_rng(_SEED)
    count = len(sample)
    if not count:
        sample, count = np.zeros((1, sample.shape[1]), np.float32), 1
    by_piece = np.ascontiguousarray(sample.reshape(count, pieces, -1).transpose(1, 2, 0))
    dims = by_piece.shape[1]
    rows = np.ascontiguousarray(sample)
    books = np.empty((pieces, dims, CENTROIDS), np.float32)
    for piece in range(pieces):
        chosen = dice.choice(count, CENTROIDS, replace=count < CENTROIDS)
        books[piece] = by_piece[piece][:, chosen]
    codes, factors = np.empty((count, pieces), np.uint8), np.empty((count, 2), np.float32)
    for _ in range(_ROUNDS):
        if cancelled():
            return None
        encode_products(METRICS["l2"], rows, 0, count, books, codes, factors)
        for piece in range(pieces):
            held = np.bincount(codes[:, piece], minlength=CENTROIDS)
            for d in range(dims):
                sums = np.bincount(codes[:, piece], by_piece[piece, d], CENTROIDS)
                books[piece, d] = sums / np.maximum(held, 1)
            lost = np.flatnonzero(held == 0)
            books[piece][:, lost] = by_piece[piece][:, dice.integers(0, count, len(lost))]
    return books
