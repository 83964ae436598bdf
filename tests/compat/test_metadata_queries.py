"""What browsers of databases and BI tools ask the catalog: the same columns and rows on both servers.

The queries are in metadata_queries.sql, one a line. Oids of objects that were made are each server's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.compat.both_servers import BothServers, both_servers
from tests.harness.live_server import LiveServer

QUERIES = [
    line for line in Path(__file__).with_name("metadata_queries.sql").read_text().splitlines()
    if line and not line.startswith("--")
]  # fmt: skip
FIRST_OWN_OID = 16_384
_OID = 26
_SIZES = {21: 23}  # some columns of the catalog became smallint in PostgreSQL 16


@pytest.fixture(scope="module")
def both(oracle: str, server: LiveServer) -> Iterator[BothServers]:
    with both_servers(oracle, server.dsn, "metadata") as found:
        yield found


def _told(parameters: dict[str, str], query: str) -> tuple[list[tuple[str, int]], list[tuple[Any, ...]]]:
    """Names and types of the columns, and the rows."""
    with psycopg.connect(**parameters, autocommit=True) as connection:  # type: ignore[arg-type]
        cursor = connection.execute(query)
        columns = [(c.name, c.type_code) for c in cursor.description or ()]
        own = [code == _OID for _, code in columns]
        rows = [
            tuple("own" if o and v and v >= FIRST_OWN_OID else v for o, v in zip(own, row, strict=True))
            for row in cursor.fetchall()
        ]
    return [(name, _SIZES.get(code, code if code < FIRST_OWN_OID else 0)) for name, code in columns], rows


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_tool_is_told_what_postgresql_tells_it(both: BothServers, query: str) -> None:
    wanted, found = _told(both.postgresql, query), _told(both.sqlvec, query)
    assert found == wanted
