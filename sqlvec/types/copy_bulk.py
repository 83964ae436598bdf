"""COPY's text and csv read by columns, by Arrow's reader: whatever it and PostgreSQL may read differently is left to
the reader of single fields, and so is everything that is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sqlvec.types.copy_marks import CopyMarks
from sqlvec.types.sql_type import SqlType
from sqlvec.types.text import VarChar

_STRAY_NULL = re.compile(rb"[^\t\n]\\N|\\N[^\t\n\r]")
_EMPTY_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_BLOCK_BYTES = 1 << 20
_FLOAT_SIZE_MAX = 25
_MOMENT_SIZES = (10, 19)  # a date; with seconds, and a fraction of them beyond
_WORDS = pa.array(["t", "f", "true", "false"])
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class BulkReader:
    """Options as bound.Copy has them."""

    def __init__(self, sql_types: Sequence[SqlType], options: dict[str, Any]) -> None:
        self.types = sql_types
        self.is_csv = options.get("format", "text") == "csv"
        self.marks = CopyMarks.of(options)
        self.usable = self._is_usable(options)
        names = [str(i) for i in range(len(sql_types))]
        self._parse = csv.ParseOptions(
            delimiter=self.marks.delimiter,
            quote_char=self.marks.quote if self.is_csv else False,
            double_quote=self.is_csv,
            newlines_in_values=self.is_csv,
            ignore_empty_lines=False,
        )
        self._convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[self.marks.null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        self._read = csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES)
        quote, delimiter = (
            re.escape(mark.encode()) for mark in (self.marks.quote, self.marks.delimiter)
        )
        self._opening = re.compile(rb"(?:\A|(?<=[\n%b]))%b" % (delimiter, quote))
        self._closing = re.compile(rb"%b(?=[\r\n%b]|\Z)" % (quote, delimiter))

    def _is_usable(self, options: dict[str, Any]) -> bool:
        if not self.types or self.marks.delimiter == self.marks.quote:
            return False
        if not self.is_csv:
            return self.marks.delimiter == "\t" and self.marks.null == "\\N"
        forced = options.get("force_not_null") or options.get("force_null")
        return not forced and self.marks.escape == self.marks.quote and '"' not in self.marks.null

    def columns(self, data: bytes) -> list[pa.Array] | None:
        """The fields of whole lines, a column each; None where they are to be read one by one."""
        if not self.usable or not data or not self._is_plain(data):
            return None
        try:
            table = csv.read_csv(
                pa.BufferReader(data),
                read_options=self._read, parse_options=self._parse, convert_options=self._convert,
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
        return [column.combine_chunks() for column in table.columns]

    def _is_plain(self, data: bytes) -> bool:
        """Whether Arrow reads it as PostgreSQL does."""
        returns = data.count(b"\r")
        if b"\0" in data or (returns and not data.count(b"\n") == returns == data.count(b"\r\n")):
            return False
        if _EMPTY_LINE.search(data):  # nulls to Arrow
            return False
        if b"\\" in data:
            if self.is_csv:
                return b"\\." not in data and self._is_quoted_plainly(data)
            return data.count(b"\\") == data.count(b"\\N") and not _STRAY_NULL.search(data)
        return not self.is_csv or self._is_quoted_plainly(data)

    def _is_quoted_plainly(self, data: bytes) -> bool:
        """Whether quotes are around whole fields only, and doubled inside."""
        quote = self.marks.quote.encode()
        if quote not in data:
            return True
        bare = data.replace(quote + quote, b"")
        opening, closing = len(self._opening.findall(bare)), len(self._closing.findall(bare))
        return opening == closing and opening + closing == bare.count(quote)


def converted(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    """The column as the type keeps it; None where it is to be read value by value."""
    convert = _CONVERT.get(sql_type.definition.name) if sql_type.own is None else None
    if convert is None:
        return None
    try:
        found = convert(texts, sql_type)
    except pa.ArrowInvalid:
        return None
    wanted = sql_type.definition.arrow(sql_type.typmod)
    return found if found is None or found.type == wanted else None


def _integer(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    return None if _has(texts, b"xX") else texts.cast(sql_type.definition.arrow())


def _float(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    """Without nan and infinity, and what may be out of range: there Arrow sees no error."""
    longest = pc.max(pc.binary_length(texts)).as_py()
    if _has(texts, b"nNeE(") or (longest is not None and longest > _FLOAT_SIZE_MAX):
        return None
    return texts.cast(sql_type.definition.arrow())


def _has(texts: pa.Array, letters: bytes) -> bool:
    """Whether one of the letters is anywhere in the column."""
    data = texts.buffers()[2]
    raw = b"" if data is None else data.to_pybytes()
    return any(letter in raw for letter in letters)


def _text(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    if sql_type.typmod >= 0:
        assert isinstance(sql_type.definition, VarChar)
        longest = pc.max(pc.utf8_length(texts)).as_py()
        if longest is not None and longest > sql_type.typmod - 4:
            return None
    return texts


def _boolean(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    known = pc.or_kleene(pc.is_null(texts), pc.is_in(texts, _WORDS))
    return pc.starts_with(texts, "t") if pc.all(known).as_py() else None


def _date(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    return None if _has_year_0(texts) else texts.cast(pa.date32())


def _has_year_0(texts: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(texts, "0000")).as_py())


def _timestamp(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    sizes = pc.binary_length(texts)
    alike = pc.or_(pc.equal(sizes, _MOMENT_SIZES[0]), pc.greater_equal(sizes, _MOMENT_SIZES[1]))
    if sql_type.typmod >= 0 or not pc.all(alike).as_py() or _has_year_0(texts):
        return None
    return texts.cast(sql_type.definition.arrow())


def _timestamptz(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    """With an offset: then no time zone is asked for."""
    if not pc.all(pc.match_substring_regex(texts, r":\d\d(\.\d+)?[+-]\d\d(:?\d\d)?$")).as_py():
        return None
    return _timestamp(texts, sql_type)


def _uuid(texts: pa.Array, sql_type: SqlType) -> pa.Array | None:
    return texts if pc.all(pc.match_substring_regex(texts, _UUID)).as_py() else None


_Convert = Callable[[pa.Array, SqlType], "pa.Array | None"]
_CONVERT: dict[str, _Convert] = {
    **dict.fromkeys(("int2", "int4", "int8"), _integer), "float4": _float, "float8": _float,
    **dict.fromkeys(("text", "varchar"), _text),
    "bool": _boolean, "date": _date, "timestamp": _timestamp, "timestamptz": _timestamptz,
    "uuid": _uuid,
}  # fmt: skip
