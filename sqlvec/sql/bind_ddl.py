"""DDL: checked against the catalog and turned into the objects of the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlvec.catalog.objects import Schema
from sqlvec.errors import DuplicateObject, DuplicateSchema, FeatureNotSupported, ReservedName
from sqlvec.sql import bound
from sqlvec.sql.bind_alter import bind_alter
from sqlvec.sql.bind_alter_routine import (
    ROUTINES,
    bind_alter_routine,
    bind_drop_routine,
    bind_rename_routine,
    bind_routine_owner,
    bind_routine_schema,
)
from sqlvec.sql.bind_comment import bind_comment
from sqlvec.sql.bind_composite import (
    bind_alter_composite,
    bind_create_composite,
    bind_rename_attribute,
)
from sqlvec.sql.bind_domain import (
    bind_alter_domain,
    bind_create_domain,
    bind_rename_domain_constraint,
)
from sqlvec.sql.bind_drop import bind_drop, bind_truncate
from sqlvec.sql.bind_enum import bind_alter_enum, bind_create_enum
from sqlvec.sql.bind_grant import bind_default_privileges, bind_grant, bind_grant_role
from sqlvec.sql.bind_index import bind_alter_index, bind_index, bind_reindex
from sqlvec.sql.bind_rename import bind_rename, bind_set_schema
from sqlvec.sql.bind_routine import bind_create_routine
from sqlvec.sql.bind_sequence import bind_alter_sequence, bind_create_sequence
from sqlvec.sql.bind_table import bind_create_table
from sqlvec.sql.bind_type import (
    bind_drop_type,
    bind_rename_type,
    bind_type_owner,
    bind_type_schema,
)
from sqlvec.sql.bind_view import bind_create_as, bind_create_view, bind_refresh
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.type_text import qualified, with_qualified


def bind_ddl(binder: Binder, kind: str, body: Node) -> bound.Ddl | bound.Utility:
    """The statement as a change of the catalog."""
    made = DDL_KINDS[kind](binder, body)
    if isinstance(made, bound.Ddl) and (binder.catalog.types or binder.catalog.routines):
        made = replace(made, changed=qualified(binder, made.changed))
    if isinstance(made, bound.Ddl) and made.catalog is not None and made.catalog.routines:
        made = replace(made, catalog=with_qualified(binder, made.catalog))
    if isinstance(made, bound.Ddl) and made.catalog is None:
        if binder.catalog is not binder.context.catalog:  # with the schema of temporary objects
            return replace(made, catalog=binder.catalog)
    return made


def _create_schema(binder: Binder, body: Node) -> bound.Ddl:
    name = body.get("schemaname") or body["authrole"]["RoleSpec"]["rolename"]
    if name.startswith("pg_"):
        raise ReservedName(
            f'unacceptable schema name "{name}"',
            detail='The prefix "pg_" is reserved for system schemas.',
        )
    if body.get("schemaElts"):
        raise FeatureNotSupported("CREATE SCHEMA with elements is not supported")
    if binder.catalog.schema(name) is not None:
        if body.get("if_not_exists"):
            message = f'schema "{name}" already exists, skipping'
            return bound.Ddl("CREATE SCHEMA", notices=(("42P06", message),))
        raise DuplicateSchema(f'schema "{name}" already exists')
    catalog, oid = binder.catalog.reserve_oids(1)
    catalog = replace(catalog, schemas={**catalog.schemas, oid: Schema(oid, name)})
    return bound.Ddl("CREATE SCHEMA", catalog=catalog)


def _create_extension(binder: Binder, body: Node) -> bound.Ddl:
    name, known = body["extname"], binder.catalog.extensions
    if name in known or name == "plpgsql":
        if body.get("if_not_exists"):
            message = f'extension "{name}" already exists, skipping'
            return bound.Ddl("CREATE EXTENSION", notices=(("42710", message),))
        raise DuplicateObject(f'extension "{name}" already exists')
    if name not in ("vector", "pg_search", "pg_textsearch"):
        raise FeatureNotSupported(f'extension "{name}" is not available')
    catalog = replace(binder.catalog, extensions=(*known, name))
    return bound.Ddl("CREATE EXTENSION", catalog=catalog)


def _owner(binder: Binder, body: Node) -> bound.Ddl:
    """There is one owner."""
    if body["objectType"] in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        return bind_type_owner(binder, body)
    if body["objectType"] in ROUTINES:
        return bind_routine_owner(binder, body)
    return bound.Ddl(f"ALTER {body['objectType'].removeprefix('OBJECT_')}")


def _alter(binder: Binder, body: Node) -> bound.Ddl:
    if body.get("objtype") == "OBJECT_TYPE":
        return bind_alter_composite(binder, body)
    return (bind_alter_index if body.get("objtype") == "OBJECT_INDEX" else bind_alter)(binder, body)


def _drop(binder: Binder, body: Node) -> bound.Ddl:
    if body["removeType"] in ROUTINES:
        return bind_drop_routine(binder, body)
    types = body["removeType"] in ("OBJECT_TYPE", "OBJECT_DOMAIN")
    return (bind_drop_type if types else bind_drop)(binder, body)


def _rename(binder: Binder, body: Node) -> bound.Ddl:
    if body["renameType"] == "OBJECT_DOMCONSTRAINT":
        return bind_rename_domain_constraint(binder, body)
    if body["renameType"] == "OBJECT_ATTRIBUTE":
        return bind_rename_attribute(binder, body)
    if body["renameType"] in ROUTINES:
        return bind_rename_routine(binder, body)
    types = body["renameType"] in ("OBJECT_TYPE", "OBJECT_DOMAIN")
    return (bind_rename_type if types else bind_rename)(binder, body)


def _set_schema(binder: Binder, body: Node) -> bound.Ddl:
    if body["objectType"] in ROUTINES:
        return bind_routine_schema(binder, body)
    types = body["objectType"] in ("OBJECT_TYPE", "OBJECT_DOMAIN")
    return (bind_type_schema if types else bind_set_schema)(binder, body)


DDL_KINDS: dict[str, Callable[[Binder, Any], bound.Ddl | bound.Utility]] = {
    "CreateStmt": bind_create_table,
    "CreateTableAsStmt": bind_create_as,
    "RefreshMatViewStmt": bind_refresh,
    "DropStmt": _drop,
    "AlterTableStmt": _alter,
    "ReindexStmt": bind_reindex,
    "IndexStmt": bind_index,
    "CreateSchemaStmt": _create_schema,
    "CreateExtensionStmt": _create_extension,
    "CreateSeqStmt": bind_create_sequence,
    "AlterSeqStmt": bind_alter_sequence,
    "ViewStmt": bind_create_view,
    "TruncateStmt": bind_truncate,
    "CommentStmt": bind_comment,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "CreateEnumStmt": bind_create_enum,
    "AlterEnumStmt": bind_alter_enum,
    "CompositeTypeStmt": bind_create_composite,
    "CreateDomainStmt": bind_create_domain,
    "AlterDomainStmt": bind_alter_domain,
    "AlterOwnerStmt": _owner,
    "CreateFunctionStmt": bind_create_routine,
    "GrantStmt": bind_grant,
    "GrantRoleStmt": bind_grant_role,
    "AlterDefaultPrivilegesStmt": bind_default_privileges,
    "AlterFunctionStmt": bind_alter_routine,
}
