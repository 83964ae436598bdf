"""The differences from PostgreSQL that are meant are those of docs/compatibility.md."""

from __future__ import annotations

from tests.compat.differences import PAGE, table, written
from tests.harness.live_server import LiveServer


def test_the_table_of_differences_is_what_both_servers_answer(server: LiveServer, oracle: str) -> None:
    assert table(server.dsn, oracle) == written(PAGE.read_text())
