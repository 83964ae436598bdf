"""CREATE DOMAIN and ALTER DOMAIN (typecmds.c)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.user_types import DomainCheck, DomainType
from sqlvec.errors import (
    DatabaseError,
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    SyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_type import find_user_type, free_array_name, names_of, new_type_place
from sqlvec.sql.binder import Binder
from sqlvec.sql.collation import declared_collation
from sqlvec.sql.dependencies import shown_type
from sqlvec.sql.expression_text import (
    DEFAULT,
    bind_definition,
    bind_domain_check,
)
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.types.domain_type import value_type

_NAME_BYTES_MAX = 63
_IMPOSSIBLE = {
    "CONSTR_UNIQUE": "unique", "CONSTR_PRIMARY": "primary key", "CONSTR_FOREIGN": "foreign key",
    "CONSTR_EXCLUSION": "exclusion",
}  # fmt: skip


def bind_create_domain(binder: Binder, body: Node) -> bound.Ddl:
    return _without_positions(_create, binder, body)


def bind_alter_domain(binder: Binder, body: Node) -> bound.Ddl:
    return _without_positions(_alter, binder, body)


def _without_positions(
    bind: Callable[[Binder, Node], bound.Ddl], binder: Binder, body: Node
) -> bound.Ddl:
    """PostgreSQL has not kept the statement's text where it looks at domains."""
    try:
        return bind(binder, body)
    except DatabaseError as error:
        error.position = None
        raise


def _create(binder: Binder, body: Node) -> bound.Ddl:
    base = binder.type_name(body["typeName"])
    collation = declared_collation(binder, body, base)
    schema_oid, name = new_type_place(binder, names_of(body["domainname"]))
    if base.definition.kind == "p":
        raise DatatypeMismatch(
            f'"{base.name}" is not a valid base type for a domain',
        )
    catalog, oid = binder.catalog.reserve_oids(2)
    array = free_array_name(catalog, schema_oid, name)
    inherited = binder.catalog.types.get(base.oid)
    default = inherited.default if isinstance(inherited, DomainType) else None
    made = DomainType(oid, name, schema_oid, oid + 1, array, base, default, collation=collation)
    told: dict[str, bool] = {}
    for node in body.get("constraints", ()):
        part = node["Constraint"]
        kind = part["contype"]
        if kind == "CONSTR_DEFAULT":
            if "default" in told:
                raise SyntaxError("multiple default expressions")
            told["default"] = True
            made = replace(made, default=_default(binder, made, part["raw_expr"]))
        elif kind in ("CONSTR_NULL", "CONSTR_NOTNULL"):
            not_null = kind == "CONSTR_NOTNULL"
            if told.setdefault("null", not_null) != not_null:
                raise SyntaxError("conflicting NULL/NOT NULL constraints")
            made = replace(made, not_null=not_null)
        elif kind == "CONSTR_CHECK":
            catalog, made, _ = _with_check(binder, catalog, made, part)
        else:
            raise _impossible(kind)
    return bound.Ddl("CREATE DOMAIN", catalog=catalog.with_type(made))


def _impossible(kind: str) -> DatabaseError:
    if kind in _IMPOSSIBLE:
        return SyntaxError(f"{_IMPOSSIBLE[kind]} constraints not possible for domains")
    return FeatureNotSupported("specifying constraint deferrability not supported for domains")


def _default(binder: Binder, made: DomainType, node: Node) -> str | None:
    """NULL is as good as none."""
    expression = bind_definition(binder, node, None, DEFAULT)
    if isinstance(expression, bound.Const) and expression.value is None:
        return None
    try:
        binder.assign(expression, made.name, value_type(made.base), None)
    except DatatypeMismatch:
        raise DatatypeMismatch(
            f'column "{made.name}" is of type {made.base.bare.name} but default expression is of '
            f"type {expression.type.name}",
            hint="You will need to rewrite or cast the expression.",
        ) from None
    return expression_source(binder.parsed, node)


