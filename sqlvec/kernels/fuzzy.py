"""Terms of a dictionary that are nearly a given one.

    term_ends  i64[terms]  where each term ends in term_bytes (UTF-8); terms ascend by their bytes

The distance counts insertions, deletions, substitutions and swaps of two neighbors, by characters, and
lets no place be changed twice (optimal string alignment). Terms that begin alike share the rows of the
table that belong to their common beginning.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import kernel


@kernel
def near_terms(  # type: ignore[no-untyped-def]
    term_ends, term_bytes, low, high, skip, wanted, edits, prefix, near
):
    """near (i32) = the numbers of the terms [low, high) at most `edits` away from wanted (i32 code
    points), or with `prefix` beginning with something that is; how many. The first `skip` bytes of each
    are no part of it."""
    size = wanted.shape[0]
    limit = size + edits  # characters of a term that can matter
    table = np.empty((limit + 2, size + 1), np.int32)
    for j in range(size + 1):
        table[0, j] = j
    chars = np.full(limit + 2, -1, np.int32)
    known = 0  # rows of the table that belong to chars
    count = 0
    for term in range(low, high):
        place = skip
        if term > 0:
            place += term_ends[term - 1]
        end = term_ends[term]
        length = 0
        shared = True
        found = False
        least = np.int32(0)
        while place < end:
            if length == limit:
                length += 1
                break
            byte = np.int32(term_bytes[place])
            width = 1
            code = byte
            if byte >= 0xF0:
                width = 4
                code = byte & 0x07
            elif byte >= 0xE0:
                width = 3
                code = byte & 0x0F
            elif byte >= 0xC0:
                width = 2
                code = byte & 0x1F
            for i in range(1, width):
                code = (code << 6) | (np.int32(term_bytes[place + i]) & 0x3F)
            place += width
            length += 1
            if not (shared and length <= known and chars[length] == code):
                shared = False
                chars[length] = code
                known = length
                table[length, 0] = length
                for j in range(1, size + 1):
                    cost = np.int32(chars[length] != wanted[j - 1])
                    best = min(table[length - 1, j], table[length, j - 1]) + 1
                    best = min(best, table[length - 1, j - 1] + cost)
                    if length > 1 and j > 1:
                        if chars[length] == wanted[j - 2] and chars[length - 1] == wanted[j - 1]:
                            best = min(best, table[length - 2, j - 2] + 1)
                    table[length, j] = best
            if prefix and table[length, size] <= edits:
                found = True
                break
            least = table[length, 0]
            for j in range(1, size + 1):
                least = min(least, table[length, j])
            if least > edits + 1:  # a swap may still bring it down by one
                length = limit + 1
                break
        if not found and length <= limit:
            found = table[length, size] <= edits
        if found:
            near[count] = term
            count += 1
    return count
