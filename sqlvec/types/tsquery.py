"""tsquery: datum TsQuery, operands and operators in PostgreSQL's order: operator, right side, left side.

Text 'fat' & ( 'rat':*B | !'cat' ) <-> 'dog'; binary int32 count, then per operand u8 1, u8 weights, u8 prefix,
its bytes and a zero, per operator u8 2, u8 kind, and of a phrase uint16 distance; Arrow the binary form.
Walks are over the sequence, not the tree: a query may be as deep as it is long.
Source: tsquery.c, tsquery_util.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import pyarrow as pa

from sqlvec.errors import InvalidBinaryRepresentation
from sqlvec.types.lexemes import quote
from sqlvec.types.sql_type import TypeDefinition

NOT, AND, OR, PHRASE = 1, 2, 3, 4
PRIORITIES = {NOT: 4, AND: 2, OR: 1, PHRASE: 3}
DISTANCE_MAX = 16_384
_WEIGHTS = ((8, "A"), (4, "B"), (2, "C"), (1, "D"))
_COUNT, _HALF = struct.Struct(">i"), struct.Struct(">H")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operand:
    """weights: a bit each of DCBA, 0 for any."""

    lexeme: str
    weights: int = 0
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    kind: int
    distance: int = 0


Item = Operand | Operator


class TsQuery:
    """items: in the order above; none is a query of nothing."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.items = items

    def fold(
        self,
        operand: Callable[[Operand], T],
        negation: Callable[[T], T],
        joined: Callable[[Operator, T, T], T],
    ) -> T:
        """The value of the tree from those of its leaves; joined takes the left side before the right."""
        stack: list[T] = []
        for item in reversed(self.items):
            if isinstance(item, Operand):
                stack.append(operand(item))
            elif item.kind == NOT:
                stack.append(negation(stack.pop()))
            else:
                right = stack.pop()
                stack.append(joined(item, stack.pop(), right))
        (value,) = stack
        return value

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        return tuple(item for item in self.items if isinstance(item, Operand))

    @cached_property
    def below_phrase(self) -> tuple[bool, ...]:
        """Of each item, whether it stands below a phrase operator, where positions count."""
        flags: list[bool] = []
        pending = [False]
        for item in self.items:
            inside = pending.pop()
            flags.append(inside)
            if isinstance(item, Operator):
                below = inside or item.kind == PHRASE
                pending += [below] if item.kind == NOT else [below, below]
        return tuple(flags)

    def tobytes(self) -> bytes:
        """The binary form; equal queries have equal bytes."""
        parts = [_COUNT.pack(len(self.items))]
        for item in self.items:
            if isinstance(item, Operand):
                parts.append(bytes([1, item.weights, item.prefix]) + item.lexeme.encode() + b"\0")
            else:
                parts.append(bytes([2, item.kind]))
                if item.kind == PHRASE:
                    parts.append(_HALF.pack(item.distance))
        return b"".join(parts)

    @cached_property
    def key(self) -> bytes:
        """Bytes that order as the queries do: by size, then operators before operands, right sides before
        left."""
        size = sum(len(operand.lexeme.encode()) + 1 for operand in self.operands)
        # Where both are alike up to an item, that item decides; a distance decides last of all.
        parts = [struct.pack(">II", len(self.items), size)]
        for item in self.items:
            if isinstance(item, Operator):
                parts.append(bytes([1, 9 - item.kind]))
            else:
                lexeme = item.lexeme.encode()
                parts.append(b"\2" + struct.pack(">q", _crc(lexeme) + (1 << 32)) + lexeme + b"\0")
        distances = [item.distance for item in self.items if isinstance(item, Operator)]
        return b"".join([*parts, *(_HALF.pack(0xFFFF - distance) for distance in distances)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TsQuery) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.items)

    def __lt__(self, other: TsQuery) -> bool:
        return self.key < other.key

    def __le__(self, other: TsQuery) -> bool:
        return self.key <= other.key

    def __gt__(self, other: TsQuery) -> bool:
        return self.key > other.key

    def __ge__(self, other: TsQuery) -> bool:
        return self.key >= other.key

    def __repr__(self) -> str:
        return f"TsQuery({render(self)})"


