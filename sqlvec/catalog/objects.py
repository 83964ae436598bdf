"""What exists: tables, columns, indexes, sequences, schemas, as immutable values.

A Catalog is a value too: DDL makes a new one, a snapshot holds one, nobody changes one. Oids are stable:
an object keeps its oid for life, and no oid is used twice (next_oid only grows).
Expressions (defaults, checks, index expressions and predicates) are kept as SQL text and bound when used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sqlvec.catalog.partitioning import PartitionBound, Partitioning
from sqlvec.catalog.routines import Routine, linked_routine
from sqlvec.catalog.row_types import row_types_used
from sqlvec.catalog.user_types import DomainCheck, DomainType, UserType, linked_type, sql_types
from sqlvec.types import SqlType
from sqlvec.types.domain_type import base_of, value_type

TEMPORARY_PREFIX = "pg_temp_"
FIRST_USER_OID = 20000  # below: PostgreSQL's own, and the oids of our built-in types
PUBLIC_SCHEMA_OID = 2200
CATALOG_SCHEMA_OID = 11
INFORMATION_SCHEMA_OID = 13000


@dataclass(frozen=True, slots=True)
class Schema:
    oid: int
    name: str

    @property
    def is_temporary(self) -> bool:
        """Whether it holds what one session has made for itself."""
        return self.name.startswith(TEMPORARY_PREFIX)


@dataclass(frozen=True, slots=True)
class Column:
    """attnum is 1-based and never reused within the table; a dropped column keeps its place."""

    attnum: int
    name: str
    type: SqlType
    not_null: bool = False
    default: str | None = None  # SQL text
    identity: str = ""  # "a" always, "d" by default, "" none
    generated: str = ""  # SQL text of a stored generated column
    sequence_oid: int = 0  # the sequence a serial or identity column owns
    dropped: bool = False
    collation: int = 0  # oid; 0: the one of its type
    local: bool = True  # declared by the table itself, whatever it inherits
    inherited: int = 0  # how many of the table's parents have it

    @property
    def value_type(self) -> SqlType:
        """Of its values in expressions: without domains."""
        return value_type(self.type)


@dataclass(frozen=True, slots=True)
class Constraint:
    """kind: p primary key, u unique, c check, f foreign key, n not null (pg_constraint.contype)."""

    oid: int
    name: str
    kind: str
    attnums: tuple[int, ...]
    expression: str = ""  # of a check
    index_oid: int = 0  # of a primary key or unique constraint; of a foreign key, the referenced one
    foreign_table_oid: int = 0
    foreign_attnums: tuple[int, ...] = ()
    on_delete: str = "a"  # a no action, r restrict, c cascade, n set null, d set default
    on_update: str = "a"
    match: str = "s"  # s simple, f full
    set_attnums: tuple[int, ...] = ()  # columns of ON DELETE SET NULL or SET DEFAULT, () for all
    deferrable: bool = False
    deferred: bool = False  # INITIALLY DEFERRED
    validated: bool = True  # false after NOT VALID
    no_inherit: bool = False
    parent_oid: int = 0  # of the constraint of the partitioned table that this is a part of
    local: bool = True  # of a check: declared by the table itself
    inherited: int = 0  # of a check: how many of the table's parents have it


@dataclass(frozen=True, slots=True)
class IndexColumn:
    attnum: int  # 0 for an expression
    expression: str = ""
    operator_class: str = ""  # vector_l2_ops, ... as PostgreSQL names them; resolved, never empty for hnsw
    descending: bool = False
    nulls_first: bool = False
    type: SqlType | None = None  # of the expression of a vector index
    collation: int = 0  # oid; 0: the one of the column or expression


@dataclass(frozen=True, slots=True)
class Index:
    """method: btree, hash, hnsw, ivfflat, bm25, gin, gist, brin as declared."""

    oid: int
    name: str
    table_oid: int
    method: str
    columns: tuple[IndexColumn, ...]
    unique: bool = False
    primary: bool = False
    predicate: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    included: tuple[int, ...] = ()
    nulls_not_distinct: bool = False
    parent_oid: int = 0  # the index of the partitioned table that this is a part of

    def fields(self, table: Table) -> tuple[int, ...]:
        """Attnums of the text columns of a bm25 index, in their order: all but the key field."""
        key = self.options.get("key_field")
        attnums = [column.attnum for column in self.columns]
        return tuple(a for a in attnums if a and table.column_by_attnum(a).name != key)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Its definition; its current value lives in storage."""

    oid: int
    name: str
    schema_oid: int
    type: SqlType
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 2**63 - 1
    cycle: bool = False
    owned_by: tuple[int, int] = (0, 0)  # table oid, attnum
    cache: int = 1
    value_oid: int = 0  # what its count is kept by since it was last restarted; 0: its own oid
    first: int | None = None  # the first value of that count; None: start

    @property
    def count_oid(self) -> int:
        return self.value_oid or self.oid

    @property
    def first_value(self) -> int:
        return self.start if self.first is None else self.first


