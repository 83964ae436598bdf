"""Casts between types, one value at a time; PostgreSQL's rounding and range errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import tzinfo
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from sqlvec import types
from sqlvec.errors import DatetimeFieldOverflow, NumericValueOutOfRange
from sqlvec.exec.relational_json import boolean, number
from sqlvec.exec.relational_network import network as to_network
from sqlvec.exec.relational_network import text as network_text
from sqlvec.exec.vector_functions import cast_to_vector, floats, is_vector
from sqlvec.types import SqlType
from sqlvec.types.calendar import TIMESTAMP_END
from sqlvec.types.regconfig import RegName
from sqlvec.types.shaped_array import is_shaped, of_lists
from sqlvec.types.time_zone import local_offset, utc_offset, zone_named
from sqlvec.types.zoned import in_zone

_RANGES = {
    types.INT2.oid: (-(2**15), 2**15 - 1, "smallint"),
    types.INT4.oid: (-(2**31), 2**31 - 1, "integer"),
    types.INT8.oid: (-(2**63), 2**63 - 1, "bigint"),
    types.OID.oid: (0, 2**32 - 1, "oid"),
}
_JSON = (types.JSON.oid, types.JSONB.oid)
_NUMBERS = frozenset(
    t.oid for t in (types.INT2, types.INT4, types.INT8, types.NUMERIC, types.FLOAT4, types.FLOAT8)
)
_FLOATS = (types.FLOAT4.oid, types.FLOAT8.oid)
_TEXTS = (
    types.TEXT.oid, types.VARCHAR.oid, types.BPCHAR.oid, types.NAME.oid, types.UNKNOWN.oid,
)  # fmt: skip
_BITS = (types.BIT.oid, types.VARBIT.oid)
_NETWORKS = (types.INET.oid, types.CIDR.oid)
_DAY_US = 86_400_000_000
_ZONED = frozenset([types.TIMESTAMPTZ.oid, types.TIMETZ.oid])
_LOCAL = {types.TIMESTAMP.oid: 1, types.DATE.oid: _DAY_US}  # microseconds of their unit
_INFINITE = {1: (2**63 - 1, -(2**63)), _DAY_US: (2**31 - 1, -(2**31))}


def check_range(value: int, oid: int) -> int:
    """value, if it is within the integer type."""
    low, high, name = _RANGES[oid]
    if not low <= value <= high:
        raise NumericValueOutOfRange(f"{name} out of range")
    return value


def cast_function(
    source: SqlType, target: SqlType, *, explicit: bool, zone: str = ""
) -> Callable[[Any], Any] | None:
    """The function from source datum to target datum; None when the datum stays as it is. zone is the
    session's, "" for UTC."""
    convert = _in_zone(source, target, zone) if zone else None
    convert = convert or _conversion(source, target)
    definition, typmod = target.definition, target.typmod
    if typmod < 0 or (source.oid == target.oid and source.typmod == typmod):
        return convert
    if convert is None:
        return lambda value: definition.apply_typmod(value, typmod, explicit)
    return lambda value: definition.apply_typmod(convert(value), typmod, explicit)


