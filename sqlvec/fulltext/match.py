"""Whether a document satisfies a query, with three truth values where positions are not known (tsvector_op.c).

Below a phrase operator a side is known by where it matches: the positions of its last word, the width before
them, and whether it is meant negatively (everywhere but there).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlvec.types.lexemes import POSITION_MAX
from sqlvec.types.tsquery import NOT, OR, PHRASE, Operand, Operator, TsQuery
from sqlvec.types.tsvector import TsVector

NO, MAYBE, YES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Matched:
    """truth; and below a phrase the positions, ascending."""

    truth: int
    positions: Sequence[int] = ()
    negated: bool = False
    width: int = 0


_NOWHERE, _UNKNOWN = Matched(NO), Matched(MAYBE)
Find = Callable[[Operand, bool], Matched]  # the operand, whether positions are wanted


def matches(vector: TsVector, query: TsQuery) -> bool:
    return evaluate(query, lambda operand, placed: find(vector, operand, placed))


def evaluate(query: TsQuery, found: Find) -> bool:
    """The truth of the query, with what `found` tells of its operands."""
    if not query.items:
        return False
    stack: list[Matched] = []
    for item, below in zip(reversed(query.items), reversed(query.below_phrase), strict=True):
        if isinstance(item, Operand):
            stack.append(found(item, below))
        elif item.kind == NOT:
            stack.append(_negated(stack.pop(), below))
        else:
            right, left = stack.pop(), stack.pop()
            if not below and item.kind != PHRASE:
                truths = (left.truth, right.truth)
                stack.append(Matched(max(truths) if item.kind == OR else min(truths)))
                continue
            result = place(item, left, right)
            if not below:  # the top of a phrase: what is not known does not match
                result = Matched(YES if result.truth == YES else NO)
            stack.append(result)
    return stack[0].truth != NO


def find(vector: TsVector, operand: Operand, placed: bool) -> Matched:
    """Of a lexeme of the vector, or of all that begin so."""
    if not operand.prefix:
        positions = vector.positions.get(operand.lexeme)
        return _NOWHERE if positions is None else _of_positions(positions, operand.weights, placed)
    lexemes = vector.lexemes
    together: set[int] = set()
    truth = NO
    for number in range(bisect_left(lexemes, operand.lexeme), len(lexemes)):
        if not lexemes[number].startswith(operand.lexeme):
            break
        one = _of_positions(vector.entries[number][1], operand.weights, placed)
        if one.truth == MAYBE or (one.truth == YES and not placed):
            return one
        truth = max(truth, one.truth)
        together.update(one.positions)
    return Matched(truth, sorted(together)) if truth else _NOWHERE


def _of_positions(positions: Sequence[int], weights: int, placed: bool) -> Matched:
    """Without positions, weights are not asked for."""
    if not positions:
        return _UNKNOWN if placed else Matched(YES)
    if weights:
        positions = [p for p in positions if weights >> (p >> 14) & 1]
        if not positions:
            return _NOWHERE
    return Matched(YES, [p & POSITION_MAX for p in positions]) if placed else Matched(YES)


def _negated(side: Matched, below: bool) -> Matched:
    if side.truth == MAYBE:
        return _UNKNOWN
    if not below:
        return Matched(NO if side.truth == YES else YES)
    if side.truth == NO:
        return Matched(YES, negated=True)
    if side.positions:
        return Matched(YES, side.positions, not side.negated, side.width)
    return _NOWHERE


def place(operator: Operator, left: Matched, right: Matched | None) -> Matched:
    """An operator below a phrase, or a phrase; NOT has one side."""
    if right is None:
        return _negated(left, below=True)
    either = operator.kind == OR
    if either and left.truth == right.truth == NO:
        return _NOWHERE
    if not either and NO in (left.truth, right.truth):
        return _NOWHERE
    if MAYBE in (left.truth, right.truth):
        return _UNKNOWN
    if operator.kind == PHRASE:
        width = operator.distance + left.width + right.width
        left_shift, right_shift = operator.distance + right.width, 0
    else:
        width = max(left.width, right.width)
        left_shift, right_shift = width - left.width, width - right.width
    a = {position + left_shift for position in left.positions}
    b = {position + right_shift for position in right.positions}
    negated = False
    if either:
        if left.negated or right.negated:
            negated = True
            if left.negated and right.negated:
                kept = a & b
            else:
                kept = a - b if left.negated else b - a
        else:
            kept = a | b
    elif left.negated and right.negated:
        kept, negated = a | b, True
    elif left.negated or right.negated:
        kept = b - a if left.negated else a - b
    else:
        kept = a & b
    places = sorted(position for position in kept if position > 0)
    return Matched(YES, places, True, width) if negated else (
        Matched(YES, places, False, width) if places else _NOWHERE
    )
