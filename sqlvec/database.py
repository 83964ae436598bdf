"""The spine: a cluster of databases, their connections; prepare, execute, commit.

Below the server everything is plain synchronous code. A Connection is used by one thread at a time; cancel()
alone may come from another.

    Cluster     databases by name, each a directory with its own log
    Database    one store, one relational engine, one plan cache
    Connection  settings, transaction state, prepared statements of one client
"""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from sqlvec import types
from sqlvec.catalog.operator_classes import METHODS
from sqlvec.catalog.system.environment import Activity, Environment
from sqlvec.errors import (
    ActiveTransaction,
    DatabaseError,
    DuplicateDatabase,
    FeatureNotSupported,
    InvalidName,
    ObjectInUse,
    QueryCanceled,
    UndefinedDatabase,
)
from sqlvec.exec.catalog_changes import claim
from sqlvec.exec.constraints import enforce, settle
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.copy import CopyIn, CopyOut
from sqlvec.exec.cursor import Cursor
from sqlvec.exec.ddl import run_ddl
from sqlvec.exec.explain import explain_columns, run_explain
from sqlvec.exec.index_progress import IndexProgress
from sqlvec.exec.index_values import index_values
from sqlvec.exec.insert import output_columns, run_insert
from sqlvec.exec.lock_view import lock_rows, wait_event
from sqlvec.exec.merge import run_merge
from sqlvec.exec.modify import run_modify
from sqlvec.exec.modifying import is_query, run_first
from sqlvec.exec.notifications import Channels, Notifications
from sqlvec.exec.object_names import looked_up, named, named_places
from sqlvec.exec.read_only import forbid_writing
from sqlvec.exec.relation_locks import (
    RelationLocks,
    calls_routines,
    relation_locks,
    takes_locks,
)
from sqlvec.exec.relational import EngineLimits, Relational, RelationalEngine
from sqlvec.exec.result import Result, rows_result
from sqlvec.exec.routine_call import call_procedure
from sqlvec.exec.select import run_query
from sqlvec.exec.temporary import drop_schemas, end_transaction, left_behind, temporary_schema
from sqlvec.exec.time_travel import check_tables
from sqlvec.exec.transaction_block import TransactionBlock
from sqlvec.exec.utility import run_utility
from sqlvec.plan.constant_folding import constant_divisions
from sqlvec.plan.physical import (
    Constants,
    HandFusion,
    InsertPlan,
    LockingSelect,
    MergePlan,
    ModifyPlan,
    NativeSelect,
    Plan,
    Recognised,
    SequencePlan,
)
from sqlvec.plan.planner import plan as make_plan
from sqlvec.plan.planner import plan_merge, plan_query, plan_sequence
from sqlvec.settings import SessionSettings
from sqlvec.sql import bound
from sqlvec.sql.bind import bind
from sqlvec.sql.body_statement import BodyStatement
from sqlvec.sql.context import BindContext
from sqlvec.sql.deparse import expression_text
from sqlvec.sql.parse import ParsedStatement, parse
from sqlvec.sql.qualified_text import qualified_query
from sqlvec.sql.record_fields import with_fields
from sqlvec.sql.shape import shape
from sqlvec.sql.tree import nodes
from sqlvec.sql.type_text import routine_uses
from sqlvec.sql.vocabulary import VOCABULARY
from sqlvec.storage.locks import LockOwner, LockWait, Mode
from sqlvec.storage.seams import Clock, FileBlobs, SystemClock
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.store import Store
from sqlvec.storage.tenants import all_tenants, disk_bytes, row_count
from sqlvec.storage.transaction import Transaction
from sqlvec.storage.vfs import OsFs
from sqlvec.storage.workshop import OwnProcess
from sqlvec.types.zoned import in_zone

AnyPlan = Plan | SequencePlan | MergePlan
DEFAULT_DATABASE = "postgres"
PLAN_CACHE_MAX = 2_000
INLINE_ROWS_MAX = 20_000  # scanning more than this goes to a worker thread
INLINE_INSERT_ROWS_MAX = 200
INNER_UTILITIES = frozenset(
    ["set", "reset", "show", "noop", "lock", "listen", "notify", "unlisten", "set_constraints"]
)  # that a function's body may have
LIFTED_MAX = 64  # string literals of one statement
QUERY_LENGTH_MAX = 1_023  # of pg_stat_activity, as PostgreSQL's track_activity_query_size has it
_STATES = {b"I": "idle", b"T": "idle in transaction", b"E": "idle in transaction (aborted)"}


