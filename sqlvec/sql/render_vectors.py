"""Vectors and bit strings: their distances, operators, functions and casts.

Dense ones are FLOAT[n], or FLOAT[] where the dimensions are not known; sparse ones BLOB; bits VARCHAR
(exec.relational_vectors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.render_types import DENSE, TEXTS, duckdb_type, is_numeric
from sqlvec.sql.type_rules import BITS, VECTORS
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_METRICS = {
    "l2": "array_distance", "cosine": "array_cosine_distance",
    "inner_product": "array_negative_inner_product",
}  # fmt: skip
_SPARSE = types.SPARSEVEC.oid
FUNCTIONS = frozenset(
    [
        "vector_dims", "vector_norm", "l2_norm", "l2_normalize", "subvector", "binary_quantize",
        "inner_product",
    ]
)  # fmt: skip


def list_of(r: ExpressionRenderer, e: bound.Expression) -> str:
    """A dense vector as FLOAT[], whatever its dimensions."""
    return f"CAST({r.render(e)} AS FLOAT[])"


def comparable_vector(r: ExpressionRenderer, e: bound.Expression) -> str:
    return list_of(r, e) if e.type.oid in DENSE else f"sqlvec_sparse_key({r.render(e)})"


# ---------------------------------------------------------------- distances and operators


def distance(r: ExpressionRenderer, e: bound.Distance) -> str:
    """In double precision; vectors of different dimensions raise 22000."""
    kind = e.left.type.oid
    if kind in BITS:
        return f"sqlvec_bit_distance('{e.metric}', {r.render(e.left)}, {r.render(e.right)})"
    if kind == _SPARSE:
        return f"sqlvec_sparse_distance('{e.metric}', {r.render(e.left)}, {r.render(e.right)})"
    dims = {_dims(r, e.left), _dims(r, e.right)}
    if len(dims) > 1 or 0 in dims:
        sides = f"{list_of(r, e.left)}, {list_of(r, e.right)}"
        return f"sqlvec_dense_distance('{e.metric}', {kind}, {sides})"
    left, right = r.render(e.left), r.render(e.right)
    size = dims.pop()
    if e.metric == "l1":
        pair = r.fresh()
        pairs = f"list_zip(CAST({left} AS DOUBLE[]), CAST({right} AS DOUBLE[]))"
        gaps = f"list_transform({pairs}, lambda {pair}: abs({pair}[1] - {pair}[2]))"
        return f"(CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN list_sum({gaps}) END)"
    return f"{_METRICS[e.metric]}(CAST({left} AS DOUBLE[{size}]), CAST({right} AS DOUBLE[{size}]))"


def _dims(r: ExpressionRenderer, e: bound.Expression) -> int:
    if e.type.typmod > 0:
        return e.type.typmod
    value = r.constant_value(e)
    return len(value) if value is not None else 0


def vector_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """+ - * || of dense vectors."""
    left, right = (list_of(r, arg) for arg in e.args)
    call = f"sqlvec_dense_combine('{e.name}', {e.type.oid}, {left}, {right})"
    return f"CAST({call} AS {duckdb_type(e.type)})"


def vector_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """A function of pgvector's; None for any other."""
    if e.name not in FUNCTIONS:
        return None
    first = e.args[0]
    oid = first.type.oid
    if oid == _SPARSE:
        return _sparse_function(r, e)
    vector = list_of(r, first)
    if e.name == "vector_dims":
        return f"CAST(len({vector}) AS INTEGER)"
    if e.name in ("vector_norm", "l2_norm"):
        return f"sqlvec_dense_norm({vector})"
    if e.name == "inner_product":
        sides = f"{vector}, {list_of(r, e.args[1])}"
        return f"(-sqlvec_dense_distance('inner_product', {oid}, {sides}))"
    if e.name == "binary_quantize":
        return f"sqlvec_binary_quantize({vector})"
    if e.name == "l2_normalize":
        return f"CAST(sqlvec_dense_normalize({oid}, {vector}) AS {duckdb_type(e.type)})"
    start, count = r.all(e.args[1:])
    return f"CAST(sqlvec_subvector({oid}, {vector}, {start}, {count}) AS {duckdb_type(e.type)})"