def _conversion(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    if source.oid == target.oid:
        return None
    if is_vector(target) and source.oid not in _TEXTS:
        return cast_to_vector(source, target)
    if is_vector(source) and types.element_of(target) is not None:
        return floats
    if target.oid in _BITS or source.oid in _BITS:
        return _of_bits(source, target)
    if isinstance(source.definition, RegName) and target.oid in _RANGES:
        return source.definition.names.__getitem__
    if source.oid in _JSON and (target.oid in (types.BOOL.oid, *_NUMBERS)):
        return _of_json(target)
    if target.oid in _RANGES:
        return _to_integer(source, target.oid)
    if target.oid in _FLOATS and source.oid not in _TEXTS:
        if source.oid == types.NUMERIC.oid:
            return _numeric_to_float(source, target)
        return _to_float4 if target.oid == types.FLOAT4.oid else float
    if target.oid == types.NUMERIC.oid and source.oid not in _TEXTS:
        return _to_numeric(source)
    if source.oid in _NETWORKS and target.oid not in (source.oid, types.INET.oid):
        return network_text if target.oid in _TEXTS else to_network
    if is_shaped(target) and source.oid not in _TEXTS:
        return _with_shape(source, target)
    if target.oid in _TEXTS:
        render = source.definition.render
        if source.oid == types.BOOL.oid:
            return lambda value: "true" if value else "false"
        return None if source.oid in _TEXTS else render
    dates = (types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid)
    if target.oid in dates and source.oid == types.DATE.oid:
        return _midnight
    if target.oid == types.DATE.oid and source.oid in dates:
        return _day
    if target.oid in dates and source.oid in dates:
        return None
    if target.oid == types.BOOL.oid and source.oid in _RANGES:
        return bool
    return _through_text(source, target)


def depends_on_zone(source: SqlType, target: SqlType) -> bool:
    """Whether the session's time zone decides what a cast gives."""
    return source.oid != target.oid and not _ZONED.isdisjoint((source.oid, target.oid))


def _in_zone(source: SqlType, target: SqlType, zone: str) -> Callable[[Any], Any] | None:
    """Local time to a moment and back; None for what the zone does not matter to."""
    if not depends_on_zone(source, target):
        return None
    if target.oid == types.TIMESTAMPTZ.oid and source.oid in _LOCAL:
        unit = _LOCAL[source.oid]
        return lambda value: _moment(value, unit, zone)
    if source.oid == types.TIMESTAMPTZ.oid and target.oid in _LOCAL:
        unit = _LOCAL[target.oid]
        return lambda value: _local(value, unit, zone)
    parse = in_zone(target.definition, zone).parse
    if source.oid in _TEXTS:
        return lambda value: parse(value, -1)
    render = in_zone(source.definition, zone).render
    return render if target.oid in _TEXTS else lambda value: parse(render(value), -1)


def _with_shape(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    """Lists, and lists of lists, as arrays of any shape."""
    of = types.element_of(source)
    assert of is not None, source
    render, parse = of.definition.render, target.definition.parse
    return lambda value: parse(of_lists(value, render))


def _infinity(value: int, unit: int, wanted: int) -> int | None:
    """infinity or -infinity as the one of counts of another unit; None for what is finite."""
    known = _INFINITE[unit]
    return _INFINITE[wanted][known.index(value)] if value in known else None


def _midnight(days: int) -> int:
    if (infinity := _infinity(days, _DAY_US, 1)) is not None:
        return infinity
    if days * _DAY_US >= TIMESTAMP_END:
        raise DatetimeFieldOverflow("date out of range for timestamp")
    return days * _DAY_US


def _day(microseconds: int) -> int:
    if (infinity := _infinity(microseconds, 1, _DAY_US)) is not None:
        return infinity
    return microseconds // _DAY_US


def _moment(value: int, unit: int, zone: str) -> int:
    if (infinity := _infinity(value, unit, 1)) is not None:
        return infinity
    local = value * unit
    return local - local_offset(_tzinfo(zone), local) * 1_000_000


def _local(value: int, unit: int, zone: str) -> int:
    if (infinity := _infinity(value, 1, unit)) is not None:
        return infinity
    return (value + utc_offset(_tzinfo(zone), value) * 1_000_000) // unit


def _tzinfo(zone: str) -> tzinfo:
    found = zone_named(zone)
    assert found is not None, zone
    return found


def _through_text(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    parse = target.definition.parse
    if source.oid in _TEXTS:
        return lambda value: parse(value, -1)
    render = source.definition.render
    return lambda value: parse(render(value), -1)


def _to_integer(source: SqlType, oid: int) -> Callable[[Any], Any]:
    if source.oid in _TEXTS:
        return _through_text(source, SqlType(oid))
    if source.oid in _FLOATS:
        return lambda value: _round_float(value, oid)
    if source.oid == types.NUMERIC.oid:
        return lambda value: _round_numeric(value, oid)
    return lambda value: check_range(int(value), oid)


def _round_float(value: float, oid: int) -> int:
    if not math.isfinite(value):
        raise NumericValueOutOfRange(f"{_RANGES[oid][2]} out of range")
    return check_range(int(Decimal(value).quantize(Decimal(1), ROUND_HALF_EVEN)), oid)


def _round_numeric(value: Decimal, oid: int) -> int:
    if not value.is_finite():
        name = "NaN" if value.is_nan() else "infinity"
        raise NumericValueOutOfRange(f"cannot convert {name} to {_RANGES[oid][2]}")
    return check_range(int(value.to_integral_value(ROUND_HALF_UP)), oid)


def _of_bits(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    """Between bit strings, numbers (two's complement) and text."""
    if source.oid in _BITS and target.oid in _BITS:
        return None
    if source.oid in _RANGES:
        size = max(target.typmod, 1)
        return lambda value: integer_bits(value, size)
    if target.oid in _RANGES:
        return lambda bits: bits_integer(bits, target.oid)
    return _through_text(source, target)


def integer_bits(value: int, size: int) -> str:
    return format(value & ((1 << size) - 1), f"0{size}b")


def bits_integer(bits: str, oid: int) -> int:
    low, high, name = _RANGES[oid]
    if len(bits) > high.bit_length() + 1:
        raise NumericValueOutOfRange(f"{name} out of range")
    value = int("0" + bits, 2)
    return value if value <= high else value + 2 * low


def _of_json(target: SqlType) -> Callable[[Any], Any]:
    """A number or boolean of jsonb; what it is otherwise says the error."""
    if target.oid == types.BOOL.oid:
        return boolean
    exact = None if target.oid == types.NUMERIC.oid else _conversion(types.NUMERIC, target.bare)

    def convert(text: str) -> Any:
        digits = number(text, target.name)
        if digits is None:
            return None
        value = types.NUMERIC.definition.parse(digits)
        return value if exact is None else exact(value)

    return convert


def _numeric_to_float(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    """A number that the float cannot hold is refused by who reads its digits."""
    plain = _to_float4 if target.oid == types.FLOAT4.oid else float
    strict = _through_text(source, target)

    def convert(value: Any) -> Any:
        found = plain(value)
        return found if math.isfinite(found) or not value.is_finite() else strict(value)

    return convert


def _to_float4(value: Any) -> float:
    import numpy as np

    return float(np.float32(value))


def _to_numeric(source: SqlType) -> Callable[[Any], Any]:
    if source.oid in _FLOATS:
        digits = 6 if source.oid == types.FLOAT4.oid else 15
        return lambda value: Decimal(f"{value:.{digits}g}")
    return Decimal
