"""Postings: building them, joining them, finding terms in their dictionary, counting and marking
rows.

    starts     i64[terms + 1]  postings of term t are [starts[t], starts[t + 1])
    rows       i32[postings]   offset of the row in its part, ascending within a term
    freqs      u8[postings]    term frequency, 255 for more
    lengths    i32[rows]       how many terms the row has, -1 for a row without a text
    term_ends  i64[terms]      where each term ends in term_bytes; terms ascend by their bytes
    row_terms  i32[tokens]     the terms of each row in order; GAP: a stop word, BARRIER: a border
    row_ends   i64[rows]       where each row ends in row_terms

`low` is the row id of a part's offset 0; `words` is a bitmap over row ids that covers the part.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.jit import U64_ONE, count_ones, inlined, kernel

BLOCK = 128  # postings that share a bound
GAP = -1  # a phrase may have any word here
BARRIER = -2  # no phrase goes over it


@kernel
def build_postings(  # type: ignore[no-untyped-def]
    row_terms, row_ends, starts, rows, freqs, lengths
):
    """Counting sort of the rows' terms; rows and freqs are as long as row_terms. How many
    postings. lengths: i32[fields * rows], field after field."""
    term_count = starts.shape[0] - 1
    row_count = row_ends.shape[0]
    last = np.full(term_count, -1, np.int64)
    begin = 0
    for row in range(row_count):
        place = row
        for i in range(begin, row_ends[row]):
            term = row_terms[i]
            if term >= 0:
                lengths[place] += 1
                if last[term] != row:
                    last[term] = row
                    starts[term + 1] += 1
            elif term == BARRIER:
                place += row_count
        begin = row_ends[row]
    for term in range(term_count):
        starts[term + 1] += starts[term]
    place = starts[:-1].copy()
    last[:] = -1
    begin = 0
    for row in range(row_ends.shape[0]):
        for i in range(begin, row_ends[row]):
            term = row_terms[i]
            if term < 0:
                continue
            if last[term] != row:
                last[term] = row
                rows[place[term]] = row
                freqs[place[term]] = 1
                place[term] += 1
            elif freqs[place[term] - 1] < 255:
                freqs[place[term] - 1] += 1
        begin = row_ends[row]
    return starts[term_count]


@kernel
def build_blocks(
    starts, rows, freqs, lengths, block_starts, block_lasts, block_freqs, block_lengths
):  # type: ignore[no-untyped-def]
    """Of each BLOCK postings of a term: the last row, the greatest frequency, the least length."""
    for term in range(starts.shape[0] - 1):
        block = block_starts[term]
        for begin in range(starts[term], starts[term + 1], BLOCK):
            end = min(begin + BLOCK, starts[term + 1])
            freq = 0
            length = 0x7FFFFFFF
            for i in range(begin, end):
                freq = max(freq, np.int64(freqs[i]))
                length = min(length, np.int64(lengths[rows[i]]))
            block_lasts[block] = rows[end - 1]
            block_freqs[block] = freq
            block_lengths[block] = length
            block += 1


@inlined
def _span(ends, number):  # type: ignore[no-untyped-def]
    """(begin, end) of an entry whose neighbors end where it begins."""
    begin = np.int64(0)
    if number > 0:
        begin = np.int64(ends[number - 1])
    return begin, np.int64(ends[number])


@kernel
def compare(a, a_begin, a_end, b, b_begin, b_end):  # type: ignore[no-untyped-def]
    """Below, at or above zero as a[a_begin:a_end] is less than, equal to or greater than b's
    bytes."""
    length = min(a_end - a_begin, b_end - b_begin)
    for i in range(length):
        difference = np.int64(a[a_begin + i]) - np.int64(b[b_begin + i])
        if difference != 0:
            return difference
    return (a_end - a_begin) - (b_end - b_begin)


@kernel
def find_terms(  # type: ignore[no-untyped-def]
    term_ends, term_bytes, starts, wanted_ends, wanted_bytes, places
):
    """places (i64[2, wanted]) = the number of each wanted term and how many postings it has.

    The number is -1 - the first greater term where there is no such term."""
    for i in range(wanted_ends.shape[0]):
        wanted_begin, wanted_end = _span(wanted_ends, i)
        low = 0
        high = term_ends.shape[0]
        while low < high:
            middle = (low + high) >> 1
            begin, end = _span(term_ends, middle)
            if compare(term_bytes, begin, end, wanted_bytes, wanted_begin, wanted_end) < 0:
                low = middle + 1
            else:
                high = middle
        places[0, i] = -1 - low
        places[1, i] = 0
        if low < term_ends.shape[0]:
            begin, end = _span(term_ends, low)
            if compare(term_bytes, begin, end, wanted_bytes, wanted_begin, wanted_end) == 0:
                places[0, i] = low
                places[1, i] = starts[low + 1] - starts[low]


@kernel
def union_terms(  # type: ignore[no-untyped-def]
    a_ends, a_bytes, b_ends, b_bytes, a_numbers, b_numbers, ends, data
):
    """The union of two dictionaries, and the number in it of each term of both. (terms, bytes)."""
    a = 0
    b = 0
    count = 0
    size = 0
    while a < a_ends.shape[0] or b < b_ends.shape[0]:
        order = np.int64(0)
        if a == a_ends.shape[0]:
            order = np.int64(1)
        elif b == b_ends.shape[0]:
            order = np.int64(-1)
        else:
            a_begin, a_end = _span(a_ends, a)
            b_begin, b_end = _span(b_ends, b)
            order = compare(a_bytes, a_begin, a_end, b_bytes, b_begin, b_end)
        if order <= 0:
            begin, end = _span(a_ends, a)
            for i in range(begin, end):
                data[size + i - begin] = a_bytes[i]
        else:
            begin, end = _span(b_ends, b)
            for i in range(begin, end):
                data[size + i - begin] = b_bytes[i]
        size += end - begin
        if order <= 0:
            a_numbers[a] = count
            a += 1
        if order >= 0:
            b_numbers[b] = count
            b += 1
        ends[count] = size
        count += 1
    return count, size


@kernel
def move_postings(  # type: ignore[no-untyped-def]
    starts, rows, freqs, numbers, shift, places, moved_rows, moved_freqs
):
    """Appends a part's postings to those of the joined part, term by term, rows moved by shift."""
    for term in range(starts.shape[0] - 1):
        place = places[numbers[term]]
        for i in range(starts[term], starts[term + 1]):
            moved_rows[place] = rows[i] + shift
            moved_freqs[place] = freqs[i]
            place += 1
        places[numbers[term]] = place


