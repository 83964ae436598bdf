"""Physical plans: what exec runs. Frozen values, made once per statement shape, run many times.

A predicate tree becomes a row set before anything is ranked (architecture, section 1):

    AllRows | ColumnPredicate | DistancePredicate | TextPredicate | LexemePredicate | AnyOf(or) | AllOf(and)
    | Residual

Residual is whatever only the relational engine can decide; it is evaluated last, over the rows that are left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlvec.catalog.objects import Index, Table
from sqlvec.sql import bound

ROW_ID_SHARD_SHIFT = 40  # shard id << 40 | row id


@dataclass(frozen=True, slots=True)
class ColumnPredicate:
    """column op values; op: = < <= > >= in null not_null. values are constant within one execution."""

    attnum: int
    op: str
    values: tuple[bound.Expression, ...]
    source: bound.Expression


@dataclass(frozen=True, slots=True)
class DistancePredicate:
    """distance op limit, op one of < <= > >=."""

    distance: bound.Distance
    op: str
    limit: bound.Expression


@dataclass(frozen=True, slots=True)
class TextPredicate:
    match: bound.TextMatch


@dataclass(frozen=True, slots=True)
class LexemePredicate:
    """Rows that a gin index does not rule out for vector @@ query; a residual decides."""

    match: bound.Expression
    query: bound.Expression
    index: Index


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Residual:
    """zones: a predicate of columns that holds wherever the expression does, for zone maps."""

    expression: bound.Expression
    zones: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Queried:
    """A predicate with subqueries; plan yields (shard id, row id) of the rows for which it is true."""

    plan: Remainder
    source: bound.Expression | None


Predicate = (
    ColumnPredicate
    | DistancePredicate
    | TextPredicate
    | LexemePredicate
    | AllOf
    | AnyOf
    | Residual
    | Queried
)


@dataclass(frozen=True, slots=True)
class Prefilter:
    """The row set of one table: tenant and predicate; visibility is added when run.

    key: the columns of a unique key all given by equality; then at most one row can match."""

    scan: bound.TableScan
    predicate: Predicate | None = None
    tenant: bound.Expression | None = None
    key: tuple[tuple[int, bound.Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class VectorLeg:
    """A ranking by distance, nearest first; index None means an exact scan of a column. What is on the left
    of the distance is a dense column, or what the index is made of. exact: the index gives its rows only."""

    distance: bound.Distance
    index: Index | None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class TextLeg:
    score: bound.TextScore


@dataclass(frozen=True, slots=True)
class FusionLeg:
    fusion: bound.Fusion
    legs: tuple[VectorLeg | TextLeg, ...]


@dataclass(frozen=True, slots=True)
class MmrLeg:
    """leg: what ranks the candidates; likeness: the vectors that tell how much alike they are."""

    mmr: bound.Mmr
    leg: VectorLeg | FusionLeg
    likeness: VectorLeg


Leg = VectorLeg | TextLeg | FusionLeg | MmrLeg


@dataclass(frozen=True, slots=True)
class Ranking:
    """ORDER BY expression that a ranked scan answers. `key` is what the scan yields a value for: the
    distance, the negated BM25 score, or a score that descends. offset belongs to the rows ranked, not returned.
    extra: keys that decide among equals."""

    leg: Leg
    key: bound.Expression
    extra: tuple[bound.SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class NativeSelect:
    """One table, no remainder: prefilter, rank or sort, cut, fetch, project.

    plain: per target the attnum of the column that it is, 0 for the ranking key; None when a target is
    anything else."""

    prefilter: Prefilter
    ranking: Ranking | None
    sort: tuple[bound.SortKey, ...]
    targets: tuple[bound.Target, ...]
    limit: bound.Expression | None
    offset: bound.Expression | None
    columns: tuple[bound.OutputColumn, ...]
    fallback: Remainder | None = None  # taken when there are too many rows to sort or project one by one
    plain: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class TableSource:
    """Rows of a table for the remainder: ordinals wanted, ascending and with hidden ones, computed columns, and a
    ranking when only the best rows are asked for."""

    prefilter: Prefilter
    ordinals: tuple[int, ...]
    computed: tuple[tuple[str, bound.Expression], ...] = ()
    ranking: Ranking | None = None
    limit: bound.Expression | None = None
    offset: bound.Expression | None = None


@dataclass(frozen=True, slots=True)
class SystemSource:
    scan: bound.SystemScan
    ordinals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QuerySource:
    """A subquery that runs before the query around it: its rows are locked, or lists are fused."""

    plan: LockingSelect | HandFusion
    ordinals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LateralSource:
    """A ranked subquery that is run for every row of `values`, whose columns are its parameters from
    first_parameter on. The rows are those of the runs, with the parameters as their last columns."""

    values: QueryPlan
    plan: QueryPlan
    first_parameter: int
    columns: tuple[bound.OutputColumn, ...]


Source = TableSource | SystemSource | QuerySource | LateralSource


@dataclass(frozen=True, slots=True)
class Remainder:
    """A query for the relational engine over sources; computed maps expressions to source columns."""

    query: bound.Query
    sources: tuple[tuple[int, Source], ...]
    computed: tuple[tuple[bound.Expression, int, str], ...]
    columns: tuple[bound.OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class Constants:
    """SELECT without FROM whose targets are evaluated directly."""

    targets: tuple[bound.Target, ...]
    columns: tuple[bound.OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class LockingSelect:
    """Rows of the source, locked in its order up to the limit. The source's last columns are the places
    (shard id, row id) of the rows of the locked relations, in the order of locks."""

    source: NativeSelect | Remainder
    locks: tuple[bound.RowLock, ...]
    limit: bound.Expression | None
    offset: bound.Expression | None
    columns: tuple[bound.OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class RankedList:
    """A plan whose rows come in the order of their ranks. columns: which of the plan's each output column is,
    -1 for the rank; kind: rank, dense_rank or row_number, by the plan's last key_count columns. With a
    key_count of 0 the plan has the ranks itself. alike: pairs of parameters that must have the same value for
    the window function to go by the order of the rows."""

    plan: QueryPlan
    columns: tuple[int, ...]
    kind: str
    key_count: int
    alike: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FusedBranch:
    """What a list gives for each of its rows, whose columns are `columns`: the keys by which rows meet, and
    values, which belong to the fused row's from place `first` on."""

    ranked: RankedList
    columns: tuple[bound.ColumnRef, ...]
    keys: tuple[bound.Expression, ...]
    shares: tuple[bound.Expression, ...]
    first: int


