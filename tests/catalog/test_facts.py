"""The files of PostgreSQL's own objects, and what is shown of them."""

from __future__ import annotations

import psycopg
import pytest

from sqlvec import types
from sqlvec.catalog.system.facts import facts, number, text
from sqlvec.catalog.system.rows import makers
from sqlvec.catalog.system.tables import class_oid, system_table, system_tables


def test_oids_of_relations_are_postgresqls() -> None:
    assert (class_oid("pg_class"), class_oid("pg_type"), class_oid("pg_proc")) == (1259, 1247, 1255)
    table = system_table("information_schema", "columns")
    assert table is not None
    assert table.columns[3].name == "column_name"


def test_no_oid_stands_for_two_relations() -> None:
    oids = [table.oid for table in system_tables().values()]
    assert len(set(oids)) == len(oids)


def test_every_maker_makes_rows_of_a_table() -> None:
    for name in makers():
        schema, _, bare = name.rpartition(".")
        assert system_table(schema or "pg_catalog", bare) is not None or bare == "pg_get_keywords"


@pytest.mark.parametrize("name", ["functions", "operators", "extension_functions", "extension_casts"])
def test_oids_of_a_file_are_unique(name: str) -> None:
    oids = [number(fact, "oid") for fact in facts(name)]
    assert len(set(oids)) == len(oids)


def test_oids_of_the_extension_leave_those_of_its_types_alone() -> None:
    taken = {definition.oid for definition in types.all_types()}
    for name in ("functions", "operators", "casts", "classes"):
        for fact in facts(f"extension_{name}"):
            assert number(fact, "oid") not in taken
            assert 16_500 <= number(fact, "oid") < 20_000


def test_every_system_table_can_be_read(connection: psycopg.Connection) -> None:
    """As wide as it is declared, whatever it holds."""
    for (schema, name), table in system_tables().items():
        cursor = connection.execute(f'SELECT * FROM {schema}."{name}"')
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == [c.name for c in table.columns]
        cursor.fetchall()


def test_shown_functions_and_operators_are_those_that_can_be_used(
    connection: psycopg.Connection,
) -> None:
    """An operator of the list works on NULLs of its types, and gives its type."""
    rows = connection.execute(
        "SELECT oprname, oprleft::regtype::text, oprright::regtype::text, oprresult FROM pg_operator "
        "WHERE oprkind = 'b'"
    ).fetchall()
    assert len(rows) > 150
    for name, left, right, result in rows:
        cursor = connection.execute(f"SELECT NULL::{left} OPERATOR(pg_catalog.{name}) NULL::{right}")
        assert cursor.description is not None
        assert cursor.description[0].type_code == result, (left, name, right)


def test_descriptions_are_read_with_their_escapes() -> None:
    found = {text(fact, "name"): fact["description"] for fact in facts("types")}
    assert found["bool"] == "boolean, 'true'/'false'"
