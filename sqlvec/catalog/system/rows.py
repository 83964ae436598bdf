"""The rows of a system table, as Arrow columns.

A table's rows come from up to three makers. Those of BUILTIN depend on the extensions alone and are made
once; those of OURS depend on the catalog and are kept with it; those of LIVE depend on the session and the
cluster too and are made at every read. A table without a maker is there and empty. A row is a dict; what it
does not say is the column's zero, or NULL where the column may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.system import (
    access_methods,
    constraints,
    databases_roles,
    functions,
    information_schema,
    information_schema_routines,
    information_schema_types,
    relations,
    routines,
    statistics,
    system_types,
    text_search,
    views,
)
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.tables import TABLEOID, XMIN, SystemColumn, SystemTable

Row = dict[str, Any]
Maker = Callable[[Catalog, Environment], Iterable[Row]]
_AREAS = (
    relations, routines, system_types, constraints, functions, access_methods, databases_roles, statistics,
    text_search, views, information_schema, information_schema_types, information_schema_routines,
)  # fmt: skip


def _gather(word: str) -> dict[str, Maker]:
    found: dict[str, Maker] = {}
    for area in _AREAS:
        found |= getattr(area, word, {})
    return found


BUILTIN, OURS, LIVE = _gather("BUILTIN"), _gather("OURS"), _gather("LIVE")
_builtin: dict[tuple[str, tuple[str, ...]], pa.Table] = {}


def system_columns(
    table: SystemTable, catalog: Catalog, environment: Environment, wanted: Sequence[str]
) -> dict[str, pa.ChunkedArray]:
    """The wanted columns by name, tableoid and xmin among them."""
    key = _key(table)
    found = _kept(key, table, catalog, environment)
    if key in LIVE:
        found = pa.concat_tables([found, _made(LIVE[key], table, catalog, environment)])
    columns = {}
    live = relations.LIVE_COLUMNS.get(key, {})
    for name in wanted:
        if name == TABLEOID:
            columns[name] = types.OID.definition.to_arrow([table.oid] * found.num_rows)
        elif name == XMIN:
            columns[name] = types.XID.definition.to_arrow([catalog.version] * found.num_rows)
        elif name in live:
            columns[name] = live[name](found, environment)
        else:
            columns[name] = found.column(name)
    return columns


def is_live(table: SystemTable, columns: Sequence[str]) -> bool:
    """Whether the columns show what goes on now, so that they change without the catalog."""
    key = _key(table)
    if table.kind == "S":
        return True
    return key in LIVE or any(column in relations.LIVE_COLUMNS.get(key, {}) for column in columns)


def _key(table: SystemTable) -> str:
    return table.name if table.schema == "pg_catalog" else f"{table.schema}.{table.name}"


def _kept(key: str, table: SystemTable, catalog: Catalog, environment: Environment) -> pa.Table:
    """What does not change until the catalog does."""
    memo = catalog.memo.setdefault("system", {})
    place = (key, environment.database)
    if place not in memo:
        parts = [_builtin_rows(key, table, catalog, environment)]
        if key in OURS:
            parts.append(_made(OURS[key], table, catalog, environment))
        memo[place] = pa.concat_tables(parts)
    return memo[place]


def _builtin_rows(
    key: str, table: SystemTable, catalog: Catalog, environment: Environment
) -> pa.Table:
    place = (key, catalog.extensions)
    if place not in _builtin:
        rows = BUILTIN[key](catalog, environment) if key in BUILTIN else ()
        _builtin[place] = _arrow(rows, table)
    return _builtin[place]


def _made(maker: Maker, table: SystemTable, catalog: Catalog, environment: Environment) -> pa.Table:
    return _arrow(maker(catalog, environment), table)


def _arrow(rows: Iterable[Row], table: SystemTable) -> pa.Table:
    made = list(rows)
    names = {column.name for column in table.columns}
    for row in made[:1]:
        assert row.keys() <= names, (table.name, row.keys() - names)
    arrays = [_column(made, column) for column in table.columns]
    return pa.table(arrays, names=[column.name for column in table.columns])


def _column(rows: list[Row], column: SystemColumn) -> pa.Array:
    zero = _zero(column)
    values = [row.get(column.name, zero) for row in rows]
    return column.type.definition.to_arrow(values, column.type.typmod)


def _zero(column: SystemColumn) -> Any:
    if not column.not_null:
        return None
    definition = column.type.definition
    if definition.category == "A":
        return []
    if column.type == types.BOOL:
        return False
    if definition.category == "N" or column.type in (types.XID, types.CID):
        return 0
    return ""


def makers() -> Iterator[str]:
    """Names of the tables that have rows."""
    yield from {*BUILTIN, *OURS, *LIVE}
