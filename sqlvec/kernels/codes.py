"""Vectors as bytes: a quarter of the memory that a walk touches. Scalar quantization, one scale a row.

    codes    i8[rows, width]    dims rounded up to whole cache lines
    factors  f32[rows, 2]       what the integer dot product is multiplied with, and the squared norm

The query is i16[padded], so that its own rounding hardly counts, and a factor for l2. l1 has no dot product
and no codes.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import kernel

DIMENSIONS_MIN = 48  # below, codes would save nothing and cost recall
_LINE = 64
_LEVELS = 127.0
_QUERY_LEVELS = 2047.0
_LEAST = np.float32(1e-30)  # what is smaller has no step that float32 can divide by


def code_width(dims: int) -> int:
    """Bytes of a row of codes."""
    return (dims + _LINE - 1) // _LINE * _LINE


@kernel
def encode_rows(vectors, low, high, normalized, codes, factors):  # type: ignore[no-untyped-def]
    """codes[row] for rows [low, high); normalized: the factor takes the row's norm out (cosine)."""
    size = vectors.shape[1]
    for row in range(low, high):
        largest = np.float32(0.0)
        squares = 0.0
        for i in range(size):
            value = vectors[row, i]
            largest = max(largest, abs(value))
            squares += np.float64(value) * np.float64(value)
        levels, scale = np.float32(0.0), 2.0 * largest  # a step that covers what is lost
        if largest > _LEAST:
            levels, scale = np.float32(_LEVELS) / largest, np.float64(largest) / _LEVELS
        for i in range(size):
            codes[row, i] = np.int8(np.rint(vectors[row, i] * levels))
        if normalized:
            scale = scale / np.sqrt(squares) if squares > 0 else 0.0
        factors[row, 0] = np.float32(scale)
        factors[row, 1] = np.float32(squares)


@kernel
def encode_query(query, coded):  # type: ignore[no-untyped-def]
    """Fills coded (i16[padded]): twice the size of a level (f32), which l2 needs, and the norm and the sum of
    absolute values in levels (f32), infinite for a query too small to have levels. The levels are few enough
    that no dot product overflows."""
    size = query.shape[0]
    largest = np.float32(0.0)
    for i in range(size):
        largest = max(largest, abs(query[i]))
    levels = np.float32(min(_QUERY_LEVELS, 2147483647.0 / (_LEVELS * size)))
    if not largest > _LEAST:
        coded[:] = 0
        return np.float32(0.0), np.float32(np.inf), np.float32(np.inf)
    factor = levels / largest
    squares = np.float32(0.0)
    total = np.float32(0.0)
    for i in range(size):
        value = np.rint(query[i] * factor)
        coded[i] = np.int16(value)
        squares += value * value
        total += abs(value)
    return np.float32(2.0) * largest / levels, np.sqrt(squares), total
