"""tsvector: datum TsVector, the lexemes of a document with their positions.

Text 'cat':3A,7 'rat':2; binary int32 count, then per lexeme its bytes, a zero, uint16 count, uint16 positions
(weight in the two upper bits); Arrow the binary form. Lexemes are distinct and ascend by their bytes.
Order, limits and messages are PostgreSQL's (tsvector.c, tsvector_op.c).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cached_property

import pyarrow as pa

from sqlvec.errors import InvalidBinaryRepresentation, ProgramLimitExceeded
from sqlvec.types.lexemes import (
    BYTES_MAX,
    POSITION_MAX,
    POSITIONS_MAX,
    WEIGHTS,
    LexemeReader,
    quote,
)
from sqlvec.types.sql_type import TypeDefinition

Entry = tuple[str, tuple[int, ...]]
_COUNT, _HALF = struct.Struct(">i"), struct.Struct(">H")
_TEXT_BYTES_MAX = (1 << 20) - 1


class TsVector:
    """entries: (lexeme, positions), sorted. A position is position | weight << 14."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries

    @classmethod
    def of(cls, found: Iterable[tuple[str, Sequence[int]]]) -> TsVector:
        """Of lexemes in any order, also repeated."""
        merged: dict[str, list[int]] = {}
        for lexeme, positions in found:
            merged.setdefault(lexeme, []).extend(positions)
        check_size(merged)
        return cls(tuple((lexeme, _distinct(merged[lexeme])) for lexeme in sorted(merged)))

    @cached_property
    def positions(self) -> dict[str, tuple[int, ...]]:
        return dict(self.entries)

    @cached_property
    def lexemes(self) -> list[str]:
        return [lexeme for lexeme, _ in self.entries]

    def tobytes(self) -> bytes:
        """The binary form; equal vectors have equal bytes."""
        parts = [_COUNT.pack(len(self.entries))]
        for lexeme, positions in self.entries:
            parts.append(lexeme.encode() + b"\0")
            parts.append(struct.pack(f">H{len(positions)}H", len(positions), *positions))
        return b"".join(parts)

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def key(self) -> bytes:
        """Bytes that order as the vectors do: by size in memory first, what has positions before what has
        not, more positions before fewer."""
        size = 0
        for lexeme, positions in self.entries:
            size += len(lexeme.encode())
            if positions:
                size += size % 2 + 2 + 2 * len(positions)
        count = len(self.entries)
        parts = [struct.pack(">II", size + 4 * count, count)]
        for lexeme, positions in self.entries:
            parts.append(b"\0" if positions else b"\1")
            parts.append(lexeme.encode() + b"\0" + _HALF.pack(0xFFFF - len(positions)))
            for p in positions:
                parts.append(_HALF.pack(0xFFFF - (p & POSITION_MAX)) + bytes([3 - (p >> 14)]))
        return b"".join(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TsVector) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __lt__(self, other: TsVector) -> bool:
        return self.key < other.key

    def __le__(self, other: TsVector) -> bool:
        return self.key <= other.key

    def __gt__(self, other: TsVector) -> bool:
        return self.key > other.key

    def __ge__(self, other: TsVector) -> bool:
        return self.key >= other.key

    def __repr__(self) -> str:
        return f"TsVector({render(self)})"


class TsVectorType(TypeDefinition):
    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def parse(self, text: str, typmod: int = -1) -> TsVector:
        reader = LexemeReader(text)
        found = []
        total = 0
        while (lexeme := reader.next()) is not None:
            check_lexeme(lexeme)
            total += len(lexeme.encode())
            if total > _TEXT_BYTES_MAX:
                raise ProgramLimitExceeded(
                    f"string is too long for tsvector ({total} bytes, max {_TEXT_BYTES_MAX} bytes)"
                )
            found.append((lexeme, reader.positions()))
        return TsVector.of(found)

    def render(self, datum: TsVector) -> str:
        return render(datum)

    def encode(self, datum: TsVector) -> bytes:
        return datum.tobytes()

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> TsVector:
        try:
            entries = _read(bytes(data))
        except (struct.error, ValueError) as error:
            raise InvalidBinaryRepresentation("insufficient data left in message") from error
        for lexeme, positions in entries:
            check_lexeme(lexeme)
            places = [position & POSITION_MAX for position in positions]
            if places != sorted(set(places)):
                raise InvalidBinaryRepresentation("position information is misordered")
        return TsVector.of(entries)

    def to_arrow(self, datums: Sequence[TsVector | None], typmod: int = -1) -> pa.Array:
        return pa.array([None if d is None else d.tobytes() for d in datums], pa.binary())

    def from_arrow(self, array: pa.Array) -> list[TsVector | None]:
        return [None if form is None else from_bytes(form) for form in array.to_pylist()]


def from_bytes(form: bytes) -> TsVector:
    """Of a binary form that we made."""
    return TsVector(tuple(_read(form)))


def render(vector: TsVector) -> str:
    parts = []
    for lexeme, positions in vector.entries:
        shown = ",".join(
            f"{p & POSITION_MAX}{WEIGHTS[p >> 14] if p >> 14 else ''}" for p in positions
        )
        parts.append(quote(lexeme) + (f":{shown}" if shown else ""))
    return " ".join(parts)


def check_lexeme(lexeme: str) -> None:
    size = len(lexeme.encode())
    if size > BYTES_MAX:
        raise ProgramLimitExceeded(f"word is too long ({size} bytes, max {BYTES_MAX} bytes)")


def check_size(lexemes: Iterable[str]) -> None:
    total = sum(len(lexeme.encode()) for lexeme in lexemes)
    if total > _TEXT_BYTES_MAX:
        raise ProgramLimitExceeded(
            f"string is too long for tsvector ({total} bytes, max {_TEXT_BYTES_MAX} bytes)"
        )


def _read(form: bytes) -> list[Entry]:
    (count,) = _COUNT.unpack_from(form)
    if not 0 <= count <= len(form):
        raise InvalidBinaryRepresentation("invalid size of tsvector")
    entries: list[Entry] = []
    place = _COUNT.size
    for _ in range(count):
        end = form.index(b"\0", place)
        lexeme = form[place:end].decode()
        (positions,) = _HALF.unpack_from(form, end + 1)
        place = end + 3 + 2 * positions
        entries.append((lexeme, struct.unpack_from(f">{positions}H", form, end + 3)))
    return entries


def _distinct(positions: Sequence[int]) -> tuple[int, ...]:
    """Ascending, the greatest weight of each place, as many as there may be."""
    if len(positions) < 2:
        return tuple(positions)
    best: dict[int, int] = {}
    for position in positions:
        place = position & POSITION_MAX
        best[place] = max(best.get(place, 0), position)
    return tuple(best[place] for place in sorted(best)[:POSITIONS_MAX])
