"""What can be done with vectors: pgvector's distances, arithmetic, functions and casts, a datum at a time.

A vector is one of four: float32[dims] is vector, float16[dims] halfvec, SparseVector sparsevec, a str of 0
and 1 a bit string. Sums are taken in double precision. Messages are pgvector's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.errors import (
    DatabaseError,
    DataException,
    NullValueNotAllowed,
    NumericValueOutOfRange,
)
from sqlvec.types import SqlType
from sqlvec.types.sparse_vector import SparseVector
from sqlvec.types.vector import DIMENSIONS_MAX, Vector

_DENSE: dict[int, Vector] = {
    oid: definition
    for oid in (types.VECTOR.oid, types.HALFVEC.oid)
    if isinstance(definition := types.by_oid(oid), Vector)
}


def type_name(vector: Any) -> str:
    if isinstance(vector, SparseVector):
        return "sparsevec"
    return "halfvec" if vector.dtype == np.float16 else "vector"


def _definition(vector: np.ndarray) -> Vector:
    return _DENSE[types.HALFVEC.oid if vector.dtype == np.float16 else types.VECTOR.oid]


# ---------------------------------------------------------------- distances


def distance(metric: str, left: Any, right: Any) -> float:
    """The distance of two vectors of one type; <#> is the negated inner product, cosine with a zero vector
    NaN."""
    if isinstance(left, str):
        return _bit_distance(metric, left, right)
    a, b = _aligned(left, right)
    if metric == "l2":
        return float(np.sqrt(np.sum((a - b) ** 2)))
    if metric == "l1":
        return float(np.sum(np.abs(a - b)))
    product = float(a @ b)
    if metric == "inner_product":
        return -product
    norms = float(a @ a) * float(b @ b)
    if norms == 0.0:
        return math.nan
    return 1.0 - max(-1.0, min(1.0, product / math.sqrt(norms)))


def _aligned(left: Any, right: Any) -> tuple[np.ndarray, np.ndarray]:
    """Elements that face each other, in float64; where both are sparse, those that one of them has."""
    if not isinstance(left, SparseVector):
        if len(left) != len(right):
            raise _different(type_name(left), len(left), len(right))
        return left.astype(np.float64), right.astype(np.float64)
    if left.dims != right.dims:
        raise _different("sparsevec", left.dims, right.dims)
    places = np.union1d(left.places, right.places)
    pair = np.zeros((2, len(places)))
    for row, vector in zip(pair, (left, right), strict=True):
        row[np.searchsorted(places, vector.places)] = vector.values
    return pair[0], pair[1]


def _different(name: str, left: int, right: int) -> DataException:
    return DataException(f"different {name} dimensions {left} and {right}")


def _bit_distance(metric: str, left: str, right: str) -> float:
    if len(left) != len(right):
        raise DataException(f"different bit lengths {len(left)} and {len(right)}")
    a, b = int("0" + left, 2), int("0" + right, 2)
    if metric == "hamming":
        return float((a ^ b).bit_count())
    both = (a & b).bit_count()
    return 1.0 - both / (a | b).bit_count() if both else 1.0


# ---------------------------------------------------------------- arithmetic

_ARITHMETIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply,
}  # fmt: skip


def combine(name: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left name right, for + - * and ||; both of one type."""
    if name == "||":
        whole = np.concatenate([left, right])
        if len(whole) > DIMENSIONS_MAX:
            raise _definition(left).too_many_dimensions()
        return whole
    if len(left) != len(right):
        raise _different(type_name(left), len(left), len(right))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        result: np.ndarray = _ARITHMETIC[name](left, right)
    if not np.isfinite(result).all():
        raise _overflow()
    if name == "*" and ((result == 0) & (left != 0) & (right != 0)).any():
        raise NumericValueOutOfRange("value out of range: underflow")
    return result


def _overflow() -> DatabaseError:
    return NumericValueOutOfRange("value out of range: overflow")


def total(vectors: Sequence[np.ndarray]) -> np.ndarray | None:
    """sum(): one after the other, as + adds them."""
    found: np.ndarray | None = None
    for vector in vectors:
        found = vector if found is None else combine("+", found, vector)
    return found


def mean(vectors: Sequence[np.ndarray]) -> np.ndarray | None:
    """avg(): of sums in double precision."""
    if not vectors:
        return None
    dims = len(vectors[0])
    for vector in vectors:
        if len(vector) != dims:
            raise DataException(f"expected {dims} dimensions, not {len(vector)}")
    average = np.mean(np.array(vectors, np.float64), axis=0).astype(np.float32)
    return _definition(vectors[0]).checked(average)


# ---------------------------------------------------------------- functions


def norm(vector: Any) -> float:
    values = vector.values if isinstance(vector, SparseVector) else vector
    return float(np.sqrt(np.sum(values.astype(np.float64) ** 2)))


def normalize(vector: Any) -> Any:
    """The vector with norm 1; a zero vector stays."""
    length = norm(vector)
    if length == 0.0:
        return vector
    if isinstance(vector, SparseVector):
        with np.errstate(under="ignore"):
            values = (vector.values.astype(np.float64) / length).astype(np.float32)
        kept = values != 0
        return SparseVector(vector.dims, vector.places[kept], values[kept])
    with np.errstate(under="ignore"):
        single = (vector.astype(np.float64) / length).astype(np.float32)
        return single.astype(vector.dtype)


def subvector(vector: np.ndarray, start: int, count: int) -> np.ndarray:
    """1-based; a start before the first element takes from the length, as in substring()."""
    end = min(start + count, len(vector) + 1)
    start = max(start, 1)
    if count < 1 or end <= start:
        raise _definition(vector).no_dimensions()
    return vector[start - 1 : end - 1]


def binary_quantize(vector: np.ndarray) -> str:
    """A bit an element: whether it is positive."""
    return (np.uint8(48) + (vector > 0)).tobytes().decode("ascii")


def inner_product(left: Any, right: Any) -> float:
    return -distance("inner_product", left, right)


# ---------------------------------------------------------------- casts


def is_vector(sql_type: SqlType) -> bool:
    return sql_type.oid in _DENSE or sql_type.oid == types.SPARSEVEC.oid


def cast_to_vector(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    """From a vector of another type, or from an array of numbers; checks the target's typmod."""
    definition: Any = target.definition
    typmod = target.typmod
    if source.oid == types.SPARSEVEC.oid:
        return lambda sparse: dense_of(sparse, definition, typmod)
    if source.oid in _DENSE:
        return lambda dense: definition.checked(dense.astype(np.float32), typmod)
    return lambda items: definition.checked(_numbers(items), typmod)


def dense_of(sparse: SparseVector, definition: Vector, typmod: int) -> np.ndarray:
    if sparse.dims > DIMENSIONS_MAX:
        raise definition.too_many_dimensions()
    return definition.checked(sparse.dense(), typmod)


def _numbers(items: Sequence[Any]) -> np.ndarray:
    """The elements of an array as float32."""
    for item in items:
        if isinstance(item, list):
            raise DataException("array must be 1-D")
    for item in items:
        if item is None:
            raise NullValueNotAllowed("array must not contain nulls")
    if items and isinstance(items[0], Decimal):
        items = [types.FLOAT4.definition.parse(format(item, "f")) for item in items]
    with np.errstate(over="ignore", under="ignore"):
        return np.array(items, np.float64).astype(np.float32)


def floats(vector: np.ndarray) -> list[float]:
    """As real[]."""
    values: list[float] = vector.astype(np.float32).tolist()
    return values
