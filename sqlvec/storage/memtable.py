"""Memtable: the newest rows of a shard, as blocks of growing columns.

A block takes batches that have the same columns and types; another one begins when they differ, or
when the block has reached its limits. Rows are never changed or removed singly: a flush forgets
those below a row id, which drops whole blocks and hides the head of the next.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from sqlvec.errors import ProgramLimitExceeded
from sqlvec.index.ordered import ColumnFilter
from sqlvec.storage.column_buffer import ColumnBuffer, column_buffer
from sqlvec.storage.part import Part, ShardColumns, build_filter
from sqlvec.storage.row_image import RowLayout, Values
from sqlvec.types import SqlType

STRING_BYTES_MAX = 2**31 - 1
ASKED_BEFORE_FILTER = 16


class MemoryBlock:
    """Rows from `low` on; types by attnum as they were when its first batch came."""

    def __init__(
        self, low: int, types: Mapping[int, SqlType], arrow: Mapping[int, pa.DataType]
    ) -> None:
        self.low = low
        self.row_count = 0
        self.types = {attnum: types[attnum] for attnum in arrow}
        self.buffers: dict[int, ColumnBuffer] = {
            attnum: column_buffer(kind) for attnum, kind in arrow.items()
        }
        self._layout: RowLayout | None = None
        self._ordered: list[ColumnBuffer] = []

    @property
    def bytes(self) -> int:
        return sum(buffer.bytes for buffer in self.buffers.values())

    def takes(self, types: Mapping[int, SqlType], batch: Mapping[int, pa.Array]) -> bool:
        """Whether the batch has this block's columns."""
        return self.buffers.keys() == batch.keys() and all(
            self.buffers[attnum].type == array.type and self.types[attnum] == types[attnum]
            for attnum, array in batch.items()
        )

    def takes_row(self, layout: RowLayout) -> bool:
        """takes(), of a row that is laid out so."""
        if self._layout is not layout:
            same = self.buffers.keys() == layout.arrow.keys() and all(
                self.buffers[attnum].type == kind and self.types[attnum] == layout.types[attnum]
                for attnum, kind in layout.arrow.items()
            )
            if not same:
                return False
            self._layout = layout
            self._ordered = [self.buffers[attnum] for attnum in layout.attnums]
        return True

    def append_row(self, values: Values) -> None:
        """A row of the layout that takes_row() was asked about last."""
        for buffer, value in zip(self._ordered, values, strict=True):
            buffer.append_value(value)
        self.row_count += 1

    def append(self, batch: Mapping[int, pa.Array], row_count: int) -> None:
        for attnum, array in batch.items():
            assert len(array) == row_count, (attnum, len(array), row_count)
            self.buffers[attnum].append(array)
        self.row_count += row_count


class MemoryPart(Part):
    """The rows of a block that are there when it is made."""

    def __init__(self, block: MemoryBlock, low: int, high: int, columns: ShardColumns) -> None:
        assert block.low <= low <= high <= block.low + block.row_count, (block.low, low, high)
        super().__init__(low, high, columns)
        self._block = block
        self._asked: dict[int, int] = {}
        self._filters: dict[int, ColumnFilter | None] = {}

    def filter(self, attnum: int) -> ColumnFilter | None:
        """Made once the part has been asked so often that comparing its rows each time has cost as
        much as ordering them."""
        if attnum not in self._filters:
            asked = self._asked[attnum] = self._asked.get(attnum, 0) + 1
            if asked <= ASKED_BEFORE_FILTER:
                return None
            self._filters[attnum] = build_filter(
                self._columns.type(attnum), self.column(attnum), self._columns.filter_text_bytes_max
            )
        return self._filters[attnum]

    def stored_type(self, attnum: int) -> SqlType:
        return self._block.types.get(attnum, self._columns.type(attnum))

    def stored_columns(self) -> dict[int, pa.Array]:
        """Every column of the block."""
        columns = {attnum: self._stored(attnum) for attnum in self._block.buffers}
        return {attnum: array for attnum, array in columns.items() if array is not None}

    @property
    def types(self) -> Mapping[int, SqlType]:
        return self._block.types

    def _stored(self, attnum: int) -> pa.Array | None:
        buffer = self._block.buffers.get(attnum)
        if buffer is None:
            return None
        array = buffer.array(self.high - self._block.low)
        return array if self.low == self._block.low else array.slice(self.low - self._block.low)


class Memtable:
    """Rows [low, high) of a shard."""

    def __init__(self, low: int, block_bytes_max: int) -> None:
        self.low = low
        self.high = low
        self._block_bytes_max = block_bytes_max
        self._blocks: list[MemoryBlock] = []

    @property
    def bytes(self) -> int:
        return sum(block.bytes for block in self._blocks)

    def append(
        self, batch: Mapping[int, pa.Array], types: Mapping[int, SqlType], row_count: int
    ) -> int:
        """Add rows and return the first row id. Every array has row_count elements."""
        size = sum(array.nbytes for array in batch.values())
        first, block = self.high, self._block_with_room(size)
        if block is None or not block.takes(types, batch):
            block = self._begin_block(types, {attnum: a.type for attnum, a in batch.items()})
        block.append(batch, row_count)
        self.high += row_count
        return first

    def append_row(self, layout: RowLayout, values: Values) -> int:
        """Add one row and return its row id."""
        size = sum(map(len, filter(None, values)))
        row_id, block = self.high, self._block_with_room(size)
        if block is None or not block.takes_row(layout):
            block = self._begin_block(layout.types, layout.arrow)
            assert block.takes_row(layout), layout.attnums
        block.append_row(values)
        self.high += 1
        return row_id

    def _block_with_room(self, size: int) -> MemoryBlock | None:
        """The last block, if so many bytes still go into it."""
        if size > STRING_BYTES_MAX:
            raise ProgramLimitExceeded(f"{size} bytes in one batch of rows exceed the maximum")
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.bytes + size > max(self._block_bytes_max, size):
            return None
        return block

    def _begin_block(
        self, types: Mapping[int, SqlType], arrow: Mapping[int, pa.DataType]
    ) -> MemoryBlock:
        block = MemoryBlock(self.high, types, arrow)
        self._blocks = [*self._blocks, block]
        return block

    def skip(self, row_id: int) -> None:
        """Make `row_id` the next one; the rows before it are dead and have no values."""
        if row_id > self.high:
            self.append({}, {}, row_id - self.high)

    def parts(self, columns: ShardColumns) -> list[MemoryPart]:
        parts: list[MemoryPart] = []
        for block in self._blocks:
            low, high = max(block.low, self.low), min(block.low + block.row_count, self.high)
            if low < high:
                parts.append(MemoryPart(block, low, high, columns))
        return parts

    def forget_below(self, row_id: int) -> None:
        """Drop the rows that a segment has taken over."""
        assert self.low <= row_id <= self.high, (self.low, row_id, self.high)
        self.low = row_id
        self._blocks = [b for b in self._blocks if b.low + b.row_count > row_id]
