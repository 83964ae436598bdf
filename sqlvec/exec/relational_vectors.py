"""Vectors for the relational engine, which sees a dense one as FLOAT[], a sparse one as the BLOB of its
binary form and a bit string as VARCHAR. Which dense type is meant is told by its oid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.exec import vector_functions as vectors
from sqlvec.exec.casts import bits_integer, integer_bits
from sqlvec.types import SqlType
from sqlvec.types.bits import bitwise, shifted
from sqlvec.types.sparse_vector import SparseVector, from_bytes

_TEXT, _LONG, _DOUBLE, _BOOL, _BLOB = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "BLOB"
_FLOATS, _DOUBLES, _ROWS = "FLOAT[]", "DOUBLE[]", "FLOAT[][]"


def _dense(values: Sequence[float], oid: int) -> np.ndarray:
    return np.asarray(values, np.float16 if oid == types.HALFVEC.oid else np.float32)


def _form(vector: Any) -> Any:
    """What the engine takes."""
    if isinstance(vector, SparseVector):
        return vector.tobytes()
    return None if vector is None else vector.tolist()


def _parse(text: str, oid: int, typmod: int) -> Any:
    return _form(SqlType(oid).definition.parse(text, typmod))


def _text(values: Sequence[float]) -> str:
    return types.VECTOR.definition.render(np.asarray(values, np.float32))


def _cast_dense(values: Sequence[float], oid: int, typmod: int) -> Any:
    definition: Any = SqlType(oid).definition
    return _form(definition.checked(np.asarray(values, np.float32), typmod))


def _cast_sparse(form: bytes, oid: int, typmod: int) -> Any:
    sparse = from_bytes(form)
    definition: Any = SqlType(oid).definition
    if oid == types.SPARSEVEC.oid:
        return _form(definition.apply_typmod(sparse, typmod))
    return _form(vectors.dense_of(sparse, definition, typmod))


def _cast_array(items: Sequence[float | None], oid: int, typmod: int) -> Any:
    doubles = types.array_of(types.FLOAT8)
    return _form(vectors.cast_to_vector(doubles, SqlType(oid, typmod))(items))


def _distance(metric: str, oid: int, left: Sequence[float], right: Sequence[float]) -> float:
    return vectors.distance(metric, _dense(left, oid), _dense(right, oid))


def _sparse_distance(metric: str, left: bytes, right: bytes) -> float:
    return vectors.distance(metric, from_bytes(left), from_bytes(right))


def _sparse_extreme(pick: Callable[..., SparseVector]) -> Callable[[Sequence[Any]], Any]:
    def call(forms: Sequence[Any]) -> Any:
        found = [from_bytes(form) for form in forms if form is not None]
        return _form(pick(found)) if found else None

    return call


def _combine(name: str, oid: int, left: Sequence[float], right: Sequence[float]) -> Any:
    return _form(vectors.combine(name, _dense(left, oid), _dense(right, oid)))


def _aggregate(
    function: Callable[[Sequence[np.ndarray]], Any],
) -> Callable[[int, Sequence[Any]], Any]:
    def call(oid: int, rows: Sequence[Any]) -> Any:
        return _form(function([_dense(row, oid) for row in rows if row is not None]))

    return call


def _fit_bits(bits: str, oid: int, typmod: int, explicit: bool) -> Any:
    return SqlType(oid).definition.apply_typmod(bits, typmod, explicit)


def _subvector(oid: int, values: Sequence[float], start: int, count: int) -> Any:
    return _form(vectors.subvector(_dense(values, oid), start, count))


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("dense_parse", _parse, [_TEXT, _LONG, _LONG], _FLOATS),
    ("sparse_parse", _parse, [_TEXT, _LONG, _LONG], _BLOB),
    ("dense_text", _text, [_FLOATS], _TEXT),
    ("sparse_text", lambda form: types.SPARSEVEC.definition.render(from_bytes(form)), [_BLOB], _TEXT),
    ("sparse_key", lambda form: from_bytes(form).key, [_BLOB], _BLOB),
    ("sparse_greatest", _sparse_extreme(max), ["BLOB[]"], _BLOB),
    ("sparse_least", _sparse_extreme(min), ["BLOB[]"], _BLOB),
    ("dense_to_dense", _cast_dense, [_FLOATS, _LONG, _LONG], _FLOATS),
    ("dense_to_sparse", _cast_dense, [_FLOATS, _LONG, _LONG], _BLOB),
    ("sparse_to_dense", _cast_sparse, [_BLOB, _LONG, _LONG], _FLOATS),
    ("sparse_to_sparse", _cast_sparse, [_BLOB, _LONG, _LONG], _BLOB),
    ("array_to_dense", _cast_array, [_DOUBLES, _LONG, _LONG], _FLOATS),
    ("array_to_sparse", _cast_array, [_DOUBLES, _LONG, _LONG], _BLOB),
    ("dense_measure", _distance, [_TEXT, _LONG, _FLOATS, _FLOATS], _DOUBLE),
    ("sparse_measure", _sparse_distance, [_TEXT, _BLOB, _BLOB], _DOUBLE),
    ("bit_distance", vectors.distance, [_TEXT, _TEXT, _TEXT], _DOUBLE),
    ("dense_combine", _combine, [_TEXT, _LONG, _FLOATS, _FLOATS], _FLOATS),
    ("dense_sum", _aggregate(vectors.total), [_LONG, _ROWS], _FLOATS),
    ("dense_avg", _aggregate(vectors.mean), [_LONG, _ROWS], _FLOATS),
    ("dense_norm", lambda v: vectors.norm(np.asarray(v, np.float32)), [_FLOATS], _DOUBLE),
    ("sparse_norm", lambda form: vectors.norm(from_bytes(form)), [_BLOB], _DOUBLE),
    ("dense_normalize", lambda oid, v: _form(vectors.normalize(_dense(v, oid))), [_LONG, _FLOATS], _FLOATS),
    ("sparse_normalize", lambda form: _form(vectors.normalize(from_bytes(form))), [_BLOB], _BLOB),
    ("subvector", _subvector, [_LONG, _FLOATS, _LONG, _LONG], _FLOATS),
    ("binary_quantize", lambda v: vectors.binary_quantize(np.asarray(v)), [_FLOATS], _TEXT),
    ("fit_bits", _fit_bits, [_TEXT, _LONG, _LONG, _BOOL], _TEXT),
    ("bitwise", bitwise, [_TEXT, _TEXT, _TEXT], _TEXT),
    ("bits_shifted", shifted, [_TEXT, _LONG], _TEXT),
    ("integer_bits", integer_bits, [_LONG, _LONG], _TEXT),
    ("bits_integer", bits_integer, [_TEXT, _LONG], _LONG),
]
