"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.harness.oracle import OracleUnavailable, running_oracle

WORDNET = Path(__file__).resolve().parents[2] / "shared" / "data" / "wordnet"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for all tests that do not restart it."""
    live = LiveServer(tmp_path_factory.mktemp("server"))
    yield live
    assert live.stop() == 0


@pytest.fixture
def connection(server: LiveServer) -> Iterator[psycopg.Connection]:
    """A psycopg connection to a fresh database."""
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        count = admin.execute("SELECT count(*) FROM pg_database").fetchone()
        assert count is not None
        name = f"test{count[0]}"
        admin.execute(f"CREATE DATABASE {name}")
    dsn = server.dsn.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(dsn, autocommit=True) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def wordnet() -> Path:
    """The folder of the WordNet data, which is not part of the repository."""
    if not WORDNET.is_dir():
        pytest.skip("no WordNet data at ../shared/data/wordnet beside the repository")
    return WORDNET


@pytest.fixture(scope="session")
def oracle() -> Iterator[str]:
    """The dsn of a real PostgreSQL with pgvector; one for the whole run."""
    try:
        with running_oracle() as dsn:
            yield dsn
    except OracleUnavailable as error:
        pytest.skip(f"no PostgreSQL to compare with: {error}")
