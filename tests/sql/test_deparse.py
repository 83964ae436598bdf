"""Expressions of the catalog as PostgreSQL shows them, both ways."""

from __future__ import annotations

import psycopg
import pytest

COLUMNS = "a int, b bigint, c smallint, s text, v varchar(10), n numeric(8,2), f float8, d date, t timestamptz, k boolean, g text[]"
CHECKS = (
    "a > 0", "a + 1 > b * 2 - 3", "(a + 1) * 2 > 3", "a - (b - 1) > 0", "n >= 0 AND f < 10", "n > 1.5", "f > 1.5",
    "s = 'x'", "v = 'x' OR v LIKE 'a%'", "v || 'b' = s", "NOT (k OR a IS NULL)", "k IS NOT TRUE", "a IN (1, 2, 3)",
    "s NOT IN ('a', 'b')", "v IN ('a', 'b')", "a BETWEEN 1 AND 5", "b > 5000000000", "c = 3", "lower(v) = 'x'",
    "length(s) > 2 AND (a > 1 OR b > 1) AND k", "coalesce(a, 0) > 1", "a = ANY (ARRAY[1, 2])", "s ~ '^a''b'",
    "d > '2020-01-01'", "t > '2020-01-01 00:00:00+00'", "a IS DISTINCT FROM 3", "nullif(s, 'x') IS NULL",
    "greatest(a, 3) > 2", "a::text = '1'", "a % 2 = 0", "- a < 0", "s IS NULL OR s <> ''", "d < t",
    "(k AND a > 1) OR (NOT k AND b > 1)", "abs(a) > 1", "g[1] = 'x'",
)  # fmt: skip
DEFINITION = (
    "SELECT pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint "
    "WHERE conrelid = 'shown'::regclass"
)


@pytest.fixture(scope="module")
def on_postgresql(oracle: str) -> list[object]:
    """What PostgreSQL shows of each check."""
    with psycopg.connect(oracle, autocommit=True) as connection:
        return [_shown(connection, check) for check in CHECKS]


def _shown(connection: psycopg.Connection, check: str) -> object:
    connection.execute("DROP TABLE IF EXISTS shown")
    connection.execute(f"CREATE TABLE shown ({COLUMNS}, CHECK ({check}))")
    found = connection.execute(DEFINITION).fetchone()
    connection.execute("DROP TABLE shown")
    return found


@pytest.mark.parametrize("place", range(len(CHECKS)), ids=CHECKS)
def test_a_check_is_shown_as_postgresql_shows_it(
    on_postgresql: list[object], shown_by: psycopg.Connection, place: int
) -> None:
    assert on_postgresql[place] == _shown(shown_by, CHECKS[place])


@pytest.fixture(scope="module")
def shown_by(server: object) -> object:
    with psycopg.connect(server.dsn, autocommit=True) as connection:  # type: ignore[attr-defined]
        yield connection
