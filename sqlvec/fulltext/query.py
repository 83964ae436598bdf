"""From a text to a tsquery under a configuration, and what can be done with tsqueries (to_tsany.c, tsquery_op.c)."""

from __future__ import annotations

from sqlvec.fulltext.config import Config
from sqlvec.fulltext.document import words
from sqlvec.types.tsquery import AND, NOT, OR, PHRASE, Item, Operand, Operator, TsQuery, render
from sqlvec.types.tsquery_input import (
    STOP,
    Push,
    Written,
    check_distance,
    finished,
    parse_tsquery,
)


def to_tsquery(config: Config, text: str) -> TsQuery:
    """Operators as tsquery has them; a word that gives several lexemes is a phrase."""
    return parse_tsquery(text, _pusher(config, PHRASE))


def plainto_tsquery(config: Config, text: str) -> TsQuery:
    """All of the words."""
    return _whole(config, text, AND)


def phraseto_tsquery(config: Config, text: str) -> TsQuery:
    return _whole(config, text, PHRASE)


def websearch_to_tsquery(config: Config, text: str) -> TsQuery:
    """Words, "phrases", or, -not; never an error."""
    return parse_tsquery(text, _pusher(config, PHRASE), web=True)


def _whole(config: Config, text: str, kind: int) -> TsQuery:
    output: Written = []
    _pusher(config, kind)(output, text, 0, False)
    return finished(output)


def _pusher(config: Config, kind: int) -> Push:
    """Writes an operand as the lexemes of its words, joined by the operator."""
    operator = Operator(kind, 1 if kind == PHRASE else 0)

    def push(output: Written, text: str, weights: int, prefix: bool) -> None:
        count = last = 0
        for lexeme, position in words(config, text):
            while 0 < last and last + 1 < position:
                output.append(STOP)
                if count:
                    output.append(operator)
                count += 1
                last += 1
            last = position
            output.append(Operand(lexeme, weights, prefix))
            if count:
                output.append(operator)
            count += 1
        if not count:
            output.append(STOP)

    return push


# ---------------------------------------------------------------- operations


def both(left: TsQuery, right: TsQuery) -> TsQuery:
    return _joined(Operator(AND), left, right)


def either(left: TsQuery, right: TsQuery) -> TsQuery:
    return _joined(Operator(OR), left, right)


def phrase(left: TsQuery, right: TsQuery, distance: int = 1) -> TsQuery:
    check_distance(distance)
    return _joined(Operator(PHRASE, distance), left, right)


def _joined(operator: Operator, left: TsQuery, right: TsQuery) -> TsQuery:
    if not left.items or not right.items:
        return left if left.items else right
    return TsQuery((operator, *right.items, *left.items))


def negated(query: TsQuery) -> TsQuery:
    return TsQuery((Operator(NOT), *query.items)) if query.items else query


def contains(query: TsQuery, other: TsQuery) -> bool:
    """Whether it has every lexeme of the other."""
    mine = {operand.lexeme for operand in query.operands}
    return all(operand.lexeme in mine for operand in other.operands)


def querytree(query: TsQuery) -> str:
    """What an index can search for: without negations; T when nothing is left."""
    if not query.items:
        return ""

    def joined(
        operator: Operator, left: tuple[Item, ...] | None, right: tuple[Item, ...] | None
    ) -> tuple[Item, ...] | None:
        if left is None or right is None:
            return None if operator.kind == OR else left or right
        return (operator, *right, *left)

    kept = query.fold(lambda operand: (operand,), lambda side: None, joined)
    return "T" if kept is None else render(TsQuery(kept))