@dataclass(frozen=True, slots=True)
class ViewRelation:
    """A relation as a view's text names it: found by its oid, and with its columns as they were named
    then, by attnum; "" for those that were dropped."""

    schema: str  # as written, "" for none
    name: str
    oid: int
    columns: tuple[str, ...]
    read: tuple[int, ...] = ()  # attnums that the view reads


@dataclass(frozen=True, slots=True)
class Table:
    oid: int
    name: str
    schema_oid: int
    columns: tuple[Column, ...]  # in attnum order, dropped ones included
    constraints: tuple[Constraint, ...] = ()
    tenant_attnum: int = 0  # the column of PARTITION BY TENANT, 0 for a plain table
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    persistence: str = "p"  # p permanent, u unlogged, t temporary
    on_commit: str = ""  # of a temporary table: delete, drop
    query: str = ""  # of a materialized view
    relations: tuple[ViewRelation, ...] = ()  # what the names in the query mean
    populated: bool = True  # false for a materialized view WITH NO DATA
    shards: int = 1  # a split table's; each row is in one of them
    split_by: tuple[int, ...] = ()  # attnums by whose values rows are placed; (): in turn
    partitioning: Partitioning | None = None  # of a partitioned table, whose rows are in its partitions
    parent_oid: int = 0  # the table of which it is a partition
    bound: PartitionBound | None = None  # which of that table's rows it holds
    parents: tuple[int, ...] = ()  # oids of INHERITS, in order; columns are the same by their names

    def is_unique_across(self, attnums: Collection[int]) -> bool:
        """Whether rows with the same values in those columns may be in different shards of a split table."""
        return self.shards > 1 and not (self.split_by and set(self.split_by) <= set(attnums))

    def uses(self, oid: int, attnum: int = 0) -> bool:
        """Whether it is a materialized view that reads the relation, or that column of it."""
        return any(r.oid == oid and (not attnum or attnum in r.read) for r in self.relations)

    @property
    def live_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.dropped)

    def column(self, name: str) -> Column | None:
        for column in self.columns:
            if column.name == name and not column.dropped:
                return column
        return None

    def column_by_attnum(self, attnum: int) -> Column:
        return self.columns[attnum - 1]

    @property
    def primary_key(self) -> tuple[int, ...]:
        for constraint in self.constraints:
            if constraint.kind == "p":
                return constraint.attnums
        return ()

    @property
    def unique_keys(self) -> tuple[Constraint, ...]:
        """Primary key first, then unique constraints; unique indexes without a constraint are in the catalog."""
        keys = [c for c in self.constraints if c.kind in "pu"]
        return tuple(sorted(keys, key=lambda c: c.kind != "p"))


@dataclass(frozen=True, slots=True)
class View:
    """A named query, kept as its SQL text with what the names in it mean."""

    oid: int
    name: str
    schema_oid: int
    columns: tuple[Column, ...]
    query: str
    relations: tuple[ViewRelation, ...] = ()
    check_option: str = ""  # local, cascaded
    updatable: bool = False  # whether rows are written through it

    def uses(self, oid: int, attnum: int = 0) -> bool:
        """Whether it reads the relation, or that column of it."""
        return any(r.oid == oid and (not attnum or attnum in r.read) for r in self.relations)


Relation = Table | Index | Sequence | View
Described = tuple[int, int, int]  # oid of the system table, of the object, attnum of a column or 0
Reference = tuple[Table, Constraint]


