"""pg_constraint: keys, checks and foreign keys of tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.object_text import domain_values
from sqlvec.catalog.objects import Catalog, Constraint, Table
from sqlvec.catalog.system.access_methods import equality_operator
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.user_types import DomainType
from sqlvec.catalog.viewpoint import Viewpoint

Row = dict[str, Any]


def _constraints(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for table in catalog.relations.values():
        if isinstance(table, Table):
            for constraint in table.constraints:
                yield _constraint(view, table, constraint)


    for made in catalog.types.values():
        if isinstance(made, DomainType):
            yield from _domain_checks(view, made)


def _domain_checks(view: Viewpoint, domain: DomainType) -> Iterator[Row]:
    over = domain_values(view.catalog, domain)
    for check in domain.checks:
        yield {
            "oid": check.oid, "conname": check.name, "connamespace": domain.schema_oid, "contype": "c",
            "convalidated": check.validated, "contypid": domain.oid, "confupdtype": " ",
            "confdeltype": " ", "confmatchtype": " ", "conislocal": True,
            "conbin": view.expression(check.expression, over),
        }  # fmt: skip


def _constraint(view: Viewpoint, table: Table, c: Constraint) -> Row:
    row: Row = {
        "oid": c.oid, "conname": c.name, "connamespace": table.schema_oid, "contype": c.kind,
        "condeferrable": c.deferrable,
        "condeferred": c.deferred,
        "convalidated": c.validated, "conrelid": table.oid, "conindid": c.index_oid,
        "confupdtype": " ", "confdeltype": " ", "confmatchtype": " ", "conislocal": c.local and not c.parent_oid,
        "coninhcount": c.inherited or int(c.parent_oid > 0), "conparentid": c.parent_oid if c.kind in "puf" else 0,
        "connoinherit": c.no_inherit if c.kind == "c" else table.partitioning is None,
        "conkey": list(c.attnums) or None,
        "conbin": view.expression(c.expression, table) if c.expression else None,
    }  # fmt: skip
    return row | _foreign(table, c) if c.kind == "f" else row


def _foreign(table: Table, c: Constraint) -> Row:
    """What only a foreign key has."""
    own = [table.column_by_attnum(attnum).type for attnum in c.attnums]
    equal = [equality_operator(sql_type.oid) for sql_type in own]
    deleted = list(c.set_attnums) or None
    return {
        "confrelid": c.foreign_table_oid, "confupdtype": c.on_update, "confdeltype": c.on_delete,
        "confmatchtype": c.match, "confkey": list(c.foreign_attnums),
        "conpfeqop": equal, "conppeqop": equal, "conffeqop": equal, "confdelsetcols": deleted,
    }  # fmt: skip


OURS = {"pg_constraint": _constraints}
