"""Text functions and regular expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.errors import DatabaseError, InvalidEscapeSequence, InvalidParameterValue
from sqlvec.exec import relational_text as texts


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("foo bar", r"\mbar\M", True),
        ("foobar", r"\mbar", False),
        ("a\nb", "a.b", True),
        ("a\nb", "^b", False),
        ("ab", "a$", False),
        ("a\n", "a$", False),
        ("x]", "[]]", True),
        ("é1", "^[[:alpha:]é][[:digit:]]$", True),
        ("aXbX", r"(\w)X\1X", False),
        ("aXaX", r"(\w)X\1X", True),
        ("a.c", "***=a.c", True),
        ("abc", "***=a.c", False),
    ],
)
def test_advanced_regular_expressions(text: str, pattern: str, expected: bool) -> None:
    assert texts.regex(text, pattern, False) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "parentheses () not balanced"),
        ("[a", "brackets [] not balanced"),
        ("*a", "quantifier operand invalid"),
        ("[[:foo:]]", "invalid character class"),
    ],
)
def test_malformed_patterns_raise_2201b(pattern: str, message: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        texts.regex("x", pattern, False)
    assert raised.value.sqlstate == "2201B"
    assert raised.value.message == f"invalid regular expression: {message}"


def test_replacement_knows_groups_and_the_whole_match() -> None:
    assert texts.regexp_replace("foobar", "(o+)(b)", r"<\2\1\&\\>", "") == r"f<boooob\>ar"
    assert texts.regexp_replace("aaa", "a", "b", "") == "baa"
    assert texts.regexp_replace("aAa", "a", "b", "gi") == "bbb"
    with pytest.raises(InvalidParameterValue, match='invalid regular expression option: "z"'):
        texts.regexp_replace("a", "a", "b", "z")


@given(st.lists(st.text("abc", max_size=4), min_size=1, max_size=5))
def test_splitting_at_a_separator_undoes_joining(parts: list[str]) -> None:
    assert texts.regexp_split(",".join(parts), ",", "") == parts
    assert texts.string_to_array(",".join(parts), ",", None) == (parts if any(parts) or len(parts) > 1 else [])


def test_like_patterns_are_normalised_to_backslash() -> None:
    assert texts.like_escape("a!%b", "!") == r"a\%b"
    assert texts.like_escape(r"a\xb", "\\") == "axb"
    assert texts.like_escape("a\\%", "") == r"a\\%"
    with pytest.raises(InvalidEscapeSequence, match="must not end with escape character"):
        texts.like_escape("a\\", "\\")


@given(st.text(max_size=8), st.integers(-2, 12), st.text(max_size=3), st.booleans())
def test_padding_gives_the_length_asked_for(text: str, length: int, fill: str, left: bool) -> None:
    padded = texts.pad(text, length, fill, left)
    assert len(padded) == (max(length, 0) if fill else min(len(text), max(length, 0)))


@given(st.binary(max_size=80), st.sampled_from(["hex", "base64", "escape"]))
def test_decoding_undoes_encoding(data: bytes, form: str) -> None:
    assert texts.decode(texts.encode(data, form), form) == data


def test_format_takes_positions_widths_and_quotes() -> None:
    assert texts.format_text("%2$s-%1$s|%5s|%-3s|", ["a", "b", "c"]) == "b-a|    b|c  |"
    assert texts.format_text("%*s", ["4", "x"]) == "   x"
    with pytest.raises(InvalidParameterValue, match="too few arguments for format"):
        texts.format_text("%s", [])
    with pytest.raises(InvalidParameterValue, match='unrecognized format\\(\\) type specifier "z"'):
        texts.format_text("%z", ["a"])


def test_records_are_quoted_where_needed() -> None:
    assert texts.record_text(["a", None, "", 'b"c', "d e"]) == '(a,,"","b""c","d e")'
