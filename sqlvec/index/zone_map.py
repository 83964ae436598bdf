"""Zone map: between which values a column lies in every so many rows, and how many nulls there are.

A zone is some rows of a segment that follow one another, ROWS if nothing else is said. Values are compared by bounds, which are rounded
outwards, so that a zone is ruled out only where no row can match:

    numbers, bool, dates, times    float64; NaN, which is above all, has the bounds infinity and NaN, since
                                   what is compared with NaN is never ruled out
    text, uuid                     the first TEXT_BYTES bytes, with 0xff behind them if they are not all

Types that are compared in another way have their nulls counted and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlvec import types
from sqlvec.types import SqlType

Array = npt.NDArray[Any]

ROWS = 4_096
TEXT_BYTES = 32
TEXT_FORM = f"|S{TEXT_BYTES + 1}"
_NUMBERS = (types.INT2, types.INT4, types.INT8, types.OID, types.FLOAT4, types.FLOAT8, types.NUMERIC)
_TEXTS = (types.TEXT, types.VARCHAR, types.NAME)
_OTHERS = (types.BOOL, types.DATE, types.TIME, types.TIMESTAMP, types.TIMESTAMPTZ, types.UUID)
_ORDERS = {
    **{t.oid: "number" for t in _NUMBERS},
    **{t.oid: "text" for t in _TEXTS},
    **{t.oid: t.definition.name for t in _OTHERS},
}
_BYTES = ("text", "uuid")
_EXACT = 2**53  # float64 has every integer up to here
_ROUNDING = 2.0**-40  # more than Arrow errs by when it makes a float64 of a decimal


def zone_order(type: SqlType) -> str:
    """What a type's values are comparable with: those of the same order; "" for nothing."""
    return _ORDERS.get(type.oid, "")


@dataclass(frozen=True, slots=True)
class ZoneTest:
    """A comparison of a column: = in < <= > >= null not_null. lows and highs: bounds of the values that it is
    compared with, ascending."""

    order: str
    op: str
    lows: Array
    highs: Array


def zone_test(order: str, op: str, values: Sequence[Any]) -> ZoneTest:
    """The test of a column against values of its order, none of them null."""
    bounds = [_bounds(value, order) for value in values]
    form = TEXT_FORM if order in _BYTES else np.float64
    lows, highs = (np.sort(np.array([b[side] for b in bounds], form)) for side in (0, 1))
    return ZoneTest(order, "in" if op == "=" else op, lows, highs)


def null_test(order: str, op: str) -> ZoneTest:
    """null or not_null."""
    nothing = np.zeros(0)
    return ZoneTest(order, op, nothing, nothing)


def _bounds(value: Any, order: str) -> tuple[Any, Any]:
    if order in _BYTES:
        return _text_bounds(value.encode())
    if value != value:
        return math.inf, math.nan
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    low = near if near <= value else math.nextafter(near, -math.inf)
    return low, near if near >= value else math.nextafter(near, math.inf)


def _text_bounds(value: bytes) -> tuple[bytes, bytes]:
    head = value[:TEXT_BYTES]
    return head, value if head == value else head + b"\xff"


class ColumnZones:
    """The zones of one column, of rows_each rows but the last. bounds [zones, 2]: of the values of each; counts
    [zones, 2]: how many values there are, and nulls."""

    def __init__(self, order: str, bounds: Array, counts: Array, rows_each: int) -> None:
        self.order = order
        self.rows_each = rows_each
        self._lows, self._highs = lows, highs = bounds.T
        self._values, self._nulls = values, nulls = counts.T
        filled = values > 0
        self._has_nulls, self._has_values = bool(nulls.any()), bool(filled.any())
        self._low: Any = None
        self._high: Any = None
        if self._has_values:
            text = order in _BYTES
            self._low = min(lows[filled].tolist()) if text else lows[filled].min()
            self._high = max(highs[filled].tolist()) if text else highs[filled].max()

    def __len__(self) -> int:
        return len(self._values)

    def excludes(self, test: ZoneTest) -> bool:
        """Whether the column as a whole shows that no row can match; some that it does not show, candidates()
        does."""
        if test.op == "null":
            return not self._has_nulls
        if not self._has_values:
            return True
        if test.op == "not_null":
            return False
        if test.op in (">", ">=", "in") and _below(self._high, test.lows[0], test.op == ">"):
            return True
        return test.op in ("<", "<=", "in") and _below(test.highs[-1], self._low, test.op == "<")

    def candidates(self, test: ZoneTest) -> Array:
        """bool[zones]: where a row may match."""
        if test.op == "null":
            return np.asarray(self._nulls > 0)
        filled = self._values > 0
        if test.op == "not_null":
            return np.asarray(filled)
        if test.op == "in":
            first = np.searchsorted(test.highs, self._lows)  # the least value that is not below the zone
            there = first < len(test.highs)
            least = test.lows[np.minimum(first, len(test.lows) - 1)]
            return filled & there & ~_below(self._highs, least, False)
        if test.op in (">", ">="):
            return filled & ~_below(self._highs, test.lows[0], test.op == ">")
        return filled & ~_below(test.highs[-1], self._lows, test.op == "<")


