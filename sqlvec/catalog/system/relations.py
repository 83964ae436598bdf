"""pg_class, pg_attribute and what belongs to relations: indexes, defaults, sequences, dependencies, comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.collations import (
    COLLATIONS,
    column_collation,
    definition_collation,
    key_collation,
)
from sqlvec.catalog.descriptions import all_comments
from sqlvec.catalog.object_text import default_text
from sqlvec.catalog.objects import (
    CATALOG_SCHEMA_OID,
    INFORMATION_SCHEMA_OID,
    Catalog,
    Column,
    Index,
    IndexColumn,
    Relation,
    Sequence,
    Table,
    View,
)
from sqlvec.catalog.partition_text import bound_text
from sqlvec.catalog.partitioning import HASH
from sqlvec.catalog.system.access_methods import class_of, key_type_of, method_oid
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.tables import class_oid, system_table_by_oid, system_tables
from sqlvec.catalog.user_types import CompositeType
from sqlvec.catalog.viewpoint import SUPERUSER_OID, Viewpoint
from sqlvec.types import SqlType
from sqlvec.types.shaped_array import is_shaped, public_oid

Row = dict[str, Any]
_FIRST_XID = 722
SEQUENCE_COLUMNS = (
    Column(1, "last_value", types.INT8, not_null=True),
    Column(2, "log_cnt", types.INT8, not_null=True),
    Column(3, "is_called", types.BOOL, not_null=True),
)
_KINDS = {Table: "r", Index: "i", Sequence: "S", View: "v"}
BLOCK_BYTES = 8_192


def owner_of(catalog: Catalog, index: Index) -> Table | View:
    """The relation that an index is on."""
    owner = catalog.relations[index.table_oid]
    assert isinstance(owner, (Table, View))
    return owner


def schema_oid_of(catalog: Catalog, relation: Relation) -> int:
    return owner_of(catalog, relation).schema_oid if isinstance(relation, Index) else relation.schema_oid


# ---------------------------------------------------------------- pg_class


def _system_classes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        schema = CATALOG_SCHEMA_OID if table.schema == "pg_catalog" else INFORMATION_SCHEMA_OID
        row = _class(table.oid, table.name, schema, table.kind, len(table.columns))
        yield row | {"relisshared": table.shared, "relhasrules": table.kind == "v"}


def _classes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for relation in catalog.relations.values():
        schema = schema_oid_of(catalog, relation)
        kind, width = kind_of(catalog, relation), len(columns_of(relation))
        row = _class(relation.oid, relation.name, schema, kind, width)
        row["relpersistence"] = persistence_of(catalog, relation)
        if isinstance(relation, Table):
            row |= {
                "relhasindex": bool(catalog.indexes(relation.oid)),
                "relispopulated": relation.populated,
                "relispartition": relation.bound is not None,
                "relpartbound": bound_text(catalog, relation),
                "relhassubclass": bool(catalog.partitions(relation.oid) or catalog.children(relation.oid)),
                "relchecks": sum(c.kind == "c" for c in relation.constraints),
                "relhastriggers": _has_triggers(catalog, relation),
                "reloptions": [f"{k}={v}" for k, v in relation.options.items()] or None,
            }
        if isinstance(relation, View) and relation.check_option:
            row["reloptions"] = [f"check_option={relation.check_option}"]
        if isinstance(relation, Index):
            row |= {"relispartition": relation.parent_oid > 0, "relhassubclass": kind == "I",
                    "relam": method_oid(relation.method), "reltype": 0, "relreplident": "n",
                    "relfrozenxid": 0, "relminmxid": 0,
                    "reloptions": [f"{k}={v}" for k, v in relation.options.items()] or None}  # fmt: skip
        yield row
    yield from _composite_classes(catalog)


def _composite_classes(catalog: Catalog) -> Iterator[Row]:
    """A composite type has a row of its own, under which its attributes are."""
    for made in catalog.types.values():
        if isinstance(made, CompositeType):
            row = _class(made.relation_oid, made.name, made.schema_oid, "c", len(made.attributes))
            yield row | {"reltype": made.oid, "relfilenode": 0, "relreplident": "n"}


def _composite_attributes(catalog: Catalog) -> Iterator[Row]:
    for made in catalog.types.values():
        if isinstance(made, CompositeType):
            for attribute in made.attributes:
                linked = catalog.type_by_oid(attribute.type.oid) or attribute.type
                sql_type = replace(linked, typmod=attribute.type.typmod)
                row = _attribute(made.relation_oid, attribute.name, attribute.attnum, sql_type)
                row["attcollation"] = column_collation(catalog, attribute)
                if attribute.dropped:
                    row |= {"attname": f"........pg.dropped.{attribute.attnum}........", "atttypid": 0,
                            "attisdropped": True}  # fmt: skip
                yield row


def kind_of(catalog: Catalog, relation: Relation) -> str:
    """relkind: a materialized view is a table that has a query; a partitioned one has no rows of its own."""
    if isinstance(relation, Table) and relation.partitioning is not None:
        return "p"
    if isinstance(relation, Index) and kind_of(catalog, owner_of(catalog, relation)) == "p":
        return "I"
    if isinstance(relation, Table) and relation.query:
        return "m"
    return _KINDS[type(relation)]


def persistence_of(catalog: Catalog, relation: Relation) -> str:
    """What is in a session's own schema is temporary; of an index and a sequence, that of the table it belongs to."""
    if catalog.schemas[schema_oid_of(catalog, relation)].is_temporary:
        return "t"
    owner: Relation | None = relation
    if isinstance(relation, Index):
        owner = owner_of(catalog, relation)
    elif isinstance(relation, Sequence):
        owner = catalog.relations.get(relation.owned_by[0])
    return owner.persistence if isinstance(owner, Table) else "p"


