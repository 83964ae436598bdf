"""Rows in the order of sort keys, as PostgreSQL compares values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sqlvec.exec.context import Datum
from sqlvec.sql import bound


def sorted_places(
    rows: Sequence[tuple[Datum, ...]], sort: tuple[bound.SortKey, ...]
) -> list[int]:
    """The places of rows of sort key values, in order; equal ones stay as they are."""
    return sorted(range(len(rows)), key=lambda i: _SortRow(rows[i], sort))


class _SortRow:
    """A row as the sort keys compare it: NULLS FIRST or LAST by key, NaN greater than all numbers."""

    __slots__ = ("values", "sort")

    def __init__(self, values: tuple[Datum, ...], sort: tuple[bound.SortKey, ...]) -> None:
        self.values = values
        self.sort = sort

    def __lt__(self, other: _SortRow) -> bool:
        for a, b, key in zip(self.values, other.values, self.sort, strict=True):
            order = compare_values(a, b, key)
            if order:
                return order < 0
        return False


def compare_values(a: Datum, b: Datum, key: bound.SortKey) -> int:
    """-1, 0 or 1 as the sort key orders a and b."""
    if a is None or b is None:
        if a is b:
            return 0
        return -1 if (a is None) == key.nulls_first else 1
    if a is b:
        return 0
    a_nan, b_nan = a != a, b != b
    if isinstance(a, np.ndarray):
        a, b, a_nan, b_nan = a.tolist(), b.tolist(), False, False
    if a_nan or b_nan:
        order = int(bool(a_nan)) - int(bool(b_nan))
    elif isinstance(a, str):
        left, right = a.encode(), b.encode()
        order = (left > right) - (left < right)
    else:
        order = (a > b) - (a < b)
    return -order if key.descending else order
