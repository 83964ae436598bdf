"""The wire scripts, on this server and on PostgreSQL: one text is the answer of both.

SQLVEC_REWRITE=1 writes into the scripts what PostgreSQL answers; read the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.pgwire.conversation import check_script

SCRIPTS = sorted((Path(__file__).parent / "testdata").glob("*.pgtest"))
REWRITE = os.environ.get("SQLVEC_REWRITE") == "1"


def _fresh_database(dsn: str, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_postgresql_answers_as_the_script_says(oracle: str, script: Path) -> None:
    database = f"wire_{script.stem}"
    _fresh_database(oracle, database)
    parts = dict(word.split("=") for word in oracle.split())
    check_script(script, parts["host"], int(parts["port"]), database, rewrite=REWRITE)


@pytest.fixture
def database(server: LiveServer, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"wire_{request.node.callspec.params['script'].stem}"
    _fresh_database(server.dsn, name)
    yield name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_sqlvec_answers_as_the_script_says(
    server: LiveServer, database: str, script: Path
) -> None:
    check_script(script, server.host, server.port, database, rewrite=False)
