"""BM25 over postings: the best k rows, and the scores of given rows.

Score of a row: the sum over its query terms of weight * tf / (tf + base + slope * length), where
weight = idf * query frequency, base = k1 * (1 - b), slope = k1 * b / average length (Robertson and
Zaragoza 2009, without the factor k1 + 1, as Lucene since version 8).

The searches add in fixed point: weights are scaled so that no sum exceeds 32 bits, and every
contribution is at least 1. Sums of integers do not depend on their order, so both searches, and any
division into parts, find the same rows; ties go to the smaller row id. best_of_part gives the rows found
their exact scores, as score_rows does any rows.

    postings  (starts i64, rows i32, freqs u8, lengths i32), see kernels/postings.py
    blocks    (starts i64[terms + 1], lasts i32, freqs u8, lengths i32): last row, greatest
              frequency and least length of each BLOCK postings
    heap      u64[k], the worst at its root: (complement of the sum) << 32 | row id

A row counts when its bit is set in words, at row id low + row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.heap import push_max, replace_max
from sqlvec.kernels.jit import U64_ONE, inlined, kernel, trailing_zeros
from sqlvec.kernels.postings import BLOCK

SUM_MAX = 0xFFFFFFFF
REACHED_MAX = 4096  # rows for which search_all keeps what the best of one term have
KEPT_MAX = 4096  # rows for which search_all looks up terms instead of reading all their postings
LOOKUP_POSTINGS = 32  # what looking up the terms of a row costs, in postings read
SORTED_MAX = 64  # rows that are sorted one by one
WINDOW = 16_384  # rows whose sums stay in a core's cache; a multiple of 64


def scale_of(weights: Sequence[float]) -> float:
    """What weights are multiplied by; room is left for the least 1 of each term and for
    rounding."""
    return (SUM_MAX - 2 * len(weights)) * (1 - 1e-6) / sum(weights)


@inlined
def _contribution(weight, freq, length, base, slope):  # type: ignore[no-untyped-def]
    tf = np.float32(freq)
    return np.int64(weight * (tf / (tf + (base + slope * np.float32(length))))) + 1


@inlined
def _offer(total, row_id, heap, size):  # type: ignore[no-untyped-def]
    """Takes a row into the heap when it is good enough; the size of the heap."""
    key = (np.uint64(SUM_MAX - np.int64(total)) << np.uint64(32)) | np.uint64(row_id)
    if size < heap.shape[0]:
        size = push_max(heap, size, key)
    elif key < heap[0]:
        replace_max(heap, size, key)
    return size


@inlined
def _gallop(values, place, end, wanted):  # type: ignore[no-untyped-def]
    """The first place from `place` on whose value is not below `wanted`: steps that double, then
    halves."""
    step = 1
    high = place
    while high < end and values[high] < wanted:
        place = high + 1
        high += step
        step <<= 1
    high = min(high, end)
    while place < high:
        middle = (place + high) >> 1
        if values[middle] < wanted:
            place = middle + 1
        else:
            high = middle
    return place


@inlined
def _seek(rows, lasts, begin, first_block, cursor, end, row):  # type: ignore[no-untyped-def]
    """The first posting of a term, from cursor on, whose row is not below `row`."""
    if cursor < end and rows[cursor] < row:
        block = (cursor - begin) // BLOCK
        last_block = (end - 1 - begin) // BLOCK
        while block < last_block and lasts[first_block + block] < row:
            block += 1
        cursor = max(cursor, begin + block * BLOCK)
        while cursor < end and rows[cursor] < row:
            cursor += 1
    return cursor


@inlined
def _bound(weight, blocks, block, block_end, stop, base, slope):  # type: ignore[no-untyped-def]
    """No posting in the blocks from `block` to that which reaches row `stop` contributes more."""
    _, lasts, freqs, lengths = blocks
    bound = np.int64(0)
    while block < block_end:
        most = _contribution(weight, freqs[block], lengths[block], base, slope)
        bound = max(bound, most)
        if lasts[block] >= stop - 1:
            break
        block += 1
    # Rounding is not quite monotonic in tf: a little above is safe.
    return bound + (bound >> 20)


@inlined
def _rank_bounds(bounds, order, sums):  # type: ignore[no-untyped-def]
    """order: terms by bound, least first; sums[i]: of the first i bounds in that order."""
    for i in range(bounds.shape[0]):
        place = i
        while place > 0 and bounds[order[place - 1]] > bounds[i]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
    sums[0] = 0
    for i in range(bounds.shape[0]):
        sums[i + 1] = sums[i] + bounds[order[i]]


@kernel
def search_all(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, blocks, low, words, totals, floor, heap
):
    """Term after term, the greatest bound first, adds up the postings of allowed rows, then offers the rows;
    totals (u32[rows]) is zero before and after. How many are in the heap.

    Once the terms that are left cannot together lift a row above what k rows of one term have already, only
    rows that have a total go on (MaxScore, Turtle and Flood 1995, a term at a time): most postings of
    frequent terms are not even read."""
    starts, rows, freqs, lengths = postings
    block_starts, _, _, _ = blocks
    base, slope = norm
    count = numbers.shape[0]
    bounds = np.empty(count, np.int64)
    order = np.empty(count, np.int64)
    sums = np.empty(count + 1, np.int64)
    for i in range(count):
        first = block_starts[numbers[i]]
        last = block_starts[numbers[i] + 1]
        bounds[i] = _bound(weights[i], blocks, first, last, lengths.shape[0] + 1, base, slope)
    _rank_bounds(bounds, order, sums)
    k = heap.shape[0]
    reached = np.int64(floor)  # k rows have at least so much already
    best = np.empty(min(k, REACHED_MAX), np.uint64)  # complements of the greatest totals of one term's rows
    left = count  # the terms order[:left] are not added yet
    while left > 0 and sums[left] >= reached:
        left -= 1
        weight = weights[order[left]]
        found = 0
        term = numbers[order[left]]
        for j in range(starts[term], starts[term + 1]):
            row = rows[j]
            if has(words, low + row) == 0:
                continue
            total = np.int64(totals[row])
            total += _contribution(weight, freqs[j], lengths[row], base, slope)
            totals[row] = np.uint32(total)
            if total > reached and k <= REACHED_MAX:
                key = np.uint64(SUM_MAX - total)
                if found < k:
                    found = push_max(best, found, key)
                elif key < best[0]:
                    replace_max(best, found, key)
                if found == k:
                    reached = max(reached, SUM_MAX - np.int64(best[0]))
    if left > 0:
        size = _complete(
            numbers, weights, norm, postings, blocks, low, totals, order, sums, left, reached, heap
        )
        if size >= 0:
            return size
    for i in range(left):
        weight = weights[order[i]]
        term = numbers[order[i]]
        for j in range(starts[term], starts[term + 1]):
            row = rows[j]
            if totals[row] != 0:
                totals[row] += np.uint32(
                    _contribution(weight, freqs[j], lengths[row], base, slope)
                )
    worst = reached
    size = 0
    for i in range(left, count):
        term = numbers[order[i]]
        for j in range(starts[term], starts[term + 1]):
            row = rows[j]
            total = np.int64(totals[row])
            totals[row] = 0
            # Equal sums are offered too: terms are visited one by one, so a smaller row id may come
            # later.
            if total != 0 and total >= worst:
                size = _offer(total, low + row, heap, size)
                if size == k:
                    worst = max(worst, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
    return size


@kernel
def _complete(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, blocks, low, totals, order, sums, left, reached, heap
):
    """Looks up the terms order[:left] for the rows that they can lift to `reached`, when these are few, and
    clears totals; how many are in the heap. When they are many, -1: then totals holds them, and no others."""
    starts, rows, freqs, lengths = postings
    block_starts, lasts, _, _ = blocks
    base, slope = norm
    rest = sums[left]
    unread = np.int64(0)
    for i in range(left):
        unread += starts[numbers[order[i]] + 1] - starts[numbers[order[i]]]
    most = min(unread // LOOKUP_POSTINGS, np.int64(KEPT_MAX))
    kept_rows = np.empty(most, np.int64)
    kept_totals = np.empty(most, np.int64)
    kept = 0
    for i in range(left, numbers.shape[0]):
        term = numbers[order[i]]
        for j in range(starts[term], starts[term + 1]):
            row = rows[j]
            total = np.int64(totals[row])
            if total + rest >= reached and total != 0:
                if kept == most:
                    for earlier in range(kept):
                        totals[kept_rows[earlier]] = np.uint32(kept_totals[earlier])
                    return -1
                kept_rows[kept] = row
                kept_totals[kept] = total
                kept += 1
            totals[row] = 0
    worst = np.int64(reached)
    size = 0
    for place in range(kept):
        row = kept_rows[place]
        total = kept_totals[place]
        i = left - 1
        while i >= 0 and total + sums[i + 1] >= worst:
            term = numbers[order[i]]
            block = _gallop(lasts, block_starts[term], block_starts[term + 1], row)
            cursor = starts[term] + (block - block_starts[term]) * BLOCK
            cursor = _gallop(rows, cursor, min(cursor + BLOCK, starts[term + 1]), row)
            if cursor < starts[term + 1] and rows[cursor] == row:
                total += _contribution(
                    weights[order[i]], freqs[cursor], lengths[row], base, slope
                )
            i -= 1
        if i < 0 and total >= worst:
            size = _offer(total, low + row, heap, size)
            if size == heap.shape[0]:
                worst = max(worst, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
    return size


@kernel
def search_windows(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, blocks, low, words, floor, heap
):
    """MaxScore (Turtle and Flood 1995) with bounds of blocks, over windows of rows. How many are in the
    heap.

    In each window the terms whose bounds together cannot lift a row above the worst of the heap are
    not essential: they are looked up only for rows that an essential term has. Rows come in
    ascending order, so a row whose sum equals the worst has the greater id and is out."""
    starts, rows, freqs, lengths = postings
    block_starts, lasts, _, _ = blocks
    base, slope = norm
    count = numbers.shape[0]
    cursors = np.empty(count, np.int64)
    bounds = np.empty(count, np.int64)
    order = np.empty(count, np.int64)
    sums = np.empty(count + 1, np.int64)
    totals = np.zeros(WINDOW, np.uint32)
    seen = np.zeros(WINDOW >> 6, np.uint64)
    size = 0
    for i in range(count):
        cursors[i] = starts[numbers[i]]
    while True:
        nearest = np.int64(lengths.shape[0])
        for i in range(count):
            if cursors[i] < starts[numbers[i] + 1]:
                nearest = min(nearest, np.int64(rows[cursors[i]]))
        if nearest == lengths.shape[0]:
            return size
        first = ((low + nearest) >> 6) << 6
        stop = min(first + WINDOW - low, lengths.shape[0])
        worst = np.int64(floor)
        if size == heap.shape[0]:
            worst = max(worst, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
        for i in range(count):
            term = numbers[i]
            block = block_starts[term] + (cursors[i] - starts[term]) // BLOCK
            bounds[i] = 0
            if cursors[i] < starts[term + 1]:
                bounds[i] = _bound(
                    weights[i], blocks, block, block_starts[term + 1], stop, base, slope
                )
        _rank_bounds(bounds, order, sums)
        split = 0
        while split < count and sums[split + 1] <= worst:
            split += 1
        for place in range(split, count):
            term = numbers[order[place]]
            weight = weights[order[place]]
            end = starts[term + 1]
            cursor = cursors[order[place]]
            while cursor < end and rows[cursor] < stop:
                row = rows[cursor]
                spot = low + row - first
                totals[spot] += np.uint32(
                    _contribution(weight, freqs[cursor], lengths[row], base, slope)
                )
                seen[spot >> 6] |= U64_ONE << np.uint64(spot & 63)
                cursor += 1
            cursors[order[place]] = cursor
        if split < count:
            size = _offer_window(
                numbers, weights, norm, postings, blocks, low, words, floor, heap, size,
                first, stop, split, order, sums, cursors, totals, seen,
            )  # fmt: skip
        for place in range(split):
            i = order[place]
            term = numbers[i]
            cursors[i] = _seek(
                rows, lasts, starts[term], block_starts[term], cursors[i], starts[term + 1], stop
            )


@kernel
def _offer_window(
    numbers,
    weights,
    norm,
    postings,
    blocks,
    low,
    words,
    floor,
    heap,
    size,
    first,
    stop,
    split,
    order,
    sums,
    cursors,
    totals,
    seen,
):  # type: ignore[no-untyped-def]
    """Completes and offers the allowed rows seen in a window; clears totals and seen."""
    starts, rows, freqs, lengths = postings
    block_starts, lasts, _, _ = blocks
    base, slope = norm
    worst = np.int64(floor)
    if size == heap.shape[0]:
        worst = max(worst, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
    for word in range((low + stop - first + 63) >> 6):
        left = seen[word] & words[(first >> 6) + word]
        seen[word] = 0
        while left != 0:
            spot = (word << 6) + trailing_zeros(left)
            left &= left - U64_ONE
            total = np.int64(totals[spot])
            row = first + spot - low
            place = split - 1
            while place >= 0 and total + sums[place + 1] > worst:
                i = order[place]
                term = numbers[i]
                end = starts[term + 1]
                cursor = _seek(rows, lasts, starts[term], block_starts[term], cursors[i], end, row)
                cursors[i] = cursor
                if cursor < end and rows[cursor] == row:
                    total += _contribution(weights[i], freqs[cursor], lengths[row], base, slope)
                place -= 1
            if place < 0 and total > worst:
                size = _offer(total, low + row, heap, size)
                if size == heap.shape[0]:
                    worst = max(worst, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
    totals[: low + stop - first] = 0
    return size


@inlined
def _sort_few(keys):  # type: ignore[no-untyped-def]
    for i in range(1, keys.shape[0]):
        key = keys[i]
        place = i
        while place > 0 and keys[place - 1] > key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key


@kernel
def best_of_part(  # type: ignore[no-untyped-def]
    numbers, weights, scale, norm, postings, blocks, low, words, totals, floor, row_ids, scores
):
    """The best rows of a part, best first, with their exact scores: (how many, the floor for other parts).

    weights, norm: f64, before scaling. totals: as search_all takes it, or empty for search_windows. floor:
    rows whose scaled sum is below it are not wanted."""
    starts, rows, freqs, lengths = postings
    k = row_ids.shape[0]
    scaled = np.empty(weights.shape[0], np.float32)
    for i in range(weights.shape[0]):
        scaled[i] = np.float32(weights[i] * scale)
    coarse = (np.float32(norm[0]), np.float32(norm[1]))
    heap = np.empty(k, np.uint64)
    size = 0
    if totals.shape[0] > 0:
        size = search_all(
            numbers, scaled, coarse, postings, blocks, low, words, totals, floor, heap
        )
    else:
        size = search_windows(numbers, scaled, coarse, postings, blocks, low, words, floor, heap)
    if size == k:
        floor = max(floor, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))
    found = heap[:size]
    for i in range(size):
        found[i] &= np.uint64(0xFFFFFFFF)
    if size > SORTED_MAX:
        found.sort()
    else:
        _sort_few(found)
    exact = np.zeros(size, np.float64)
    base, slope = norm
    for i in range(numbers.shape[0]):
        cursor = starts[numbers[i]]
        end = starts[numbers[i] + 1]
        for j in range(size):
            row = np.int64(found[j]) - low
            cursor = _gallop(rows, cursor, end, row)
            if cursor < end and rows[cursor] == row:
                tf = np.float64(freqs[cursor])
                exact[j] += weights[i] * (tf / (tf + (base + slope * lengths[row])))
    if size > SORTED_MAX:
        order = np.argsort(-exact, kind="mergesort")
        for i in range(size):
            row_ids[i] = np.int64(found[order[i]])
            scores[i] = exact[order[i]]
        return size, floor
    for i in range(size):  # ties stay in the order of their ids
        place = i
        while place > 0 and scores[place - 1] < exact[i]:
            scores[place] = scores[place - 1]
            row_ids[place] = row_ids[place - 1]
            place -= 1
        scores[place] = exact[i]
        row_ids[place] = np.int64(found[i])
    return size, floor


@kernel
def score_rows(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, low, row_ids, scores
):
    """Adds to scores (f64) those of row_ids (i64, ascending, all of the part), term after term."""
    starts, rows, freqs, lengths = postings
    base, slope = norm
    count = row_ids.shape[0]
    for i in range(numbers.shape[0]):
        cursor = starts[numbers[i]]
        end = starts[numbers[i] + 1]
        place = 0
        while place < count and cursor < end:
            row = row_ids[place] - low
            if rows[cursor] < row:
                cursor = _gallop(rows, cursor, end, row)
            elif rows[cursor] > row:
                place = _gallop(row_ids, place, count, low + rows[cursor])
            else:
                tf = np.float64(freqs[cursor])
                scores[place] += weights[i] * (tf / (tf + (base + slope * lengths[row])))
                place += 1
                cursor += 1


@kernel
def add_fields(  # type: ignore[no-untyped-def]
    numbers, fields, field_weights, norm, slopes, postings, lengths, sums
):
    """Adds to sums (f64[rows]) what one term of several fields contributes: numbers[i] is its number in
    fields[i], negative where it has none. lengths: i32[fields, rows].

    A row's frequency is the sum of field_weights * tf / (base + slope * length)."""
    starts, rows, freqs = postings
    base, k1, weight = norm
    count = numbers.shape[0]
    cursors = np.zeros(count, np.int64)
    ends = np.zeros(count, np.int64)
    for i in range(count):
        if numbers[i] >= 0:
            cursors[i] = starts[numbers[i]]
            ends[i] = starts[numbers[i] + 1]
    while True:
        row = np.int64(-1)
        for i in range(count):
            if cursors[i] < ends[i] and (row < 0 or rows[cursors[i]] < row):
                row = np.int64(rows[cursors[i]])
        if row < 0:
            break
        tf = 0.0
        for i in range(count):
            if cursors[i] < ends[i] and rows[cursors[i]] == row:
                length = np.float64(lengths[fields[i], row])
                tf += field_weights[i] * freqs[cursors[i]] / (base + slopes[i] * length)
                cursors[i] += 1
        sums[row] += weight * (tf / (k1 + tf))
