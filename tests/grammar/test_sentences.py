"""What grammar/*.lark derives is accepted: parsed, and bound or refused for a reason that the user can mend.

An exception that is no DatabaseError fails the test; so does a syntax error.
"""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings

from sqlvec.database import Connection
from sqlvec.errors import DatabaseError
from tests.grammar.sentences import sentences
from tests.grammar.world import SENTENCE

# Names, types, values and limits: what is wrong is the sentence's meaning, not its syntax. 0A000 is for what
# the types or the place of an expression make impossible.
_REASONS = ("0A000", "22", "23", "25", "26000", "2BP01", "34000", "3D000", "3F000", "42", "54", "55000")
# PostgreSQL's grammar too derives these; an action refuses them (insertSelectOptions in gram.y).
_ACTIONS = re.compile(r"multiple [A-Z ]+ clauses not allowed")
DEFAULT = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)

STATEMENTS = sentences("statement", SENTENCE)
QUERIES = sentences("query", SENTENCE)
EXPRESSIONS = sentences("expression", SENTENCE)


def refusal(world: Connection, text: str) -> DatabaseError | None:
    """Why the statement does not bind; any other exception is a defect, and raised."""
    try:
        for statement in world.parse(text):
            world.prepare(statement)
    except DatabaseError as error:
        return error
    finally:
        world.abort_group()
    return None


def check_accepted(world: Connection, text: str) -> None:
    error = refusal(world, text)
    if error is not None and not _ACTIONS.fullmatch(error.message):
        assert error.sqlstate.startswith(_REASONS), (error.sqlstate, error.message, text)
        assert "syntax error" not in error.message, (error.message, text)


@DEFAULT
@given(text=STATEMENTS)
def test_statements_parse_and_bind(world: Connection, text: str) -> None:
    check_accepted(world, text)


@DEFAULT
@given(text=EXPRESSIONS)
def test_expressions_parse_and_bind(world: Connection, text: str) -> None:
    check_accepted(world, f"SELECT {text} FROM docs AS d, notes AS n")
    check_accepted(world, f"SELECT {text} FROM docs AS d")


@DEFAULT
@given(text=QUERIES)
def test_queries_parse_bind_and_are_explained(world: Connection, text: str) -> None:
    check_accepted(world, text)
    check_accepted(world, f"EXPLAIN {text}")
