"""Which partition takes a row, by the values of the partition columns; and whether bounds leave each other room."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.partition_hash import row_hash
from sqlvec.catalog.partitioning import HASH, LIST, MAXVALUE, MINVALUE, RANGE, PartitionBound
from sqlvec.types import SqlType
from sqlvec.types.domain_type import value_type

Mark = tuple[Any, ...]  # MINVALUE (-1,), a value (0, value), NaN (0.5,), MAXVALUE (1,): in this order


class Router:
    """The direct partitions of one table."""

    def __init__(self, table: Table, partitions: Sequence[Table]) -> None:
        assert table.partitioning is not None, table.name
        self.strategy, self.attnums = table.partitioning.strategy, table.partitioning.attnums
        self.types = [value_type(table.column_by_attnum(a).type) for a in self.attnums]
        self.default: Table | None = None
        self.by_value: dict[Mark | None, Table] = {}
        self.ranges: list[tuple[tuple[Mark, ...], tuple[Mark, ...], Table]] = []
        self.hashed: list[tuple[int, int, Table]] = []
        for partition in partitions:
            assert partition.bound is not None, partition.name
            self._add(partition, partition.bound)
        self.ranges.sort(key=lambda one: one[0])
        self._lowers = [lower for lower, _, _ in self.ranges]

    def _add(self, partition: Table, bound: PartitionBound) -> None:
        if bound.default:
            self.default = partition
        elif self.strategy == LIST:
            for text in bound.values:
                self.by_value[list_mark(text, self.types[0])] = partition
        elif self.strategy == RANGE:
            lower, upper = range_marks(bound.lower, self.types), range_marks(bound.upper, self.types)
            self.ranges.append((lower, upper, partition))
        else:
            self.hashed.append((bound.modulus, bound.remainder, partition))

    def partition_of(self, values: Sequence[Any]) -> Table | None:
        """The partition for a row with these values in the partition columns."""
        if self.strategy == HASH:
            number = row_hash(values, self.types)
            return next((t for modulus, rest, t in self.hashed if number % modulus == rest), None)
        marks = tuple(_mark(v, t) for v, t in zip(values, self.types, strict=True))
        if self.strategy == LIST:
            return self.by_value.get(marks[0], self.default)
        if not any(mark is None for mark in marks):
            place = bisect_right(self._lowers, marks) - 1
            if place >= 0 and marks < self.ranges[place][1]:
                return self.ranges[place][2]
        return self.default

    def conflict(self, bound: PartitionBound) -> Table | None:
        """A partition that takes rows which the bound would take."""
        if bound.default:
            return self.default
        if self.strategy == LIST:
            marks = [list_mark(text, self.types[0]) for text in bound.values]
            return next((self.by_value[mark] for mark in marks if mark in self.by_value), None)
        if self.strategy == RANGE:
            lower, upper = range_marks(bound.lower, self.types), range_marks(bound.upper, self.types)
            return next((t for low, high, t in self.ranges if lower < high and low < upper), None)
        for modulus, remainder, partition in self.hashed:
            smaller = min(modulus, bound.modulus)
            if remainder % smaller == bound.remainder % smaller:
                return partition
        return None


def router(catalog: Catalog, table: Table) -> Router:
    """One for the catalog's value."""
    key = ("router", table.oid)
    found = catalog.memo.get(key)
    if found is None:
        found = catalog.memo[key] = Router(table, catalog.partitions(table.oid))
    assert isinstance(found, Router)
    return found


def list_mark(text: str | None, sql_type: SqlType) -> Mark | None:
    return None if text is None else _mark(_parsed(text, sql_type), sql_type)


def range_marks(datums: Sequence[str], types: Sequence[SqlType]) -> tuple[Mark, ...]:
    return tuple(_range_mark(datum, t) for datum, t in zip(datums, types, strict=True))


def _range_mark(datum: str, sql_type: SqlType) -> Mark:
    if datum == MINVALUE:
        return (-1,)
    if datum == MAXVALUE:
        return (1,)
    found = _mark(_parsed(datum[1:], sql_type), sql_type)
    assert found is not None
    return found


def _parsed(text: str, sql_type: SqlType) -> Any:
    return sql_type.definition.parse(text, -1)


def _mark(value: Any, sql_type: SqlType) -> Mark | None:
    if value is None:
        return None
    if value != value:  # not a number: above all that are
        return (0.5,)
    return (0, value.rstrip(" ") if sql_type.definition.name == "bpchar" else value)