def _class(oid: int, name: str, schema: int, kind: str, width: int) -> Row:
    stored = kind in "rimpI"
    return {
        "oid": oid, "relname": name, "relnamespace": schema, "relowner": SUPERUSER_OID,
        "reltype": oid if kind in "rvmp" else 0, "relfilenode": 0 if kind in "vpI" else oid, "relkind": kind,
        "relnatts": width, "relpersistence": "p", "relispopulated": True,
        "relreplident": "d" if kind in "rmp" and schema not in (CATALOG_SCHEMA_OID, INFORMATION_SCHEMA_OID) else "n",
        "reltuples": -1.0 if stored else 0.0, "relam": 2 if kind in "rm" else 0, "relhasrules": kind in "vm",
        "relfrozenxid": _FIRST_XID if kind in "rm" else 0, "relminmxid": 1 if kind in "rm" else 0,
    }  # fmt: skip


def _has_triggers(catalog: Catalog, table: Table) -> bool:
    """Foreign keys are triggers on both sides."""
    if any(c.kind == "f" for c in table.constraints):
        return True
    others = (r for r in catalog.relations.values() if isinstance(r, Table))
    return any(c.foreign_table_oid == table.oid for other in others for c in other.constraints)


def columns_of(relation: Relation) -> tuple[Column, ...]:
    if isinstance(relation, Sequence):
        return SEQUENCE_COLUMNS
    if isinstance(relation, Index):
        return tuple(Column(i, "", types.TEXT) for i in range(1, len(relation.columns) + len(relation.included) + 1))
    return relation.columns


def _row_counts(columns: pa.Table, environment: Environment) -> pa.Array:
    """reltuples of tables as they are now; -1 for what was never counted."""
    kinds, oids = columns["relkind"].to_pylist(), columns["oid"].to_pylist()
    values = columns["reltuples"].to_pylist()
    for place, (kind, oid) in enumerate(zip(kinds, oids, strict=True)):
        if kind in "rm" and system_table_by_oid(oid) is None:
            values[place] = float(environment.row_count(oid)) or -1.0
    return pa.array(values, pa.float32())


