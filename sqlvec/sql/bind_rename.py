"""ALTER ... RENAME and SET SCHEMA. Expressions kept as text follow the names in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlvec.catalog.objects import (
    Column,
    Constraint,
    Index,
    Relation,
    Schema,
    Sequence,
    Table,
    View,
)
from sqlvec.errors import (
    DuplicateColumn,
    DuplicateObject,
    DuplicateSchema,
    DuplicateTable,
    FeatureNotSupported,
    InvalidSchemaName,
    InvalidTableDefinition,
    ReservedName,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_table import refuse_type_name
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import Rewrite, renamed, rewritten_text, unqualified
from sqlvec.sql.parse import Node
from sqlvec.sql.system_columns import check_name

_TAGS = {
    "OBJECT_TABLE": "ALTER TABLE", "OBJECT_INDEX": "ALTER INDEX", "OBJECT_SEQUENCE": "ALTER SEQUENCE",
    "OBJECT_VIEW": "ALTER VIEW", "OBJECT_MATVIEW": "ALTER MATERIALIZED VIEW",
}  # fmt: skip
_WORDS = {Table: "table", View: "view", Index: "index", Sequence: "sequence"}


def bind_rename(binder: Binder, body: Node) -> bound.Ddl:
    what = body["renameType"]
    if what == "OBJECT_SCHEMA":
        return _rename_schema(binder, body)
    if "relation" not in body:
        raise FeatureNotSupported(f"ALTER {what.removeprefix('OBJECT_')} RENAME is not supported")
    relation = _relation(binder, body)
    kind = body.get("relationType", what) if what == "OBJECT_COLUMN" else what
    tag = _TAGS.get(str(kind), "ALTER TABLE")
    if relation is None:
        message = f'relation "{body["relation"]["relname"]}" does not exist, skipping'
        return bound.Ddl(tag, notices=(("00000", message),))
    if what == "OBJECT_COLUMN":
        return _rename_column(binder, relation, body, tag)
    if what == "OBJECT_TABCONSTRAINT":
        return _rename_constraint(binder, relation, body)
    _check_kind(relation, what)
    return _rename_relation(binder, relation, body["newname"], tag)


def _relation(binder: Binder, body: Node) -> Relation | None:
    part = body["relation"]
    found = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if found is None and not body.get("missing_ok"):
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    return found


def _check_kind(relation: Relation, what: str) -> None:
    wanted = {"OBJECT_INDEX": Index, "OBJECT_SEQUENCE": Sequence, "OBJECT_VIEW": View}.get(what)
    if wanted is not None and not isinstance(relation, wanted):
        article = "an" if what == "OBJECT_INDEX" else "a"
        raise WrongObjectType(f'"{relation.name}" is not {article} {_WORDS[wanted]}')


def schema_of(binder: Binder, relation: Relation) -> int:
    if isinstance(relation, Index):
        return binder.catalog.table(relation.table_oid).schema_oid
    return relation.schema_oid


def _rename_relation(binder: Binder, relation: Relation, new: str, tag: str) -> bound.Ddl:
    if binder.catalog.relation(schema_of(binder, relation), new) is not None:
        raise DuplicateTable(f'relation "{new}" already exists')
    if not isinstance(relation, (Index, Sequence)):
        refuse_type_name(binder.catalog, relation.schema_oid, new)
    changed: list[Relation] = [replace(relation, name=new)]
    if isinstance(relation, Table):
        changed = [_rewritten(replace(relation, name=new), unqualified(relation.name))]
    if isinstance(relation, Index):  # a key's constraint has the name of its index
        table = binder.catalog.relations[relation.table_oid]
        if isinstance(table, Table):
            constraints = tuple(
                replace(c, name=new) if c.index_oid == relation.oid and c.kind in "pu" else c
                for c in table.constraints
            )
            changed.append(replace(table, constraints=constraints))
    return bound.Ddl(tag, tuple(changed))


def _rename_schema(binder: Binder, body: Node) -> bound.Ddl:
    name, new = body["subname"], body["newname"]
    schema = binder.catalog.schema(name)
    if schema is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist')
    if binder.catalog.schema(new) is not None:
        raise DuplicateSchema(f'schema "{new}" already exists')
    if new.startswith("pg_"):
        raise ReservedName(
            f'unacceptable schema name "{new}"',
            detail='The prefix "pg_" is reserved for system schemas.',
        )
    schemas = {**binder.catalog.schemas, schema.oid: Schema(schema.oid, new)}
    return bound.Ddl("ALTER SCHEMA", catalog=replace(binder.catalog, schemas=schemas))


def _rename_constraint(binder: Binder, relation: Relation, body: Node) -> bound.Ddl:
    name, new = body["subname"], body["newname"]
    found = None
    if isinstance(relation, Table):
        found = next((c for c in relation.constraints if c.name == name), None)
    if found is None or not isinstance(relation, Table):
        raise UndefinedObject(f'constraint "{name}" for table "{relation.name}" does not exist')
    if any(c.name == new for c in relation.constraints):
        raise DuplicateObject(f'constraint "{new}" for relation "{relation.name}" already exists')
    if found.kind in "pu":
        return _rename_relation(
            binder, binder.catalog.relations[found.index_oid], new, "ALTER TABLE"
        )
    family = _family(binder, relation, body)
    if found.kind == "c" and not found.no_inherit and len(family) < len(binder.catalog.heirs(relation.oid)):
        raise InvalidTableDefinition(
            f'inherited constraint "{name}" must be renamed in child tables too'
        )
    if found.parent_oid:
        raise InvalidTableDefinition(f'cannot rename inherited constraint "{name}"')
    changed: list[Relation] = []
    for table in family:
        own = next((c for c in table.constraints if c.name == name), None)
        if own is None or (table is not relation and not own.inherited):
            continue
        if own.inherited > _parents_among(table, family):
            raise InvalidTableDefinition(f'cannot rename inherited constraint "{name}"')
        changed += _with_renamed(binder, table, own, new)
    return bound.Ddl("ALTER TABLE", tuple(changed))


def _family(binder: Binder, table: Table, body: Node) -> tuple[Table, ...]:
    """The table and its heirs; with ONLY, itself."""
    return binder.catalog.heirs(table.oid) if body["relation"].get("inh") else (table,)


def _parents_among(table: Table, family: tuple[Table, ...]) -> int:
    """How many of a table's parents are renamed with it."""
    return sum(other.oid in table.parents for other in family)


