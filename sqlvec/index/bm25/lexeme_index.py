"""The gin index over a tsvector: the lexemes of each row, without weights and positions.

It answers with candidates: rows that a tsquery may match. What decides is the query itself, over these
rows. A negation is no help and asks for every row; a phrase asks for all of its words.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.analyzer import Analyzer
from sqlvec.index.bm25.posting_index import PostingIndex
from sqlvec.index.bm25.query import And, AnyTerm, Match, Or, Prefix, nothing
from sqlvec.index.row_set import RowSet
from sqlvec.types import tsquery
from sqlvec.types.tsquery import Operand, Operator, TsQuery


class _Lexemes(Analyzer):
    """Of a list of lexemes, these."""

    def __init__(self) -> None:
        super().__init__("simple")
        self.edition = "lexemes"

    def words(self, text: Sequence[str]) -> list[str]:  # type: ignore[override]
        return list(text)

    def term(self, word: str) -> str:
        return word


class LexemeIndex(PostingIndex):
    """Its texts are lists of lexemes, None for a null tsvector."""

    def __init__(self) -> None:
        super().__init__(Analysis.of([_Lexemes()], positions=False))

    def candidates(self, query: TsQuery, visible: RowSet) -> RowSet:
        """The visible rows that may match."""
        if not query.items:
            return RowSet.empty(visible.row_count)
        wanted = query.fold(_operand, lambda part: None, _joined)
        return visible if wanted is None else self.match(wanted, visible)


def _operand(operand: Operand) -> Match | None:
    """The empty lexeme is a prefix of all, and no row has it."""
    if operand.prefix:
        return Prefix((operand.lexeme,)) if operand.lexeme else None
    return AnyTerm((operand.lexeme,)) if operand.lexeme else nothing()


def _joined(operator: Operator, left: Match | None, right: Match | None) -> Match | None:
    """None: any row may match."""
    if operator.kind == tsquery.OR:
        return None if left is None or right is None else Or((left, right))
    if left is None or right is None:
        return right if left is None else left
    return And((left, right))