def _with_check(
    binder: Binder, catalog: Catalog, made: DomainType, part: Node
) -> tuple[Catalog, DomainType, DomainCheck]:
    node, given = part["raw_expr"], part.get("conname")
    taken = {check.name for check in made.checks}
    if given in taken:
        raise DuplicateObject(f'constraint "{given}" for domain "{made.name}" already exists')
    condition = bind_domain_check(binder, node, value_type(made.base))
    binder.boolean(condition, "CHECK", None)
    text = expression_source(binder.parsed, node)
    catalog, oid = catalog.reserve_oids(1)
    name = given or _free_name(made.name, taken)
    check = DomainCheck(oid, name, text, not part.get("skip_validation"))
    return catalog, replace(made, checks=(*made.checks, check)), check


def _free_name(domain: str, taken: Collection[str]) -> str:
    number = 0
    while True:
        ending = f"_check{number or ''}"
        room = _NAME_BYTES_MAX - len(ending)
        found = domain.encode()[:room].decode(errors="ignore") + ending
        if found not in taken:
            return found
        number += 1


# ---------------------------------------------------------------- ALTER DOMAIN


def _alter(binder: Binder, body: Node) -> bound.Ddl:
    made = _domain(binder, body["typeName"])
    return _ALTERATIONS[body["subtype"]](binder, made, body)


def _domain(binder: Binder, node: Node | list[Node]) -> DomainType:
    made = find_user_type(binder, names_of(node), "is not a domain")
    if not isinstance(made, DomainType):
        raise WrongObjectType(f"{shown_type(binder, made)} is not a domain")
    return made


def _altered(
    binder: Binder, made: DomainType, *verify: str, catalog: Catalog | None = None
) -> bound.Ddl:
    """The domain as it is now; what the values that there are must satisfy."""
    changed = (catalog or binder.catalog).with_type(made)
    domain = changed.type_by_oid(made.oid)
    assert domain is not None, made
    checks = tuple(bound.VerifyDomain(domain, name) for name in verify)
    return bound.Ddl("ALTER DOMAIN", catalog=changed, verify_domains=checks)


def _set_default(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    default = _default(binder, made, body["def"]) if "def" in body else None
    return _altered(binder, replace(made, default=default))


def _set_not_null(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    if made.not_null:
        return _altered(binder, made)
    return _altered(binder, replace(made, not_null=True), "")


def _drop_not_null(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    return _altered(binder, replace(made, not_null=False))


def _add_constraint(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    part = body["def"]["Constraint"]
    if part["contype"] != "CONSTR_CHECK":
        raise _impossible(part["contype"])
    catalog, made, check = _with_check(binder, binder.catalog, made, part)
    verify = (check.name,) if check.validated else ()
    return _altered(binder, made, *verify, catalog=catalog)


def _drop_constraint(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    name = body["name"]
    kept = tuple(check for check in made.checks if check.name != name)
    if len(kept) == len(made.checks):
        message = f'constraint "{name}" of domain "{made.name}" does not exist'
        if not body.get("missing_ok"):
            raise UndefinedObject(message)
        return bound.Ddl("ALTER DOMAIN", notices=(("00000", f"{message}, skipping"),))
    return _altered(binder, replace(made, checks=kept))


def _validate(binder: Binder, made: DomainType, body: Node) -> bound.Ddl:
    name = body["name"]
    if all(check.name != name for check in made.checks):
        raise UndefinedObject(f'constraint "{name}" of domain "{made.name}" does not exist')
    checks = tuple(replace(c, validated=True) if c.name == name else c for c in made.checks)
    return _altered(binder, replace(made, checks=checks), name)


_ALTERATIONS: dict[str, Callable[[Binder, DomainType, Node], bound.Ddl]] = {
    "T": _set_default,
    "N": _drop_not_null,
    "O": _set_not_null,
    "C": _add_constraint,
    "X": _drop_constraint,
    "V": _validate,
}


def bind_rename_domain_constraint(binder: Binder, body: Node) -> bound.Ddl:
    made = _domain(binder, body["object"])
    old, new = body["subname"], body["newname"]
    if all(check.name != old for check in made.checks):
        raise UndefinedObject(
            f'constraint "{old}" for domain {shown_type(binder, made)} does not exist'
        )
    if any(check.name == new for check in made.checks):
        raise DuplicateObject(
            f'constraint "{new}" for domain {shown_type(binder, made)} already exists'
        )
    checks = tuple(replace(c, name=new) if c.name == old else c for c in made.checks)
    return _altered(binder, replace(made, checks=checks))
