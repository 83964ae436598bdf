"""Foreign keys between transactions that run at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.harness.live_server import LiveServer


@pytest.fixture
def two(server: LiveServer) -> tuple[psycopg.Connection, psycopg.Connection]:
    """Two connections to a parent with the row 1 and an empty child."""
    a = psycopg.connect(server.dsn, autocommit=True)
    b = psycopg.connect(server.dsn, autocommit=True)
    a.execute("DROP TABLE IF EXISTS child, parent")
    a.execute("CREATE TABLE parent (id int PRIMARY KEY, name text)")
    a.execute("CREATE TABLE child (id int, parent_id int REFERENCES parent)")
    a.execute("INSERT INTO parent VALUES (1, 'one')")
    return a, b


@contextmanager
def _waiting(
    holder: psycopg.Connection,
    connection: psycopg.Connection,
    sql: str,
    parameters: tuple[object, ...] | None = None,
) -> Iterator[Future[psycopg.Cursor]]:
    """A statement that runs in another thread, once it waits for a lock of the holder's."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with ThreadPoolExecutor() as pool:
        result = pool.submit(connection.execute, sql.encode(), parameters)
        while holder.execute(waiting).fetchone() == (0,):
            holder.execute("SELECT pg_sleep(0.01)")
        yield result


def test_a_parent_is_not_deleted_under_a_child_that_is_being_inserted(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("BEGIN")
    a.execute("INSERT INTO child VALUES (1, 1)")
    with _waiting(a, b, "DELETE FROM parent WHERE id = 1") as deleting:
        a.execute("COMMIT")
        with pytest.raises(errors.ForeignKeyViolation):
            deleting.result()


def test_a_child_is_not_inserted_under_a_parent_that_is_being_deleted(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("BEGIN")
    a.execute("DELETE FROM parent WHERE id = 1")
    with _waiting(a, b, "INSERT INTO child VALUES (1, 1)") as inserting:
        a.execute("COMMIT")
        with pytest.raises(errors.ForeignKeyViolation):
            inserting.result()
    assert a.execute("SELECT count(*) FROM child").fetchone() == (0,)


def test_a_child_is_inserted_when_the_deletion_is_taken_back(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("BEGIN")
    a.execute("DELETE FROM parent WHERE id = 1")
    with _waiting(a, b, "INSERT INTO child VALUES (1, 1)") as inserting:
        a.execute("ROLLBACK")
        inserting.result()
    assert a.execute("SELECT count(*) FROM child").fetchone() == (1,)


def test_an_update_that_keeps_the_key_does_not_wait_for_children(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("BEGIN")
    a.execute("INSERT INTO child VALUES (1, 1)")
    b.execute("UPDATE parent SET name = 'uno' WHERE id = 1")
    a.execute("COMMIT")
    with pytest.raises(errors.ForeignKeyViolation):
        b.execute("DELETE FROM parent WHERE id = 1")


def test_a_child_committed_after_the_snapshot_counts(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert a.execute("SELECT count(*) FROM child").fetchone() == (0,)
    b.execute("INSERT INTO child VALUES (1, 1)")
    with pytest.raises(errors.ForeignKeyViolation):
        a.execute("DELETE FROM parent WHERE id = 1")
    a.execute("ROLLBACK")


def test_rows_copied_in_are_checked_at_the_end_of_copy(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, _ = two
    with (
        pytest.raises(errors.ForeignKeyViolation, match="child_parent_id_fkey"),
        a.cursor() as cursor,
        cursor.copy("COPY child FROM STDIN") as copy,
    ):
        copy.write("1\t1\n2\t2\n")
    assert a.execute("SELECT count(*) FROM child").fetchone() == (0,)
    with a.cursor() as cursor, cursor.copy("COPY child FROM STDIN") as copy:
        copy.write("1\t1\n2\t\\N\n3\t1\n")
    assert a.execute("SELECT count(*) FROM child").fetchone() == (3,)


def test_the_second_of_two_equal_keys_of_an_expression_waits_for_the_first(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("CREATE UNIQUE INDEX parent_name ON parent (lower(name))")
    a.execute("BEGIN")
    a.execute("INSERT INTO parent VALUES (2, 'Two')")
    b.execute("INSERT INTO parent VALUES (3, 'three')")
    with _waiting(a, b, "INSERT INTO parent VALUES (4, 'TWO')") as second:
        a.execute("COMMIT")
        with pytest.raises(errors.UniqueViolation, match="parent_name"):
            second.result()


def test_views_sequences_and_constraints_are_there_after_a_restart(tmp_path: Path) -> None:
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        for sql in (
            "CREATE SEQUENCE s START 5",
            "SELECT nextval('s')",
            "ALTER SEQUENCE s RESTART WITH 100",
            "CREATE TABLE p (id int PRIMARY KEY)",
            "CREATE TABLE c (p_id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
            "CREATE VIEW v AS SELECT * FROM p",
            "ALTER TABLE p RENAME COLUMN id TO number",
            "INSERT INTO p VALUES (1)",
            "ALTER TABLE p ADD COLUMN word text DEFAULT 'x'",
            "ALTER TABLE p ALTER word TYPE char(3)",
            "CREATE MATERIALIZED VIEW m AS SELECT number FROM p",
            "CREATE TEMP TABLE gone (a int)",
        ):
            connection.execute(sql.encode())
    live.kill()
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        row = connection.execute("SELECT nextval('s') >= 100, (SELECT id FROM v), number, word FROM p")
        assert row.fetchone() == (True, 1, 1, "x  ")
        with pytest.raises(errors.ForeignKeyViolation):
            connection.execute("INSERT INTO c VALUES (9)")
        connection.execute("REFRESH MATERIALIZED VIEW m")
        assert connection.execute("SELECT * FROM m").fetchall() == [(1,)]
        sql = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg_temp%'"
        assert connection.execute(sql).fetchone() == (0,)
    assert live.stop() == 0


@pytest.mark.parametrize("extended", [False, True], ids=["query", "sync"])
@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_a_check_that_was_put_off_waits_at_an_implicit_commit(
    two: tuple[psycopg.Connection, psycopg.Connection], ends: str, extended: bool
) -> None:
    a, b = two
    a.execute("ALTER TABLE child ADD COLUMN code int UNIQUE DEFERRABLE INITIALLY DEFERRED")
    a.execute("BEGIN")
    a.execute("INSERT INTO child VALUES (1, 1, 7)")
    sql, parameters = "INSERT INTO child VALUES (2, 1, 7)", None
    if extended:
        sql, parameters = "INSERT INTO child VALUES (2, 1, %s)", (7,)
    with _waiting(a, b, sql, parameters) as inserting:
        a.execute(ends.encode())
        if ends == "COMMIT":
            with pytest.raises(errors.UniqueViolation):
                inserting.result()
        else:
            inserting.result()
    found = b.execute("SELECT id FROM child").fetchall()
    assert found == ([(1,)] if ends == "COMMIT" else [(2,)])


def test_a_reference_that_was_put_off_waits_at_an_implicit_commit(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("DROP TABLE child")
    a.execute("CREATE TABLE child (parent_id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    a.execute("BEGIN")
    a.execute("DELETE FROM parent WHERE id = 1")
    with _waiting(a, b, "INSERT INTO child VALUES (1)") as inserting:
        a.execute("ROLLBACK")
        inserting.result()
    a.execute("DELETE FROM child; BEGIN; DELETE FROM parent WHERE id = 1")
    twice = "INSERT INTO child VALUES (1); INSERT INTO child VALUES (1)"
    with _waiting(a, b, twice) as inserting:
        a.execute("COMMIT")
        with pytest.raises(errors.ForeignKeyViolation):
            inserting.result()
    assert b.execute("SELECT count(*) FROM child").fetchone() == (0,)


def test_waiting_at_an_implicit_commit_can_be_given_up(
    two: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    a, b = two
    a.execute("ALTER TABLE child ADD COLUMN code int UNIQUE DEFERRABLE INITIALLY DEFERRED")
    a.execute("BEGIN")
    a.execute("INSERT INTO child VALUES (1, 1, 7)")
    b.execute("SET lock_timeout = '50ms'")
    for parameters in (None, (7,)):
        with pytest.raises(errors.LockNotAvailable):
            value = b"7" if parameters is None else b"%s"
            b.execute(b"INSERT INTO child VALUES (2, 1, " + value + b")", parameters)
    assert b.execute("SELECT count(*) FROM child").fetchone() == (0,)
    a.execute("COMMIT")
