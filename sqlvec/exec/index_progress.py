"""How far the building of an index has come, for pg_stat_progress_create_index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlvec.catalog.objects import Index
from sqlvec.exec.context import Context

LOADING = "building index: loading tuples"
INITIALIZING = "initializing"


@dataclass(slots=True)
class IndexProgress:
    """index_oid is 0 for an index that is not there yet, as PostgreSQL has it. Rows of the running shard."""

    table_oid: int
    index_oid: int
    command: str
    shards_total: int
    shards_done: int = 0
    rows_total: int = 0
    rows_done: int = 0
    phase: str = INITIALIZING


@contextmanager
def progress_of(
    index: Index, command: str, shards: int, context: Context
) -> Iterator[IndexProgress]:
    """What other sessions see until it ends, one way or another."""
    connection = context.connection
    known = index.oid if command == "REINDEX" else 0
    progress = IndexProgress(index.table_oid, known, command, shards)
    if connection is not None:
        connection.building = progress
    try:
        yield progress
    finally:
        if connection is not None:
            connection.building = None
