"""grammar/accepted binds and is described by the rules; grammar/rejected fails as PostgreSQL does."""

from __future__ import annotations

import psycopg
import pytest

from sqlvec.database import Connection
from sqlvec.errors import DatabaseError
from tests.grammar.conftest import answer
from tests.grammar.specification import Example, describes, examples

ACCEPTED, REJECTED = examples("accepted"), examples("rejected")

@pytest.mark.parametrize("example", ACCEPTED, ids=lambda e: e.place)
def test_accepted_statements_are_described(example: Example) -> None:
    assert describes(example.text), example.text


@pytest.mark.parametrize("example", ACCEPTED, ids=lambda e: e.place)
def test_accepted_statements_bind(example: Example, world: Connection) -> None:
    (statement,) = world.parse(example.text)
    world.prepare(statement)
    world.end_group()


@pytest.mark.parametrize("example", REJECTED, ids=lambda e: e.place)
def test_rejected_statements_fail_at_their_position(example: Example, world: Connection) -> None:
    with pytest.raises(DatabaseError) as raised:
        answer(world, example.text)
    world.abort_group()
    assert (raised.value.sqlstate, raised.value.position) == (example.sqlstate, example.position)


@pytest.mark.parametrize("example", [e for e in REJECTED if not e.ours], ids=lambda e: e.place)
def test_postgresql_rejects_them_alike(
    example: Example, postgres_world: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        postgres_world.execute(example.text.encode())
    postgres_world.rollback()
    diagnostics = raised.value.diag
    position = diagnostics.statement_position
    found = (diagnostics.sqlstate, int(position) if position else None)
    assert found == (example.sqlstate, example.position)
