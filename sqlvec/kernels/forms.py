"""The forms in which kernels read the rows of an index, told apart by their types.

    dense    f32[rows, padded]                                a query is f32[padded]
    codes    i8[rows, width]                                  kernels.codes
    signs    i64[rows, words]                                 kernels.sign_codes
    products u8[rows, pieces]                                 kernels.product_codes
    bits     u64[rows, words], the first bit lowest           a query is u64[words]
    sparse   (starts i64[rows + 1], places i32[n], values f32[n]), a row's places ascending
                                                              a query is (places i32[m], values f32[m])

What a loop over rows needs of them is named here (and near(), form_of() and doubt_of() in kernels.distance,
where dense rows and codes have theirs), so that there is one loop for all.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import overload

from sqlvec.kernels.jit import count_ones, prefetch

HAMMING = 4  # and jaccard, 5: the metrics of bits


def is_dense(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.Array) and vectors.dtype == numba.float32


def is_codes(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.Array) and vectors.dtype == numba.int8


def is_signs(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.Array) and vectors.dtype == numba.int64


def is_products(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.Array) and vectors.dtype == numba.uint8


def is_bits(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.Array) and vectors.dtype == numba.uint64


def is_sparse(vectors) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(vectors, numba.types.BaseTuple)


# ---------------------------------------------------------------- rows as queries


def row_of(vectors, row):  # type: ignore[no-untyped-def]
    """A row as a query."""
    raise NotImplementedError("compiled only")


@overload(row_of)
def _row_by_type(vectors, row):  # type: ignore[no-untyped-def]
    if is_sparse(vectors):
        return _sparse_row
    return lambda vectors, row: vectors[row]


def _sparse_row(vectors, row):  # type: ignore[no-untyped-def]
    low, high = vectors[0][row], vectors[0][row + 1]
    return vectors[1][low:high], vectors[2][low:high]


def room_of(vectors):  # type: ignore[no-untyped-def]
    """Room in which query_of() may make a query: f32[padded] for dense rows."""
    raise NotImplementedError("compiled only")


@overload(room_of)
def _room_by_type(vectors):  # type: ignore[no-untyped-def]
    if is_dense(vectors):
        return lambda vectors: np.empty(vectors.shape[1], np.float32)
    return lambda vectors: np.empty(1, np.float32)


def query_of(metric, vectors, scales, row, room):  # type: ignore[no-untyped-def]
    """A row as a query, of norm 1 under cosine."""
    raise NotImplementedError("compiled only")


@overload(query_of)
def _query_by_type(metric, vectors, scales, row, room):  # type: ignore[no-untyped-def]
    if is_dense(vectors):
        return _dense_query
    if is_bits(vectors):
        return lambda metric, vectors, scales, row, room: vectors[row]
    return _sparse_query


def _dense_query(metric, vectors, scales, row, room):  # type: ignore[no-untyped-def]
    for i in range(room.shape[0]):
        room[i] = vectors[row, i] * (scales[row] if metric == 2 else np.float32(1.0))
    return room


def _sparse_query(metric, vectors, scales, row, room):  # type: ignore[no-untyped-def]
    low, high = vectors[0][row], vectors[0][row + 1]
    values = vectors[2][low:high].copy()
    if metric == 2:
        for i in range(values.shape[0]):
            values[i] *= scales[row]
    return vectors[1][low:high], values


# ---------------------------------------------------------------- memory


def prefetch_bytes(vectors, row, most):  # type: ignore[no-untyped-def]
    """Asks for the first lines of a row, `most` bytes of them."""
    raise NotImplementedError("compiled only")


@overload(prefetch_bytes)
def _prefetch_by_type(vectors, row, most):  # type: ignore[no-untyped-def]
    return _prefetch_sparse if is_sparse(vectors) else _prefetch_row


def _prefetch_row(vectors, row, most):  # type: ignore[no-untyped-def]
    for offset in range(0, min(vectors.shape[1] * vectors.itemsize, most), 64):
        prefetch(vectors, row, offset)


def _prefetch_sparse(vectors, row, most):  # type: ignore[no-untyped-def]
    start = vectors[0][row]
    for offset in range(0, min(vectors[0][row + 1] - start, most // 8), 16):
        prefetch(vectors[1], start, offset * 4)
        prefetch(vectors[2], start, offset * 4)


# ---------------------------------------------------------------- distances


def squares_of(query):  # type: ignore[no-untyped-def]
    """The sum of the squares of a query's elements (f64); of no meaning for bits."""
    raise NotImplementedError("compiled only")


@overload(squares_of)
def _squares_by_type(query):  # type: ignore[no-untyped-def]
    if is_sparse(query):
        return lambda query: _squares(query[1])
    if is_bits(query):
        return lambda query: 0.0
    return lambda query: _squares(query)