@dataclass(frozen=True, slots=True)
class HandFusion:
    """Ranked lists fused by key, as a query wrote it. kind: join (values lie beside each other, null for what a
    list lacks) or sum (keys, then sums over the lists). values: the expressions that a fused row has values of;
    the targets and sort keys are evaluated over these."""

    branches: tuple[FusedBranch, ...]
    values: tuple[bound.Expression, ...]
    kind: str
    targets: tuple[bound.Expression, ...]
    columns: tuple[bound.OutputColumn, ...]
    order_by: tuple[bound.SortKey, ...] = ()
    limit: bound.Expression | None = None
    offset: bound.Expression | None = None


@dataclass(frozen=True, slots=True)
class Recognised:
    """A fusion written by hand, and the plan of the query as it is written, which is taken when the setting is
    off, or a list has a key twice."""

    plan: HandFusion | Remainder
    as_written: QueryPlan


QueryPlan = NativeSelect | Remainder | Constants | LockingSelect | HandFusion | Recognised


@dataclass(frozen=True, slots=True)
class InsertPlan:
    statement: bound.Insert
    rows: tuple[tuple[bound.Expression, ...], ...] | None  # VALUES evaluated directly
    source: QueryPlan | None
    carried: tuple[bound.ColumnRef, ...] = ()  # as in ModifyPlan
    returning: tuple[bound.Expression, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)  # the executor's


@dataclass(frozen=True, slots=True)
class ModifyPlan:
    """UPDATE or DELETE. source yields the row ids, then the assigned values, when the statement joins or
    computes beyond direct evaluation; else prefilter finds the rows and the assignments are evaluated.
    carried: columns of other relations, and hidden ones, that RETURNING asks for, which source yields last; in
    returning they are columns of the target, after its own."""

    statement: bound.Update | bound.Delete
    prefilter: Prefilter
    source: Remainder | None
    carried: tuple[bound.ColumnRef, ...] = ()
    returning: tuple[bound.Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class MergePlan:
    """source yields the target's row id or null, a truth value for each clause, then the values of each, those
    of clause i from column starts[i] on."""

    statement: bound.Merge
    source: Remainder
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """Data-modifying statements of a WITH, by their numbers, and the statement that reads what they return.
    scans: of the tables that are read as they were before the first."""

    first: tuple[tuple[int, InsertPlan | ModifyPlan], ...]
    main: QueryPlan | InsertPlan | ModifyPlan
    scans: tuple[bound.TableScan, ...]


Plan = QueryPlan | InsertPlan | ModifyPlan


def table_of(prefilter: Prefilter) -> Table:
    return prefilter.scan.table