def _empty() -> Mapping[int, Relation]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Catalog:
    """Every object of one database. version grows by one with each committed change.

    memo holds what others computed from this value, and goes with it."""

    version: int = 0
    next_oid: int = FIRST_USER_OID
    schemas: Mapping[int, Schema] = field(default_factory=dict)
    relations: Mapping[int, Relation] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    comments: Mapping[Described, str] = field(default_factory=dict)
    types: Mapping[int, UserType] = field(default_factory=dict)
    routines: Mapping[int, Routine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._link_types()
        schemas = {schema.name: schema for schema in self.schemas.values()}
        names: dict[tuple[int, str], Relation] = {}
        indexes: dict[int, list[Index]] = {}
        references: dict[int, list[Reference]] = {}
        partitions: dict[int, list[Table]] = {}
        children: dict[int, list[Table]] = {}
        for relation in self.relations.values():
            if isinstance(relation, Table):
                if relation.parent_oid:
                    partitions.setdefault(relation.parent_oid, []).append(relation)
                for parent in relation.parents:
                    children.setdefault(parent, []).append(relation)
                for constraint in relation.constraints:
                    if constraint.kind == "f" and not constraint.parent_oid:
                        found = references.setdefault(constraint.foreign_table_oid, [])
                        found.append((relation, constraint))
            if isinstance(relation, Index):
                indexes.setdefault(relation.table_oid, []).append(relation)
                table = self.relations[relation.table_oid]
                assert isinstance(table, (Table, View))
                names[(table.schema_oid, relation.name)] = relation
            else:
                names[(relation.schema_oid, relation.name)] = relation
        object.__setattr__(self, "_schemas_by_name", schemas)
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_indexes", {k: tuple(sorted(v, key=lambda i: i.oid)) for k, v in indexes.items()})
        object.__setattr__(
            self, "_references",
            {k: tuple(sorted(v, key=lambda r: r[1].oid)) for k, v in references.items()},
        )  # fmt: skip
        for name, below in (("_partitions", partitions), ("_children", children)):
            ordered = {k: tuple(sorted(v, key=lambda t: t.oid)) for k, v in below.items()}
            object.__setattr__(self, name, ordered)
        routines: dict[tuple[int, str], list[Routine]] = {}
        for routine in self.routines.values():
            routines.setdefault((routine.schema_oid, routine.name), []).append(routine)
        object.__setattr__(self, "_routine_names", routines)
        object.__setattr__(self, "_memo", {})

    def _link_types(self) -> None:
        """Columns of types that users made bring the types' definitions."""
        known: dict[int, SqlType] = {}
        named: dict[tuple[int, str], SqlType] = {}
        called = [oid for routine in self.routines.values() for oid in routine.type_oids]
        rows = row_types_used(self.relations, self.types.values(), called)
        if self.types or rows:
            known = sql_types({**self.types, **rows})
            relations = {oid: _linked(r, known) for oid, r in self.relations.items()}
            object.__setattr__(self, "relations", relations)
            routines = {oid: linked_routine(r, known) for oid, r in self.routines.items()}
            object.__setattr__(self, "routines", routines)
            for made in self.types.values():
                named[(made.schema_oid, made.name)] = known[made.oid]
                named[(made.schema_oid, made.array_name)] = known[made.array_oid]
        object.__setattr__(self, "_types", known)
        object.__setattr__(self, "_type_names", named)
        owners = {oid: made for made in self.types.values() for oid in (made.oid, made.array_oid)}
        object.__setattr__(self, "_type_owners", owners)

    def type_by_oid(self, oid: int) -> SqlType | None:
        """A type that a user made, or arrays of it."""
        return self._types.get(oid)  # type: ignore[attr-defined,no-any-return]

    def row_type(self, relation: Table | View) -> SqlType:
        """Its rows as a type."""
        known = self.type_by_oid(relation.oid)
        if known is None:
            rows = row_types_used(self.relations, self.types.values(), (relation.oid,))
            found = self.memo.setdefault("row types", {})
            if relation.oid not in found:
                found[relation.oid] = sql_types({**self.types, **rows})[relation.oid]
            known = found[relation.oid]
        return known

    def user_type(self, oid: int) -> UserType | None:
        """By its oid or that of its array type."""
        return self._type_owners.get(oid)  # type: ignore[attr-defined,no-any-return]

    def type_by_name(self, schema_oid: int, name: str) -> SqlType | None:
        return self._type_names.get((schema_oid, name))  # type: ignore[attr-defined,no-any-return]

    def has_type_name(self, schema_oid: int, name: str) -> bool:
        """Whether a type is called so: a user's, or the row type of a relation."""
        row = self.relation(schema_oid, name)
        return isinstance(row, (Table, View)) or self.type_by_name(schema_oid, name) is not None

    def base_of(self, domain: DomainType) -> SqlType:
        """The type under all domains."""
        return base_of(linked_type(domain.base, self._types))  # type: ignore[attr-defined]

    def with_type(self, *made: UserType) -> Catalog:
        """With the types added, or replaced where their oid exists."""
        return replace(self, types={**self.types, **{t.oid: t for t in made}})

    def without_types(self, *oids: int) -> Catalog:
        """Without these types, and without what was said of them."""
        return self._without("types", oids)

    def routines_named(self, schema_oid: int, name: str) -> list[Routine]:
        """Functions and procedures of that name, whatever they take."""
        return self._routine_names.get((schema_oid, name), [])  # type: ignore[attr-defined,no-any-return]

    def with_routine(self, *made: Routine) -> Catalog:
        """With the functions added, or replaced where their oid exists."""
        top = max([self.next_oid - 1, *(r.oid for r in made)]) + 1
        routines = {**self.routines, **{r.oid: r for r in made}}
        return replace(self, routines=routines, next_oid=top)

    def without_routines(self, *oids: int) -> Catalog:
        """Without these functions, and without what was said of them."""
        return self._without("routines", oids)

    @property
    def memo(self) -> dict[Any, Any]:
        return self._memo  # type: ignore[attr-defined,no-any-return]

    def schema(self, name: str) -> Schema | None:
        return self._schemas_by_name.get(name)  # type: ignore[attr-defined,no-any-return]

    def relation(self, schema_oid: int, name: str) -> Relation | None:
        return self._names.get((schema_oid, name))  # type: ignore[attr-defined,no-any-return]

    def table(self, oid: int) -> Table:
        relation = self.relations[oid]
        assert isinstance(relation, Table), relation
        return relation

    def indexes(self, table_oid: int) -> tuple[Index, ...]:
        return self._indexes.get(table_oid, ())  # type: ignore[attr-defined,no-any-return]

    def partitions(self, table_oid: int) -> tuple[Table, ...]:
        """The direct partitions of a table, oldest first."""
        return self._partitions.get(table_oid, ())  # type: ignore[attr-defined,no-any-return]

    def partition_tree(self, table_oid: int) -> Iterator[Table]:
        """The table and its partitions at every depth, each before its own."""
        yield self.table(table_oid)
        for child in self.partitions(table_oid):
            yield from self.partition_tree(child.oid)

    def children(self, table_oid: int) -> tuple[Table, ...]:
        """The tables that inherit from a table directly, oldest first."""
        return self._children.get(table_oid, ())  # type: ignore[attr-defined,no-any-return]

    def heirs(self, table_oid: int) -> tuple[Table, ...]:
        """The table and those that inherit from it at any depth, each once, the nearest first."""
        found = {table_oid: self.table(table_oid)}
        waiting = [table_oid]
        while waiting:
            below = [t for oid in waiting for t in self.children(oid) if t.oid not in found]
            found |= {table.oid: table for table in below}
            waiting = list(dict.fromkeys(table.oid for table in below))
        return tuple(found.values())

    def leaves(self, table: Table) -> tuple[Table, ...]:
        """The tables that hold the rows of a table: itself, or partitions that have none."""
        if table.partitioning is None:
            return (table,)
        return tuple(t for t in self.partition_tree(table.oid) if t.partitioning is None)

    def index_in(self, index: Index, table_oid: int) -> Index | None:
        """The part that an index of a partitioned table, or of one of its partitions, has in another; or an
        heir's index like that of its parent."""
        if index.table_oid == table_oid:
            return index
        if self.children(index.table_oid):
            return next((i for i in self.indexes(table_oid) if self._are_alike(i, index)), None)
        root = self.root_index(index)
        return next((i for i in self.indexes(table_oid) if self.root_index(i) is root), None)

    def _are_alike(self, own: Index, index: Index) -> bool:
        """Whether an index of an heir serves as that of its parent does."""
        return own.method == index.method and self._meaning(own) == self._meaning(index)

    def _meaning(self, index: Index) -> object:
        table = self.table(index.table_oid)
        columns = [
            (table.column_by_attnum(c.attnum).name if c.attnum else c.expression, c.operator_class, c.type)
            for c in index.columns
        ]
        return columns, index.predicate, dict(index.options) if index.method == "bm25" else None

    def is_valid(self, index: Index) -> bool:
        """Whether every shard has a part of it: not while partitions lack theirs (CREATE INDEX ... ON ONLY)."""
        table = self.relations[index.table_oid]
        if not isinstance(table, Table) or table.partitioning is None:
            return True
        return all(self.index_in(index, leaf.oid) is not None for leaf in self.leaves(table))

    def root_index(self, index: Index) -> Index:
        """The index of the outermost partitioned table that it is a part of."""
        while index.parent_oid:
            parent = self.relations[index.parent_oid]
            assert isinstance(parent, Index), parent
            index = parent
        return index

    def constraint(self, oid: int) -> tuple[Table, Constraint] | None:
        """The constraint of that oid, with its table."""
        found = self.memo.get("constraints")
        if found is None:
            tables = [r for r in self.relations.values() if isinstance(r, Table)]
            found = {c.oid: (table, c) for table in tables for c in table.constraints}
            self.memo["constraints"] = found
        return found.get(oid)  # type: ignore[no-any-return]

    def domain_check(self, oid: int) -> tuple[DomainType, DomainCheck] | None:
        """The condition of that oid, with its domain."""
        for made in self.types.values():
            if isinstance(made, DomainType):
                for check in made.checks:
                    if check.oid == oid:
                        return made, check
        return None

    def with_comment(self, described: Described, text: str | None) -> Catalog:
        """The object with that comment; none or an empty one takes it away."""
        comments = {key: value for key, value in self.comments.items() if key != described}
        if text:
            comments[described] = text
        return replace(self, comments=comments)

    def references(self, table_oid: int) -> tuple[Reference, ...]:
        """The foreign keys that refer to the table, each with its own table, oldest first; one of a partitioned
        table stands for its parts."""
        return self._references.get(table_oid, ())  # type: ignore[attr-defined,no-any-return]

    def referrers(self, table_oid: int) -> tuple[Reference, ...]:
        """The same, with those that refer to a table that it is a partition of."""
        found, table = self.references(table_oid), self.relations.get(table_oid)
        while isinstance(table, Table) and table.parent_oid:
            table = self.table(table.parent_oid)
            found += self.references(table.oid)
        return found

    def with_relation(self, *relations: Relation) -> Catalog:
        """This catalog with the relations added, or replaced where their oid exists."""
        merged = dict(self.relations)
        for relation in relations:
            merged[relation.oid] = relation
        return replace(self, relations=merged, next_oid=next_oid_after(self.next_oid, relations))

    def without(self, *oids: int) -> Catalog:
        """Without these relations, and without what was said of them."""
        return self._without("relations", oids)

    def _without(self, what: str, oids: tuple[int, ...]) -> Catalog:
        kept = {oid: made for oid, made in getattr(self, what).items() if oid not in oids}
        comments = {k: v for k, v in self.comments.items() if k[1] not in oids}
        changed: dict[str, Any] = {what: kept, "comments": comments}
        return replace(self, **changed)

    def reserve_oids(self, count: int) -> tuple[Catalog, int]:
        """A catalog whose next `count` oids are taken, and the first of them."""
        return replace(self, next_oid=self.next_oid + count), self.next_oid


def next_oid_after(first: int, relations: Iterable[Relation]) -> int:
    """The next oid once the relations have theirs."""
    taken = [first - 1]
    for relation in relations:
        taken.append(relation.oid)
        if isinstance(relation, Sequence):
            taken.append(relation.value_oid)
        elif isinstance(relation, Table):
            taken += [constraint.oid for constraint in relation.constraints]
    return max(taken) + 1


def _linked(relation: Relation, known: Mapping[int, SqlType]) -> Relation:
    if not isinstance(relation, (Table, View)):
        return relation
    stale = [c for c in relation.columns if c.type.oid in known and c.type.own is not known[c.type.oid].own]
    if not stale:
        return relation
    columns = tuple(
        replace(c, type=linked_type(c.type, known)) if c in stale else c for c in relation.columns
    )
    return replace(relation, columns=columns)


def empty_catalog() -> Catalog:
    return Catalog(
        schemas={
            CATALOG_SCHEMA_OID: Schema(CATALOG_SCHEMA_OID, "pg_catalog"),
            INFORMATION_SCHEMA_OID: Schema(INFORMATION_SCHEMA_OID, "information_schema"),
            PUBLIC_SCHEMA_OID: Schema(PUBLIC_SCHEMA_OID, "public"),
        }
    )
