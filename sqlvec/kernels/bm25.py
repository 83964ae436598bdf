"""BM25 over postings: the best k rows, and the scores of given rows.

Score of a row: the sum over its query terms of weight * tf / (tf + base + slope * length), where
weight = idf * query frequency, base = k1 * (1 - b), slope = k1 * b / average length (Robertson and
Zaragoza 2009, without the factor k1 + 1, as Lucene since version 8).

The searches add in fixed point: weights are scaled so that no sum exceeds 32 bits, and every
contribution is at least 1. Sums of integers do not depend on their order, so any division into windows
and parts finds the same rows; ties go to the smaller row id. best_of_part gives the rows found
their exact scores, as score_rows does any rows.

    postings  (starts i64, rows i32, freqs u8, lengths i32), see kernels/postings.py
    blocks    (starts i64[terms + 1], lasts i32, freqs u8, lengths i32): last row, greatest
              frequency and least length of each BLOCK postings
    heap      u64[k], the worst at its root: (complement of the sum) << 32 | row id

A row counts when its bit is set in words, at row id low + row.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.heap import push_max, replace_max
from sqlvec.kernels.jit import U64_ONE, inlined, kernel
from sqlvec.kernels.postings import BLOCK

SUM_MAX = 0xFFFFFFFF
U64_SIX, U64_63 = np.uint64(6), np.uint64(63)
REACHED_MAX = 4096  # up to so many rows, search keeps what the best of one term have
LOOKUP_POSTINGS = 16  # what looking up a term of a row costs, in postings read
SORTED_MAX = 64  # what is sorted one by one
WINDOW = 131_072  # rows whose sums stay in a core's cache


def scale_of(weight_sum: float, count: int) -> float:
    """What count weights of this sum are multiplied by; room is left for the least 1 of each term and for
    rounding."""
    return (SUM_MAX - 2 * count) * (1 - 1e-6) / weight_sum


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
def _halve(values, low, high, wanted):  # type: ignore[no-untyped-def]
    """The first place in [low, high) whose value is not below `wanted`."""
    while low < high:
        middle = (low + high) >> 1
        if values[np.uint64(middle)] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _gallop(values, place, end, wanted):  # type: ignore[no-untyped-def]
    """The first place from `place` on whose value is not below `wanted`: steps that double, then
    halves."""
    step = 1
    high = place
    while high < end and values[np.uint64(high)] < wanted:
        place = high + 1
        high += step
        step <<= 1
    high = min(high, end)
    return _halve(values, place, high, wanted)


@inlined
def _rank_bounds(bounds, order, sums):  # type: ignore[no-untyped-def]
    """order: terms by bound, least first; sums[i]: of the first i bounds in that order."""
    count = bounds.shape[0]
    if count > SORTED_MAX:
        order[:] = np.argsort(bounds)
    for i in range(count if count <= SORTED_MAX else 0):
        place = i
        while place > 0 and bounds[order[place - 1]] > bounds[i]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
    sums[0] = 0
    for i in range(count):
        sums[i + 1] = sums[i] + bounds[order[i]]


@kernel
def search(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, blocks, low, words, totals, touched, floor, heap
):
    """The best allowed rows whose sums are not below `floor`, into the heap; how many.

    Window after window of rows, so that sums stay in a core's cache; in each, term after term, the greatest
    bound first, postings are added up. Once the terms that are left cannot together lift a row above what
    k rows have already, only rows that have a sum go on, and of these fewer with every term (MaxScore,
    Turtle and Flood 1995, with bounds of blocks). totals (u32[window]) is zero before and after; touched is
    i32[window + 1]."""
    starts, rows, freqs, lengths = postings
    base, slope = norm
    count = numbers.shape[0]
    k = heap.shape[0]
    cursors = np.empty(count, np.int64)
    ends = np.empty(count, np.int64)  # of each term's postings in the window
    bounds = np.empty(count, np.int64)
    order = np.empty(count, np.int64)
    sums = np.empty(count + 1, np.int64)
    best = np.empty(min(k, REACHED_MAX), np.uint64)  # complements of one term's greatest sums
    for i in range(count):
        cursors[i] = starts[numbers[i]]
    reached = np.int64(floor)  # k rows have at least so much
    size = 0
    while True:
        first = np.int64(lengths.shape[0])
        for i in range(count):
            if cursors[i] < starts[numbers[i] + 1]:
                first = min(first, np.int64(rows[cursors[i]]))
        if first == lengths.shape[0]:
            return size
        stop = min(first + totals.shape[0], np.int64(lengths.shape[0]))
        _bound_window(numbers, weights, norm, postings, blocks, cursors, stop, ends, bounds)
        _rank_bounds(bounds, order, sums)
        unsigned_low, unsigned_first = np.uint64(low), np.uint64(first)  # an index that may be negative costs
        left = count  # the terms order[:left] are not added yet
        used = 0
        while left > 0 and sums[left] >= reached and sums[left] > 0:
            left -= 1
            weight = weights[order[left]]
            found = 0
            for cursor in range(cursors[order[left]], ends[order[left]]):
                at = np.uint64(cursor)
                row = np.uint64(rows[at])
                row_id = unsigned_low + row
                if (words[row_id >> U64_SIX] >> (row_id & U64_63)) & U64_ONE == 0:
                    continue
                spot = row - unsigned_first
                total = np.int64(totals[spot])
                touched[np.uint64(used)] = np.int32(spot)
                used += np.int64(total == 0)
                total += _contribution(weight, freqs[at], lengths[row], base, slope)
                totals[spot] = np.uint32(total)
                if total > reached and k <= REACHED_MAX:
                    key = np.uint64(SUM_MAX - total)
                    if found < k:
                        found = push_max(best, found, key)
                    elif key < best[0]:
                        replace_max(best, found, key)
                    if found == k:
                        reached = max(reached, SUM_MAX - np.int64(best[0]))
        if left > 0 and sums[left] > 0:
            used = _complete(
                weights, norm, postings, totals, touched, used,
                order[:left], sums, cursors, ends, reached, first,
            )  # fmt: skip
        cursors[:] = ends
        for place in range(used):
            spot = np.uint64(touched[np.uint64(place)])
            total = np.int64(totals[spot])
            totals[spot] = 0
            if total >= reached:
                # Rows of a window come in no order: equal sums are offered, and the smaller id stays.
                size = _offer(total, unsigned_low + unsigned_first + spot, heap, size)
                if size == k:
                    reached = max(reached, SUM_MAX - np.int64(heap[0] >> np.uint64(32)))


@kernel
def _bound_window(  # type: ignore[no-untyped-def]
    numbers, weights, norm, postings, blocks, cursors, stop, ends, bounds
):
    """Where each term's postings before `stop` end, and the most that one of them contributes."""
    starts, rows, _, _ = postings
    block_starts, lasts, block_freqs, block_lengths = blocks
    base, slope = norm
    for i in range(numbers.shape[0]):
        term = numbers[i]
        cursor = cursors[i]
        end = starts[term + 1]
        bounds[i] = 0
        ends[i] = cursor
        if cursor == end or rows[cursor] >= stop:
            continue
        block = block_starts[term] + (cursor - starts[term]) // BLOCK
        bound = np.int64(0)
        while True:
            at = np.uint64(block)
            most = _contribution(weights[i], block_freqs[at], block_lengths[at], base, slope)
            bound = max(bound, most)
            cursor = starts[term] + (block + 1 - block_starts[term]) * BLOCK
            if lasts[at] >= stop - 1 or cursor >= end:
                break
            block += 1
        # Rounding is not quite monotonic in tf: a little above is safe.
        bounds[i] = bound + (bound >> 20)
        ends[i] = _halve(rows, max(cursor - BLOCK, ends[i]), min(cursor, end), stop)


