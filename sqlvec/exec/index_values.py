"""The values that a vector index holds: its expression over the rows, where its predicate is true."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Index, Table
from sqlvec.exec.evaluate import Evaluator, compile_expression
from sqlvec.plan.native import walk
from sqlvec.sql import bound
from sqlvec.sql.index_expression import index_predicate, indexed_expression

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
