"""Two sessions that give a temporary table the same name: each reads its own, though they share plans."""

from __future__ import annotations

import psycopg
import pytest

QUERIES = ["SELECT * FROM mine", "SELECT * FROM mine WHERE v <> 'y'", "SELECT v FROM mine WHERE v = 'of a'"]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("prepare", [False, True])
def test_a_temporary_table_is_read_by_its_session_alone(
    connection: psycopg.Connection, query: str, prepare: bool
) -> None:
    info = connection.info
    dsn = f"host={info.host} port={info.port} user=postgres dbname={info.dbname}"
    with (
        psycopg.connect(dsn, autocommit=True) as a,
        psycopg.connect(dsn, autocommit=True) as b,
    ):
        asked = lambda session: session.execute(query, prepare=prepare).fetchall()  # noqa: E731
        connection.execute("CREATE TABLE mine (v text)")
        assert [asked(session) for session in (a, b)] == [[], []]
        for session, value in ((a, "of a"), (b, "of b")):
            session.execute("CREATE TEMP TABLE mine (v text)")
            session.execute("INSERT INTO mine VALUES (%s)", (value,))
        assert asked(a) == [("of a",)]
        assert asked(b) == ([] if "of a" in query else [("of b",)])
        assert asked(connection) == []
        a.execute("DROP TABLE mine")
        assert asked(a) == []
