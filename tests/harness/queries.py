"""Short ways to what a statement answers, over a connection."""

from __future__ import annotations

import psycopg


def rows(connection: psycopg.Connection, sql: str, *parameters: object) -> list[tuple]:
    return connection.execute(sql, parameters or None).fetchall()


def ids(connection: psycopg.Connection, sql: str, *parameters: object) -> list[int]:
    """The first column."""
    return [row[0] for row in rows(connection, sql, *parameters)]
