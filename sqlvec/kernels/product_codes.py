"""Vectors in pieces, each the nearest of 256 that were learned: product quantization (Jegou et al., 2011).

    codebooks  f32[pieces, piece dims, 256]   a piece's centroids, the same place of each side by side
    codes      u8[rows, pieces]               which centroid
    factors    f32[rows, 2]                   the norm of what is lost, and what is added to a distance

The query stays exact: a table of the distances between its pieces and every centroid is made once, and the
distance of a row is a sum over that table.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import inlined, kernel

CENTROIDS = 256
_DOUBT = np.float32(4.0)  # standard deviations, if what is lost points anywhere


@inlined
def _nearest(piece, codebook, distances):  # type: ignore[no-untyped-def]
    """The nearest centroid of a piece, and its squared distance; distances: f32[256], room."""
    for c in range(distances.shape[0]):
        distances[c] = np.float32(0.0)
    for d in range(codebook.shape[0]):
        value = piece[d]
        for c in range(distances.shape[0]):
            difference = value - codebook[d, c]
            distances[c] += difference * difference
    best = 0
    for c in range(1, distances.shape[0]):
        if distances[c] < distances[best]:
            best = c
    return best, distances[best]


@kernel
def encode_products(metric, vectors, low, high, codebooks, codes, factors):  # type: ignore[no-untyped-def]
    """codes[row] and factors[row] for rows [low, high); under cosine of the rows brought to norm 1."""
    dims = codebooks.shape[1]
    distances = np.empty(CENTROIDS, np.float32)
    piece = np.empty(dims, np.float32)
    for row in range(low, high):
        scale = np.float32(1.0)
        if metric == 2:
            squares = 0.0
            for i in range(vectors.shape[1]):
                squares += np.float64(vectors[row, i]) * np.float64(vectors[row, i])
            scale = np.float32(1.0 / np.sqrt(squares)) if squares > 0 else np.float32(0.0)
        lost = 0.0
        for place in range(codebooks.shape[0]):
            for d in range(dims):
                piece[d] = vectors[row, place * dims + d] * scale
            code, distance = _nearest(piece, codebooks[place], distances)
            codes[row, place] = np.uint8(code)
            lost += np.float64(distance)
        factors[row, 0] = np.float32(np.sqrt(lost))
        factors[row, 1] = np.float32(lost) if metric == 0 else np.float32(0.0)


@kernel
def product_form(metric, query, codebooks, table):  # type: ignore[no-untyped-def]
    """Fills table (f32[pieces, 256]) with a query: (table, how far a distance may be off, a unit of what is
    lost; under l2 times the distance)."""
    dims = codebooks.shape[1]
    squares = np.float32(0.0)
    for i in range(query.shape[0]):
        squares += query[i] * query[i]
    for place in range(codebooks.shape[0]):
        for c in range(CENTROIDS):
            table[place, c] = np.float32(0.0)
        for d in range(dims):
            value = query[place * dims + d]
            if metric == 0:
                for c in range(CENTROIDS):
                    difference = value - codebooks[place, d, c]
                    table[place, c] += difference * difference
            else:
                for c in range(CENTROIDS):
                    table[place, c] -= value * codebooks[place, d, c]
    doubt = _DOUBT / np.float32(np.sqrt(np.float64(query.shape[0])))
    return table, np.float32(2.0) * doubt if metric == 0 else doubt * np.sqrt(squares)


def near_products(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """near() of pieces: a squared distance, or a negative inner product, of what the row was taken for."""
    table = query[0]
    total = scales[row, 1]
    for place in range(table.shape[0]):
        total += table[place, vectors[row, place]]
    return total


def doubt_of_products(metric, vectors, form, row, scales):  # type: ignore[no-untyped-def]
    """doubt_of() of pieces."""
    doubt = form[1] * scales[row, 0]
    if metric == 0:
        table = form[0]
        total = np.float32(0.0)
        for place in range(table.shape[0]):
            total += table[place, vectors[row, place]]
        doubt *= np.sqrt(total)
    return doubt
