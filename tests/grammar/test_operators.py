"""grammar/operators.toml and sqlvec/sql/operators.py say the same."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from sqlvec import types
from sqlvec.database import Connection
from sqlvec.sql import operators
from tests.grammar.specification import GRAMMAR

OPERATORS = tomllib.loads((GRAMMAR / "operators.toml").read_text())["operator"]


@pytest.mark.parametrize("entry", OPERATORS, ids=lambda e: f"{e.get('left', '')} {e['spelling']} {e['right']}")
def test_written_operators_bind_to_their_result(entry: dict[str, Any], world: Connection) -> None:
    left = f"NULL::{entry['left']}" if "left" in entry else ""
    if entry["spelling"] in ("<@>", "@@@"):
        left = "body"
    text = f"SELECT {left} {entry['spelling']} NULL::{entry['right']} FROM docs"
    (statement,) = world.parse(text)
    columns = world.prepare(statement).columns
    world.abort_group()
    assert columns is not None
    assert types.format_type(types.SqlType(columns[0].type.oid)) == entry["result"]


def test_every_operator_of_the_binder_is_written() -> None:
    known = {*operators.DISTANCES, *operators.BIT_DISTANCES, *operators.COMPARISONS}
    known |= operators._PATTERNS | {key[1] for key in operators._MOMENTS}
    assert known <= {entry["spelling"] for entry in OPERATORS}