@kernel
def _complete(  # type: ignore[no-untyped-def]
    weights, norm, postings, totals, touched, used,
    order, sums, cursors, ends, reached, first,
):
    """Adds the terms of `order` to the touched rows that they can lift to `reached`; how many of these are
    left. Totals of others are cleared, when that costs less than what is saved by it."""
    _, rows, freqs, lengths = postings
    base, slope = norm
    unsigned_first = np.uint64(first)
    for left in range(order.shape[0], 0, -1):
        i = order[left - 1]
        begin = cursors[i]
        end = ends[i]
        if used < end - begin:
            kept = 0
            for place in range(used):
                spot = np.uint64(touched[np.uint64(place)])
                if np.int64(totals[spot]) + sums[left] >= reached:
                    touched[np.uint64(kept)] = np.int32(spot)
                    kept += 1
                else:
                    totals[spot] = 0
            used = kept
        if used * LOOKUP_POSTINGS < end - begin:
            for place in range(used):
                row = first + touched[place]
                cursor = _halve(rows, begin, end, row)
                if cursor < end and rows[cursor] == row:
                    totals[touched[place]] += np.uint32(
                        _contribution(weights[i], freqs[cursor], lengths[row], base, slope)
                    )
            continue
        for cursor in range(begin, end):
            at = np.uint64(cursor)
            row = np.uint64(rows[at])
            spot = row - unsigned_first
            if totals[spot] != 0:
                totals[spot] += np.uint32(
                    _contribution(weights[i], freqs[at], lengths[row], base, slope)
                )
    return used


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
    numbers, weights, scale, norm, postings, blocks, low, words, totals, touched, floor,
    row_ids, scores,
):
    """The best rows of a part, best first, with their exact scores: (how many, the floor for other parts).

    weights, norm: f64, before scaling. floor: rows whose scaled sum is below it are not wanted."""
    starts, rows, freqs, lengths = postings
    k = row_ids.shape[0]
    scaled = np.empty(weights.shape[0], np.float32)
    for i in range(weights.shape[0]):
        scaled[i] = np.float32(weights[i] * scale)
    coarse = (np.float32(norm[0]), np.float32(norm[1]))
    heap = np.empty(k, np.uint64)
    size = search(
        numbers, scaled, coarse, postings, blocks, low, words, totals, touched, floor, heap
    )
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