@numba.njit(nogil=True)
def _squares(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(values.shape[0]):
        total += np.float64(values[i]) * np.float64(values[i])
    return total


def norm_of(vectors, row):  # type: ignore[no-untyped-def]
    """The norm of a row (f64)."""
    raise NotImplementedError("compiled only")


@overload(norm_of)
def _norm_by_type(vectors, row):  # type: ignore[no-untyped-def]
    if is_bits(vectors):
        return lambda vectors, row: 1.0
    return lambda vectors, row: np.sqrt(squares_of(row_of(vectors, row)))


def scale_of(vectors, row):  # type: ignore[no-untyped-def]
    """1/norm (f32) of a row, in single precision where that is faster; 0 for a zero vector."""
    raise NotImplementedError("compiled only")


@overload(scale_of)
def _scale_by_type(vectors, row):  # type: ignore[no-untyped-def]
    return _dense_scale if is_dense(vectors) else _other_scale


def _dense_scale(vectors, row):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(vectors.shape[1]):
        total += vectors[row, i] * vectors[row, i]
    return np.float32(1.0) / np.sqrt(total) if total > 0 else np.float32(0.0)


def _other_scale(vectors, row):  # type: ignore[no-untyped-def]
    norm = norm_of(vectors, row)
    return np.float32(1.0 / norm) if norm > 0.0 else np.float32(0.0)


def exact_of(metric, vectors, query, squares, row):  # type: ignore[no-untyped-def]
    """The distance (f64) of a row, as pgvector returns it; squares: squares_of(query)."""
    raise NotImplementedError("compiled only")


@overload(exact_of)
def _exact_by_type(metric, vectors, query, squares, row):  # type: ignore[no-untyped-def]
    if is_dense(vectors):
        return _exact_dense
    if is_bits(vectors):
        return _exact_bits
    return _exact_sparse


def _exact_dense(metric, vectors, query, squares, row):  # type: ignore[no-untyped-def]
    total = 0.0
    norm = 0.0
    if metric == 0:
        for i in range(query.shape[0]):
            difference = np.float64(vectors[row, i]) - np.float64(query[i])
            total += difference * difference
        return np.sqrt(total)
    if metric == 3:
        for i in range(query.shape[0]):
            total += abs(np.float64(vectors[row, i]) - np.float64(query[i]))
        return total
    for i in range(query.shape[0]):
        x = np.float64(vectors[row, i])
        total += x * np.float64(query[i])
        norm += x * x
    if metric == 1:
        return -total
    product = norm * squares
    return np.nan if product == 0.0 else 1.0 - max(-1.0, min(1.0, total / np.sqrt(product)))


def _exact_bits(metric, vectors, query, squares, row):  # type: ignore[no-untyped-def]
    both = np.int64(0)
    apart = np.int64(0)
    for i in range(query.shape[0]):
        both += count_ones(vectors[row, i] & query[i])
        apart += count_ones(vectors[row, i] ^ query[i])
    if metric == HAMMING:
        return np.float64(apart)
    return 1.0 if both == 0 else 1.0 - both / np.float64(both + apart)


def _exact_sparse(metric, vectors, query, squares, row):  # type: ignore[no-untyped-def]
    total = 0.0
    norm = 0.0
    starts, places, values = vectors
    i, end = starts[row], starts[row + 1]
    j = 0
    while i < end or j < query[0].shape[0]:
        x = 0.0
        y = 0.0
        first = i < end and (j == query[0].shape[0] or places[i] <= query[0][j])
        second = j < query[0].shape[0] and (i == end or query[0][j] <= places[i])
        if first:
            x = np.float64(values[i])
            i += 1
        if second:
            y = np.float64(query[1][j])
            j += 1
        if metric == 0:
            total += (x - y) * (x - y)
        elif metric == 3:
            total += abs(x - y)
        else:
            total += x * y
            norm += x * x
    if metric == 0:
        return np.sqrt(total)
    if metric == 3:
        return total
    if metric == 1:
        return -total
    product = norm * squares
    return np.nan if product == 0.0 else 1.0 - max(-1.0, min(1.0, total / np.sqrt(product)))


def near_bits(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """near() of bits."""
    both = np.int64(0)
    apart = np.int64(0)
    for i in range(query.shape[0]):
        both += count_ones(vectors[row, i] & query[i])
        apart += count_ones(vectors[row, i] ^ query[i])
    if metric == HAMMING:
        return np.float32(apart)
    return np.float32(1.0) if both == 0 else np.float32(1.0 - both / np.float64(both + apart))


def near_sparse(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """near() of sparse rows: a merge of two ascending lists of places."""
    total = np.float32(0.0)
    starts, places, values = vectors
    i, end = starts[row], starts[row + 1]
    j, size = 0, query[0].shape[0]
    if metric == 1 or metric == 2:
        while i < end and j < size:
            if places[i] == query[0][j]:
                total += values[i] * query[1][j]
                i += 1
                j += 1
            elif places[i] < query[0][j]:
                i += 1
            else:
                j += 1
        return -total * scales[row] if metric == 2 else -total
    while i < end or j < size:
        gap = np.float32(0.0)
        if j == size or (i < end and places[i] < query[0][j]):
            gap = values[i]
            i += 1
        elif i == end or query[0][j] < places[i]:
            gap = query[1][j]
            j += 1
        else:
            gap = values[i] - query[1][j]
            i += 1
            j += 1
        total += gap * gap if metric == 0 else abs(gap)
    return total
