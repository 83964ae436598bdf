"""ParadeDB's queries as JSON documents, read into the form that every dialect is translated to.

    {"any": text} {"all": text}      some or all of a text's words; with "edits" and "prefix", words that are nearly so
    {"term": text} {"terms": [...]}  terms of the index, which are not analyzed; {"every_term": [...]}: all of them
    {"phrase": text or [...]}        words one after the other; with "slop"
    {"near": text}                   one word, with "edits" and "prefix"
    {"parse": text}                  the syntax of @@@; "lenient": never an error; "every": all of the words
    {"must": [...], "should": [...], "must_not": [...]}
    {"best": [...]}                  any of the queries
    {"boost": factor, "of": query} {"const": score, "of": query} {"field": name, "of": query}
    {"everything": true} {"nothing": true}

Made by exec.scalar_functions' paradedb_query from what the binder saw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sqlvec.errors import InvalidParameterValue, SyntaxError
from sqlvec.index.bm25.query import (
    EDITS_MAX,
    SLOP_MAX,
    Boost,
    Constant,
    Match,
    Not,
    QueryBuilder,
    all_of,
    any_of,
    nothing,
)

Document = dict[str, Any]
BOOST_MAX = 2048


def read_query(builder: QueryBuilder, text: str) -> Match:
    """The query of a document; 22023 for numbers out of bounds."""
    return _read(builder, orjson.loads(text))


def query_document(template: str, *values: Any) -> str:
    """The document with values in the place of {"$": n}."""
    if not values:
        return template

    def filled(node: Any) -> Any:
        if isinstance(node, list):
            return [filled(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$" in node:
            return values[node["$"]]
        return {key: filled(value) for key, value in node.items()}

    return orjson.dumps(filled(orjson.loads(template))).decode()


def query_words(text: str, index_name: str) -> str:
    """The words of pg_textsearch's bm25query, which may begin with the index's name."""
    return text.removeprefix(f"{index_name}:")


def everything() -> Match:
    """Every row with a text."""
    return Not(nothing())


def _read(builder: QueryBuilder, document: Document) -> Match:
    for name, reader in _READERS.items():
        if name in document:
            return reader(builder, document)
    raise AssertionError(document)


def _any(builder: QueryBuilder, document: Document) -> Match:
    edits, prefix = _edits(document), bool(document.get("prefix"))
    if not prefix:
        return builder.any_word(document["any"], 1, edits) or nothing()
    return any_of(_each_near(builder, document["any"], edits)) or nothing()


def _all(builder: QueryBuilder, document: Document) -> Match:
    edits, prefix = _edits(document), bool(document.get("prefix"))
    if not prefix:
        return builder.all_words(document["all"], edits) or nothing()
    return all_of(_each_near(builder, document["all"], edits)) or nothing()


def _each_near(builder: QueryBuilder, text: str, edits: int) -> list[Match]:
    found = [builder.fuzzy(word, edits, True) for word in text.split()]
    return [part for part in found if part is not None]


def _terms(builder: QueryBuilder, document: Document) -> Match:
    terms = document.get("terms", [document.get("term")])
    return any_of([builder.term(term) for term in terms]) or nothing()


def _phrase(builder: QueryBuilder, document: Document) -> Match:
    text, slop = document["phrase"], int(document.get("slop", 0))
    if not 0 <= slop <= SLOP_MAX:
        raise InvalidParameterValue(f"slop must be between 0 and {SLOP_MAX}, not {slop}")
    words = text if isinstance(text, str) else " ".join(text)
    return builder.phrase(words, slop) or nothing()


def _near(builder: QueryBuilder, document: Document) -> Match:
    edits, prefix = _edits(document), bool(document.get("prefix"))
    return builder.fuzzy(document["near"], edits, prefix) or nothing()


def _edits(document: Document) -> int:
    edits = int(document.get("edits", 0))
    if not 0 <= edits <= EDITS_MAX:
        raise InvalidParameterValue(f"distance must be between 0 and {EDITS_MAX}, not {edits}")
    return edits


def _parse(builder: QueryBuilder, document: Document) -> Match:
    from sqlvec.index.bm25.query_syntax import parse_match

    text = document["parse"]
    if document.get("every") and not any(mark in text for mark in ' "()-:^~*'.strip()):
        return builder.all_words(text) or nothing()
    try:
        return parse_match(text, builder)
    except SyntaxError:
        if not document.get("lenient"):
            raise
        return builder.words(text)


def _boolean(builder: QueryBuilder, document: Document) -> Match:
    must = [_read(builder, part) for part in document["must"]]
    should = [_read(builder, part) for part in document["should"]]
    excluded: list[Match] = [Not(_read(builder, part)) for part in document["must_not"]]
    wanted, either = all_of(must), any_of(should)
    if wanted is not None and either is not None:
        wanted = _optional(wanted, either)
    elif wanted is None:
        wanted = either
    if wanted is None:
        return all_of(excluded) or nothing()
    return all_of([wanted, *excluded]) or nothing()


def _optional(must: Match, should: Match) -> Match:
    """The rows of must; those of should score more."""
    both = all_of([must, should])
    alone = all_of([must, Not(should)])
    assert both is not None and alone is not None
    return any_of([both, alone]) or nothing()


def _best(builder: QueryBuilder, document: Document) -> Match:
    return any_of([_read(builder, part) for part in document["best"]]) or nothing()


def _boost(builder: QueryBuilder, document: Document) -> Match:
    factor = float(document["boost"])
    if not -BOOST_MAX <= factor <= BOOST_MAX:
        raise InvalidParameterValue(
            f"boost must be between {-BOOST_MAX} and {BOOST_MAX}, not {factor:g}"
        )
    return Boost(_read(builder, document["of"]), factor)


def _constant(builder: QueryBuilder, document: Document) -> Match:
    return Constant(_read(builder, document["of"]), float(document["const"]))


def _field(builder: QueryBuilder, document: Document) -> Match:
    """Of a field; the binder has seen that the index has it."""
    inner = builder.within(document["field"]) if builder.names else builder
    return nothing() if inner is None else _read(inner, document["of"])


_READERS: dict[str, Callable[[QueryBuilder, Document], Match]] = {
    "boost": _boost,
    "const": _constant,
    "field": _field,
    "any": _any,
    "all": _all,
    "term": _terms,
    "terms": _terms,
    "every_term": lambda builder, document: (
        all_of([builder.term(term) for term in document["every_term"]]) or nothing()
    ),
    "phrase": _phrase,
    "near": _near,
    "parse": _parse,
    "must": _boolean,
    "best": _best,
    "everything": lambda builder, document: everything(),
    "nothing": lambda builder, document: nothing(),
}
