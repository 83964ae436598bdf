"""What a bm25 index of one shard is asked: the query of a match or score, and whose statistics count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Table
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.placement import key_shards, shard_index, table_shards
from sqlvec.exec.table_statistics import table_statistics
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.exec.prefilter import ShardRows
    from sqlvec.index.bm25 import Bm25Index
    from sqlvec.index.bm25.query import Match
    from sqlvec.index.bm25.statistics import Counted
    from sqlvec.storage.shard import Shard

Searched = bound.TextMatch | bound.TextScore
_EMPTY = "text-search query contains only stop words or doesn't contain lexemes, ignored"


def text_query(node: Searched, part: ShardRows, context: Context) -> tuple[Bm25Index, Match] | None:
    """The shard's index and the query in its terms; None without one of them."""
    from sqlvec.index.bm25.query import nothing
    from sqlvec.index.bm25.query_syntax import SYNTAXES

    index = part.shard.text_index(shard_index(node.index, part.shard, context).oid)
    value = constant(node.query, context)
    if index is None or value is None:
        return None
    named = index.fields > 1 or "key_field" in node.index.options
    names = _field_names(node, context) if named else ()
    builder = index.builder(node.fields, node.weights, names)
    if node.syntax in ("like", "like_row"):
        text = value if node.syntax == "like" else _row_text(node, value, part, context)
        query = index.like(builder, text, part.visible)
    else:
        query = SYNTAXES[node.syntax](builder, value)
    if query == nothing():
        _note_empty(context)
    return index, query


def _field_names(node: Searched, context: Context) -> tuple[str, ...]:
    table = context.catalog.table(node.index.table_oid)
    return tuple(table.column_by_attnum(a).name for a in node.index.fields(table))


def other_statistics(node: Searched, part: ShardRows, context: Context) -> Sequence[Counted]:
    """Those of the table's other shards: of a split table, or of all tenants for an index WITH (bm25_stats =
    'table')."""
    whole = node.index.options.get("bm25_stats", "").lower() == "table"
    table = context.catalog.table(node.index.table_oid)
    divided = table.shards > 1 or table.partitioning is not None or context.catalog.children(table.oid)
    if not whole and not divided:
        return ()
    index = part.shard.text_index(shard_index(node.index, part.shard, context).oid)
    if index is None:
        return ()
    counted = table_statistics(node.index, part.past, context)
    return (counted.beside(part.shard.shard_id, index.fields),)


def _row_text(node: Searched, key: Datum, part: ShardRows, context: Context) -> str:
    """The searched columns of the row with this primary key, as one text; of the session's tenant, where it
    has one, as that is a part of the key."""
    table = context.catalog.table(node.index.table_oid)
    for shard in _shards_of_key(table, key, context):
        values = [
            table.column_by_attnum(attnum).type.definition.parse(shard.tenant)
            if attnum == table.tenant_attnum
            else key
            for attnum in table.primary_key
        ]
        row_id = shard.find_key(table.primary_key, values, part.past or context.tx)
        if row_id is not None:
            row = np.array([row_id], np.int64)
            attnums = node.index.fields(table)
            searched = [attnums[field] for field in node.fields] or attnums
            texts = [shard.gather(attnum, row)[0] for attnum in searched]
            return "\n".join(text for text in texts if text)
    return ""


def _shards_of_key(table: Table, key: Datum, context: Context) -> Iterable[Shard]:
    """Those that may have it."""
    if table.shards > 1:
        return key_shards(table, table.primary_key, [[key] for _ in table.primary_key], context)
    tenant = str(context.settings.get("sqlvec.tenant") or "") if table.tenant_attnum else ""
    if not tenant:
        return table_shards(table, context)
    shard = context.store.shard(table.oid, tenant)
    return [] if shard is None else [shard]


def _note_empty(context: Context) -> None:
    """Once a statement, however many shards and places ask."""
    if not any(message == _EMPTY for _, _, message, _ in context.notices):
        context.notice(_EMPTY)
