"""Statements whose answers PostgreSQL gave: ours are the same, and the recorded ones are still its own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sqlvec.errors import DatabaseError
from tests.exec.relational_world import WORLD_SQL, Answer, World, new_world, read_answers

ANSWERS = read_answers()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = new_world(tmp_path_factory.mktemp("relational"))
    yield made
    made.relational.close()
    made.engine.close()


def _sorted(rows: list[list[str | None]]) -> list[list[str | None]]:
    return sorted(rows, key=lambda row: [(value is None, value or "") for value in row])


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.sql[:70])
def test_answer_is_that_of_postgresql(world: World, answer: Answer) -> None:
    if answer.error is not None:
        with pytest.raises(DatabaseError) as raised:
            world.answer(answer.sql)
        assert (raised.value.sqlstate, raised.value.message) == answer.error
        return
    rows = world.answer(answer.sql)
    assert answer.rows is not None
    if answer.ordered:
        assert rows == answer.rows
    else:
        assert _sorted(rows) == _sorted(answer.rows)


def test_a_statement_run_again_from_its_plan_answers_the_same(world: World) -> None:
    sql = "select kind, count(*), sum(price) from goods group by kind order by kind"
    first = world.answer(sql)
    assert [world.answer(sql) for _ in range(3)] == [first] * 3


def test_recorded_answers_are_those_of_postgresql(oracle: str) -> None:
    with psycopg.connect(oracle, autocommit=True) as connection:
        connection.execute("create schema recorded")
        connection.execute("set search_path = recorded, public")
        for sql in WORLD_SQL:
            connection.execute(sql)
        different = [a.sql for a in ANSWERS if not _agrees(connection, a)]
    assert different == []


def _agrees(connection: psycopg.Connection, answer: Answer) -> bool:
    cursor = connection.cursor()
    try:
        cursor.execute(answer.sql.encode())
    except psycopg.Error as error:
        return answer.error == (error.sqlstate, error.diag.message_primary)
    result = cursor.pgresult
    assert result is not None
    rows = [
        [
            None if (value := result.get_value(i, j)) is None else value.decode()
            for j in range(result.nfields)
        ]
        for i in range(result.ntuples)
    ]
    if answer.rows is None:
        return False
    return rows == answer.rows if answer.ordered else _sorted(rows) == _sorted(answer.rows)
