"""Binary heaps of packed keys: one u64 holds a float32 in order-preserving form above a 32-bit row id.

Comparing keys compares distances first and row ids among equals, so ties are broken alike everywhere.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import bits_float, float_bits, inlined

_SIGN = np.uint32(0x80000000)
_ALL = np.uint32(0xFFFFFFFF)


@inlined
def pack(distance, row_id):  # type: ignore[no-untyped-def]
    bits = float_bits(np.float32(distance))
    bits = (bits ^ _ALL) if bits & _SIGN else (bits | _SIGN)
    return (np.uint64(bits) << np.uint64(32)) | np.uint64(row_id)


@inlined
def key_distance(key):  # type: ignore[no-untyped-def]
    bits = np.uint32(key >> np.uint64(32))
    bits = (bits ^ _SIGN) if bits & _SIGN else (bits ^ _ALL)
    return bits_float(np.uint32(bits))


@inlined
def key_row(key):  # type: ignore[no-untyped-def]
    return np.int64(key & np.uint64(0xFFFFFFFF))


@inlined
def push_min(heap, size, key):  # type: ignore[no-untyped-def]
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent] <= key:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = key
    return size + 1


@inlined
def pop_min(heap, size):  # type: ignore[no-untyped-def]
    """Removes the root; returns the new size."""
    size -= 1
    key = heap[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = key
    return size


@inlined
def push_max(heap, size, key):  # type: ignore[no-untyped-def]
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent] >= key:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = key
    return size + 1


@inlined
def replace_max(heap, size, key):  # type: ignore[no-untyped-def]
    """Puts key in the place of the greatest."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= key:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = key
