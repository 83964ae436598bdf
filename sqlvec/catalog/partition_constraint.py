"""Partition bounds as conditions over a row: pg_get_partition_constraintdef, as get_qual_from_partbound makes them
(partbounds.c)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec.catalog.identifiers import quote_identifier
from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.partition_router import list_mark
from sqlvec.catalog.partition_text import literal
from sqlvec.catalog.partitioning import HASH, LIST, MAXVALUE, MINVALUE, PartitionBound
from sqlvec.types import format_type
from sqlvec.types.domain_type import value_type


def constraint_text(catalog: Catalog, partition: Table) -> str | None:
    """What holds for the rows of a partition; None for what is no partition, or takes every row."""
    parts: list[str] = []
    while partition.parent_oid:
        parent = catalog.table(partition.parent_oid)
        parts = _conjuncts(catalog, parent, partition) + parts
        partition = parent
    return _all(parts) if parts else None


def _conjuncts(catalog: Catalog, parent: Table, partition: Table) -> list[str]:
    bound, partitioning = partition.bound, parent.partitioning
    assert bound is not None and partitioning is not None, partition.name
    others = [t.bound for t in catalog.partitions(parent.oid) if t.bound and not t.bound.default]
    if partitioning.strategy == HASH:
        names = ", ".join(_name(parent, attnum) for attnum in partitioning.attnums)
        return [f"satisfies_hash_partition('{parent.oid}'::oid, {bound.modulus}, {bound.remainder}, {names})"]
    if partitioning.strategy == LIST:
        if not bound.default:
            return _list(parent, bound.values)
        sql_type = value_type(parent.column_by_attnum(partitioning.attnums[0]).type)
        values = [value for other in others for value in other.values]
        values.sort(key=lambda value: list_mark(value, sql_type) or ())
        return [f"(NOT {_all(_list(parent, values))})"] if values else []
    if not bound.default:
        return _range(parent, bound)
    if not others:
        return []
    # That the columns are not null is said once, for all.
    known = [_all([c for c in _range(parent, other) if not c.endswith(" IS NOT NULL)")]) for other in others]
    nulls = [f"({_name(parent, attnum)} IS NOT NULL)" for attnum in partitioning.attnums]
    either = known[0] if len(known) == 1 else f"({' OR '.join(known)})"
    return [f"(NOT {_all([*nulls, either])})"]


def _all(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"


def _list(parent: Table, values: Sequence[str | None]) -> list[str]:
    assert parent.partitioning is not None
    attnum = parent.partitioning.attnums[0]
    name = _name(parent, attnum)
    constants = [_constant(parent, attnum, value) for value in values if value is not None]
    equal = f"({name} = ANY (ARRAY[{', '.join(constants)}]))"
    if len(constants) == 1:
        equal = f"({name} = {constants[0]})"
    if None not in values:
        return [f"({name} IS NOT NULL)", equal]
    return [f"(({name} IS NULL) OR {equal})" if constants else f"({name} IS NULL)"]


def _range(parent: Table, bound: PartitionBound) -> list[str]:
    assert parent.partitioning is not None
    attnums = parent.partitioning.attnums
    parts = [f"({_name(parent, attnum)} IS NOT NULL)" for attnum in attnums]
    same = 0  # leading columns that must have one value
    while same < len(attnums) - 1 and bound.lower[same] == bound.upper[same]:
        if bound.lower[same] in (MINVALUE, MAXVALUE):
            break
        parts.append(_compared(parent, attnums[same], "=", bound.lower[same]))
        same += 1
    lower = _edge(parent, attnums[same:], bound.lower[same:], ">")
    upper = _edge(parent, attnums[same:], bound.upper[same:], "<")
    return [*parts, *lower, *upper]


def _edge(parent: Table, attnums: Sequence[int], datums: Sequence[str], op: str) -> list[str]:
    """On which side of one end of a range a row is: one of these holds, a column further each."""
    endless = MINVALUE if op == ">" else MAXVALUE
    cases: list[str] = []
    for place, (attnum, datum) in enumerate(zip(attnums, datums, strict=True)):
        equal = [_compared(parent, a, "=", d) for a, d in zip(attnums[:place], datums, strict=False)]
        if datum == endless:
            if equal:
                cases.append(_all(equal))
            break
        if datum in (MINVALUE, MAXVALUE):
            break
        # The lower end is in the range; what follows a MINVALUE or MAXVALUE does not count.
        last = place == len(attnums) - 1 or datums[place + 1] == MINVALUE
        inclusive = (op == ">" and last) or (op == "<" and datums[place + 1 : place + 2] == (MAXVALUE,))
        cases.append(_all([*equal, _compared(parent, attnum, f"{op}=" if inclusive else op, datum)]))
        if last or inclusive:
            break
    if not cases:
        return []
    return [cases[0] if len(cases) == 1 else f"({' OR '.join(cases)})"]


def _compared(parent: Table, attnum: int, op: str, datum: str) -> str:
    return f"({_name(parent, attnum)} {op} {_constant(parent, attnum, datum[1:])})"


def _name(table: Table, attnum: int) -> str:
    column = table.column_by_attnum(attnum)
    name = quote_identifier(column.name)
    return f"({name})::text" if value_type(column.type).definition.name == "varchar" else name


def _constant(table: Table, attnum: int, text: str) -> str:
    sql_type = value_type(table.column_by_attnum(attnum).type).bare
    found = literal(table, attnum, text)
    if not found.startswith("'"):
        return found
    return f"{found}::{'text' if sql_type.definition.name == 'varchar' else format_type(sql_type)}"
