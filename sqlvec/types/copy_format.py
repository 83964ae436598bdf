"""COPY's three formats: text, csv and binary, between bytes and columns.

A decoder takes chunks that may end anywhere and gives whole rows as columns: Arrow arrays, and VectorColumn
for vectors (exec.copy_binary reads the binary format). Source: PostgreSQL, COPY ("File Formats"), copyfromparse.c.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from sqlvec.errors import BadCopyFileFormat, DatabaseError
from sqlvec.types.sql_type import SqlType
from sqlvec.types.text import decode_text
from sqlvec.types.vector import Vector
from sqlvec.types.zoned import in_zone

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
BATCH_BYTES = 2 << 20  # decoded at once
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.S)
_SPECIAL = re.compile(r"[\\\b\f\n\r\t\v]")
_NAMES = {value: "\\" + key for key, value in _ESCAPES.items()} | {"\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class VectorColumn:
    """vectors f32[rows, dims], present bool[rows]."""

    vectors: np.ndarray
    present: np.ndarray

    @property
    def null_count(self) -> int:
        return int(len(self.present) - self.present.sum())


Column: TypeAlias = pa.Array | VectorColumn


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    columns: list[Column]
    row_count: int


class CopyDecoder:
    """Text and csv to columns; options as bound.Copy has them, with "table" and "columns" for errors."""

    def __init__(
        self, sql_types: Sequence[SqlType], options: dict[str, Any], zone: str = ""
    ) -> None:
        self.types = list(sql_types)
        self.zone = zone
        self.options = options
        self.names: list[str] = options.get("columns", [f"column{i}" for i in range(len(self.types))])
        self.format = options.get("format", "text")
        self.buffer = bytearray()
        self._wanted = BATCH_BYTES
        self.row = 0
        self.ended = False
        self.started = False
        self.header = options.get("header", False)

    def feed(self, data: bytes) -> list[ColumnBatch]:
        """Whole rows, once enough bytes have come."""
        self.buffer += data
        if len(self.buffer) < self._wanted:
            return []
        batches = self._decode(last=False)
        self._wanted = max(BATCH_BYTES, 2 * len(self.buffer))  # a long row is not read again and again
        return batches

    def finish(self) -> list[ColumnBatch]:
        """What is left; 22P04 for a row that is cut off."""
        return self._decode(last=True)

    def _decode(self, *, last: bool) -> list[ColumnBatch]:
        rows = self._csv_rows(last) if self.format == "csv" else self._text_rows(last)
        return [self._columns(rows)] if rows else []

    def next_row(self) -> int:
        """The number of the row that is read next; whole lines of text that wait count as read."""
        return self.row + self.buffer.count(b"\n") + 1

    def where(self, row: int, column: str = "", value: str | None = None) -> str:
        text = f"COPY {self.options.get('table', '')}, line {row}"
        if column:
            text += f", column {column}"
        if value is not None:
            text += f': "{value[:100]}"'
        return text

    # ---------------------------------------------------------------- text and csv

    def _columns(self, rows: list[list[str | None]]) -> ColumnBatch:
        columns: list[Column] = []
        for i, sql_type in enumerate(self.types):
            definition, datums = in_zone(sql_type.definition, self.zone), []
            for j, row in enumerate(rows):
                value = row[i]
                try:
                    datums.append(None if value is None else definition.parse(value, sql_type.typmod))
                except DatabaseError as error:
                    error.where = self.where(self.row + j + 1, self.names[i], value)
                    raise
            columns.append(arrow_or_vectors(sql_type, datums))
        self.row += len(rows)
        return ColumnBatch(columns, len(rows))

    def _check_width(self, fields: list[Any], row: int, line: str) -> None:
        if len(fields) > len(self.types):
            raise BadCopyFileFormat(
                "extra data after last expected column", where=self.where(row, value=line)
            )
        if len(fields) < len(self.types):
            missing = self.names[len(fields)]
            raise BadCopyFileFormat(
                f'missing data for column "{missing}"', where=self.where(row, value=line)
            )

    def _lines(self, last: bool) -> list[str]:
        """Whole lines; the rest stays in the buffer."""
        if self.ended:
            self.buffer.clear()
            return []
        end = len(self.buffer) if last else self.buffer.rfind(b"\n") + 1
        text = decode_text(bytes(self.buffer[:end]))
        del self.buffer[:end]
        lines = text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        return [line[:-1] if line.endswith("\r") else line for line in lines]

    def _text_rows(self, last: bool) -> list[list[str | None]]:
        delimiter = self.options.get("delimiter", "\t")
        null = self.options.get("null", "\\N")
        rows: list[list[str | None]] = []
        for line in self._lines(last):
            if line == "\\.":
                self.ended = True
                break
            if self.header and not self.started:
                self.started = True
                self._check_header(line.split(delimiter))
                continue
            fields = _split(line, delimiter)
            if len(self.types) == 0 and line == "":
                fields = []
            self._check_width(fields, self.row + len(rows) + 1, line)
            rows.append([None if f == null else _unescape(f) for f in fields])
        return rows

    def _check_header(self, names: list[str]) -> None:
        if self.header != "match":
            return
        for i, (have, want) in enumerate(zip(names, self.names, strict=False)):
            if have != want:
                raise BadCopyFileFormat(
                    f'column name mismatch in header line field {i + 1}: got "{have}", expected "{want}"'
                )
        if len(names) != len(self.names):
            raise BadCopyFileFormat(
                f"wrong number of fields in header line: got {len(names)}, expected {len(self.names)}"
            )

    def _csv_rows(self, last: bool) -> list[list[str | None]]:
        """Quoted nulls differ from bare ones, so fields are read with their quotes seen."""
        if not last:
            return []  # a line may go on inside quotes: csv is read as a whole
        text = decode_text(bytes(self.buffer))
        self.buffer.clear()
        rows: list[list[str | None]] = []
        reader = _CsvReader(text, self.options)
        null = self.options.get("null", "")
        not_null = self._forced("force_not_null")
        force_null = self._forced("force_null")
        for number, (fields, quoted) in enumerate(reader.rows(), 1):
            if fields == ["\\."] and not quoted[0]:
                break
            if self.header and not self.started:
                self.started = True
                self._check_header(fields)
                continue
            self._check_width(fields, number, ",".join(fields))
            rows.append(
                [
                    None if f == null and (not q or i in force_null) and i not in not_null else f
                    for i, (f, q) in enumerate(zip(fields, quoted, strict=True))
                ]
            )
        return rows

    def _forced(self, option: str) -> set[int]:
        names = self.options.get(option, ())
        if names == "*":
            return set(range(len(self.names)))
        return {self.names.index(name) for name in names if name in self.names}


def arrow_or_vectors(sql_type: SqlType, datums: list[Any]) -> Column:
    if isinstance(sql_type.definition, Vector) and sql_type.typmod > 0:
        present = np.array([datum is not None for datum in datums], bool)
        vectors = np.zeros((len(datums), sql_type.typmod), np.float32)
        for j, datum in enumerate(datums):
            if datum is not None:
                vectors[j] = datum
        return VectorColumn(vectors, present)
    return sql_type.definition.to_arrow(datums, sql_type.typmod)


def _split(line: str, delimiter: str) -> list[str]:
    """Fields of a text line; a backslash before the delimiter makes it data."""
    if "\\" + delimiter not in line:
        return line.split(delimiter)
    fields, current = [], ""
    for piece in line.split(delimiter):
        current += piece
        backslashes = len(current) - len(current.rstrip("\\"))
        if backslashes % 2:
            current += delimiter
            continue
        fields.append(current)
        current = ""
    if current:
        fields.append(current)
    return fields


def _unescape(field: str) -> str:
    if "\\" not in field:
        return field
    return _ESCAPED.sub(_escaped, field)


def _escaped(match: re.Match[str]) -> str:
    body = match.group(1)
    if body in _ESCAPES:
        return _ESCAPES[body]
    if body[0] == "x" and len(body) > 1:
        return chr(int(body[1:], 16))
    if body[0] in "01234567":
        return chr(int(body, 8) & 0xFF)
    return body


class _CsvReader:
    """Rows of a csv text: fields, and which of them were quoted."""

    def __init__(self, text: str, options: dict[str, Any]) -> None:
        self.text = text
        self.delimiter = options.get("delimiter", ",")
        self.quote = options.get("quote", '"')
        self.escape = options.get("escape", self.quote)

    def rows(self) -> list[tuple[list[str], list[bool]]]:
        found: list[tuple[list[str], list[bool]]] = []
        fields: list[str] = []
        quoted: list[bool] = []
        current: list[str] = []
        inside = was_quoted = False
        text, place, end = self.text, 0, len(self.text)
        while place < end:
            char = text[place]
            if inside:
                if char == self.escape and text[place + 1 : place + 2] in (self.quote, self.escape) and text[place + 1 : place + 2]:
                    current.append(text[place + 1])
                    place += 1
                elif char == self.quote:
                    inside = False
                else:
                    current.append(char)
            elif char == self.quote:
                inside = was_quoted = True
            elif char == self.delimiter:
                fields.append("".join(current))
                quoted.append(was_quoted)
                current, was_quoted = [], False
            elif char in "\r\n":
                if char == "\r" and text[place + 1 : place + 2] == "\n":
                    place += 1
                fields.append("".join(current))
                quoted.append(was_quoted)
                found.append((fields, quoted))
                fields, quoted, current, was_quoted = [], [], [], False
            else:
                current.append(char)
            place += 1
        if inside:
            raise BadCopyFileFormat("unterminated CSV quoted field")
        if current or fields or was_quoted:
            fields.append("".join(current))
            quoted.append(was_quoted)
            found.append((fields, quoted))
        return found


class CopyEncoder:
    """Columns of datums to bytes."""

    def __init__(
        self,
        sql_types: Sequence[SqlType],
        options: dict[str, Any],
        names: Sequence[str],
        zone: str = "",
    ) -> None:
        self.types = list(sql_types)
        self.zone = zone
        self.options = options
        self.names = list(names)
        self.format = options.get("format", "text")

    def header(self) -> bytes:
        if self.format == "binary":
            return SIGNATURE + struct.pack(">ii", 0, 0)
        if not self.options.get("header"):
            return b""
        return self._line([name for name in self.names])

    def trailer(self) -> bytes:
        return struct.pack(">h", -1) if self.format == "binary" else b""

    def rows(self, columns: Sequence[Sequence[Any]]) -> list[bytes]:
        """The rows of one batch."""
        if self.format == "binary":
            return self._binary(columns)
        definitions = [in_zone(t.definition, self.zone) for t in self.types]
        rendered = [
            [None if d is None else definition.render(d) for d in column]
            for definition, column in zip(definitions, columns, strict=True)
        ]
        return [self._line(list(row)) for row in zip(*rendered, strict=True)]

    def _binary(self, columns: Sequence[Sequence[Any]]) -> list[bytes]:
        head, pack, rows = struct.pack(">h", len(columns)), struct.Struct(">i").pack, []
        encoders = [sql_type.definition.encode for sql_type in self.types]
        for row in zip(*columns, strict=True):
            parts = [head]
            for encode, datum in zip(encoders, row, strict=True):
                if datum is None:
                    parts.append(b"\xff\xff\xff\xff")
                else:
                    body = encode(datum)
                    parts += [pack(len(body)), body]
            rows.append(b"".join(parts))
        return rows

    def _line(self, fields: list[str | None]) -> bytes:
        if self.format == "csv":
            return self._csv_line(fields)
        delimiter = self.options.get("delimiter", "\t")
        null = self.options.get("null", "\\N")
        shown = [null if f is None else _escape(f, delimiter) for f in fields]
        return (delimiter.join(shown) + "\n").encode()

    def _csv_line(self, fields: list[str | None]) -> bytes:
        null = self.options.get("null", "")
        quote = self.options.get("quote", '"')
        escape = self.options.get("escape", quote)
        delimiter = self.options.get("delimiter", ",")
        forced = self.options.get("force_quote", ())
        shown = []
        for name, field in zip(self.names, fields, strict=True):
            if field is None:
                shown.append(null)
                continue
            special = field == null or any(c in field for c in (delimiter, quote, "\n", "\r"))
            if special or forced == "*" or name in forced:
                inner = field.replace(escape, escape * 2)
                inner = inner if escape == quote else inner.replace(quote, escape + quote)
                field = quote + inner + quote
            shown.append(field)
        return (delimiter.join(shown) + "\n").encode()


def _escape(field: str, delimiter: str) -> str:
    if _SPECIAL.search(field):
        field = _SPECIAL.sub(lambda m: _NAMES[m.group()], field)
    return field.replace(delimiter, "\\" + delimiter) if delimiter in field else field


