"""COPY's three formats: text, csv and binary, between bytes and columns.

A decoder takes chunks that may end anywhere and gives whole rows as columns: Arrow arrays, and VectorColumn
for vectors (exec.copy_binary reads the binary format). Source: PostgreSQL, COPY ("File Formats"), copyfromparse.c.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from sqlvec.encodings import UTF8, Encoding
from sqlvec.errors import BadCopyFileFormat, DatabaseError, ProgramLimitExceeded
from sqlvec.types.binary_text import text_in_binary
from sqlvec.types.copy_bulk import BulkReader, converted
from sqlvec.types.copy_marks import CopyMarks
from sqlvec.types.csv_format import CsvReader, CsvRow
from sqlvec.types.sql_type import SqlType
from sqlvec.types.text import decode_text
from sqlvec.types.vector import Vector
from sqlvec.types.zoned import in_zone

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
BATCH_BYTES = 2 << 20  # decoded at once
ROW_BYTES_MAX = (1 << 30) - 1
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.S)
_SPECIAL = re.compile(r"[\\\b\f\n\r\t\v]")
# Of a text that COPY writes otherwise, what it writes; the backslash first.
TEXT_ESCAPES = {"\\": "\\\\"} | {value: "\\" + key for key, value in _ESCAPES.items()}


@dataclass(frozen=True, slots=True)
class VectorColumn:
    """vectors f32[rows, dims], present bool[rows]."""

    vectors: np.ndarray
    present: np.ndarray

    @property
    def null_count(self) -> int:
        return int(len(self.present) - self.present.sum())


Column: TypeAlias = pa.Array | VectorColumn
Rows: TypeAlias = list[tuple[int, list[str | None]]]  # with the line where each ends


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    columns: list[Column]
    row_count: int


class CopyDecoder:
    """Text and csv to columns; options as bound.Copy has them, with "table" and "columns" for errors."""

    def __init__(
        self,
        sql_types: Sequence[SqlType],
        options: dict[str, Any],
        zone: str = "",
        encoding: Encoding = UTF8,
    ) -> None:
        self.types = list(sql_types)
        self.encoding = encoding  # of text in binary forms; other data come in UTF-8
        self.zone = zone
        self.options = options
        self.marks = CopyMarks.of(options)
        self.names: list[str] = options.get("columns", [f"column{i}" for i in range(len(self.types))])
        self.format = options.get("format", "text")
        self.buffer = bytearray()
        self._wanted = BATCH_BYTES
        self.csv = CsvReader(options)
        self.bulk = BulkReader(self.types, options)
        self.line = 0  # as many were taken out of the buffer
        self.line_end = ""  # of every line
        self.last_end = ""  # of the last one
        self.ended = False
        self.started = False
        self.header = options.get("header", False)

    def feed(self, data: bytes) -> list[ColumnBatch]:
        """Whole rows, once enough bytes have come."""
        self.buffer += data
        if len(self.buffer) + self.csv.pending_size > ROW_BYTES_MAX:
            raise ProgramLimitExceeded("a row of COPY data is too long")
        if len(self.buffer) < self._wanted:
            return []
        batches = self._decode(last=False)
        self._wanted = max(BATCH_BYTES, 2 * len(self.buffer))  # a long row is not read again and again
        return batches

    def finish(self) -> list[ColumnBatch]:
        """What is left; 22P04 for a row that is cut off."""
        return self._decode(last=True)

    def _decode(self, *, last: bool) -> list[ColumnBatch]:
        batch = self._bulk(last)
        if batch is not None:
            return [batch]
        rows = self._csv_rows(last) if self.format == "csv" else self._text_rows(last)
        return [self._columns(rows)] if rows else []

    def next_row(self) -> int:
        """The number of the line that is read next; whole lines that wait count as read."""
        return self.line + self.buffer.count(b"\n") + 1

    def where(self, row: int, column: str = "", value: str | None = None) -> str:
        text = f"COPY {self.options.get('table', '')}, line {row}"
        if column:
            text += f", column {column}"
        if value is not None:
            text += f': "{value[:100]}"'
        return text

    # ---------------------------------------------------------------- text and csv

    def _bulk(self, last: bool) -> ColumnBatch | None:
        """Whole lines by columns; None where something in them, or an error, asks for the way below."""
        begun = self.started or not self.header
        if self.ended or self.csv.pending or not begun or not self.bulk.usable:
            return None
        end = len(self.buffer) if last else self._whole()
        data = bytes(self.buffer[:end])
        texts = self.bulk.columns(data)
        line_end = "\r\n" if b"\r" in data else "\n"
        if texts is None or self.line_end not in ("", line_end):
            return None
        columns: list[Column] = []
        for sql_type, column in zip(self.types, texts, strict=True):
            found = converted(column, sql_type)
            if found is None:
                definition = in_zone(sql_type.definition, self.zone)
                try:
                    datums = [
                        None if t is None else definition.parse(t, sql_type.typmod)
                        for t in column.to_pylist()
                    ]
                except DatabaseError:
                    return None
                found = arrow_or_vectors(sql_type, datums)
            columns.append(found)
        del self.buffer[:end]
        self.line_end = line_end
        self.line += data.count(b"\n")
        self.csv.line, self.csv.begun = self.line, True
        return ColumnBatch(columns, len(texts[0]))

    def _columns(self, rows: Rows) -> ColumnBatch:
        columns: list[Column] = []
        for i, sql_type in enumerate(self.types):
            definition, datums = in_zone(sql_type.definition, self.zone), []
            for line, row in rows:
                value = row[i]
                try:
                    datums.append(None if value is None else definition.parse(value, sql_type.typmod))
                except DatabaseError as error:
                    error.where = self.where(line, self.names[i], value)
                    raise
            columns.append(arrow_or_vectors(sql_type, datums))
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
        end = len(self.buffer) if last else self._whole()
        if not end:
            return []
        text = decode_text(bytes(self.buffer[:end]))
        del self.buffer[:end]
        csv = self.format == "csv"
        self.line_end = self.line_end or _line_end(self.csv.without_quotes(text) if csv else text)
        lines = text.split(self.line_end)
        if lines[-1] == "":
            lines.pop()
            self.last_end = self.line_end
        else:
            self.last_end = ""
        if csv:
            return lines
        if "\\" + self.line_end in text:
            lines = self._joined(lines, last)
        ends = text.count(self.line_end) * len(self.line_end)
        if text.count("\r") + text.count("\n") > ends:
            self._refuse_ends(lines)
        return lines

    def _whole(self) -> int:
        """Where the last whole line ends."""
        end = self.line_end.encode() or (b"\n" if b"\n" in self.buffer else b"\r")
        return self.buffer.rfind(end) + len(end) if end in self.buffer else 0

    def _joined(self, lines: list[str], last: bool) -> list[str]:
        """Lines that end in a backslash, which makes the line end data, with what follows."""
        found: list[str] = []
        piece = ""
        for line in lines:
            piece += line
            if (len(piece) - len(piece.rstrip("\\"))) % 2:
                piece += self.line_end
            else:
                found.append(piece)
                piece = ""
        if piece and last:
            found.append(piece.removesuffix(self.line_end))
        elif piece:
            self.buffer[:0] = piece.encode()
        return found

    def _refuse_ends(self, lines: list[str]) -> None:
        for number, line in enumerate(lines, self.line + 1):
            rest = _ESCAPED.sub("", line)
            for char, name, shown in (("\r", "carriage return", "\\r"), ("\n", "newline", "\\n")):
                if char in rest:
                    raise BadCopyFileFormat(
                        f"literal {name} found in data",
                        hint=f'Use "{shown}" to represent {name}.',
                        where=self.where(number),
                    )

    def _text_rows(self, last: bool) -> Rows:
        delimiter, null = self.marks.delimiter, self.marks.null
        rows: Rows = []
        for line in self._lines(last):
            self.line += 1
            if line == "\\.":
                self.ended = True
                break
            if self.header and not self.started:
                self.started = True
                self._check_header(line.split(delimiter), self.line, line)
                continue
            fields = _split(line, delimiter)
            if len(self.types) == 0 and line == "":
                fields = []
            self._check_width(fields, self.line, line)
            rows.append((self.line, [None if f == null else _unescape(f) for f in fields]))
        return rows

    def _check_header(self, names: list[str], line: int, text: str) -> None:
        if self.header != "match":
            return
        where = self.where(line, value=text)
        for i, (have, want) in enumerate(zip(names, self.names, strict=False), 1):
            if have != want:
                raise BadCopyFileFormat(
                    f'column name mismatch in header line field {i}: got "{have}", expected "{want}"',
                    where=where,
                )
        if len(names) != len(self.names):
            raise BadCopyFileFormat(
                f"wrong number of fields in header line: got {len(names)}, expected {len(self.names)}",
                where=where,
            )

    def _csv_rows(self, last: bool) -> Rows:
        rows: Rows = []
        null = self.marks.null
        not_null, force_null = self._forced("force_not_null"), self._forced("force_null")
        forced = bool(not_null or force_null)
        for row in self._csv(last):
            if row.text == "\\.":
                self.ended = True
                self.csv.pending.clear()
                break
            if self.header and not self.started:
                self.started = True
                self._check_header(row.fields, row.last_line, row.text)
                continue
            fields: list[str | None] = list(row.fields)
            self._check_width(fields, row.last_line, row.text)
            if null in row.fields or forced:
                for i, field in enumerate(row.fields):
                    bare = not (row.quoted and row.quoted[i])
                    if field == null and (bare or i in force_null) and i not in not_null:
                        fields[i] = None
            rows.append((row.last_line, fields))
        self.line = self.csv.line
        if last and self.csv.pending:
            raise BadCopyFileFormat(
                "unterminated CSV quoted field",
                where=self.where(self.line, value=self.line_end.join(self.csv.pending) + self.last_end),
            )
        return rows

    def _csv(self, last: bool) -> Iterator[CsvRow]:
        lines = self._lines(last)
        try:
            yield from self.csv.rows(lines, self.line_end)
        except BadCopyFileFormat as error:
            error.where = self.where(self.csv.line)
            raise

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


def _line_end(text: str) -> str:
    """That of the first line, which all have."""
    first = min((place for end in "\r\n" if (place := text.find(end)) >= 0), default=-1)
    return "\r\n" if text.startswith("\r\n", first) and first >= 0 else text[first : first + 1] or "\n"


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


class CopyEncoder:
    """Columns of datums to bytes."""

    def __init__(
        self,
        sql_types: Sequence[SqlType],
        options: dict[str, Any],
        names: Sequence[str],
        zone: str = "",
        encoding: Encoding = UTF8,
    ) -> None:
        self.types = list(sql_types)
        self.encoding = encoding
        self.zone = zone
        self.options = options
        self.marks = CopyMarks.of(options)
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
        encoders = [self._binary_encoder(sql_type) for sql_type in self.types]
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

    def _binary_encoder(self, sql_type: SqlType) -> Callable[[Any], bytes]:
        encode = sql_type.definition.encode
        turn = None if self.encoding.is_utf8 else text_in_binary(sql_type, self.encoding.from_utf8)
        return encode if turn is None else lambda datum: turn(encode(datum))

    def _line(self, fields: list[str | None]) -> bytes:
        if self.format == "csv":
            return self._csv_line(fields)
        delimiter, null = self.marks.delimiter, self.marks.null
        shown = [null if f is None else _escape(f, delimiter) for f in fields]
        return self.encoding.encode(delimiter.join(shown) + "\n")

    def _csv_line(self, fields: list[str | None]) -> bytes:
        delimiter, null = self.marks.delimiter, self.marks.null
        quote, escape = self.marks.quote, self.marks.escape
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
        return self.encoding.encode(delimiter.join(shown) + "\n")


def _escape(field: str, delimiter: str) -> str:
    if _SPECIAL.search(field):
        field = _SPECIAL.sub(lambda m: TEXT_ESCAPES[m.group()], field)
    return field.replace(delimiter, "\\" + delimiter) if delimiter in field else field


