"""Literals lifted out of the text of a simple query mean what they mean in it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.harness.live_server import LiveServer

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE things (id int PRIMARY KEY, name varchar(5), day date, at timestamptz, tags text[],
    amount numeric(8,2), data jsonb, flag bool, v vector(3));
INSERT INTO things VALUES
    (1, 'ab', '2024-01-02', '2024-01-02 03:04:05+00', '{a,b}', 1.50, '{"k": 1}', true, '[1,2,3]'),
    (2, 'it''s', '2023-05-06', NULL, '{}', 22.00, '[1, "x"]', false, '[3,2,1]'),
    (3, NULL, NULL, 'epoch', NULL, NULL, NULL, NULL, NULL);
"""
STATEMENTS = [
    "SELECT id, name FROM things WHERE name = 'ab'",
    "SELECT id FROM things WHERE name = 'it''s' OR name = ''",
    "SELECT id, 'const' AS c, 'x' || name FROM things WHERE id = '1'",
    "SELECT id FROM things WHERE day >= '2024-01-01' AND flag = 't'",
    "SELECT id FROM things WHERE at > '1970-01-01' ORDER BY id",
    "SELECT id, v <-> '[1,2,3]' FROM things ORDER BY v <-> '[1,2,3]' LIMIT 2",
    "SELECT id, v <-> '[1,2,3]'::vector FROM things ORDER BY v <-> '[1,2,3]'::vector LIMIT '2'",
    "SELECT id FROM things WHERE amount = '1.5'",
    "SELECT id FROM things WHERE tags = '{a,b}'",
    "SELECT data ->> 'k' FROM things WHERE data ->> 'k' = '1'",
    "SELECT id FROM things WHERE name LIKE 'a%' AND name IN ('ab', 'cd')",
    "SELECT date '2024-02-03', id FROM things WHERE id = 1",
    "SELECT id FROM things WHERE day = date '2024-01-02'",
    "SELECT coalesce(name, 'none') FROM things ORDER BY id",
    "SELECT count(*) FROM things WHERE name <> 'ab'",
    "SELECT 'things'::regclass, id FROM things WHERE id = 1",
    "SELECT to_char(day, 'YYYY') FROM things WHERE id = 1",
    "INSERT INTO things (id, name, v) VALUES (10, 'new', '[0,0,1]') RETURNING id, name, v",
    "INSERT INTO things (id, day, tags) VALUES ('11', '2020-02-29', '{x}') RETURNING day, tags",
    "UPDATE things SET name = 'upd' WHERE id = '1' RETURNING name",
    "DELETE FROM things WHERE name = 'ab' RETURNING id",
    "SELECT id FROM things ORDER BY 'x'",
    "SELECT id FROM things WHERE id = 'x'",
    "SELECT id FROM things ORDER BY v <-> '[1,2' LIMIT 1",
    "SELECT id FROM things ORDER BY v <-> '[1,2]' LIMIT 1",
    "SELECT nope FROM things WHERE name = 'x'",
    "INSERT INTO things (id, name) VALUES (12, 'too long')",
    "INSERT INTO things (id, day) VALUES (12, '2023-02-30')",
]


@pytest.fixture(scope="module")
def things(server: LiveServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE lifting")
    dsn = server.dsn.rpartition("/")[0] + "/lifting"
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(SCHEMA)
        connection.commit()
        yield connection


def _outcome(connection: psycopg.Connection, sql: str) -> object:
    """Rows, names and types, or the error; what was changed is taken back."""
    try:
        cursor = connection.execute(sql)
        described = [(c.name, c.type_code) for c in cursor.description or ()]
        return described, cursor.fetchall(), cursor.statusmessage
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary, error.diag.statement_position
    finally:
        connection.rollback()


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_lifted_statement_answers_as_it_stands(things: psycopg.Connection, sql: str) -> None:
    unlifted = _outcome(things, f"{sql} --")
    assert [_outcome(things, sql) for _ in range(2)] == [unlifted, unlifted]


def test_a_shape_is_planned_once(things: psycopg.Connection) -> None:
    """Another value of the same shape is answered with its own rows, also after the catalog changed."""
    sql = "SELECT id FROM things WHERE name = '{}' ORDER BY v <-> '[1,1,1]'"
    assert things.execute(sql.format("ab")).fetchall() == [(1,)]
    assert things.execute(sql.format("it''s")).fetchall() == [(2,)]
    things.execute("ALTER TABLE things ADD COLUMN more int")
    assert things.execute(sql.format("ab")).fetchall() == [(1,)]
    things.rollback()
    assert things.execute(sql.format("it''s")).fetchall() == [(2,)]
