"""has_table_privilege and its kin. There is one user, the superuser, who may do everything.

The object must exist all the same, and the privilege must be one: the errors are PostgreSQL's (acl.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.catalog import names
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import (
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedObject,
    UndefinedTable,
)

_TABLE = "select insert update delete truncate references trigger"
_KINDS = {
    "table": _TABLE,
    "any_column": "select insert update references",
    "column": "select insert update references",
    "sequence": "usage select update",
    "schema": "create usage",
    "database": "create temporary temp connect",
    "function": "execute",
    "language": "usage",
    "tablespace": "create",
    "type": "usage",
    "foreign_data_wrapper": "usage",
    "server": "usage",
    "parameter": "set alter system",
}
_OPTION = " with grant option"


def _check_privilege(kind: str, wanted: str) -> None:
    """A comma-separated list of privileges of the kind."""
    allowed = _KINDS[kind].split() + (["alter system"] if kind == "parameter" else [])
    for word in wanted.split(","):
        if word.strip().lower().removesuffix(_OPTION) not in allowed:
            raise InvalidParameterValue(f'unrecognized privilege type: "{word.strip()}"')


def _check_role(view: Viewpoint, role: Any) -> None:
    if isinstance(role, str) and role != "public" and role not in names.roles():
        raise UndefinedObject(f'role "{role}" does not exist')


def _exists(view: Viewpoint, kind: str, target: Any) -> bool | None:
    """An oid that is nobody's gives NULL, a name that is nobody's an error."""
    if kind in ("table", "any_column", "column", "sequence"):
        if isinstance(target, int):
            return names.relation_is_visible(view, target) is not None or None
        if names.find_relation(view, target) is None:
            raise UndefinedTable(f'relation "{target}" does not exist')
    elif kind == "schema":
        if isinstance(target, int):
            return target in view.catalog.schemas or None
        if view.catalog.schema(target) is None:
            raise InvalidSchemaName(f'schema "{target}" does not exist')
    return True


def _has(kind: str) -> Callable[..., bool | None]:
    """[role,] object [, column], privilege."""

    def check(view: Viewpoint, *args: Any) -> bool | None:
        if any(arg is None for arg in args):
            return None
        *front, privilege = args
        _check_privilege(kind, privilege)
        columns = 1 if kind == "column" else 0
        if len(front) > 1 + columns:
            _check_role(view, front.pop(0))
        return _exists(view, kind, front[0])

    return check


def _has_role(view: Viewpoint, *args: Any) -> bool | None:
    if any(arg is None for arg in args):
        return None
    for role in args[:-1]:
        _check_role(view, role)
    return True


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"has_{kind}_privilege": _has(kind) for kind in _KINDS},
    "pg_has_role": _has_role,
}
