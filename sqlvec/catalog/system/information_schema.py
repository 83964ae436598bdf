"""information_schema: the SQL standard's view of tables, columns and constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.collations import COLLATIONS, column_collation, definition_collation
from sqlvec.catalog.object_text import default_text
from sqlvec.catalog.objects import Catalog, Column, Constraint, Sequence, Table, View
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.information_schema_types import (
    PRECISIONS,
    collation_row,
    domain_checks,
    type_row,
    yes_or_no,
)
from sqlvec.catalog.system.relations import persistence_of, tables_of
from sqlvec.catalog.system.tables import system_tables
from sqlvec.catalog.viewpoint import SUPERUSER

Row = dict[str, Any]
_CONSTRAINTS = {"p": "PRIMARY KEY", "u": "UNIQUE", "c": "CHECK", "f": "FOREIGN KEY"}
_RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_TABLE_PRIVILEGES = ("INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def _schemata(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for schema in catalog.schemas.values():
        owner = "pg_database_owner" if schema.name == "public" else SUPERUSER
        yield {"catalog_name": environment.database, "schema_name": schema.name, "schema_owner": owner}


def _name(environment: Environment) -> Iterator[Row]:
    yield {"catalog_name": environment.database}


# ---------------------------------------------------------------- tables and columns


def _system_tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        yield _table(environment, table.schema, table.name, table.kind == "r")


def _tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for r in _shown(catalog):
        yield _table(environment, catalog.schemas[r.schema_oid].name, r.name, isinstance(r, Table)) | (
            {"table_type": "LOCAL TEMPORARY"} if persistence_of(catalog, r) == "t" else {}
        )


def _table(environment: Environment, schema: str, name: str, stored: bool) -> Row:
    return {"table_catalog": environment.database, "table_schema": schema, "table_name": name,
            "table_type": "BASE TABLE" if stored else "VIEW", "is_insertable_into": yes_or_no(stored),
            "is_typed": "NO"}  # fmt: skip


def _shown(catalog: Catalog) -> Iterator[Table | View]:
    """The standard knows no materialized views."""
    for r in catalog.relations.values():
        if isinstance(r, View) or (isinstance(r, Table) and not r.query):
            yield r


def _views(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for r in _shown(catalog):
        if isinstance(r, View):
            yield {"table_catalog": environment.database, "table_schema": catalog.schemas[r.schema_oid].name,
                   "table_name": r.name, "view_definition": f" {r.query};", "check_option": (r.check_option or "none").upper(),
                   **dict.fromkeys(("is_updatable", "is_insertable_into"), yes_or_no(r.updatable)),
                   **dict.fromkeys(("is_trigger_updatable", "is_trigger_deletable", "is_trigger_insertable_into"), "NO")}  # fmt: skip


def _system_columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in system_tables().values():
        for attnum, c in enumerate(table.columns, 1):
            collation = COLLATIONS["C"] if definition_collation(c.type.definition) else 0
            column = Column(attnum, c.name, c.type, c.not_null, collation=collation)
            yield _column(catalog, environment, table.schema, table.name, column, table.kind == "r")


def _columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for r in _shown(catalog):
        stored = isinstance(r, Table)
        schema = catalog.schemas[r.schema_oid].name
        for column in r.columns:
            if column.dropped:
                continue
            row = _column(catalog, environment, schema, r.name, column, stored)
            if isinstance(r, Table):
                word = "generation_expression" if column.generated else "column_default"
                row[word] = default_text(view, r, column.attnum)
            sequence = catalog.relations.get(column.sequence_oid)
            if column.identity and isinstance(sequence, Sequence):
                row |= {"identity_start": str(sequence.start), "identity_increment": str(sequence.increment),
                        "identity_maximum": str(sequence.maximum), "identity_minimum": str(sequence.minimum),
                        "identity_cycle": yes_or_no(sequence.cycle)}  # fmt: skip
            yield row


def _column(
    catalog: Catalog, environment: Environment, schema: str, table: str, column: Column, stored: bool
) -> Row:
    database = environment.database
    return {
        "table_catalog": database, "table_schema": schema, "table_name": table, "column_name": column.name,
        "ordinal_position": column.attnum, "is_nullable": yes_or_no(not column.not_null), "column_default": None,
        **type_row(catalog, database, column.type),
        **collation_row(database, column_collation(catalog, column)), "dtd_identifier": str(column.attnum), "is_self_referencing": "NO",
        "is_identity": yes_or_no(column.identity), "identity_cycle": "NO",
        "identity_generation": {"a": "ALWAYS", "d": "BY DEFAULT"}.get(column.identity),
        "is_generated": "ALWAYS" if column.generated else "NEVER",
        "generation_expression": column.generated or None, "is_updatable": yes_or_no(stored),
    }  # fmt: skip


# ---------------------------------------------------------------- constraints


def _named(catalog: Catalog, environment: Environment, table: Table, name: str) -> Row:
    schema = catalog.schemas[table.schema_oid].name
    return {"constraint_catalog": environment.database, "constraint_schema": schema, "constraint_name": name,
            "table_catalog": environment.database, "table_schema": schema, "table_name": table.name}  # fmt: skip


def _constraints(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        for c in table.constraints:
            if c.kind in _CONSTRAINTS:
                deferrable = c.deferrable
                yield _named(catalog, environment, table, c.name) | {
                    "constraint_type": _CONSTRAINTS[c.kind], "is_deferrable": yes_or_no(deferrable),
                    "initially_deferred": yes_or_no(c.deferred),
                    "enforced": "YES",
                    "nulls_distinct": _distinct(catalog, c),
                }  # fmt: skip
        for _, name in _not_nulls(table):
            yield _named(catalog, environment, table, name) | {
                "constraint_type": "CHECK", "is_deferrable": "NO", "initially_deferred": "NO",
                "enforced": "YES",
            }  # fmt: skip


def _not_nulls(table: Table) -> Iterator[tuple[Column, str]]:
    """NOT NULL is a check to the standard; PostgreSQL names it by the oids of schema and table."""
    for column in table.live_columns:
        if column.not_null:
            yield column, f"{table.schema_oid}_{table.oid}_{column.attnum}_not_null"


def _distinct(catalog: Catalog, c: Constraint) -> str | None:
    if c.kind != "u":
        return None
    return yes_or_no(not getattr(catalog.relations.get(c.index_oid), "nulls_not_distinct", False))


def _checks(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    words = ("constraint_catalog", "constraint_schema", "constraint_name")
    view = environment.viewpoint(catalog)
    for table in tables_of(catalog):
        checks = [c for c in table.constraints if c.kind == "c"]
        clauses = [(c.name, f"({view.expression(c.expression, table)})") for c in checks]
        clauses += [(name, f"{column.name} IS NOT NULL") for column, name in _not_nulls(table)]
        for name, clause in clauses:
            row = _named(catalog, environment, table, name)
            yield {word: row[word] for word in words} | {"check_clause": clause}
    yield from domain_checks(catalog, environment)


def _key_columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        for c in table.constraints:
            for place, attnum in enumerate(c.attnums if c.kind in "puf" else (), 1):
                yield _named(catalog, environment, table, c.name) | {
                    "column_name": table.column_by_attnum(attnum).name, "ordinal_position": place,
                    "position_in_unique_constraint": _place_in_key(catalog, c, place),
                }  # fmt: skip


def _place_in_key(catalog: Catalog, c: Constraint, place: int) -> int | None:
    key = _referenced(catalog, c) if c.kind == "f" else None
    return key.attnums.index(c.foreign_attnums[place - 1]) + 1 if key is not None else None


def _referenced(catalog: Catalog, c: Constraint) -> Constraint | None:
    """The key that a foreign key refers to."""
    table = catalog.table(c.foreign_table_oid)
    for key in table.unique_keys:
        if set(key.attnums) == set(c.foreign_attnums):
            return key
    return None


def _used_columns(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """constraint_column_usage: of a foreign key, the columns it refers to."""
    for table in tables_of(catalog):
        for c in table.constraints:
            owner = catalog.table(c.foreign_table_oid) if c.kind == "f" else table
            attnums = c.foreign_attnums if c.kind == "f" else c.attnums
            for attnum in attnums:
                row = _named(catalog, environment, owner, c.name)
                schema = catalog.schemas[table.schema_oid].name
                yield row | {"constraint_schema": schema,
                             "column_name": owner.column_by_attnum(attnum).name}  # fmt: skip


def _used_tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        for c in table.constraints:
            if c.kind in "puf":
                owner = catalog.table(c.foreign_table_oid) if c.kind == "f" else table
                yield _named(catalog, environment, owner, c.name) | {
                    "constraint_schema": catalog.schemas[table.schema_oid].name
                }


def _references(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        for c in table.constraints:
            if c.kind != "f":
                continue
            schema = catalog.schemas[table.schema_oid].name
            foreign = catalog.table(c.foreign_table_oid)
            key = _referenced(catalog, c)
            yield {
                "constraint_catalog": environment.database, "constraint_schema": schema,
                "constraint_name": c.name, "unique_constraint_catalog": environment.database,
                "unique_constraint_schema": catalog.schemas[foreign.schema_oid].name,
                "unique_constraint_name": key.name if key else None,
                "match_option": "FULL" if c.match == "f" else "NONE",
                "update_rule": _RULES[c.on_update], "delete_rule": _RULES[c.on_delete],
            }  # fmt: skip


# ---------------------------------------------------------------- sequences and privileges


def _sequences(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for s in catalog.relations.values():
        if isinstance(s, Sequence):
            if s.owned_by[0] and catalog.table(s.owned_by[0]).column_by_attnum(s.owned_by[1]).identity:
                continue
            yield {
                "sequence_catalog": environment.database, "sequence_name": s.name,
                "sequence_schema": catalog.schemas[s.schema_oid].name, "numeric_precision_radix": 2,
                "data_type": s.type.definition.display_name, "numeric_scale": 0,
                "numeric_precision": PRECISIONS[s.type.definition.name], "start_value": str(s.start),
                "minimum_value": str(s.minimum), "maximum_value": str(s.maximum),
                "increment": str(s.increment), "cycle_option": yes_or_no(s.cycle),
            }  # fmt: skip


def _privileges(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for r in _shown(catalog):
        for privilege in _TABLE_PRIVILEGES:
            yield {"grantor": SUPERUSER, "grantee": SUPERUSER, "table_catalog": environment.database,
                   "table_schema": catalog.schemas[r.schema_oid].name, "table_name": r.name,
                   "privilege_type": privilege, "is_grantable": "YES",
                   "with_hierarchy": yes_or_no(privilege == "SELECT")}  # fmt: skip


def _role(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"role_name": SUPERUSER}


_PREFIX = "information_schema."
BUILTIN = {
    f"{_PREFIX}tables": _system_tables,
    f"{_PREFIX}columns": _system_columns,
    f"{_PREFIX}enabled_roles": _role,
}
OURS = {
    _PREFIX + name: maker
    for name, maker in {
        "information_schema_catalog_name": lambda catalog, environment: _name(environment),
        "schemata": _schemata,
        "tables": _tables,
        "views": _views,
        "columns": _columns,
        "table_constraints": _constraints,
        "check_constraints": _checks,
        "key_column_usage": _key_columns,
        "constraint_column_usage": _used_columns,
        "constraint_table_usage": _used_tables,
        "referential_constraints": _references,
        "sequences": _sequences,
        "table_privileges": _privileges,
        "role_table_grants": _privileges,
    }.items()
}
