"""Distances, and the exact scan.

Vectors are f32[rows, padded] with zeros in the pad, or of another form (kernels.forms). Inside kernels a metric is a number and a distance a
float32 that only orders: squared l2, negative inner product, negative inner product over norms, l1.
What is returned is recomputed in float64: l2, <#>, cosine distance, l1 as pgvector defines them.

near() also takes codes in the place of vectors, with their factors as scales and a query that form_of() made;
it orders by an approximation then. Of bytes (kernels.codes) a query is (i16[padded], f32 step, f32 norm and f32
sum of absolute values in steps).
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from sqlvec.kernels.bitmap import fill_ids, has
from sqlvec.kernels.codes import encode_query
from sqlvec.kernels.forms import (
    exact_of,
    is_bits,
    is_codes,
    is_products,
    is_signs,
    is_sparse,
    near_bits,
    near_sparse,
    norm_of,
    prefetch_bytes,
    scale_of,
    squares_of,
)
from sqlvec.kernels.heap import key_distance, key_row, pack, push_max, replace_max
from sqlvec.kernels.jit import inlined, kernel, prefetch, trailing_zeros
from sqlvec.kernels.product_codes import doubt_of_products, near_products, product_form
from sqlvec.kernels.sign_codes import doubt_of_signs, near_signs, sign_form

METRICS = {"l2": 0, "inner_product": 1, "cosine": 2, "l1": 3, "hamming": 4, "jaccard": 5}
L2, INNER_PRODUCT, COSINE, L1 = 0, 1, 2, 3
PAD = 16
_ONE = np.uint64(1)
_AHEAD = 8  # rows on their way from memory in a scan
_DOUBT = np.float32(4.0 / np.sqrt(12.0))  # standard deviations, times that of rounding


def padded(dims: int) -> int:
    """Floats a row takes: dims rounded up to a cache line."""
    return (dims + PAD - 1) // PAD * PAD


def near(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    """The ordering distance of one row; scales (f32[rows], 1/norm) are read for cosine only."""
    raise NotImplementedError("compiled only")


def form_of(metric, vectors, query, aid):  # type: ignore[no-untyped-def]
    """The query (f32[padded]) as near() takes it beside these vectors or codes; aid: what else that takes, and
    room for it (index.hnsw.quantizer)."""
    raise NotImplementedError("compiled only")


def _near(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
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


def _near_code(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    values = query[0]
    total = np.int32(0)
    for i in range(values.shape[0]):
        total = np.int32(total + np.int32(vectors[row, i]) * np.int32(values[i]))
    product = np.float32(total) * scales[row, 0]
    return scales[row, 1] - product * query[1] if metric == 0 else -product


def doubt_of(metric, vectors, form, row, scales):  # type: ignore[no-untyped-def]
    """How far near() may be from the truth, but for one row in ten thousand; 0 for vectors."""
    raise NotImplementedError("compiled only")


def _doubt_of_code(metric, vectors, form, row, scales):  # type: ignore[no-untyped-def]
    # Rounding is uniform: each element of the row is off by a step's 12th root, each of the query by one
    # of its own steps; a dot product is off by that, times the norm of the other side.
    norm = np.float32(1.0) if metric == 2 else np.sqrt(scales[row, 1])
    doubt = _DOUBT * (scales[row, 0] * form[2] + norm)
    return doubt * form[1] if metric == 0 else doubt


@overload(doubt_of)
def _doubt_by_type(metric, vectors, form, row, scales):  # type: ignore[no-untyped-def]
    if is_codes(vectors):
        return _doubt_of_code
    if is_signs(vectors):
        return doubt_of_signs
    if is_products(vectors):
        return doubt_of_products
    return lambda metric, vectors, form, row, scales: np.float32(0.0)


@overload(near)
def _near_by_type(metric, vectors, query, row, scales):  # type: ignore[no-untyped-def]
    if is_sparse(vectors):
        return near_sparse
    if is_bits(vectors):
        return near_bits
    if is_signs(vectors):
        return near_signs
    if is_products(vectors):
        return near_products
    return _near_code if is_codes(vectors) else _near


def _code_form(metric, vectors, query, aid):  # type: ignore[no-untyped-def]
    step, norm, total = encode_query(query, aid)
    return (aid, step, norm, total)


def _sign_form(metric, vectors, query, aid):  # type: ignore[no-untyped-def]
    return sign_form(metric, query, aid[0], aid[1], aid[2], aid[3])


def _product_form(metric, vectors, query, aid):  # type: ignore[no-untyped-def]
    return product_form(metric, query, aid[0], aid[1])


@overload(form_of)
def _form_by_type(metric, vectors, query, aid):  # type: ignore[no-untyped-def]
    if is_codes(vectors):
        return _code_form
    if is_signs(vectors):
        return _sign_form
    if is_products(vectors):
        return _product_form
    return lambda metric, vectors, query, aid: query


@kernel
def exact_distances(metric, vectors, query, ids, out):  # type: ignore[no-untyped-def]
    """out[i] (f64) = distance of row ids[i], as pgvector returns it."""
    squares = squares_of(query)
    for j in range(ids.shape[0]):
        out[j] = exact_of(metric, vectors, query, squares, ids[j])


@kernel
def rank_found(metric, vectors, query, read, form, scales, k, heap, size, below, ids, out):  # type: ignore[no-untyped-def]
    """The k nearest of a heap's rows below `below`, by exact distance, then id: how many there are.

    The heap's own order may be an approximation: every row is looked at whose distance, but for an
    improbable error, can be among the k smallest. ids and out have room for all of the heap."""
    ordered = np.sort(heap[:size])
    count = 0
    limit = np.float32(-np.inf)
    for i in range(size):
        row = key_row(ordered[i])
        if row >= below:
            continue
        distance = key_distance(ordered[i])
        doubt = doubt_of(metric, read, form, row, scales)
        if count < k:
            limit = max(limit, distance + doubt)
        elif distance - doubt > limit:
            continue
        ids[count] = row
        count += 1
        prefetch_bytes(vectors, row, 1024)
    squares = squares_of(query)
    for j in range(count):
        row = ids[j]
        distance = exact_of(metric, vectors, query, squares, row)
        place = j
        while place > 0 and (
            out[place - 1] > distance or (out[place - 1] == distance and ids[place - 1] > row)
        ):
            out[place] = out[place - 1]
            ids[place] = ids[place - 1]
            place -= 1
        out[place] = distance
        ids[place] = row
    return min(count, k)


@kernel
def inverse_norms(vectors, low, high, scales):  # type: ignore[no-untyped-def]
    """scales[row] = 1/norm for rows [low, high), 0 for zero vectors."""
    for row in range(low, high):
        norm = norm_of(vectors, row)
        scales[row] = np.float32(1.0 / norm) if norm > 0.0 else np.float32(0.0)


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
            prefetch_bytes(vectors, ahead, 128)
        while word != 0:
            row = (i << 6) + trailing_zeros(word)
            word &= word - _ONE
            if word != 0:
                ahead = (i << 6) + trailing_zeros(word)
                prefetch_bytes(vectors, ahead, 256)
            distance = near(plain, vectors, query, row, unit)
            if metric == 2:
                scale = scale_of(vectors, row)
                if scale == 0:
                    continue
                distance *= scale
            key = pack(distance, row)
            if size < k:
                size = push_max(heap, size, key)
            elif key < heap[0]:
                replace_max(heap, size, key)
    return size


@inlined
def _bound_of_code(metric, form, scales, row, distance):  # type: ignore[no-untyped-def]
    """How far near() of a code can be from the truth at most: half a step an element, on both sides."""
    half = np.float32(0.5)
    norm = np.float32(1.0) if metric == 2 else np.sqrt(scales[row, 1])
    spread = np.sqrt(np.float32(form[0].shape[0])) * norm
    bound = half * (scales[row, 0] * (form[3] + half * form[0].shape[0]) + spread)
    size = abs(distance)
    if metric == 0:
        bound *= form[1]
        size += scales[row, 1]
    return bound + np.float32(2e-6) * size


@kernel
def code_scan(metric, vectors, codes, scales, query, coded, words, k, ids, lowest, out):  # type: ignore[no-untyped-def]
    """flat_scan by way of codes, and as exact: only rows that can be among the k nearest are looked at as
    vectors. ids (i64) and lowest (f32) have room for all set rows. ids and out (f64) get the nearest, in
    order; (how many, how many vectors were read)."""
    form = form_of(metric, codes, query, coded)
    heap = np.empty(k, np.uint64)
    size = 0
    rows = fill_ids(words, ids)
    count = 0
    for j in range(rows):
        if j + _AHEAD < rows:
            ahead = ids[j + _AHEAD]
            for offset in range(0, min(codes.shape[1], 512), 64):
                prefetch(codes, ahead, offset)
            prefetch(scales, ahead, 0)
        row = ids[j]
        if metric == 2 and scales[row, 0] == 0:
            continue
        distance = near(metric, codes, form, row, scales)
        bound = _bound_of_code(metric, form, scales, row, distance)
        low, high = distance - bound, distance + bound
        if not low <= high:  # beyond what float32 holds
            low, high = np.float32(-np.inf), np.float32(np.inf)
        ids[count] = row
        lowest[count] = low
        count += 1
        if size < k:
            size = push_max(heap, size, pack(high, row))
        elif low <= key_distance(heap[0]):
            key = pack(high, row)
            if key < heap[0]:
                replace_max(heap, size, key)
    limit = key_distance(heap[0]) if size else np.float32(0.0)
    kept = 0
    for j in range(count):
        if lowest[j] <= limit:
            ids[kept] = ids[j]
            kept += 1
    squares = squares_of(query)
    found = 0
    for j in range(kept):
        row = ids[j]
        if j + 4 < kept:
            prefetch_bytes(vectors, ids[j + 4], 1024)
        distance = exact_of(metric, vectors, query, squares, row)
        if found == k and not distance < out[k - 1]:
            continue
        place = min(found, k - 1)
        while place > 0 and out[place - 1] > distance:
            out[place] = out[place - 1]
            ids[place] = ids[place - 1]
            place -= 1
        out[place] = distance
        ids[place] = row
        found = min(found + 1, k)
    return found, kept


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
