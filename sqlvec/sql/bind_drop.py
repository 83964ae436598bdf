"""DROP and TRUNCATE."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Index, Relation, Sequence, Table, View
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.user_types import UserType
from sqlvec.errors import (
    DependentObjectsStillExist,
    FeatureNotSupported,
    InvalidSchemaName,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_sequence import restarted
from sqlvec.sql.binder import Binder
from sqlvec.sql.dependencies import Removal, shown_name, shown_routine
from sqlvec.sql.parse import Node

_DROPPED = {
    "OBJECT_TABLE": ("table", "DROP TABLE"), "OBJECT_INDEX": ("index", "DROP INDEX"),
    "OBJECT_SEQUENCE": ("sequence", "DROP SEQUENCE"), "OBJECT_VIEW": ("view", "DROP VIEW"),
    "OBJECT_MATVIEW": ("materialized view", "DROP MATERIALIZED VIEW"),
}  # fmt: skip


def bind_drop(binder: Binder, body: Node) -> bound.Ddl:
    what = body["removeType"]
    if what == "OBJECT_SCHEMA":
        return _drop_schema(binder, body)
    if what == "OBJECT_EXTENSION":
        return _drop_extension(binder, body)
    if what not in _DROPPED:
        raise FeatureNotSupported(f"DROP {what.removeprefix('OBJECT_')} is not supported")
    word, tag = _DROPPED[what]
    concurrently = bool(body.get("concurrent"))
    if concurrently and len(body["objects"]) > 1:
        raise FeatureNotSupported("DROP INDEX CONCURRENTLY does not support dropping multiple objects")
    if concurrently and body.get("behavior") == "DROP_CASCADE":
        raise FeatureNotSupported("DROP INDEX CONCURRENTLY does not support CASCADE")
    notices: list[tuple[str, ...]] = []
    relations: dict[int, Relation] = {}
    for node in body["objects"]:
        parts = [item["String"]["sval"] for item in node["List"]["items"]]
        found = _find(binder, parts, word, bool(body.get("missing_ok")), notices)
        if found is not None:
            relations[found.oid] = found
    removal = Removal(binder)
    chosen = list(relations.values())
    for relation in chosen:
        _refuse_part(binder, removal, relation, relations)
    removal.drop(chosen)
    objects = [removal.described(relation) for relation in chosen]
    told = removal.settle(objects, body.get("behavior") == "DROP_CASCADE")
    return bound.Ddl(
        tag,
        tuple(removal.changed.values()),
        tuple(removal.dropped),
        removal.beside_relations(),
        notices=(*notices, *told),
        alone=f"{tag} CONCURRENTLY" if concurrently else "",
    )


def word_of(relation: Relation) -> str:
    if isinstance(relation, Table):
        return "materialized view" if relation.query else "table"
    return {View: "view", Index: "index", Sequence: "sequence"}[type(relation)]


def _find(
    binder: Binder, parts: list[str], word: str, missing_ok: bool, notices: list[tuple[str, ...]]
) -> Relation | None:
    schema, name = (parts[-2] if len(parts) > 1 else None), parts[-1]
    relation = binder.context.find_relation(schema, name)
    shown = ".".join(parts)
    if relation is None:
        if schema is not None and binder.catalog.schema(schema) is None:
            if missing_ok:
                notices.append(("00000", f'schema "{schema}" does not exist, skipping'))
                return None
            raise InvalidSchemaName(f'schema "{schema}" does not exist')
        if not missing_ok:
            error = UndefinedObject if word == "index" else UndefinedTable
            raise error(f'{word} "{shown}" does not exist')
        notices.append(("00000", f'{word} "{shown}" does not exist, skipping'))
        return None
    actual = word_of(relation)
    if actual != word:
        article = "an" if word == "index" else "a"
        raise WrongObjectType(
            f'"{name}" is not {article} {word}',
            hint=f"Use DROP {actual.upper()} to remove {'an' if actual == 'index' else 'a'} {actual}.",
        )
    return relation


def _refuse_part(
    binder: Binder, removal: Removal, relation: Relation, all_chosen: dict[int, Relation]
) -> None:
    """What belongs to something else goes only with that."""
    whole, instead = "", ""
    if isinstance(relation, Index) and relation.parent_oid:
        parent = binder.catalog.relations[relation.parent_oid]
        if parent.oid not in all_chosen:
            whole = instead = removal.described(parent)
    elif isinstance(relation, Index):
        table = binder.catalog.relations[relation.table_oid]
        for constraint in table.constraints if isinstance(table, Table) else ():
            if constraint.index_oid == relation.oid and constraint.kind in "pu":
                whole = f"constraint {constraint.name} on {removal.described(table)}"
                raise DependentObjectsStillExist(
                    f"cannot drop index {relation.name} because {whole} requires it",
                    hint=f"You can drop {whole} instead.",
                )
    if isinstance(relation, Sequence) and relation.owned_by[0] not in all_chosen:
        owner = binder.catalog.relations.get(relation.owned_by[0])
        if isinstance(owner, Table):
            column = owner.column_by_attnum(relation.owned_by[1])
            if column.identity and column.sequence_oid == relation.oid:
                whole = instead = f"column {column.name} of {removal.described(owner)}"
    if whole:
        raise DependentObjectsStillExist(
            f"cannot drop {removal.described(relation)} because {whole} requires it",
            hint=f"You can drop {instead} instead.",
        )


def _drop_schema(binder: Binder, body: Node) -> bound.Ddl:
    catalog, notices = binder.catalog, list[tuple[str, ...]]()
    removal, names, inside = Removal(binder), list[str](), list[Relation]()
    gone: list[int] = []
    lines: list[tuple[int, str, str]] = []
    types_inside: list[UserType] = []
    routines: list[Routine] = []
    for node in body["objects"]:
        name = node["String"]["sval"]
        schema = catalog.schema(name)
        if schema is None:
            if not body.get("missing_ok"):
                raise InvalidSchemaName(f'schema "{name}" does not exist')
            notices.append(("00000", f'schema "{name}" does not exist, skipping'))
            continue
        names.append(f"schema {name}")
        gone.append(schema.oid)
        for made in catalog.types.values():
            if made.schema_oid == schema.oid:
                types_inside.append(made)
                lines.append((made.oid, f"type {removal.type_name(made)}", names[-1]))
        for routine in catalog.routines.values():
            if routine.schema_oid == schema.oid:
                routines.append(routine)
                lines.append((routine.oid, shown_routine(binder, routine), names[-1]))
        for relation in catalog.relations.values():
            if not isinstance(relation, Index) and relation.schema_oid == schema.oid:
                owned = isinstance(relation, Sequence) and relation.owned_by[0]
                if not owned:
                    lines.append((relation.oid, removal.described(relation), names[-1]))
                inside.append(relation)
    removal.told = [line[1:] for line in sorted(lines)]
    removal.dropped_routines.update((routine.oid, None) for routine in routines)
    removal.drop(inside)
    removal.drop_types(types_inside)
    removal.drop_routines(routines)
    told = removal.settle(names, body.get("behavior") == "DROP_CASCADE")
    catalog = removal.applied()
    catalog = replace(catalog, schemas={k: v for k, v in catalog.schemas.items() if k not in gone})
    return bound.Ddl(
        "DROP SCHEMA", tuple(removal.changed.values()), catalog=catalog, notices=(*notices, *told)
    )


def _drop_extension(binder: Binder, body: Node) -> bound.Ddl:
    catalog, notices = binder.catalog, list[tuple[str, ...]]()
    for node in body["objects"]:
        name = node["String"]["sval"]
        if name not in catalog.extensions:
            if not body.get("missing_ok"):
                raise UndefinedObject(f'extension "{name}" does not exist')
            notices.append(("00000", f'extension "{name}" does not exist, skipping'))
            continue
        users = [
            f"column {c.name} of table {shown_name(binder, t)} depends on type {c.type.definition.name}"
            for t in catalog.relations.values()
            if isinstance(t, Table)
            for c in t.live_columns
            if c.type.oid in (types.VECTOR.oid, types.HALFVEC.oid, types.SPARSEVEC.oid)
        ]
        if users:
            raise DependentObjectsStillExist(
                f"cannot drop extension {name} because other objects depend on it",
                detail="\n".join(users),
                hint="Use DROP ... CASCADE to drop the dependent objects too.",
            )
        catalog = replace(catalog, extensions=tuple(e for e in catalog.extensions if e != name))
    return bound.Ddl("DROP EXTENSION", catalog=catalog, notices=tuple(notices))


# ---------------------------------------------------------------- TRUNCATE


def bind_truncate(binder: Binder, body: Node) -> bound.Ddl:
    """The tables, those that refer to them with CASCADE, and with RESTART IDENTITY their sequences."""
    tables: dict[int, Table] = {}
    for node in body["relations"]:
        part = node["RangeVar"]
        relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
        if relation is None:
            raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
        if not isinstance(relation, Table) or relation.query:
            raise WrongObjectType(f'"{relation.name}" is not a table')
        if relation.partitioning is not None and not part.get("inh"):
            raise WrongObjectType(
                "cannot truncate only a partitioned table",
                hint="Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.",
            )
        below = binder.catalog.heirs(relation.oid) if part.get("inh") else (relation,)
        for table in (*binder.catalog.partition_tree(relation.oid), *below):
            tables[table.oid] = table
    cascade = body.get("behavior") == "DROP_CASCADE"
    notices = []
    waiting = list(tables.values())
    while waiting:
        table = waiting.pop(0)
        for child, _ in binder.catalog.referrers(table.oid):
            if child.oid in tables:
                continue
            if not cascade:
                raise FeatureNotSupported(
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{child.name}" references "{table.name}".',
                    hint=f'Truncate table "{child.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            for table in binder.catalog.partition_tree(child.oid):
                notices.append(("00000", f'truncate cascades to table "{table.name}"'))
                tables[table.oid] = table
                waiting.append(table)
    changed: list[Sequence] = []
    if body.get("restart_seqs"):
        owned = [
            r for r in binder.catalog.relations.values()
            if isinstance(r, Sequence) and r.owned_by[0] in tables
        ]  # fmt: skip
        _, first = binder.catalog.reserve_oids(len(owned))
        changed = [restarted(sequence, first + i) for i, sequence in enumerate(owned)]
    return bound.Ddl(
        "TRUNCATE TABLE", tuple(changed), truncate=tuple(tables.values()), notices=tuple(notices)
    )
