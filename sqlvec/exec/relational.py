"""The relational engine: DuckDB, in memory, over our sources and nothing else.

Sources are registered as Python objects that hand out Arrow; the statement is rendered with its values and
runs on a cursor of the session. The engine reads no file, opens no connection and keeps no table.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.exec.context import Context
from sqlvec.exec.relational_errors import translated
from sqlvec.exec.relational_functions import FunctionHost, register
from sqlvec.sql import bound
from sqlvec.sql.render import render_query

BATCH_ROWS = 10_000
MEMORY_LIMIT = "4GB"
Computed = Mapping[bound.Expression, tuple[int, str]]


class RelationalEngine:
    """One a database."""

    def __init__(self, temp_directory: str) -> None:
        Path(temp_directory).mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(
            config={
                "threads": 2,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": temp_directory,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            }
        )
        self.host = FunctionHost()
        self.connection.execute("SET TimeZone = 'UTC'")
        register(self.connection, self.host)
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")
        self.lock = threading.Lock()

    def cursor(self) -> Relational:
        with self.lock:
            return Relational(self.connection.cursor(), self.host)

    def close(self) -> None:
        self.connection.close()


class Relational:
    """A session's cursor; one statement at a time."""

    def __init__(self, cursor: Any, host: FunctionHost) -> None:
        self.cursor = cursor
        self.host = host
        self.registered: set[str] = set()

    def run(
        self,
        query: bound.Query,
        sources: Mapping[int, pa.Table],
        context: Context,
        computed: Computed,
    ) -> Iterator[pa.RecordBatch]:
        """Batches whose columns are the query's; numeric without typmod comes as decimal."""
        sql = render_query(query, tuple(context.parameters), computed, frozenset(sources))
        for relation_id, table in sources.items():
            self._register(f"r{relation_id}", table)
        with self.host.serving(context):
            try:
                reader = self.cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
            except duckdb.Error as error:
                raise translated(error, context) from error
        return self._batches(reader, context)

    def _batches(self, reader: Any, context: Context) -> Iterator[pa.RecordBatch]:
        try:
            while True:
                context.check_cancelled()
                with self.host.serving(context):
                    try:
                        batch = reader.read_next_batch()
                    except StopIteration:
                        return
                    except (duckdb.Error, pa.ArrowException) as error:
                        raise translated(error, context) from error
                if batch.num_rows:
                    yield batch
        finally:
            self._release()

    def _register(self, name: str, table: pa.Table) -> None:
        self.cursor.register(name, table)
        self.registered.add(name)

    def _release(self) -> None:
        for name in self.registered:
            self.cursor.unregister(name)
        self.registered.clear()

    def filter(
        self,
        expression: bound.Expression,
        relation_id: int,
        rows: pa.Table,
        context: Context,
        computed: Computed,
    ) -> np.ndarray:
        """The places of the rows for which the expression is true, ascending."""
        place = pa.array(np.arange(rows.num_rows), pa.int64())
        table = rows.append_column("c_place", place)
        relation = bound.CteScan(relation_id, "rows", (), "rows")
        ordinal = bound.FunctionCall(types.INT8, "sqlvec_place", ())
        target = bound.Target("place", ordinal)
        columns = (bound.OutputColumn("place", types.INT8),)
        mapping = dict(computed)
        sql_query = bound.Select(columns, (target,), (relation,), expression)
        sql = render_query(sql_query, tuple(context.parameters), mapping, frozenset([relation_id]))
        sql = sql.replace("sqlvec_place()", f"r{relation_id}.c_place")
        self._register(f"r{relation_id}", table)
        try:
            with self.host.serving(context):
                try:
                    found = self.cursor.execute(sql).fetchnumpy()["c0"]
                except duckdb.Error as error:
                    raise translated(error, context) from error
        finally:
            self._release()
        return np.sort(np.asarray(found, dtype=np.int64))

    def interrupt(self) -> None:
        """Stops the statement that runs, from another thread."""
        self.cursor.interrupt()

    def close(self) -> None:
        self.cursor.close()

