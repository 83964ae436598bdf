"""The relational engine: DuckDB, in memory, over slots and nothing else.

A slot is a Python object, registered once, that hands out the Arrow table of one relation of the running
statement; DuckDB asks for it at every execution. So a statement that was seen before is executed from its
prepared plan. A slot has one schema for life, since plans are made for it: there is one for each pair of
relation id and schema. The engine has no native tables, reads no file, loads no extension.

A statement runs on its session's cursor, and its result owns the cursor until it is drained or closed;
interrupt() may be called from any thread. A cursor whose session has ended is the next one's, with the plans that it
has: tools that connect for one question find it planned.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.errors import DatabaseError
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.infinities import for_engine, from_engine
from sqlvec.exec.pieces import PIECE_ROWS, Pieces
from sqlvec.exec.priority import give_way
from sqlvec.exec.relational_errors import translated
from sqlvec.exec.relational_functions import FunctionHost, register, session_value
from sqlvec.sql import bound
from sqlvec.sql.render import Computed, RenderContext, render_query

BATCH_ROWS = 8_192
WEIGHT_SHIFT = 9  # tables of fewer than 512 rows need no estimate
PLANS_MAX = 128  # remembered by a session
IDLE_MAX = 8  # cursors without a session
SLOTS_MAX = 256
PREPARED_BYTES_MAX = 100_000
Rows: TypeAlias = pa.Table | Pieces
_PLACE = 100_000  # the ordinal under which filter() numbers the rows
# The copy that it warns of is of a few rows; the other way plans the statement again.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
_SETTINGS: dict[str, str | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Of all statements of a database together."""

    memory_kb: int = 4 << 20
    temp_file_kb: int = -1  # what large sorts and joins may put on disk; -1: nine tenths of what is free
    threads: int = 2


class RelationalEngine:
    """One a database. temp_directory is where large sorts spill."""

    def __init__(self, temp_directory: str, limits: EngineLimits) -> None:
        Path(temp_directory).mkdir(parents=True, exist_ok=True)
        options: dict[str, str | int | float | list[str]] = {
            "threads": limits.threads,
            "memory_limit": f"{limits.memory_kb}KiB",
            "temp_directory": temp_directory,
        }
        if limits.temp_file_kb >= 0:
            options["max_temp_directory_size"] = f"{limits.temp_file_kb}KiB"
        self.connection = _connect({**_SETTINGS, **options})
        self.host = FunctionHost()
        self.connection.execute("SET TimeZone = 'UTC'")
        register(self.connection, self.host)
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")
        self._lock = threading.Lock()
        self._idle: list[Relational] = []

    def cursor(self) -> Relational:
        """A session's own, until it is given back."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            return Relational(self.connection.cursor(), self.host)

    def give_back(self, cursor: Relational) -> None:
        """For who comes next, unless a statement is running on it or there are enough."""
        if not cursor.running:
            cursor.finish()
            with self._lock:
                if len(self._idle) < IDLE_MAX:
                    self._idle.append(cursor)
                    return
        cursor.close()

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()
        self.connection.close()


def _connect(config: dict[str, str | int | float | list[str]]) -> duckdb.DuckDBPyConnection:
    """From a thread that gives way, since the engine's own threads are started by it."""
    with ThreadPoolExecutor(1, initializer=give_way) as starting:
        return starting.submit(duckdb.connect, config=config).result()


class _Slot:
    """The table of one relation of the running statement; none between statements."""

    __slots__ = ("name", "schema", "table")

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.schema = schema
        self.table: Rows | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        table = self.schema.empty_table() if self.table is None else self.table
        if isinstance(table, pa.Table) and table.num_rows > PIECE_ROWS:
            table = table.to_reader(PIECE_ROWS)
        return table.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()


@dataclass(slots=True)
class _Plan:
    """A statement seen before; name is empty until it is prepared."""

    name: str = ""
    row_count: int = 0
    complete: bool = False


class _Result:
    """The rows of the running statement."""

    __slots__ = ("reader", "plan")

    def __init__(self, reader: Any, plan: _Plan | None) -> None:
        self.reader = reader
        self.plan = plan

    def completed(self, row_count: int) -> None:
        if self.plan is not None:
            self.plan.row_count, self.plan.complete = row_count, True


