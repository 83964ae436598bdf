"""Binding of BM25: `<@>` and `@@@`, and the functions of our own dialect over columns with a bm25 index.

    bm25(columns, query [, weights => '{2,1}'])   columns <@> query, with the weights of the columns
    score(match)                                  the score of a match such as body @@@ 'cat^2 dog'
    more_like_this(columns, text)                 a match: rows that have the telling terms of a text,
    more_like_this(columns, key => k)             or of the text of the row with this primary key
    highlight(column, query [, start_tag =>] [, end_tag =>])
    snippet(column, query [, start_tag =>] [, end_tag =>] [, max_num_chars =>])

columns: one, or several in parentheses. What is searched are fields of the index that has them all, and
of these the one with the fewest others.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlvec import types
from sqlvec.catalog.objects import Index
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    ObjectNotInState,
    SyntaxError,
    UndefinedFunction,
)
from sqlvec.fulltext.config import DEFAULT, config_names
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.type_rules import TEXTS, is_unknown

Bind = Callable[[Binder, Node, Scope], bound.Expression]
Columns = tuple[bound.ColumnRef, ...]
_OPTIONS = {
    "bm25": ("weights",), "score": (), "more_like_this": ("key",),
    "highlight": ("start_tag", "end_tag"), "snippet": ("start_tag", "end_tag", "max_num_chars"),
}  # fmt: skip
FUNCTIONS = frozenset(_OPTIONS)
SNIPPET_CHARS = 150


def search_operator(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """columns <@> query, columns @@@ query."""
    columns = _columns(left)
    if columns is None or not (is_unknown(right.type) or right.type.oid in TEXTS):
        return None
    if name == "<@>" and isinstance(right, bound.FunctionCall):
        from sqlvec.sql.bind_bm25query import bm25query_score

        if (found := bm25query_score(binder, columns, right, position)) is not None:
            return found
    query = binder.coerce(right, types.TEXT, position=position)
    index, fields = text_index(binder, columns, position)
    if name == "<@>":
        return bound.TextScore(types.FLOAT8, columns, query, index, fields)
    return bound.TextMatch(types.BOOL, columns, query, index, fields)


def text_index(
    binder: Binder, columns: Columns, position: int | None
) -> tuple[Index, tuple[int, ...]]:
    """The index that has the columns among its fields, and which of its fields they are, () for all in
    their order; 55000 without one."""
    origins = [binder.origin(column) for column in columns]
    stored = [origin for origin in origins if origin is not None]
    table = binder.tables.get(stored[0].relation_id) if stored else None
    alike = {c.relation_id for c in columns}, {c.relation_id for c in stored}
    if table is None or len(stored) < len(columns) or max(map(len, alike)) > 1:
        raise FeatureNotSupported("text search needs columns of one table", position=position)
    wanted = [c.ordinal + 1 for c in stored]
    found: list[tuple[int, Index, tuple[int, ...]]] = []
    for index in binder.catalog.indexes(table.oid):
        attnums = index.fields(table) if index.method == "bm25" else ()
        if attnums and set(wanted) <= set(attnums):
            fields = tuple(attnums.index(attnum) for attnum in wanted)
            whole = fields == tuple(range(len(attnums)))
            found.append((len(attnums), index, () if whole else fields))
    if found:
        _, index, fields = min(found, key=lambda one: one[0])
        return index, fields
    names = ", ".join(f'"{c.name}"' for c in columns)
    plural = "columns" if len(columns) > 1 else "column"
    raise ObjectNotInState(
        f'no bm25 index on {plural} {names} of relation "{table.name}"',
        position=position,
        hint=f"CREATE INDEX ON {table.name} USING bm25 ({', '.join(c.name for c in columns)});",
    )


def text_function(
    binder: Binder, name: str, body: Node, scope: Scope, bind: Bind
) -> bound.Expression | None:
    """A call of one of FUNCTIONS; None where its arguments are not of this dialect."""
    position = binder.position(body)
    args: list[bound.Expression] = []
    options: dict[str, bound.Expression] = {}
    for node in body.get("args", ()):
        if "NamedArgExpr" not in node:
            args.append(bind(binder, node, scope))
            continue
        option = node["NamedArgExpr"]
        if option["name"] not in _OPTIONS[name]:
            raise InvalidParameterValue(
                f'unrecognized option "{option["name"]}" of {name}', position=position
            )
        options[option["name"]] = bind(binder, option["arg"], scope)
    if name == "score":
        if len(args) != 1 or not isinstance(args[0], bound.TextMatch):
            return None
        return _positive(args[0])
    if not args or (columns := _columns(args[0])) is None:
        return None
    if name == "more_like_this":
        return _like(binder, columns, args[1:], options.get("key"), position)
    if len(args) != 2:
        return None
    query = binder.coerce(args[1], types.TEXT, position=position)
    index, fields = text_index(binder, columns, position)
    if name == "bm25":
        weights = _weights(binder, columns, options.get("weights"), position)
        return bound.TextScore(types.FLOAT8, columns, query, index, fields, "words", weights)
    if len(columns) > 1:
        raise SyntaxError(f"{name} takes one column", position=position)
    tags = [
        binder.coerce(
            options.get(tag, bound.Const(types.TEXT, mark)), types.TEXT, position=position
        )
        for tag, mark in (("start_tag", "<b>"), ("end_tag", "</b>"))
    ]
    config = bound.Const(types.TEXT, config_of(index, fields))
    call = (config, columns[0], query, *tags)
    if name == "highlight":
        return bound.FunctionCall(types.TEXT, "bm25_highlight", call)
    size = options.get("max_num_chars", bound.Const(types.INT4, SNIPPET_CHARS))
    chars = binder.coerce(size, types.INT4, level="assignment", position=position)
    return bound.FunctionCall(types.TEXT, "bm25_snippet", (*call, chars))


def config_of(index: Index, fields: tuple[int, ...]) -> str:
    """The text search configuration of an index's field; of the first without one."""
    names = config_names(index.options.get("text_config", DEFAULT))
    return names[fields[0]] if fields and len(names) > 1 else names[0]


