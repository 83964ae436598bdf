"""The csv format of COPY FROM: lines to fields, with it known which of them were quoted.

Lines come as they arrive; one that ends inside quotes is kept until the rest of its row is there.
Source: PostgreSQL, copyfromparse.c (CopyReadLineText, CopyReadAttributesCSV).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlvec.errors import BadCopyFileFormat
from sqlvec.types.copy_marks import CopyMarks


@dataclass(frozen=True, slots=True)
class CsvRow:
    """text is the row as it came, fields are without their quotes; none is quoted where quoted is empty."""

    text: str
    fields: list[str]
    quoted: list[bool]
    last_line: int  # of the file, from 1


class CsvReader:
    """Options as bound.Copy has them."""

    def __init__(self, options: dict[str, Any]) -> None:
        marks = CopyMarks.of(options)
        self.delimiter, self.quote, self.escape = marks.delimiter, marks.quote, marks.escape
        self.pending: list[str] = []  # lines of a row that goes on
        self.pending_size = 0
        self.line = 0
        self.begun = False  # a row was whole
        quote, escape, delimiter = map(re.escape, (self.quote, self.escape, self.delimiter))
        if self.escape == self.quote:
            inner = f"(?:[^{quote}]++|{quote}{quote})*+"
        else:
            inner = f"(?:[^{quote}{escape}]++|{escape}[{quote}{escape}]|{escape})*+"
        self._quoted = re.compile(f"{quote}({inner}){quote}", re.S)
        self._opened = re.compile(f"{quote}{inner}{quote}|({quote})", re.S)
        self._field = re.compile(f"((?:[^{delimiter}{quote}]++|{quote}{inner}{quote})*+)", re.S)
        self._escaped = re.compile(f"{escape}([{quote}{escape}])")

    def rows(self, lines: Iterable[str], line_end: str) -> Iterator[CsvRow]:
        """The rows that are whole with these lines, each given without its line end."""
        for line in lines:
            if self.pending:
                self.line += self.begun  # PostgreSQL knows a line end in quotes after the first row
                self.pending.append(line)
                self.pending_size += len(line) + 1
                if self.quote not in line or self._is_open(self.quote + line):
                    continue
                line = line_end.join(self.pending)
                self.pending, self.pending_size = [], 0
            else:
                self.line += 1
                if self.quote in line and self._is_open(line):
                    self.pending, self.pending_size = [line], len(line)
                    continue
            self.begun = True
            _refuse_ends(self.without_quotes(line))
            if self.quote in line:
                yield CsvRow(line, *self._fields(line), self.line)
            else:
                yield CsvRow(line, line.split(self.delimiter), [], self.line)

    def without_quotes(self, text: str) -> str:
        """The text without what is quoted."""
        return self._quoted.sub("", text) if self.quote in text else text

    def _is_open(self, text: str) -> bool:
        """Whether the text ends inside quotes."""
        if self.escape == self.quote:
            return text.count(self.quote) % 2 == 1
        return any(match.group(1) is not None for match in self._opened.finditer(text))

    def _fields(self, row: str) -> tuple[list[str], list[bool]]:
        fields, quoted, place = [], [], 0
        while True:
            match = self._field.match(row, place)
            assert match is not None
            field = match.group(1)
            has_quotes = self.quote in field
            fields.append(self._quoted.sub(self._bare, field) if has_quotes else field)
            quoted.append(has_quotes)
            place = match.end() + 1
            if place > len(row):
                return fields, quoted

    def _bare(self, match: re.Match[str]) -> str:
        inner = match.group(1)
        return self._escaped.sub(r"\1", inner) if self.escape in inner else inner


def _refuse_ends(bare: str) -> None:
    for char, name in (("\r", "carriage return"), ("\n", "newline")):
        if char in bare:
            raise BadCopyFileFormat(
                f"unquoted {name} found in data",
                hint=f"Use quoted CSV field to represent {name}.",
            )