def _pages(columns: pa.Table, environment: Environment) -> pa.Array:
    kinds, oids = columns["relkind"].to_pylist(), columns["oid"].to_pylist()
    return pa.array(
        [
            -(-environment.disk_bytes(oid) // BLOCK_BYTES)
            if kind in "rm" and system_table_by_oid(oid) is None
            else 0
            for kind, oid in zip(kinds, oids, strict=True)
        ],
        pa.int32(),
    )


LiveColumn = Callable[[pa.Table, Environment], pa.Array]
LIVE_COLUMNS: dict[str, dict[str, LiveColumn]] = {
    "pg_class": {"reltuples": _row_counts, "relpages": _pages}
}


# ---------------------------------------------------------------- pg_attribute


def _system_attributes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        for attnum, column in enumerate(table.columns, 1):
            row = _attribute(table.oid, column.name, attnum, column.type)
            collation = COLLATIONS["C"] if row["attcollation"] else 0
            yield row | {"attnotnull": column.not_null, "attcollation": collation}


def _attributes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for relation in catalog.relations.values():
        if isinstance(relation, Index):
            yield from _index_attributes(view, relation)
            continue
        for column in columns_of(relation):
            yield _column(catalog, relation, column)
    yield from _composite_attributes(catalog)


def _column(catalog: Catalog, relation: Relation, column: Column) -> Row:
    row = _attribute(relation.oid, column.name, column.attnum, column.type)
    owned = bool(column.sequence_oid) and not column.identity
    row |= {
        "attnotnull": column.not_null,
        "atthasdef": bool(column.default or column.generated or owned),
        "attidentity": column.identity,
        "attgenerated": "s" if column.generated else "",
        "attcollation": column_collation(catalog, column),
        "attislocal": column.local,
        "attinhcount": column.inherited,
    }
    if isinstance(relation, Table) and relation.parent_oid:
        row |= {"attislocal": False, "attinhcount": 1}
    if column.dropped:
        row |= {"attname": f"........pg.dropped.{column.attnum}........", "atttypid": 0,
                "attnotnull": False, "atthasdef": False, "attisdropped": True}  # fmt: skip
    return row


def _attribute(oid: int, name: str, attnum: int, sql_type: SqlType) -> Row:
    known = sql_type.definition
    return {
        "attrelid": oid, "attname": name, "atttypid": public_oid(sql_type.oid), "attstattarget": -1, "attlen": known.length,
        "attnum": attnum, "attndims": 2 if is_shaped(sql_type) else int(known.name.startswith("_")), "attcacheoff": -1,
        "atttypmod": sql_type.typmod, "attbyval": known.by_value, "attalign": known.align,
        "attstorage": known.storage, "attislocal": True,
        "attcollation": definition_collation(known),
    }  # fmt: skip


def _index_attributes(view: Viewpoint, index: Index) -> Iterator[Row]:
    """Named after the columns and functions; any other expression is expr (ChooseIndexColumnNames)."""
    table = owner_of(view.catalog, index)
    over = table if isinstance(table, Table) else None
    parts = [*index.columns, *(IndexColumn(attnum) for attnum in index.included)]
    taken: set[str] = set()
    for place, part in enumerate(parts, 1):
        if part.attnum:
            column = table.columns[part.attnum - 1]
            name, sql_type = column.name, column.type
        else:
            sql_type = view.expression_type(part.expression, over)
            head, call, _ = view.expression(part.expression, over).partition("(")
            name = head if call and head.isidentifier() else "expr"
        name = _untaken(name, taken)
        taken.add(name)
        keyed = place <= len(index.columns)
        collation = key_collation(view.catalog, table, part, sql_type) if keyed else 0
        if keyed:
            sql_type = key_type_of(class_of(index.method, part.operator_class, sql_type), sql_type)
        yield _attribute(index.oid, name, place, sql_type) | {"attcollation": collation}


def _untaken(name: str, taken: set[str]) -> str:
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}{number}"
    return found


# ---------------------------------------------------------------- indexes, defaults, sequences