@dataclass(slots=True)
class Prepared:
    """A statement, bound and planned for one catalog. inline: short enough for the event loop."""

    parsed: ParsedStatement
    statement: bound.Statement
    parameter_types: tuple[types.SqlType, ...]
    columns: tuple[bound.OutputColumn, ...] | None
    plan: AnyPlan | None
    inline: bool
    catalog: Any
    parameter_oids: tuple[int, ...]
    settings_version: object
    locks: RelationLocks = ()
    eager: bool = False  # a row may have to wait for a lock: all are computed before the first is sent
    named_columns: tuple[int, ...] = ()  # places of regclass and its kin, shown as names
    named_parameters: tuple[int, ...] = ()
    divisions: tuple[bound.Expression, ...] = ()  # of constants, which may fail before rows are asked for

    @property
    def ends_transaction(self) -> bool:
        statement = self.statement
        return isinstance(statement, bound.Utility) and statement.kind in (
            "commit", "rollback", "rollback_to", "prepare_transaction",
        )  # fmt: skip


class Lifted(NamedTuple):
    """A plan for the shape of a statement, and the literals that its text had."""

    prepared: Prepared
    values: list[Datum]


@dataclass(frozen=True, slots=True)
class Notice:
    severity: str
    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None


class Database:
    """One database: a store, an engine for the remainder, and the plans made so far."""

    def __init__(self, cluster: Cluster, name: str, directory: Path) -> None:
        self.cluster = cluster
        self.name = name
        self.clock = cluster.clock
        storage = cluster.storage
        vfs, elsewhere = OsFs(str(directory)), storage.blob_directory
        blobs = FileBlobs(OsFs(elsewhere, segment_io=storage.segment_io)) if elsewhere else None
        self.store = Store.open(vfs, cluster.clock, storage, index_values, blobs, uuid4().hex)
        self.store.workshop = OwnProcess(
            vfs, str(directory), cluster.clock, storage.inline_bytes_max
        )
        drop_schemas(self.store, *left_behind(self.store))
        self._engine: RelationalEngine | None = None
        self._engine_lock = threading.Lock()
        self._directory = directory
        self.connections: set[Connection] = set()
        self.channels = Channels()
        self.plans: dict[Any, Prepared] = {}

    @property
    def engine(self) -> RelationalEngine:
        """Made when a statement first needs it: what it takes would be a tenth of the start."""
        with self._engine_lock:
            if self._engine is None:
                self._engine = RelationalEngine(
                    str(self._directory / "tmp"), self.cluster.engine_limits
                )
            return self._engine

    def connect(
        self, user: str, pid: int, secret: bytes | int, startup_settings: dict[str, str]
    ) -> Connection:
        connection = Connection(self, user, pid, startup_settings)
        self.connections.add(connection)
        return connection

    def jobs(self) -> list[Any]:
        """What background work of the store has come up; the caller runs it."""
        return self.store.jobs(every=False)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self.store.close()


