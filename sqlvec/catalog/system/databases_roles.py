"""pg_database, pg_roles, pg_extension, pg_tablespace: what belongs to the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.descriptions import EXTENSION_OID, VECTOR_COMMENT
from sqlvec.catalog.names import database_oid, roles
from sqlvec.catalog.object_description import METHODS
from sqlvec.catalog.objects import PUBLIC_SCHEMA_OID, Catalog
from sqlvec.catalog.system import access_methods, functions, system_types
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.tables import class_oid
from sqlvec.catalog.viewpoint import SUPERUSER, SUPERUSER_OID

Row = dict[str, Any]
VECTOR_VERSION = "0.8.0"
DEFAULT_TABLESPACE_OID = 1_663
_UTF8 = 6
_RIGHTS = ("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication",
           "rolbypassrls")  # fmt: skip


def _databases(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name in environment.databases:
        yield {"oid": database_oid(name), "datname": name, "datdba": SUPERUSER_OID,
               "encoding": _UTF8, "datlocprovider": "c", "datallowconn": True, "datconnlimit": -1,
               "datfrozenxid": 722, "datminmxid": 1, "dattablespace": DEFAULT_TABLESPACE_OID,
               "datcollate": "C", "datctype": "C.UTF-8"}  # fmt: skip


def _roles(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, oid in roles().items():
        own = name == SUPERUSER
        yield dict.fromkeys(_RIGHTS, own) | {
            "oid": oid, "rolname": name, "rolinherit": True, "rolconnlimit": -1,
        }  # fmt: skip


def _shown_roles(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    return (row | {"rolpassword": "********"} for row in _roles(catalog, environment))


def _users(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"usename": SUPERUSER, "usesysid": SUPERUSER_OID, "usecreatedb": True, "usesuper": True,
           "userepl": True, "usebypassrls": True, "passwd": "********"}  # fmt: skip


_MEMBERS = ("pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables")


def _members(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """pg_monitor is made of three others."""
    for name in _MEMBERS:
        yield {"roleid": roles()[name], "member": roles()["pg_monitor"], "grantor": SUPERUSER_OID}


def _tablespaces(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for oid, name in ((DEFAULT_TABLESPACE_OID, "pg_default"), (1_664, "pg_global")):
        yield {"oid": oid, "spcname": name, "spcowner": SUPERUSER_OID}


# ---------------------------------------------------------------- extensions


def _extensions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for place, name in enumerate(catalog.extensions):
        yield {"oid": EXTENSION_OID + place, "extname": name, "extowner": SUPERUSER_OID,
               "extnamespace": PUBLIC_SCHEMA_OID, "extrelocatable": True, "extversion": VECTOR_VERSION}  # fmt: skip


def _available(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    installed = VECTOR_VERSION if "vector" in catalog.extensions else None
    yield {"name": "vector", "default_version": VECTOR_VERSION, "installed_version": installed,
           "comment": VECTOR_COMMENT}  # fmt: skip


def _versions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"name": "vector", "version": VECTOR_VERSION, "installed": "vector" in catalog.extensions,
           "superuser": True, "trusted": True, "relocatable": True, "comment": VECTOR_COMMENT}  # fmt: skip


def _members_of_extensions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """pg_depend: the objects that came with the extension."""
    if "vector" not in catalog.extensions:
        return
    extension = class_oid("pg_extension")
    makers = {
        "pg_type": system_types.BUILTIN, "pg_cast": system_types.BUILTIN, "pg_proc": functions.BUILTIN,
        "pg_operator": functions.BUILTIN, "pg_opclass": access_methods.BUILTIN,
        "pg_opfamily": access_methods.BUILTIN, "pg_am": access_methods.BUILTIN,
    }  # fmt: skip
    for table, made in makers.items():
        for row in made[table](catalog, environment):
            array = table == "pg_type" and row["typelem"]
            if 16_384 <= row["oid"] < 20_000 and not array and row["oid"] != METHODS["bm25"]:
                if str(row.get("opcname", row.get("opfname", ""))) != "text_bm25_ops":
                    yield {"classid": class_oid(table), "objid": row["oid"], "refclassid": extension,
                           "refobjid": EXTENSION_OID, "deptype": "e"}  # fmt: skip


BUILTIN = {
    "pg_roles": _shown_roles,
    "pg_authid": _roles,
    "pg_user": _users,
    "pg_auth_members": _members,
    "pg_tablespace": _tablespaces,
    "pg_extension": _extensions,
    "pg_available_extensions": _available,
    "pg_available_extension_versions": _versions,
    "pg_depend": _members_of_extensions,
}
LIVE = {"pg_database": _databases}
