import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.errors import StatementTooComplex, SyntaxError
from sqlvec.index.bm25.query import (
    And,
    AnyTerm,
    Boost,
    Constant,
    Fuzzy,
    Not,
    Or,
    Phrase,
    Prefix,
)
from sqlvec.index.bm25.query_syntax import NESTING_MAX, parse_match, parse_query

CAT, DOG, RED = AnyTerm(("cat",)), AnyTerm(("dog",)), AnyTerm(("red",))


def test_a_word_counts_as_often_as_the_query_has_it():
    assert parse_query("dogs the Dog cat", "english") == AnyTerm(("dog", "cat"), (2, 1))
    assert parse_query("", "english") == AnyTerm((), ())


@given(st.text(max_size=40))
def test_words_are_never_an_error(text):
    parse_query(text, "english")


@pytest.mark.parametrize(
    "text, match",
    [
        ("cat", CAT),
        ("cat dog", Or((CAT, DOG))),
        ("cat OR dog", Or((CAT, DOG))),
        ("cat AND dog", And((CAT, DOG))),
        ("cat and dog", Or((CAT, DOG))),  # in lower case it is a stop word
        ("cat AND dog red", Or((And((CAT, DOG)), RED))),
        ("cat AND (dog OR red)", And((CAT, Or((DOG, RED))))),
        ("cat -dog", And((CAT, Not(DOG)))),
        ("-dog cat red", And((Or((CAT, RED)), Not(DOG)))),
        ("cat NOT dog", And((CAT, Not(DOG)))),
        ("cat OR NOT dog", Or((CAT, Not(DOG)))),
        ("NOT dog OR cat", Or((Not(DOG), CAT))),
        ("cat AND -dog", And((CAT, Not(DOG)))),
        ("-dog", Not(DOG)),
        ("-dog -cat", And((Not(DOG), Not(CAT)))),
        ("NOT NOT dog", Not(Not(DOG))),
        ('-"cat dog"', Not(Phrase(("cat", "dog")))),
        ("-(cat dog)", Not(Or((CAT, DOG)))),
        ('"cats dogs"', Phrase(("cat", "dog"))),
        ('"the cat"', CAT),
        ('"cat of the dog"', Phrase(("cat", "", "", "dog"))),
        ("cat-dog", Phrase(("cat", "dog"))),
        ("database*", Prefix(("databas",))),
        ("happy*", Prefix(("happi", "happy"))),
        ("Caf*", Prefix(("caf",))),
        ("cat^2.5", Boost(CAT, 2.5)),
        ('"cats dogs"~3^2', Boost(Phrase(("cat", "dog"), 3), 2.0)),
        ("(cat dog)^2", Boost(Or((CAT, DOG)), 2.0)),
        ("(cat dog red)~2", Or((CAT, DOG, RED), 2)),
        ("(cat dog)~9", Or((CAT, DOG), 2)),
        ("(cat dog -red)~2", And((Or((CAT, DOG), 2), Not(RED)))),
        ("cats~1", Fuzzy("cat", 1)),
        ("cats~", Fuzzy("cat", 1)),
        ("cats~2^3", Boost(Fuzzy("cat", 2), 3.0)),
        ("cat*^2", Boost(Prefix(("cat",)), 2.0)),
        ("IN [cats dogs]", Constant(Or((CAT, DOG)))),
        ("IN[cat]^2 dog", Or((Boost(Constant(CAT), 2.0), DOG))),
        ("cat~dog", Phrase(("cat", "dog"))),
        ("cat:dog", Phrase(("cat", "dog"))),
        ("the^2", AnyTerm(())),
        ("the", AnyTerm(())),
        ("", AnyTerm(())),
        ('""', AnyTerm(())),
        ("cat AND the", CAT),
        ("cat -the", CAT),
        ("(the) OR cat", CAT),
        ("...", AnyTerm(())),
    ],
)
def test_match_syntax(text, match):
    assert parse_match(text, "english") == match


@pytest.mark.parametrize(
    "text, detail",
    [
        ('"cat dog', "Unterminated quoted phrase at character 1."),
        ('cat "', "Unterminated quoted phrase at character 5."),
        ("cat AND", "Unexpected end of query at character 8."),
        ("OR cat", 'Unexpected "OR" at character 1.'),
        ("cat OR AND dog", 'Unexpected "AND" at character 8.'),
        ("NOT", "Unexpected end of query at character 4."),
        ("-", "Unexpected end of query at character 2."),
        ("cat - dog", 'Unexpected "-" at character 5.'),
        ("(cat", "Unbalanced parenthesis at character 1."),
        ("cat)", 'Unexpected ")" at character 4.'),
        ("()", 'Unexpected ")" at character 2.'),
        ("*", 'Unexpected "*" at character 1.'),
        ("cat ~2", 'Unexpected "~2" at character 5.'),
        ("cat~3", "Edits must not exceed 2 at character 4."),
        ('"cat dog"~999', "Slop must not exceed 255 at character 10."),
        ("cat^", '"^" is no boost after at character 1.'),
        ("cat*~1", 'Unexpected "cat*~1" at character 1.'),
        ("IN [cat", "Unterminated set of terms at character 4."),
    ],
)
def test_a_malformed_match_is_a_syntax_error(text, detail):
    with pytest.raises(SyntaxError) as raised:
        parse_match(text, "english")
    assert raised.value.sqlstate == "42601"
    assert raised.value.message == f'syntax error in text query: "{text}"'
    assert raised.value.detail == detail
    assert raised.value.internal == (text, int(detail.rstrip(".").rpartition(" ")[2]))


@pytest.mark.parametrize("level", ["(", "NOT ", "-"])
def test_deep_nesting_is_refused_before_the_stack_ends(level):
    closing = ")" if level == "(" else ""
    parse_match(level * NESTING_MAX + "cat" + closing * NESTING_MAX, "english")
    with pytest.raises(StatementTooComplex):
        parse_match(level * 100_000 + "cat", "english")


@given(st.text(st.sampled_from('cat "-()*~^2:[]INANDORNOT '), max_size=30))
def test_any_text_is_a_query_or_a_syntax_error(text):
    try:
        parse_match(text, "english")
    except SyntaxError as error:
        assert error.detail is not None
