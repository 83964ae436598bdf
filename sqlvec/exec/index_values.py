"""The values that a vector index holds: its expression over the rows, where its predicate is true."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.objects import Index, Table
from sqlvec.exec.evaluate import Evaluator, compile_expression
from sqlvec.sql import bound
from sqlvec.sql.index_expression import index_predicate, indexed_expression
from sqlvec.sql.tree import walk

_RELATION = -2


def index_values(
    index: Index,
    table: Table,
    column: Callable[[int], pa.Array],
    row_count: int,
    alive: np.ndarray | None,
) -> list[Any]:
    """One value a row, None where it is null or the index does not hold the row (storage.index_rows)."""
    columns, value, predicate = _compiled(index, table)
    if predicate is None:
        whole = _whole_column(indexed_expression(index, table, _RELATION), column)
        if whole is not None:
            return whole
    datums = [c.type.definition.from_arrow(column(c.ordinal + 1)) for c in columns]
    rows = zip(*datums, strict=True) if datums else iter([()] * row_count)
    nobody: Any = None  # what an index is made of needs no session
    found = []
    for place, row in enumerate(rows):
        held = alive is None or alive[place]
        if held and predicate is not None:
            held = predicate(row, nobody) is True
        found.append(value(row, nobody) if held else None)
    return found


def _whole_column(
    expression: bound.Expression, column: Callable[[int], pa.Array]
) -> list[Any] | None:
    """The values of what is usual, all rows at once: a column, v::halfvec(n), binary_quantize(v)::bit(n)."""
    if isinstance(expression, bound.ColumnRef):
        return expression.type.definition.from_arrow(column(expression.ordinal + 1))
    if not isinstance(expression, bound.Cast):
        return None
    inner, target = expression.arg, expression.type
    quantized = isinstance(inner, bound.FunctionCall) and inner.name == "binary_quantize"
    if isinstance(inner, bound.FunctionCall) and quantized:
        inner = inner.args[0]
    wanted = types.BIT if quantized else types.HALFVEC
    if not isinstance(inner, bound.ColumnRef) or target.oid != wanted.oid:
        return None
    array = column(inner.ordinal + 1)
    dims = inner.type.typmod
    if inner.type.oid != types.VECTOR.oid or dims != target.typmod or pa.types.is_null(array.type):
        return None
    if pa.types.is_fixed_size_list(array.type) and array.type.list_size != dims:
        return None
    rows = array.values.to_numpy(zero_copy_only=False).reshape(-1, dims)
    rows = rows[array.offset : array.offset + len(array)]
    values: list[Any]
    if quantized:
        values = [bits.tobytes().decode("ascii") for bits in np.uint8(48) + (rows > 0)]
    else:
        with np.errstate(over="ignore", under="ignore"):
            halves = rows.astype(np.float16)
        if not np.isfinite(halves).all():
            return None  # row by row, for its error
        values = list(halves)
    if array.null_count:
        valid = array.is_valid().to_pylist()
        values = [v if ok else None for v, ok in zip(values, valid, strict=True)]
    return values


@lru_cache(maxsize=1_000)
def _compiled(
    index: Index, table: Table
) -> tuple[list[bound.ColumnRef], Evaluator, Evaluator | None]:
    value = indexed_expression(index, table, _RELATION)
    predicate = index_predicate(index, table, _RELATION)
    parts = [value] if predicate is None else [value, predicate]
    columns = list(
        dict.fromkeys(node for p in parts for node in walk(p) if isinstance(node, bound.ColumnRef))
    )
    slots: dict[bound.Expression, int] = {column: i for i, column in enumerate(columns)}
    compiled = None if predicate is None else compile_expression(predicate, slots)
    return columns, compile_expression(value, slots), compiled
