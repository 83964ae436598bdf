"""What an index holds and for which rows, as bound expressions, so that a query can be found to ask for just
that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlvec.catalog.objects import Column, Index, Table, empty_catalog
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.binder import Binder
from sqlvec.sql.context import BindContext
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import parse
from sqlvec.types import SqlType, element_of


@lru_cache(maxsize=1_000)
def indexed_expression(index: Index, table: Table, relation_id: int) -> bound.Expression:
    """The column or expression of an index over one, for a scan of the table under relation_id."""
    part = index.columns[0]
    if part.attnum:
        column = table_columns(table)[part.attnum - 1]
        return bound.ColumnRef(column.type, relation_id, part.attnum - 1, column.name)
    return bind_expression_text(_binder(table), part.expression, table, relation_id)


@lru_cache(maxsize=1_000)
def index_predicate(index: Index, table: Table, relation_id: int) -> bound.Expression | None:
    """Which rows a partial index holds."""
    if not index.predicate:
        return None
    return bind_expression_text(_binder(table), index.predicate, table, relation_id)


@dataclass(frozen=True, slots=True)
class _TypesOfTable(BindContext):
    """Where the types that users made are those of the table's columns."""

    columns: tuple[Column, ...] = ()

    def find_type(self, schema: str | None, name: str) -> SqlType | None:
        for column in self.columns:
            for known in (column.type, element_of(column.type)):
                if known is not None and known.own is not None and known.own.name == name:
                    return known.bare
        return None


def _binder(table: Table) -> Binder:
    context = _TypesOfTable(
        empty_catalog(), ("public",), lambda name: "", columns=table.live_columns
    )
    return Binder(parse("SELECT 1")[0], context, ())
