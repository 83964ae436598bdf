"""CREATE TABLE: columns, constraints, the sequences and indexes that come with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Column, Constraint, Index, IndexColumn, Relation, Sequence, Table
from sqlvec.errors import (
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidSchemaName,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedTable,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.types import SqlType

COLUMNS_MAX = 1600
_SERIALS = {
    "serial": types.INT4, "serial4": types.INT4, "bigserial": types.INT8, "serial8": types.INT8,
    "smallserial": types.INT2, "serial2": types.INT2,
}  # fmt: skip
_ACTION_DEFAULT = "a"


@dataclass(slots=True)
class Draft:
    """A table while its definition is read."""

    binder: Binder
    oid: int
    name: str
    schema_oid: int
    next_oid: int
    columns: list[Column] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def take_oid(self) -> int:
        self.next_oid += 1
        return self.next_oid - 1

    def free_name(self, *parts: str) -> str:
        """A relation or constraint name as PostgreSQL chooses it: joined by _, numbered when taken."""
        base = "_".join(part for part in parts if part)[:63]
        catalog, number = self.binder.catalog, 0
        while True:
            name = base if not number else f"{base}{number}"
            if name not in self.names and catalog.relation(self.schema_oid, name) is None:
                self.names.add(name)
                return name
            number += 1

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name and not column.dropped:
                return column
        raise UndefinedColumn(f'column "{name}" named in key does not exist')

    def table(self, tenant_attnum: int = 0) -> Table:
        return Table(
            self.oid, self.name, self.schema_oid, tuple(self.columns), tuple(self.constraints), tenant_attnum
        )


def creation_schema(binder: Binder, relation: Node) -> int:
    """The schema that a new relation goes to."""
    name = relation.get("schemaname")
    if name is None or relation.get("relpersistence") == "t":
        found = binder.context.creation_schema_oid()
        if found is None:
            raise InvalidSchemaName("no schema has been selected to create in")
        return found
    schema = binder.catalog.schema(name)
    if schema is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist', position=binder.position(relation))
    return schema.oid


def bind_create_table(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["relation"]
    name = relation["relname"]
    schema_oid = creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl("CREATE TABLE", notices=(("42P07", message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    for option in ("partspec", "inhRelations", "partbound"):
        if body.get(option):
            raise FeatureNotSupported(
                "partitions and inheritance are not supported",
                hint="PARTITION BY TENANT (column) keeps each tenant's rows apart.",
            )
    _, first = binder.catalog.reserve_oids(1)
    draft = Draft(binder, first, name, schema_oid, first + 1)
    later: list[Node] = []
    for element in body.get("tableElts", ()):
        if "ColumnDef" in element:
            later += add_column(draft, element["ColumnDef"])
        elif "Constraint" in element:
            later.append(element["Constraint"])
        else:
            raise FeatureNotSupported(f"{next(iter(element))} is not supported in CREATE TABLE")
    if len(draft.columns) > COLUMNS_MAX:
        from sqlvec.errors import TooManyColumns

        raise TooManyColumns(f"tables can have at most {COLUMNS_MAX} columns")
    for constraint in later:
        add_constraint(draft, constraint)
    table = draft.table(_tenant(draft))
    _check_expressions(binder, table)
    changed: tuple[Relation, ...] = (table, *draft.indexes, *draft.sequences)
    return bound.Ddl("CREATE TABLE", changed)


def _tenant(draft: Draft) -> int:
    name = draft.binder.parsed.tenant_column
    if name is None:
        return 0
    column = draft.column(name)
    for constraint in draft.constraints:
        if constraint.kind in "pu" and column.attnum not in constraint.attnums:
            raise InvalidTableDefinition(
                "unique constraint on a tenant table must include the tenant column",
                detail=f'Constraint "{constraint.name}" lacks column "{name}".',
            )
    draft.columns[column.attnum - 1] = replace(column, not_null=True)
    return column.attnum


def _check_expressions(binder: Binder, table: Table) -> None:
    """Checks and generated columns are bound once, so that their errors come now."""
    for constraint in table.constraints:
        if constraint.kind == "c":
            expression = bind_expression_text(binder, constraint.expression, table, -2)
            binder.boolean(expression, "CHECK", None)
    for column in table.columns:
        if column.generated:
            expression = bind_expression_text(binder, column.generated, table, -2)
            binder.assign(expression, column.name, column.type, None)


# ---------------------------------------------------------------- columns


def add_column(draft: Draft, body: Node) -> list[Node]:
    """Adds the column; returns its constraints that concern the table."""
    name = body["colname"]
    binder = draft.binder
    if any(c.name == name and not c.dropped for c in draft.columns):
        raise DuplicateColumn(f'column "{name}" specified more than once')
    attnum = len(draft.columns) + 1
    words = [p["String"]["sval"] for p in body["typeName"]["names"]]
    serial = _SERIALS.get(words[-1]) if len(words) == 1 else None
    column = Column(attnum, name, serial or binder.type_name(body["typeName"]))
    draft.columns.append(column)
    if serial is not None:
        _own_sequence(draft, column, serial)
        draft.columns[-1] = replace(draft.columns[-1], not_null=True)
    later = []
    for node in body.get("constraints", ()):
        part = node["Constraint"]
        if not _column_constraint(draft, part):
            later.append({**part, "keys": [{"String": {"sval": name}}], "fk_attrs": [{"String": {"sval": name}}]})
    return later


def _own_sequence(draft: Draft, column: Column, sql_type: SqlType) -> None:
    name = draft.free_name(draft.name, column.name, "seq")
    limit = sql_type.definition.maximum  # type: ignore[attr-defined]
    sequence = Sequence(
        draft.take_oid(), name, draft.schema_oid, sql_type, maximum=limit, owned_by=(draft.oid, column.attnum)
    )
    draft.sequences.append(sequence)
    draft.columns[column.attnum - 1] = replace(draft.columns[column.attnum - 1], sequence_oid=sequence.oid)


def _column_constraint(draft: Draft, part: Node) -> bool:
    """Constraints that only change the last column; False for those of the table."""
    kind, binder = part["contype"], draft.binder
    column = draft.columns[-1]
    if kind in ("CONSTR_NOTNULL", "CONSTR_NULL"):
        draft.columns[-1] = replace(column, not_null=kind == "CONSTR_NOTNULL")
    elif kind == "CONSTR_DEFAULT":
        text = expression_source(binder.parsed, part["raw_expr"])
        expression = bind_expression_text(binder, text, None, -2)
        binder.assign(expression, column.name, column.type, None)
        draft.columns[-1] = replace(column, default=text)
    elif kind == "CONSTR_IDENTITY":
        _own_sequence(draft, column, column.type)
        when = part.get("generated_when", "a")
        draft.columns[-1] = replace(draft.columns[-1], identity=when, not_null=True)
    elif kind == "CONSTR_GENERATED":
        draft.columns[-1] = replace(column, generated=expression_source(binder.parsed, part["raw_expr"]))
    else:
        return False
    return True


# ---------------------------------------------------------------- constraints


def add_constraint(draft: Draft, part: Node) -> None:
    kind = part["contype"]
    if kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE"):
        _add_key(draft, part, primary=kind == "CONSTR_PRIMARY")
    elif kind == "CONSTR_CHECK":
        text = expression_source(draft.binder.parsed, part["raw_expr"])
        columns = [n["String"]["sval"] for n in part.get("keys", ())]
        name = part.get("conname") or draft.free_name(draft.name, *columns, "check")
        draft.constraints.append(Constraint(draft.take_oid(), name, "c", (), text))
    elif kind == "CONSTR_FOREIGN":
        _add_foreign(draft, part)
    elif kind not in ("CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_NOT_DEFERRABLE", "CONSTR_ATTR_DEFERRED", "CONSTR_ATTR_IMMEDIATE"):
        raise FeatureNotSupported(f"constraint {kind.removeprefix('CONSTR_')} is not supported")


def _add_key(draft: Draft, part: Node, *, primary: bool) -> None:
    columns = [draft.column(n["String"]["sval"]) for n in part["keys"]]
    if primary:
        if any(c.kind == "p" for c in draft.constraints):
            raise InvalidTableDefinition(
                f'multiple primary keys for table "{draft.name}" are not allowed',
                position=draft.binder.position(part),
            )
        for column in columns:
            draft.columns[column.attnum - 1] = replace(draft.columns[column.attnum - 1], not_null=True)
    suffix = ("pkey",) if primary else (*(c.name for c in columns), "key")
    name = part.get("conname") or draft.free_name(draft.name, *suffix)
    attnums = tuple(column.attnum for column in columns)
    index = Index(
        draft.take_oid(), name, draft.oid, "btree", tuple(IndexColumn(a) for a in attnums), True, primary
    )
    draft.indexes.append(index)
    draft.constraints.append(
        Constraint(draft.take_oid(), name, "p" if primary else "u", attnums, "", index.oid)
    )


def _add_foreign(draft: Draft, part: Node) -> None:
    target: Any = part["pktable"]
    relation = draft.binder.context.find_relation(target.get("schemaname"), target["relname"])
    own = target["relname"] == draft.name and relation is None
    if not own and not isinstance(relation, Table):
        raise UndefinedTable(
            f'relation "{target["relname"]}" does not exist', position=draft.binder.position(target)
        )
    foreign = draft.table() if own else relation
    assert isinstance(foreign, Table)
    columns = [draft.column(n["String"]["sval"]) for n in part["fk_attrs"]]
    names = [n["String"]["sval"] for n in part.get("pk_attrs", ())]
    attnums = tuple(c.attnum for n in names if (c := foreign.column(n))) or foreign.primary_key
    name = part.get("conname") or draft.free_name(draft.name, *(c.name for c in columns), "fkey")
    draft.constraints.append(
        Constraint(
            draft.take_oid(), name, "f", tuple(c.attnum for c in columns), "", 0, foreign.oid, attnums,
            part.get("fk_del_action", _ACTION_DEFAULT), part.get("fk_upd_action", _ACTION_DEFAULT),
        )
    )  # fmt: skip
    draft.binder.notices.append(
        ("01000", f'foreign key constraint "{name}" is recorded but not enforced')
    )
