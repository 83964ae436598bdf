"""GRANT, REVOKE and ALTER DEFAULT PRIVILEGES: there is one user, who may do everything, so they change nothing.

What they name must exist, as in PostgreSQL: scripts that grant to PUBLIC or to the owner run, and a role that is not
there is told.
"""

from __future__ import annotations

from sqlvec.catalog.names import roles
from sqlvec.catalog.system.tables import system_table
from sqlvec.errors import InvalidGrantOperation, InvalidSchemaName, UndefinedObject, UndefinedTable
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node

_ONESELF = ("ROLESPEC_PUBLIC", "ROLESPEC_CURRENT_USER", "ROLESPEC_CURRENT_ROLE", "ROLESPEC_SESSION_USER")


def bind_grant(binder: Binder, body: Node) -> bound.Ddl:
    """A GrantStmt."""
    _check_roles(body["grantees"])
    if body.get("grant_option") and any(n["RoleSpec"]["roletype"] == "ROLESPEC_PUBLIC" for n in body["grantees"]):
        raise InvalidGrantOperation("grant options can only be granted to roles")
    kind, whole = body["objtype"], body["targtype"] == "ACL_TARGET_ALL_IN_SCHEMA"
    for node in body.get("objects", ()):
        if "RangeVar" in node:
            part = node["RangeVar"]
            schema, name = part.get("schemaname"), part["relname"]
            known = system_table(schema or "pg_catalog", name)
            if known is None and binder.context.find_relation(schema, name) is None:
                shown = f"{schema}.{name}" if schema else name
                raise UndefinedTable(f'relation "{shown}" does not exist')
        elif kind == "OBJECT_SCHEMA" or whole:
            _check_schema(binder, node["String"]["sval"])
        elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
            binder.type_name({"names": node["List"]["items"]})
    return bound.Ddl("GRANT" if body.get("is_grant") else "REVOKE")


def bind_grant_role(binder: Binder, body: Node) -> bound.Ddl:
    """A GrantRoleStmt."""
    for node in body["granted_roles"]:
        _check_role(node["AccessPriv"]["priv_name"])
    _check_roles(body["grantee_roles"])
    return bound.Ddl("GRANT ROLE" if body.get("is_grant") else "REVOKE ROLE")


def bind_default_privileges(binder: Binder, body: Node) -> bound.Ddl:
    """An AlterDefaultPrivilegesStmt."""
    for node in body.get("options", ()):
        option = node["DefElem"]
        for item in option["arg"]["List"]["items"]:
            if option["defname"] == "schemas":
                _check_schema(binder, item["String"]["sval"])
            else:
                _check_roles([item])
    _check_roles(body["action"]["grantees"])
    return bound.Ddl("ALTER DEFAULT PRIVILEGES")


def _check_roles(nodes: list[Node]) -> None:
    for node in nodes:
        role = node["RoleSpec"]
        if role["roletype"] not in _ONESELF:
            _check_role(role["rolename"])


def _check_role(name: str) -> None:
    if name not in roles():
        raise UndefinedObject(f'role "{name}" does not exist')


def _check_schema(binder: Binder, name: str) -> None:
    if name not in ("pg_catalog", "information_schema") and binder.catalog.schema(name) is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist')
