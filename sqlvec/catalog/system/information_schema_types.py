"""What the standard's views show of types: those of columns, domains, composite types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlvec.catalog.collations import COLLATIONS, column_collation, type_collation
from sqlvec.catalog.names import is_ours
from sqlvec.catalog.object_text import domain_default_text, domain_values
from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.relations import tables_of
from sqlvec.catalog.system.system_types import schema_of_type
from sqlvec.catalog.user_types import CompositeType, DomainType
from sqlvec.types import SqlType
from sqlvec.types.domain_type import Domain
from sqlvec.types.interval import FULL_PRECISION, SECOND_DIGITS_MAX

Row = dict[str, Any]
PRECISIONS = {"int2": 16, "int4": 32, "int8": 64, "float4": 24, "float8": 53}
_MOMENTS = ("timestamp", "timestamptz", "time", "timetz")
_CHARACTER_BYTES_MAX = 1_073_741_824


def yes_or_no(value: object) -> str:
    return "YES" if value else "NO"


# ---------------------------------------------------------------- types of columns


def type_row(catalog: Catalog, database: str, sql_type: SqlType) -> Row:
    """What the standard wants to know of a type; of a domain, what it is over, with the domain's name."""
    d = sql_type.definition
    if not isinstance(d, Domain):
        return plain_type_row(catalog, database, sql_type)
    schema = catalog.schemas[schema_of_type(catalog, d.oid)].name
    named = {"domain_catalog": database, "domain_schema": schema, "domain_name": d.name}
    return plain_type_row(catalog, database, d.base) | named


def collation_row(database: str, collation: int) -> Row:
    """Of a column, domain or attribute; the default collation is not shown."""
    if collation in (0, COLLATIONS["default"]):
        return {}
    name = next(name for name, oid in COLLATIONS.items() if oid == collation)
    return {"collation_catalog": database, "collation_schema": "pg_catalog", "collation_name": name}


def plain_type_row(catalog: Catalog, database: str, sql_type: SqlType) -> Row:
    d, typmod = sql_type.definition, sql_type.typmod
    schema = catalog.schemas[schema_of_type(catalog, d.oid)].name
    array = d.name.startswith("_")
    made = is_ours(d.oid) or d.own
    row: Row = {"data_type": "ARRAY" if array else "USER-DEFINED" if made else d.display_name,
                "udt_catalog": database, "udt_name": d.name, "udt_schema": schema}  # fmt: skip
    if d.own:
        return row
    if d.name in ("varchar", "bpchar"):
        length = typmod - 4 if typmod > 0 else None
        row |= {"character_maximum_length": length,
                "character_octet_length": length * 4 if length else _CHARACTER_BYTES_MAX}  # fmt: skip
    elif d.name == "text":
        row["character_octet_length"] = _CHARACTER_BYTES_MAX
    elif d.name in ("bit", "varbit"):
        row["character_maximum_length"] = typmod if typmod > 0 else None
    elif d.name in PRECISIONS:
        row |= {"numeric_precision": PRECISIONS[d.name], "numeric_precision_radix": 2}
        if d.name.startswith("int"):
            row["numeric_scale"] = 0
    elif d.name == "numeric":
        row["numeric_precision_radix"] = 10
        if typmod > 0:
            row |= {"numeric_precision": (typmod - 4) >> 16, "numeric_scale": (typmod - 4) & 0x7FF}
    elif d.name == "interval":
        shown, digits = d.modifiers(typmod) if typmod >= 0 else "", typmod & FULL_PRECISION
        row["datetime_precision"] = digits if typmod >= 0 and digits <= SECOND_DIGITS_MAX else SECOND_DIGITS_MAX
        row["interval_type"] = shown.strip().upper() if shown.startswith(" ") else None
    elif d.name in _MOMENTS:
        row["datetime_precision"] = typmod if typmod >= 0 else 6
    elif d.name == "date":
        row["datetime_precision"] = 0
    return row


# ---------------------------------------------------------------- domains


def _domains_of(catalog: Catalog) -> Iterator[DomainType]:
    for made in catalog.types.values():
        if isinstance(made, DomainType):
            yield made


