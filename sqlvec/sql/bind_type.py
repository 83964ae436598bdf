"""Types that users make: finding, naming, renaming and dropping them. What one kind alone knows is in
bind_enum, bind_domain and bind_composite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Schema, Table, View
from sqlvec.catalog.user_types import DomainType, UserType
from sqlvec.errors import (
    DependentObjectsStillExist,
    DuplicateObject,
    InvalidSchemaName,
    UndefinedObject,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_table import creation_schema
from sqlvec.sql.binder import Binder
from sqlvec.sql.dependencies import Removal, shown_name, shown_type
from sqlvec.sql.parse import Node
from sqlvec.sql.type_text import retold

_NAME_BYTES_MAX = 63
_TAGS = {"OBJECT_TYPE": "ALTER TYPE", "OBJECT_DOMAIN": "ALTER DOMAIN"}


def names_of(node: Node | list[Node]) -> list[str]:
    """The parts of a type's name, however the grammar wraps it."""
    parts: list[Node] = node if isinstance(node, list) else _name_nodes(node)
    return [part["String"]["sval"] for part in parts]


def _name_nodes(node: Node) -> list[Node]:
    found: list[Node] = node["TypeName"]["names"] if "TypeName" in node else node["List"]["items"]
    return found


def find_user_type(
    binder: Binder, names: Sequence[str], otherwise: str = "", *, hint: str | None = None
) -> UserType:
    """The user's type of that name; 42704 without one. Of a built-in type, and of a relation's row type, is
    told what it is otherwise."""
    schema, name = (names[-2] if len(names) > 1 else None), names[-1]
    found = binder.context.find_type(schema, name)
    made = None if found is None else binder.catalog.types.get(found.oid)
    if made is not None:
        return made
    builtin = types.by_name(name)
    if builtin is not None and schema in (None, "pg_catalog"):
        raise WrongObjectType(f"{builtin.name} {otherwise}")
    relation = binder.context.find_relation(schema, name)
    if isinstance(relation, (Table, View)):
        raise WrongObjectType(f"{shown_name(binder, relation)} {otherwise}", hint=hint)
    if schema is not None and binder.catalog.schema(schema) is None:
        raise InvalidSchemaName(f'schema "{schema}" does not exist')
    raise UndefinedObject(f'type "{".".join(names)}" does not exist')


def new_type_place(binder: Binder, names: Sequence[str]) -> tuple[int, str]:
    """The schema that a new type goes to, and its name; 42710 where that is taken."""
    where: Node = {"schemaname": names[-2]} if len(names) > 1 else {}
    schema_oid, name = creation_schema(binder, where), names[-1]
    refuse_taken(binder.catalog, schema_oid, name)
    return schema_oid, name


def refuse_taken(catalog: Catalog, schema_oid: int, name: str) -> None:
    if catalog.has_type_name(schema_oid, name):
        raise DuplicateObject(f'type "{name}" already exists')


def free_array_name(catalog: Catalog, schema_oid: int, name: str) -> str:
    """_name, with more underscores where that is taken (makeArrayTypeName in pg_type.c)."""
    found = "_" + name
    while True:
        found = found.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")
        if not catalog.has_type_name(schema_oid, found):
            return found
        found = "_" + found


# ---------------------------------------------------------------- ALTER


def bind_rename_type(binder: Binder, body: Node) -> bound.Ddl:
    """ALTER TYPE or DOMAIN ... RENAME TO."""
    made = _altered(binder, body["renameType"], names_of(body["object"]))
    new = body["newname"]
    refuse_taken(binder.catalog, made.schema_oid, new)
    array = free_array_name(binder.catalog, made.schema_oid, new)
    return _moved(binder, body["renameType"], replace(made, name=new, array_name=array))


def bind_type_schema(binder: Binder, body: Node) -> bound.Ddl:
    """ALTER TYPE or DOMAIN ... SET SCHEMA."""
    made = _altered(binder, body["objectType"], names_of(body["object"]))
    schema = binder.catalog.schema(body["newschema"])
    if schema is None:
        raise InvalidSchemaName(f'schema "{body["newschema"]}" does not exist')
    if schema.oid == made.schema_oid:
        return bound.Ddl(_TAGS[body["objectType"]])
    if binder.catalog.has_type_name(schema.oid, made.name):
        raise DuplicateObject(f'type "{made.name}" already exists in schema "{schema.name}"')
    array = free_array_name(binder.catalog, schema.oid, made.name)
    moved = replace(made, schema_oid=schema.oid, array_name=array)
    return _moved(binder, body["objectType"], moved)


def bind_type_owner(binder: Binder, body: Node) -> bound.Ddl:
    """There is one owner; the type has to be there."""
    _altered(binder, body["objectType"], names_of(body["object"]))
    return bound.Ddl(_TAGS[body["objectType"]])


def _altered(binder: Binder, what: str, names: Sequence[str]) -> UserType:
    domain = what == "OBJECT_DOMAIN"
    words = "is not a domain" if domain else "is a table's row type"
    hint = None if domain else "Use ALTER TABLE instead."
    made = find_user_type(binder, names, words, hint=hint)
    if domain and not isinstance(made, DomainType):
        raise WrongObjectType(f"{shown_type(binder, made)} is not a domain")
    return made


def _moved(binder: Binder, what: str, made: UserType) -> bound.Ddl:
    """The type under another name, and so in all expressions that name it."""
    catalog = binder.catalog.with_type(made)
    schema: Schema = catalog.schemas[made.schema_oid]
    return bound.Ddl(_TAGS[what], catalog=retold(binder, catalog, made.oid, (schema.name, made.name)))


# ---------------------------------------------------------------- DROP


def bind_drop_type(binder: Binder, body: Node) -> bound.Ddl:
    """DROP TYPE and DROP DOMAIN."""
    domain = body["removeType"] == "OBJECT_DOMAIN"
    notices: list[tuple[str, ...]] = []
    chosen: dict[int, UserType] = {}
    for node in body["objects"]:
        names = names_of(node)
        try:
            made = find_user_type(binder, names)
        except (UndefinedObject, InvalidSchemaName) as error:
            if not body.get("missing_ok"):
                raise
            notices.append(("00000", f"{error.message}, skipping"))
            continue
        except WrongObjectType:
            if domain:
                raise _no_domain(names) from None
            raise _required(binder, names) from None
        if domain and not isinstance(made, DomainType):
            raise _no_domain(names)
        chosen[made.oid] = made
    removal = Removal(binder)
    removal.drop_types(list(chosen.values()))
    objects = [f"type {removal.type_name(made)}" for made in chosen.values()]
    told = removal.settle(objects, body.get("behavior") == "DROP_CASCADE")
    return bound.Ddl(
        "DROP DOMAIN" if domain else "DROP TYPE",
        catalog=removal.applied(),
        notices=(*notices, *told),
    )


def _no_domain(names: Sequence[str]) -> WrongObjectType:
    return WrongObjectType(f'"{".".join(names)}" is not a domain')


def _required(binder: Binder, names: Sequence[str]) -> DependentObjectsStillExist:
    """Of a type that something else cannot be without."""
    relation = binder.context.find_relation(names[-2] if len(names) > 1 else None, names[-1])
    if isinstance(relation, (Table, View)):
        whole = Removal(binder).described(relation)
        return DependentObjectsStillExist(
            f"cannot drop type {shown_name(binder, relation)} because {whole} requires it",
            hint=f"You can drop {whole} instead.",
        )
    found = types.by_name(names[-1])
    assert found is not None, names
    return DependentObjectsStillExist(
        f"cannot drop type {found.name} because it is required by the database system"
    )
