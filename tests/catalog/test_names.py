"""Names as they are read and shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqlvec import types
from sqlvec.catalog.names import (
    database_oid,
    find_function,
    find_relation,
    find_signature,
    find_type,
    function_name,
    quote_identifier,
    relation_name,
    split_name,
    type_name,
)
from sqlvec.catalog.objects import Catalog, Column, Schema, Table, empty_catalog
from sqlvec.catalog.viewpoint import Viewpoint


@pytest.fixture
def catalog() -> Catalog:
    """docs in public and in sales, and "Odd Name"."""
    columns = (Column(1, "id", types.INT4),)
    base = replace(empty_catalog(), schemas={**empty_catalog().schemas, 19_000: Schema(19_000, "sales")})
    return base.with_relation(
        Table(20_000, "docs", 2200, columns),
        Table(20_001, "docs", 19_000, columns),
        Table(20_002, "Odd Name", 2200, columns),
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("docs", "docs"), ("Docs", '"Docs"'), ("select", '"select"'), ("a b", '"a b"'), ('a"b', '"a""b"'),
     ("name", "name"), ("_x1", "_x1"), ("1x", '"1x"'), ("user", '"user"'), ("left", '"left"')],
)  # fmt: skip
def test_names_are_quoted_where_they_would_be_read_otherwise(name: str, quoted: str) -> None:
    assert quote_identifier(name) == quoted


def test_quoted_parts_keep_their_case_and_dots() -> None:
    assert split_name('Public."A.b""c"') == ["public", 'A.b"c']


def test_the_search_path_decides_which_relation_is_meant(catalog: Catalog) -> None:
    public, sales = Viewpoint(catalog), Viewpoint(catalog, ("sales", "public"))
    assert find_relation(public, "docs") == 20_000
    assert find_relation(sales, "docs") == 20_001
    assert find_relation(public, "sales.docs") == 20_001
    assert find_relation(public, '"Odd Name"') == 20_002
    assert find_relation(public, "Odd Name") is None
    assert find_relation(public, "pg_class") == 1259


def test_a_hidden_relation_is_shown_with_its_schema(catalog: Catalog) -> None:
    public, sales = Viewpoint(catalog), Viewpoint(catalog, ("sales", "public"))
    assert relation_name(public, 20_000) == "docs"
    assert relation_name(public, 20_001) == "sales.docs"
    assert relation_name(sales, 20_000) == "public.docs"
    assert relation_name(public, 20_002) == '"Odd Name"'
    assert relation_name(public, 99_999) == "99999"


@pytest.mark.parametrize(
    ("name", "oid"),
    [("int", 23), ("integer[]", 1007), ("pg_catalog.int4", 23), ("Double  Precision", 701),
     ("varchar(80)", 1043), ("public.vector", 16_386), ("pg_catalog.vector", None), ("docs", 20_000),
     ("nothing", None), ('"char"', 18)],
)  # fmt: skip
def test_types_are_found(catalog: Catalog, name: str, oid: int | None) -> None:
    assert find_type(Viewpoint(catalog), name) == oid


def test_a_length_that_is_not_given_differs_from_none(catalog: Catalog) -> None:
    view = Viewpoint(catalog)
    assert type_name(view, 1042) == "character"
    assert type_name(view, 1042, -1) == "bpchar"
    assert type_name(view, 1042, 7) == "character(3)"
    assert type_name(view, 20_000) == "docs"
    assert type_name(view, 12_345) == "???"


def test_overloaded_functions_have_no_oid_of_their_name_alone(catalog: Catalog) -> None:
    view = Viewpoint(catalog)
    assert find_function(view, "now") == 1299
    assert find_function(view, "abs") is None
    assert find_signature(view, "abs(int)") == 1397
    assert function_name(view, 1299) == "now"
    assert function_name(view, 1397) == "pg_catalog.abs"


def test_database_oids_do_not_depend_on_other_databases() -> None:
    assert database_oid("postgres") == 5
    assert database_oid("app") != database_oid("apps")
    assert 16_384 < database_oid("app") < 2**31