def _below(left: Any, right: Any, or_equal: bool) -> Any:
    """Never true of NaN."""
    return left <= right if or_equal else left < right


# -------------------------------------------------------------------- keeping


def zone_arrays(
    columns: Mapping[int, tuple[SqlType, pa.Array]], keep: Array, rows_each: int
) -> dict[str, Array]:
    """What a segment keeps of its columns, see segment.py; rows that are not kept are null."""
    counts: list[Array] = []
    texts: dict[str, Array] = {}
    starts = np.arange(0, len(keep), rows_each)
    kept = np.add.reduceat(keep, starts, dtype=np.int64)
    for attnum, (type, array) in columns.items():
        order = zone_order(type)
        valid = np.asarray(array.is_valid())
        values = np.add.reduceat(valid, starts, dtype=np.int64)
        lows = highs = np.full(len(starts), np.nan)
        if order in _BYTES:
            texts[str(attnum)] = _text_zones(array, starts, rows_each)
        elif order:
            lows, highs = _number_zones(array, valid, starts)
        counts.append(np.stack([lows, highs, values, kept - values], axis=1))
    return {"": np.stack(counts) if counts else np.zeros((0, len(starts), 4)), **texts}


def column_zones(
    type: SqlType, numbers: Array, texts: Array | None, rows_each: int
) -> ColumnZones:
    """One column's of zone_arrays(): numbers f64[zones, 4], texts S[zones, 2]."""
    order = zone_order(type)
    if (order in _BYTES) != (texts is not None):
        order = ""  # it was another one when they were written
    bounds = numbers[:, :2] if texts is None else texts
    return ColumnZones(order, bounds, numbers[:, 2:], rows_each)


def constant_zones(type: SqlType, value: pa.Array, row_count: int) -> ColumnZones:
    """Of a column that has one value throughout: an array of one element."""
    arrays = zone_arrays({0: (type, value)}, np.ones(1, np.bool_), 1)
    return column_zones(type, arrays[""][0], arrays.get("0"), row_count)


def _text_zones(array: pa.Array, starts: Array, rows_each: int) -> Array:
    ends = []
    for start in starts.tolist():
        found = pc.min_max(array.slice(start, rows_each)).as_py()
        low, high = ((found[side] or "").encode() for side in ("min", "max"))
        ends.append((_text_bounds(low)[0], _text_bounds(high)[1]))
    return np.array(ends, TEXT_FORM).reshape(-1, 2)


def _number_zones(array: pa.Array, valid: Array, starts: Array) -> tuple[Array, Array]:
    values = _numbers(array)
    if values.dtype != np.float64:
        ends = np.iinfo(values.dtype)
        lows = np.minimum.reduceat(np.where(valid, values, ends.max), starts)
        highs = np.maximum.reduceat(np.where(valid, values, ends.min), starts)
        return _rounded(lows, -np.inf), _rounded(highs, np.inf)
    unknown = valid & np.isnan(values)
    known = valid & ~unknown
    lows = np.minimum.reduceat(np.where(known, values, np.inf), starts)
    highs = np.maximum.reduceat(np.where(known, values, -np.inf), starts)
    if not pa.types.is_floating(array.type):
        lows, highs = _widened(lows, -np.inf), _widened(highs, np.inf)
    return lows, np.where(np.logical_or.reduceat(unknown, starts), np.nan, highs)


def _numbers(array: pa.Array) -> Array:
    """i64 or f64; whatever for nulls."""
    kind = array.type
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    elif pa.types.is_date32(kind):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        array = array.cast(pa.int64())
    elif not pa.types.is_integer(kind):
        array = array.cast(pa.float64())
        return np.asarray(array.fill_null(0.0))
    return np.asarray(array.cast(pa.int64()).fill_null(0))


def _rounded(values: Array, towards: float) -> Array:
    near = values.astype(np.float64)
    return np.where(np.abs(near) < _EXACT, near, np.nextafter(near, towards))


def _widened(values: Array, towards: float) -> Array:
    """Of numerics, whose float64 may be some way off."""
    with np.errstate(over="ignore"):
        beside = np.nextafter(values, towards)
        return np.asarray(beside + np.copysign(np.abs(beside) * _ROUNDING, towards))
