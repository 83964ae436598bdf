"""vector(n), pgvector's type: datum numpy float32[dims].

Text [1,2,3]; binary int16 dims, int16 0, float4[dims] in network order; Arrow a fixed-size list when the
number of dimensions is known. Limits and messages are pgvector's (vector.c, 0.8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from sqlvec.errors import (
    DataException,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
)
from sqlvec.types.floating import render_float4
from sqlvec.types.sql_type import TypeDefinition

DIMENSIONS_MAX = 16_000
_FLOAT_MAX = float(np.finfo(np.float32).max)
_ELEMENT = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.I | re.ASCII)


class Vector(TypeDefinition):
    def modifiers(self, typmod: int) -> str:
        return f"({typmod})"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.list_(pa.float32(), typmod) if typmod > 0 else pa.list_(pa.float32())

    def parse(self, text: str, typmod: int = -1) -> np.ndarray:
        try:
            values = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._parse_slowly(text, typmod)
        if type(values) is not list or not values:
            return self._parse_slowly(text, typmod)
        try:
            wide = np.array(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return self._parse_slowly(text, typmod)
        if wide.ndim != 1 or not (np.abs(wide) <= _FLOAT_MAX).all() or True in values or False in values:
            if wide.ndim != 1 or any(isinstance(v, bool) for v in values) or not _finite(wide):
                return self._parse_slowly(text, typmod)
        return self.apply_typmod(_checked_size(wide.astype(np.float32)), typmod)

    def _parse_slowly(self, text: str, typmod: int) -> np.ndarray:
        """Element by element, to word the error as pgvector does."""
        body = text.strip(" \t\n\r\v\f")
        if not body.startswith("["):
            raise self._invalid(text, 'Vector contents must start with "[".')
        if not body.endswith("]"):
            inner = body.find("]")
            if inner < 0:
                raise self._invalid(text)
            raise self._invalid(text, "Junk after closing right brace.")
        inside = body[1:-1].strip()
        if not inside:
            raise DataException("vector must have at least 1 dimension")
        values = [self._element(part.strip(), text) for part in inside.split(",")]
        return self.apply_typmod(_checked_size(np.array(values, dtype=np.float32)), typmod)

    def _element(self, part: str, text: str) -> float:
        match = _ELEMENT.match(part)
        if match is None or match.end() != len(part):
            if "]" in part:
                raise self._invalid(text, "Junk after closing right brace.")
            raise self._invalid(text)
        value = float(part)
        if np.isnan(value):
            raise DataException("NaN not allowed in vector")
        if np.isinf(value) and "n" in part.lower():
            raise DataException("infinite value not allowed in vector")
        if abs(value) > _FLOAT_MAX:
            raise NumericValueOutOfRange(f'"{part}" is out of range for type vector')
        return value

    def _invalid(self, text: str, detail: str | None = None) -> InvalidTextRepresentation:
        return InvalidTextRepresentation(
            f'invalid input syntax for type vector: "{text}"', detail=detail
        )

    def render(self, datum: np.ndarray) -> str:
        """The shortest float4 of every element."""
        magnitude = np.abs(datum)
        if ((magnitude < 1e6) & ((magnitude >= 1e-4) | (magnitude == 0))).all():
            plain: str = orjson.dumps(datum, option=orjson.OPT_SERIALIZE_NUMPY).decode()
            return plain.replace(".0,", ",").replace(".0]", "]")
        return "[" + ",".join(render_float4(float(value)) for value in datum) + "]"

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> np.ndarray:
        if len(data) < 4:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        dims = (data[0] << 8) | data[1]
        if dims < 1:
            raise DataException("vector must have at least 1 dimension")
        if dims > DIMENSIONS_MAX:
            raise ProgramLimitExceeded(f"vector cannot have more than {DIMENSIONS_MAX} dimensions")
        if data[2] or data[3]:
            unused = (data[2] << 8) | data[3]
            raise DataException(f"expected unused to be 0, not {unused}")
        if len(data) != 4 + 4 * dims:
            if len(data) < 4 + 4 * dims:
                raise _short_message()
            raise InvalidBinaryRepresentation("incorrect binary data format in bind parameter")
        vector = np.frombuffer(data, dtype=">f4", offset=4).astype(np.float32)
        check_finite(vector)
        if 0 < typmod != dims:
            raise DataException(f"expected {typmod} dimensions, not {dims}")
        return vector

    def encode(self, datum: np.ndarray) -> bytes:
        return len(datum).to_bytes(2, "big") + b"\0\0" + datum.astype(">f4").tobytes()

    def apply_typmod(self, datum: np.ndarray, typmod: int, explicit: bool = False) -> np.ndarray:
        if 0 < typmod != len(datum):
            raise DataException(f"expected {typmod} dimensions, not {len(datum)}")
        return datum

    def to_arrow(self, datums: Sequence[np.ndarray | None], typmod: int = -1) -> pa.Array:
        mask = np.array([datum is None for datum in datums], dtype=bool)
        if typmod > 0:
            flat = np.zeros((len(datums), typmod), dtype=np.float32)
            for i, datum in enumerate(datums):
                if datum is not None:
                    flat[i] = datum
            values = pa.array(flat.reshape(-1))
            return pa.FixedSizeListArray.from_arrays(
                values, type=self.arrow(typmod), mask=pa.array(mask) if mask.any() else None
            )
        lengths = [0 if datum is None else len(datum) for datum in datums]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        present = [datum for datum in datums if datum is not None]
        joined = np.concatenate(present) if present else np.empty(0, np.float32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(joined), mask=pa.array(mask))

    def from_arrow(self, array: pa.Array) -> list[np.ndarray | None]:
        found: list[Any] = []
        for scalar in array:
            if not scalar.is_valid:
                found.append(None)
                continue
            values = scalar.values
            found.append(np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32))
        return found


def _finite(values: np.ndarray) -> bool:
    """Whether every value is within float4."""
    return bool((np.abs(values) <= _FLOAT_MAX).all())


def _checked_size(vector: np.ndarray) -> np.ndarray:
    if len(vector) > DIMENSIONS_MAX:
        raise ProgramLimitExceeded(f"vector cannot have more than {DIMENSIONS_MAX} dimensions")
    return vector


def _short_message() -> Exception:
    from sqlvec.errors import ProtocolViolation

    return ProtocolViolation("insufficient data left in message")


def check_finite(values: np.ndarray) -> None:
    """NaN and infinities are not allowed in a vector."""
    if np.isfinite(values).all():
        return
    if np.isnan(values).any():
        raise DataException("NaN not allowed in vector")
    raise DataException("infinite value not allowed in vector")
