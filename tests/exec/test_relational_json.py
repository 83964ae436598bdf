"""Functions over json text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.errors import InvalidParameterValue, InvalidTextRepresentation
from sqlvec.exec import relational_json as documents

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(max_size=6))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=5), st.booleans())
def test_a_member_is_cut_out_of_its_object(value: dict[str, Any], spaced: bool) -> None:
    text = json.dumps(value, indent=2 if spaced else None, ensure_ascii=spaced)
    for key, member in value.items():
        part = documents.get(text, key)
        assert part is not None and json.loads(part) == member
        shown = documents.get_text(text, key)
        if isinstance(member, str) or member is None:
            assert shown == member
    assert documents.get(text, "no such key") is None


@given(st.lists(values, max_size=5))
def test_elements_are_found_from_either_end(value: list[Any]) -> None:
    text = json.dumps(value)
    assert [json.loads(e) for e in documents.elements(text)] == value
    for index in range(len(value)):
        assert documents.item(text, index) == documents.item(text, index - len(value))
    assert documents.item(text, len(value)) is None


def test_numbers_keep_their_digits_and_json_its_spelling() -> None:
    text = '{"a": 1.10, "b": [1,  2 ], "c": 1e5, "d": true}'
    assert documents.get(text, "a") == documents.get_text(text, "a") == "1.10"
    assert documents.get(text, "b") == "[1,  2 ]"
    assert documents.get_text(text, "c") == "1e5"
    assert documents.get_text(text, "d") == "true"


def test_paths_lead_through_objects_and_arrays() -> None:
    text = '{"a": [{"b": "x"}, null]}'
    assert documents.path(text, ["a", "0", "b"]) == '"x"'
    assert documents.path_text(text, ["a", "-2", "b"]) == "x"
    assert documents.path_text(text, ["a", "1"]) is None
    assert documents.path(text, ["a", "b"]) is None
    assert documents.path(text, []) == text


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1}}', True),
        ('{"a": 1}', '{"a": 1.0}', True),
        ("[1, 2, 3]", "[3, 1]", True),
        ("[[1, 2]]", "[[1]]", True),
        ("[1, 2]", "1", True),
        ("1", "true", False),
        ('"1"', "1", False),
        ('{"a": null}', '{"a": 0}', False),
        ("[[1]]", "1", False),
    ],
)
def test_containment(left: str, right: str, expected: bool) -> None:
    assert documents.contains(left, right) is expected


@given(values)
def test_every_document_contains_itself_and_is_canonical_once(value: Any) -> None:
    text = documents.jsonb(json.dumps(value))
    assert documents.contains(text, text)
    assert documents.jsonb(text) == text


def test_changes_make_canonical_documents() -> None:
    assert documents.set_path('{"b": 1}', ["a"], "2", True) == '{"a": 2, "b": 1}'
    assert documents.set_path('{"b": 1}', ["a"], "2", False) == '{"b": 1}'
    assert documents.set_path("[1, 2]", ["5"], "9", True) == "[1, 2, 9]"
    assert documents.insert_path("[1, 2]", ["1"], "9", False) == "[1, 9, 2]"
    assert documents.delete("[1, \"a\"]", "a") == "[1]"
    assert documents.delete_item("[1, 2, 3]", -1) == "[1, 2]"
    assert documents.delete_path('{"a": {"b": 1, "c": 2}}', ["a", "b"]) == '{"a": {"c": 2}}'
    assert documents.concat('{"a": 1}', '{"a": 2}') == '{"a": 2}'
    assert documents.concat("1", "[2]") == "[1, 2]"


def test_errors_are_postgresqls() -> None:
    with pytest.raises(InvalidParameterValue, match="cannot get array length of a scalar"):
        documents.length("1")
    with pytest.raises(InvalidParameterValue, match="cannot delete from scalar"):
        documents.delete("1", "a")
    with pytest.raises(InvalidParameterValue, match="cannot cast jsonb string to type integer"):
        documents.number('"x"', "integer")
    with pytest.raises(InvalidTextRepresentation, match='at position 1 is not an integer: "x"'):
        documents.set_path("[1]", ["x"], "2", True)


def test_typeof_names_every_kind() -> None:
    texts = ["{}", "[]", '"a"', "1", "-1.5", "true", "null"]
    kinds = ["object", "array", "string", "number", "number", "boolean", "null"]
    assert [documents.typeof(text) for text in texts] == kinds
