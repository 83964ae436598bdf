import unicodedata

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.errors import InvalidParameterValue
from sqlvec.index.bm25.analyzer import WORD_MAX, analyzer, configs, fold


@pytest.mark.parametrize(
    "config, text, terms",
    [
        ("simple", "Hello, WORLD_1 x2! 3.14", ["hello", "world_1", "x2", "3", "14"]),
        ("english", "The running dogs are happy", ["run", "dog", "happi"]),
        ("english", "the dogs' dog's dog’s bone", ["dog", "dog", "dog", "bone"]),
        ("english", "Résumés and resumes", ["resum", "resum"]),
        ("simple", "the Straße Łódź Æsir ﬁne", ["the", "strasse", "lodz", "aesir", "fine"]),
        ("simple", "cafe\u0301s café", ["cafes", "cafe"]),
        ("french", "l'eau des élèves", ["eau", "elev"]),
        ("german", "Häuser über der Straße", ["haus", "strass"]),
        ("russian", "книги йогурты", ["книг", "йогурт"]),
        (
            "simple",
            "数据库 hello がカナ 한국어",
            ["数", "据", "库", "hello", "が", "カナ", "한국어"],
        ),
        ("simple", "हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("turkish", "İstanbul", ["istanbul"]),
    ],
)
def test_terms_of_a_text(config, text, terms):
    assert analyzer(config).terms(text) == terms


@pytest.mark.parametrize(
    "config, text, terms",
    [
        ("whitespace", "Foo-Bar, x:y", ["foo-bar,", "x:y"]),
        ("ngram(2,3)", "Übe x", ["ub", "ube", "be", "x"]),
        ("ngram", "abc", ["ab", "abc", "bc"]),
        ("edge_ngram(1,3)", "data b", ["d", "da", "dat", "b"]),
        ("cjk", "数据库 of Databases", ["数据", "据库", "databas"]),
        ("cjk", "我", ["我"]),
        ("chinese", "PostgreSQL数据库的 indexes", ["postgresql", "数据库", "的", "index"]),
    ],
)
def test_words_of_other_kinds(config, text, terms):
    if config == "chinese":
        pytest.importorskip("jieba")
    assert analyzer(config).terms(text) == terms


def test_a_query_of_beginnings_is_not_cut_up():
    assert analyzer("edge_ngram(1,3)").query.terms("database x") == ["dat", "x"]
    assert analyzer("english").query is analyzer("english")


@pytest.mark.parametrize("config", ["english", "french", "whitespace", "ngram", "cjk", "simple"])
@given(st.text(st.sampled_from("aB ü'’数据9_İ-\u0301"), max_size=20))
def test_spans_are_the_terms_with_their_places(config, text):
    spans = analyzer(config).spans(unicodedata.normalize("NFC", text))
    assert [span.word for span in spans] == analyzer(config).tokens(text)
    assert all(0 <= span.begin < span.end <= len(text) for span in spans)


@pytest.mark.parametrize("config", ["ngram(0,3)", "ngram(3,2)", "edge_ngram(1,99)", "english(1,2)", "ngram(1)"])
def test_limits_out_of_bounds_are_refused(config):
    with pytest.raises(InvalidParameterValue):
        analyzer(config)


@pytest.mark.parametrize("text", ["", "  ", "...", "' '", "the and of", "\x00", "\ud800"])
def test_texts_without_a_term(text):
    assert analyzer("english").terms(text) == []


def test_stop_words_leave_a_gap():
    assert analyzer("english").tokens("bank of america") == ["bank", "", "america"]
    assert analyzer("porter").tokens("the bank") == ["", "bank"]
    assert analyzer("german").tokens("the bank der") == ["the", "bank", ""]


def test_every_snowball_language_is_a_config():
    assert set(Stemmer.algorithms()) < set(configs())
    for config in configs():
        assert analyzer(config).terms("word") and analyzer(config).config == config


def test_an_unknown_config_lists_those_there_are():
    with pytest.raises(InvalidParameterValue) as raised:
        analyzer("klingon")
    assert raised.value.sqlstate == "22023"
    assert raised.value.message == 'text search configuration "klingon" does not exist'
    assert "english" in raised.value.hint and "simple" in raised.value.hint


def test_the_beginning_of_an_endless_word_counts():
    assert analyzer("simple").terms("a" * 100_000) == ["a" * WORD_MAX]


def test_a_term_does_not_depend_on_what_came_before():
    fresh = analyzer.__wrapped__("english")
    text = "Cafés running over naïve dogs"
    assert fresh.terms(text) == analyzer("english").terms(text) == fresh.terms(text)


@pytest.mark.parametrize("word, folded", [("naïve", "naive"), ("й", "й"), ("が", "が"), ("ø", "o")])
def test_only_latin_letters_lose_their_accents(word, folded):
    assert fold(word) == folded
