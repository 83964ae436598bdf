"""Constraints of CREATE and ALTER TABLE: keys, checks, foreign keys; their names and what they ask for."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Column, Constraint, Index, IndexColumn, Table
from sqlvec.errors import (
    DatabaseError,
    DatatypeMismatch,
    DuplicateColumn,
    DuplicateObject,
    DuplicateTable,
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidForeignKey,
    InvalidTableDefinition,
    ObjectNotInState,
    SyntaxError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import location_of
from sqlvec.sql.expression_text import CHECK, bind_definition, columns_read
from sqlvec.sql.operators import bind_operator
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.table_draft import NAME_BYTES_MAX, Draft

_RELATION_ID = -2  # of the table, where an expression is bound only to be checked
_WORDS = {
    "CONSTR_ATTR_DEFERRABLE": ("DEFERRABLE", {"deferrable": True}),
    "CONSTR_ATTR_NOT_DEFERRABLE": ("NOT DEFERRABLE", {"deferrable": False}),
    "CONSTR_ATTR_DEFERRED": ("INITIALLY DEFERRED", {"initdeferred": True}),
    "CONSTR_ATTR_IMMEDIATE": ("INITIALLY IMMEDIATE", {"initdeferred": False}),
}
_DEFERRABLE = ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION", "CONSTR_FOREIGN")


def with_attributes(nodes: list[Node], draft: Draft) -> list[Node]:
    """Column constraints, each with the DEFERRABLE and INITIALLY words that follow it."""
    found: list[Node] = []
    for node in nodes:
        part = node["Constraint"]
        word = _WORDS.get(part["contype"])
        if word is None:
            found.append(part)
            continue
        if not found or found[-1]["contype"] not in _DEFERRABLE:
            raise SyntaxError(f"misplaced {word[0]} clause", position=draft.binder.position(part))
        last, settings = found[-1], dict(word[1])
        if settings.get("initdeferred"):
            if last.get("deferrable") is False:
                raise SyntaxError(
                    "constraint declared INITIALLY DEFERRED must be DEFERRABLE",
                    position=draft.binder.position(part),
                )
            settings["deferrable"] = True
        found[-1] = {**last, **settings}
    return found


def add_constraint(draft: Draft, part: Node) -> Constraint:
    """Adds the constraint to the draft, with the index that a key needs."""
    kind = part["contype"]
    if kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE"):
        made = _key(draft, part, primary=kind == "CONSTR_PRIMARY")
    elif kind == "CONSTR_CHECK":
        made = _check(draft, part)
    elif kind == "CONSTR_FOREIGN":
        made = _foreign(draft, part)
    else:
        word = kind.removeprefix("CONSTR_")
        raise FeatureNotSupported(f"constraint {word} is not supported")
    draft.constraints.append(made)
    return made


def joined(columns: list[Column]) -> str:
    """The columns' part of a constraint's name."""
    text = ""
    for column in columns:
        text += ("_" if text else "") + column.name
        if len(text.encode()) > NAME_BYTES_MAX:
            break
    return text


def _own_name(draft: Draft, part: Node, columns: str, label: str) -> str:
    name: str | None = part.get("conname")
    if name is None:
        return draft.free_name(columns, label)
    if any(c.name == name for c in draft.constraints):
        raise DuplicateObject(f'constraint "{name}" for relation "{draft.name}" already exists')
    return name


# ---------------------------------------------------------------- keys


def _key(draft: Draft, part: Node, *, primary: bool) -> Constraint:
    if "indexname" in part:
        return _key_of_index(draft, part, primary)
    _refuse_second_primary(draft, part, primary)
    columns = _key_columns(draft, part, primary)
    suffix = ("", "pkey") if primary else (joined([*columns, *_included(draft, part)]), "key")
    name: str | None = part.get("conname")
    if name is None:
        name = draft.free_name(*suffix)
    elif draft.binder.catalog.relation(draft.schema_oid, name) is not None or name in draft.names:
        raise DuplicateTable(f'relation "{name}" already exists')
    draft.names.add(name)
    if primary:
        _not_null(draft, columns)
    attnums = tuple(column.attnum for column in columns)
    index = Index(
        draft.take_oid(), name, draft.oid, "btree", tuple(IndexColumn(a) for a in attnums), True,
        primary, included=tuple(c.attnum for c in _included(draft, part)),
        nulls_not_distinct=bool(part.get("nulls_not_distinct")),
    )  # fmt: skip
    draft.indexes.append(index)
    return _deferrable(
        Constraint(draft.take_oid(), name, "p" if primary else "u", attnums, "", index.oid), part
    )


def _refuse_second_primary(draft: Draft, part: Node, primary: bool) -> None:
    if primary and any(c.kind == "p" for c in draft.constraints):
        raise InvalidTableDefinition(
            f'multiple primary keys for table "{draft.name}" are not allowed',
            position=None if draft.altered else draft.binder.position(part),
        )


def _key_columns(draft: Draft, part: Node, primary: bool) -> list[Column]:
    columns: list[Column] = []
    for node in part["keys"]:
        position = draft.binder.position(part)
        column = draft.column(node["String"]["sval"], position=position)
        if column in columns:
            word = "primary key" if primary else "unique"
            raise DuplicateColumn(
                f'column "{column.name}" appears twice in {word} constraint',
                position=position,
            )
        columns.append(column)
    return columns


def _included(draft: Draft, part: Node) -> list[Column]:
    return [draft.column(n["String"]["sval"]) for n in part.get("including", ())]


def _not_null(draft: Draft, columns: list[Column]) -> None:
    for column in columns:
        draft.columns[column.attnum - 1] = replace(draft.columns[column.attnum - 1], not_null=True)


def _deferrable(constraint: Constraint, part: Node) -> Constraint:
    return replace(
        constraint,
        deferrable=bool(part.get("deferrable")),
        deferred=bool(part.get("initdeferred")),
    )


def _key_of_index(draft: Draft, part: Node, primary: bool) -> Constraint:
    """ADD PRIMARY KEY or UNIQUE USING INDEX: the index becomes the constraint's."""
    name = part["indexname"]
    index = draft.binder.catalog.relation(draft.schema_oid, name)
    if not isinstance(index, Index):
        raise UndefinedObject(
            f'index "{name}" does not exist', position=draft.binder.position(part)
        )
    _refuse_second_primary(draft, part, primary)
    if index.table_oid != draft.oid:
        raise ObjectNotInState(f'index "{name}" does not belong to table "{draft.name}"')
    if any(c.index_oid == index.oid and c.kind in "pu" for c in draft.constraints):
        raise ObjectNotInState(f'index "{name}" is already associated with a constraint')
    if not index.unique:
        raise WrongObjectType(
            f'"{name}" is not a unique index',
            detail="Cannot create a primary key or unique constraint using such an index.",
        )
    for found, what in (
        (any(not c.attnum for c in index.columns), "contains expressions"),
        (bool(index.predicate), "is a partial index"),
    ):
        if found:
            raise WrongObjectType(
                f'index "{name}" {what}' if "contains" in what else f'"{name}" {what}',
                detail="Cannot create a primary key or unique constraint using such an index.",
            )
    columns = [draft.columns[c.attnum - 1] for c in index.columns]
    if primary:
        _not_null(draft, columns)
    final = part.get("conname") or name
    if final != name:
        draft.binder.notices.append(
            ("00000", "ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "
             f'"{name}" to "{final}"')
        )  # fmt: skip
    draft.indexes.append(replace(index, name=final, primary=primary))
    attnums = tuple(column.attnum for column in columns)
    kind = "p" if primary else "u"
    return _deferrable(Constraint(draft.take_oid(), final, kind, attnums, "", index.oid), part)


