"""sparsevec(n), pgvector's sparse type: datum SparseVector.

Text {1:1.5,3:2}/5, places from 1; binary int32 dims, int32 count, int32 0, int32 place[count] from 0,
float4[count], in network order; Arrow the binary form. Places ascend, values are never zero. Limits and
messages are pgvector's (sparsevec.c, 0.8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn

import numpy as np
import pyarrow as pa

from sqlvec.errors import (
    DataException,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    ProgramLimitExceeded,
)
from sqlvec.types.floating import render_float4
from sqlvec.types.sql_type import BINARY_MISMATCH, TypeDefinition
from sqlvec.types.vector import (
    NUMBER,
    check_finite,
    out_of_range,
    read_number,
    short_message,
    skip_spaces,
    wrong_dimensions,
)

SPARSE_DIMENSIONS_MAX = 1_000_000_000
NON_ZERO_MAX = 16_000
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_INT32_MAX = 2**31 - 1
_NOT_ZERO = frozenset("123456789")


class SparseVector:
    """The elements that are not zero: places i32, ascending from 0, and values f32. Ordered as the dense
    vectors are: element by element, then by dimensions."""

    def __init__(self, dims: int, places: np.ndarray, values: np.ndarray) -> None:
        assert len(places) == len(values), (len(places), len(values))
        self.dims = dims
        self.places = places
        self.values = values

    @classmethod
    def from_dense(cls, values: np.ndarray) -> SparseVector:
        """Of float32[dims]."""
        places = np.flatnonzero(values).astype(np.int32)
        return cls(len(values), places, values[places].astype(np.float32))

    def dense(self) -> np.ndarray:
        """float32[dims]."""
        whole = np.zeros(self.dims, np.float32)
        whole[self.places] = self.values
        return whole

    def tobytes(self) -> bytes:
        """The binary form; equal vectors have equal bytes."""
        head = np.array([self.dims, len(self.places), 0], ">i4").tobytes()
        return head + self.places.astype(">i4").tobytes() + self.values.astype(">f4").tobytes()

    @cached_property
    def key(self) -> bytes:
        """Bytes that order as the vectors do.

        Both are zero up to the first element that only one has, or that they have at one place; there, or
        where one ends, they part. So an element is written as what happens to a run of zeros: it falls at
        a place (the vector ends, or a value is negative: the sooner the less), or rises (the sooner the
        greater)."""
        parts = []
        for place, value in zip(self.places.tolist(), self.values.tolist(), strict=True):
            bits = int(np.float32(value).view(np.uint32))
            if value < 0:
                parts.append(b"\0" + place.to_bytes(4, "big") + b"\1")
                parts.append((bits ^ 0xFFFFFFFF).to_bytes(4, "big"))
            else:
                parts.append(b"\2" + (place ^ 0xFFFFFFFF).to_bytes(4, "big"))
                parts.append(bits.to_bytes(4, "big"))
        return b"".join([*parts, b"\0", self.dims.to_bytes(4, "big"), b"\0"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparseVector) and self.tobytes() == other.tobytes()

    def __hash__(self) -> int:
        return hash(self.tobytes())

    def __lt__(self, other: SparseVector) -> bool:
        return self.key < other.key

    def __le__(self, other: SparseVector) -> bool:
        return self.key <= other.key

    def __gt__(self, other: SparseVector) -> bool:
        return self.key > other.key

    def __ge__(self, other: SparseVector) -> bool:
        return self.key >= other.key

    def __repr__(self) -> str:
        return f"SparseVector({render(self)})"


class Sparse(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def apply_typmod(self, datum: SparseVector, typmod: int, explicit: bool = False) -> SparseVector:
        if 0 < typmod != datum.dims:
            raise wrong_dimensions(typmod, datum.dims)
        return datum

    def checked(self, values: np.ndarray, typmod: int = -1) -> SparseVector:
        """float32[dims] from elsewhere as a datum: finite, and within the limits."""
        check_dimensions(len(values))
        if 0 < typmod != len(values):
            raise wrong_dimensions(typmod, len(values))
        check_finite(values, self.name)
        sparse = SparseVector.from_dense(values)
        check_count(len(sparse.places))
        return sparse

    # ---------------------------------------------------------------- text

    def parse(self, text: str, typmod: int = -1) -> SparseVector:
        check_count(text.count(",") + 1)
        place = skip_spaces(text, 0)
        if text[place : place + 1] != "{":
            _fail(text, 'Vector contents must start with "{".')
        place = skip_spaces(text, place + 1)
        elements: list[tuple[int, float]] = []
        if text[place : place + 1] == "}":
            place += 1
        else:
            closing = ","
            while closing == ",":
                index, value, place = _element(text, skip_spaces(text, place))
                if value != 0.0:
                    elements.append((index, value))
                closing = text[place : place + 1]
                place += 1
            if closing != "}":
                _fail(text)
        dims = _dimensions(text, skip_spaces(text, place))
        check_dimensions(dims)
        if 0 < typmod != dims:
            raise wrong_dimensions(typmod, dims)
        elements.sort()
        places = np.array([index for index, _ in elements], np.int32)
        sparse = SparseVector(dims, places, np.array([value for _, value in elements], np.float32))
        _check_places(sparse)
        return sparse

    def render(self, datum: SparseVector) -> str:
        return render(datum)

    # ---------------------------------------------------------------- binary

    def encode(self, datum: SparseVector) -> bytes:
        return datum.tobytes()

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> SparseVector:
        raw = bytes(data)
        if len(raw) < 12:
            raise short_message()
        dims, count, unused = np.frombuffer(raw, ">i4", 3).tolist()
        check_dimensions(dims)
        if count < 0:
            raise DataException("sparsevec cannot have negative number of elements")
        check_count(count)
        if count > dims:
            raise ProgramLimitExceeded("sparsevec cannot have more elements than dimensions")
        if 0 < typmod != dims:
            raise wrong_dimensions(typmod, dims)
        if unused:
            raise DataException(f"expected unused to be 0, not {unused}")
        if len(raw) < 12 + 8 * count:
            raise short_message()
        if len(raw) > 12 + 8 * count:
            raise InvalidBinaryRepresentation(BINARY_MISMATCH)
        sparse = _unpacked(raw, dims, count)
        _check_places(sparse)
        check_finite(sparse.values, "sparsevec")
        if not sparse.values.all():
            raise DataException("binary representation of sparsevec cannot contain zero values")
        return sparse

    # ---------------------------------------------------------------- arrow

    def to_arrow(self, datums: Sequence[SparseVector | None], typmod: int = -1) -> pa.Array:
        forms = [None if datum is None else datum.tobytes() for datum in datums]
        return pa.array(forms, pa.binary())

    def from_arrow(self, array: pa.Array) -> list[SparseVector | None]:
        return [None if form is None else from_bytes(form) for form in array.to_pylist()]


def from_bytes(form: bytes) -> SparseVector:
    """Of a binary form that we made."""
    dims, count, _ = np.frombuffer(form, ">i4", 3).tolist()
    return _unpacked(form, dims, count)


def render(datum: SparseVector) -> str:
    """The text, places from 1."""
    places, values = datum.places.tolist(), datum.values.tolist()
    items = [f"{p + 1}:{render_float4(v)}" for p, v in zip(places, values, strict=True)]
    return "{" + ",".join(items) + f"}}/{datum.dims}"


def check_dimensions(dims: int) -> None:
    if dims < 1:
        raise DataException("sparsevec must have at least 1 dimension")
    if dims > SPARSE_DIMENSIONS_MAX:
        raise ProgramLimitExceeded(
            f"sparsevec cannot have more than {SPARSE_DIMENSIONS_MAX} dimensions"
        )


def check_count(count: int) -> None:
    if count > NON_ZERO_MAX:
        raise ProgramLimitExceeded(
            f"sparsevec cannot have more than {NON_ZERO_MAX} non-zero elements"
        )


def _unpacked(form: bytes, dims: int, count: int) -> SparseVector:
    places = np.frombuffer(form, ">i4", count, 12).astype(np.int32)
    values = np.frombuffer(form, ">f4", count, 12 + 4 * count).astype(np.float32)
    return SparseVector(dims, places, values)


def _element(text: str, place: int) -> tuple[int, float, int]:
    """index:value; the place behind it, blanks skipped."""
    match = _INTEGER.match(text, place)
    if match is None:
        _fail(text)
    index = max(-_INT32_MAX, min(_INT32_MAX, int(match[0])))
    place = skip_spaces(text, match.end())
    if text[place : place + 1] != ":":
        _fail(text)
    number = NUMBER.match(text, skip_spaces(text, place + 1))
    if number is None:
        _fail(text)
    value = read_number(number, "sparsevec")
    with np.errstate(over="ignore", under="ignore"):
        narrowed = float(np.float32(value))
    vanished = narrowed == 0.0 and not _NOT_ZERO.isdisjoint(number[0].lower().split("e")[0])
    if np.isinf(narrowed) or vanished:
        raise out_of_range(number[0], "sparsevec")
    return index - 1, narrowed, skip_spaces(text, number.end())


def _dimensions(text: str, place: int) -> int:
    if text[place : place + 1] != "/":
        _fail(text, "Unexpected end of input.")
    match = _INTEGER.match(text, skip_spaces(text, place + 1))
    if match is None:
        _fail(text)
    if skip_spaces(text, match.end()) != len(text):
        _fail(text, "Junk after closing.")
    return max(-_INT32_MAX, min(_INT32_MAX, int(match[0])))


def _check_places(sparse: SparseVector) -> None:
    """pgvector looks at one place after the other; the first that is wrong gives the message."""
    before = -1
    for place in sparse.places.tolist():
        if not 0 <= place < sparse.dims:
            raise DataException("sparsevec index out of bounds")
        if place < before:
            raise DataException("sparsevec indices must be in ascending order")
        if place == before:
            raise DataException("sparsevec indices must not contain duplicates")
        before = place


def _fail(text: str, detail: str | None = None) -> NoReturn:
    raise InvalidTextRepresentation(
        f'invalid input syntax for type sparsevec: "{text}"', detail=detail
    )