def _sparse_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    args = r.all(e.args)
    if e.name == "inner_product":
        return f"(-sqlvec_sparse_distance('inner_product', {args[0]}, {args[1]}))"
    return f"sqlvec_sparse_{'norm' if e.name == 'l2_norm' else 'normalize'}({args[0]})"


def vector_aggregate(r: ExpressionRenderer, e: bound.Expression, name: str, rows: str) -> str:
    """sum or avg over the list of the rows' vectors."""
    return f"CAST(sqlvec_dense_{name}({e.type.oid}, {rows}) AS {duckdb_type(e.type)})"


# ---------------------------------------------------------------- casts


def vector_cast(
    r: ExpressionRenderer, value: str, source: SqlType, target: SqlType
) -> str | None:
    """A rendered value of another type as target, where one of them is a vector; else None."""
    if target.oid in VECTORS:
        if source.oid in TEXTS:
            return parsed_vector(value, target)
        return _to_vector(r, value, source, target)
    if source.oid in VECTORS and types.element_of(target) is not None:
        return f"CAST({value} AS {duckdb_type(target)})"
    return None


def _to_vector(r: ExpressionRenderer, value: str, source: SqlType, target: SqlType) -> str:
    kind = "sparse" if target.oid == _SPARSE else "dense"
    if source.oid == _SPARSE:
        call = f"sqlvec_sparse_to_{kind}({value}, "
    elif source.oid in VECTORS:
        if source == target or (source.oid == target.oid and target.typmod < 0):
            return value
        call = f"sqlvec_dense_to_{kind}(CAST({value} AS FLOAT[]), "
    else:
        element = types.element_of(source)
        assert element is not None, source
        if is_numeric(element):
            item = r.fresh()
            number = f"sqlvec_parse_float(CAST({item} AS VARCHAR), {types.FLOAT4.oid})"
            value = f"list_transform({value}, lambda {item}: {number})"
        call = f"sqlvec_array_to_{kind}(CAST({value} AS DOUBLE[]), "
    return f"CAST({call}{target.oid}, {target.typmod}) AS {duckdb_type(target)})"


def parsed_vector(text: str, target: SqlType) -> str:
    """Text read by the type's parser."""
    kind = "sparse" if target.oid == _SPARSE else "dense"
    call = f"sqlvec_{kind}_parse({text}, {target.oid}, {target.typmod})"
    return f"CAST({call} AS {duckdb_type(target)})"


def vector_text(value: str, sql_type: SqlType) -> str:
    """What the type's output function prints."""
    if sql_type.oid == _SPARSE:
        return f"sqlvec_sparse_text({value})"
    return f"sqlvec_dense_text(CAST({value} AS FLOAT[]))"


def bit_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    values = r.all(e.args)
    if len(values) == 1:
        return f"translate({values[0]}, '01', '10')"
    if e.name in ("<<", ">>"):
        places = values[1] if e.name == "<<" else f"-({values[1]})"
        return f"sqlvec_bits_shifted({values[0]}, {places})"
    return f"sqlvec_bitwise('{e.name}', {values[0]}, {values[1]})"


def bit_cast(value: str, source: SqlType, target: SqlType, explicit: bool) -> str | None:
    """A rendered value as target, where one of them is a bit string; else None."""
    if source.oid in BITS and target.oid in (types.INT4.oid, types.INT8.oid):
        return f"CAST(sqlvec_bits_integer({value}, {target.oid}) AS {duckdb_type(target)})"
    if target.oid not in BITS:
        return None
    if source.oid in TEXTS:
        value = f"sqlvec_parse_text({value}, {target.oid}, -1)"
    elif source.oid not in BITS:
        return f"sqlvec_integer_bits({value}, {max(target.typmod, 1)})"
    if target.typmod < 0 or (source == target):
        return value
    return f"sqlvec_fit_bits({value}, {target.oid}, {target.typmod}, {str(explicit).lower()})"
