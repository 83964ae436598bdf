"""One schema on PostgreSQL and on sqlvec, to ask both the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

WORLD = Path(__file__).with_name("catalog_world.sql")


@dataclass(frozen=True, slots=True)
class BothServers:
    """Connection parameters of the two databases, of one name."""

    postgresql: dict[str, str]
    sqlvec: dict[str, str]

    def rows(self, query: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """What PostgreSQL says, and what sqlvec says."""
        found = []
        for parameters in (self.postgresql, self.sqlvec):
            with psycopg.connect(**parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                found.append(connection.execute(query).fetchall())
        return found[0], found[1]


@contextmanager
def both_servers(oracle: str, dsn: str, name: str) -> Iterator[BothServers]:
    """A database of that name on both, with the world in it; dropped afterwards."""
    found = []
    for server in (oracle, dsn):
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            info = admin.info
            found.append(
                {"host": info.host, "port": str(info.port), "user": info.user, "dbname": name}
            )
        with psycopg.connect(**found[-1], autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(WORLD.read_text())
    try:
        yield BothServers(*found)
    finally:
        for server in (oracle, dsn):
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {name}")