@kernel
def renumber_terms(row_terms, numbers, renumbered):  # type: ignore[no-untyped-def]
    """renumbered[i] = the new number of row_terms[i]; gaps and barriers stay."""
    for i in range(row_terms.shape[0]):
        term = row_terms[i]
        renumbered[i] = numbers[term] if term >= 0 else term


@kernel
def count_between(words, low, high):  # type: ignore[no-untyped-def]
    """How many of the rows [low, high) are set."""
    if high <= low:
        return 0
    ones = np.uint64(0xFFFFFFFFFFFFFFFF)
    first = low >> 6
    last = (high - 1) >> 6
    total = 0
    for i in range(first, last + 1):
        word = words[i]
        if i == first:
            word &= ones << np.uint64(low & 63)
        if i == last:
            word &= ones >> np.uint64(63 - ((high - 1) & 63))
        total += count_ones(word)
    return total


@kernel
def sum_lengths(lengths, low, words):  # type: ignore[no-untyped-def]
    """(set rows that have a term, sum of their lengths)."""
    count = 0
    total = 0
    for row in range(lengths.shape[0]):
        if lengths[row] > 0 and has(words, low + row) != 0:
            count += 1
            total += lengths[row]
    return count, total


@kernel
def count_rows(starts, rows, numbers, low, words, counts):  # type: ignore[no-untyped-def]
    """Adds to counts[i] how many set rows have the term numbers[i]; negative numbers are of no
    term."""
    for i in range(numbers.shape[0]):
        term = numbers[i]
        if term < 0:
            continue
        total = np.int64(0)
        for j in range(starts[term], starts[term + 1]):
            total += np.int64(has(words, low + rows[j]))
        counts[i] += total


