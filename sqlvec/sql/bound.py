"""The bound tree: statements whose names are resolved and whose expressions have types.

The binder makes it, the planner and the renderer read it. Nodes are frozen; they hold no parser objects.
Every relation of a statement, at any depth, has its own `relation_id`, so that a ColumnRef is unambiguous
wherever it stands (an outer reference is a ColumnRef to a relation of an enclosing query).
`ordinal` is the 0-based position in the relation's output columns; for a table it is attnum - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sqlvec.catalog.objects import Catalog, Index, Relation, Sequence, Table
from sqlvec.catalog.system.tables import SystemTable
from sqlvec.types import SqlType

# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Expression:
    type: SqlType


@dataclass(frozen=True, slots=True, eq=False)
class Const(Expression):
    """value is the type's datum (see types), None for NULL. An untyped literal was coerced by the
    binder; until then it keeps its position, for errors in it."""

    value: Any
    position: int | None = None

    def _key(self) -> tuple[object, ...]:
        return (self.type, type(self.value), _hashable(self.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def _hashable(value: Any) -> Any:
    """As PostgreSQL's equal(), which compares bytes: 1.0 is not 1.00, nor 0 -0. Vectors and arrays by content."""
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, Decimal):
        return value.as_tuple()
    if isinstance(value, float):
        return value.hex()
    return value.tobytes() if hasattr(value, "tobytes") else value


@dataclass(frozen=True, slots=True)
class Param(Expression):
    """$number, 1-based."""

    number: int


@dataclass(frozen=True, slots=True)
class ColumnRef(Expression):
    relation_id: int
    ordinal: int
    name: str


@dataclass(frozen=True, slots=True)
class RowRef(Expression):
    """A whole row of a relation, as in `SELECT t FROM t` or `count(t)`."""

    relation_id: int


@dataclass(frozen=True, slots=True)
class FunctionCall(Expression):
    """A function or operator call. `name` is PostgreSQL's function name in lower case, or the operator's
    spelling for an operator (then `operator` is True): "lower", "+", "||", "->>", "~~" (LIKE), "!~~*".
    Comparison is operator "=", "<>", "<", "<=", ">", ">=". Arguments are already coerced."""

    name: str
    args: tuple[Expression, ...]
    operator: bool = False


@dataclass(frozen=True, slots=True)
class RecordCall(Expression):
    """A call of a set-returning function whose rows have several columns: names and types in `fields`."""

    name: str
    args: tuple[Expression, ...]
    fields: tuple[tuple[str, SqlType], ...]


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """(call).field, the field by its place; set-returning as the call is."""

    call: RecordCall
    place: int


@dataclass(frozen=True, slots=True)
class RoutineCall(Expression):
    """A call of a user's function that is run statement by statement, where it cannot be taken into the statement
    that calls it. args: one for each of its input arguments. columns: names and types of what it gives; a value of
    several columns is a row, or where place is not negative that column of it. is_set: an array of all that it
    gives."""

    oid: int
    args: tuple[Expression, ...]
    columns: tuple[tuple[str, SqlType], ...]
    is_set: bool = False
    place: int = -1


