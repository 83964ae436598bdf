"""Two hundred tenants on a server that may keep few of them open: counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.harness.queries import rows

TENANTS, ROWS, OPEN_MAX = 200, 5, 20
SCHEMA = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    "CREATE TABLE notes (tenant text, id int, body text, embedding vector(4), PRIMARY KEY (tenant, id)) "
    "PARTITION BY TENANT (tenant)",
    "CREATE INDEX ON notes USING hnsw (embedding vector_l2_ops)",
    "CREATE INDEX ON notes USING bm25 (body)",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Loaded, and started anew; what is not used is closed at once."""
    folder = tmp_path_factory.mktemp("many")
    limits = ("--open-shards-max", str(OPEN_MAX), "--shard-idle-seconds", "0")
    server = LiveServer(folder, *limits)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        with connection.cursor().copy("COPY notes FROM STDIN") as stream:
            for tenant in range(TENANTS):
                for i in range(ROWS):
                    number = tenant * ROWS + i
                    body = f"word{i} of tenant{tenant}"
                    stream.write_row((f"t{tenant:03}", i, body, f"[{number},0,0,1]"))
    assert server.stop() == 0
    server = LiveServer(folder, *limits)
    yield server
    assert server.stop() == 0


@pytest.fixture
def connection(server: LiveServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        yield connection


def data_files(server: LiveServer) -> list[Path]:
    return list((server.directory / "databases" / "postgres" / "data").iterdir())


def mapped(server: LiveServer) -> set[str]:
    """Files of shards that the process has mapped or open."""
    process = Path(f"/proc/{server.process.pid}")
    lines = (process / "maps").read_text().splitlines()
    found = {line.split()[-1] for line in lines if "/data/" in line}
    for descriptor in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            target = str(descriptor.readlink())
            found |= {target} if "/data/" in target else set()
    return found


def wait_until_closed(connection: psycopg.Connection, server: LiveServer) -> set[str]:
    """Each look is a statement of its own; none of them opens a shard. Returns what is still mapped then: by
    what still refers to a shard's files, or would until the garbage collection."""
    while rows(connection, "SELECT sum(bytes_in_memory) FROM sqlvec_tenants") != [(0,)]:
        connection.execute("SELECT pg_sleep(0.05)")
    return mapped(server)


def test_a_small_tenant_is_two_files_and_no_graph(server: LiveServer) -> None:
    kinds = [path.suffix for path in data_files(server)]
    assert sorted(kinds) == [".segment"] * TENANTS + [".vectors"] * TENANTS


def test_a_start_opens_none_of_them(server: LiveServer, connection: psycopg.Connection) -> None:
    assert rows(connection, "SELECT count(*), sum(rows) FROM sqlvec_tenants") == [(TENANTS, TENANTS * ROWS)]
    assert rows(connection, "SELECT reltuples FROM pg_class WHERE relname = 'notes'") == [(TENANTS * ROWS,)]
    assert mapped(server) == set()


def test_one_that_is_not_used_any_more_holds_no_memory_and_no_file(
    server: LiveServer, connection: psycopg.Connection
) -> None:
    for tenant in ("t007", "t100"):
        sql = f"SELECT id FROM notes WHERE tenant = '{tenant}' ORDER BY embedding <-> '[37,0,0,1]' LIMIT 2"
        assert len(rows(connection, sql)) == 2
        connection.execute(f"UPDATE notes SET body = 'changed' WHERE tenant = '{tenant}' AND id = 4")
    assert wait_until_closed(connection, server) == set()
    assert rows(connection, "SELECT count(*) FROM notes WHERE body = 'changed'") == [(2,)]


def test_a_transaction_keeps_the_shard_that_it_has_written_to(
    server: LiveServer, connection: psycopg.Connection
) -> None:
    with psycopg.connect(server.dsn) as other:
        other.execute("UPDATE notes SET body = 'open' WHERE tenant = 't150' AND id = 1")
        connection.execute("VACUUM")
        held = rows(connection, "SELECT tenant FROM sqlvec_tenants WHERE bytes_in_memory > 0")
        assert ("t150",) in held and len(held) <= OPEN_MAX
        other.rollback()
    wait_until_closed(connection, server)
    assert rows(connection, "SELECT body FROM notes WHERE tenant = 't150' AND id = 1") == [
        ("word1 of tenant150",)
    ]


def test_queries_over_all_tenants_are_right_and_keep_few_open(
    server: LiveServer, connection: psycopg.Connection
) -> None:
    nearest = "SELECT tenant, id FROM notes ORDER BY embedding <-> '[502,0,0,1]' LIMIT 3"
    assert rows(connection, nearest)[0] == ("t100", 2)
    assert {row[0] for row in rows(connection, nearest)} == {"t100"}
    spread = "SELECT id, count(*) FROM notes GROUP BY id ORDER BY id"
    assert rows(connection, spread) == [(i, TENANTS) for i in range(ROWS)]
    found = rows(connection, "SELECT tenant FROM notes WHERE id = 3 ORDER BY body <@> 'tenant42' LIMIT 1")
    assert found == [("t042",)]
    everything = rows(connection, "SELECT tenant, id FROM notes ORDER BY embedding <-> '[0,0,0,1]'")
    assert everything == [(f"t{i // ROWS:03}", i % ROWS) for i in range(TENANTS * ROWS)]
    assert len(mapped(server)) <= 4 * (OPEN_MAX + 16)
    assert wait_until_closed(connection, server) == set()
