"""Text search configurations: which dictionary reads which kind of token, and what it makes of it.

Every configuration of PostgreSQL: simple puts words in lower case; a language stems its words and leaves out
its stop words, those in stop_words/ as PostgreSQL ships them. Hindi and Russian read ASCII words as English.
Numbers, addresses and paths are kept in lower case; blanks, tags, entities and protocols are not indexed.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import Stemmer  # type: ignore[import-not-found]

from sqlvec.errors import UndefinedObject
from sqlvec.fulltext.token_states import TOKEN_NAMES
from sqlvec.types.regconfig import CONFIGS, DICTIONARIES, ENGLISH_FOR_ASCII, WITH_STOP_WORDS

DEFAULT = "english"
_COMMA = re.compile(r",(?![^(]*\))")  # but within parentheses
_UNINDEXED = frozenset(TOKEN_NAMES.index(n) for n in ("blank", "tag", "protocol", "entity"))
_ASCII = frozenset(
    TOKEN_NAMES.index(name) for name in ("asciiword", "hword_asciipart", "asciihword")
)
_WORDS = frozenset(TOKEN_NAMES.index(name) for name in ("word", "hword_part", "hword"))
_STEMMED_BYTES_MAX = 1000
_CACHE_MAX = 200_000
# Snowball renamed the algorithm that PostgreSQL 15 calls so.
_ALGORITHMS = {"dutch": "dutch_porter"}


class Dictionary:
    """language: empty for simple."""

    def __init__(self, language: str) -> None:
        self.name = f"{language}_stem" if language else "simple"
        self.stop_words = stop_words(language)
        self._stem = None
        if language:
            known = Stemmer.algorithms()
            algorithm = _ALGORITHMS.get(language, language)
            self._stem = Stemmer.Stemmer(algorithm if algorithm in known else language, 0).stemWord
        self._known: dict[str, str] = {}

    def lexeme(self, token: str) -> str:
        """Empty for a stop word."""
        found = self._known.get(token)
        if found is None:
            found = self._lexeme(token)
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            self._known[token] = found
        return found

    def _lexeme(self, token: str) -> str:
        word = lower(token)
        if word in self.stop_words:
            return ""
        if self._stem is None or len(word.encode()) > _STEMMED_BYTES_MAX:
            return word
        stem: str = self._stem(word)
        return stem


class Config:
    """lexeme() is what an index has of a token."""

    def __init__(self, name: str) -> None:
        self.name = name
        language = "" if name == "simple" else name
        words = dictionary(f"{language}_stem" if language else "simple")
        ascii_words = dictionary("english_stem") if name in ENGLISH_FOR_ASCII else words
        self._dictionaries = dict.fromkeys(_WORDS, words) | dict.fromkeys(_ASCII, ascii_words)

    def dictionary(self, kind: int) -> Dictionary | None:
        """None for tokens that are not indexed."""
        if kind in _UNINDEXED:
            return None
        return self._dictionaries.get(kind, dictionary("simple"))

    def lexeme(self, kind: int, token: str) -> str | None:
        """Empty for a stop word, None for what is not indexed."""
        reader = self.dictionary(kind)
        return None if reader is None else reader.lexeme(token)


def lower(text: str) -> str:
    """Character by character, as the C library does it."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def config_names(configs: str) -> list[str]:
    """The names in the text_config of a bm25 index, by comma: one, or one a column."""
    return [name.strip() for name in _COMMA.split(configs)]


@cache
def config(name: str) -> Config:
    if name not in CONFIGS:
        raise UndefinedObject(f'text search configuration "{name}" does not exist')
    return Config(name)


@cache
def dictionary(name: str) -> Dictionary:
    if name not in DICTIONARIES:
        raise UndefinedObject(f'text search dictionary "{name}" does not exist')
    return Dictionary("" if name == "simple" else name.removesuffix("_stem"))


def stop_words(language: str) -> frozenset[str]:
    if language not in WITH_STOP_WORDS:
        return frozenset()
    file = resources.files("sqlvec.fulltext").joinpath("stop_words", f"{language}.stop")
    return frozenset(lower(line.strip()) for line in file.read_text("utf-8").splitlines())
