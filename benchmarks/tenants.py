"""Thousands of tenants on one server: how much memory, how soon does one answer that was at rest, how soon
after a restart, and what does dropping one cost? Against limits, since PostgreSQL has no such tenants."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.measure import Line, limit_line, timed
from tests.harness.live_server import LiveServer

ROWS, DIMS = 100, 384
ACTIVE, ASKED, DROPPED = 100, 400, 100
LOADED_AT_ONCE = 50  # tenants in one COPY
SCHEMA = f"""CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE notes (tenant text, id bigint, body text, embedding vector({DIMS}), PRIMARY KEY (tenant, id))
    PARTITION BY TENANT (tenant);
CREATE INDEX ON notes USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON notes USING bm25 (body)"""
HYBRID = """SELECT id FROM notes WHERE tenant = %s
    ORDER BY rrf(embedding <=> %s, body <@> %s) DESC LIMIT 10"""


def run(tenants: int) -> list[Line]:
    random = np.random.default_rng(7)
    names = [f"tenant{i:05}" for i in range(tenants)]
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder))
        loading = timed(lambda: _load(server.dsn, names, random))
        server.stop()
        started = perf_counter()
        server = LiveServer(Path(folder))
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            register_vector(connection)
            _ask(connection, names[-1], random)
            restart = perf_counter() - started
            chosen = [names[i] for i in random.permutation(tenants - 1)[:ASKED]]
            waits = [timed(lambda t=tenant: _ask(connection, t, random)) for tenant in chosen]
            for tenant in chosen[ASKED - ACTIVE :] * 5:
                _ask(connection, tenant, random)
            resident = _resident_bytes(server)
            dropped = names[:DROPPED]
            drops = [timed(lambda t=t: connection.execute(f"DROP TENANT '{t}'")) for t in dropped]
        server.stop()
    open_now = f"{ASKED + 1} open, {ACTIVE} busy"
    return [
        limit_line(f"{tenants:,} tenants of {ROWS} rows: resident, {open_now}", resident / 2**30, 1, "GB"),
        limit_line("first hybrid query on a tenant at rest, p99", _p99(waits) * 1e3, 50, "ms"),
        limit_line("restart to the first answer", restart, 5, "s"),
        limit_line("DROP TENANT, median", float(np.median(drops)) * 1e3, 50, "ms"),
        Line("COPY into all of them", f"{tenants * ROWS / loading:.0f} rows/s", "-", float("nan")),
    ]


def _load(dsn: str, names: list[str], random: np.random.Generator) -> None:
    words = np.array([f"word{i}" for i in range(5_000)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        register_vector(connection)
        for first in range(0, len(names), LOADED_AT_ONCE):
            sql = "COPY notes FROM STDIN WITH (FORMAT BINARY)"
            with connection.cursor().copy(sql) as stream:
                stream.set_types(["text", "int8", "text", "vector"])
                for tenant in names[first : first + LOADED_AT_ONCE]:
                    for row in _documents(tenant, words, random):
                        stream.write_row(row)


def _documents(
    tenant: str, words: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[str, int, str, np.ndarray]]:
    vectors = random.standard_normal((ROWS, DIMS), dtype=np.float32)
    texts = words[random.integers(0, len(words), (ROWS, 12))]
    for i in range(ROWS):
        yield tenant, i, " ".join(texts[i]), vectors[i]


def _ask(connection: psycopg.Connection, tenant: str, random: np.random.Generator) -> None:
    vector = random.standard_normal(DIMS, dtype=np.float32)
    found = connection.execute(HYBRID, (tenant, vector, "word7 word1234")).fetchall()
    assert len(found) == 10, (tenant, found)


def _resident_bytes(server: LiveServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _p99(seconds: list[float]) -> float:
    return float(np.quantile(seconds, 0.99))
