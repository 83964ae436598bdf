"""Arrays that grow at their end, and bitmaps in 64-bit words.

A growing array doubles into a new buffer: a reader that holds the old one keeps what it saw.
Appending writes only beyond the length a reader may know, so no reader is disturbed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ALL_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
CAPACITY_MIN = 64


def grown(array: npt.NDArray[Any], used: int, needed: int) -> npt.NDArray[Any]:
    """An array of at least `needed` elements that begins with the first `used` of `array`; the
    same one when it is long enough. What lies behind `used` is zero in a new one.
    """
    if needed <= len(array):
        return array
    new = np.zeros(max(needed, 2 * len(array), CAPACITY_MIN), array.dtype)
    new[:used] = array[:used]
    return new


def word_count(row_count: int) -> int:
    return (row_count + 63) >> 6


def set_bits(words: Words, low: int, high: int) -> None:
    """Set the bits [low, high)."""
    if low >= high:
        return
    first, last = low >> 6, (high - 1) >> 6
    head = ALL_ONES << np.uint64(low & 63)
    tail = ALL_ONES >> np.uint64(63 - ((high - 1) & 63))
    if first == last:
        words[first] |= head & tail
        return
    words[first] |= head
    words[first + 1 : last] = ALL_ONES
    words[last] |= tail


def clear_ids(words: Words, row_ids: RowIds) -> None:
    """Clear the bits of the row ids, which may repeat a word."""
    masks = np.left_shift(np.uint64(1), (row_ids & 63).astype(np.uint64))
    np.bitwise_and.at(words, row_ids >> 6, ~masks)


def clear_bits(words: Words, low: int, high: int) -> None:
    """Clear the bits [low, high)."""
    mask = np.zeros_like(words)
    set_bits(mask, low, high)
    words &= ~mask


def words_of_mask(mask: Mask) -> Words:
    """The words of a mask, one bit per row; bits behind the last row are zero."""
    packed = np.packbits(mask, bitorder="little")
    out = np.zeros(word_count(len(mask)) * 8, np.uint8)
    out[: len(packed)] = packed
    return out.view(np.uint64)


def mask_of_words(words: Words, low: int, high: int) -> Mask:
    """The bits [low, high) as bool[high - low]."""
    if low >= high:
        return np.zeros(0, np.bool_)
    first, last = low >> 6, word_count(high)
    bits = np.unpackbits(words[first:last].view(np.uint8), bitorder="little")
    return bits[low - (first << 6) : high - (first << 6)].view(np.bool_)
