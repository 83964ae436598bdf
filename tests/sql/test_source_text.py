"""Which text of a statement is an expression's own."""

from __future__ import annotations

import pytest

from sqlvec.sql.parse import parse
from sqlvec.sql.source_text import expression_source


def _check(clause: str) -> str:
    """The source of the CHECK of a column."""
    parsed = parse(f"CREATE TABLE t (a int CONSTRAINT c CHECK {clause} NOT NULL, b int)")[0]
    column = parsed.node["CreateStmt"]["tableElts"][0]["ColumnDef"]
    return expression_source(parsed, column["constraints"][0]["Constraint"]["raw_expr"])


@pytest.mark.parametrize(
    "expression",
    [
        "a > 0",
        "(a + 1) * 2 > 3",
        "(a > 1 OR b > 1) AND a < 9",
        "((a)) > 0",
        "length('a)b') > a",
        "a IN (1, 2)",
        "NOT (a = 3 OR a IS NULL)",
        "CASE WHEN a > 1 THEN true ELSE false END",
    ],
)
def test_a_check_is_kept_whole(expression: str) -> None:
    found = _check(f"({expression})")
    again = parse(f"SELECT {found}")[0].node
    wanted = parse(f"SELECT {expression}")[0].node
    assert str(again).count("A_Expr") == str(wanted).count("A_Expr")
    assert found.strip("( )") in expression


def test_an_index_expression_ends_before_its_order() -> None:
    parsed = parse("CREATE INDEX ON t ((a + 1), upper(s) DESC NULLS LAST)")[0]
    first, second = (p["IndexElem"]["expr"] for p in parsed.node["IndexStmt"]["indexParams"])
    assert expression_source(parsed, first) == "a + 1"
    assert expression_source(parsed, second) == "upper(s)"


def test_a_default_ends_before_the_next_constraint() -> None:
    parsed = parse("CREATE TABLE t (a text DEFAULT 'x' || 'not null' NOT NULL, b int DEFAULT -1)")[0]
    defaults = [
        column["ColumnDef"]["constraints"][0]["Constraint"]["raw_expr"]
        for column in parsed.node["CreateStmt"]["tableElts"]
    ]
    assert expression_source(parsed, defaults[0]) == "'x' || 'not null'"
    assert expression_source(parsed, defaults[1]) == "-1"