@kernel
def mark_rows(rows, begin, end, low, words):  # type: ignore[no-untyped-def]
    """Sets the rows of the postings [begin, end)."""
    for i in range(begin, end):
        row = low + rows[i]
        words[row >> 6] |= U64_ONE << np.uint64(row & 63)


@kernel
def cut_postings(starts, rows, freqs, first, last, cut_starts, cut_rows, cut_freqs):  # type: ignore[no-untyped-def]
    """The postings of the rows [first, last), counted from first; how many."""
    place = 0
    for term in range(starts.shape[0] - 1):
        for i in range(starts[term], starts[term + 1]):
            if first <= rows[i] < last:
                cut_rows[place] = rows[i] - first
                cut_freqs[place] = freqs[i]
                place += 1
        cut_starts[term + 1] = place
    return place


@kernel
def mark_counted(lengths, low, words):  # type: ignore[no-untyped-def]
    """Sets the rows that have a term."""
    for i in range(lengths.shape[0]):
        if lengths[i] > 0:
            row = low + i
            words[row >> 6] |= U64_ONE << np.uint64(row & 63)


@kernel
def mark_texts(lengths, low, words):  # type: ignore[no-untyped-def]
    """Sets the rows that have a text."""
    for i in range(lengths.shape[0]):
        if lengths[i] >= 0:
            row = low + i
            words[row >> 6] |= U64_ONE << np.uint64(row & 63)


@kernel
def count_phrase(  # type: ignore[no-untyped-def]
    postings, row_terms, row_ends, phrase, slop, rarest, freqs
):
    """freqs (f32, one for each posting of the term `rarest`): how often its row has the phrase (i32,
    GAP: any word).

    An occurrence gives each term a place of its own. A term that lies where the phrase has it is displaced
    by nothing; an occurrence counts 1 / (1 + spread of the displacements), which must not exceed slop."""
    starts, rows, _, _ = postings
    size = phrase.shape[0]
    taken = np.empty(size, np.int64)
    for i in range(starts[rarest], starts[rarest + 1]):
        begin, row_end = _span(row_ends, rows[i])
        total = 0.0
        while begin < row_end:
            end = begin
            while end < row_end and row_terms[end] != BARRIER:
                end += 1
            first = begin - size + 1 if slop else begin
            while first < end:
                total += _occurrence(row_terms, phrase, taken, slop, begin, end, first)
                first += 1
            begin = end + 1
        freqs[i - starts[rarest]] = total


@inlined
def _occurrence(row_terms, phrase, taken, slop, begin, end, first):  # type: ignore[no-untyped-def]
    """What an occurrence counts whose least displaced term belongs to a phrase that begins at `first`; 0
    for none."""
    spread = np.int64(-1)
    least = slop + 1
    for j in range(phrase.shape[0]):
        if phrase[j] == GAP:
            continue
        place = max(first + j, begin)
        for earlier in range(j):
            if phrase[earlier] == phrase[j] and taken[earlier] >= place:
                place = taken[earlier] + 1
        stop = min(first + j + slop + 1, end)
        while place < stop and row_terms[place] != phrase[j]:
            place += 1
        if place >= stop:
            least = slop + 1
            spread = np.int64(-1)
            break
        taken[j] = place
        spread = max(spread, place - first - j)
        least = min(least, place - first - j)
    result = 0.0
    if spread >= 0 and least == 0:
        result = 1.0 / (1.0 + np.float64(spread))
    return result
