"""COPY FROM in the binary format: messages to columns, a batch of rows at a time."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.errors import BadCopyFileFormat, DatabaseError
from sqlvec.kernels import copy_format as kernels
from sqlvec.types.binary_text import text_in_binary
from sqlvec.types.copy_format import (
    SIGNATURE,
    Column,
    ColumnBatch,
    CopyDecoder,
    VectorColumn,
    arrow_or_vectors,
)
from sqlvec.types.vector import Vector

_NUMBERS: dict[int, np.dtype[Any]] = {
    types.INT2.oid: np.dtype(">i2"),
    types.INT4.oid: np.dtype(">i4"),
    types.INT8.oid: np.dtype(">i8"),
    types.FLOAT4.oid: np.dtype(">f4"),
    types.FLOAT8.oid: np.dtype(">f8"),
}
_WITH_OIDS, _CRITICAL_FLAGS = 1 << 16, 0xFFFF << 16
_VECTOR_HEAD = 4  # u16 dimensions, u16 unused


def warm() -> None:
    """Compiles or loads the kernels, so that no client waits for it."""
    decoder = BinaryDecoder([types.INT4], {"format": "binary"})
    decoder.feed(SIGNATURE + struct.pack(">iihii", 0, 0, 1, 4, 7))
    decoder.finish()


class BinaryDecoder(CopyDecoder):
    """Rows whose fields lie in one piece of bytes; each column is taken out at once."""

    row = 0  # as many were read

    def next_row(self) -> int:
        return self.row + 1

    def _decode(self, *, last: bool) -> list[ColumnBatch]:
        if not self.started and not self._read_header(last):
            return []
        if self.ended:
            self.buffer.clear()
            return []
        raw, width = self.buffer, len(self.types)
        data = np.frombuffer(raw, np.uint8)
        most = len(raw) // (2 + 4 * width)  # rows of nothing but nulls
        places, sizes = (np.empty((width, most + 1), np.int64) for _ in range(2))
        count, used, state = kernels.find_fields(data, places, sizes)
        columns = [self._column(data, i, places[i, :count], sizes[i, :count]) for i in range(width)]
        self.row += count
        self.ended = state == kernels.ENDED
        self.buffer = raw[used:]
        self._refuse(state, last)
        return [ColumnBatch(columns, count)] if count else []

    def _refuse(self, state: int, last: bool) -> None:
        if state == kernels.WIDTH:
            (fields,) = struct.unpack_from(">h", self.buffer)
            message = f"row field count is {fields}, expected {len(self.types)}"
            raise BadCopyFileFormat(message, where=self.where(self.row + 1))
        if state == kernels.SIZE:
            raise BadCopyFileFormat("invalid field size", where=self._where_cut())
        if last and not self.ended and len(self.buffer) > 1:
            raise BadCopyFileFormat("unexpected EOF in COPY data", where=self._where_cut())

    def _where_cut(self) -> str:
        """The column at which the row at the buffer's start breaks off."""
        place, column = 2, 0
        while place + 4 <= len(self.buffer):
            (size,) = struct.unpack_from(">i", self.buffer, place)
            place += 4 + max(size, 0)
            if size < -1 or place > len(self.buffer):
                break
            column += 1
        return self.where(self.row + 1, self.names[column])

    def _read_header(self, last: bool) -> bool:
        """Whether the whole of it has come."""
        buffer, end = self.buffer, len(SIGNATURE)
        if len(buffer) < end and not last:
            return False
        if buffer[:end] != SIGNATURE:
            raise BadCopyFileFormat("COPY file signature not recognized")
        if len(buffer) < end + 8:
            return self._header_cut(
                last, "missing flags" if len(buffer) < end + 4 else "missing length"
            )
        flags, extension = struct.unpack_from(">ii", buffer, end)
        if flags & _WITH_OIDS:
            raise BadCopyFileFormat("invalid COPY file header (WITH OIDS)")
        if flags & _CRITICAL_FLAGS:
            raise BadCopyFileFormat("unrecognized critical flags in COPY file header")
        if extension < 0:
            raise BadCopyFileFormat("invalid COPY file header (missing length)")
        if len(buffer) < end + 8 + extension:
            return self._header_cut(last, "wrong length")
        self.buffer = buffer[end + 8 + extension :]
        self.started = True
        return True

    def _header_cut(self, last: bool, what: str) -> bool:
        if last:
            raise BadCopyFileFormat(f"invalid COPY file header ({what})")
        return False

    def _column(self, data: np.ndarray, i: int, places: np.ndarray, sizes: np.ndarray) -> Column:
        sql_type = self.types[i]
        if isinstance(sql_type.definition, Vector) and sql_type.typmod > 0:
            return self._vectors(data, i, places, sizes)
        wire = _NUMBERS.get(sql_type.oid)
        if wire is not None and (sizes == wire.itemsize).all():
            values = _gathered(data, places, sizes).view(wire)
            return pa.array(values.astype(wire.newbyteorder("=")))
        if sql_type.oid == types.TEXT.oid and self.encoding.is_utf8:
            return self._texts(data, i, places, sizes)
        return arrow_or_vectors(sql_type, self._datums(data, i, places, sizes))

    def _datums(self, data: np.ndarray, i: int, places: np.ndarray, sizes: np.ndarray) -> list[Any]:
        """One by one, so that an error knows its row."""
        decode, typmod = self.types[i].definition.decode, self.types[i].typmod
        turn = None if self.encoding.is_utf8 else text_in_binary(self.types[i], self.encoding.to_utf8)
        datums: list[Any] = []
        for j, (place, size) in enumerate(zip(places.tolist(), sizes.tolist(), strict=True)):
            if size < 0:
                datums.append(None)
                continue
            try:
                raw = data[place : place + size].tobytes()
                datums.append(decode(raw if turn is None else turn(raw), typmod))
            except DatabaseError as error:
                error.where = self.where(self.row + j + 1, self.names[i])
                raise
        return datums

    def _texts(self, data: np.ndarray, i: int, places: np.ndarray, sizes: np.ndarray) -> pa.Array:
        """UTF-8 as it came; what is no text is read one by one, for its error."""
        body = _gathered(data, places, sizes)
        ends = np.zeros(len(sizes) + 1, np.int32)
        np.cumsum(np.maximum(sizes, 0), out=ends[1:])
        present = np.packbits(sizes >= 0, bitorder="little")
        buffers = [pa.py_buffer(array) for array in (present, ends, body)]
        texts = pa.Array.from_buffers(pa.string(), len(sizes), buffers)
        try:
            texts.validate(full=True)
            is_text = bool(body.all())
        except pa.ArrowInvalid:
            is_text = False
        return texts if is_text else pa.array(self._datums(data, i, places, sizes), pa.string())

    def _vectors(
        self, data: np.ndarray, i: int, places: np.ndarray, sizes: np.ndarray
    ) -> VectorColumn:
        """Vectors of the column's dimensions at once; anything else one by one, for its error."""
        sql_type = self.types[i]
        definition, dims = sql_type.definition, sql_type.typmod
        assert isinstance(definition, Vector), definition.name
        present = sizes >= 0
        chosen, found = places[present], sizes[present]
        size = dims * definition.dtype.itemsize
        if (found != _VECTOR_HEAD + size).any() or not _headed(data, chosen, dims):
            return arrow_or_vectors(sql_type, self._datums(data, i, places, sizes))
        raw = _gathered(data, chosen + _VECTOR_HEAD, found - _VECTOR_HEAD)
        given = raw.view(definition.wire).reshape(-1, dims).astype(np.float32)
        try:
            definition.check_finite(given)
        except DatabaseError:
            self._datums(data, i, places, sizes)  # raises it, and knows the row
            raise
        if present.all():
            return VectorColumn(given, present)
        vectors = np.zeros((len(places), dims), np.float32)
        vectors[present] = given
        return VectorColumn(vectors, present)


def _headed(data: np.ndarray, places: np.ndarray, dims: int) -> bool:
    """Whether every vector says that it has these dimensions."""
    heads = _gathered(data, places, np.full(len(places), _VECTOR_HEAD)).view(">u2")
    return bool((heads.reshape(-1, 2) == np.array([dims, 0])).all())


def _gathered(data: np.ndarray, places: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The bytes of a column's fields, one after the other."""
    out = np.empty(int(np.maximum(sizes, 0).sum()), np.uint8)
    kernels.gather_bytes(data, places, sizes, out)
    return out
