"""COPY FROM and COPY TO: batches between the wire formats and the shards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sqlvec.encodings import Encoding, Stream, encoding_named
from sqlvec.errors import DatabaseError
from sqlvec.exec.bulk_insert import insert_columns
from sqlvec.exec.constraints import enforce
from sqlvec.exec.context import Context
from sqlvec.exec.copy_binary import BinaryDecoder
from sqlvec.exec.copy_text import text_rows
from sqlvec.exec.insert import complete_rows
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.result import Batch
from sqlvec.exec.select import run_query
from sqlvec.exec.write import Rows
from sqlvec.plan.physical import LockingSelect, QueryPlan
from sqlvec.sql import bound
from sqlvec.storage.key_search import KeyTaken
from sqlvec.storage.locks import LockWait
from sqlvec.types.copy_format import ColumnBatch, CopyDecoder, CopyEncoder

if TYPE_CHECKING:
    from sqlvec.settings import SessionSettings


def data_encoding(options: dict[str, Any], settings: SessionSettings) -> Encoding:
    """The client's, unless the statement names one; binary forms are always the client's."""
    if "encoding" not in options or options.get("format") == "binary":
        return settings.encoding
    named = encoding_named(options["encoding"])
    assert named is not None, options
    return named


class CopyIn:
    """Rows from a client: feed() as bytes arrive, then finish(); nothing is seen before the commit."""

    def __init__(self, statement: bound.Copy, context: Context) -> None:
        assert statement.target is not None
        table = statement.target.table
        self.attnums = statement.attnums
        self.defaults = statement.defaults
        self.column_count = len(statement.attnums)
        self.binary = statement.options.get("format") == "binary"
        self.writer = writer_of(table, context, statement.target.relation_id, statement.checks)
        columns = [table.column_by_attnum(attnum) for attnum in statement.attnums]
        options = {**statement.options, "table": table.name}
        options["columns"] = [column.name for column in columns]
        self.types = [column.type for column in columns]
        decoder = BinaryDecoder if self.binary else CopyDecoder
        settings = context.settings
        self.decoder = decoder(self.types, options, settings.zone, settings.encoding)
        encoding = data_encoding(options, settings)
        self.stream = None if self.binary or encoding.is_utf8 else Stream(encoding)
        self.row_count = 0
        self._batches: deque[ColumnBatch] = deque()
        self._ended = False

    def where(self) -> str:
        """The line that is read next."""
        return self.decoder.where(self.decoder.next_row())

    def feed(self, data: bytes) -> None:
        """After a LockWait: feed(b"") goes on where it was."""
        if data:
            self._batches.extend(self.decoder.feed(self._turned(data)))
        while self._batches:
            self._write_or_undo(self._batches[0])
            self._batches.popleft()

    def finish(self) -> str:
        """The command tag. After a LockWait it is called again."""
        if not self._ended:
            self._ended = True
            if self.stream is not None:
                self._batches.extend(self.decoder.feed(self._turned(b"", last=True)))
            self._batches.extend(self.decoder.finish())
        self.feed(b"")
        if self.writer.context.changes:
            self.writer.context.tx.begin_statement()  # to wait undoes no row
            enforce(self.writer.context)
        return f"COPY {self.row_count}"

    def _turned(self, data: bytes, *, last: bool = False) -> bytes:
        """In UTF-8."""
        if self.stream is None:
            return data
        try:
            return self.stream.turn(data, last=last)
        except DatabaseError as error:
            self.decoder.buffer += self.stream.sound
            error.where = self.where()
            raise

    def _write_or_undo(self, batch: ColumnBatch) -> None:
        tx = self.writer.context.tx
        tx.begin_statement()
        try:
            self._write(batch)
        except LockWait:
            tx.undo_statement()
            raise

    def _write(self, batch: ColumnBatch) -> None:
        self.writer.context.check_cancelled()
        count = batch.row_count
        if not count:
            return
        if not self._write_whole(batch):
            self._write_rows(batch)
        self.row_count += count

    def _write_whole(self, batch: ColumnBatch) -> bool:
        if {c.attnum for c in self.writer.columns} != set(self.attnums):
            return False
        given = dict(zip(self.attnums, batch.columns, strict=True))
        try:
            return insert_columns(self.writer, given, batch.row_count)
        except KeyTaken:  # the rows, one by one, word it
            self.writer.context.tx.undo_statement()
            return False

    def _write_rows(self, batch: ColumnBatch) -> None:
        values = [_datums(t, column) for t, column in zip(self.types, batch.columns, strict=True)]
        rows = complete_rows(self.writer, self.attnums, values, self.defaults, batch.row_count)
        self._insert(rows)

    def _insert(self, rows: Rows) -> None:
        self.writer.verify(rows)
        shards = self.writer.shards_of(rows)
        for key in self.writer.keys:
            self.writer.verify_unique(rows, shards, key)
        self.writer.insert(rows, shards)

def _datums(sql_type: Any, column: Any) -> list[Any]:
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return sql_type.definition.from_arrow(array)
    vectors = column.vectors.astype(sql_type.definition.dtype, copy=False)
    return [v if ok else None for v, ok in zip(vectors, column.present, strict=True)]


def _later(plan: QueryPlan, context: Context) -> Iterator[Batch]:
    """As PostgreSQL does it, COPY has begun when the query's errors are told."""
    yield from run_query(plan, context)


class CopyOut:
    """Rows to a client, a batch at a time."""

    def __init__(
        self,
        plan: QueryPlan,
        columns: Sequence[bound.OutputColumn],
        options: dict[str, Any],
        context: Context,
    ) -> None:
        self.column_count = len(columns)
        self.binary = options.get("format") == "binary"
        locks = isinstance(plan, LockingSelect)
        self.batches = run_query(plan, context) if locks else _later(plan, context)
        self.encoder = CopyEncoder(
            [column.type for column in columns], options, [column.name for column in columns],
            context.settings.zone, data_encoding(options, context.settings),
        )  # fmt: skip
        self.row_count = 0

    def chunks(self) -> Iterator[list[bytes]]:
        """Messages, each a row: clients read them one by one. A binary header comes with the first."""
        head = self.encoder.header()
        if head and not self.binary:
            yield [head]
            head = b""
        for batch in self.batches:
            if batch and len(batch[0]):
                self.row_count += len(batch[0])
                rows = self._rows(batch)
                rows[0] = head + rows[0]
                head = b""
                yield rows
        if self.binary:
            yield [head + self.encoder.trailer()]

    def _rows(self, batch: Batch) -> list[bytes]:
        encoder = self.encoder
        by_columns = not self.binary and encoder.encoding.is_utf8
        rows = text_rows(batch, encoder.options, encoder.zone) if by_columns else None
        return self.encoder.rows(batch) if rows is None else rows

    def tag(self) -> str:
        return f"COPY {self.row_count}"

