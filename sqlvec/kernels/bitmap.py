"""Bitmaps: u64 words, bit i of the set at words[i >> 6] >> (i & 63)."""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import U64_ONE, count_ones, inlined, kernel, trailing_zeros


@inlined
def has(words, row):  # type: ignore[no-untyped-def]
    return (words[row >> 6] >> np.uint64(row & 63)) & U64_ONE


@kernel
def popcount(words):  # type: ignore[no-untyped-def]
    """How many bits are set."""
    total = 0
    for i in range(words.shape[0]):
        total += count_ones(words[i])
    return total


@kernel
def fill_ids(words, ids):  # type: ignore[no-untyped-def]
    """Writes the set rows, ascending, to ids (i64, long enough); returns how many."""
    count = 0
    for i in range(words.shape[0]):
        word = words[i]
        while word != 0:
            ids[count] = (i << 6) + trailing_zeros(word)
            count += 1
            word &= word - U64_ONE
    return count


@kernel
def set_ids(words, ids):  # type: ignore[no-untyped-def]
    """Sets the bits of ids (i64)."""
    for i in range(ids.shape[0]):
        row = ids[i]
        words[row >> 6] |= U64_ONE << np.uint64(row & 63)


@kernel
def test_ids(words, ids, found):  # type: ignore[no-untyped-def]
    """found[i] = whether ids[i] is set; ids beyond the words are not."""
    limit = words.shape[0] << 6
    for i in range(ids.shape[0]):
        row = ids[i]
        found[i] = row < limit and ((words[row >> 6] >> np.uint64(row & 63)) & U64_ONE) != 0


def word_count(row_count: int) -> int:
    return (row_count + 63) >> 6


def pack_mask(mask: np.ndarray) -> np.ndarray:
    """bool[rows] as words."""
    size = word_count(len(mask)) * 8
    packed = np.packbits(mask, bitorder="little")
    if len(packed) < size:
        packed = np.concatenate([packed, np.zeros(size - len(packed), np.uint8)])
    return packed.view(np.uint64)