class Relational:
    """A session's cursor; one statement at a time."""

    def __init__(self, cursor: Any, host: FunctionHost) -> None:
        self.cursor = cursor
        self.host = host
        self.session = host.new_session()
        self._slots: dict[tuple[int, str], _Slot] = {}
        self._plans: OrderedDict[str, _Plan] = OrderedDict()
        self._counter = 0
        self._result: _Result | None = None
        self.running = False  # or its result is not drained

    # ---------------------------------------------------------------- running

    def run(
        self,
        query: bound.Query,
        sources: Mapping[int, Rows],
        context: Context,
        computed: Computed,
    ) -> Iterator[pa.RecordBatch]:
        """Batches of at most BATCH_ROWS rows, whose columns c0 ... have the Arrow forms of the query's
        output types. sources hold columns c{ordinal}.
        """
        self.finish()
        self.running = True
        if len(self._slots) + len(sources) > SLOTS_MAX:  # before one of the statement's is among them
            self._forget()
        slots = {relation_id: self._slot(relation_id, table) for relation_id, table in sources.items()}
        names = {relation_id: slot.name for relation_id, slot in slots.items()}
        if len(sources) > 1:
            names = {relation_id: _weighed(slots[relation_id], t) for relation_id, t in sources.items()}
        rendered = render_query(query, self._render_context(names, context, computed))
        for relation_id in rendered.relations:
            slots[relation_id].table = for_engine(sources[relation_id])
        forms = [column.type.definition.arrow(column.type.typmod) for column in query.columns]
        return self._batches(self._open(rendered.sql, context), forms, context)

    def filter(
        self,
        expression: bound.Expression,
        relation_id: int,
        rows: pa.Table,
        columns: tuple[bound.OutputColumn, ...],
        context: Context,
        computed: Computed,
    ) -> np.ndarray:
        """The places (i64, ascending) of the rows for which the expression is true; columns: what a whole row of
        the relation is made of."""
        place = pa.array(np.arange(rows.num_rows, dtype=np.int64))
        table = rows.append_column(f"c{_PLACE}", place)
        relation = bound.CteScan(relation_id, "rows", columns, "rows")
        target = bound.Target("place", bound.ColumnRef(types.INT8, relation_id, _PLACE, "place"))
        place_column = (bound.OutputColumn("place", types.INT8),)
        query = bound.Select(place_column, (target,), (relation,), expression)
        batches = list(self.run(query, {relation_id: table}, context, computed))
        if not batches:
            return np.empty(0, dtype=np.int64)
        return np.sort(np.concatenate([batch.column(0).to_numpy() for batch in batches]))

    def evaluate(
        self, expressions: Sequence[bound.Expression], context: Context
    ) -> list[Datum]:
        """Datums of expressions that read no relation: SELECT without FROM."""
        columns = tuple(bound.OutputColumn(f"v{i}", e.type) for i, e in enumerate(expressions))
        targets = tuple(bound.Target(f"v{i}", e) for i, e in enumerate(expressions))
        values: list[Datum] = []
        for batch in self.run(bound.Select(columns, targets), {}, context, {}):
            for i, column in enumerate(columns):
                values += column.type.definition.from_arrow(batch.column(i))
        return values

    def interrupt(self) -> None:
        """Stops the running statement with 57014; from any thread."""
        self.cursor.interrupt()

    def finish(self) -> None:
        """Gives the cursor back: the result is closed, the tables are let go."""
        result, self._result = self._result, None
        if result is not None:
            with contextlib.suppress(pa.ArrowException, duckdb.Error):
                result.reader.close()
        self.host.rest(self.session)
        for slot in self._slots.values():
            slot.table = None
        self.running = False

    def close(self) -> None:
        self.finish()
        self.cursor.close()

    # ---------------------------------------------------------------- inside

    def _render_context(
        self, names: Mapping[int, str], context: Context, computed: Computed
    ) -> RenderContext:
        def fold(name: str, args: tuple[Any, ...]) -> Any:
            return session_value(name, args, context)

        return RenderContext(
            parameters=context.parameters,
            sources=names,
            computed=computed,
            session=self.session,
            fold=fold,
            time_zone=_zone(context),
        )

    def _slot(self, relation_id: int, table: Rows) -> _Slot:
        key = (relation_id, str(table.schema))
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(f"s{self._counter}", table.schema)
            self._counter += 1
            self.cursor.register(slot.name, slot)
        return slot

    def _forget(self) -> None:
        """Drops every plan and slot."""
        for plan in self._plans.values():
            if plan.name:
                self.cursor.execute(f"DEALLOCATE {plan.name}")
        for slot in self._slots.values():
            self.cursor.unregister(slot.name)
        self._plans.clear()
        self._slots.clear()

    def _open(self, sql: str, context: Context) -> _Result:
        """Starts the statement. Planned anew, its rows stream; a plan kept is cheaper to run, but its rows
        are held together, so a plan that gave many rows is streamed too, at the price of planning."""
        self.host.serve(self.session, context)
        try:
            with self._guarded(context):
                plan = self._plan(sql)
                if plan is None or not plan.name or plan.row_count > BATCH_ROWS:
                    self._result = _Result(self.cursor.sql(sql).to_arrow_reader(BATCH_ROWS), plan)
                else:
                    table = self.cursor.execute(f"EXECUTE {plan.name}").to_arrow_table()
                    self._result = _Result(table.to_reader(BATCH_ROWS), plan)
        except DatabaseError:
            self.finish()
            raise
        return self._result

    def _plan(self, sql: str) -> _Plan | None:
        """What is remembered of the statement: its plan is made when the text comes a second time."""
        if len(sql) > PREPARED_BYTES_MAX:
            return None
        plan = self._plans.pop(sql, None)
        if plan is None:
            plan = _Plan()
        elif not plan.name and plan.complete:
            plan.name = f"plan{self._counter}"
            self._counter += 1
            with contextlib.suppress(duckdb.Error):  # what cannot be prepared is planned every time
                self.cursor.execute(f"PREPARE {plan.name} AS {sql}")
        self._plans[sql] = plan
        if len(self._plans) > PLANS_MAX:
            _, dropped = self._plans.popitem(last=False)
            if dropped.name:
                self.cursor.execute(f"DEALLOCATE {dropped.name}")
        return plan

    def _batches(
        self, result: _Result, forms: list[pa.DataType], context: Context
    ) -> Iterator[pa.RecordBatch]:
        row_count = 0
        try:
            while True:
                context.check_cancelled()
                if self._result is not result:  # closed by a later statement
                    return
                with self._guarded(context):
                    batch = next(result.reader, None)
                if batch is None:
                    result.completed(row_count)
                    return
                row_count += batch.num_rows
                if batch.num_rows:
                    yield _shaped(batch, forms)
        finally:
            if self._result is result:
                self.finish()

    @contextlib.contextmanager
    def _guarded(self, context: Context) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            cancelled = context.cancelled()
            raise translated(error, self.host.keeper, cancelled=cancelled) from error


def _weighed(slot: _Slot, table: Rows) -> str:
    """The slot for FROM, in a way that tells the engine how many rows it has.

    DuckDB takes every Arrow source for one row, and so builds a join's hash table over the larger side as soon
    as over the smaller. What it estimates of a UNION is the sum of its branches, and of an OFFSET nothing: a
    second branch that skips all its rows weighs as many. Powers of two, so that a statement stays the same.
    """
    rows = table.num_rows >> WEIGHT_SHIFT
    if not rows:
        return slot.name
    weight = 1 << rows.bit_length() - 1
    nulls = ", ".join(["NULL"] * len(slot.schema))
    skipped = f"SELECT {nulls} FROM range({weight}) OFFSET {weight}"
    return f"(SELECT * FROM {slot.name} UNION ALL ({skipped}))"


def _shaped(batch: pa.RecordBatch, forms: list[pa.DataType]) -> pa.RecordBatch:
    """The batch with exactly the wanted column types; DuckDB names zones and lists in its own way."""
    columns = [
        from_engine(column if column.type == form else column.cast(form))
        for column, form in zip(batch.columns, forms, strict=False)
    ]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])


def _zone(context: Context) -> str:
    return context.settings.zone or "UTC"


