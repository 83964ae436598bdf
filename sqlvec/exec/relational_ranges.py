"""Functions over ranges and multiranges, which the relational engine holds as their datums; sql.render_ranges calls
them. Source: rangetypes.c, multirangetypes.c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from sqlvec import types
from sqlvec.errors import DataException, NullValueNotAllowed, SyntaxError
from sqlvec.types import SqlType, spans
from sqlvec.types.range_type import Multirange, Range
from sqlvec.types.spans import Spans
from sqlvec.types.zoned import in_zone

_FLAGS = frozenset(["[]", "[)", "(]", "()"])


def _definition(oid: int) -> Range | Multirange:
    found = SqlType(oid).definition
    assert isinstance(found, (Range, Multirange)), oid
    return found


def _spans(datum: bytes, oid: int) -> Spans:
    return _definition(oid).spans(datum)


def _key(text: str, oid: int) -> Any:
    definition = _definition(oid)
    if definition.subtype.oid == types.NUMERIC.oid:
        return definition.key(definition.subtype.parse(text))
    return int(text)


def parse(text: str, oid: int, zone: str) -> bytes:
    found: bytes = in_zone(_definition(oid), zone).parse(text)
    return found


def shown(datum: bytes, oid: int, zone: str) -> str:
    return in_zone(_definition(oid), zone).render(datum)


def key(datum: bytes, oid: int) -> bytes:
    return _definition(oid).sort_key(datum)


def make(lower: str | None, upper: str | None, flags: str | None, oid: int) -> bytes:
    """The range of two values, NULL where it has no bound."""
    if flags is None:
        raise DataException("range constructor flags argument must not be null")
    if flags not in _FLAGS:
        raise SyntaxError(
            "invalid range bound flags", hint='Valid values are "[]", "[)", "(]", and "()".'
        )
    of = _definition(oid)
    assert isinstance(of, Range), oid
    low, high = (None if end is None else of.value(_key(end, oid)) for end in (lower, upper))
    return of.datum(of.between(low, high, flags))


def join(ranges: Sequence[bytes | None] | None, oid: int) -> bytes | None:
    """The multirange of ranges."""
    if ranges is None:
        return None
    of = _definition(oid)
    assert isinstance(of, Multirange), oid
    found: list[spans.Span] = []
    for datum in ranges:
        if datum is None:
            if len(ranges) == 1:
                return None
            raise NullValueNotAllowed("multirange values cannot contain null members")
        found += of.range.spans(datum)
    return of.datum(spans.normalized(found))


def parts(datum: bytes, oid: int) -> list[bytes]:
    """The ranges of a multirange."""
    of = _definition(oid)
    assert isinstance(of, Multirange), oid
    return [of.range.datum((pair,)) for pair in of.spans(datum)]


def holds(datum: bytes, oid: int, value: str) -> bool:
    return spans.contains_key(_spans(datum, oid), _key(value, oid))


def relation(name: str, left: bytes, left_oid: int, right: bytes, right_oid: int) -> bool:
    return spans.RELATIONS[name](_spans(left, left_oid), _spans(right, right_oid))


def arithmetic(name: str, left: bytes, right: bytes, oid: int) -> bytes:
    operation, what = spans.ARITHMETIC[name]
    definition = _definition(oid)
    found = operation(definition.spans(left), definition.spans(right))
    return definition.datum(spans.contiguous(found, what) if isinstance(definition, Range) else found)


def hull(datums: Sequence[bytes | None], oid: int, result: int) -> bytes | None:
    """The least range that holds all."""
    found: list[spans.Span] = []
    for datum in datums:
        if datum is None:
            return None
        found += _spans(datum, oid)
    return _definition(result).datum(spans.hull(found))


def bound(name: str, datum: bytes, oid: int) -> str | None:
    """The value of lower() or upper(); None where there is none."""
    definition = _definition(oid)
    value = definition.spans(datum)
    if not value:
        return None
    edge = value[0][0] if name == "lower" else value[-1][1]
    if edge[0]:
        return None
    found = definition.value(edge[1])
    return str(found) if isinstance(found, int) else definition.subtype.render(found)


def test(name: str, datum: bytes, oid: int) -> bool:
    value = _spans(datum, oid)
    if name == "isempty" or not value:
        return name == "isempty" and not value
    edge = value[0][0] if name.startswith("lower") else value[-1][1]
    return edge[0] != 0 if name.endswith("inf") else edge[0] == 0 and edge[2] == 0


# ---------------------------------------------------------------- aggregates


def aggregate(datums: Sequence[bytes | None], oid: int, result: int) -> bytes | None:
    """range_agg: the multirange of all, NULL passed over; of none NULL."""
    if all(datum is None for datum in datums):
        return None
    found = [pair for datum in datums if datum is not None for pair in _spans(datum, oid)]
    return _definition(result).datum(spans.normalized(found))


def intersect_aggregate(datums: Sequence[bytes | None], oid: int) -> bytes | None:
    values = [_spans(datum, oid) for datum in datums if datum is not None]
    return _definition(oid).datum(reduce(spans.intersection, values)) if values else None


_TEXT, _BLOB, _BLOBS, _LONG, _BOOL = "VARCHAR", "BLOB", "BLOB[]", "BIGINT", "BOOLEAN"
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("range_parse", parse, [_TEXT, _LONG, _TEXT], _BLOB),
    ("range_shown", shown, [_BLOB, _LONG, _TEXT], _TEXT),
    ("range_key", key, [_BLOB, _LONG], _BLOB),
    ("range_parts", parts, [_BLOB, _LONG], _BLOBS),
    ("range_holds", holds, [_BLOB, _LONG, _TEXT], _BOOL),
    ("range_relation", relation, [_TEXT, _BLOB, _LONG, _BLOB, _LONG], _BOOL),
    ("range_arithmetic", arithmetic, [_TEXT, _BLOB, _BLOB, _LONG], _BLOB),
    ("range_hull", hull, [_BLOBS, _LONG, _LONG], _BLOB),
    ("range_bound", bound, [_TEXT, _BLOB, _LONG], _TEXT),
    ("range_test", test, [_TEXT, _BLOB, _LONG], _BOOL),
    ("range_join", join, [_BLOBS, _LONG], _BLOB),
    ("range_aggregate", aggregate, [_BLOBS, _LONG, _LONG], _BLOB),
    ("range_intersect_aggregate", intersect_aggregate, [_BLOBS, _LONG], _BLOB),
    ("range_make", make, [_TEXT, _TEXT, _TEXT, _LONG], _BLOB),
]
TAKES_NULL = frozenset(["range_make"])
