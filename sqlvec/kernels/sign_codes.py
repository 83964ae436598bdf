"""Vectors as signs: one bit a dimension, about a center and after a random rotation (RaBitQ, arXiv:2405.12497).

    codes    i64[rows, words]   bit i is set where coordinate i of the rotated row is positive
    factors  f32[rows, 2]       what the dot product of the signs is multiplied with, and what is added to it
    flips    f32[turns, width]  1 or -1, the rotation; width is dims rounded up to whole words

A rotation spreads what a row has over all coordinates alike, so that each sign tells as much as any other.
The query keeps four bits a coordinate, as planes of bits that mean 1 or -1: a dot product is four counts of
bits that differ. The estimate of a row's distance has no bias; how far it is off is known, too.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import count_ones, inlined, kernel

TURNS = 4
PLANES = 4
_TOP = np.float32(15.0)  # levels of a query are the odd numbers from -15 to 15
_LEAST = np.float32(1e-30)
_SPREAD = np.float32(0.6)  # of an estimate, in factors: sqrt(1 - 2/pi), for a row of norm 1
_DOUBT = np.float32(3.0)  # standard deviations


def sign_words(dims: int) -> int:
    """Words of a row of signs."""
    return (dims + 63) // 64


@kernel
def rotate(values, flips):  # type: ignore[no-untyped-def]
    """Turns f32[width] in place, its norm kept: signs are flipped, then the first or the last power of two of
    the coordinates goes through a Hadamard transform; again for each row of flips."""
    width = values.shape[0]
    size = 1
    while size * 2 <= width:
        size *= 2
    unit = np.float32(1.0 / np.sqrt(np.float64(size)))
    for turn in range(flips.shape[0]):
        for i in range(width):
            values[i] *= flips[turn, i]
        first = 0 if turn & 1 == 0 else width - size
        span = 1
        while span < size:
            for start in range(first, first + size, 2 * span):
                for i in range(start, start + span):
                    low = values[i]
                    high = values[i + span]
                    values[i] = low + high
                    values[i + span] = low - high
            span *= 2
        for i in range(first, first + size):
            values[i] *= unit


@inlined
def _center(values, scale, center, work):  # type: ignore[no-untyped-def]
    """work = scaled values about the center, brought to the size of 1: (that size, the sum of squares, the dot
    product with the center), as they were."""
    size = np.float32(0.0)
    squares = 0.0
    product = 0.0
    for i in range(center.shape[0]):
        value = values[i] * scale - center[i]
        work[i] = value
        size = max(size, abs(value))
        squares += np.float64(value) * np.float64(value)
        product += np.float64(value) * np.float64(center[i])
    for i in range(center.shape[0], work.shape[0]):
        work[i] = np.float32(0.0)
    unit = np.float32(1.0) / size if size > _LEAST else np.float32(0.0)
    for i in range(center.shape[0]):
        work[i] *= unit
    return size, squares, product


@inlined
def _unit(values):  # type: ignore[no-untyped-def]
    """What brings the norm to 1; 0 for a zero vector."""
    squares = 0.0
    for i in range(values.shape[0]):
        squares += np.float64(values[i]) * np.float64(values[i])
    return np.float32(1.0 / np.sqrt(squares)) if squares > 0 else np.float32(0.0)


@kernel
def encode_signs(metric, vectors, low, high, center, flips, codes, factors):  # type: ignore[no-untyped-def]
    """codes[row] and factors[row] for rows [low, high); under cosine of the rows brought to norm 1."""
    work = np.empty(flips.shape[1], np.float32)
    for row in range(low, high):
        scale = np.float32(1.0)
        if metric == 2:
            scale = _unit(vectors[row])
        size, squares, product = _center(vectors[row], scale, center, work)
        rotate(work, flips)
        total = 0.0
        for word in range(codes.shape[1]):
            bits = np.uint64(0)
            for i in range(64):
                value = work[word * 64 + i]
                total += abs(np.float64(value))
                if value > 0:
                    bits |= np.uint64(1) << np.uint64(i)
            codes[row, word] = np.int64(bits)
        total *= np.float64(size)
        factors[row, 0] = np.float32(squares / total) if total > 0 else np.float32(0.0)
        factors[row, 1] = np.float32(squares) if metric == 0 else np.float32(-product)


@kernel
def sign_form(metric, query, center, flips, work, planes):  # type: ignore[no-untyped-def]
    """Fills planes (i64[4, words]) with a query: (planes, the weight of a dot product of levels, and how far an
    estimate may be off, in factors); work: f32[width], room."""
    scale = np.float32(1.0)
    if metric == 2:
        scale = _unit(query)
    size, squares, _ = _center(query, scale, center, work)
    rotate(work, flips)
    largest = np.float32(0.0)
    for i in range(work.shape[0]):
        largest = max(largest, abs(work[i]))
    step = largest / _TOP
    inverse = np.float32(0.5) / step if step > 0 else np.float32(0.0)
    for word in range(planes.shape[1]):
        for plane in range(PLANES):
            planes[plane, word] = 0
        for i in range(64):
            level = np.int64(np.floor(work[word * 64 + i] * inverse)) + 8
            level = min(max(level, 0), 15)
            for plane in range(PLANES):
                planes[plane, word] |= np.int64((level >> plane) & 1) << np.int64(i)
    twice = np.float32(2.0) if metric == 0 else np.float32(1.0)
    doubt = twice * _DOUBT * _SPREAD * np.float32(np.sqrt(squares))
    return planes, twice * step * size, doubt


def near_signs(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """near() of signs: the estimate of a squared distance, less the query's own square, or of a negative inner
    product, less the query's own with the center."""
    planes = query[0]
    words = planes.shape[1]
    apart = np.int64(0)
    for word in range(words):
        code = vectors[row, word]
        apart += (
            count_ones(np.uint64(code ^ planes[0, word]))
            + 2 * count_ones(np.uint64(code ^ planes[1, word]))
            + 4 * count_ones(np.uint64(code ^ planes[2, word]))
            + 8 * count_ones(np.uint64(code ^ planes[3, word]))
        )
    product = np.float32(15 * 64 * words - 2 * apart)
    return scales[row, 1] - scales[row, 0] * query[1] * product


def doubt_of_signs(metric, vectors, form, row, scales):  # type: ignore[no-untyped-def]
    """doubt_of() of signs."""
    return scales[row, 0] * form[2]
