"""The rows of a binary COPY: where their fields lie, and the bytes of one column after the other.

Source: PostgreSQL, COPY ("Binary Format"): int16 fields, then int32 length and bytes for each; -1 ends it.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import copy_bytes, inlined, kernel

CUT, ENDED, WIDTH, SIZE = 0, 1, 2, 3  # why find_fields stopped
_TRAILER = -1


@inlined
def _int16(data, place):  # type: ignore[no-untyped-def]
    value = np.int64(data[place]) << 8 | np.int64(data[place + 1])
    return value - 0x10000 if value & 0x8000 else value


@inlined
def _int32(data, place):  # type: ignore[no-untyped-def]
    value = (
        np.int64(data[place]) << 24
        | np.int64(data[place + 1]) << 16
        | np.int64(data[place + 2]) << 8
        | np.int64(data[place + 3])
    )
    return value - 0x100000000 if value & 0x80000000 else value


@kernel
def find_fields(data, places, sizes):  # type: ignore[no-untyped-def]
    """Fills places and sizes (i64[width, rows]; size -1 is null) from data (u8).

    Gives the number of whole rows, the bytes that they take, and why it stopped there: the data ends
    (or places is full), the trailer was read, a row of another width, a size below -1.
    """
    width, most = places.shape
    end = data.shape[0]
    used = np.int64(0)
    for row in range(most):
        place = used
        if place + 2 > end:
            return row, used, CUT
        fields = _int16(data, place)
        place += 2
        if fields == _TRAILER:
            return row, place, ENDED
        if fields != width:
            return row, used, WIDTH
        for i in range(width):
            if place + 4 > end:
                return row, used, CUT
            size = _int32(data, place)
            place += 4
            if size < -1:
                return row, used, SIZE
            places[i, row] = place
            sizes[i, row] = size
            place += max(size, 0)
        if place > end:
            return row, used, CUT
        used = place
    return most, used, CUT


@kernel
def gather_bytes(data, places, sizes, out):  # type: ignore[no-untyped-def]
    """The fields (places, sizes i64[rows], sizes below 0 taken for 0) one after the other in out (u8)."""
    to = np.int64(0)
    for i in range(places.shape[0]):
        size = max(sizes[i], 0)
        copy_bytes(out, to, data, places[i], size)
        to += size
