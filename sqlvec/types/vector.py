"""vector(n) and halfvec(n), pgvector's dense types: datum numpy float32[dims], or float16[dims].

Text [1,2,3]; binary int16 dims, int16 0, then float4[dims] or half[dims] in network order; Arrow a list of
float32 for both, of fixed size when the number of dimensions is known: what is a half is a float32 too.
Limits and messages are pgvector's (vector.c, halfvec.c, 0.8).
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
import orjson
import pyarrow as pa

from sqlvec.errors import (
    DataException,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
    ProtocolViolation,
)
from sqlvec.types.floating import render_float4
from sqlvec.types.sql_type import BINARY_MISMATCH, TypeDefinition

DIMENSIONS_MAX = 16_000
_SPACES = re.compile(r"[ \t\n\r\v\f]*")
NUMBER = re.compile(
    r"[+-]?(?:(?P<hex>0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?\d+)?)"
    r"|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan(?:\([a-z0-9_]*\))?|inf(?:inity)?)",
    re.IGNORECASE | re.ASCII,
)
# The sum of squares of elements below a million in magnitude, with 16,000 of them at most.
_PLAIN_SQUARES_MAX = 1e12


class Vector(TypeDefinition):
    """vector; see HalfVector for what differs."""

    dtype: np.dtype[Any] = np.dtype(np.float32)
    wire = ">f4"

    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(pa.float32(), typmod) if typmod > 0 else pa.list_(pa.float32())

    # ---------------------------------------------------------------- text

    def parse(self, text: str, typmod: int = -1) -> np.ndarray:
        """Plain JSON numbers at once; what JSON reads otherwise, or not at all, the way pgvector does."""
        # true and false would pass for numbers, and -0 lose its sign.
        if "u" in text or "s" in text or "-0," in text or "-0]" in text or "-0 " in text:
            return self._parse_elements(text, typmod)
        try:
            values = array("f", orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError, OverflowError):
            return self._parse_elements(text, typmod)
        vector = self.narrowed(np.frombuffer(values, np.float32))
        if not 0 < len(vector) <= DIMENSIONS_MAX or not all_finite(vector):
            return self._parse_elements(text, typmod)
        if 0 < typmod != len(vector):
            raise wrong_dimensions(typmod, len(vector))
        return vector

    def narrowed(self, values: np.ndarray) -> np.ndarray:
        """float32 as elements of the type; what is out of range is infinite."""
        return values

    def _parse_elements(self, text: str, typmod: int) -> np.ndarray:
        place = skip_spaces(text, 0)
        if text[place : place + 1] != "[":
            self._fail(text, 'Vector contents must start with "[".')
        place = skip_spaces(text, place + 1)
        if text[place : place + 1] == "]":
            raise self.no_dimensions()
        values: list[float] = []
        while True:
            if len(values) == DIMENSIONS_MAX:
                raise self.too_many_dimensions()
            place = skip_spaces(text, place)
            match = NUMBER.match(text, place)
            if match is None:
                self._fail(text)
            values.append(self._element(match))
            place = skip_spaces(text, match.end())
            closing = text[place : place + 1]
            place += 1
            if closing == "]":
                break
            if closing != ",":
                self._fail(text)
        if skip_spaces(text, place) != len(text):
            self._fail(text, "Junk after closing right brace.")
        return self.apply_typmod(np.array(values, np.float32).astype(self.dtype), typmod)

    def _element(self, match: re.Match[str]) -> float:
        """The number as strtof reads it; neither NaN nor infinite, nor out of the type's range."""
        value = read_number(match, self.name)
        with np.errstate(over="ignore", under="ignore"):
            if np.isinf(np.float32(value).astype(self.dtype)):
                raise out_of_range(match[0], self.name)
        return value

    def _fail(self, text: str, detail: str | None = None) -> NoReturn:
        raise InvalidTextRepresentation(
            f'invalid input syntax for type {self.name}: "{text}"', detail=detail
        )

    def render(self, datum: np.ndarray) -> str:
        """The shortest float4 of every element."""
        return self.render_bytes(datum).decode()

    def render_bytes(self, datum: np.ndarray) -> bytes:
        """The text as ASCII."""
        if datum.dtype != np.float32:
            datum = datum.astype(np.float32)
        if datum.dot(datum) < _PLAIN_SQUARES_MAX:
            plain = orjson.dumps(datum, option=orjson.OPT_SERIALIZE_NUMPY)
            if b"e" not in plain and b"0.0000" not in plain:
                return plain.replace(b".0,", b",").replace(b".0]", b"]")
        return ("[" + ",".join([render_float4(value) for value in datum.tolist()]) + "]").encode()

    # ---------------------------------------------------------------- binary

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> np.ndarray:
        if len(data) < 4:
            raise short_message()
        dims = (data[0] << 8) | data[1]
        size = self.dtype.itemsize
        if len(data) != 4 + size * dims or data[2] or data[3] or not 0 < dims <= DIMENSIONS_MAX:
            raise self._bad_header(bytes(data), typmod)
        if 0 < typmod != dims:
            raise wrong_dimensions(typmod, dims)
        vector = np.frombuffer(data, self.wire, offset=4).astype(self.dtype)
        if not all_finite(vector):
            self.check_finite(vector)
        return vector

    def encode(self, datum: np.ndarray) -> bytes:
        return len(datum).to_bytes(2, "big") + b"\0\0" + datum.astype(self.wire).tobytes()

    def apply_typmod(self, datum: np.ndarray, typmod: int, explicit: bool = False) -> np.ndarray:
        if 0 < typmod != len(datum):
            raise wrong_dimensions(typmod, len(datum))
        return datum

    # ---------------------------------------------------------------- limits

    def checked(self, values: np.ndarray, typmod: int = -1) -> np.ndarray:
        """float32 from elsewhere as a datum: between 1 and 16,000 dimensions, finite, in range."""
        if not len(values):
            raise self.no_dimensions()
        if len(values) > DIMENSIONS_MAX:
            raise self.too_many_dimensions()
        if 0 < typmod != len(values):
            raise wrong_dimensions(typmod, len(values))
        self.check_finite(values)
        narrow = self.narrowed(values)
        if narrow is not values and not np.isfinite(narrow).all():
            raise out_of_range(render_float4(float(values[~np.isfinite(narrow)][0])), self.name)
        return narrow

    def check_finite(self, values: np.ndarray) -> None:
        """NaN and infinities are not allowed in a vector; the first one gives the message."""
        check_finite(values, self.name)

    def no_dimensions(self) -> DataException:
        return DataException(f"{self.name} must have at least 1 dimension")

    def too_many_dimensions(self) -> ProgramLimitExceeded:
        return ProgramLimitExceeded(
            f"{self.name} cannot have more than {DIMENSIONS_MAX} dimensions"
        )

    def _bad_header(self, data: bytes, typmod: int) -> Exception:
        """What pgvector says first about a message whose header and length do not fit."""
        dims = int.from_bytes(data[:2], "big", signed=True)
        if dims < 1:
            return self.no_dimensions()
        if dims > DIMENSIONS_MAX:
            return self.too_many_dimensions()
        if 0 < typmod != dims:
            return wrong_dimensions(typmod, dims)
        unused = int.from_bytes(data[2:4], "big", signed=True)
        if unused:
            return DataException(f"expected unused to be 0, not {unused}")
        if len(data) < 4 + self.dtype.itemsize * dims:
            return short_message()
        return InvalidBinaryRepresentation(BINARY_MISMATCH)

    # ---------------------------------------------------------------- arrow

    def to_arrow(self, datums: Sequence[np.ndarray | None], typmod: int = -1) -> pa.Array:
        """datums may be one float32[rows, dims] too."""
        if isinstance(datums, np.ndarray) and datums.ndim == 2:
            return _fixed_array(datums, self.arrow(datums.shape[1]), None)
        present = [datum for datum in datums if datum is not None]
        mask = None
        if len(present) != len(datums):
            mask = np.array([datum is None for datum in datums])
        if typmod > 0:
            rows = np.zeros((len(datums), typmod), np.float32)
            if present:
                rows[slice(None) if mask is None else ~mask] = present
            return _fixed_array(rows, self.arrow(typmod), mask)
        lengths = [0 if datum is None else len(datum) for datum in datums]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        joined = np.concatenate(present) if present else np.empty(0, np.float32)
        joined = joined.astype(np.float32, copy=False)
        return pa.ListArray.from_arrays(
            pa.array(offsets), pa.array(joined), mask=None if mask is None else pa.array(mask)
        )

    def from_arrow(self, array: pa.Array) -> list[np.ndarray | None]:
        """Views of the array's own floats, where the type has them."""
        if pa.types.is_null(array.type):
            return [None] * len(array)
        floats = array.values.to_numpy(zero_copy_only=False).astype(self.dtype, copy=False)
        if pa.types.is_fixed_size_list(array.type):
            size, first = array.type.list_size, array.offset
            views = [floats[i * size : (i + 1) * size] for i in range(first, first + len(array))]
        else:
            offsets = array.offsets.to_pylist()
            views = [floats[a:b] for a, b in pairwise(offsets)]
        if array.null_count:
            valid = array.is_valid().to_pylist()
            return [view if ok else None for view, ok in zip(views, valid, strict=True)]
        return views