class Cluster:
    """All databases below one data directory."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        password_verifiers: dict[str, str],
        storage: StorageSettings,
        engine_limits: EngineLimits,
    ) -> None:
        self.data_dir = data_dir
        self.storage = storage
        self.engine_limits = engine_limits
        self.clock = clock
        self.started_us = clock.now_us()
        self.password_verifiers = password_verifiers
        self.server_settings = {
            "sqlvec.blob_directory": storage.blob_directory,
            "sqlvec.shard_idle_seconds": f"{storage.shard_idle_seconds:.0f}",
            "sqlvec.open_shards_max": str(storage.open_shards_max),
            "sqlvec.flat_to_hnsw_rows": str(storage.flat_to_hnsw_rows),
            "sqlvec.segment_io": storage.segment_io,
            "sqlvec.memtable_stall": str(storage.memtable_bytes_stall >> 10),
            "sqlvec.segments_stall": str(storage.segments_stall),
            "sqlvec.unlinked_rows_stall": str(storage.unlinked_rows_stall),
            "sqlvec.index_memory_limit": str(storage.index_memory_limit_bytes >> 10),
            "sqlvec.memory_limit": str(engine_limits.memory_kb),
            "temp_file_limit": str(engine_limits.temp_file_kb),
        }
        self.open_databases: dict[str, Database] = {}

    @classmethod
    def open(
        cls,
        data_dir: str | Path,
        *,
        clock: Clock | None = None,
        password_verifiers: dict[str, str] | None = None,
        storage: StorageSettings | None = None,
        engine_limits: EngineLimits | None = None,
    ) -> Cluster:
        """Opens or creates the directory; the default database is opened at once, others when used."""
        path = Path(data_dir)
        path.mkdir(parents=True, exist_ok=True)
        cluster = cls(
            path,
            clock or SystemClock(),
            password_verifiers or {},
            storage or StorageSettings(),
            engine_limits or EngineLimits(),
        )
        if DEFAULT_DATABASE not in cluster.database_names():
            cluster._make_directory(DEFAULT_DATABASE)
        cluster.database(DEFAULT_DATABASE)
        return cluster

    def password_verifier(self, user: str) -> str | None:
        return self.password_verifiers.get(user)

    def database_names(self) -> list[str]:
        root = self.data_dir / "databases"
        if not root.is_dir():
            return []
        return sorted(_decode_name(entry.name) for entry in root.iterdir() if entry.is_dir())

    def database(self, name: str) -> Database:
        """The database of that name, opened if it is not open yet."""
        found = self.open_databases.get(name)
        if found is None:
            if name not in self.database_names():
                raise UndefinedDatabase(f'database "{name}" does not exist')
            found = self.open_databases[name] = Database(self, name, self._directory(name))
        return found

    def databases(self) -> list[Database]:
        return list(self.open_databases.values())

    def create_database(self, name: str) -> None:
        if name in self.database_names():
            raise DuplicateDatabase(f'database "{name}" already exists')
        self._make_directory(name)

    def drop_database(self, name: str) -> None:
        if name not in self.database_names():
            raise UndefinedDatabase(f'database "{name}" does not exist')
        found = self.open_databases.get(name)
        if name == DEFAULT_DATABASE or (found is not None and found.connections):
            raise ObjectInUse(f'database "{name}" is being accessed by other users')
        found = self.database(name)
        found.store.remove_blobs()
        found.close()
        del self.open_databases[name]
        shutil.rmtree(self._directory(name))

    def close(self) -> None:
        for database in self.open_databases.values():
            database.close()
        self.open_databases.clear()

    def _directory(self, name: str) -> Path:
        return self.data_dir / "databases" / _encode_name(name)

    def _make_directory(self, name: str) -> None:
        if not name or len(name.encode()) > 63:
            raise InvalidName(f'invalid database name "{name}"')
        self._directory(name).mkdir(parents=True, exist_ok=True)


def _encode_name(name: str) -> str:
    """A file name for any database name: letters, digits, - and _ stand, others as %xx of UTF-8."""
    plain = "abcdefghijklmnopqrstuvwxyz0123456789_-"
    return "".join(chr(b) if chr(b) in plain else f"%{b:02x}" for b in name.encode())


def _decode_name(name: str) -> str:
    from urllib.parse import unquote

    return unquote(name)


class Connection:
    """One client's session below the protocol."""

    def __init__(
        self, database: Database, user: str, pid: int, startup_settings: dict[str, str]
    ) -> None:
        self.database = database
        self.store = database.store
        self.user = user
        self.pid = pid
        self.settings = SessionSettings()
        self.settings.provide("sqlvec.retention", str(self.store.settings.retention_us // 1000))
        for name, value in database.cluster.server_settings.items():
            self.settings.provide(name, value)
        for name, value in startup_settings.items():
            self.settings.set_startup(name, value)
        self.statements: dict[str, Prepared | None] = {}  # None: the empty query
        self.notifications = Notifications(database.channels, pid)
        self.owner = LockOwner(pid)
        self.block = TransactionBlock(
            database.store, self.settings, self.notifications, self.owner
        )
        self.sequence_values: dict[int, int] = {}
        self.cursors: dict[str, Cursor] = {}
        self.signal: Callable[[str], None] = _unheard
        self.encryption: tuple[str, str, int] | None = None  # of TLS: version, cipher, its bits
        self.client: tuple[str, int] | None = None  # its address and port
        self._notices: list[Notice] = []
        self._relational: Relational | None = None
        self._kept_relational: list[Relational] = []
        self._cancelled = threading.Event()
        self._cancel_reason = ""
        self.running: Prepared | None = None
        self.last: Prepared | None = None  # that ran before
        self.started_us = database.clock.now_us()
        self.query_us = 0  # when a statement began last
        self.building: IndexProgress | None = None  # what CREATE INDEX or REINDEX is about
        self._random = random.Random()

    # ---------------------------------------------------------------- state

    @property
    def status(self) -> bytes:
        """The transaction status of ReadyForQuery."""
        return self.block.status

    @property
    def has_notices(self) -> bool:
        return bool(self._notices)

    def take_notices(self) -> list[Notice]:
        notices, self._notices = self._notices, []
        return notices

    def notice(self, sqlstate: str, message: str) -> None:
        self._notices.append(Notice("NOTICE", sqlstate, message))

    def tell(
        self, severity: str, sqlstate: str, message: str, detail: str | None = None, hint: str | None = None
    ) -> None:
        self._notices.append(Notice(severity, sqlstate, message, detail, hint))

    @property
    def notice_count(self) -> int:
        return len(self._notices)

    def forget_notices(self, count: int) -> None:
        """Those after the first so many."""
        del self._notices[count:]

    def warn(self, sqlstate: str, message: str) -> None:
        self._notices.append(Notice("WARNING", sqlstate, message))

    def take_parameter_changes(self) -> list[tuple[str, str]]:
        return self.settings.take_changes()

    def cancel(self, reason: str = "") -> None:
        """Stops the statement that runs now; without effect when none does."""
        self._cancel_reason = reason
        self._cancelled.set()
        for relational in (self._relational, *self._kept_relational):
            if relational is not None:
                relational.interrupt()
        error = QueryCanceled("canceling statement due to user request")
        self.store.locks.cancel(self.owner, error)

    def begin_statement(self) -> None:
        """Forgets a cancel that came when nothing ran."""
        self._cancelled.clear()
        self._cancel_reason = ""

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def cancel_reason(self) -> str:
        """Why the statement was cancelled, if not by the user's request."""
        return self._cancel_reason

    def other(self, pid: int) -> Connection | None:
        """The session of that pid, in whichever database."""
        for database in self.database.cluster.databases():
            for connection in database.connections:
                if connection.pid == pid:
                    return connection
        return None

    def close(self) -> None:
        self.close_cursors()
        self.block.close()
        self.drop_temporary()
        self.notifications.close()
        self.store.locks.release_session(self.owner)
        if self._relational is not None:
            self.database.engine.give_back(self._relational)
        self.database.connections.discard(self)

    def drop_temporary(self) -> None:
        """Drops the session's temporary objects."""
        if not self.store.closed and not self.store.failure:
            drop_schemas(self.store, temporary_schema(self.pid))

    # ---------------------------------------------------------------- cursors

    def close_cursors(self, *, held: bool = True) -> None:
        """At the end of the session all; at that of a transaction those that do not outlive it."""
        for name, cursor in list(self.cursors.items()):
            if held or not cursor.held:
                cursor.close()
                del self.cursors[name]

    def keep_cursors(self) -> None:
        """Before COMMIT: cursors WITH HOLD read what is left."""
        for cursor in self.cursors.values():
            if cursor.hold and not cursor.held:
                cursor.keep()

    def own_relational(self) -> tuple[Callable[[], Relational], Callable[[], None]]:
        """An engine for one cursor, made when it is needed, and what closes it."""
        made: list[Relational] = []

        def get() -> Relational:
            if not made:
                made.append(self.database.engine.cursor())
                self._kept_relational += made
            return made[0]

        def close() -> None:
            for relational in made:
                self._kept_relational.remove(relational)
                self.database.engine.give_back(relational)
            made.clear()

        return get, close

    # ---------------------------------------------------------------- prepare

    def parse(self, text: str) -> list[ParsedStatement]:
        return parse(text)

    def prepare(
        self, statement: ParsedStatement, parameter_oids: Sequence[int] = ()
    ) -> Prepared:
        """Binds and plans; nothing is executed. Repeated statements come from the plan cache."""
        catalog = self.block.catalog()
        place = (statement.text, statement.offset, statement.kind)  # PREPARE holds a statement
        key = (place, tuple(parameter_oids), self._bind_settings())
        cache = self.database.plans
        cached = cache.get(key)
        if cached is not None and cached.catalog is catalog and not self.block.failed:
            return cached
        self.block.check_usable(statement)
        prepared = self._prepare(statement, tuple(parameter_oids), catalog)
        if isinstance(prepared.statement, bound.Utility | bound.Ddl):
            return prepared
        if catalog is self.store.catalog:
            if len(cache) >= PLAN_CACHE_MAX:
                cache.clear()
            cache[key] = prepared
        return prepared

    def lifted(self, text: str) -> Lifted | None:
        """The plan of a statement without its string literals, and these as parameters; so a client that
        writes its values into the text has a repeated shape parsed, bound and planned once. None where that
        is not certain to mean the same: then the statement goes the usual way, also to find its errors."""
        if self.block.failed:
            return None
        found = shape(text)
        if found is None or len(found[1]) > LIFTED_MAX:
            return None
        catalog = self.block.catalog()
        key = (found[0], "lifted", self._bind_settings())
        cache = self.database.plans
        prepared = cache.get(key)
        if prepared is None or prepared.catalog is not catalog:
            prepared = self._prepare_lifted(found[0], len(found[1]), catalog)
            if catalog is self.store.catalog:
                if len(cache) >= PLAN_CACHE_MAX:
                    cache.clear()
                cache[key] = prepared
        if prepared.plan is None:
            return None
        try:
            zone, types = self.settings.zone, prepared.parameter_types
            values = [
                in_zone(t.definition, zone).parse(v) for t, v in zip(types, found[1], strict=True)
            ]
        except DatabaseError:
            return None
        return Lifted(prepared, values)

    def _prepare_lifted(self, text: str, count: int, catalog: Any) -> Prepared:
        """plan None: the shape is not to be lifted."""
        try:
            statements = parse(text)
            if len(statements) == 1:
                prepared = self._prepare(statements[0], (), catalog)
                if len(prepared.parameter_types) == count and _lifts(prepared):
                    return prepared
        except DatabaseError:
            self._notices.clear()
        return Prepared(
            ParsedStatement(text, {"Lifted": {}}, 0), bound.Utility("lifted", ""), (), None, None,
            False, catalog, (), self._bind_settings(),
        )  # fmt: skip

    def _bind_settings(self) -> object:
        return self.settings.plan_version

    def prepare_inner(
        self, parsed: ParsedStatement, body: BodyStatement, catalog: Any
    ) -> Prepared:
        """A statement inside another: of a function's body, whose arguments are its parameters, or of DO."""
        key = (parsed.text, parsed.offset, body, self._bind_settings())
        known = catalog.memo.setdefault("inner plans", {})
        prepared = known.get(key)
        if prepared is None:
            prepared = self._prepare(parsed, (), catalog, body)
            if not isinstance(prepared.statement, bound.Utility | bound.Ddl):
                if len(known) >= PLAN_CACHE_MAX:
                    known.clear()
                known[key] = prepared
        return prepared

    def run_inner(self, prepared: Prepared, context: Context, args: Sequence[Datum]) -> Result:
        """Runs a statement inside another, whose transaction it is part of."""
        statement = prepared.statement
        if isinstance(statement, bound.Utility):
            if statement.kind == "call":
                return call_procedure(statement.args, context)
            if statement.kind in ("create_database", "drop_database", "vacuum"):
                raise ActiveTransaction(f"{statement.tag} cannot be executed from a function")
            if statement.kind not in INNER_UTILITIES:
                raise FeatureNotSupported(f"{statement.tag} is not allowed in a function")
            outer, self.block.grouped = self.block.grouped, True
            try:
                return run_utility(self, statement, args)
            finally:
                self.block.grouped = outer
        if isinstance(statement, bound.Ddl) and statement.alone:
            raise ActiveTransaction(f"{statement.alone} cannot be executed from a function")
        return self._run(prepared, prepared.statement, context)

    def _prepare(
        self,
        parsed: ParsedStatement,
        parameter_oids: tuple[int, ...],
        catalog: Any,
        body: BodyStatement | None = None,
    ) -> Prepared:
        context = BindContext(
            catalog=catalog,
            search_path=self.settings.search_path(self.user),
            show=self.settings.show,
            user=self.user,
            database=self.database.name,
            statements=self.statements,
            temporary_schema=temporary_schema(self.pid),
            zone=self.settings.zone,
        )
        result = bind(parsed, context, parameter_oids, body)
        for sqlstate, message in result.notices:
            self._notices.append(Notice("NOTICE", sqlstate, message))
        statement = result.statement
        plan: AnyPlan | None = None
        if isinstance(statement, bound.Merge):
            plan = plan_merge(statement, catalog)
        elif isinstance(statement, bound.WithModifying):
            plan = plan_sequence(statement, catalog)
        elif isinstance(statement, (bound.Query, bound.Insert, bound.Update, bound.Delete)):
            plan = make_plan(statement, catalog)
        calls = bool(catalog.routines) and calls_routines(statement)
        columns = self._columns(statement)
        return Prepared(
            parsed,
            statement,
            result.parameter_types,
            columns,
            plan,
            not calls and self._is_short(statement, plan),
            catalog,
            parameter_oids,
            self._bind_settings(),
            relation_locks(statement, catalog),
            takes_locks(statement),
            named_columns=() if plan is None else named_places([c.type for c in columns or ()]),
            named_parameters=named_places(result.parameter_types),
            divisions=() if plan is None else constant_divisions(statement),
        )

    def _columns(self, statement: bound.Statement) -> tuple[bound.OutputColumn, ...] | None:
        if isinstance(statement, bound.WithModifying):
            return self._columns(statement.main)
        if isinstance(statement, bound.Select):
            return with_fields(statement.columns, statement.targets, statement)
        if isinstance(statement, bound.Query):
            return statement.columns
        if isinstance(statement, (bound.Insert, bound.Update, bound.Delete)):
            if not statement.returning:
                return None
            return with_fields(output_columns(statement.returning), statement.returning, statement)
        if isinstance(statement, bound.Explain):
            return explain_columns(statement)
        if isinstance(statement, bound.Utility):
            return self._utility_columns(statement)
        return None

    def _utility_columns(
        self, statement: bound.Utility
    ) -> tuple[bound.OutputColumn, ...] | None:
        if statement.kind == "execute":
            named = self.statements.get(statement.args["name"])
            return named.columns if named is not None else None
        if statement.kind == "fetch":
            cursor = self.cursors.get(statement.args["name"])
            return cursor.columns if cursor is not None else None
        return statement.columns or None

    def _is_short(self, statement: bound.Statement, plan: AnyPlan | None) -> bool:
        """Whether it is expected to take less than about a millisecond."""
        if isinstance(plan, NativeSelect):
            if plan.prefilter.key:
                return True
            table, tenant = plan.prefilter.scan.table, plan.prefilter.tenant
            if table.tenant_attnum and tenant is None and not self.settings.get("sqlvec.tenant"):
                return False  # over all tenants
            if table.partitioning is not None or plan.prefilter.scan.heirs:
                return False
            leg = plan.ranking.leg if plan.ranking else None
            if leg is not None and getattr(leg, "index", True) is not None:
                return True
            return self._row_count(table.oid) <= INLINE_ROWS_MAX
        if isinstance(plan, Constants):
            return "sleep" not in str(plan.targets)
        if isinstance(plan, Recognised):
            lists = plan.plan.branches if isinstance(plan.plan, HandFusion) else ()
            fused = bool(lists) and bool(self.settings.get("sqlvec.enable_fusion_rewrite"))
            return fused and all(self._is_short(statement, part.ranked.plan) for part in lists)
        if isinstance(plan, LockingSelect):
            return isinstance(plan.source, NativeSelect) and bool(plan.source.prefilter.key)
        if isinstance(plan, InsertPlan):
            return plan.rows is not None and len(plan.rows) <= INLINE_INSERT_ROWS_MAX
        if isinstance(plan, ModifyPlan):
            return plan.source is None and bool(plan.prefilter.key)
        return isinstance(statement, bound.Utility) and self._is_short_utility(statement)

    def _is_short_utility(self, statement: bound.Utility) -> bool:
        if statement.kind == "commit":
            return not any(cursor.hold and not cursor.held for cursor in self.cursors.values())
        return statement.kind not in ("vacuum", "execute", "declare", "fetch", "checkpoint", "call", "do")

    def _row_count(self, table_oid: int) -> int:
        return row_count(self.store, table_oid)

    # ---------------------------------------------------------------- execute

    def execute(
        self,
        prepared: Prepared,
        parameters: Sequence[Datum] = (),
        *,
        kept: bool = False,
        described: bool = True,
    ) -> Result:
        """Runs a prepared statement. Rows of the result are computed as they are drained; those that are
        kept may be drained while other statements run. After a LockWait it is called again, once the lock
        is granted. described: the client knows the columns."""
        self.running = prepared
        if self.block.failed:
            self.block.check_usable(prepared.parsed)
        try:
            if isinstance(prepared.statement, bound.Utility):
                result = run_utility(self, prepared.statement, parameters)
            else:
                prepared, tx = self._begin_statement(prepared, described=described)
                context = self.context(tx, parameters)
                if kept:
                    result = self._run_kept(prepared, context)
                else:
                    result = self._run(prepared, prepared.statement, context)
        except LockWait as wait:
            self.block.suspend(wait.request)
            self.store.locks.retry_statement(self.owner)
            raise
        if self.block.tx is not None and self.block.tx.tracked is not None:
            self.block.tx.check_serializable()
        if self.owner.attempt or self.owner.credits:
            self.store.locks.end_statement(self.owner)
        return result

    def _begin_statement(
        self, prepared: Prepared, *, described: bool
    ) -> tuple[Prepared, Transaction]:
        """The statement's transaction and snapshot, its tables locked; planned anew if the catalog is not
        the one it was planned for."""
        block, locks = self.block, self.store.locks
        tx = block.statement_transaction()
        if tx.read_only:
            forbid_writing(prepared.statement)
        if tx.waits_for_safety:
            tx.await_safety()
        while True:
            for oid, mode in prepared.locks:
                if mode <= Mode.ROW_EXCLUSIVE:
                    locks.lock_weakly(self.owner, oid, mode)
                    if mode == Mode.ROW_EXCLUSIVE and self.store.stall.is_stalled(oid):
                        self.store.stall.await_room(self.owner, oid)
                else:
                    locks.lock_relation(self.owner, oid, mode)
            if tx.base_catalog is not self.store.catalog:
                block.renew_snapshot()  # a change was committed before the tables were locked
            if prepared.catalog is tx.catalog and (
                not isinstance(prepared.statement, bound.Ddl)
                or self.claimed(prepared.statement, tx)
            ):
                if tx.in_past:
                    check_tables(tx, self.store, prepared.locks)
                return prepared, tx
            prepared = self.replanned(prepared, described=described)

    def claimed(self, statement: bound.Ddl, tx: Transaction) -> bool:
        """Whether the change may be made as it was bound."""
        if statement.catalog is not None:
            name = temporary_schema(self.pid)
            if statement.catalog.schema(name) is not None:
                self.settings.searches_first(name)
        return claim(statement, tx, self.store)

    def _run_kept(self, prepared: Prepared, context: Context) -> Result:
        context.relational, close = self.own_relational()
        try:
            result = self._run(prepared, prepared.statement, context)
        except DatabaseError:
            close()
            raise
        result.close = close
        return result

    def _run(
        self, prepared: Prepared, statement: bound.Statement, context: Context
    ) -> Result:
        plan = prepared.plan
        if prepared.named_parameters:
            context.parameters = looked_up(prepared, context)
        if isinstance(plan, MergePlan):
            return self._written(run_merge(plan, context), prepared, context)
        if isinstance(plan, SequencePlan):
            context, plan = run_first(plan, context), plan.main
            if context.changes and is_query(plan):
                enforce(context)
        if isinstance(plan, InsertPlan):
            return self._written(run_insert(plan, context), prepared, context)
        if isinstance(plan, ModifyPlan):
            return self._written(run_modify(plan, context), prepared, context)
        if isinstance(statement, bound.Ddl):
            return self._drained(run_ddl(statement, context), context)
        if isinstance(statement, bound.Explain):
            return self._written(run_explain(statement, context), prepared, context)
        if isinstance(statement, bound.Copy):
            return self._copy(statement, context)
        assert plan is not None and prepared.columns is not None
        rows = run_query(plan, context)  # type: ignore[arg-type]
        if prepared.eager:
            rows = iter(list(rows))
        if isinstance(plan, Constants):
            rows = iter(list(rows))  # PostgreSQL too tells its errors before its columns
        if prepared.named_columns:
            rows = named(rows, prepared.named_columns, prepared.columns, context)
        return self._drained(rows_result(prepared.columns, rows), context)

    def _written(self, result: Result, prepared: Prepared, context: Context) -> Result:
        if context.changes:
            enforce(context)
        if result.columns is not None:
            result.columns = prepared.columns
        if prepared.named_columns:
            result.rows = named(result.rows, prepared.named_columns, prepared.columns or (), context)
        return self._drained(result, context)

    def _settle_group(self) -> None:
        """The checks that were put off; a LockWait as that of a statement: the end of the group is run again."""
        try:
            self.settle_constraints()
        except LockWait as wait:
            self.block.suspend(wait.request)
            self.store.locks.retry_statement(self.owner)
            raise
        if self.owner.attempt or self.owner.credits:
            self.store.locks.end_statement(self.owner)

    def settle_constraints(self) -> None:
        """Before COMMIT: the checks that were put off. After an error the transaction is undone."""
        block = self.block
        if block.tx is None or block.failed or not block.tx.has_writes:
            return
        if block.tx.catalog.schema(temporary_schema(self.pid)) is not None:
            end_transaction(block.tx, temporary_schema(self.pid))
        if not block.deferred.waiting:
            return
        try:
            context = self.context(block.statement_transaction(), ())
            settle(context)
        except LockWait:
            raise
        except BaseException:
            block.rollback()
            raise

    def _drained(self, result: Result, context: Context) -> Result:
        self._notices += [Notice(*notice) for notice in context.notices]
        context.notices.clear()
        return result

    def _copy(self, statement: bound.Copy, context: Context) -> Result:
        if statement.direction == "from":
            return Result(None, "COPY", copy_in=CopyIn(statement, context))
        assert statement.query is not None
        plan = plan_query(statement.query, context.catalog)
        out = CopyOut(plan, statement.query.columns, statement.options, context)
        return Result(None, "COPY", copy_out=out)

    def replanned(self, prepared: Prepared, *, described: bool = True) -> Prepared:
        """The plan anew after DDL; a client that was told the result type must not see another."""
        fresh = self.prepare(prepared.parsed, prepared.parameter_oids)
        if described and prepared.columns is not None and fresh.columns is not None:
            if [c.type for c in fresh.columns] != [c.type for c in prepared.columns]:
                raise FeatureNotSupported("cached plan must not change result type")
        return fresh

    def context(self, tx: Any, parameters: Sequence[Datum]) -> Context:
        clock = self.database.clock
        now = self.query_us = clock.now_us()
        return Context(
            store=self.store,
            tx=tx,
            catalog=tx.catalog,
            settings=self.settings,
            relational=self.relational,
            environment=self.environment,
            user=self.user,
            database=self.database.name,
            pid=self.pid,
            transaction_us=self.block.started_us or now,
            statement_us=now,
            clock_us=clock.now_us,
            cancelled=self._cancelled.is_set,
            random=self._random.random,
            parameters=parameters,
            sequence_values=self.sequence_values,
            connection=self,
        )

    def relational(self) -> Relational:
        if self._relational is None:
            self._relational = self.database.engine.cursor()
        return self._relational

    def environment(self) -> Environment:
        """What system tables show besides the catalog."""
        return Environment(
            databases=tuple(self.database.cluster.database_names()),
            database=self.database.name,
            user=self.user,
            settings=self.settings,
            pid=self.pid,
            temporary_schema=temporary_schema(self.pid),
            statements=tuple((n, s.parsed.source) for n, s in self.statements.items() if n and s),
            cursors=tuple(self.cursors),
            connections=self._activities(),
            started_us=self.database.cluster.started_us,
            row_count=self._row_count,
            disk_bytes=self._disk_bytes,
            vocabulary=VOCABULARY,
            print_expression=expression_text,
            print_query=qualified_query,
            index_queue=self.store.index_queue,
            index_recall=self.store.index_recall,
            index_memory=self.store.index_memory,
            locks=lambda: lock_rows(self.store.locks),
            tenants=lambda: all_tenants(self.store),
            buildings=self._buildings,
            routine_uses=routine_uses,
        )

    def _activities(self) -> tuple[Activity, ...]:
        return tuple(connection.activity for connection in self._connections())

    def _buildings(self) -> list[tuple[Activity, IndexProgress]]:
        pairs = [(c.activity, c.building) for c in self._connections()]
        return [(activity, building) for activity, building in pairs if building is not None]

    def _connections(self) -> list[Connection]:
        databases = self.database.cluster.databases()
        return [c for database in databases for c in list(database.connections)]

    @property
    def activity(self) -> Activity:
        running = self.running is not None
        last = self.running or self.last
        return Activity(
            self.pid, self.user, self.database.name, self.settings.show("application_name"),
            wait_event(self.owner), "active" if running else _STATES[self.block.status],
            "" if last is None else last.parsed.source[:QUERY_LENGTH_MAX],
            self.started_us, self.block.started_us, self.query_us, self.encryption,
            self.client,
        )  # fmt: skip

    def rest(self) -> None:
        """The client is told that the next statement may come."""
        if self.running is not None:
            self.last, self.running = self.running, None

    def _disk_bytes(self, table_oid: int) -> int:
        return disk_bytes(self.store, table_oid)

    # ---------------------------------------------------------------- groups

    def end_group(self) -> Any:
        """Sync, or the end of a simple Query: an implicit transaction is committed. The ticket, if any, is
        to be waited for before the client is told. After a LockWait it is called again."""
        if self.cursors and not self.block.explicit:
            self.keep_cursors()
            self.close_cursors(held=False)
        if not self.block.explicit:
            self._settle_group()
        return self.block.end_group()

    def abort_group(self) -> None:
        """After an error: an implicit transaction is rolled back, an explicit block has failed."""
        self.block.abort_group()
        if self.cursors and not self.block.explicit:
            self.close_cursors(held=False)

    def wait(self, ticket: Any) -> None:
        """Makes a commit durable and visible; for callers that have no committer."""
        if ticket is not None and not ticket.done:
            self.store.sync()
            self.store.publish()


def _unheard(signal: str) -> None:
    """A connection without a server has nobody who waits for signals."""


def _cuts_intervals(plan: object) -> bool:
    """Whether a literal is read as a range of fields: interval '5' day."""
    casts = (part for part in nodes(plan) if isinstance(part, bound.Cast))
    return any(part.type.oid == types.INTERVAL.oid and part.type.typmod >= 0 for part in casts)


def _lifts(prepared: Prepared) -> bool:
    """Whether a parameter does all that a literal would: in these plans, for types whose text says all, and
    not as a sort key, where PostgreSQL refuses a constant."""
    plan = prepared.plan
    if any(t.definition.name.startswith("reg") for t in prepared.parameter_types):
        return False
    if any(t.oid == types.INTERVAL.oid for t in prepared.parameter_types) and _cuts_intervals(plan):
        return False
    if isinstance(plan, NativeSelect):
        indexes = prepared.catalog.indexes(plan.prefilter.scan.table.oid)
        if any(index.predicate and index.method in METHODS for index in indexes):
            return False  # a literal may be what a partial index is for
        keys = (*plan.sort, *(plan.ranking.extra if plan.ranking else ()))
        return not any(isinstance(key.expression, bound.Param) for key in keys)
    if isinstance(plan, InsertPlan):
        return plan.rows is not None
    return isinstance(plan, ModifyPlan) and plan.source is None
