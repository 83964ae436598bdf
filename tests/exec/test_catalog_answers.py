"""Answers about the catalog that are remembered with it: right after every change."""

from __future__ import annotations

import psycopg

COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = 'kept'::regclass AND attnum > 0 ORDER BY 1"


def _names(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute(COLUMNS).fetchall()]


def test_a_change_of_the_catalog_is_seen_at_once(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE kept (a int)")
    assert _names(connection) == _names(connection) == ["a"]
    connection.execute("ALTER TABLE kept ADD COLUMN b int")
    assert _names(connection) == ["a", "b"]


def test_a_transaction_sees_its_own_change_and_others_do_not(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE kept (a int)")
    assert _names(connection) == ["a"]
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        with connection.transaction():
            connection.execute("ALTER TABLE kept ADD COLUMN b int")
            assert _names(connection) == ["a", "b"]
            assert _names(other) == ["a"]
        assert _names(other) == ["a", "b"]


def test_the_search_path_and_parameters_are_part_of_the_question(
    connection: psycopg.Connection,
) -> None:
    connection.execute("CREATE SCHEMA s; CREATE TABLE s.kept (a int); CREATE TABLE kept (b int)")
    visible = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = %s AND pg_table_is_visible(oid)"
    assert connection.execute(visible, ("kept",)).fetchall() == [("public",)]
    connection.execute("SET search_path = s")
    assert connection.execute(visible, ("kept",)).fetchall() == [("s",)]
    assert connection.execute(visible, ("nothing",)).fetchall() == []


def test_what_goes_on_now_is_not_remembered(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE kept (a int)")
    rows = "SELECT reltuples FROM pg_class WHERE relname = 'kept'"
    assert connection.execute(rows).fetchone() == (-1,)
    connection.execute("INSERT INTO kept VALUES (1), (2)")
    assert connection.execute(rows).fetchone() == (2,)
    setting = "SELECT setting FROM pg_settings WHERE name = 'work_mem'"
    before = connection.execute(setting).fetchone()
    connection.execute("SET work_mem = '123kB'")
    assert connection.execute(setting).fetchone() != before
    times = "SELECT now() FROM pg_namespace WHERE nspname = 'public'"
    assert connection.execute(times).fetchone() != connection.execute(times).fetchone()


def test_an_operator_any_takes_a_subquery_on_its_left(connection: psycopg.Connection) -> None:
    query = "SELECT (SELECT oid FROM pg_type WHERE typname = 'int4') = ANY (ARRAY[%s, NULL]::oid[])"
    assert connection.execute(query, (23,)).fetchone() == (True,)
    assert connection.execute(query, (24,)).fetchone() == (None,)


def test_a_cast_of_a_cast_is_named_after_the_last(connection: psycopg.Connection) -> None:
    cursor = connection.execute(
        "SELECT 'pg_class'::regclass::oid, 1::int::text, CASE WHEN true THEN 1 END::text, relname::text, "
        "CASE WHEN true THEN 1 ELSE relnatts END::int FROM pg_class LIMIT 1"
    )
    assert cursor.description is not None
    assert [c.name for c in cursor.description] == ["oid", "text", "text", "relname", "relnatts"]
