"""System tables: pg_catalog and information_schema, made from the catalog when they are read.

TABLES maps (schema, name) to its columns; ROWS to the function that makes its rows. A table without a
function is there and empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlvec import types
from sqlvec.catalog.definitions import SUPERUSER_OID, definition
from sqlvec.catalog.objects import (
    CATALOG_SCHEMA_OID,
    PUBLIC_SCHEMA_OID,
    Catalog,
    Index,
    Sequence,
    Table,
    View,
)
from sqlvec.types import SqlType

_WORDS = {
    "oid": types.OID, "name": types.NAME, "text": types.TEXT, "bool": types.BOOL, "i2": types.INT2,
    "i4": types.INT4, "i8": types.INT8, "f4": types.FLOAT4, "char": types.CHAR, "i2v": types.INT2VECTOR,
    "oidv": types.OIDVECTOR, "_i2": types.array_of(types.INT2), "_text": types.array_of(types.TEXT),
    "_oid": types.array_of(types.OID), "_name": types.array_of(types.NAME), "tree": types.PG_NODE_TREE,
    "regproc": types.REGPROC, "tz": types.TIMESTAMPTZ, "_char": types.array_of(types.CHAR), "xid": types.XID,
}  # fmt: skip
_SCHEMA = """
pg_namespace: oid oid, nspname name, nspowner oid, nspacl _text
pg_class: oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, relfilenode oid, reltablespace oid, relpages i4, reltuples f4, relallvisible i4, reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, relnatts i2, relchecks i2, relhasrules bool, relhastriggers bool, relhassubclass bool, relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid xid, relacl _text, reloptions _text, relpartbound tree
pg_attribute: attrelid oid, attname name, atttypid oid, attstattarget i4, attlen i2, attnum i2, attndims i4, attcacheoff i4, atttypmod i4, attbyval bool, attalign char, attstorage char, attcompression char, attnotnull bool, atthasdef bool, atthasmissing bool, attidentity char, attgenerated char, attisdropped bool, attislocal bool, attinhcount i4, attcollation oid, attacl _text, attoptions _text, attfdwoptions _text, attmissingval text
pg_type: oid oid, typname name, typnamespace oid, typowner oid, typlen i2, typbyval bool, typtype char, typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid oid, typsubscript regproc, typelem oid, typarray oid, typinput text, typoutput text, typreceive text, typsend text, typmodin text, typmodout text, typanalyze text, typalign char, typstorage char, typnotnull bool, typbasetype oid, typtypmod i4, typndims i4, typcollation oid, typdefaultbin tree, typdefault text, typacl _text
pg_index: indexrelid oid, indrelid oid, indnatts i2, indnkeyatts i2, indisunique bool, indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, indisreplident bool, indkey i2v, indcollation oidv, indclass oidv, indoption i2v, indexprs tree, indpred tree
pg_constraint: oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, confupdtype char, confdeltype char, confmatchtype char, conislocal bool, coninhcount i4, connoinherit bool, conkey _i2, confkey _i2, conpfeqop _oid, conppeqop _oid, conffeqop _oid, confdelsetcols _i2, conexclop _oid, conbin tree
pg_attrdef: oid oid, adrelid oid, adnum i2, adbin tree
pg_description: objoid oid, classoid oid, objsubid i4, description text
pg_am: oid oid, amname name, amhandler regproc, amtype char
pg_opclass: oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, opcintype oid, opcdefault bool, opckeytype oid
pg_database: oid oid, datname name, datdba oid, encoding i4, datlocprovider char, datistemplate bool, datallowconn bool, datconnlimit i4, datfrozenxid xid, datminmxid xid, dattablespace oid, datcollate text, datctype text, daticulocale text, datcollversion text, datacl _text
pg_roles: rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool, rolreplication bool, rolconnlimit i4, rolpassword text, rolvaliduntil tz, rolbypassrls bool, rolconfig _text, oid oid
pg_authid: oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool, rolreplication bool, rolbypassrls bool, rolconnlimit i4, rolpassword text, rolvaliduntil tz
pg_user: usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text, valuntil tz, useconfig _text
pg_tables: schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool, rowsecurity bool
pg_views: schemaname name, viewname name, viewowner name, definition text
pg_matviews: schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool, definition text
pg_indexes: schemaname name, tablename name, indexname name, tablespace name, indexdef text
pg_settings: name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype text, source text, min_val text, max_val text, enumvals _text, boot_val text, reset_val text, sourcefile text, sourceline i4, pending_restart bool
pg_extension: oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text, extconfig _oid, extcondition _text
pg_available_extensions: name name, default_version text, installed_version text, comment text
pg_enum: oid oid, enumtypid oid, enumsortorder f4, enumlabel name
pg_range: rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, rngcanonical regproc, rngsubdiff regproc
pg_collation: oid oid, collname name, collnamespace oid, collowner oid, collprovider char, collisdeterministic bool, collencoding i4, collcollate text, collctype text, colliculocale text, collversion text
pg_inherits: inhrelid oid, inhparent oid, inhseqno i4, inhdetachpending bool
pg_partitioned_table: partrelid oid, partstrat char, partnatts i2, partdefid oid, partattrs i2v, partclass oidv, partcollation oidv, partexprs tree
pg_depend: classid oid, objid oid, objsubid i4, refclassid oid, refobjid oid, refobjsubid i4, deptype char
pg_sequence: seqrelid oid, seqtypid oid, seqstart i8, seqincrement i8, seqmax i8, seqmin i8, seqcache i8, seqcycle bool
pg_tablespace: oid oid, spcname name, spcowner oid, spcacl _text, spcoptions _text
pg_trigger: oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype i2, tgenabled char, tgisinternal bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, tginitdeferred bool, tgnargs i2, tgattr i2v, tgargs text, tgqual tree, tgoldtable name, tgnewtable name
pg_policy: oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles _oid, polqual tree, polwithcheck tree
pg_rewrite: oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual tree, ev_action tree
pg_proc: oid oid, proname name, pronamespace oid, proowner oid, prolang oid, prokind char, prorettype oid, proargtypes oidv, proargnames _text, prosrc text, provolatile char, proretset bool
pg_language: oid oid, lanname name, lanowner oid, lanispl bool
pg_publication: oid oid, pubname name, pubowner oid, puballtables bool
pg_publication_rel: oid oid, prpubid oid, prrelid oid, prqual tree, prattrs i2v
pg_publication_namespace: oid oid, pnpubid oid, pnnspid oid
pg_statistic_ext: oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget i4, stxkeys i2v, stxkind _char, stxexprs tree
pg_foreign_table: ftrelid oid, ftserver oid, ftoptions _text
pg_foreign_server: oid oid, srvname name, srvowner oid, srvfdw oid
pg_stat_activity: datid oid, datname name, pid i4, usesysid oid, usename name, application_name text, state text, query text, wait_event_type text, wait_event text, backend_type text
pg_stat_user_tables: relid oid, schemaname name, relname name, n_live_tup i8
sqlvec_index_queue: relid oid, indexrelid oid, relname name, indexrelname name, tenant text, rows_linked i8, rows_waiting i8
pg_locks: locktype text, database oid, relation oid, page i4, tuple i2, virtualxid text, transactionid xid, classid oid, objid oid, objsubid i2, virtualtransaction text, pid i4, mode text, granted bool, fastpath bool, waitstart tz
pg_prepared_statements: name text, statement text
information_schema.schemata: catalog_name name, schema_name name, schema_owner name
information_schema.tables: table_catalog name, table_schema name, table_name name, table_type text, is_insertable_into text
information_schema.views: table_catalog name, table_schema name, table_name name, view_definition text
information_schema.columns: table_catalog name, table_schema name, table_name name, column_name name, ordinal_position i4, column_default text, is_nullable text, data_type text, character_maximum_length i4, numeric_precision i4, numeric_scale i4, datetime_precision i4, udt_catalog name, udt_schema name, udt_name name, is_identity text, identity_generation text, is_generated text, generation_expression text
information_schema.table_constraints: constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, table_name name, constraint_type text
information_schema.key_column_usage: constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, table_name name, column_name name, ordinal_position i4
"""


Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Environment:
    """What system tables show besides the catalog."""

    databases: tuple[str, ...]
    database: str
    user: str
    settings: Any  # SessionSettings
    statements: tuple[str, ...]
    connections: tuple[tuple[int, str, str], ...]
    shard_rows: dict[int, int]
    index_queue: Callable[[], list[Any]]  # of storage.jobs.QueuedIndex
    locks: Callable[[], list[Row]] = list  # rows of pg_locks

    @property
    def version(self) -> str:
        from sqlvec import __version__

        return f"PostgreSQL {self.settings.show('server_version')} (sqlvec {__version__})"


def _parse_schema() -> dict[tuple[str, str], tuple[tuple[str, SqlType], ...]]:
    tables = {}
    for line in _SCHEMA.strip().splitlines():
        name, _, columns = line.partition(":")
        schema, _, table = name.rpartition(".")
        pairs = [column.split() for column in columns.split(",")]
        tables[(schema or "pg_catalog", table)] = tuple((n, _WORDS[t]) for n, t in pairs)
    return tables


TABLES = _parse_schema()
SYSTEM_OIDS = {key: 1 + i for i, key in enumerate(TABLES)} | {
    ("pg_catalog", "pg_class"): 1259, ("pg_catalog", "pg_type"): 1247, ("pg_catalog", "pg_attribute"): 1249,
    ("pg_catalog", "pg_namespace"): 2615, ("pg_catalog", "pg_constraint"): 2606, ("pg_catalog", "pg_proc"): 1255,
    ("pg_catalog", "pg_attrdef"): 2604, ("pg_catalog", "pg_extension"): 3079, ("pg_catalog", "pg_database"): 1262,
    ("pg_catalog", "pg_rewrite"): 2618, ("pg_catalog", "pg_trigger"): 2620,
}  # fmt: skip
SYSTEM_NAMES = {oid: name if schema == "pg_catalog" else f"{schema}.{name}" for (schema, name), oid in SYSTEM_OIDS.items()}
_METHODS = {"heap": 2, "btree": 403, "hash": 405, "gist": 783, "gin": 2742, "brin": 3580,
            "hnsw": 16400, "ivfflat": 16401, "bm25": 16402}  # fmt: skip
_OPERATOR_CLASSES = {"vector_l2_ops": 16410, "vector_ip_ops": 16411, "vector_cosine_ops": 16412, "vector_l1_ops": 16413}


def system_table(schema: str, name: str) -> tuple[tuple[str, SqlType], ...] | None:
    """The columns of a system table."""
    return TABLES.get((schema, name))


def system_rows(
    schema: str, name: str, catalog: Catalog, environment: Environment
) -> dict[str, list[Any]]:
    """Its rows, as columns of datums. What a row does not say is the column's zero."""
    columns = TABLES[(schema, name)]
    make = ROWS.get(name if schema == "pg_catalog" else f"{schema}.{name}")
    rows = list(make(catalog, environment)) if make else []
    return {
        column: [row.get(column, _zero(sql_type)) for row in rows] for column, sql_type in columns
    }


