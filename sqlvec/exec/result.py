"""What execution hands to the server: columns, batches of column lists, and a command tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.exec.copy import CopyIn, CopyOut

Batch = Sequence[Sequence[Any]]  # one list of datums per column


@dataclass(slots=True)
class Result:
    """columns None: the statement returns no rows. tag() is final once the batches are drained."""

    columns: tuple[bound.OutputColumn, ...] | None = None
    command: str = ""
    rows: Iterator[Batch] = field(default_factory=lambda: iter(()))
    row_count: int = 0
    counted: bool = False  # the tag ends in the number of rows
    ticket: Any = None  # a commit to wait for
    copy_in: CopyIn | None = None
    copy_out: CopyOut | None = None
    close: Callable[[], None] | None = None

    def batches(self) -> Iterator[Batch]:
        """The rows, each batch once; counts them for the tag of a query."""
        for batch in self.rows:
            if self.command in ("SELECT", "FETCH", "SHOW") and batch:
                self.row_count += len(batch[0])
            yield batch

    def tag(self) -> str:
        if not self.counted:
            return self.command
        if self.command == "INSERT":
            return f"INSERT 0 {self.row_count}"
        return f"{self.command} {self.row_count}"


def rows_result(
    columns: tuple[bound.OutputColumn, ...], rows: Iterator[Batch], command: str = "SELECT"
) -> Result:
    return Result(columns, command, rows, counted=command not in ("SHOW", "EXPLAIN"))


def arrow_table(batches: Iterator[Batch], columns: Sequence[bound.OutputColumn]) -> pa.Table:
    """All rows as Arrow columns c0, c1 ..., the form in which the relational engine reads a source."""
    values: list[list[Any]] = [[] for _ in columns]
    for batch in batches:
        for column, some in zip(values, batch, strict=True):
            column += some
    return pa.table(
        {
            f"c{i}": column.type.definition.to_arrow(values[i], column.type.typmod)
            for i, column in enumerate(columns)
        }
    )