def _columns(left: bound.Expression) -> Columns | None:
    columns = left.items if isinstance(left, bound.RowExpression) else (left,)
    plain = tuple(c.arg if isinstance(c, bound.Cast) else c for c in columns)
    found = tuple(c for c in plain if isinstance(c, bound.ColumnRef) and c.type.oid in TEXTS)
    return found if found and len(found) == len(plain) else None


def _positive(match: bound.TextMatch) -> bound.Expression:
    """The score of what matches: greater is better."""
    score = bound.TextScore(
        types.FLOAT8, match.columns, match.query, match.index, match.fields, match.syntax, match.weights
    )
    return bound.FunctionCall(types.FLOAT8, "-", (score,), operator=True)


def _like(
    binder: Binder,
    columns: Columns,
    args: list[bound.Expression],
    key: bound.Expression | None,
    position: int | None,
) -> bound.Expression:
    index, fields = text_index(binder, columns, position)
    if len(args) + (key is not None) != 1:
        raise UndefinedFunction(
            "more_like_this takes columns and a text, or columns and key => value", position=position
        )
    if key is None:
        query = binder.coerce(args[0], types.TEXT, position=position)
        return bound.TextMatch(types.BOOL, columns, query, index, fields, "like")
    origin = binder.origin(columns[0])
    assert origin is not None, columns
    table = binder.tables[origin.relation_id]
    own = [attnum for attnum in table.primary_key if attnum != table.tenant_attnum]
    if len(own) != 1:
        raise ObjectNotInState(
            f'relation "{table.name}" has no primary key of one column', position=position
        )
    query = binder.coerce(key, table.column_by_attnum(own[0]).type, position=position)
    return bound.TextMatch(types.BOOL, columns, query, index, fields, "like_row")


def _weights(
    binder: Binder, columns: Columns, given: bound.Expression | None, position: int | None
) -> tuple[float, ...]:
    if given is None:
        return ()
    array = binder.coerce(given, types.array_of(types.FLOAT8), level="explicit", position=position)
    items = array.items if isinstance(array, bound.ArrayExpression) else ()
    values = [item.value for item in items if isinstance(item, bound.Const)]
    if isinstance(array, bound.Const):
        values = list(array.value or ())
    if len(values) != len(columns):
        raise InvalidParameterValue(
            f"bm25 has {len(columns)} columns but {len(values)} constant weights", position=position
        )
    if not all(value is not None and 0 < float(value) < 1e6 for value in values):
        raise InvalidParameterValue("weights must be positive", position=position)
    return tuple(float(value) for value in values)