def _indexes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for index in catalog.relations.values():
        if not isinstance(index, Index):
            continue
        table = owner_of(catalog, index)
        over = table if isinstance(table, Table) else None
        expressions = ", ".join(
            view.expression(c.expression, over) for c in index.columns if not c.attnum
        )
        key_types = [
            table.columns[c.attnum - 1].type if c.attnum else view.expression_type(c.expression, over)
            for c in index.columns
        ]
        deferred = any(
            c.kind in "pu" and c.index_oid == index.oid and c.deferrable
            for c in getattr(table, "constraints", ())
        )
        yield {
            "indexrelid": index.oid, "indrelid": index.table_oid, "indnkeyatts": len(index.columns),
            "indnatts": len(index.columns) + len(index.included), "indisunique": index.unique,
            "indisprimary": index.primary, "indimmediate": not deferred, "indisvalid": catalog.is_valid(index),
            "indisready": True, "indislive": True, "indnullsnotdistinct": index.nulls_not_distinct,
            "indkey": [c.attnum for c in index.columns] + list(index.included),
            "indcollation": [
                key_collation(catalog, table, c, t)
                for c, t in zip(index.columns, key_types, strict=True)
            ],
            "indclass": [
                class_of(index.method, c.operator_class, t)
                for c, t in zip(index.columns, key_types, strict=True)
            ],
            "indoption": [int(c.descending) + 2 * int(c.nulls_first) for c in index.columns],
            "indexprs": expressions or None,
            "indpred": view.expression(index.predicate, over) if index.predicate else None,
        }  # fmt: skip


