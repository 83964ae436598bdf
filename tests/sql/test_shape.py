"""The shape of a statement: what is lifted, and what is left alone."""

from __future__ import annotations

import pytest

from sqlvec.sql.shape import shape


def test_string_literals_become_parameters() -> None:
    text = "SELECT id FROM t WHERE a = 'x' AND \"q'\" = 'it''s' LIMIT 10"
    assert shape(text) == (
        'SELECT id FROM t WHERE a = $1 AND "q\'" = $2 LIMIT 10', ["x", "it's"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        r"SELECT E'a\n'",
        "SELECT B'101', 'x'",
        "SELECT X'1F'",
        "SELECT U&'d\\0061t'",
        "SELECT n'x'",
        "SELECT 'x' -- comment",
        "SELECT /* 'x' */ 'y'",
        "SELECT $$x$$, 'y'",
        "SELECT $1, 'y'",
        "CREATE TABLE t (a text) PARTITION BY TENANT (a) -- 'x'",
    ],
)
def test_what_is_not_certain_is_left_alone(text: str) -> None:
    assert shape(text) is None