# ---------------------------------------------------------------- checks


def _check(draft: Draft, part: Node) -> Constraint:
    text = expression_source(draft.binder.parsed, part["raw_expr"])
    columns = [draft.columns[a - 1] for a in _checked_columns(draft, part["raw_expr"])]
    given = part.get("conname")
    if given and any(c.name == given and c.kind == "c" for c in draft.constraints) and not draft.altered:
        raise DuplicateObject(f'check constraint "{given}" already exists')
    name = _own_name(draft, part, columns[0].name if len(columns) == 1 else "", "check")
    return Constraint(
        draft.take_oid(), name, "c", tuple(c.attnum for c in columns), text,
        validated=not part.get("skip_validation"), no_inherit=bool(part.get("is_no_inherit")),
    )  # fmt: skip


def _checked_columns(draft: Draft, node: Node) -> list[int]:
    """The attnums that a check reads; binds it, so that its errors come now."""
    binder = draft.binder
    expression = bind_definition(binder, node, draft.table(), CHECK)
    return columns_read(binder.boolean(expression, "CHECK", location_of(binder, node)))


# ---------------------------------------------------------------- foreign keys


def _foreign(draft: Draft, part: Node) -> Constraint:
    foreign = _referenced_table(draft, part["pktable"])
    columns = [
        draft.column(n["String"]["sval"], "referenced in foreign key constraint")
        for n in part["fk_attrs"]
    ]
    names = [n["String"]["sval"] for n in part.get("pk_attrs", ())]
    key, attnums = _referenced_key(draft, foreign, names, len(columns))
    name = _own_name(draft, part, joined(columns), "fkey")
    for column, attnum in zip(columns, attnums, strict=True):
        _check_types(draft, name, column, foreign.column_by_attnum(attnum))
    on_delete, on_update = part.get("fk_del_action", "a"), part.get("fk_upd_action", "a")
    _check_generated(columns, on_delete, on_update)
    made = Constraint(
        draft.take_oid(), name, "f", tuple(c.attnum for c in columns), "", key, foreign.oid,
        attnums, on_delete, on_update, part.get("fk_matchtype", "s"),
        _set_columns(draft, part, columns), validated=not part.get("skip_validation"),
    )  # fmt: skip
    return _deferrable(made, part)


