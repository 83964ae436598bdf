"""Conversations recorded between real clients and PostgreSQL, replayed: types of messages, columns, oids, tags, SQLSTATEs.

They lie beside the repository, not in it. What a trace lacks to 100 no server can answer so: rows of COPY were not kept
(pgbench), tables of an earlier run are not there (langchain_pgvector), types made by users have other oids (psycopg, asyncpg).
PostgreSQL is at 75, 91, 95 and 94 there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer

CLIENTS = Path(__file__).resolve().parents[3] / "shared" / "clients"
TRACES = {  # percent of the groups of messages that are identical at least
    "django": 100, "psql_session": 100, "psql": 100, "psql_tabcompletion": 100, "pgcli": 100, "pgjdbc": 100,
    "pgjdbc_binary": 100, "sqlalchemy_asyncpg": 100, "sqlalchemy_psycopg2": 100, "sqlalchemy_psycopg": 100,
    "pgdump": 100, "isql": 100, "psqlodbc_unicode": 100, "psycopg": 94, "psycopg2": 100, "node_postgres": 100,
    "asyncpg": 94, "langchain_pgvector": 90, "pgbench": 74, "libpq18_proto32_on_pg15": 100,
}  # fmt: skip
LEFT_OVER = {  # by trace, what its client found from runs before it
    "sqlalchemy_psycopg": ("CREATE TABLE sa_a (id int)", "CREATE TABLE sa_b (id int)", "CREATE SEQUENCE sa_seq",
                           "CREATE TYPE sa_e AS ENUM ('x', 'y')"),
}  # fmt: skip
QUICK = ("django", "psql_session")

pytestmark = pytest.mark.skipif(not CLIENTS.is_dir(), reason="no recorded conversations beside the repository")


@pytest.fixture(scope="module")
def recorded_world(server: LiveServer) -> LiveServer:
    """A database with the schema and rows that the clients had."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE app")
    dsn = server.dsn.rpartition("/")[0] + "/app"
    command = ["psql", "-X", "-q", "-d", dsn, "-f", str(CLIENTS / "fixture.sql")]
    try:
        subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("psql is not installed")
    return server


@pytest.mark.parametrize(
    "trace",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in TRACES],
)
def test_a_recorded_conversation_goes_the_same_way(trace: str, recorded_world: LiveServer) -> None:
    server = recorded_world
    with psycopg.connect(server.dsn.rpartition("/")[0] + "/app", autocommit=True) as connection:
        for statement in LEFT_OVER.get(trace, ()):
            connection.execute(statement)
    command = [sys.executable, str(CLIENTS / "replay.py"), server.host, str(server.port), "app", "postgres"]
    done = subprocess.run([*command, trace, "-v"], capture_output=True, text=True, check=True)
    found = re.search(r"groups\s+(\d+)\s+identical\s+(\d+)", done.stdout)
    assert found is not None, done.stdout
    groups, identical = int(found[1]), int(found[2])
    assert groups > 0 and 100 * identical >= TRACES[trace] * groups, done.stdout
