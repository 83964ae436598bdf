"""EXPLAIN's documents say the same in each format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

SQL = "SELECT id FROM items WHERE name <> 'a<b' ORDER BY v <-> '[1,2]' LIMIT 2"
SPACE = "{http://www.postgresql.org/2009/explain}"


@pytest.fixture
def items(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute("CREATE TABLE items (id int, name text, v vector(2))")
    connection.execute("INSERT INTO items SELECT g, 'n' || g, ARRAY[g, 1]::vector FROM generate_series(1, 9) g")
    return connection


def document(connection: psycopg.Connection, form: str) -> Any:
    rows = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT {form}) {SQL}").fetchall()  # type: ignore[arg-type]
    ((told,),) = rows
    return told


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values of a document that are no lists and no objects, in their order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield name, value


def test_xml_and_yaml_say_what_json_says(items: psycopg.Connection) -> None:
    wanted = list(leaves(document(items, "json")))
    assert len(wanted) > 5
    root = ElementTree.fromstring(document(items, "xml"))
    assert root.tag == f"{SPACE}explain"
    assert [node.text for node in root.iter() if len(node) == 0] == [plain(v) for _, v in wanted]
    lines = [line.strip(" -") for line in document(items, "yaml").splitlines()]
    told = [line for line in lines if not line.endswith(":")]
    assert told == [f"{name}: {json.dumps(value)}" if name else json.dumps(value) for name, value in wanted]


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_another_format_is_refused(items: psycopg.Connection, oracle: str) -> None:
    told = []
    with psycopg.connect(oracle, autocommit=True) as postgresql:
        for connection in (items, postgresql):
            with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
                connection.execute("EXPLAIN (FORMAT csv) SELECT 1")
            told.append((caught.value.diag.message_primary, caught.value.diag.statement_position))
    assert told[0] == told[1]