def _referenced_table(draft: Draft, target: Node) -> Table:
    relation = draft.binder.context.find_relation(target.get("schemaname"), target["relname"])
    if target["relname"] == draft.name and (relation is None or relation.oid == draft.oid):
        return draft.table()
    if relation is None:
        shown = f"{target['schemaname']}.{target['relname']}" if "schemaname" in target else target["relname"]
        raise UndefinedTable(f'relation "{shown}" does not exist')
    if not isinstance(relation, Table):
        raise WrongObjectType(f'referenced relation "{relation.name}" is not a table')
    return relation


def _referenced_key(
    draft: Draft, foreign: Table, names: list[str], count: int
) -> tuple[int, tuple[int, ...]]:
    """The index of the referenced key, and its columns as the statement orders them."""
    if not names:
        primary = next((c for c in foreign.constraints if c.kind == "p"), None)
        if primary is None:
            raise UndefinedObject(f'there is no primary key for referenced table "{foreign.name}"')
        keys, attnums = [primary], primary.attnums
    else:
        found = [foreign.column(name) for name in names]
        for column, column_name in zip(found, names, strict=True):
            if column is None:
                raise UndefinedColumn(
                    f'column "{column_name}" referenced in foreign key constraint does not exist'
                )
        attnums = tuple(column.attnum for column in found if column is not None)
        keys = list(foreign.unique_keys)
    if len(attnums) != count:
        raise InvalidForeignKey(
            "number of referencing and referenced columns for foreign key disagree"
        )
    for constraint in keys:
        if sorted(constraint.attnums) == sorted(attnums):
            if constraint.deferrable:
                kind = "primary key" if constraint.kind == "p" else "unique constraint"
                raise ObjectNotInState(
                    f'cannot use a deferrable {kind} for referenced table "{foreign.name}"'
                )
            return constraint.index_oid, attnums
    for index in draft.binder.catalog.indexes(foreign.oid):
        plain = index.unique and not index.predicate
        if plain and sorted(c.attnum for c in index.columns) == sorted(attnums):
            return index.oid, attnums
    raise InvalidForeignKey(
        f'there is no unique constraint matching given keys for referenced table "{foreign.name}"'
    )


def _check_types(draft: Draft, name: str, column: Column, other: Column) -> None:
    left = bound.ColumnRef(other.value_type, _RELATION_ID, other.attnum - 1, other.name)
    right = bound.ColumnRef(column.value_type, _RELATION_ID, column.attnum - 1, column.name)
    try:
        bind_operator(draft.binder, "=", left, right, None)
    except DatabaseError as error:  # there is no such operator
        own, its = types.format_type(column.type), types.format_type(other.type)
        raise DatatypeMismatch(
            f'foreign key constraint "{name}" cannot be implemented',
            detail=f'Key columns "{column.name}" and "{other.name}" are of incompatible types: '
            f"{own} and {its}.",
        ) from error


def _check_generated(columns: list[Column], on_delete: str, on_update: str) -> None:
    if not any(column.generated for column in columns):
        return
    words = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
    for event, action, bad in (("UPDATE", on_update, "cnd"), ("DELETE", on_delete, "nd")):
        if action in bad and action in words:
            raise SyntaxError(
                f"invalid ON {event} action for foreign key constraint containing generated column"
            )


def _set_columns(draft: Draft, part: Node, columns: list[Column]) -> tuple[int, ...]:
    found: list[int] = []
    for node in part.get("fk_del_set_cols", ()):
        column = draft.column(node["String"]["sval"], "referenced in foreign key constraint")
        if column not in columns:
            raise InvalidColumnReference(
                f'column "{column.name}" referenced in ON DELETE SET action must be part of foreign key'
            )
        found.append(column.attnum)
    return tuple(dict.fromkeys(found))
