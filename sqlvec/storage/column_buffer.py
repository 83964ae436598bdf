"""Growing columns of the memtable: Arrow's own buffer layout, appended in place and read without a
copy.

    FixedColumn   values[rows] (bool as one byte)               numbers, dates, decimals, intervals
    StringColumn  offsets i32[rows + 1], data u8[]              string, binary
    ChunkedColumn the arrays as given, joined when read         nested types

A validity byte per row is kept from the first null on. array(n) is a pa.Array over the first n
rows; appending later rows does not change it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlvec.storage.growing import grown

_NULL = np.zeros(1, np.uint8)
_PRESENT = np.ones(1, np.uint8)


class ColumnBuffer:
    """One column; subclasses keep the values. bytes is what its rows take."""

    def __init__(self, type: pa.DataType) -> None:
        self.type = type
        self.row_count = 0
        self.bytes = 0
        self._valid: npt.NDArray[np.uint8] | None = None

    def append(self, array: pa.Array) -> None:
        if len(array) == 0:
            return
        if array.null_count:
            self._append_validity(np.asarray(array.is_valid()).astype(np.uint8))
        elif self._valid is not None:
            self._append_validity(np.ones(len(array), np.uint8))
        self._append_values(array)
        self.row_count += len(array)

    def append_value(self, value: bytes | None) -> None:
        """One row, as row_image lays it out."""
        if value is None:
            self._append_validity(_NULL)
        elif self._valid is not None:
            self._append_validity(_PRESENT)
        self._append_bytes(value)
        self.row_count += 1

    def array(self, row_count: int) -> pa.Array:
        """The first row_count rows."""
        raise NotImplementedError

    def _append_bytes(self, value: bytes | None) -> None:
        raise NotImplementedError

    def _append_values(self, array: pa.Array) -> None:
        raise NotImplementedError

    def _append_validity(self, valid: npt.NDArray[np.uint8]) -> None:
        if self._valid is None:
            self._valid = np.ones(self.row_count, np.uint8)
        self._valid = grown(self._valid, self.row_count, self.row_count + len(valid))
        self._valid[self.row_count : self.row_count + len(valid)] = valid

    def _validity(self, row_count: int) -> pa.Buffer | None:
        valid = self._valid
        if valid is None:
            return None
        return pa.py_buffer(np.packbits(valid[:row_count], bitorder="little"))


class FixedColumn(ColumnBuffer):
    def __init__(self, type: pa.DataType) -> None:
        super().__init__(type)
        self._is_bool = pa.types.is_boolean(type)
        self._dtype = np.dtype(np.uint8) if self._is_bool else np.dtype(f"V{type.bit_width // 8}")
        if not self._is_bool and type.bit_width <= 64:
            self._dtype = np.dtype(f"u{type.bit_width // 8}")
        self._values = np.zeros(0, self._dtype)
        self._width = self._dtype.itemsize
        self._view = memoryview(b"")  # the bytes of _values

    def _append_values(self, array: pa.Array) -> None:
        count = len(array)
        data = array.buffers()[1]
        if self._is_bool:
            bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
            values: npt.NDArray[Any] = bits[array.offset : array.offset + count]
        else:
            values = np.frombuffer(data, self._dtype, count + array.offset)[array.offset :]
        end = self.row_count + count
        self._values = grown(self._values, self.row_count, end)
        self._values[self.row_count : end] = values
        self.bytes = end * self._width

    def _append_bytes(self, value: bytes | None) -> None:
        width, row = self._width, self.row_count
        if row >= len(self._values):
            self._values = grown(self._values, row, row + 1)
        if len(self._view) != self._values.nbytes:
            self._view = memoryview(self._values.view(np.uint8))  # type: ignore[arg-type]
        if value is not None:
            self._view[row * width : (row + 1) * width] = value
        self.bytes = (row + 1) * width

    def array(self, row_count: int) -> pa.Array:
        values = self._values[:row_count]
        if self._is_bool:
            values = np.packbits(values, bitorder="little")
        buffers = [self._validity(row_count), pa.py_buffer(values)]
        return pa.Array.from_buffers(self.type, row_count, buffers)


class StringColumn(ColumnBuffer):
    """string or binary; an owner keeps `bytes` under 2**31, which the offsets can reach."""

    def __init__(self, type: pa.DataType) -> None:
        super().__init__(type)
        self._offsets = np.zeros(1, np.int32)
        self._bytes = np.zeros(0, np.uint8)
        self._view = memoryview(b"")  # of _bytes

    def _append_values(self, array: pa.Array) -> None:
        count = len(array)
        _, offset_buffer, data = array.buffers()
        offsets = np.frombuffer(offset_buffer, np.int32, count + array.offset + 1)[array.offset :]
        start, stop = int(offsets[0]), int(offsets[-1])
        used = self.bytes
        assert used + stop - start < 2**31, (used, start, stop)
        end = self.row_count + count
        self._offsets = grown(self._offsets, self.row_count + 1, end + 1)
        self._offsets[self.row_count + 1 : end + 1] = offsets[1:] + np.int32(used - start)
        if stop > start:
            self._bytes = grown(self._bytes, used, used + stop - start)
            self._bytes[used : used + stop - start] = np.frombuffer(data, np.uint8)[start:stop]
        self.bytes = used + stop - start

    def _append_bytes(self, value: bytes | None) -> None:
        used, row = self.bytes, self.row_count
        if row + 1 >= len(self._offsets):
            self._offsets = grown(self._offsets, row + 1, row + 2)
        if value:
            end = used + len(value)
            assert end < 2**31, (used, end)
            self._bytes = grown(self._bytes, used, end)
            if len(self._view) != len(self._bytes):
                self._view = memoryview(self._bytes)  # type: ignore[arg-type]
            self._view[used:end] = value
            self.bytes = used = end
        self._offsets[row + 1] = used

    def array(self, row_count: int) -> pa.Array:
        buffers = [
            self._validity(row_count),
            pa.py_buffer(self._offsets[: row_count + 1]),
            pa.py_buffer(self._bytes),
        ]
        return pa.Array.from_buffers(self.type, row_count, buffers)


class ChunkedColumn(ColumnBuffer):
    def __init__(self, type: pa.DataType) -> None:
        super().__init__(type)
        self._chunks: list[pa.Array] = []
        self._joined: tuple[int, pa.Array] = (0, pa.array([], type))  # of how many chunks, and they

    def append(self, array: pa.Array) -> None:
        if len(array) == 0:
            return
        self._chunks.append(array)
        self.row_count += len(array)
        self.bytes += array.nbytes

    def array(self, row_count: int) -> pa.Array:
        count, joined = self._joined
        rest = self._chunks[count:]
        if rest:
            joined = pa.concat_arrays([joined, *rest])
            self._joined = (count + len(rest), joined)
        return joined.slice(0, row_count)


def column_buffer(type: pa.DataType) -> ColumnBuffer:
    """An empty buffer for a column of the type."""
    if pa.types.is_string(type) or pa.types.is_binary(type):
        return StringColumn(type)
    if pa.types.is_primitive(type) or pa.types.is_decimal(type):
        return FixedColumn(type)
    return ChunkedColumn(type)
