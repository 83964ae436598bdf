"""LIMIT and OFFSET: their values, and PostgreSQL's errors for negative ones."""

from __future__ import annotations

from dataclasses import dataclass

from sqlvec.errors import InvalidRowCountInLimit, InvalidRowCountInOffset
from sqlvec.exec.context import Context
from sqlvec.exec.evaluate import constant
from sqlvec.sql import bound


@dataclass(frozen=True, slots=True)
class RowLimit:
    """limit None: all rows."""

    limit: int | None
    offset: int

    def needed(self, total: int) -> int:
        """How many rows must be ranked, of `total`."""
        return total if self.limit is None else min(total, self.limit + self.offset)

    def cut(self, total: int) -> slice:
        end = total if self.limit is None else min(total, self.offset + self.limit)
        return slice(min(self.offset, total), end)


def row_limit(
    limit: bound.Expression | None, offset: bound.Expression | None, context: Context
) -> RowLimit:
    """The counts of this execution; a null LIMIT means all rows, a null OFFSET none."""
    limit_value = None if limit is None else constant(limit, context)
    offset_value = None if offset is None else constant(offset, context)
    if limit_value is not None and limit_value < 0:
        raise InvalidRowCountInLimit("LIMIT must not be negative")
    if offset_value is not None and offset_value < 0:
        raise InvalidRowCountInOffset("OFFSET must not be negative")
    return RowLimit(None if limit_value is None else int(limit_value), int(offset_value or 0))
