"""What comes with a table though nobody named it is told to who listens to DEBUG."""

from __future__ import annotations

import psycopg

STATEMENTS = """
CREATE TABLE implied (id serial PRIMARY KEY, b bigserial UNIQUE, c int GENERATED ALWAYS AS IDENTITY);
CREATE TEMP TABLE implied_temp (id smallserial, u int, UNIQUE (u));
ALTER TABLE implied_temp ADD PRIMARY KEY (id), ADD COLUMN s serial;
ALTER TABLE implied_temp ADD UNIQUE (s);
CREATE INDEX ON implied (c);
DROP TABLE implied, implied_temp
"""


def told(connection: psycopg.Connection) -> list[tuple[str | None, str | None]]:
    heard: list[tuple[str | None, str | None]] = []
    connection.add_notice_handler(lambda notice: heard.append((notice.severity, notice.message_primary)))
    connection.execute("SET client_min_messages = debug1")
    for statement in STATEMENTS.split(";"):
        connection.execute(statement)  # type: ignore[arg-type]
    return [(severity, text) for severity, text in heard if "implicit" in str(text)]


def test_sequences_and_indexes_are_told_of_as_postgresql_does(
    connection: psycopg.Connection, oracle: str
) -> None:
    with psycopg.connect(oracle, autocommit=True) as postgresql:
        wanted = told(postgresql)
    assert len(wanted) == 10
    assert told(connection) == wanted
