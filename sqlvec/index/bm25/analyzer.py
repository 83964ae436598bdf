"""From text to terms: words (splitting.py), lower case, accents folded, stop words left out, stems.

    simple              words
    english, german ... words, without the language's stop words, stemmed by Snowball
    whitespace          whatever white space separates
    ngram(2,3)          pieces of each word, of two and three characters here
    edge_ngram(2,15)    the beginnings of each word; a query's words are not cut up
    chinese             by jieba's dictionary where that is installed, as cjk otherwise; words of other
                        scripts as in english
    cjk                 pairs of neighboring ideographs; words of other scripts as in english

Accents are those over Latin letters. English is folded before stemming, so that résumés and resume
meet; other languages after it, because their stemmers read accents. Of a word longer than WORD_MAX
characters, the first count.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import Stemmer  # type: ignore[import-not-found]

from sqlvec.errors import InvalidParameterValue
from sqlvec.fulltext.config import stop_words
from sqlvec.index.bm25.splitting import (
    Beginnings,
    Chinese,
    Ngrams,
    Span,
    Splitter,
    Whitespace,
    Words,
    bigrams,
    dictionary_cut,
)

WORD_MAX = 255  # Lucene's StandardAnalyzer.DEFAULT_MAX_TOKEN_LENGTH
NGRAM_MAX = 32  # characters of a piece
_CACHE_MAX = 200_000
_ENGLISH = ("english", "porter", "chinese", "cjk")
_UNSTEMMED = ("simple", "whitespace", "ngram", "edge_ngram")
_NGRAMS = {"ngram": (2, 3), "edge_ngram": (2, 15)}
_CONFIG = re.compile(r"\s*(\w+)\s*(?:\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\))?\s*")
# Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
_ENGLISH_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with".split()
)
# Latin letters that Unicode does not decompose.
_UNDECOMPOSED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
)
_LATIN_ACCENTS = re.compile("([a-z])[\u0300-\u036f]+")


class Analyzer:
    """terms(text) is what an index of this config holds of the text, in order.

    query: the analyzer of what is asked of such an index. edition: the config, and whatever else its
    terms depend on: indexes of another edition do not fit."""

    def __init__(self, config: str) -> None:
        self.config = config
        self.edition = config
        kind, limits = _kind(config)
        language = "english" if kind in ("chinese", "cjk") else kind
        self._stem = None if kind in _UNSTEMMED else Stemmer.Stemmer(language, 0).stemWord
        self._stop_words = frozenset[str]()
        if kind in _ENGLISH:
            self._stop_words = _ENGLISH_STOP_WORDS
        elif kind not in _UNSTEMMED:
            self._stop_words = stop_words(language)
        self._folds_first = kind == "simple" or kind in _ENGLISH
        self._known: dict[str, str] = {}
        self.query = self
        splitter: Splitter = Words("'’" if self._folds_first else "")
        if kind == "whitespace":
            splitter = Whitespace()
        elif kind in _NGRAMS:
            splitter = Ngrams(*limits, kind == "edge_ngram", fold)
        elif kind in ("chinese", "cjk"):
            cut = dictionary_cut() if kind == "chinese" else None
            splitter = Chinese(bigrams, 1) if cut is None else Chinese(cut, 0)
            self.edition = "cjk" if cut is None else "chinese"
        if kind == "edge_ngram":
            self.query = Analyzer("ngram")
            self.query._read_by(Beginnings(limits[1], fold))
        self._read_by(splitter)

    def _read_by(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._split = splitter.words

    def terms(self, text: str) -> list[str]:
        """Stop words give no term."""
        return [term for term in self.tokens(text) if term]

    def tokens(self, text: str) -> list[str]:
        """The term of each word, "" for a stop word."""
        return [self.term(word) for word in self.words(text)]

    def words(self, text: str) -> list[str]:
        """The words of a text in lower case, as term() takes them."""
        return self._split(text.lower())

    def spans(self, text: str) -> list[Span]:
        """Where each term lies in the text; "" for a stop word."""
        return [Span(s.begin, s.end, self.term(s.word)) for s in self._splitter.spans(text)]

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


def configs() -> list[str]:
    """Every known config."""
    return [*_UNSTEMMED, "chinese", "cjk", *sorted(Stemmer.algorithms())]


@cache
def analyzer(config: str) -> Analyzer:
    """The analyzer of a config; 22023 with the list of known ones otherwise."""
    return Analyzer(config)


def _kind(config: str) -> tuple[str, tuple[int, int]]:
    """The config without its limits, and these."""
    found = _CONFIG.fullmatch(config)
    kind = found[1].lower() if found else config
    if found is None or kind not in configs() or (found[2] and kind not in _NGRAMS):
        raise InvalidParameterValue(
            f'text search configuration "{config}" does not exist',
            hint="Known configurations are: " + ", ".join(configs()) + ".",
        )
    if not found[2]:
        return kind, _NGRAMS.get(kind, (0, 0))
    low, high = int(found[2]), int(found[3])
    if not 1 <= low <= high <= NGRAM_MAX:
        raise InvalidParameterValue(
            f'limits of text search configuration "{config}" are out of bounds',
            detail=f"Pieces have between 1 and {NGRAM_MAX} characters.",
        )
    return kind, (low, high)
