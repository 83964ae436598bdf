"""Binding of pg_textsearch's queries: a text, and perhaps the index that it is for.

    to_bm25query('words' [, 'index'])    'index:words'::bm25query    column <@> either

The index has to be one over the column; without one it is found by the column, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.catalog.objects import Index
from sqlvec.errors import ObjectNotInState, UndefinedFunction, UndefinedTable, WrongObjectType
from sqlvec.sql import bound
from sqlvec.sql.bind_text import text_index
from sqlvec.sql.binder import Binder

_NAMED, _PLAIN = "to_bm25query", "bm25query"


def bm25query_function(
    binder: Binder, args: Sequence[bound.Expression], position: int | None
) -> bound.Expression:
    """A call of to_bm25query. The index may come first, as it did in early releases."""
    if not 1 <= len(args) <= 2:
        raise UndefinedFunction(
            "function to_bm25query takes a text and the name of an index", position=position
        )
    texts = [binder.coerce(arg, types.TEXT, position=position) for arg in args]
    if len(texts) == 1:
        return bound.FunctionCall(types.TEXT, _PLAIN, tuple(texts))
    names = [str(t.value) if isinstance(t, bound.Const) else "" for t in texts]
    if _index(binder, names[0]) is not None and _index(binder, names[1]) is None:
        texts.reverse()
        names.reverse()
    if not isinstance(texts[1], bound.Const) or _index(binder, names[1]) is None:
        raise UndefinedTable(f'index "{names[1]}" does not exist', position=position)
    return bound.FunctionCall(types.TEXT, _NAMED, tuple(texts))


def bm25query_cast(
    binder: Binder, arg: bound.Expression, position: int | None
) -> bound.Expression:
    """text::bm25query."""
    text = binder.coerce(arg, types.TEXT, position=position)
    if isinstance(text, bound.Const) and text.value is not None:
        name, colon, words = text.value.partition(":")
        if colon and _index(binder, name) is not None:
            return bound.FunctionCall(
                types.TEXT, _NAMED, (bound.Const(types.TEXT, words), bound.Const(types.TEXT, name))
            )
    return bound.FunctionCall(types.TEXT, _PLAIN, (text,))


def bm25query_score(
    binder: Binder, columns: tuple[bound.ColumnRef, ...], query: bound.Expression, position: int | None
) -> bound.TextScore | None:
    """columns <@> query, for what the two functions above made; None for anything else."""
    if not isinstance(query, bound.FunctionCall) or query.name not in (_NAMED, _PLAIN):
        return None
    index, fields = text_index(binder, columns, position)
    text = query.args[0]
    if query.name == _NAMED:
        name = query.args[1]
        assert isinstance(name, bound.Const)
        named = _index(binder, str(name.value))
        assert named is not None, name
        if named.oid != index.oid:
            index, fields = _of_named(binder, named, columns, position)
    elif not isinstance(text, bound.Const):
        # Only when run it is known whether the text names the index.
        text = bound.FunctionCall(types.TEXT, "bm25query_words", (text, bound.Const(types.TEXT, index.name)))
    return bound.TextScore(types.FLOAT8, columns, text, index, fields)


def _of_named(
    binder: Binder, index: Index, columns: tuple[bound.ColumnRef, ...], position: int | None
) -> tuple[Index, tuple[int, ...]]:
    if index.method != "bm25":
        raise WrongObjectType(f'index "{index.name}" is not a bm25 index', position=position)
    table = binder.catalog.table(index.table_oid)
    origins = [binder.origin(column) for column in columns]
    wanted = [origin.ordinal + 1 for origin in origins if origin is not None]
    attnums = index.fields(table)
    own = binder.tables.get(origins[0].relation_id) if origins[0] is not None else None
    if own is None or own.oid != table.oid or not set(wanted) <= set(attnums):
        raise ObjectNotInState(
            f'index "{index.name}" is not over column "{columns[0].name}"', position=position
        )
    numbers = tuple(attnums.index(attnum) for attnum in wanted)
    return index, () if numbers == tuple(range(len(attnums))) else numbers


def _index(binder: Binder, name: str) -> Index | None:
    schema, dot, last = name.rpartition(".")
    found = binder.context.find_relation(schema if dot else None, last)
    return found if isinstance(found, Index) else None
