import pytest
import Stemmer

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
        ("french", "l'eau des élèves", ["l", "eau", "de", "elev"]),
        ("german", "Häuser über der Straße", ["haus", "uber", "der", "strass"]),
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


@pytest.mark.parametrize("text", ["", "  ", "...", "' '", "the and of", "\x00", "\ud800"])
def test_texts_without_a_term(text):
    assert analyzer("english").terms(text) == []


def test_stop_words_leave_a_gap():
    assert analyzer("english").tokens("bank of america") == ["bank", "", "america"]
    assert analyzer("porter").tokens("the bank") == ["", "bank"]
    assert analyzer("german").tokens("the bank") == ["the", "bank"]


def test_every_snowball_language_is_a_config():
    assert configs() == ["simple", *sorted(Stemmer.algorithms())]
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