def _with_renamed(
    binder: Binder, table: Table, constraint: Constraint, new: str
) -> Iterator[Relation]:
    """The table with the constraint under its new name, and the partitions with their parts of it."""
    constraints = tuple(replace(c, name=new) if c is constraint else c for c in table.constraints)
    yield replace(table, constraints=constraints)
    for partition in binder.catalog.partitions(table.oid):
        for own in partition.constraints:
            if own.parent_oid == constraint.oid:
                yield from _with_renamed(binder, partition, own, new)


def _rename_column(binder: Binder, relation: Relation, body: Node, tag: str) -> bound.Ddl:
    """Of a relation, and of a table's partitions and heirs."""
    name, new = body["subname"], body["newname"]
    if not isinstance(relation, (Table, View)):
        raise WrongObjectType(
            f'cannot rename columns of relation "{relation.name}"',
            detail=f"This operation is not supported for {_WORDS[type(relation)]}s.",
        )
    column = next((c for c in relation.columns if c.name == name and not c.dropped), None)
    if column is None:
        raise UndefinedColumn(f'column "{name}" does not exist')
    if isinstance(relation, View):
        return bound.Ddl(tag, (_with_column_renamed(relation, name, new),))
    if relation.parent_oid:
        raise InvalidTableDefinition(f'cannot rename inherited column "{name}"')
    family = _family(binder, relation, body)
    partitions = tuple(binder.catalog.partition_tree(relation.oid))[1:]
    only = not body["relation"].get("inh")
    if only and (partitions or binder.catalog.children(relation.oid)):
        raise InvalidTableDefinition(f'inherited column "{name}" must be renamed in child tables too')
    changed: list[Relation] = []
    rename = renamed(name, new)
    for table in (*family, *partitions):
        made = _with_column_renamed(table, name, new)
        own = table.column(name)
        assert own is not None and isinstance(made, Table), table.name
        if own.inherited > _parents_among(table, family):
            raise InvalidTableDefinition(f'cannot rename inherited column "{name}"')
        changed.append(_rewritten(made, rename))
        changed += [_rewritten_index(index, rename) for index in binder.catalog.indexes(table.oid)]
    return bound.Ddl(tag, tuple(changed))


