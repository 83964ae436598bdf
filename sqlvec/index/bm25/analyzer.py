"""From text to terms: words by Unicode, lower case, accents folded, stop words left out, stems by Snowball."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import Stemmer

from sqlvec.errors import InvalidParameterValue

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_CACHE_MAX = 200_000
# Lucene's default stop words for English.
_ENGLISH_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there "
    "these they this to was will with".split()
)


class Analyzer:
    """terms(text) is what an index of this config holds of the text, in order."""

    def __init__(self, config: str) -> None:
        self.config = config
        self._stem = None if config == "simple" else Stemmer.Stemmer(config).stemWord
        self._stop_words = _ENGLISH_STOP_WORDS if config == "english" else frozenset()
        self._known: dict[str, str] = {}

    def terms(self, text: str) -> list[str]:
        """Stop words give no term."""
        known, found = self._known, []
        for word in _WORD.findall(text.lower()):
            term = known.get(word)
            if term is None:
                term = self._term(word)
            if term:
                found.append(term)
        return found

    def _term(self, word: str) -> str:
        folded = word if word.isascii() else fold(word)
        term = folded.replace("’", "'")
        if term.endswith("'s"):
            term = term[:-2]
        if term in self._stop_words:
            term = ""
        elif self._stem is not None:
            term = self._stem(term)
        if len(self._known) >= _CACHE_MAX:
            self._known.clear()
        self._known[word] = term
        return term


def fold(word: str) -> str:
    """Without accents, compatibility forms made plain."""
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


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
