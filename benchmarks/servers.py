"""The two servers, on directories of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.measure import Pair
from tests.harness.live_server import LiveServer
from tests.harness.oracle import running_oracle

# As a careful administrator sets PostgreSQL up for such a machine, durability included.
POSTGRESQL = (
    "shared_buffers=2GB", "max_wal_size=4GB", "jit=off", "effective_cache_size=8GB",
    "work_mem=64MB", "maintenance_work_mem=1GB",
)  # fmt: skip


@contextmanager
def running_pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory() as folder, running_oracle(POSTGRESQL) as oracle:
        server = LiveServer(Path(folder))
        dsns = {"sqlvec": server.dsn, "pgvector": oracle}
        connections = {name: psycopg.connect(dsn, autocommit=True) for name, dsn in dsns.items()}
        yield Pair(dsns, connections)
        for connection in connections.values():
            connection.close()
        server.stop()
