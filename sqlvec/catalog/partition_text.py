"""Partition keys and bounds as the SQL that makes them (ruleutils.c), and trees of partitions as lists of oids
(partitionfuncs.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.objects import Catalog, Index, Table
from sqlvec.catalog.partitioning import HASH, LIST, MAXVALUE, MINVALUE, WORDS
from sqlvec.types.domain_type import value_type


def key_text(table: Table) -> str | None:
    """LIST (a); None for a table that is not partitioned."""
    if table.partitioning is None:
        return None
    names = (quote_identifier(table.column_by_attnum(a).name) for a in table.partitioning.attnums)
    return f"{WORDS[table.partitioning.strategy].upper()} ({', '.join(names)})"


def bound_text(catalog: Catalog, partition: Table) -> str | None:
    """FOR VALUES ...; None for a table that is no partition."""
    bound = partition.bound
    if bound is None:
        return None
    if bound.default:
        return "DEFAULT"
    parent = catalog.table(partition.parent_oid)
    assert parent.partitioning is not None, parent.name
    if parent.partitioning.strategy == HASH:
        return f"FOR VALUES WITH (modulus {bound.modulus}, remainder {bound.remainder})"
    if parent.partitioning.strategy == LIST:
        attnum = parent.partitioning.attnums[0]
        values = ("NULL" if v is None else literal(parent, attnum, v) for v in bound.values)
        return f"FOR VALUES IN ({', '.join(values)})"
    return f"FOR VALUES FROM {range_text(parent, bound.lower)} TO {range_text(parent, bound.upper)}"


def range_text(table: Table, datums: Sequence[str]) -> str:
    """(1, MINVALUE)"""
    assert table.partitioning is not None
    parts = []
    for datum, attnum in zip(datums, table.partitioning.attnums, strict=True):
        if datum in (MINVALUE, MAXVALUE):
            parts.append("MINVALUE" if datum == MINVALUE else "MAXVALUE")
        else:
            parts.append(literal(table, attnum, datum[1:]))
    return f"({', '.join(parts)})"


def literal(table: Table, attnum: int, text: str) -> str:
    """A constant without its type: quoted unless it would be read as one of that type (get_const_expr)."""
    name = value_type(table.column_by_attnum(attnum).type).definition.name
    if name == "bool":
        return "true" if text == "t" else "false"
    if name == "int4" and text.isdigit():
        return text
    if name == "numeric" and text[:1].isdigit() and any(c in text for c in "eE."):
        return text
    return quote_string(text)


def partition_ancestors(catalog: Catalog, oid: int | None) -> list[int]:
    """pg_partition_ancestors: a partition, or a partitioned table or index, and what it is in, inside out."""
    relation = catalog.relations.get(oid or 0)
    if not isinstance(relation, (Table, Index)) or not _is_of_a_tree(catalog, relation):
        return []
    found = [relation.oid]
    while relation.parent_oid:
        parent = catalog.relations[relation.parent_oid]
        assert isinstance(parent, (Table, Index)), parent
        relation = parent
        found.append(relation.oid)
    return found


def partition_tree(catalog: Catalog, oid: int | None, what: str) -> list[int | None]:
    """A column of pg_partition_tree: relid, parentrelid, isleaf or level."""
    relation = catalog.relations.get(oid or 0)
    if not isinstance(relation, (Table, Index)) or not _is_of_a_tree(catalog, relation):
        return []
    rows = sorted(_tree(catalog, relation, 0), key=lambda row: row[2])  # level by level, as PostgreSQL
    if what == "relid":
        return [one.oid for one, _, _ in rows]
    if what == "parentrelid":
        return [one.parent_oid or None for one, _, _ in rows]
    return [int(is_leaf) if what == "isleaf" else level for _, is_leaf, level in rows]


Row = tuple[Table | Index, bool, int]


def _tree(catalog: Catalog, relation: Table | Index, level: int) -> Iterator[Row]:
    yield relation, not _is_partitioned(catalog, relation), level
    for child in _children(catalog, relation):
        yield from _tree(catalog, child, level + 1)


def _children(catalog: Catalog, relation: Table | Index) -> Iterator[Table | Index]:
    if isinstance(relation, Table):
        yield from catalog.partitions(relation.oid)
        return
    for child in catalog.partitions(relation.table_oid):
        yield from (i for i in catalog.indexes(child.oid) if i.parent_oid == relation.oid)


def _is_partitioned(catalog: Catalog, relation: Table | Index) -> bool:
    table = catalog.relations[relation.table_oid] if isinstance(relation, Index) else relation
    return isinstance(table, Table) and table.partitioning is not None


def _is_of_a_tree(catalog: Catalog, relation: Table | Index) -> bool:
    return relation.parent_oid > 0 or _is_partitioned(catalog, relation)
