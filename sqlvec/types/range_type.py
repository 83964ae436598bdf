"""Ranges and multiranges: datum bytes, which order as PostgreSQL orders the values.

    range       span, or u8 0 for the empty one; then scales
    multirange  span*, u8 0; then scales
    span        u8 1, lower, upper
    lower       u8 0 for none, else u8 1, key, u8 inclusive 0 | exclusive 1
    upper       u8 2 for none, else u8 1, key, u8 exclusive 0 | inclusive 1
    key         of whole numbers, dates and moments u64 big-endian, the value + 2^63; of numerics u8 sign
                (0 -infinity, 1 negative, 2 zero, 3 positive, 4 infinity, 5 NaN), then u32 weight and the digits
                without zeros at either end, closed by u8 0; all of a negative one's complemented
    scales      u16 for each key of a numeric, how many decimals it shows; not part of the order (sort_key)

Text [1,10), binary u8 flags and int32 length and value of each bound; of multiranges {[1,3),[5,7)} and int32 count and
int32 length and binary of each range. Source: rangetypes.c, multirangetypes.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sqlvec.errors import (
    DatabaseError,
    DatetimeFieldOverflow,
    InvalidBinaryRepresentation,
    NumericValueOutOfRange,
    ProtocolViolation,
)
from sqlvec.types import spans
from sqlvec.types.calendar import DATE_INFINITY, DATE_MAX, DATE_MINUS_INFINITY
from sqlvec.types.range_literal import multirange_words, quoted_bound, range_words
from sqlvec.types.spans import Edge, Span, Spans
from sqlvec.types.sql_type import BINARY_MISMATCH, REGISTRY, SqlType, TypeDefinition

_NUMERIC, _DATE = 1700, 1082
NUMERIC_RANGES = (3906, 4532)  # whose datums are not their sort keys
_EMPTY, _LOWER_INC, _UPPER_INC, _LOWER_INF, _UPPER_INF = 1, 2, 4, 8, 16
_SIZE = struct.Struct(">i")
_OFFSET = 2**63
_WEIGHT_OFFSET = 2**31
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_Limit = tuple[int, type[DatabaseError], str]
_DISCRETE: dict[int, _Limit] = {  # by the subtype: its last value, and the error of what would be after
    23: (2**31 - 1, NumericValueOutOfRange, "integer out of range"),
    20: (2**63 - 1, NumericValueOutOfRange, "bigint out of range"),
    _DATE: (DATE_MAX, DatetimeFieldOverflow, "date out of range"),
}
_INFINITE_DAYS = (DATE_INFINITY, DATE_MINUS_INFINITY)


class _Spans(TypeDefinition):
    """What both have: datums as spans."""

    subtype: TypeDefinition

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def datum(self, value: Spans) -> bytes:
        head = b"".join(self._packed(lower, upper) for lower, upper in value)
        return head + b"\0" * self._closes(value) + self._scales(value)

    def spans(self, datum: bytes) -> Spans:
        found = []
        at = 0
        while at < len(datum) and datum[at] == 1:
            lower, at = self._edge(datum, at + 1, lower=True)
            upper, at = self._edge(datum, at, lower=False)
            found.append((lower, upper))
        if self.subtype.oid != _NUMERIC:
            return tuple(found)
        return tuple(self._scaled(found, datum[at + self._closes(found) :]))

    def sort_key(self, datum: bytes) -> bytes:
        """Equal for equal values."""
        if self.subtype.oid != _NUMERIC:
            return datum
        bounds = sum(e[0] == 0 for pair in self.spans(datum) for e in pair)
        return datum[: len(datum) - 2 * bounds]

    def _closes(self, value: Spans | list[Span]) -> bool:
        """Whether a byte 0 follows the spans."""
        return not value

    # ---------------------------------------------------------------- values and keys

    def key(self, value: Any) -> Any:
        """What edges compare for a value of the subtype."""
        if isinstance(value, Decimal):
            return (1, Decimal(0)) if value.is_nan() else (0, value)
        return value

    def value(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return Decimal("NaN") if key[0] else key[1]
        return key

    def _packed(self, lower: Edge, upper: Edge) -> bytes:
        low = b"\0" if lower[0] else b"\1" + self._key_bytes(lower[1]) + bytes([lower[2]])
        high = b"\2" if upper[0] else b"\1" + self._key_bytes(upper[1]) + bytes([upper[2] + 1])
        return b"\1" + low + high

    def _edge(self, datum: bytes, at: int, *, lower: bool) -> tuple[Edge, int]:
        if datum[at] != 1:
            return (spans.UNBOUNDED_BELOW if lower else spans.UNBOUNDED_ABOVE), at + 1
        key, at = self._read_key(datum, at + 1)
        offset = datum[at] if lower else datum[at] - 1
        return (0, key, offset), at + 1

    def _key_bytes(self, key: Any) -> bytes:
        if isinstance(key, tuple):
            return _numeric_bytes(self.value(key))
        return int(key + _OFFSET).to_bytes(8)

    def _read_key(self, datum: bytes, at: int) -> tuple[Any, int]:
        if self.subtype.oid == _NUMERIC:
            value, at = _read_numeric(datum, at)
            return self.key(value), at
        return int.from_bytes(datum[at : at + 8]) - _OFFSET, at + 8

    def _scales(self, value: Spans) -> bytes:
        if self.subtype.oid != _NUMERIC:
            return b""
        keys = [e[1] for pair in value for e in pair if e[0] == 0]
        return b"".join(_scale(self.value(key)).to_bytes(2) for key in keys)

    def _scaled(self, value: list[Span], scales: bytes) -> Iterator[Span]:
        places = iter(struct.unpack(f">{len(scales) // 2}H", scales))
        for pair in value:
            lower, upper = (
                e if e[0] else (0, (e[1][0], _with_scale(e[1][1], next(places))), e[2]) for e in pair
            )
            yield lower, upper


class Range(_Spans):
    def __init__(self, oid: int, name: str, *, subtype_oid: int, **fields: Any) -> None:
        super().__init__(oid, name, kind="r", category="R", routine="range_", **fields)
        self.subtype = REGISTRY[subtype_oid]

    def between(self, lower: Any, upper: Any, flags: str) -> Spans:
        """The range of two values, None where it has no bound; flags: "[)" and the like."""
        low = spans.edge(_keyed(self, lower), lower=True, inclusive=flags[0] == "[")
        high = spans.edge(_keyed(self, upper), lower=False, inclusive=flags[1] == "]")
        return self._canonical(spans.span(low, high))

    def _canonical(self, value: Spans) -> Spans:
        """Ranges of whole numbers and days include their first and exclude what is after their last."""
        limit = _DISCRETE.get(self.subtype.oid)
        if limit is None or not value:
            return value
        ((lower, upper),) = value
        if lower[0] == 0 and lower[2] == 1:
            lower = self._following(lower, limit)
        if upper[0] == 0 and upper[2] == 0:
            following = self._following(upper, limit)
            upper = upper if following is upper else (0, following[1], -1)
        return spans.span(lower, upper)

    def _following(self, edge: Edge, limit: _Limit) -> Edge:
        """The edge at the next value; the same where there is none."""
        if self.subtype.oid == _DATE and edge[1] in _INFINITE_DAYS:
            return edge
        most, error, message = limit
        if edge[1] >= most:
            raise error(message)
        return (0, edge[1] + 1, 0)

    # ---------------------------------------------------------------- text and binary

    def parse(self, text: str, typmod: int = -1) -> bytes:
        words = range_words(text)
        if words is None:
            return self.datum(())
        lower, upper, flags = words
        low, high = (None if word is None else self.subtype.parse(word) for word in (lower, upper))
        return self.datum(self.between(low, high, flags))

    def render(self, datum: bytes) -> str:
        return self.text_of(self.spans(datum))

    def text_of(self, value: Spans) -> str:
        if not value:
            return "empty"
        ((lower, upper),) = value
        low, high = (
            "" if e[0] else quoted_bound(self.subtype.render(self.value(e[1]))) for e in (lower, upper)
        )
        opens = "[" if lower[0] == 0 and lower[2] == 0 else "("
        return f"{opens}{low},{high}{']' if upper[0] == 0 and upper[2] == 0 else ')'}"

    def encode(self, datum: bytes) -> bytes:
        return self.bytes_of(self.spans(datum))

    def bytes_of(self, value: Spans) -> bytes:
        if not value:
            return bytes([_EMPTY])
        ((lower, upper),) = value
        flags = _LOWER_INF if lower[0] else 0 if lower[2] else _LOWER_INC
        flags |= _UPPER_INF if upper[0] else 0 if upper[2] else _UPPER_INC
        parts = [bytes([flags])]
        for end in (lower, upper):
            if end[0] == 0:
                body = self.subtype.encode(self.value(end[1]))
                parts += [_SIZE.pack(len(body)), body]
        return b"".join(parts)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        return self.datum(self.received(bytes(data)))

    def received(self, raw: bytes) -> Spans:
        if not raw:
            raise ProtocolViolation("no data left in message")
        flags, at = raw[0], 1
        ends: list[Any] = []
        for absent in (_EMPTY | _LOWER_INF, _EMPTY | _UPPER_INF):
            if flags & absent:
                ends.append(None)
                continue
            body, at = _sized(raw, at)
            ends.append(self.subtype.decode(body))
        if at != len(raw):
            raise InvalidBinaryRepresentation(BINARY_MISMATCH)
        if flags & _EMPTY:
            return ()
        brackets = ("[" if flags & _LOWER_INC else "(") + ("]" if flags & _UPPER_INC else ")")
        return self.between(ends[0], ends[1], brackets)


class Multirange(_Spans):
    def __init__(self, oid: int, name: str, *, range_oid: int, **fields: Any) -> None:
        super().__init__(oid, name, kind="m", category="R", routine="multirange_", **fields)
        of = REGISTRY[range_oid]
        assert isinstance(of, Range), range_oid
        self.range = of
        self.subtype = of.subtype

    def _closes(self, value: Spans | list[Span]) -> bool:
        return True

    def parse(self, text: str, typmod: int = -1) -> bytes:
        ranges = [self.range.spans(self.range.parse(word)) for word in multirange_words(text)]
        return self.datum(spans.normalized(pair for value in ranges for pair in value))

    def render(self, datum: bytes) -> str:
        return "{" + ",".join(self.range.text_of((pair,)) for pair in self.spans(datum)) + "}"

    def encode(self, datum: bytes) -> bytes:
        ranges = [self.range.bytes_of((pair,)) for pair in self.spans(datum)]
        return _SIZE.pack(len(ranges)) + b"".join(_SIZE.pack(len(one)) + one for one in ranges)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        raw = bytes(data)
        if len(raw) < 4:
            raise ProtocolViolation("insufficient data left in message")
        (count,), at = _SIZE.unpack_from(raw), 4
        ranges: list[Span] = []
        for _ in range(count):
            body, at = _sized(raw, at)
            ranges += self.range.received(body)
        if at != len(raw):
            raise InvalidBinaryRepresentation(BINARY_MISMATCH)
        return self.datum(spans.normalized(ranges))


def sort_key_of(sql_type: SqlType) -> Callable[[bytes], bytes]:
    definition = sql_type.definition
    assert isinstance(definition, (Range, Multirange)), sql_type
    return definition.sort_key


def _keyed(definition: Range, value: Any) -> Any:
    return None if value is None else definition.key(value)


def _sized(raw: bytes, at: int) -> tuple[bytes, int]:
    """What an int32 length is in front of, and where it ends."""
    if at + 4 > len(raw):
        raise ProtocolViolation("insufficient data left in message")
    (size,) = _SIZE.unpack_from(raw, at)
    end = at + 4 + size
    if size < 0 or end > len(raw):
        raise ProtocolViolation("insufficient data left in message")
    return raw[at + 4 : end], end


# ---------------------------------------------------------------- numerics


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _with_scale(value: Decimal, scale: int) -> Decimal:
    """The same number showing that many decimals."""
    if not value.is_finite():
        return value
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), value
    return Decimal((sign, (*digits, *[0] * (exponent + scale)), -scale))


def _numeric_bytes(value: Decimal) -> bytes:
    if not value.is_finite():
        return b"\5" if value.is_nan() else b"\0" if value < 0 else b"\4"
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), value
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return b"\2"
    weight = len(text) + exponent
    body = (weight + _WEIGHT_OFFSET).to_bytes(4) + text.rstrip("0").encode() + b"\0"
    return b"\1" + body.translate(_COMPLEMENT) if sign else b"\3" + body


def _read_numeric(datum: bytes, at: int) -> tuple[Decimal, int]:
    kind = datum[at]
    at += 1
    if kind not in (1, 3):
        return Decimal({0: "-Infinity", 2: "0", 4: "Infinity", 5: "NaN"}[kind]), at
    end = datum.index(b"\xff" if kind == 1 else b"\0", at + 4)
    body = datum[at:end].translate(_COMPLEMENT) if kind == 1 else datum[at:end]
    digits = tuple(byte - 48 for byte in body[4:])
    exponent = int.from_bytes(body[:4]) - _WEIGHT_OFFSET - len(digits)
    return Decimal((kind == 1, digits, exponent)), end + 1
