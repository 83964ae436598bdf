"""The system tables there are: PostgreSQL's names, oids and columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from sqlvec import types
from sqlvec.catalog.system.facts import Fact, facts, flag, number, text
from sqlvec.types import SqlType

TABLEOID = "tableoid"
XMIN = "xmin"  # the number of the catalog's version: what a tool saw before is old when it has another


@dataclass(frozen=True, slots=True)
class SystemColumn:
    name: str
    type: SqlType
    not_null: bool


@dataclass(frozen=True)
class SystemTable:
    """kind is r or v, as relkind."""

    schema: str
    name: str
    oid: int
    kind: str
    shared: bool
    text: str

    @cached_property
    def columns(self) -> tuple[SystemColumn, ...]:
        """In the order of their attnums."""
        return tuple(_column(word) for word in self.text.split())


def _column(word: str) -> SystemColumn:
    """name:oid:typmod:n. A type that is not known here is shown as text."""
    name, oid, typmod, not_null = word.split(":")
    known = types.by_oid(int(oid)) is not None
    sql_type = SqlType(int(oid), int(typmod)) if known else types.TEXT
    return SystemColumn(name, sql_type, bool(not_null))


# Ours alone.
_QUEUE = (
    "relid:26:-1: indexrelid:26:-1: relname:19:-1: indexrelname:19:-1: tenant:25:-1: "
    "rows_linked:20:-1: rows_waiting:20:-1:"
)
_RECALL = (
    "relid:26:-1: indexrelid:26:-1: relname:19:-1: indexrelname:19:-1: tenant:25:-1: "
    "searches_sampled:20:-1: recall:701:-1: recall_worst:701:-1: rows_calibrated:20:-1: "
    "ef_90:23:-1: ef_95:23:-1: ef_99:23:-1:"
)
_MEMORY = (
    "relid:26:-1: indexrelid:26:-1: relname:19:-1: indexrelname:19:-1: tenant:25:-1: rows:20:-1: "
    "quantization:25:-1: reason:25:-1: rescore:23:-1: code_bytes:20:-1: link_bytes:20:-1: "
    "vector_bytes:20:-1:"
)
_TENANTS = (
    "relid:26:-1: relname:19:-1: tenant:25:-1: state:25:-1: rows:20:-1: bytes_in_memory:20:-1: "
    "bytes_on_disk:20:-1: last_used:1184:-1:"
)
_OWN = (
    SystemTable("pg_catalog", "sqlvec_index_memory", 15_903, "v", False, _MEMORY),
    SystemTable("pg_catalog", "sqlvec_index_queue", 15_900, "v", False, _QUEUE),
    SystemTable("pg_catalog", "sqlvec_index_recall", 15_902, "v", False, _RECALL),
    SystemTable("pg_catalog", "sqlvec_tenants", 15_901, "v", False, _TENANTS),
)


@cache
def system_tables() -> dict[tuple[str, str], SystemTable]:
    """By schema and name."""
    found = [*(_table(fact) for fact in facts("relations")), *_OWN]
    return {(table.schema, table.name): table for table in found}


# Functions of FROM that have a view over them, and one that has none.
_VIEWS = {
    "pg_show_all_settings": "pg_settings", "pg_timezone_names": "pg_timezone_names",
    "pg_timezone_abbrevs": "pg_timezone_abbrevs", "pg_cursor": "pg_cursors",
    "pg_prepared_statement": "pg_prepared_statements",
    "pg_available_extensions": "pg_available_extensions",
}  # fmt: skip
_KEYWORDS = "word:25:-1: catcode:18:-1: barelabel:16:-1: catdesc:25:-1: baredesc:25:-1:"
KEYWORDS = SystemTable("pg_catalog", "pg_get_keywords", 0, "f", False, _KEYWORDS)


def function_table(name: str) -> SystemTable | None:
    """The rows of a function that takes no arguments, as a table."""
    if name == KEYWORDS.name:
        return KEYWORDS
    view = _VIEWS.get(name)
    return system_tables()[("pg_catalog", view)] if view else None


@cache
def _by_oid() -> dict[int, SystemTable]:
    return {table.oid: table for table in system_tables().values()}


def _table(fact: Fact) -> SystemTable:
    return SystemTable(
        text(fact, "schema"),
        text(fact, "name"),
        number(fact, "oid"),
        text(fact, "kind"),
        flag(fact, "shared"),
        text(fact, "columns"),
    )


def system_table(schema: str, name: str) -> SystemTable | None:
    return system_tables().get((schema, name))


def system_table_by_oid(oid: int) -> SystemTable | None:
    return _by_oid().get(oid)


def class_oid(name: str) -> int:
    """The oid by which other tables refer to a table of pg_catalog: 1259 for pg_class."""
    return system_tables()[("pg_catalog", name)].oid
