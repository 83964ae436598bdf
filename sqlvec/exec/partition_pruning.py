"""Which partitions a scan of a partitioned table reads: those that rows with the wanted values can be in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Table
from sqlvec.catalog.partition_router import router
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.plan.physical import AllOf, ColumnPredicate, Predicate, Prefilter

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

_COMBINATIONS_MAX = 64  # of wanted values; with more, every partition is read
Wanted = dict[int, list[Datum]]  # attnum: the values that a row may have there


def partition_shards(plan: Prefilter, context: Context) -> Iterator[Shard]:
    """Their shards, each opened when it is its turn."""
    wanted: Wanted = {attnum: [constant(value, context)] for attnum, value in plan.key}
    _collect(plan.predicate, wanted, context)
    for leaf in _leaves(plan.scan.table, wanted, context):
        shard = context.store.shard(leaf.oid)
        if shard is not None:
            yield shard


def _collect(predicate: Predicate | None, wanted: Wanted, context: Context) -> None:
    if isinstance(predicate, AllOf):
        for part in predicate.parts:
            _collect(part, wanted, context)
    elif isinstance(predicate, ColumnPredicate) and predicate.op in ("=", "in", "any"):
        values = [constant(value, context) for value in predicate.values]
        if predicate.op == "any":
            values = list(values[0] or ())
        wanted.setdefault(predicate.attnum, [value for value in values if value is not None])


def _leaves(table: Table, wanted: Wanted, context: Context) -> Iterator[Table]:
    """In the order of Catalog.leaves."""
    if table.partitioning is None:
        yield table
        return
    found = _chosen(table, wanted, context)
    for partition in context.catalog.partitions(table.oid):
        if found is None or partition.oid in found:
            yield from _leaves(partition, wanted, context)


def _chosen(table: Table, wanted: Wanted, context: Context) -> set[int] | None:
    """Oids of the partitions, or None for all."""
    routing = router(context.catalog, table)
    if not all(attnum in wanted for attnum in routing.attnums):
        return None
    columns = [wanted[attnum] for attnum in routing.attnums]
    count = 1
    for values in columns:
        count *= len(values)
    if count > _COMBINATIONS_MAX:
        return None
    found = (routing.partition_of(values) for values in product(*columns))
    return {partition.oid for partition in found if partition is not None}