def _partitioned(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        if table.partitioning is None:
            continue
        attnums = table.partitioning.attnums
        method = "hash" if table.partitioning.strategy == HASH else "btree"
        key_types = [table.column_by_attnum(attnum).type for attnum in attnums]
        default = (t.oid for t in catalog.partitions(table.oid) if t.bound and t.bound.default)
        yield {
            "partrelid": table.oid, "partstrat": table.partitioning.strategy, "partnatts": len(attnums),
            "partdefid": next(default, 0), "partattrs": list(attnums),
            "partclass": [class_of(method, "", t) for t in key_types],
            "partcollation": [
                column_collation(catalog, table.column_by_attnum(attnum)) for attnum in attnums
            ],
        }  # fmt: skip


def _inherits(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for relation in catalog.relations.values():
        parents: tuple[int, ...] = ()
        if isinstance(relation, (Table, Index)) and relation.parent_oid:
            parents = (relation.parent_oid,)
        elif isinstance(relation, Table):
            parents = relation.parents
        for number, parent in enumerate(parents, 1):
            yield {"inhrelid": relation.oid, "inhparent": parent, "inhseqno": number,
                   "inhdetachpending": False}  # fmt: skip


def default_oid(table: Table, attnum: int) -> int:
    """pg_attrdef counts apart from other oids: the table's and the column's number make it."""
    return (table.oid * 2_048 + attnum) % 2**31


def _defaults(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for table in tables_of(catalog):
        for column in table.live_columns:
            text = default_text(view, table, column.attnum)
            if text:
                yield {"oid": default_oid(table, column.attnum), "adrelid": table.oid,
                       "adnum": column.attnum, "adbin": text}  # fmt: skip


def tables_of(catalog: Catalog) -> Iterator[Table]:
    return (r for r in catalog.relations.values() if isinstance(r, Table))


def _sequences(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for s in catalog.relations.values():
        if isinstance(s, Sequence):
            yield {"seqrelid": s.oid, "seqtypid": s.type.oid, "seqstart": s.start, "seqincrement": s.increment,
                   "seqmax": s.maximum, "seqmin": s.minimum, "seqcache": s.cache, "seqcycle": s.cycle}  # fmt: skip


# ---------------------------------------------------------------- schemas, dependencies, comments


_OWNERS = {"public": 6171}  # pg_database_owner
_SCHEMA_GRANTS = {
    "pg_catalog": ("postgres", "=U/postgres"), "information_schema": ("postgres", "=U/postgres"),
    "public": ("pg_database_owner", "=U/pg_database_owner"),
}  # fmt: skip


def _schema_privileges(name: str) -> list[str] | None:
    """As they were given when the database was made."""
    if name not in _SCHEMA_GRANTS:
        return None
    owner, everybody = _SCHEMA_GRANTS[name]
    return [f"{owner}=UC/{owner}", everybody]


def _initial_privileges(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for schema in catalog.schemas.values():
        if privileges := _schema_privileges(schema.name):
            yield {"objoid": schema.oid, "classoid": class_oid("pg_namespace"), "objsubid": 0,
                   "privtype": "i", "initprivs": privileges}  # fmt: skip


def _namespaces(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for schema in catalog.schemas.values():
        oid = _OWNERS.get(schema.name, SUPERUSER_OID)
        yield {"oid": schema.oid, "nspname": schema.name, "nspowner": oid,
               "nspacl": _schema_privileges(schema.name)}  # fmt: skip


def dependencies(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    relation, constraint = class_oid("pg_class"), class_oid("pg_constraint")
    default = class_oid("pg_attrdef")
    for r in catalog.relations.values():
        schema = schema_oid_of(catalog, r)
        if not isinstance(r, Index):
            yield depends((relation, r.oid, 0), (class_oid("pg_namespace"), schema, 0), "n")
        if isinstance(r, (View, Table)):  # directly: there are no rewrite rules between
            for read in r.relations:
                yield depends((relation, r.oid, 0), (relation, read.oid, 0), "n")
        if isinstance(r, Sequence) and r.owned_by[0]:
            column = catalog.table(r.owned_by[0]).column_by_attnum(r.owned_by[1])
            yield depends((relation, r.oid, 0), (relation, *r.owned_by), "i" if column.identity else "a")
        elif isinstance(r, Table):
            for parent in (r.parent_oid,) if r.parent_oid else r.parents:
                yield depends((relation, r.oid, 0), (relation, parent, 0), "a" if r.parent_oid else "n")
            for c in r.constraints:
                for attnum in c.attnums:
                    yield depends((constraint, c.oid, 0), (relation, r.oid, attnum), "a")
                    if c.kind == "c":  # its condition reads them
                        yield depends((constraint, c.oid, 0), (relation, r.oid, attnum), "n")
                if c.index_oid and c.kind in "pu":
                    yield depends((relation, c.index_oid, 0), (constraint, c.oid, 0), "i")
                for attnum in c.foreign_attnums:
                    yield depends((constraint, c.oid, 0), (relation, c.foreign_table_oid, attnum), "n")
            for column in r.live_columns:
                if column.default or column.generated or (column.sequence_oid and not column.identity):
                    own = (default, default_oid(r, column.attnum), 0)
                    yield depends(own, (relation, r.oid, column.attnum), "a")
                    if column.sequence_oid:
                        yield depends(own, (relation, column.sequence_oid, 0), "n")
        elif isinstance(r, Index) and not _of_constraint(catalog, r):
            for part in r.columns:
                yield depends((relation, r.oid, 0), (relation, r.table_oid, part.attnum), "a")


def _of_constraint(catalog: Catalog, index: Index) -> bool:
    table = owner_of(catalog, index)
    constraints = getattr(table, "constraints", ())
    return any(c.kind in "pu" and c.index_oid == index.oid for c in constraints)


def depends(what: tuple[int, int, int], on: tuple[int, int, int], kind: str) -> Row:
    names = ("classid", "objid", "objsubid", "refclassid", "refobjid", "refobjsubid")
    return dict(zip(names, (*what, *on), strict=True)) | {"deptype": kind}


SHARED = ("pg_database", "pg_tablespace", "pg_authid")


def _described(
    comments: Iterator[tuple[tuple[int, int, int], str]], shared: bool
) -> Iterator[Row]:
    classes = [class_oid(name) for name in SHARED]
    for (class_, oid, attnum), text in comments:
        if (class_ in classes) == shared:
            row = {"objoid": oid, "classoid": class_, "description": text}
            yield row if shared else row | {"objsubid": attnum}


def _descriptions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    return _described(all_comments(catalog), False)


OURS = {
    "pg_class": _classes,
    "pg_attribute": _attributes,
    "pg_index": _indexes,
    "pg_attrdef": _defaults,
    "pg_partitioned_table": _partitioned,
    "pg_inherits": _inherits,
    "pg_sequence": _sequences,
    "pg_namespace": _namespaces,
    "pg_init_privs": _initial_privileges,
    "pg_description": _descriptions,
    "pg_shdescription": lambda catalog, environment: _described(all_comments(catalog), True),
}
BUILTIN = {"pg_class": _system_classes, "pg_attribute": _system_attributes}