@dataclass(frozen=True, slots=True)
class WrittenCall(Expression):
    """A call of a user's function as it is written, for those who only show it. names: of the last arguments, where
    they are given by name; variadic: the last is the array of a VARIADIC argument."""

    oid: int
    args: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Distance(Expression):
    """left <metric> right over vectors, type float8. metric: l2, inner_product (negated, as <#>), cosine, l1."""

    metric: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class TextScore(Expression):
    """The negated BM25 score of columns of one table, type float8: columns <@> query.

    fields: which of the index's text columns they are, () for all. syntax: how the query is read, a name of
    index.bm25.query_syntax.SYNTAXES; "like" is a text to find others like it, "like_row" the primary key of
    such a text. weights: one for each column, () for those of the index."""

    columns: tuple[ColumnRef, ...]
    query: Expression
    index: Index
    fields: tuple[int, ...] = ()
    syntax: str = "words"
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TextMatch(Expression):
    """columns @@@ query, type bool; the rest as in TextScore."""

    columns: tuple[ColumnRef, ...]
    query: Expression
    index: Index
    fields: tuple[int, ...] = ()
    syntax: str = "match"
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fusion(Expression):
    """rrf(...), relative_score(...), hybrid(...): a score, greater is better, type float8.

    kind: rrf or relative_score (hybrid is bound to one of them). legs are Distance or TextScore.
    weights has one number a leg; k is of rrf; pool and autocut are None where not given."""

    kind: str
    legs: tuple[Distance | TextScore, ...]
    weights: tuple[Expression, ...]
    k: Expression
    pool: Expression | None = None
    autocut: Expression | None = None


@dataclass(frozen=True, slots=True)
class Mmr(Expression):
    """mmr(leg): a score by which rows are near the query and unlike each other, type float8.

    leg is a Distance over dense vectors, or a Fusion with one among its legs: its first tells likeness."""

    leg: Distance | Fusion
    balance: Expression
    pool: Expression | None = None


Ranked = Distance | TextScore | Fusion | Mmr


@dataclass(frozen=True, slots=True)
class Explanation(Expression):
    """explain_score(): how a row came by its score, type jsonb. ranked is None until ORDER BY is bound."""

    ranked: Ranked | None


@dataclass(frozen=True, slots=True)
class Boolean(Expression):
    """op: and, or (two arguments or more), not (one)."""

    op: Literal["and", "or", "not"]
    args: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Test(Expression):
    """kind: null, not_null, true, not_true, false, not_false, unknown, not_unknown."""

    kind: str
    arg: Expression


@dataclass(frozen=True, slots=True)
class DistinctFrom(Expression):
    left: Expression
    right: Expression
    negated: bool = False  # True: IS NOT DISTINCT FROM


@dataclass(frozen=True, slots=True)
class InList(Expression):
    arg: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AnyAll(Expression):
    """arg op ANY|ALL (array)."""

    op: str
    arg: Expression
    array: Expression
    all: bool = False


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """arg :: type. explicit is False for the binder's own coercions."""

    arg: Expression
    explicit: bool = True


class DomainRule:
    """What a domain asks of a value: that a condition over VALUE is not false; without one, not to be NULL.
    Opaque to whatever goes through trees, as the column in the condition is of no relation."""

    __slots__ = ("condition", "constraint", "domain", "schema")

    def __init__(
        self, schema: str, domain: str, constraint: str, condition: Expression | None
    ) -> None:
        self.schema = schema
        self.domain = domain
        self.constraint = constraint
        self.condition = condition

    def _key(self) -> tuple[object, ...]:
        return (self.schema, self.domain, self.constraint, self.condition)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainRule) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, slots=True)
class DomainCheck(Expression):
    """arg, if it satisfies the rules of the domain: an error otherwise. depth: 0 where it is the value itself
    that does, 1 for the elements of an array."""

    arg: Expression
    domain: SqlType
    rules: tuple[DomainRule, ...]
    depth: int = 0


@dataclass(frozen=True, slots=True)
class CompositeField(Expression):
    """(arg).field of a composite value, the field by its attnum."""

    arg: Expression
    attnum: int
    name: str


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """Searched CASE (the simple form is bound to `operand = value`)."""

    whens: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None = None


