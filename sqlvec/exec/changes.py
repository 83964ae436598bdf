"""What a statement did to rows that constraints look at, kept until its end or the transaction's.

A Change names row versions, not values: they can be read until the transaction ends, so that a check finds
out then what became of them, and a change that a savepoint took back is one that nobody sees.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Catalog, Constraint, Table
from sqlvec.sql.keys import is_late

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

RowIds = np.ndarray  # i64
Places = tuple["Shard", RowIds]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Versions that ended, versions that began; aligned where the second replace the first. moved: versions in
    another partition that took the place of those that ended here."""

    table_oid: int
    old: Places | None = None
    new: Places | None = None
    moved: Places | None = None


Changes = deque[Change]


def is_watched(table: Table, catalog: Catalog) -> bool:
    """Whether constraints ask what happens to the table's rows."""
    if catalog.referrers(table.oid) or any(is_late(i) for i in catalog.indexes(table.oid)):
        return True
    return any(c.kind == "f" or c.deferrable for c in table.constraints)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A check put off. parent: the change ended rows that others refer to."""

    constraint_oid: int
    table_oid: int  # of the constraint
    parent: bool
    change: Change


@dataclass(slots=True)
class Deferred:
    """The transaction's constraint modes (SET CONSTRAINTS) and the checks that wait for its end."""

    modes: dict[int, bool] = field(default_factory=dict)
    all: bool | None = None
    waiting: tuple[Waiting, ...] = ()

    def is_deferred(self, constraint: Constraint) -> bool:
        if not constraint.deferrable:
            return False
        mode = self.modes.get(constraint.oid, self.all)
        return constraint.deferred if mode is None else mode

    def put_off(self, waiting: Waiting) -> None:
        self.waiting = (*self.waiting, waiting)

    def mark(self) -> Deferred:
        """How things are now, for a savepoint."""
        return Deferred(dict(self.modes), self.all, self.waiting)
