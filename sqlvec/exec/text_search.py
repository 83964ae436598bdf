"""PostgreSQL's text search functions and operators over datums.

Each is given once, as evaluated row by row; the relational engine calls the same functions, with tsvector and
tsquery as the BLOB of their binary form (exec.relational_text_search). sql.text_search has their signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.errors import UndefinedObject
from sqlvec.fulltext import document, query
from sqlvec.fulltext.config import config, dictionary
from sqlvec.fulltext.headline import headline
from sqlvec.fulltext.match import matches
from sqlvec.fulltext.parser import tokens
from sqlvec.fulltext.rank import rank, rank_cd, weights_of
from sqlvec.fulltext.token_states import TOKEN_DESCRIPTIONS, TOKEN_NAMES
from sqlvec.types.tsquery import TsQuery
from sqlvec.types.tsvector import TsVector


def _rank(ranked: Callable[..., float]) -> Callable[..., float]:
    """With weights before and the normalization behind, or without."""

    def call(first: Any, *rest: Any) -> float:
        if isinstance(first, TsVector):
            return ranked(first, *rest)
        vector, wanted, *normalization = rest
        return ranked(vector, wanted, normalization[0] if normalization else 0, weights_of(first))

    return call


def _match(left: Any, right: Any) -> bool:
    return matches(right, left) if isinstance(left, TsQuery) else matches(left, right)


def _lexize(name: str, token: str) -> list[str]:
    lexeme = dictionary(name).lexeme(token)
    return [lexeme] if lexeme else []


def parsed(parser: str, text: str) -> list[tuple[int, str]]:
    """ts_parse: kinds and tokens."""
    _check_parser(parser)
    return list(tokens(text))


def token_names(parser: str, described: bool) -> list[str]:
    """ts_token_type: what the kinds are called, or what they are."""
    _check_parser(parser)
    return list((TOKEN_DESCRIPTIONS if described else TOKEN_NAMES)[1:])


def _check_parser(parser: str) -> None:
    """By name or oid."""
    if parser.removeprefix("pg_catalog.") not in ("default", "3722"):
        raise UndefinedObject(f'text search parser "{parser}" does not exist')


def debugged(name: str, text: str) -> list[dict[str, Any]]:
    """ts_debug: each token, and what reads it."""
    chosen = config(name)
    found = []
    for kind, token in tokens(text):
        reader = chosen.dictionary(kind)
        lexeme = None if reader is None else reader.lexeme(token)
        found.append(
            {
                "alias": TOKEN_NAMES[kind],
                "description": TOKEN_DESCRIPTIONS[kind],
                "token": token,
                "dictionaries": [] if reader is None else [reader.name],
                "dictionary": None if reader is None else reader.name,
                "lexemes": None if lexeme is None else [lexeme] if lexeme else [],
            }
        )
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ts_match": _match,
    "ts_match_vq": _match,
    "ts_match_qv": _match,
    "to_tsvector": lambda name, text: document.to_tsvector(config(name), text),
    "json_to_tsvector": lambda name, text: document.json_to_tsvector(config(name), text),
    "to_tsquery": lambda name, text: query.to_tsquery(config(name), text),
    "plainto_tsquery": lambda name, text: query.plainto_tsquery(config(name), text),
    "phraseto_tsquery": lambda name, text: query.phraseto_tsquery(config(name), text),
    "websearch_to_tsquery": lambda name, text: query.websearch_to_tsquery(config(name), text),
    "tsvector_concat": document.concatenated,
    "tsquery_and": query.both,
    "tsquery_or": query.either,
    "tsquery_not": query.negated,
    "tsquery_phrase": query.phrase,
    "tsq_mcontains": query.contains,
    "tsq_mcontained": lambda left, right: query.contains(right, left),
    "ts_rank": _rank(rank),
    "ts_rank_cd": _rank(rank_cd),
    "ts_headline": lambda name, text, wanted, options="": headline(
        config(name), text, wanted, options
    ),
    "setweight": document.set_weight,
    "strip": document.strip,
    "ts_delete": document.delete,
    "ts_filter": document.filtered,
    "tsvector_to_array": lambda vector: list(vector.lexemes),
    "array_to_tsvector": document.of_array,
    "numnode": lambda wanted: len(wanted.items),
    "querytree": query.querytree,
    "ts_lexize": _lexize,
    "tsvector_length": len,
}
