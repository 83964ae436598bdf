"""From text to terms: words, lower case, accents folded, stop words left out, stems by Snowball.

A word is a run of letters, digits, marks and underscores; a Chinese or Japanese ideograph and a
hiragana letter are words by themselves, as in Lucene's standard tokenizer. Apostrophes belong to
English words and separate those of other languages (l'eau). Of a word longer than WORD_MAX
characters, the first count.

Accents are those over Latin letters. English is folded before stemming, so that résumés and resume
meet; other languages after it, because their stemmers read accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

import Stemmer  # type: ignore[import-not-found]

from sqlvec.errors import InvalidParameterValue

WORD_MAX = 255  # Lucene's StandardAnalyzer.DEFAULT_MAX_TOKEN_LENGTH
_CACHE_MAX = 200_000
_ENGLISH = ("english", "porter")
# Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
_ENGLISH_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with".split()
)
_IDEOGRAPHS = (
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3041, 0x309F),  # hiragana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0x20000, 0x3FFFF),  # CJK extensions B and on
)
_WORDS_END = 0x20000  # no other words above
# Latin letters that Unicode does not decompose.
_UNDECOMPOSED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
)
_LATIN_ACCENTS = re.compile("([a-z])[\u0300-\u036f]+")


class Analyzer:
    """terms(text) is what an index of this config holds of the text, in order."""

    def __init__(self, config: str) -> None:
        self.config = config
        self._stem = None if config == "simple" else Stemmer.Stemmer(config, 0).stemWord
        self._stop_words = _ENGLISH_STOP_WORDS if config in _ENGLISH else frozenset()
        self._folds_first = config == "simple" or config in _ENGLISH
        self._apostrophe = "'’" if self._folds_first else ""
        self._ascii_words = re.compile(
            "[a-z0-9_][a-z0-9_']*" if self._folds_first else "[a-z0-9_]+"
        ).findall
        self._known: dict[str, str] = {}

    def terms(self, text: str) -> list[str]:
        """Stop words give no term."""
        return [term for term in self.tokens(text) if term]

    def tokens(self, text: str) -> list[str]:
        """The term of each word, "" for a stop word."""
        return [self.term(word) for word in self.words(text)]

    def words(self, text: str) -> list[str]:
        """The words of a text in lower case, as term() takes them."""
        text = text.lower()
        if text.isascii():
            return self._ascii_words(text)
        return _unicode_words(self._apostrophe)(unicodedata.normalize("NFC", text))

    def term(self, word: str) -> str:
        """The term of a word, "" for a stop word."""
        term = self._known.get(word)
        if term is None:
            term = self._term(word[:WORD_MAX])
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            self._known[word] = term
        return term

    def _term(self, word: str) -> str:
        term = word
        if self._folds_first:
            term = fold(word).replace("’", "'").rstrip("'")
        if term in self._stop_words:
            return ""
        if self._stem is not None:
            # A stem of nothing ("'s") would be taken for a stop word.
            term = self._stem(term) or term
        return fold(term)


def fold(word: str) -> str:
    """A word in lower case, its Latin letters without accents, compatibility forms made plain."""
    if word.isascii():
        return word
    plain = unicodedata.normalize("NFKD", word).lower().translate(_UNDECOMPOSED)
    return unicodedata.normalize("NFC", _LATIN_ACCENTS.sub(r"\1", plain))


@cache
def _unicode_words(apostrophe: str) -> Callable[[str], list[str]]:
    """Splits text that is not ASCII. Python's \\w lacks the marks that Indic vowels are written
    with."""
    single = "".join(_class_range(low, high) for low, high in _IDEOGRAPHS)
    letters = "".join(_class_range(low, high) for low, high in _word_ranges())
    return re.compile(f"[{single}]|[{letters}][{letters}{apostrophe}]*").findall


def _word_ranges() -> Iterator[tuple[int, int]]:
    """Ranges of the code points that make words, but ideographs."""
    start = None
    for point in range(_WORDS_END + 1):
        inside = point < _WORDS_END and _makes_words(point)
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            yield start, point - 1
            start = None


def _makes_words(point: int) -> bool:
    char = chr(point)
    if char.isalnum() or char == "_":
        return not any(low <= point <= high for low, high in _IDEOGRAPHS)
    return unicodedata.category(char) in ("Mn", "Mc")


def _class_range(low: int, high: int) -> str:
    return f"\\U{low:08x}-\\U{high:08x}"


def configs() -> list[str]:
    """Every known config."""
    return ["simple", *sorted(Stemmer.algorithms())]


@cache
def analyzer(config: str) -> Analyzer:
    """The analyzer of a config; 22023 with the list of known ones otherwise."""
    if config not in configs():
        raise InvalidParameterValue(
            f'text search configuration "{config}" does not exist',
            hint="Known configurations are: " + ", ".join(configs()) + ".",
        )
    return Analyzer(config)
