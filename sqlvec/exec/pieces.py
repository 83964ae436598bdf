"""Rows for the relational engine that are made as it reads them, so that few are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

PIECE_ROWS = 65_536  # what one thread of the engine takes at a time


class Pieces:
    """make gives the batches anew, of num_rows rows in all, whenever they are read."""

    def __init__(
        self, schema: pa.Schema, num_rows: int, make: Callable[[], Iterator[pa.RecordBatch]]
    ) -> None:
        self.schema = schema
        self.num_rows = num_rows
        self._make = make

    def mapped(self, change: Callable[[pa.Table], pa.Table]) -> Pieces:
        """With each batch changed, whose schema stays."""

        def changed() -> Iterator[pa.RecordBatch]:
            for batch in self._make():
                yield from change(pa.Table.from_batches([batch])).to_batches()

        return Pieces(self.schema, self.num_rows, changed)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._make())
        return reader.__arrow_c_stream__(requested_schema)