def _with_column_renamed(relation: Table | View, name: str, new: str) -> Table | View:
    if isinstance(relation, Table):
        check_name(new)
    if any(c.name == new and not c.dropped for c in relation.columns):
        raise DuplicateColumn(f'column "{new}" of relation "{relation.name}" already exists')
    columns = tuple(
        replace(c, name=new) if c.name == name and not c.dropped else c for c in relation.columns
    )
    return replace(relation, columns=columns)


# ---------------------------------------------------------------- expressions kept as text


def _rewritten(table: Table, rewrite: Rewrite) -> Table:
    """The table with the column references in its expressions rewritten."""

    def of_constraint(constraint: Constraint) -> Constraint:
        if constraint.kind != "c":
            return constraint
        return replace(constraint, expression=rewritten_text(constraint.expression, rewrite))

    def of_column(column: Column) -> Column:
        if not column.generated:
            return column
        return replace(column, generated=rewritten_text(column.generated, rewrite))

    return replace(
        table,
        columns=tuple(of_column(c) for c in table.columns),
        constraints=tuple(of_constraint(c) for c in table.constraints),
    )


def _rewritten_index(index: Index, rewrite: Rewrite) -> Index:
    columns = tuple(
        replace(c, expression=rewritten_text(c.expression, rewrite)) if c.expression else c
        for c in index.columns
    )
    predicate = rewritten_text(index.predicate, rewrite) if index.predicate else ""
    return replace(index, columns=columns, predicate=predicate)


# ---------------------------------------------------------------- SET SCHEMA


def bind_set_schema(binder: Binder, body: Node) -> bound.Ddl:
    what = body["objectType"]
    tag = _TAGS.get(what)
    if tag is None or "relation" not in body:
        raise FeatureNotSupported(f"ALTER {what.removeprefix('OBJECT_')} SET SCHEMA is not supported")
    relation = _relation(binder, body)
    if relation is None:
        message = f'relation "{body["relation"]["relname"]}" does not exist, skipping'
        return bound.Ddl(tag, notices=(("00000", message),))
    _check_kind(relation, what)
    schema = binder.catalog.schema(body["newschema"])
    if schema is None:
        raise InvalidSchemaName(f'schema "{body["newschema"]}" does not exist')
    if isinstance(relation, Index):
        raise WrongObjectType(f'cannot change schema of index "{relation.name}"')
    if isinstance(relation, Sequence) and relation.owned_by[0]:
        table = binder.catalog.table(relation.owned_by[0])
        raise FeatureNotSupported(
            "cannot move an owned sequence into another schema",
            detail=f'Sequence "{relation.name}" is linked to table "{table.name}".',
        )
    moved = [relation]
    moved += [
        r for r in binder.catalog.relations.values()
        if isinstance(r, Sequence) and r.owned_by[0] == relation.oid
    ]  # fmt: skip
    for part in moved:
        other = binder.catalog.relation(schema.oid, part.name)
        if other is not None and other.oid != part.oid:
            raise DuplicateTable(f'relation "{part.name}" already exists in schema "{schema.name}"')
    return bound.Ddl(tag, tuple(replace(r, schema_oid=schema.oid) for r in moved))
