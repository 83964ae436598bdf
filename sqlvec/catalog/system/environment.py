"""What system tables show besides the catalog: the session, the cluster, and what the language has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.viewpoint import PrintExpression, PrintQuery, Viewpoint


class Vocabulary(Protocol):
    """Which of PostgreSQL's functions, operators and casts a statement may use here."""

    def has_function(self, name: str, arguments: Sequence[int]) -> bool: ...

    def has_operator(self, name: str, left: int, right: int, result: int) -> bool: ...

    def has_cast(self, source: int, target: int, context: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Activity:
    """A connection, for pg_stat_activity; wait: the type and the name of what it waits for. Times are
    microseconds since 1970, 0 for what has not begun."""

    pid: int
    user: str
    database: str
    application: str
    wait: tuple[str, str] | None = None
    state: str = "active"
    query: str = ""  # that runs, or ran last
    backend_us: int = 0
    transaction_us: int = 0
    query_us: int = 0
    encryption: tuple[str, str, int] | None = None  # of TLS: version, cipher, its bits
    client: tuple[str, int] | None = None  # its address and port


@dataclass(frozen=True, slots=True)
class Environment:
    """row_count and disk_bytes are of a table, by oid."""

    databases: tuple[str, ...]
    database: str
    user: str
    pid: int
    temporary_schema: str
    settings: Any  # SessionSettings
    statements: tuple[tuple[str, str], ...]  # name and text of prepared statements
    cursors: tuple[str, ...]
    connections: tuple[Activity, ...]
    started_us: int  # when the server started, since 1970
    row_count: Callable[[int], int]
    disk_bytes: Callable[[int], int]
    vocabulary: Vocabulary
    print_expression: PrintExpression
    print_query: PrintQuery
    index_queue: Callable[[], list[Any]]  # of storage.jobs.QueuedIndex
    index_recall: Callable[[], list[Any]]  # of storage.jobs.IndexRecall
    index_memory: Callable[[], list[Any]]  # of storage.jobs.IndexMemory
    locks: Callable[[], list[dict[str, Any]]]  # rows of pg_locks
    tenants: Callable[[], list[Any]]  # of storage.tenants.Tenant
    buildings: Callable[[], list[tuple[Activity, Any]]]  # of exec.index_progress.IndexProgress
    routine_uses: Callable[[Catalog], list[Any]]  # of sql.type_text.RoutineUse

    @property
    def version(self) -> str:
        from sqlvec import __version__

        return f"PostgreSQL {self.settings.show('server_version')} (sqlvec {__version__})"

    def viewpoint(self, catalog: Catalog) -> Viewpoint:
        path = self.settings.search_path(self.user)
        return Viewpoint(
            catalog, path, self.user, self.print_expression, self.temporary_schema, self.print_query
        )
