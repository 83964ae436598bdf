"""CREATE TYPE ... AS ENUM, ALTER TYPE ... ADD and RENAME VALUE (typecmds.c, pg_enum.c)."""

from __future__ import annotations

from dataclasses import replace

from sqlvec.catalog.user_types import ORDER_UNIT, EnumLabel, EnumType
from sqlvec.errors import (
    DuplicateObject,
    InvalidName,
    InvalidParameterValue,
    ProgramLimitExceeded,
    UniqueViolation,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_type import (
    find_user_type,
    free_array_name,
    names_of,
    new_type_place,
)
from sqlvec.sql.binder import Binder
from sqlvec.sql.dependencies import shown_type
from sqlvec.sql.parse import Node
from sqlvec.sql.type_text import relabelled

_LABEL_BYTES_MAX = 63


def bind_create_enum(binder: Binder, body: Node) -> bound.Ddl:
    schema_oid, name = new_type_place(binder, names_of(body["typeName"]))
    words = [node["String"].get("sval", "") for node in body.get("vals", ())]
    catalog, oid = binder.catalog.reserve_oids(2 + len(words))
    for i, word in enumerate(words):
        _check_label(word)
        if word in words[:i]:
            raise UniqueViolation(
                'duplicate key value violates unique constraint "pg_enum_typid_label_index"',
                detail=f"Key (enumtypid, enumlabel)=({oid}, {word}) already exists.",
                schema="pg_catalog", table="pg_enum", constraint="pg_enum_typid_label_index",
            )  # fmt: skip
    labels = tuple(
        EnumLabel(oid + 2 + i, word, (i + 1) * ORDER_UNIT) for i, word in enumerate(words)
    )
    array = free_array_name(catalog, schema_oid, name)
    made = EnumType(oid, name, schema_oid, oid + 1, array, labels)
    return bound.Ddl("CREATE TYPE", catalog=catalog.with_type(made))


def bind_alter_enum(binder: Binder, body: Node) -> bound.Ddl:
    made = find_user_type(binder, names_of(body["typeName"]), "is not an enum")
    if not isinstance(made, EnumType):
        raise WrongObjectType(f"{shown_type(binder, made)} is not an enum")
    if "oldVal" in body:
        return _rename_value(binder, made, body["oldVal"], body.get("newVal", ""))
    return _add_value(binder, made, body)


def _check_label(word: str) -> None:
    if len(word.encode()) > _LABEL_BYTES_MAX:
        raise InvalidName(
            f'invalid enum label "{word}"',
            detail=f"Labels must be {_LABEL_BYTES_MAX} bytes or less.",
        )


def _add_value(binder: Binder, made: EnumType, body: Node) -> bound.Ddl:
    word = body.get("newVal", "")
    _check_label(word)
    if any(label.name == word for label in made.labels):
        message = f'enum label "{word}" already exists'
        if body.get("skipIfNewValExists"):
            return bound.Ddl("ALTER TYPE", notices=(("42710", f"{message}, skipping"),))
        raise DuplicateObject(message)
    place = len(made.labels)
    if "newValNeighbor" in body:
        place = _place(made, body["newValNeighbor"]) + bool(body.get("newValIsAfter"))
    catalog, oid = binder.catalog.reserve_oids(1)
    label = EnumLabel(oid, word, _code(made, place))
    labels = (*made.labels[:place], label, *made.labels[place:])
    return bound.Ddl("ALTER TYPE", catalog=catalog.with_type(replace(made, labels=labels)))


def _place(made: EnumType, word: str) -> int:
    for i, label in enumerate(made.labels):
        if label.name == word:
            return i
    raise InvalidParameterValue(f'"{word}" is not an existing enum label')


def _code(made: EnumType, place: int) -> int:
    """Of a label before the one that is there now: beyond the ends a unit further, else halfway."""
    codes = [label.code for label in made.labels]
    if place == len(codes):
        return codes[-1] + ORDER_UNIT if codes else ORDER_UNIT
    if place == 0:
        return codes[0] - ORDER_UNIT
    code = (codes[place - 1] + codes[place]) // 2
    if code == codes[place - 1]:
        raise ProgramLimitExceeded(
            f'no room for a label between "{made.labels[place - 1].name}" and '
            f'"{made.labels[place].name}"',
            hint="Create a type with all labels, and let columns change to it by ALTER TABLE.",
        )
    return code


def _rename_value(binder: Binder, made: EnumType, old: str, new: str) -> bound.Ddl:
    _check_label(new)
    place = _place(made, old)
    if any(label.name == new for label in made.labels):
        raise DuplicateObject(f'enum label "{new}" already exists')
    labels = list(made.labels)
    labels[place] = replace(labels[place], name=new)
    catalog = binder.catalog.with_type(replace(made, labels=tuple(labels)))
    return bound.Ddl("ALTER TYPE", catalog=relabelled(binder, catalog, made.oid, old, new))
