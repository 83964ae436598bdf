"""How the rows of a table are divided among its partitions, and which of them a partition takes.

Values are kept as texts of the partition column's type. A datum of a range is a mark and, where it is a value, its
text: "-" MINVALUE, "+" MAXVALUE, "=text".
"""

from __future__ import annotations

from dataclasses import dataclass

LIST, RANGE, HASH = "l", "r", "h"  # pg_partitioned_table.partstrat
MINVALUE, MAXVALUE, VALUE = "-", "+", "="
WORDS = {LIST: "list", RANGE: "range", HASH: "hash"}


@dataclass(frozen=True, slots=True)
class Partitioning:
    strategy: str
    attnums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartitionBound:
    """FOR VALUES: values of a list, lower and upper of a range (with the first, without the second), modulus and
    remainder of a hash; or DEFAULT."""

    default: bool = False
    values: tuple[str | None, ...] = ()
    lower: tuple[str, ...] = ()
    upper: tuple[str, ...] = ()
    modulus: int = 0
    remainder: int = 0
