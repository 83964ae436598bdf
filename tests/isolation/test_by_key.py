"""Serializable transactions on different rows, by key: PostgreSQL, which locks pages, may refuse one of them."""

from __future__ import annotations

import psycopg
import pytest


def second(connection: psycopg.Connection) -> psycopg.Connection:
    info = connection.info
    return psycopg.connect(
        host=info.host, port=info.port, user="postgres", dbname=info.dbname, autocommit=True
    )


@pytest.mark.parametrize("flushed", [False, True])
def test_rows_found_by_key_do_not_disturb_each_other(
    connection: psycopg.Connection, flushed: bool
) -> None:
    connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, name text UNIQUE, balance int)")
    connection.execute("INSERT INTO accounts SELECT i, 'n' || i, 100 FROM generate_series(1, 9) i")
    if flushed:
        connection.execute("CHECKPOINT")
    with second(connection) as other:
        pairs = ((connection, 1), (other, 2))
        for session, _ in pairs:
            session.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        for session, key in pairs:
            session.execute("SELECT balance FROM accounts WHERE id = %s", (key,))
            session.execute("SELECT balance FROM accounts WHERE name = %s", (f"n{key + 6}",))
            session.execute("UPDATE accounts SET balance = 0 WHERE id = %s", (key,))
            session.execute("INSERT INTO accounts VALUES (%s, %s, 0)", (key + 10, f"x{key}"))
            session.execute("DELETE FROM accounts WHERE id = %s", (key + 2,))
        for session, _ in pairs:
            session.execute("COMMIT")
    found = connection.execute("SELECT count(*), sum(balance) FROM accounts").fetchone()
    assert found == (9, 500)


def test_a_row_that_one_missed_by_key_and_the_other_wrote_counts(
    connection: psycopg.Connection,
) -> None:
    connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int)")
    with second(connection) as other:
        for session, read in ((connection, 1), (other, 2)):
            session.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            session.execute("SELECT balance FROM accounts WHERE id = %s", (read,))
        connection.execute("INSERT INTO accounts VALUES (2, 0)")
        other.execute("INSERT INTO accounts VALUES (1, 0)")
        connection.execute("COMMIT")
        with pytest.raises(psycopg.errors.SerializationFailure, match="read/write dependencies"):
            other.execute("COMMIT")


def test_a_deferrable_report_waits_for_the_writers_that_could_spoil_it(
    connection: psycopg.Connection,
) -> None:
    connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int)")
    connection.execute("INSERT INTO accounts VALUES (1, 0), (2, 0)")
    with second(connection) as writer, second(connection) as report:
        writer.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        writer.execute("UPDATE accounts SET balance = 1 WHERE id = 1")
        report.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
        report.execute("SET LOCAL lock_timeout = '20ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            report.execute("SELECT sum(balance) FROM accounts")
        report.execute("ROLLBACK")
        writer.execute("COMMIT")
        report.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
        assert report.execute("SELECT sum(balance) FROM accounts").fetchone() == (1,)
        report.execute("COMMIT")
