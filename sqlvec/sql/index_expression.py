"""What an index holds and for which rows, as bound expressions, so that a query can be found to ask for just
that."""

from __future__ import annotations

from functools import lru_cache

from sqlvec.catalog.objects import Index, Table, empty_catalog
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.context import BindContext
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import parse


@lru_cache(maxsize=1_000)
def indexed_expression(index: Index, table: Table, relation_id: int) -> bound.Expression:
    """The column or expression of an index over one, for a scan of the table under relation_id."""
    part = index.columns[0]
    if part.attnum:
        column = table_columns(table)[part.attnum - 1]
        return bound.ColumnRef(column.type, relation_id, part.attnum - 1, column.name)
    return bind_expression_text(_binder(), part.expression, table, relation_id)


@lru_cache(maxsize=1_000)
def index_predicate(index: Index, table: Table, relation_id: int) -> bound.Expression | None:
    """Which rows a partial index holds."""
    if not index.predicate:
        return None
    return bind_expression_text(_binder(), index.predicate, table, relation_id)


def _binder() -> Binder:
    context = BindContext(empty_catalog(), ("public",), lambda name: "")
    return Binder(parse("SELECT 1")[0], context, ())
