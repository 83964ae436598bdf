"""From a text to a tsvector, and what can be done with tsvectors (to_tsany.c, tsvector_op.c)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from sqlvec.errors import (
    InternalError,
    InvalidParameterValue,
    NullValueNotAllowed,
    ZeroLengthCharacterString,
)
from sqlvec.fulltext.config import Config
from sqlvec.fulltext.parser import tokens
from sqlvec.types.lexemes import BYTES_MAX, POSITION_MAX, POSITIONS_MAX, WEIGHTS
from sqlvec.types.tsvector import TsVector, check_lexeme, check_size

_DOCUMENT_POSITIONS_MAX = POSITIONS_MAX - 1


def words(config: Config, text: str, position: int = 0) -> Iterable[tuple[str, int]]:
    """(lexeme, position) of each word that is no stop word; stop words take a position."""
    for kind, token in tokens(text):
        if len(token) > BYTES_MAX // 4 and len(token.encode()) > BYTES_MAX:
            continue
        lexeme = config.lexeme(kind, token)
        if lexeme is None:
            continue
        position += 1
        if lexeme:
            yield lexeme, position


def to_tsvector(config: Config, text: str) -> TsVector:
    return _vector(words(config, text))


def _vector(found: Iterable[tuple[str, int]]) -> TsVector:
    positions: dict[str, list[int]] = {}
    for lexeme, position in found:
        places = positions.setdefault(lexeme, [])
        place = min(position, POSITION_MAX)
        if len(places) < _DOCUMENT_POSITIONS_MAX and (not places or places[-1] != place):
            places.append(place)
    check_size(positions)
    return TsVector(tuple((lexeme, tuple(positions[lexeme])) for lexeme in sorted(positions)))


def json_to_tsvector(config: Config, document: str) -> TsVector:
    """Of the strings of a document, one after the other; no phrase reaches from one into the next."""
    found: list[tuple[str, int]] = []
    position = 0
    for text in _strings(orjson.loads(document)):
        mine = list(words(config, text, position))
        if mine:
            position = mine[-1][1] + 1
        found += mine
    return _vector(found)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


# ---------------------------------------------------------------- operations


def concatenated(left: TsVector, right: TsVector) -> TsVector:
    """The positions of the right one move behind the last of the left one."""
    shift = max((p & POSITION_MAX for _, places in left.entries for p in places), default=0)
    merged = {lexeme: list(places) for lexeme, places in left.entries}
    for lexeme, places in right.entries:
        mine = merged.setdefault(lexeme, [])
        for position in places:
            if len(mine) >= POSITIONS_MAX or (mine and mine[-1] & POSITION_MAX == POSITION_MAX):
                break
            place = min((position & POSITION_MAX) + shift, POSITION_MAX)
            mine.append(place | (position >> 14 << 14))
    check_size(merged)
    return TsVector(tuple((lexeme, tuple(merged[lexeme])) for lexeme in sorted(merged)))


def weight_number(letter: str) -> int:
    if letter.upper() not in tuple(WEIGHTS):
        raise InternalError(f"unrecognized weight: {ord(letter[0]) if letter else 0}")
    return WEIGHTS.index(letter.upper())


def set_weight(vector: TsVector, letter: str, lexemes: Sequence[str | None] | None = None) -> TsVector:
    """Of every position, or of those of some lexemes."""
    weight = weight_number(letter) << 14
    chosen = None if lexemes is None else {lexeme for lexeme in lexemes if lexeme is not None}
    return TsVector(
        tuple(
            (lexeme, tuple(p & POSITION_MAX | weight for p in places))
            if chosen is None or lexeme in chosen
            else (lexeme, places)
            for lexeme, places in vector.entries
        )
    )


def strip(vector: TsVector) -> TsVector:
    return TsVector(tuple((lexeme, ()) for lexeme in vector.lexemes))


def delete(vector: TsVector, lexemes: str | Sequence[str | None]) -> TsVector:
    dropped = {lexemes} if isinstance(lexemes, str) else set(lexemes)
    return TsVector(tuple(entry for entry in vector.entries if entry[0] not in dropped))


def filtered(vector: TsVector, letters: Sequence[str | None]) -> TsVector:
    """The positions of some weights, and the lexemes that have one."""
    if None in letters:
        raise NullValueNotAllowed("weight array may not contain nulls")
    for letter in letters:
        if letter is not None and letter.upper() not in tuple(WEIGHTS):
            raise InvalidParameterValue(f'unrecognized weight: "{letter}"')
    wanted = {weight_number(letter) for letter in letters if letter is not None}
    kept = []
    for lexeme, places in vector.entries:
        mine = tuple(p for p in places if p >> 14 in wanted)
        if mine:
            kept.append((lexeme, mine))
    return TsVector(tuple(kept))


def of_array(lexemes: Sequence[str | None]) -> TsVector:
    for lexeme in lexemes:
        if lexeme is None:
            raise NullValueNotAllowed("lexeme array may not contain nulls")
        if not lexeme:
            raise ZeroLengthCharacterString("lexeme array may not contain empty strings")
        check_lexeme(lexeme)
    return TsVector.of((lexeme, ()) for lexeme in lexemes if lexeme is not None)


def unnested(vector: TsVector) -> list[tuple[str, list[int] | None, list[str] | None]]:
    """(lexeme, positions, weights), null without positions."""
    return [
        (lexeme, [p & POSITION_MAX for p in places], [WEIGHTS[p >> 14] for p in places])
        if places
        else (lexeme, None, None)
        for lexeme, places in vector.entries
    ]