@dataclass(frozen=True, slots=True)
class Coalesce(Expression):
    """kind: coalesce, greatest, least, nullif."""

    kind: str
    args: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ArrayExpression(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class RowExpression(Expression):
    """A record; of a composite type with an item for each of its fields."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Subscript(Expression):
    """array[lower:upper] or array[index] (lower None, slice False)."""

    arg: Expression
    index: Expression | None
    lower: Expression | None = None
    slice: bool = False


@dataclass(frozen=True, slots=True)
class SortKey:
    expression: Expression
    descending: bool = False
    nulls_first: bool = False  # already resolved: PostgreSQL's default is descending


@dataclass(frozen=True, slots=True)
class Aggregate(Expression):
    """name(args) over a group; star is count(*). within_group holds the order of an ordered-set aggregate."""

    name: str
    args: tuple[Expression, ...]
    star: bool = False
    distinct: bool = False
    filter: Expression | None = None
    order_by: tuple[SortKey, ...] = ()
    within_group: bool = False


@dataclass(frozen=True, slots=True)
class Grouping(Expression):
    """GROUPING(args): a bit for each grouped expression, the last one lowest, set where the row's set lacks it."""

    args: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Window:
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: str = ""  # SQL text: "ROWS BETWEEN {} PRECEDING AND CURRENT ROW", "" for the default
    offsets: tuple[Expression, ...] = ()  # what stands for {} in it


@dataclass(frozen=True, slots=True)
class WindowCall(Expression):
    name: str
    args: tuple[Expression, ...]
    window: Window
    star: bool = False
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """kind: scalar, exists, in (test IN query: op "="), any, all (test op ANY|ALL), array."""

    kind: str
    query: Query
    test: Expression | None = None
    op: str = "="
    negated: bool = False


# ---------------------------------------------------------------- relations


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a relation or result. table_oid and attnum are 0 unless it is a plain table column."""

    name: str
    type: SqlType
    table_oid: int = 0
    attnum: int = 0


@dataclass(frozen=True, slots=True)
class RelationNode:
    relation_id: int
    alias: str
    columns: tuple[OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class TableScan(RelationNode):
    """columns has one entry per attnum, dropped ones included (named ""). as_of: of FOR SYSTEM_TIME, a moment
    or what is added to now. heirs: whether tables are read that inherit from this one. named: whether a statement
    names it, and so its hidden columns."""

    table: Table
    as_of: Expression | None = None
    heirs: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class SystemScan(RelationNode):
    """A table of pg_catalog or information_schema: made from the catalog when read. The last column is
    tableoid, which is not in the table's row (attnum below 0)."""

    table: SystemTable


@dataclass(frozen=True, slots=True)
class DerivedTable(RelationNode):
    query: Query
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class CteScan(RelationNode):
    cte_name: str


@dataclass(frozen=True, slots=True)
class FunctionScan(RelationNode):
    """generate_series(..), unnest(..), json_each(..) ... in FROM."""

    call: Expression
    ordinality: bool = False
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class ValuesScan(RelationNode):
    rows: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Join:
    """kind: inner, left, right, full, cross. USING and NATURAL are bound to `condition`."""

    kind: str
    left: FromItem
    right: FromItem
    condition: Expression | None = None


FromItem = RelationNode | Join


# ---------------------------------------------------------------- queries


@dataclass(frozen=True, slots=True)
class Target:
    """One output column. junk: computed for ORDER BY only, not returned (always after the others)."""

    name: str
    expression: Expression
    junk: bool = False
    table_oid: int = 0
    attnum: int = 0


@dataclass(frozen=True, slots=True)
class CommonTable:
    name: str
    query: Query
    columns: tuple[OutputColumn, ...]
    recursive: bool = False
    materialized: bool | None = None
    returned: SystemTable | None = None  # of a data-modifying one: what stands for its rows


@dataclass(frozen=True, slots=True)
class Query:
    """order_by, limit and offset belong to the whole; sort keys of a Select are expressions over its input
    (never output numbers), those of a SetOperation and Values are ColumnRefs to relation_id 0 (the output)."""

    columns: tuple[OutputColumn, ...]
    ctes: tuple[CommonTable, ...] = field(default=(), kw_only=True)
    order_by: tuple[SortKey, ...] = field(default=(), kw_only=True)
    limit: Expression | None = field(default=None, kw_only=True)
    offset: Expression | None = field(default=None, kw_only=True)
    with_ties: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Select(Query):
    targets: tuple[Target, ...]
    from_: tuple[FromItem, ...] = ()
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    grouping_sets: tuple[tuple[int, ...], ...] | None = None  # positions in group_by; None: one plain set
    grouped: bool = False  # has GROUP BY, HAVING or an aggregate
    having: Expression | None = None
    distinct: bool = False
    distinct_on: tuple[Expression, ...] = ()
    locking: tuple[RowLock, ...] = ()


@dataclass(frozen=True, slots=True)
class RowLock:
    """Of SELECT FOR ...: strength as storage.locks.RowMode; policy: wait, nowait, skip."""

    relation_id: int
    strength: int
    policy: str


@dataclass(frozen=True, slots=True)
class SetOperation(Query):
    """op: union, intersect, except."""

    op: str
    all: bool
    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class Values(Query):
    rows: tuple[tuple[Expression, ...], ...]


# ---------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Assignment:
    attnum: int
    expression: Expression  # of the column's type


@dataclass(frozen=True, slots=True)
class OnConflict:
    """do_update empty: DO NOTHING. attnums: the arbiter key, indexes: arbiters that are indexes over
    expressions or part of the rows; neither for any. Inside, relation_id of the table is
    Insert.target.relation_id and of EXCLUDED is `excluded_id`."""

    attnums: tuple[int, ...]
    excluded_id: int
    do_update: tuple[Assignment, ...] = ()
    nothing: bool = False
    where: Expression | None = None
    indexes: tuple[ArbiterIndex, ...] = ()

    @property
    def is_for_any(self) -> bool:
        return not self.attnums and not self.indexes


@dataclass(frozen=True, slots=True)
class ArbiterIndex:
    """An index over expressions or part of the rows, if what is given has the values that its predicate names."""

    oid: int
    given: tuple[tuple[Expression, Const], ...] = ()


@dataclass(frozen=True, slots=True)
class Insert:
    """source yields one column per entry of attnums, each of its column's type. Columns not named get their
    default: `defaults` holds a bound expression for every such column that has one (nextval calls included).
    A DEFAULT keyword inside VALUES is already replaced by the column's default expression.
    returning is over target.relation_id; () means none."""

    target: TableScan
    attnums: tuple[int, ...]
    source: Query
    defaults: tuple[Assignment, ...] = ()
    checks: tuple[Check, ...] = ()
    on_conflict: OnConflict | None = None
    returning: tuple[Target, ...] = ()
    ctes: tuple[CommonTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """of_view: WITH CHECK OPTION of the view of that name, which a null does not pass."""

    name: str
    expression: Expression  # over the target's relation_id
    of_view: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    target: TableScan
    assignments: tuple[Assignment, ...]  # generated columns included
    where: Expression | None = None
    from_: tuple[FromItem, ...] = ()
    checks: tuple[Check, ...] = ()
    returning: tuple[Target, ...] = ()
    ctes: tuple[CommonTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    target: TableScan
    where: Expression | None = None
    using: tuple[FromItem, ...] = ()
    returning: tuple[Target, ...] = ()
    ctes: tuple[CommonTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY table or (query) FROM STDIN | TO STDOUT. For FROM: attnums, defaults, checks as in Insert.
    options: format text|csv|binary, delimiter, null, header (bool or "match"), quote, escape,
    force_quote, force_not_null, force_null (tuples of names)."""

    direction: Literal["from", "to"]
    target: TableScan | None
    attnums: tuple[int, ...]
    query: Query | None
    options: dict[str, Any]
    defaults: tuple[Assignment, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeClause:
    """WHEN [NOT] MATCHED [AND condition] THEN action: update, delete, insert, nothing. defaults: of an
    insert, for the columns that it does not name."""

    matched: bool
    action: str
    condition: Expression | None = None
    assignments: tuple[Assignment, ...] = ()
    defaults: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    target: TableScan
    source: FromItem
    condition: Expression
    clauses: tuple[MergeClause, ...]
    checks: tuple[Check, ...] = ()
    ctes: tuple[CommonTable, ...] = ()


@dataclass(frozen=True, slots=True)
class WithModifying:
    """WITH with INSERT, UPDATE or DELETE in it: these are run first, in order, and seen by nobody but through
    what they return; `first` has the number by which the rows are found."""

    first: tuple[tuple[int, Insert | Update | Delete], ...]
    main: Query | Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Explain:
    statement: Statement
    options: dict[str, Any]  # analyze, verbose, costs, timing, summary: bool; format: text|json|...; recall: bool


@dataclass(frozen=True, slots=True)
class Ddl:
    """A change of the catalog, already checked and computed: `changed` are added or replaced, `dropped` are
    oids. `tag` is the command tag. drop and create of storage follow from the difference of the catalogs.
    skipped: nothing to do (IF [NOT] EXISTS); notices tell why."""

    tag: str
    changed: tuple[Relation, ...] = ()
    dropped: tuple[int, ...] = ()
    catalog: Catalog | None = None  # the whole new catalog, when schemas or extensions change too
    notices: tuple[tuple[str, ...], ...] = ()  # (sqlstate, message) or (sqlstate, message, detail)
    verify: tuple[Verify, ...] = ()  # what must hold for the rows there are
    fills: tuple[Fill, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    verify_domains: tuple[VerifyDomain, ...] = ()
    truncate: tuple[Table, ...] = ()
    build: tuple[Index, ...] = ()  # new indexes over tables that may hold rows
    query: Query | None = None  # CREATE TABLE AS: the rows of the new table
    alone: str = ""  # a command that may not be part of a transaction


@dataclass(frozen=True, slots=True)
class Rewrite:
    """ALTER TABLE that fills or changes a column: new value of `attnum` for every row, over the OLD table."""

    target: TableScan
    attnum: int
    expression: Expression


@dataclass(frozen=True, slots=True)
class Fill:
    """ALTER TABLE ADD COLUMN with a constant: what older rows have there."""

    table_oid: int
    attnum: int
    value: Const


@dataclass(frozen=True, slots=True)
class Verify:
    """kind: n NOT NULL of the attnum `number`, c or f the constraint of that oid, u the unique index, p and d the
    bound of that partition, x no reference of that foreign key to the rows of a partition that is taken away."""

    table_oid: int
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class VerifyDomain:
    """ALTER DOMAIN: the values that there are must satisfy the constraint; "": NOT NULL."""

    domain: SqlType
    constraint: str


@dataclass(frozen=True, slots=True)
class Utility:
    """Everything that neither reads nor changes tables. kind and args:

    begin(isolation, read_only), commit, rollback, savepoint(name), release(name), rollback_to(name),
    set(name, value|None=default, local), reset(name or "all"), show(name or "all"),
    prepare(name, types, statement), execute(name, args: expressions), deallocate(name or None=all),
    discard(what), create_database(name, if_not_exists), drop_database(name, if_exists),
    call(oid, args: expressions), do(block), create_tenant(name, if_exists), drop_tenant(name, if_exists), alter_tenant(name, state),
    noop(tag), declare(name, query, hold, scroll), fetch(...), close(name or None=all), listen(name)...,
    vacuum(...), checkpoint, lock."""

    kind: str
    tag: str
    args: dict[str, Any] = field(default_factory=dict)
    columns: tuple[OutputColumn, ...] = ()  # of show, execute, fetch


Statement = Query | Insert | Update | Delete | Merge | WithModifying | Copy | Explain | Ddl | Utility


@dataclass(frozen=True, slots=True)
class BoundStatement:
    statement: Statement
    parameter_types: tuple[SqlType, ...]  # of $1, $2 ...
    notices: tuple[tuple[str, str], ...] = ()
    sequences: tuple[Sequence, ...] = ()
