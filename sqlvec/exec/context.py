"""What one execution of a statement may use: snapshot, transaction, parameters, settings, engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import QueryCanceled
from sqlvec.exec.changes import Changes, Deferred
from sqlvec.exec.temporary import temporary_schema
from sqlvec.sql.deparse import expression_text
from sqlvec.sql.qualified_text import qualified_query

if TYPE_CHECKING:
    from sqlvec.catalog.system.environment import Environment
    from sqlvec.database import Connection
    from sqlvec.exec.relational import Relational
    from sqlvec.exec.table_statistics import TableStatistics
    from sqlvec.index.row_set import RowSet
    from sqlvec.settings import SessionSettings
    from sqlvec.sql.bound import Expression
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Past, Transaction

Datum = Any
Notice = tuple[str, str, str, str | None]  # severity, sqlstate, message, detail


class RowsByShard(Protocol):
    def get(self, shard: Shard, /) -> RowSet | None:
        """The rows of a shard, if there are any."""


@dataclass(slots=True)
class Context:
    """One statement's surroundings. Times are microseconds since 1970, UTC."""

    store: Store
    tx: Transaction
    catalog: Catalog
    settings: SessionSettings
    relational: Callable[[], Relational]
    environment: Callable[[], Environment]
    user: str
    database: str
    pid: int
    transaction_us: int
    statement_us: int
    clock_us: Callable[[], int]
    cancelled: Callable[[], bool]
    random: Callable[[], float]
    connection: Connection | None = None  # for functions that reach other sessions
    parameters: Sequence[Datum] = ()
    notices: list[Notice] = field(default_factory=list)
    sequence_values: dict[int, int] = field(default_factory=dict)  # currval, by sequence oid
    observed: dict[int, dict[str, Any]] | None = None  # counters of EXPLAIN ANALYZE, by relation id
    returned: dict[int, pa.Table] = field(default_factory=dict)  # by data-modifying parts of a WITH
    pasts: dict[Expression, Past] | None = None  # snapshots of FOR SYSTEM_TIME AS OF
    table_statistics: dict[tuple[int, int], TableStatistics] | None = None  # by index and past
    changes: Changes | None = None  # what the statement's constraints must look at
    _viewpoint: Viewpoint | None = None
    _environment: Environment | None = None

    def surroundings(self) -> Environment:
        """The environment, one for the statement."""
        if self._environment is None:
            self._environment = self.environment()
        return self._environment

    def viewpoint(self) -> Viewpoint:
        """Catalog, search path and user, for functions over names."""
        found = self._viewpoint
        if found is None or found.catalog is not self.catalog:
            path = self.settings.search_path(self.user)
            own = temporary_schema(self.pid)
            found = Viewpoint(
                self.catalog, path, self.user, expression_text, own, qualified_query
            )
            self._viewpoint = found
        return found

    # Rows that stand for what the snapshot shows of a relation, when newer versions are tested.
    newer: Mapping[int, RowsByShard] | None = None

    def narrowed(self, newer: Mapping[int, RowsByShard]) -> Context:
        """This context, in which the relations have these rows only."""
        return replace(self, newer={**(self.newer or {}), **newer})

    @property
    def deferred(self) -> Deferred:
        """The transaction's constraint modes."""
        assert self.connection is not None
        return self.connection.block.deferred

    def check_cancelled(self) -> None:
        if self.cancelled():
            raise QueryCanceled("canceling statement due to user request")

    def notice(
        self, message: str, *, severity: str = "NOTICE", sqlstate: str = "00000",
        detail: str | None = None,
    ) -> None:  # fmt: skip
        self.notices.append((severity, sqlstate, message, detail))