class HalfVector(Vector):
    """halfvec: half the bytes on the wire, 11 bits of precision, magnitudes up to 65,504."""

    dtype = np.dtype(np.float16)
    wire = ">f2"

    def narrowed(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(np.float16)


def _fixed_array(rows: np.ndarray, arrow: pa.DataType, mask: np.ndarray | None) -> pa.Array:
    values = pa.array(np.ascontiguousarray(rows, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(
        values, type=arrow, mask=None if mask is None else pa.array(mask)
    )


def skip_spaces(text: str, place: int) -> int:
    match = _SPACES.match(text, place)
    assert match is not None  # it matches the empty string
    return match.end()


def read_number(match: re.Match[str], name: str) -> float:
    """The number as strtod reads it; NaN and infinity are not allowed in a vector of that name."""
    text = match[0]
    value = math.nan if "(" in text else float.fromhex(text) if match["hex"] else float(text)
    if math.isnan(value):
        raise DataException(f"NaN not allowed in {name}")
    if math.isinf(value) and "n" in text.lower():
        raise DataException(f"infinite value not allowed in {name}")
    return value


def all_finite(vector: np.ndarray) -> bool:
    """True: no element is NaN or infinite. False: one may be; float32[dims] or float16[dims]."""
    if vector.dtype != np.float32:
        return bool(np.isfinite(vector).all())
    return math.isfinite(vector.dot(vector)) or bool(np.isfinite(vector).all())


def check_finite(values: np.ndarray, name: str = "vector") -> None:
    """NaN and infinities are not allowed in a vector; the first one gives the message."""
    wrong = values[~np.isfinite(values)]
    if len(wrong):
        what = "NaN" if np.isnan(wrong[0]) else "infinite value"
        raise DataException(f"{what} not allowed in {name}")


def out_of_range(text: str, name: str) -> NumericValueOutOfRange:
    return NumericValueOutOfRange(f'"{text}" is out of range for type {name}')


def wrong_dimensions(expected: int, found: int) -> DataException:
    return DataException(f"expected {expected} dimensions, not {found}")


def short_message() -> ProtocolViolation:
    return ProtocolViolation("insufficient data left in message")
