"""From text to words, before they become terms (analyzer.py).

A word is a run of letters, digits, marks and underscores; a Chinese or Japanese ideograph and a
hiragana letter are words by themselves, as in Lucene's standard tokenizer. Apostrophes belong to
English words and separate those of other languages (l'eau).

Every splitter has two views of a text: words() of a text in lower case, and spans() of the text as it
is written, which say where each word lies.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

_IDEOGRAPHS = (
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3041, 0x309F),  # hiragana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0x20000, 0x3FFFF),  # CJK extensions B and on
)
_WORDS_END = 0x20000  # no other words above


class Span(NamedTuple):
    """Where a word lies in its text, and the word in lower case."""

    begin: int
    end: int
    word: str


class Splitter(Protocol):
    def words(self, text: str) -> list[str]:
        """The words of a text that is in lower case already."""

    def spans(self, text: str) -> Iterator[Span]:
        """The same words of a text as it is written."""


class Words:
    """Words of letters. apostrophe: the characters that belong to a word but do not begin it."""

    def __init__(self, apostrophe: str) -> None:
        self._apostrophe = apostrophe
        self._ascii = re.compile(
            "[a-z0-9_][a-z0-9_']*" if apostrophe else "[a-z0-9_]+"
        ).findall

    def words(self, text: str) -> list[str]:
        if text.isascii():
            return self._ascii(text)
        return _pattern(self._apostrophe).findall(composed(text))

    def spans(self, text: str) -> Iterator[Span]:
        for found in _pattern(self._apostrophe).finditer(text):
            yield Span(found.start(), found.end(), lowered(found.group()))


class Whitespace:
    """Whatever is not white space."""

    def words(self, text: str) -> list[str]:
        return composed(text).split()

    def spans(self, text: str) -> Iterator[Span]:
        for found in re.finditer(r"\S+", text):
            yield Span(found.start(), found.end(), lowered(found.group()))


class Ngrams:
    """The pieces of low to high characters of each word, of its beginning only with `edge`; a shorter
    word is a piece."""

    def __init__(self, low: int, high: int, edge: bool, fold: Callable[[str], str]) -> None:
        self._low, self._high, self._edge, self._fold = low, high, edge, fold
        self._split = Words("")

    def words(self, text: str) -> list[str]:
        return [piece for word in self._split.words(text) for _, piece in self._pieces(word)]

    def spans(self, text: str) -> Iterator[Span]:
        for begin, end, word in self._split.spans(text):
            for place, piece in self._pieces(word):
                if len(self._fold(word)) == end - begin:
                    yield Span(begin + place, begin + place + len(piece), piece)
                else:
                    yield Span(begin, end, piece)

    def _pieces(self, word: str) -> Iterator[tuple[int, str]]:
        word = self._fold(word)
        last = len(word) - self._low
        if last <= 0:
            yield 0, word
            return
        for place in range(1 if self._edge else last + 1):
            for size in range(self._low, min(self._high, len(word) - place) + 1):
                yield place, word[place : place + size]


class Beginnings:
    """Words cut where the longest piece of an edge n-gram ends: what is asked of such an index."""

    def __init__(self, high: int, fold: Callable[[str], str]) -> None:
        self._high, self._fold = high, fold
        self._split = Words("")

    def words(self, text: str) -> list[str]:
        return [self._fold(word)[: self._high] for word in self._split.words(text)]

    def spans(self, text: str) -> Iterator[Span]:
        for begin, end, word in self._split.spans(text):
            yield Span(begin, end, self._fold(word)[: self._high])


class Chinese:
    """Runs of ideographs cut by `cut`; other words as in English."""

    def __init__(self, cut: Callable[[str], list[str]], overlap: int) -> None:
        """overlap: how many characters two neighboring pieces of `cut` share."""
        self._cut, self._overlap = cut, overlap

    def words(self, text: str) -> list[str]:
        return [span.word for span in self.spans(composed(text))]

    def spans(self, text: str) -> Iterator[Span]:
        for found in _runs().finditer(text):
            begin, run = found.start(), found.group()
            if found.lastgroup != "ideographs":
                yield Span(begin, found.end(), lowered(run))
                continue
            pieces = self._cut(run)
            steps = [max(1, len(piece) - self._overlap) for piece in pieces]
            for place, piece in zip(accumulate([begin, *steps]), pieces, strict=False):
                yield Span(place, place + len(piece), piece)


def bigrams(run: str) -> list[str]:
    """A run's pairs of neighbors; a single character is itself."""
    return [run[i : i + 2] for i in range(max(1, len(run) - 1))]


@lru_cache(maxsize=1)
def dictionary_cut() -> Callable[[str], list[str]] | None:
    """jieba's, when it is installed."""
    try:
        import jieba
    except ImportError:
        return None
    jieba.setLogLevel("WARNING")
    cutter: Any = jieba.Tokenizer()
    cut: Callable[[str], list[str]] = cutter.lcut
    return cut


def lowered(text: str) -> str:
    return composed(text.lower())


def composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@cache
def _pattern(apostrophe: str) -> re.Pattern[str]:
    """The words of text that is not ASCII. Python's \\w lacks the marks that Indic vowels are written
    with."""
    letters = _letters()
    return re.compile(f"[{_ideographs()}]|[{letters}][{letters}{apostrophe}]*")


@cache
def _runs() -> re.Pattern[str]:
    letters = _letters()
    return re.compile(f"(?P<ideographs>[{_ideographs()}]+)|[{letters}][{letters}'’]*")


@cache
def _letters() -> str:
    return "".join(_class_range(low, high) for low, high in _word_ranges())


def _ideographs() -> str:
    return "".join(_class_range(low, high) for low, high in _IDEOGRAPHS)


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
