"""Functions of users: what they are planned as, that they last, and what a transaction undoes."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from sqlvec.database import Cluster
from sqlvec.plan.physical import NativeSelect
from tests.harness.live_server import LiveServer

SEARCH = """
CREATE FUNCTION search(q vector, n int DEFAULT 3) RETURNS TABLE (number int, distance double precision)
LANGUAGE sql AS 'SELECT id, e <=> q FROM docs ORDER BY e <=> q LIMIT n'
"""


def answer(connection: object, sql: str) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for parsed in connection.parse(sql):  # type: ignore[attr-defined]
        result = connection.execute(connection.prepare(parsed))  # type: ignore[attr-defined]
        found = [row for batch in result.batches() for row in zip(*batch, strict=True)]
        connection.wait(connection.end_group())  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    "call",
    ["SELECT * FROM search('[1,0]')", "SELECT s.number FROM search('[1,0]', 2) AS s", "SELECT number FROM search($1)"],
)
def test_a_search_in_a_function_is_planned_as_the_search_itself(tmp_path: Path, call: str) -> None:
    cluster = Cluster.open(tmp_path)
    try:
        connection = cluster.database("postgres").connect("postgres", 1, 1, {})
        answer(connection, "CREATE TABLE docs (id int PRIMARY KEY, e vector(2))")
        answer(connection, "CREATE INDEX ON docs USING hnsw (e vector_cosine_ops)")
        answer(connection, SEARCH)
        (parsed,) = connection.parse(call)
        plan = connection.prepare(parsed).plan
        assert isinstance(plan, NativeSelect)
        assert plan.ranking is not None and plan.ranking.leg.index is not None  # type: ignore[union-attr]
    finally:
        cluster.close()


def test_functions_outlive_a_restart(tmp_path: Path) -> None:
    cluster = Cluster.open(tmp_path)
    connection = cluster.database("postgres").connect("postgres", 1, 1, {})
    answer(connection, "CREATE FUNCTION add2(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT a + b'")
    answer(connection, "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT add2(40))")
    cluster.close()
    cluster = Cluster.open(tmp_path)
    connection = cluster.database("postgres").connect("postgres", 1, 1, {})
    assert [(42,)] == answer(connection, "INSERT INTO t VALUES (1) RETURNING n")
    answer(connection, "DROP FUNCTION add2 CASCADE")
    cluster.close()
    cluster = Cluster.open(tmp_path)
    connection = cluster.database("postgres").connect("postgres", 1, 1, {})
    assert [(None,)] == answer(connection, "INSERT INTO t VALUES (2) RETURNING n")
    cluster.close()


def test_a_transaction_that_is_rolled_back_makes_and_drops_no_function(server: LiveServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.commit()
        connection.execute("DROP FUNCTION kept()")
        connection.execute("CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'SELECT 2'")
        assert (2,) == connection.execute("SELECT gone()").fetchone()
        connection.rollback()
        assert (1,) == connection.execute("SELECT kept()").fetchone()
        with pytest.raises(psycopg.errors.UndefinedFunction):
            connection.execute("SELECT gone()")
        connection.rollback()
        connection.execute("DROP FUNCTION kept()")
        connection.commit()


def test_what_a_function_wrote_goes_with_its_transaction(server: LiveServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE noted (n int PRIMARY KEY)")
        connection.execute(
            "CREATE FUNCTION note(n int) RETURNS int LANGUAGE sql AS 'INSERT INTO noted VALUES (n) RETURNING n'"
        )
        connection.commit()
        assert (1,) == connection.execute("SELECT note(1)").fetchone()
        connection.rollback()
        assert (0,) == connection.execute("SELECT count(*) FROM noted").fetchone()
        connection.execute("DROP TABLE noted")
        connection.execute("DROP FUNCTION note")
        connection.commit()


def test_a_parameter_of_type_void_stands_for_what_a_function_returns(server: LiveServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE FUNCTION called(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a * b'")
        result = connection.pgconn.exec_params(
            b"SELECT * FROM called($1, $2, $3) AS result", [None, b"6", b"7"], [2278, 23, 23]
        )
        assert b"42" == result.get_value(0, 0)
