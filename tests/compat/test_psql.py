"""psql as a user sits before it: what it prints, with PostgreSQL's own output beside where both can answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from difflib import unified_diff
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer

DATA = Path(__file__).parent / "testdata"
REWRITE = os.environ.get("SQLVEC_REWRITE") == "1"
pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")


def _psql(dsn: str, *arguments: str) -> str:
    """All that psql prints, errors in their place among the answers."""
    done = subprocess.run(
        ["psql", "-X", dsn, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=120, check=False, cwd=DATA, env={**os.environ, "PAGER": ""},
    )  # fmt: skip
    # The file and the pid differ from run to run.
    text = re.sub(r"psql:\S+?:\d+: ", "", done.stdout)
    return re.sub(r"server process with PID \d+", "server process", text)


def _difference(expected: str, found: str) -> str:
    lines = unified_diff(expected.splitlines(), found.splitlines(), "expected", "printed", n=1)
    return "\n".join(lines)


def _database(dsn: str, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")


def test_what_pgvector_can_psql_prints_alike(server: LiveServer, oracle: str) -> None:
    _database(server.dsn, "psql_pgvector")
    _database(oracle, "psql_pgvector")
    ours = server.dsn.rpartition("/")[0] + "/psql_pgvector"
    theirs = oracle.replace("dbname=postgres", "dbname=psql_pgvector")
    arguments = ("-a", "-f", "pgvector.sql")
    expected, found = _psql(theirs, *arguments), _psql(ours, *arguments)
    assert _difference(expected, found) == ""


def test_what_is_ours_alone_psql_prints_as_it_did(server: LiveServer) -> None:
    """SQLVEC_REWRITE=1 writes what is printed now; read the difference before committing it."""
    _database(server.dsn, "psql_search")
    dsn = server.dsn.rpartition("/")[0] + "/psql_search"
    found = _psql(dsn, "-a", "-f", "search.sql")
    path = DATA / "search.out"
    if REWRITE:
        path.write_text(found)
    assert _difference(path.read_text(), found) == ""


def test_host_and_port_suffice(server: LiveServer) -> None:
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-h", server.host, "-p", str(server.port), "-U", "postgres"],
        input="SELECT 'in';\\timing on\nSELECT 2;\n\\conninfo\n",
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "in"
    assert "2" in lines
    assert any(line.startswith("Time: ") for line in lines)
    assert f'port "{server.port}"' in done.stdout


def test_an_error_ends_a_script_with_status_3(server: LiveServer) -> None:
    done = subprocess.run(
        ["psql", "-X", "-v", "ON_ERROR_STOP=1", server.dsn],
        input="SELECT 1;\nSELECT nope;\nSELECT 2;\n", capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        'ERROR:  column "nope" does not exist',
        "LINE 1: SELECT nope;",
        "               ^",
    ]


def test_backslash_d_lists_tables_and_describes_one(server: LiveServer, oracle: str) -> None:
    sql = (
        "CREATE TABLE listed (id int PRIMARY KEY, name varchar(10) NOT NULL, v vector(3)); "
        "CREATE INDEX listed_v ON listed USING hnsw (v vector_l2_ops)"
    )
    printed = []
    for dsn in (server.dsn, oracle):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(sql)
        printed.append(_psql(dsn, "-c", "\\dt listed", "-c", "\\d listed"))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE listed")
    assert _difference(printed[1], printed[0]) == ""