class TsQueryType(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def parse(self, text: str, typmod: int = -1) -> TsQuery:
        from sqlvec.types.tsquery_input import parse_tsquery

        return parse_tsquery(text)

    def render(self, datum: TsQuery) -> str:
        return render(datum)

    def encode(self, datum: TsQuery) -> bytes:
        return datum.tobytes()

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> TsQuery:
        try:
            return _checked(from_bytes(bytes(data)))
        except (struct.error, ValueError, IndexError) as error:
            raise InvalidBinaryRepresentation("insufficient data left in message") from error

    def to_arrow(self, datums: Sequence[TsQuery | None], typmod: int = -1) -> pa.Array:
        return pa.array([None if d is None else d.tobytes() for d in datums], pa.binary())

    def from_arrow(self, array: pa.Array) -> list[TsQuery | None]:
        return [None if form is None else from_bytes(form) for form in array.to_pylist()]


def from_bytes(form: bytes) -> TsQuery:
    (count,) = _COUNT.unpack_from(form)
    items: list[Item] = []
    place = _COUNT.size
    for _ in range(count):
        if form[place] == 1:
            end = form.index(b"\0", place + 3)
            lexeme = form[place + 3 : end].decode()
            items.append(Operand(lexeme, form[place + 1], bool(form[place + 2])))
            place = end + 1
        elif form[place] == 2:
            kind, distance = form[place + 1], 0
            place += 2
            if kind == PHRASE:
                (distance,) = _HALF.unpack_from(form, place)
                place += 2
            items.append(Operator(kind, distance))
        else:
            raise InvalidBinaryRepresentation(f"unrecognized tsquery node type: {form[place]}")
    return TsQuery(tuple(items))


def _checked(query: TsQuery) -> TsQuery:
    """A query of a client: every operator is known and has its sides."""
    depth = 0
    for item in reversed(query.items):
        if isinstance(item, Operand):
            depth += 1
            if item.weights > 15:
                raise InvalidBinaryRepresentation("invalid tsquery: invalid weight bitmap")
            continue
        if item.kind not in PRIORITIES:
            raise InvalidBinaryRepresentation(
                f"invalid tsquery: unrecognized operator type {item.kind}"
            )
        wanted = 1 if item.kind == NOT else 2
        if depth < wanted:
            raise InvalidBinaryRepresentation("invalid pointer to right operand")
        depth -= wanted - 1
    if query.items and depth != 1:
        raise InvalidBinaryRepresentation("malformed tsquery: extra nodes")
    return query


_Shown = tuple[list[str], int]  # the text in pieces, the priority


def render(query: TsQuery) -> str:
    if not query.items:
        return ""
    pieces, _ = query.fold(_show, _show_negation, _show_joined)
    return "".join(pieces)


def _show(operand: Operand) -> _Shown:
    marks = "*" if operand.prefix else ""
    marks += "".join(letter for bit, letter in _WEIGHTS if operand.weights & bit)
    return [quote(operand.lexeme) + (f":{marks}" if marks else "")], 9


def _show_negation(shown: _Shown) -> _Shown:
    pieces, priority = shown
    if priority < PRIORITIES[NOT]:
        pieces = ["( ", *pieces, " )"]
    return ["!", *pieces], PRIORITIES[NOT]


def _show_joined(operator: Operator, left: _Shown, right: _Shown) -> _Shown:
    priority = PRIORITIES[operator.kind]
    pieces = left[0] if left[1] >= priority else ["( ", *left[0], " )"]
    words = {AND: " & ", OR: " | "}
    word = words.get(operator.kind) or (
        " <-> " if operator.distance == 1 else f" <{operator.distance}> "
    )
    pieces.append(word)
    phrase_in_phrase = operator.kind == PHRASE and right[1] == priority
    if right[1] < priority or phrase_in_phrase:
        pieces += ["( ", *right[0], " )"]
    else:
        pieces += right[0]
    return pieces, priority


# ---------------------------------------------------------------- the checksum that orders operands


def _table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0xEDB88320 if number & 1 else 0)
        table.append(number)
    return tuple(table)


_CRC_TABLE = _table()


def _crc(data: bytes) -> int:
    """PostgreSQL's legacy CRC-32, which shifts to the left with the table for shifts to the right; negated."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[((crc >> 24) ^ byte) & 0xFF] ^ ((crc << 8) & 0xFFFFFFFF)
    crc ^= 0xFFFFFFFF
    return -(crc - (1 << 32) if crc >= 1 << 31 else crc)
