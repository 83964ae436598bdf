"""ts_rank and ts_rank_cd: how well a document fits a query (tsrank.c).

ts_rank adds up how often and how near to each other the lexemes stand; ts_rank_cd looks for the shortest
stretches that satisfy the query ("Relevance Ranking for One to Three Term Queries", Clarke et al.).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlvec.errors import ArraySubscriptError, InvalidParameterValue, NullValueNotAllowed
from sqlvec.fulltext.match import NO, YES, Matched, evaluate
from sqlvec.types.lexemes import POSITION_MAX
from sqlvec.types.tsquery import AND, PHRASE, Operand, Operator, TsQuery
from sqlvec.types.tsvector import TsVector

WEIGHTS = (0.1, 0.2, 0.4, 1.0)  # D, C, B, A
_LOG_LENGTH, _LENGTH, _EXTENTS, _UNIQUE, _LOG_UNIQUE, _BELOW_ONE = (1 << bit for bit in range(6))
_ZETA = 1.64493406685
_FAR = 100  # lexemes farther from each other hardly belong together
_UNPLACED = (POSITION_MAX,)


def weights_of(given: Sequence[float | None]) -> tuple[float, ...]:
    """A negative weight is the default."""
    if any(isinstance(weight, list) for weight in given):
        raise ArraySubscriptError("array of weight must be one-dimensional")
    if len(given) < len(WEIGHTS):
        raise ArraySubscriptError("array of weight is too short")
    if None in given:
        raise NullValueNotAllowed("array of weight must not contain nulls")
    chosen = tuple(
        default if weight is None or weight < 0 else weight
        for weight, default in zip(given, WEIGHTS, strict=False)
    )
    if any(weight > 1.0 for weight in chosen):
        raise InvalidParameterValue("weight out of range")
    return chosen


def rank(
    vector: TsVector, query: TsQuery, normalization: int = 0, weights: Sequence[float] = WEIGHTS
) -> float:
    if not vector.entries or not query.items:
        return 0.0
    found = _found(vector, query)
    top = query.items[0]
    joins = isinstance(top, Operator) and top.kind in (AND, PHRASE)
    if joins and len(found) > 1:
        result = _rank_and(found, weights)
    else:
        result = _rank_or(found, weights)
    if result < 0:
        result = 1e-20
    if normalization & _LOG_LENGTH:
        result /= math.log(_length(vector) + 1) / math.log(2.0)
    return _normalized(result, vector, normalization)


def _normalized(result: float, vector: TsVector, normalization: int) -> float:
    if normalization & _LENGTH:
        result /= _length(vector)
    if normalization & _UNIQUE:
        result /= len(vector.entries)
    if normalization & _LOG_UNIQUE:
        result /= math.log(len(vector.entries) + 1) / math.log(2.0)
    if normalization & _BELOW_ONE:
        result /= result + 1
    return result


def _length(vector: TsVector) -> int:
    return sum(max(len(positions), 1) for _, positions in vector.entries)


def _found(vector: TsVector, query: TsQuery) -> list[list[tuple[int, ...]]]:
    """Of each distinct operand, in order, the positions of each lexeme that it finds."""
    operands = {operand.lexeme: operand for operand in reversed(query.operands)}
    return [
        [vector.entries[number][1] for number in _entries(vector, operands[lexeme])]
        for lexeme in sorted(operands)
    ]


def _entries(vector: TsVector, operand: Operand) -> list[int]:
    if operand.prefix:
        start = operand.lexeme
        return [i for i, lexeme in enumerate(vector.lexemes) if lexeme.startswith(start)]
    if operand.lexeme not in vector.positions:
        return []
    return [vector.lexemes.index(operand.lexeme)]


def _rank_or(found: list[list[tuple[int, ...]]], weights: Sequence[float]) -> float:
    """Of each lexeme its heaviest position whole, the others less the later they come."""
    total = 0.0
    for entries in found:
        for positions in entries:
            each = [weights[position >> 14] for position in positions] or [weights[0]]
            heaviest = max(each)
            place = each.index(heaviest) + 1
            series = sum(weight / (n * n) for n, weight in enumerate(each, 1))
            total += (heaviest + series - heaviest / (place * place)) / _ZETA
    return total / len(found)


def _rank_and(found: list[list[tuple[int, ...]]], weights: Sequence[float]) -> float:
    """Of each pair of positions of different operands, their weights and how near they are."""
    result = -1.0
    latest: list[tuple[int, ...] | None] = []
    for entries in found:
        mine: tuple[int, ...] | None = None
        for positions in entries:
            mine = positions or _UNPLACED
            for others in latest:
                if others is None:
                    continue
                for a in mine:
                    for b in others:
                        distance = abs((a & POSITION_MAX) - (b & POSITION_MAX))
                        if not distance:
                            if mine is not _UNPLACED and others is not _UNPLACED:
                                continue
                            distance = POSITION_MAX + 1
                        nearness = weights[a >> 14] * weights[b >> 14] * _nearness(distance)
                        one = math.sqrt(nearness)
                        result = one if result < 0 else 1.0 - (1.0 - result) * (1.0 - one)
        latest.append(mine)
    return result


def _nearness(distance: int) -> float:
    if distance > _FAR:
        return 1e-30
    return 1.0 / (1.005 + 0.05 * math.exp(distance / 1.5 - 2))


# ---------------------------------------------------------------- cover density


@dataclass(frozen=True, slots=True)
class _Occurrence:
    position: int
    weight: int
    operands: tuple[Operand, ...]


def rank_cd(
    vector: TsVector, query: TsQuery, normalization: int = 0, weights: Sequence[float] = WEIGHTS
) -> float:
    inverse = [1.0 / weight if weight else math.inf for weight in weights]
    document = _occurrences(vector, query)
    result = distances = before = 0.0
    extents = 0
    start = 0
    while (cover := _cover(document, query, start)) is not None:
        first, last = cover
        inside = document[first : last + 1]
        low, high = document[first].position, document[last].position
        noise = (high - low) - (last - first)
        if noise < 0:
            noise = (last - first) // 2
        share = len(inside) / sum(inverse[o.weight] for o in inside)
        result += share / (1 + noise)
        middle = (low + high) / 2.0
        if extents and middle > before:
            distances += 1.0 / (middle - before)
        before = middle
        extents += 1
        start = first + 1
    if not document:
        return 0.0
    if normalization & _LOG_LENGTH:
        result /= math.log(_length(vector) + 1)
    if normalization & _EXTENTS and extents and distances > 0:
        result /= extents / distances
    return _normalized(result, vector, normalization)


def _occurrences(vector: TsVector, query: TsQuery) -> list[_Occurrence]:
    """Every place of a lexeme that the query asks for, with the operands that ask for it."""
    asked: dict[int, list[Operand]] = {}
    for operand in dict.fromkeys(query.operands):
        for number in _entries(vector, operand):
            asked.setdefault(number, []).append(operand)
    places = [
        (position & POSITION_MAX, position >> 14, number)
        for number in asked
        for position in vector.entries[number][1]
    ]
    return [_Occurrence(p, weight, tuple(asked[number])) for p, weight, number in sorted(places)]


def _cover(document: list[_Occurrence], query: TsQuery, start: int) -> tuple[int, int] | None:
    """The first and last place of the shortest stretch from `start` on that satisfies the query."""
    while True:
        seen: dict[Operand, list[int]] = {}
        last = _reach(document, query, range(start, len(document)), seen)
        if last is None:
            return None
        first = _reach(document, query, range(last, start - 1, -1), {})
        if first is not None:
            return first, last
        start += 1


def _reach(
    document: list[_Occurrence], query: TsQuery, places: range, seen: dict[Operand, list[int]]
) -> int | None:
    """The place with which the query is satisfied."""

    def found(operand: Operand, placed: bool) -> Matched:
        positions = seen.get(operand)
        return Matched(NO) if positions is None else Matched(YES, sorted(positions))

    for place in places:
        occurrence = document[place]
        for operand in occurrence.operands:
            positions = seen.setdefault(operand, [])
            if occurrence.position not in positions[-1:]:
                positions.append(occurrence.position)
        if evaluate(query, found):
            return place
    return None
