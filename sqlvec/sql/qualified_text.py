"""Stored SQL for a search path that lacks a schema: names of relations, and of what the extension brought, with theirs.

pg_dump empties the search path, so that what it prints means the same wherever it is restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pgparse

from sqlvec.catalog.names import functions_by_name, quote_identifier, relation_name
from sqlvec.catalog.objects import PUBLIC_SCHEMA_OID, ViewRelation
from sqlvec.catalog.system.facts import facts, text
from sqlvec.catalog.viewpoint import Viewpoint

Edit = tuple[int, int, str]  # bytes from, bytes to, what takes their place
EXTENSION_SCHEMA = "public"
_IDENTIFIER = re.compile(rb'"(?:[^"]|"")+"|[^\W\d][\w$]*')
_TYPES = frozenset(["vector", "halfvec", "sparsevec"])
_OPERATORS = frozenset(["<->", "<#>", "<=>", "<+>", "<~>", "<%>"])


def qualified_expression(view: Viewpoint, source: str) -> str:
    """An expression's text."""
    if view.searches_public:
        return source
    return _edited(view, "SELECT ", source, ())


def qualified_query(view: Viewpoint, source: str, relations: Sequence[ViewRelation]) -> str:
    """A query's text, whose names of relations mean these."""
    return _edited(view, "", source, relations)


def _edited(view: Viewpoint, lead: str, source: str, relations: Sequence[ViewRelation]) -> str:
    key = ("qualified", lead, source, view.search_path, view.temporary_schema)
    known = view.catalog.memo.get(key)
    if known is None:
        raw = (lead + source).encode()
        try:
            tree = pgparse.parse(raw.decode())
        except pgparse.PGQueryError:  # our own extensions of the grammar
            return source
        for start, end, new in sorted(set(_edits(view, tree, raw, relations)), reverse=True):
            raw = raw[:start] + new.encode() + raw[end:]
        known = view.catalog.memo[key] = raw.decode()[len(lead) :]
    return known  # type: ignore[no-any-return]


def _edits(
    view: Viewpoint, tree: Any, raw: bytes, relations: Sequence[ViewRelation]
) -> Iterator[Edit]:
    by_name = {r.name: r for r in relations if not r.schema}
    hidden = not view.searches_public
    common = {body["ctename"] for kind, body in _nodes(tree) if kind == "CommonTableExpr"}
    for kind, body in _nodes(tree):
        place = body.get("location", 0) if isinstance(body, dict) else 0
        if kind == "RangeVar" and "schemaname" not in body and body["relname"] not in common:
            yield from _relation(view, body, raw, by_name)
        elif not hidden:
            continue
        elif kind == "typeName" and _word(body.get("names")) in _TYPES:
            yield place, place, f"{EXTENSION_SCHEMA}."
        elif kind == "FuncCall" and _is_of_public(view, _word(body["funcname"])):
            yield place, place, f"{EXTENSION_SCHEMA}."
        elif kind == "A_Expr" and _word(body["name"]) in _OPERATORS:
            symbol = _word(body["name"])
            yield place, place + len(symbol), f"OPERATOR({EXTENSION_SCHEMA}.{symbol})"


def _relation(
    view: Viewpoint, body: dict[str, Any], raw: bytes, by_name: dict[str, ViewRelation]
) -> Iterator[Edit]:
    """The relation by the name that it has now, under the one that it had then."""
    meant = by_name.get(body["relname"])
    if meant is None or meant.oid not in view.catalog.relations:
        return
    match = _IDENTIFIER.match(raw, body.get("location", 0))
    shown = relation_name(view, meant.oid)
    assert match is not None, (raw, body)
    if view.catalog.relations[meant.oid].name != meant.name and "alias" not in body:
        shown += f" AS {quote_identifier(meant.name)}"
    if shown.encode() != match.group():
        yield match.start(), match.end(), shown


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, dict):
                yield key, value
            yield from _nodes(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _nodes(item)


def _word(names: Any) -> str:
    """A name of one part; "" for what is qualified already."""
    if not isinstance(names, list) or len(names) != 1:
        return ""
    return str(names[0].get("String", {}).get("sval", ""))


def _is_of_public(view: Viewpoint, name: str) -> bool:
    """Whether it is a function that the extension brought, or one that users made in public."""
    if name in _functions():
        return True
    return bool(view.catalog.routines_named(PUBLIC_SCHEMA_OID, name)) and name not in functions_by_name()


@cache
def _functions() -> frozenset[str]:
    """Functions of the extension whose names PostgreSQL does not have."""
    own = {text(fact, "name") for fact in facts("extension_functions")}
    return frozenset(own - {text(fact, "name") for fact in facts("functions")})
