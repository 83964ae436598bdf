"""What the language has, for the system tables: asked of the tables and the binder that statements use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlvec import types
from sqlvec.catalog.objects import empty_catalog
from sqlvec.errors import DatabaseError
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.context import BindContext
from sqlvec.sql.functions import (
    AGGREGATE_FUNCTIONS,
    FUNCTIONS,
    ORDERED_SET_FUNCTIONS,
    TABLE_FUNCTIONS,
    WINDOW_FUNCTIONS,
    Signature,
    is_pseudo,
    type_of,
)
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import ParsedStatement
from sqlvec.sql.type_rules import TEXTS, casts_explicitly, casts_implicitly, casts_on_assignment
from sqlvec.types import ANYMULTIRANGE, ANYRANGE, SqlType

_TABLES = (
    FUNCTIONS, AGGREGATE_FUNCTIONS, ORDERED_SET_FUNCTIONS, WINDOW_FUNCTIONS, TABLE_FUNCTIONS,
)  # fmt: skip
_CASTS = {"i": casts_implicitly, "a": casts_on_assignment, "e": casts_explicitly}
_FIRST_PSEUDO, _OTHER_PSEUDO = 2_276, frozenset([2_277, 2_283, 2_776, 5_077, 5_078, 5_079])
_RANGES = {"anyrange": ANYRANGE.oid, "anymultirange": ANYMULTIRANGE.oid}


class SqlVocabulary:
    """The one implementation of catalog.system.environment.Vocabulary."""

    def has_function(self, name: str, arguments: Sequence[int]) -> bool:
        return any(
            _takes(signature, arguments) for table in _TABLES for signature in table.get(name, ())
        )

    def has_operator(self, name: str, left: int, right: int, result: int) -> bool:
        operands = [_operand(oid, place) for place, oid in enumerate((left, right)) if oid]
        first = operands[0] if left else None
        try:
            found = bind_operator(_binder(), name, first, operands[-1], None)
        except (DatabaseError, KeyError):
            return False
        return found.type.oid == result and _unconverted(found, operands)

    def has_cast(self, source: int, target: int, context: str) -> bool:
        return _CASTS[context](SqlType(source), SqlType(target))


def _takes(signature: Signature, arguments: Sequence[int]) -> bool:
    if signature.variadic and arguments and (word := signature.arguments[-1]) != "any":
        if types.array_of(type_of(word)).oid == arguments[-1]:
            arguments = [*arguments[:-1], type_of(word).oid]
    if not signature.accepts(len(arguments)):
        return False
    return all(_same(signature.argument(i), oid) for i, oid in enumerate(arguments))


def _same(word: str, oid: int) -> bool:
    if word in _RANGES or oid in _RANGES.values():
        return _RANGES.get(word) == oid
    if is_pseudo(word) or oid == _FIRST_PSEUDO or oid in _OTHER_PSEUDO:
        return is_pseudo(word)
    wanted = type_of(word).oid
    return wanted == oid or (wanted in TEXTS and oid in TEXTS)


def _operand(oid: int, place: int) -> bound.Expression:
    return bound.ColumnRef(SqlType(oid), 1, place, f"operand{place}")


def _unconverted(found: bound.Expression, operands: list[bound.Expression]) -> bool:
    """Whether the operator takes the operands themselves: a cast of one would be another operator's work."""
    if isinstance(found, bound.FunctionCall):
        return list(found.args) == operands
    return isinstance(found, bound.Distance)


@cache
def _binder() -> Binder:
    context = BindContext(empty_catalog(), ("public",), lambda name: "")
    return Binder(ParsedStatement("", {}, 0), context, ())


VOCABULARY = SqlVocabulary()
