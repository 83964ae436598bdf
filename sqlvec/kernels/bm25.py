"""BM25 over postings: building, counting under a bitmap, and the two ways to score.

    starts   i64[terms + 1]   postings of term t are [starts[t], starts[t+1])
    rows     i32[postings]    offset of the row in its part, ascending within a term
    freqs    u8[postings]     term frequency, 255 for more
    lengths  i32[rows]        field length of each row of the part

Score of a posting: weight * tf / (tf + k1 * (1 - b + b * length / average)) with weight = idf * query term
frequency (Robertson and Zaragoza 2009, in Lucene's form without the factor k1 + 1).
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.heap import pack, push_max, replace_max
from sqlvec.kernels.jit import inlined, kernel


@kernel
def build_postings(terms, ends, term_count, starts, rows, freqs, lengths):  # type: ignore[no-untyped-def]
    """Counting sort of the rows' terms. terms i32, ends[i] the end of row i's terms; rows and freqs are as
    long as terms; returns the number of postings."""
    last = np.full(term_count, -1, np.int64)
    begin = 0
    for row in range(ends.shape[0]):
        lengths[row] = ends[row] - begin
        for i in range(begin, ends[row]):
            if last[terms[i]] != row:
                last[terms[i]] = row
                starts[terms[i] + 1] += 1
        begin = ends[row]
    for t in range(term_count):
        starts[t + 1] += starts[t]
    place = starts[:-1].copy()
    last[:] = -1
    begin = 0
    for row in range(ends.shape[0]):
        for i in range(begin, ends[row]):
            t = terms[i]
            if last[t] != row:
                last[t] = row
                rows[place[t]] = row
                freqs[place[t]] = 1
                place[t] += 1
            elif freqs[place[t] - 1] < 255:
                freqs[place[t] - 1] += 1
        begin = ends[row]
    return starts[term_count]


@kernel
def count_visible(rows, start, end, low, words):  # type: ignore[no-untyped-def]
    """How many postings [start, end) are of visible rows; low is the part's first row id."""
    total = 0
    for i in range(start, end):
        total += has(words, low + rows[i])
    return total


@kernel
def sum_lengths(lengths, low, words):  # type: ignore[no-untyped-def]
    """(visible rows with a text, sum of their lengths)."""
    count = 0
    total = 0
    for row in range(lengths.shape[0]):
        if lengths[row] >= 0 and has(words, low + row):
            count += 1
            total += lengths[row]
    return count, total


@inlined
def _impact(freq, length, base, slope):  # type: ignore[no-untyped-def]
    tf = np.float32(freq)
    return tf / (tf + base + slope * np.float32(length))


@kernel
def score_all(spans, weights, rows, freqs, lengths, base, slope, scores):  # type: ignore[no-untyped-def]
    """Adds every posting's score to scores (f32[rows of the part]). spans i64[terms, 2]."""
    for t in range(spans.shape[0]):
        weight = weights[t]
        for i in range(spans[t, 0], spans[t, 1]):
            row = rows[i]
            scores[row] += weight * _impact(freqs[i], lengths[row], base, slope)


@kernel
def collect(spans, rows, scores, low, words, k, heap, size):  # type: ignore[no-untyped-def]
    """Moves the scored, allowed rows into the max-heap of (negated score, row id); clears scores."""
    for t in range(spans.shape[0]):
        for i in range(spans[t, 0], spans[t, 1]):
            row = rows[i]
            score = scores[row]
            if score == 0:
                continue
            scores[row] = 0
            if not has(words, low + row):
                continue
            key = pack(-score, low + row)
            if size < k:
                size = push_max(heap, size, key)
            elif key < heap[0]:
                replace_max(heap, size, key)
    return size


@kernel
def mark_rows(rows, start, end, low, words):  # type: ignore[no-untyped-def]
    """Sets the bits of the postings' rows."""
    for i in range(start, end):
        row = low + rows[i]
        words[row >> 6] |= np.uint64(1) << np.uint64(row & 63)