def _zero(sql_type: SqlType) -> Any:
    if sql_type in (types.BOOL,):
        return False
    if sql_type in (types.OID, types.INT2, types.INT4, types.INT8, types.REGPROC, types.XID):
        return 0
    return "" if sql_type == types.CHAR else None


def _namespaces(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for schema in catalog.schemas.values():
        yield {"oid": schema.oid, "nspname": schema.name, "nspowner": SUPERUSER_OID}


def _classes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for relation in catalog.relations.values():
        yield _class(catalog, relation, environment)
    for (schema, name), oid in SYSTEM_OIDS.items():
        namespace = CATALOG_SCHEMA_OID if schema == "pg_catalog" else 13000
        row = _class_row(oid, name, namespace, "r", len(TABLES[(schema, name)]))
        yield row


def _class_row(oid: int, name: str, namespace: int, kind: str, width: int) -> Row:
    return {
        "oid": oid, "relname": name, "relnamespace": namespace, "relowner": SUPERUSER_OID,
        "relfilenode": oid, "relkind": kind, "relnatts": width, "relpersistence": "p",
        "relispopulated": True, "relreplident": "d", "reltuples": -1.0, "relam": 2 if kind == "r" else 0,
    }  # fmt: skip


def _class(catalog: Catalog, relation: Any, environment: Environment) -> Row:
    if isinstance(relation, Index):
        table = catalog.relations[relation.table_oid]
        row = _class_row(relation.oid, relation.name, table.schema_oid, "i", len(relation.columns))  # type: ignore[union-attr]
        row["relam"] = _METHODS.get(relation.method, 403)
        row["reloptions"] = [f"{k}={v}" for k, v in relation.options.items()] or None
        return row
    kind = {Table: "r", Sequence: "S", View: "v"}[type(relation)]
    width = len(relation.columns) if kind != "S" else 3
    row = _class_row(relation.oid, relation.name, relation.schema_oid, kind, width)
    if isinstance(relation, Table):
        row["relhasindex"] = bool(catalog.indexes(relation.oid))
        row["relchecks"] = sum(c.kind == "c" for c in relation.constraints)
        row["reltuples"] = float(environment.shard_rows.get(relation.oid, -1))
    return row


def _attributes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for relation in catalog.relations.values():
        if isinstance(relation, (Table, View)):
            for column in relation.columns:
                yield _attribute(relation.oid, column)
        elif isinstance(relation, Index):
            yield from _index_attributes(catalog, relation)


def _attribute(oid: int, column: Any) -> Row:
    definition_ = column.type.definition
    return {
        "attrelid": oid, "attname": column.name if not column.dropped else f"........pg.dropped.{column.attnum}........",
        "atttypid": 0 if column.dropped else column.type.oid, "attstattarget": -1, "attlen": definition_.length,
        "attnum": column.attnum, "attndims": int(definition_.category == "A"), "attcacheoff": -1,
        "atttypmod": column.type.typmod, "attbyval": definition_.by_value, "attalign": definition_.align,
        "attstorage": definition_.storage, "attnotnull": column.not_null,
        "atthasdef": bool(column.default or column.generated or (column.sequence_oid and not column.identity)),
        "attidentity": column.identity, "attgenerated": "s" if column.generated else "",
        "attisdropped": column.dropped, "attislocal": True,
        "attcollation": 100 if definition_.category == "S" else 0,
    }  # fmt: skip


def _index_attributes(catalog: Catalog, index: Index) -> Iterator[Row]:
    table = catalog.relations[index.table_oid]
    for i, part in enumerate(index.columns, 1):
        column = table.columns[part.attnum - 1] if part.attnum else None  # type: ignore[union-attr]
        if column is not None:
            row = _attribute(index.oid, column)
        else:
            row = {"attrelid": index.oid, "attname": "expr", "atttypid": 25, "atttypmod": -1, "attislocal": True}
        yield row | {"attnum": i, "atthasdef": False, "attnotnull": False, "attidentity": "", "attgenerated": ""}


def _types(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for d in types.all_types():
        ours = 16384 <= d.oid < 20000
        yield {
            "oid": d.oid, "typname": d.name, "typnamespace": PUBLIC_SCHEMA_OID if ours else CATALOG_SCHEMA_OID,
            "typowner": SUPERUSER_OID, "typlen": d.length, "typbyval": d.by_value, "typtype": d.kind,
            "typcategory": d.category, "typispreferred": d.preferred, "typisdefined": True, "typdelim": d.delimiter,
            "typelem": d.element_oid, "typarray": d.array_oid, "typinput": d.input_function,
            "typoutput": d.output_function, "typreceive": d.receive_function, "typsend": d.send_function,
            "typalign": d.align, "typstorage": d.storage, "typtypmod": -1, "typmodin": "-", "typmodout": "-",
            "typanalyze": "-", "typcollation": 100 if d.category == "S" else 0,
        }  # fmt: skip


def _indexes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for index in catalog.relations.values():
        if not isinstance(index, Index):
            continue
        count = len(index.columns)
        expressions = ", ".join(c.expression for c in index.columns if not c.attnum)
        yield {
            "indexrelid": index.oid, "indrelid": index.table_oid, "indnatts": count + len(index.included),
            "indnkeyatts": count, "indisunique": index.unique, "indisprimary": index.primary,
            "indimmediate": True, "indisvalid": True, "indisready": True, "indislive": True,
            "indnullsnotdistinct": index.nulls_not_distinct,
            "indkey": [c.attnum for c in index.columns] + list(index.included),
            "indcollation": [0] * count,
            "indclass": [_OPERATOR_CLASSES.get(c.operator_class, 1978) for c in index.columns],
            "indoption": [int(c.descending) + 2 * int(c.nulls_first) for c in index.columns],
            "indexprs": expressions or None, "indpred": index.predicate or None,
        }  # fmt: skip


def _constraints(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in catalog.relations.values():
        if not isinstance(table, Table):
            continue
        for c in table.constraints:
            foreign = c.kind == "f"
            yield {
                "oid": c.oid, "conname": c.name, "connamespace": table.schema_oid, "contype": c.kind,
                "convalidated": True, "conrelid": table.oid, "conindid": c.index_oid,
                "confrelid": c.foreign_table_oid, "confupdtype": c.on_update if foreign else " ",
                "confdeltype": c.on_delete if foreign else " ", "confmatchtype": "s" if foreign else " ",
                "conislocal": True, "connoinherit": c.kind != "c", "conkey": list(c.attnums) or None,
                "confkey": list(c.foreign_attnums) or None, "conbin": c.expression or None,
            }  # fmt: skip


def _defaults(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in catalog.relations.values():
        if not isinstance(table, Table):
            continue
        for column in table.live_columns:
            text = column.generated or column.default
            if column.sequence_oid and not column.identity:
                text = f"nextval('{catalog.relations[column.sequence_oid].name}'::regclass)"
            if text:
                oid = table.oid * 2000 % (2**31) + column.attnum
                yield {"oid": oid, "adrelid": table.oid, "adnum": column.attnum, "adbin": text}


def _databases(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for i, name in enumerate(environment.databases):
        yield {
            "oid": 16000 + i, "datname": name, "datdba": SUPERUSER_OID, "encoding": 6, "datlocprovider": "c",
            "datallowconn": True, "datconnlimit": -1, "dattablespace": 1663, "datcollate": "C", "datctype": "C",
        }  # fmt: skip


def _roles(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    flags = ("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls")
    row: Row = {"oid": SUPERUSER_OID, "rolname": "postgres", "rolconnlimit": -1}
    yield row | dict.fromkeys(flags, True)


def _users(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"usename": "postgres", "usesysid": SUPERUSER_OID, "usecreatedb": True, "usesuper": True,
           "userepl": True, "usebypassrls": True}  # fmt: skip


def _table_names(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in catalog.relations.values():
        if isinstance(table, Table):
            yield {"schemaname": catalog.schemas[table.schema_oid].name, "tablename": table.name,
                   "tableowner": "postgres", "hasindexes": bool(catalog.indexes(table.oid))}  # fmt: skip


def _views(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for view in catalog.relations.values():
        if isinstance(view, View):
            schema = catalog.schemas[view.schema_oid].name
            yield {"schemaname": schema, "viewname": view.name, "viewowner": "postgres", "definition": view.query,
                   "table_catalog": environment.database, "table_schema": schema, "table_name": view.name,
                   "view_definition": view.query}  # fmt: skip


def _index_names(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for index in catalog.relations.values():
        if isinstance(index, Index):
            table = catalog.table(index.table_oid)
            yield {"schemaname": catalog.schemas[table.schema_oid].name, "tablename": table.name,
                   "indexname": index.name,
                   "indexdef": definition("pg_get_indexdef", (index.oid,), catalog)}  # fmt: skip


def _settings(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, value, description in environment.settings.show_all():
        yield {"name": name, "setting": value, "short_desc": description, "context": "user",
               "vartype": "string", "source": "default", "boot_val": value, "reset_val": value}  # fmt: skip


def _extensions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for i, name in enumerate(catalog.extensions):
        yield {"oid": 16385 + i, "extname": name, "extowner": SUPERUSER_OID, "extnamespace": PUBLIC_SCHEMA_OID,
               "extrelocatable": True, "extversion": "0.8.0"}  # fmt: skip


def _available_extensions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    installed = "0.8.0" if "vector" in catalog.extensions else None
    yield {"name": "vector", "default_version": "0.8.0", "installed_version": installed,
           "comment": "vector data type and distance operators"}  # fmt: skip


def _methods(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, oid in _METHODS.items():
        yield {"oid": oid, "amname": name, "amtype": "t" if name == "heap" else "i"}


def _operator_classes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, oid in _OPERATOR_CLASSES.items():
        yield {"oid": oid, "opcmethod": _METHODS["hnsw"], "opcname": name, "opcnamespace": PUBLIC_SCHEMA_OID,
               "opcowner": SUPERUSER_OID, "opcintype": types.VECTOR.oid}  # fmt: skip
    yield {"oid": 1978, "opcmethod": 403, "opcname": "int4_ops", "opcnamespace": CATALOG_SCHEMA_OID,
           "opcowner": SUPERUSER_OID, "opcintype": 23, "opcdefault": True}  # fmt: skip


def _collations(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for oid, name in ((100, "default"), (950, "C"), (951, "POSIX")):
        yield {"oid": oid, "collname": name, "collnamespace": CATALOG_SCHEMA_OID, "collowner": SUPERUSER_OID,
               "collprovider": "c", "collisdeterministic": True, "collencoding": -1}  # fmt: skip


def _sequences(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for s in catalog.relations.values():
        if isinstance(s, Sequence):
            yield {"seqrelid": s.oid, "seqtypid": s.type.oid, "seqstart": s.start, "seqincrement": s.increment,
                   "seqmax": s.maximum, "seqmin": s.minimum, "seqcache": 1, "seqcycle": s.cycle}  # fmt: skip


def _dependencies(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for s in catalog.relations.values():
        if isinstance(s, Sequence) and s.owned_by[0]:
            yield {"classid": 1259, "objid": s.oid, "refclassid": 1259, "refobjid": s.owned_by[0],
                   "refobjsubid": s.owned_by[1], "deptype": "a"}  # fmt: skip


def _tablespaces(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"oid": 1663, "spcname": "pg_default", "spcowner": SUPERUSER_OID}


def _activity(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for pid, user, database in environment.connections:
        yield {"datname": database, "pid": pid, "usename": user, "state": "active",
               "backend_type": "client backend", "application_name": ""}  # fmt: skip


def _locks(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    absent = dict.fromkeys(column for column, _ in TABLES["pg_catalog", "pg_locks"])
    for row in environment.locks():
        yield {**absent, **row, "fastpath": False}


def _statements(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name in environment.statements:
        yield {"name": name, "statement": ""}


def _schemata(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for schema in catalog.schemas.values():
        yield {"catalog_name": environment.database, "schema_name": schema.name, "schema_owner": "postgres"}


def _information_tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for r in catalog.relations.values():
        if isinstance(r, (Table, View)):
            table = isinstance(r, Table)
            yield {"table_catalog": environment.database, "table_schema": catalog.schemas[r.schema_oid].name,
                   "table_name": r.name, "table_type": "BASE TABLE" if table else "VIEW",
                   "is_insertable_into": "YES" if table else "NO"}  # fmt: skip


def _information_columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for r in catalog.relations.values():
        if not isinstance(r, (Table, View)):
            continue
        place = 0
        for column in r.columns:
            if column.dropped:
                continue
            place += 1
            d = column.type.definition
            ours = 16384 <= d.oid < 20000
            shown = "ARRAY" if d.category == "A" else "USER-DEFINED" if ours else d.display_name
            length = column.type.typmod - 4 if d.name in ("varchar", "bpchar") and column.type.typmod > 0 else None
            yield {
                "table_catalog": environment.database, "table_schema": catalog.schemas[r.schema_oid].name,
                "table_name": r.name, "column_name": column.name, "ordinal_position": place,
                "column_default": column.default, "is_nullable": "NO" if column.not_null else "YES",
                "data_type": shown, "character_maximum_length": length, "udt_catalog": environment.database,
                "udt_schema": "public" if ours else "pg_catalog", "udt_name": d.name,
                "is_identity": "YES" if column.identity else "NO",
                "identity_generation": {"a": "ALWAYS", "d": "BY DEFAULT"}.get(column.identity),
                "is_generated": "ALWAYS" if column.generated else "NEVER",
                "generation_expression": column.generated or None,
            }  # fmt: skip


def _information_constraints(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    words = {"p": "PRIMARY KEY", "u": "UNIQUE", "c": "CHECK", "f": "FOREIGN KEY"}
    for table in catalog.relations.values():
        if isinstance(table, Table):
            for c in table.constraints:
                yield _named(catalog, environment, table, c.name) | {"constraint_type": words[c.kind]}


def _key_columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in catalog.relations.values():
        if isinstance(table, Table):
            for c in table.constraints:
                for i, attnum in enumerate(c.attnums if c.kind in "puf" else (), 1):
                    column = table.column_by_attnum(attnum)
                    yield _named(catalog, environment, table, c.name) | {
                        "column_name": column.name, "ordinal_position": i,
                    }  # fmt: skip


def _named(catalog: Catalog, environment: Environment, table: Table, name: str) -> Row:
    schema = catalog.schemas[table.schema_oid].name
    return {"constraint_catalog": environment.database, "constraint_schema": schema, "constraint_name": name,
            "table_catalog": environment.database, "table_schema": schema, "table_name": table.name}  # fmt: skip


def _index_queue(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for queued in environment.index_queue():
        table, index = (catalog.relations.get(o) for o in (queued.table_oid, queued.index_oid))
        if table is not None and index is not None:
            yield {"relid": table.oid, "indexrelid": index.oid, "relname": table.name,
                   "indexrelname": index.name, "tenant": queued.tenant,
                   "rows_linked": queued.rows_linked, "rows_waiting": queued.rows_waiting}  # fmt: skip


ROWS: dict[str, Callable[[Catalog, Environment], Iterator[Row]]] = {
    "pg_namespace": _namespaces, "pg_class": _classes, "pg_attribute": _attributes, "pg_type": _types,
    "pg_index": _indexes, "pg_constraint": _constraints, "pg_attrdef": _defaults, "pg_am": _methods,
    "pg_opclass": _operator_classes, "pg_database": _databases, "pg_roles": _roles, "pg_authid": _roles,
    "pg_user": _users, "pg_tables": _table_names, "pg_views": _views, "pg_indexes": _index_names,
    "pg_settings": _settings, "pg_extension": _extensions, "pg_available_extensions": _available_extensions,
    "pg_collation": _collations, "pg_sequence": _sequences, "pg_depend": _dependencies,
    "sqlvec_index_queue": _index_queue, "pg_tablespace": _tablespaces, "pg_stat_activity": _activity, "pg_prepared_statements": _statements,
    "pg_locks": _locks,
    "information_schema.schemata": _schemata, "information_schema.tables": _information_tables,
    "information_schema.views": _views, "information_schema.columns": _information_columns,
    "information_schema.table_constraints": _information_constraints,
    "information_schema.key_column_usage": _key_columns,
}  # fmt: skip
