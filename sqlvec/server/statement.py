"""What the extended protocol keeps between messages: statements with what was worked out for them, portals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.errors import DatabaseError, InvalidParameterValue, ProtocolViolation
from sqlvec.exec.arrow_rows import BatchEncoder
from sqlvec.pgwire import backend
from sqlvec.types.shaped_array import public_oid
from sqlvec.types.sql_type import BINARY_MISMATCH
from sqlvec.types.zoned import in_zone

if TYPE_CHECKING:
    from sqlvec.database import Prepared
    from sqlvec.exec.cursor import Cursor
    from sqlvec.sql.bound import OutputColumn

Decode = Callable[[Any], Any]


@dataclass(slots=True)
class Statement:
    """A prepared statement of the protocol; prepared None is the empty query."""

    prepared: Prepared | None
    descriptions: dict[tuple[int, ...], bytes] = field(default_factory=dict)
    encoders: dict[tuple[tuple[int, ...], str], BatchEncoder] = field(default_factory=dict)
    bindings: dict[Any, Binding] = field(default_factory=dict)

    def binding(
        self, name: str, formats: tuple[int, ...], count: int, results: tuple[int, ...], zone: str
    ) -> Binding:
        """What the counts and format codes of a Bind message mean; 08P01 when they do not fit."""
        key = (formats, results, count, zone)
        found = self.bindings.get(key)
        if found is None:
            found = _binding(self.prepared, name, formats, count, results, zone)
            self.bindings[key] = found
        return found

    def description(self, formats: tuple[int, ...]) -> bytes:
        """RowDescription, or NoData."""
        prepared = self.prepared
        if prepared is None or prepared.columns is None:
            return backend.NO_DATA
        found = self.descriptions.get(formats)
        if found is None:
            found = self.descriptions[formats] = row_description(prepared.columns, formats)
        return found

    def encoder(
        self, columns: tuple[OutputColumn, ...], formats: tuple[int, ...], zone: str
    ) -> BatchEncoder:
        """columns are those of a result, which in a FETCH are known no sooner."""
        if self.prepared is None or self.prepared.columns is not columns:
            return row_encoder(columns, formats, zone)
        found = self.encoders.get((formats, zone))
        if found is None:
            found = self.encoders[formats, zone] = row_encoder(columns, formats, zone)
        return found


@dataclass(frozen=True, slots=True)
class Binding:
    """What the format codes of a Bind message mean for one statement."""

    decoders: tuple[Decode, ...]
    codes: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(slots=True)
class Portal:
    """A statement with its parameters. Rows taken in one go need no cursor; a limit or a name does."""

    statement: Statement
    parameters: Sequence[Any]
    formats: tuple[int, ...]
    cursor: Cursor | None = None
    finished: bool = False


def _binding(
    prepared: Prepared | None,
    name: str,
    formats: tuple[int, ...],
    count: int,
    results: tuple[int, ...],
    zone: str,
) -> Binding:
    wanted = prepared.parameter_types if prepared else ()
    if count != len(wanted):
        raise ProtocolViolation(
            f"bind message supplies {count} parameters, but prepared statement "
            f'"{name}" requires {len(wanted)}'
        )
    if len(formats) not in (0, 1, count):
        raise ProtocolViolation(
            f"bind message has {len(formats)} parameter formats but {count} parameters"
        )
    columns = prepared.columns if prepared else None
    width = len(columns) if columns else 0
    if len(results) not in (0, 1, width) and columns is not None:
        raise ProtocolViolation(
            f"bind message has {len(results)} result formats but query has {width} columns"
        )
    codes = spread(formats, count)
    decoders = tuple(_decoder(t, code, zone) for t, code in zip(wanted, codes, strict=True))
    return Binding(decoders, codes, spread(results, width))


def spread(formats: Sequence[int], count: int) -> tuple[int, ...]:
    """One format code a column: none means text, one stands for all."""
    if len(formats) == 1:
        return (formats[0],) * count
    return tuple(formats) if formats else (0,) * count


def _decoder(sql_type: types.SqlType, code: int, zone: str) -> Decode:
    definition = in_zone(sql_type.definition, zone)
    if code == 1:
        return definition.decode
    if code:
        return _unsupported(code)
    parse, decode_text = definition.parse, types.TEXT.definition.decode
    return lambda data: parse(decode_text(data))


def _unsupported(code: int) -> Decode:
    def refuse(data: Any) -> Any:
        raise InvalidParameterValue(f"unsupported format code: {code}")

    return refuse


def misfit(
    error: DatabaseError, binding: Binding, values: Sequence[bytes | None], portal: str
) -> DatabaseError:
    """The error of a parameter that cannot be decoded, saying which it is."""
    index = next(i for i, value in enumerate(values) if _fails(binding.decoders[i], value))
    if error.message == BINARY_MISMATCH:
        error.message += f" in bind parameter {index + 1}"
    error.where = f"{portal_shown(portal)} parameter ${index + 1}"
    if binding.codes[index] == 0 and error.sqlstate != "22021":
        error.where += " = '...'"
    return error


def portal_shown(name: str) -> str:
    return f'portal "{name}"' if name else "unnamed portal"


def _fails(decode: Decode, value: bytes | None) -> bool:
    try:
        if value is not None:
            decode(value)
    except DatabaseError:
        return True
    return False


def row_description(columns: Sequence[OutputColumn], formats: tuple[int, ...]) -> bytes:
    described = [
        (c.name, c.table_oid, c.attnum, public_oid(c.type.oid), c.type.definition.length, c.type.typmod)
        for c in columns
    ]
    return backend.row_description(described, formats)


def row_encoder(
    columns: Sequence[OutputColumn], formats: tuple[int, ...], zone: str
) -> BatchEncoder:
    if len(formats) != len(columns):
        formats = (0,) * len(columns)
    if unknown := [code for code in formats if code not in (0, 1)]:
        raise InvalidParameterValue(f"unsupported format code: {unknown[0]}")
    return BatchEncoder([column.type for column in columns], formats, zone)