def _named(catalog: Catalog, environment: Environment, domain: DomainType) -> Row:
    return {
        "domain_catalog": environment.database, "domain_name": domain.name,
        "domain_schema": catalog.schemas[domain.schema_oid].name,
    }  # fmt: skip


def _domains(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for domain in _domains_of(catalog):
        known = catalog.type_by_oid(domain.oid)
        assert known is not None, domain
        yield {
            **type_row(catalog, environment.database, known), **_named(catalog, environment, domain),
            "domain_default": domain_default_text(view, domain), "dtd_identifier": "1",
            **collation_row(environment.database, type_collation(catalog, known)),
        }  # fmt: skip


def _domain_constraints(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for domain in _domains_of(catalog):
        for name, _ in _clauses(catalog, environment, domain):
            yield {
                **_named(catalog, environment, domain), **_constraint(catalog, environment, domain, name),
                "is_deferrable": "NO", "initially_deferred": "NO",
            }  # fmt: skip


def domain_checks(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """The rows of check_constraints that are of domains."""
    for domain in _domains_of(catalog):
        for name, clause in _clauses(catalog, environment, domain):
            yield {**_constraint(catalog, environment, domain, name), "check_clause": clause}


def _constraint(
    catalog: Catalog, environment: Environment, domain: DomainType, name: str
) -> Row:
    return {
        "constraint_catalog": environment.database, "constraint_name": name,
        "constraint_schema": catalog.schemas[domain.schema_oid].name,
    }  # fmt: skip


def _clauses(
    catalog: Catalog, environment: Environment, domain: DomainType
) -> Iterator[tuple[str, str]]:
    view = environment.viewpoint(catalog)
    over = domain_values(catalog, domain)
    for check in domain.checks:
        yield check.name, f"({view.expression(check.expression, over)})"


def _columns_of_domains(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        for column in table.live_columns:
            made = catalog.types.get(column.type.oid)
            if isinstance(made, DomainType):
                yield _named(catalog, environment, made) | _place(catalog, environment, table) | {
                    "column_name": column.name
                }


def _place(catalog: Catalog, environment: Environment, table: Table) -> Row:
    return {
        "table_catalog": environment.database, "table_name": table.name,
        "table_schema": catalog.schemas[table.schema_oid].name,
    }  # fmt: skip


# ---------------------------------------------------------------- composite types


def _composites(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for made in catalog.types.values():
        if isinstance(made, CompositeType):
            yield {
                "user_defined_type_catalog": environment.database, "user_defined_type_name": made.name,
                "user_defined_type_schema": catalog.schemas[made.schema_oid].name,
                "user_defined_type_category": "STRUCTURED", "is_instantiable": "YES",
            }  # fmt: skip


def _attributes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for made in catalog.types.values():
        for attribute in made.live_attributes if isinstance(made, CompositeType) else ():
            found = catalog.type_by_oid(attribute.type.oid) or attribute.type
            row = type_row(catalog, environment.database, replace(found, typmod=attribute.type.typmod))
            udt = {f"attribute_{word}": row.pop(word) for word in ("udt_catalog", "udt_schema", "udt_name")}
            for word in ("domain_catalog", "domain_schema", "domain_name"):
                row.pop(word, None)
            row |= collation_row(environment.database, column_collation(catalog, attribute))
            yield row | udt | {
                "udt_catalog": environment.database, "udt_name": made.name,
                "udt_schema": catalog.schemas[made.schema_oid].name, "attribute_name": attribute.name,
                "ordinal_position": attribute.attnum, "is_nullable": "YES",
                "dtd_identifier": str(attribute.attnum), "is_derived_reference_attribute": "NO",
            }  # fmt: skip


_PREFIX = "information_schema."
OURS = {
    f"{_PREFIX}domains": _domains,
    f"{_PREFIX}domain_constraints": _domain_constraints,
    f"{_PREFIX}column_domain_usage": _columns_of_domains,
    f"{_PREFIX}user_defined_types": _composites,
    f"{_PREFIX}attributes": _attributes,
}
