"""Distances, and the exact scan.

Vectors are f32[rows, padded] with zeros in the pad. Inside kernels a metric is a number and a distance a
float32 that only orders: squared l2, negative inner product, negative inner product over norms, l1.
What is returned is recomputed in float64: l2, <#>, cosine distance, l1 as pgvector defines them.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.heap import key_row, pack, push_max, replace_max
from sqlvec.kernels.jit import inlined, kernel, prefetch, trailing_zeros

METRICS = {"l2": 0, "inner_product": 1, "cosine": 2, "l1": 3}
L2, INNER_PRODUCT, COSINE, L1 = 0, 1, 2, 3
PAD = 16
_ONE = np.uint64(1)


def padded(dims: int) -> int:
    """Floats a row takes: dims rounded up to a cache line."""
    return (dims + PAD - 1) // PAD * PAD


@inlined
def near(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """The ordering distance of one row; scales (f32[rows], 1/norm) are read for cosine only."""
    total = np.float32(0.0)
    size = query.shape[0]
    if metric == 0:
        for i in range(size):
            difference = vectors[row, i] - query[i]
            total += difference * difference
        return total
    if metric == 3:
        for i in range(size):
            total += abs(vectors[row, i] - query[i])
        return total
    for i in range(size):
        total += vectors[row, i] * query[i]
    if metric == 2:
        total *= scales[row]
    return -total


@inlined
def near4(metric, vectors, query, scales, a, b, c, d):  # type: ignore[no-untyped-def]
    """Four rows at once: four streams of memory in flight."""
    s0 = np.float32(0.0)
    s1 = np.float32(0.0)
    s2 = np.float32(0.0)
    s3 = np.float32(0.0)
    size = query.shape[0]
    if metric == 0:
        for i in range(size):
            q = query[i]
            x0 = vectors[a, i] - q
            x1 = vectors[b, i] - q
            x2 = vectors[c, i] - q
            x3 = vectors[d, i] - q
            s0 += x0 * x0
            s1 += x1 * x1
            s2 += x2 * x2
            s3 += x3 * x3
        return s0, s1, s2, s3
    if metric == 3:
        for i in range(size):
            q = query[i]
            s0 += abs(vectors[a, i] - q)
            s1 += abs(vectors[b, i] - q)
            s2 += abs(vectors[c, i] - q)
            s3 += abs(vectors[d, i] - q)
        return s0, s1, s2, s3
    for i in range(size):
        q = query[i]
        s0 += vectors[a, i] * q
        s1 += vectors[b, i] * q
        s2 += vectors[c, i] * q
        s3 += vectors[d, i] * q
    if metric == 2:
        s0 *= scales[a]
        s1 *= scales[b]
        s2 *= scales[c]
        s3 *= scales[d]
    return -s0, -s1, -s2, -s3


@kernel
def exact_distances(metric, vectors, query, ids, out):  # type: ignore[no-untyped-def]
    """out[i] (f64) = distance of row ids[i], as pgvector returns it."""
    size = query.shape[0]
    query_norm = 0.0
    for i in range(size):
        query_norm += np.float64(query[i]) * np.float64(query[i])
    for j in range(ids.shape[0]):
        row = ids[j]
        total = 0.0
        norm = 0.0
        for i in range(size):
            x = np.float64(vectors[row, i])
            q = np.float64(query[i])
            if metric == 0:
                total += (x - q) * (x - q)
            elif metric == 3:
                total += abs(x - q)
            else:
                total += x * q
                norm += x * x
        if metric == 0:
            total = np.sqrt(total)
        elif metric == 1:
            total = -total
        elif metric == 2:
            product = norm * query_norm
            if product == 0.0:
                total = np.nan
            else:
                total = 1.0 - max(-1.0, min(1.0, total / np.sqrt(product)))
        out[j] = total


@kernel
def inverse_norms(vectors, low, high, scales):  # type: ignore[no-untyped-def]
    """scales[row] = 1/norm for rows [low, high), 0 for zero vectors."""
    for row in range(low, high):
        total = 0.0
        for i in range(vectors.shape[1]):
            total += np.float64(vectors[row, i]) * np.float64(vectors[row, i])
        scales[row] = np.float32(1.0 / np.sqrt(total)) if total > 0.0 else np.float32(0.0)


@inlined
def _row_scale(metric, vectors, row):  # type: ignore[no-untyped-def]
    if metric != 2:
        return np.float32(1.0)
    total = np.float32(0.0)
    for i in range(vectors.shape[1]):
        total += vectors[row, i] * vectors[row, i]
    return np.float32(1.0) / np.sqrt(total) if total > 0 else np.float32(0.0)


@kernel
def flat_scan(metric, vectors, query, words, row_count, k, heap):  # type: ignore[no-untyped-def]
    """The k nearest of the set rows as a max-heap of keys; rows of norm zero are left out under cosine."""
    size = 0
    unit = np.ones(1, np.float32)
    plain = 1 if metric == 2 else metric
    for i in range((row_count + 63) >> 6):
        word = words[i]
        if word != 0 and i + 1 < words.shape[0] and words[i + 1] != 0:
            ahead = ((i + 1) << 6) + trailing_zeros(words[i + 1])
            prefetch(vectors, ahead, 0)
            prefetch(vectors, ahead, 64)
        while word != 0:
            row = (i << 6) + trailing_zeros(word)
            word &= word - _ONE
            if word != 0:
                ahead = (i << 6) + trailing_zeros(word)
                prefetch(vectors, ahead, 0)
                prefetch(vectors, ahead, 64)
                prefetch(vectors, ahead, 128)
                prefetch(vectors, ahead, 192)
            distance = near(plain, vectors, query, row, unit)
            if metric == 2:
                scale = _row_scale(metric, vectors, row)
                if scale == 0:
                    continue
                distance *= scale
            key = pack(distance, row)
            if size < k:
                size = push_max(heap, size, key)
            elif key < heap[0]:
                replace_max(heap, size, key)
    return size


@kernel
def drain_rows(heap, size, ids):  # type: ignore[no-untyped-def]
    """Row ids of a heap, nearest first."""
    ordered = np.sort(heap[:size])
    for i in range(size):
        ids[i] = key_row(ordered[i])


@kernel
def count_allowed(words, ids):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(ids.shape[0]):
        total += has(words, ids[i])
    return total


def distances(
    vectors: np.ndarray, query: np.ndarray, metric: str, row_ids: np.ndarray
) -> np.ndarray:
    """Exact distances (f64) of the rows; cosine against a zero vector is NaN."""
    out = np.empty(len(row_ids), np.float64)
    exact_distances(METRICS[metric], vectors, query, row_ids, out)
    return out


def flat_search(
    vectors: np.ndarray, query: np.ndarray, metric: str, words: np.ndarray, row_count: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of the set rows: (row ids i64, distances f64), ties by row id. Exact."""
    heap = np.empty(max(k, 1), np.uint64)
    number = METRICS[metric]
    size = flat_scan(number, vectors, query, words, row_count, k, heap) if k > 0 else 0
    ids = np.empty(size, np.int64)
    drain_rows(heap, size, ids)
    return exact_order(number, vectors, query, ids)


def exact_order(
    metric: int, vectors: np.ndarray, query: np.ndarray, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rows again in the order of their exact distances."""
    out = np.empty(len(ids), np.float64)
    exact_distances(metric, vectors, query, ids, out)
    if len(out) > 1 and (out[1:] < out[:-1]).any():
        order = np.lexsort((ids, out))
        return ids[order], out[order]
    return ids, out
