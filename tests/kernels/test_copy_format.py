"""The kernels of a binary COPY and their twin, which reads field by field."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.kernels.copy_format import CUT, ENDED, SIZE, WIDTH, find_fields, gather_bytes

fields = st.one_of(st.none(), st.binary(max_size=9))
rows = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1, max_size=8)
)


def written(some: list[list[bytes | None]]) -> bytes:
    out = b""
    for row in some:
        out += struct.pack(">h", len(row))
        for field in row:
            out += struct.pack(">i", -1 if field is None else len(field)) + (field or b"")
    return out


def found(data: bytes, width: int, most: int) -> tuple[int, int, int, np.ndarray, np.ndarray]:
    places, sizes = np.empty((width, most), np.int64), np.empty((width, most), np.int64)
    count, used, state = find_fields(np.frombuffer(data, np.uint8), places, sizes)
    return count, used, state, places[:, :count], sizes[:, :count]


@given(rows, st.data())
@settings(deadline=None)
def test_find_fields_gives_every_whole_row_and_says_why_it_stopped(some, data):
    whole = written(some)
    cut = data.draw(st.integers(0, len(whole)))
    count, used, state, places, sizes = found(whole[:cut], len(some[0]), len(some) + 1)
    assert state == CUT
    assert used == len(written(some[:count])) <= cut
    assert count == len(some) or len(written(some[: count + 1])) > cut
    for i in range(count):
        for j, field in enumerate(some[i]):
            size, place = sizes[j, i], places[j, i]
            assert (None if size < 0 else whole[place : place + size]) == field


@given(rows)
@settings(deadline=None)
def test_find_fields_ends_at_the_trailer_and_refuses_what_is_no_row(some):
    whole, width = written(some), len(some[0])
    for tail, expected in (
        (struct.pack(">h", -1), ENDED),
        (struct.pack(">h", width + 1), WIDTH),
        (struct.pack(">hi", width, -2), SIZE),
    ):
        count, used, state, _, _ = found(whole + tail, width, len(some) + 1)
        assert (count, state) == (len(some), expected)
        assert used == len(whole) + (2 if expected == ENDED else 0)


@given(st.lists(fields, max_size=12))
@settings(deadline=None)
def test_gather_bytes_puts_fields_one_behind_the_other(some):
    data = np.frombuffer(b"??" + b"".join(field or b"" for field in some), np.uint8)
    sizes = np.array([-1 if field is None else len(field) for field in some], np.int64)
    places = 2 + np.cumsum(np.maximum(sizes, 0)) - np.maximum(sizes, 0)
    out = np.empty(len(data) - 2, np.uint8)
    gather_bytes(data, places, sizes, out)
    assert out.tobytes() == data[2:].tobytes()
