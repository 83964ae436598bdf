"""PostgreSQL's default parser: from a text to tokens, by the automaton of token_states.

A token that turns out to be something else is read again from where it was pushed, so a hyphenated word is
found whole and then in parts, a URL whole, then its host and its path.
Words of ASCII letters with a blank behind them, most of most texts, are found without the automaton.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlvec.fulltext.token_states import RULES, TOKEN_NAMES, Rule

HOST, URL_PATH, FILE = (TOKEN_NAMES.index(name) for name in ("host", "url_path", "file"))
ASCII_WORD, BLANK = TOKEN_NAMES.index("asciiword"), TOKEN_NAMES.index("blank")
# A character behind which the automaton ends the word, or the gap between words, as well.
_PLAIN = re.compile(r"(?:([A-Za-z]+)([ \n\t,;!?()]+|\.[ \n](?=[A-Za-z])))(?=[A-Za-z])")
_NOT_IN_URL = frozenset('"<>\\^`{|}')
_LETTERS = frozenset(string.ascii_letters)
_DIGITS = frozenset(string.digits)
_HEX = frozenset(string.hexdigits)
_MARKS = frozenset(["Mn", "Me", "Cf", "Mc"])
_LOOKING = frozenset(["ignoring", "stop-host", "host", "path"])


def _is_alpha(char: str) -> bool:
    return char.isalpha() or (char > "\x7f" and char.isdecimal())


_TESTS: dict[str, Callable[[str], bool]] = {
    "letter": lambda c: c in _LETTERS,
    "digit": lambda c: c in _DIGITS,
    "alpha": lambda c: c != "" and _is_alpha(c),
    "alnum": lambda c: c != "" and (_is_alpha(c) or c in _DIGITS),
    "other": lambda c: c != "" and not (_is_alpha(c) or c in _DIGITS),
    "space": lambda c: c != "" and c.isspace(),
    "url": lambda c: " " < c < "\x7f" and c not in _NOT_IN_URL,
    "hex": lambda c: c in _HEX,
    "mark": lambda c: c != "" and unicodedata.category(c) in _MARKS,
    "end": lambda c: c == "",
    "any": lambda c: True,
}


@dataclass(slots=True)
class _Place:
    """Where the automaton is: pushed is the number of the rule that pushed another place upon this."""

    position: int
    length: int
    state: str
    pushed: int = -1


@lru_cache(maxsize=100_000)
def _rule(state: str, first: int, char: str) -> int:
    """The number of the first rule, from `first` on, that holds or that looks further."""
    rules = RULES[state]
    for number in range(first, len(rules)):
        test = rules[number].test
        if test in _LOOKING or (char == test[1:-1] if test[0] == "'" else _TESTS[test](char)):
            return number
    raise AssertionError((state, first, char))


class Parser:
    """Tokens from `start` on; a host is wanted where an address or a URL is looked into."""

    def __init__(self, text: str, start: int = 0, state: str = "base") -> None:
        self.text = text
        self.places = [_Place(start, 0, state)]
        self.ignoring = False
        self.wants_host = False
        self.begin = start

    def tokens(self) -> Iterator[tuple[int, str]]:
        """The kind of each token, and its text; together they may repeat parts of the text."""
        text = self.text
        while True:
            place = self.places[-1]
            if place.state == "base" and not self.ignoring:
                match = _PLAIN.match(text, place.position)
                while match is not None:
                    yield ASCII_WORD, match[1]
                    yield BLANK, match[2]
                    place.position = match.end()
                    match = _PLAIN.match(text, place.position)
            found = self.next()
            if found is None:
                return
            kind, length = found
            yield kind, text[self.begin : self.begin + length]

    def next(self) -> tuple[int, int] | None:
        """(kind, length) of the next token, which begins at self.begin."""
        text, size = self.text, len(self.text)
        if self.places[-1].position >= size:
            return None
        self.begin = self.places[-1].position
        self.places[-1].pushed = -1
        while True:
            place = self.places[-1]
            if place.position > size:
                return None
            char = text[place.position] if place.position < size else ""
            number, rule = self._decide(place, char)
            if rule.effect:
                self._effect(rule.effect, place)
            found = (rule.token, place.length) if "found" in rule.actions else None
            if found is not None:
                place.length = 0
            moves = self._stack(rule, number)
            place = self.places[-1]
            if rule.target:
                place.state = rule.target
            if found is not None:
                return found
            if place.position >= size and "rerun" not in rule.actions:
                return None
            if moves and char:
                place.position += 1
                place.length += 1

    def _decide(self, place: _Place, char: str) -> tuple[int, Rule]:
        first, place.pushed = place.pushed + 1, -1
        rules = RULES[place.state]
        while True:
            number = _rule(place.state, first, char)
            rule = rules[number]
            if rule.test not in _LOOKING or self._looks(rule.test, place):
                return number, rule
            first = number + 1

    def _stack(self, rule: Rule, number: int) -> bool:
        """Pushes, pops and forgets places; whether the character is then taken."""
        places, actions = self.places, rule.actions
        if "pop" in actions:
            places.pop()
            return False
        if "push" in actions:
            places[-1].pushed = number
            places.append(replace(places[-1], pushed=-1))
        elif "clear" in actions:
            del places[-2]
        elif "clear-all" in actions:
            del places[:-1]
        elif "merge" in actions:
            top = places.pop()
            places[-1].position, places[-1].length, places[-1].pushed = top.position, top.length, -1
        return "rerun" not in actions

    # ---------------------------------------------------------------- looking further

    def _looks(self, test: str, place: _Place) -> bool:
        if test == "ignoring":
            return self.ignoring and place.position < len(self.text)
        if test == "stop-host":
            wanted, self.wants_host = self.wants_host, False
            return wanted
        inner = Parser(self.text, place.position)
        kinds: tuple[int, ...]
        if test == "host":
            inner.wants_host = True
            kinds = (HOST,)
        else:
            inner.places.append(_Place(place.position, 0, "url-path-first"))
            kinds = (URL_PATH, FILE)
        found = inner.next()
        if found is None or found[0] not in kinds:
            return False
        place.position += found[1]
        place.length += found[1]
        return True

    def _effect(self, effect: str, place: _Place) -> None:
        if effect == "tags":
            self._see_tag(self.text[self.begin : self.begin + place.length].lower())
            return
        place.position -= place.length
        if effect == "to-host":
            self.wants_host = True
        elif effect == "back-all":
            place.length = 0

    def _see_tag(self, tag: str) -> None:
        if tag in ("</script", "</style"):
            self.ignoring = False
        elif tag in ("<script", "<style"):
            self.ignoring = True


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """(kind, token) in order; kinds are places in token_states.TOKEN_NAMES."""
    return Parser(text).tokens()
