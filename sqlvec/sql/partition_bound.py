"""PARTITION BY and FOR VALUES, bound: the columns that divide a table, and what a partition takes (parse_utilcmd.c,
partbounds.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.partition_hash import HASHED
from sqlvec.catalog.partition_router import Router, list_mark, range_marks
from sqlvec.catalog.partition_text import range_text
from sqlvec.catalog.partitioning import (
    HASH,
    LIST,
    MAXVALUE,
    MINVALUE,
    RANGE,
    VALUE,
    WORDS,
    PartitionBound,
    Partitioning,
)
from sqlvec.errors import (
    DatabaseError,
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedObject,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.types.domain_type import value_type

COLUMNS_MAX = 32  # PARTITION_MAX_KEYS
_STRATEGIES = {
    "PARTITION_STRATEGY_LIST": LIST, "PARTITION_STRATEGY_RANGE": RANGE, "PARTITION_STRATEGY_HASH": HASH,
}  # fmt: skip
# Their datums compare as their values do; PostgreSQL hashes numeric by digits that we do not keep.
_ORDERED = frozenset(HASHED) | {"numeric"}


def partitioned(binder: Binder, table: Table, spec: Node) -> Table:
    """The table with its PARTITION BY."""
    strategy, parts = _STRATEGIES[spec["strategy"]], spec["partParams"]
    if strategy == LIST and len(parts) > 1:
        raise InvalidObjectDefinition('cannot use "list" partition strategy with more than one column')
    if len(parts) > COLUMNS_MAX:
        raise InvalidTableDefinition(f"cannot partition using more than {COLUMNS_MAX} columns")
    if table.tenant_attnum or table.shards > 1:
        raise FeatureNotSupported("a partitioned table has neither tenants nor shards of its own")
    attnums = tuple(_partition_column(binder, table, p["PartitionElem"], strategy) for p in parts)
    table = replace(table, partitioning=Partitioning(strategy, attnums))
    check_keys(table)
    return table


def _partition_column(binder: Binder, table: Table, part: Node, strategy: str) -> int:
    position = binder.position(part)
    if "name" not in part:
        raise FeatureNotSupported("partition keys that are expressions are not supported", position=position)
    column = table.column(part["name"])
    if column is None:
        raise UndefinedColumn(
            f'column "{part["name"]}" named in partition key does not exist', position=position
        )
    if column.generated:
        raise InvalidObjectDefinition(
            "cannot use generated column in partition key",
            detail=f'Column "{column.name}" is a generated column.', position=position,
        )  # fmt: skip
    known, name = HASHED if strategy == HASH else _ORDERED, column.value_type.definition.name
    if name not in known:
        method = "hash" if strategy == HASH else "btree"
        if column.value_type.definition.category in "UJ":
            raise UndefinedObject(
                f"data type {column.type.plain_name} has no default operator class for access method "
                f'"{method}"',
                hint=f"You must specify a {method} operator class or define a default {method} operator "
                "class for the data type.",
            )
        raise FeatureNotSupported(
            f"partitions by {WORDS[strategy]} of type {column.type.plain_name} are not supported",
            position=position,
        )
    return column.attnum


def check_key(table: Table, attnums: Sequence[int], kind: str) -> None:
    """A key holds within partitions, and so for the table only with the columns that divide it."""
    for attnum in table.partitioning.attnums if table.partitioning is not None else ():
        if attnum not in attnums:
            name = table.column_by_attnum(attnum).name
            raise FeatureNotSupported(
                "unique constraint on partitioned table must include all partitioning columns",
                detail=f'{kind} constraint on table "{table.name}" lacks column "{name}" which is part of '
                "the partition key.",
            )


def check_keys(table: Table) -> None:
    """The same of all its keys."""
    for constraint in table.constraints:
        if constraint.kind in "pu":
            check_key(table, constraint.attnums, "PRIMARY KEY" if constraint.kind == "p" else "UNIQUE")


# ---------------------------------------------------------------- FOR VALUES


def partition_bound(
    binder: Binder, catalog: Catalog, parent: Table, name: str, node: Node
) -> PartitionBound:
    """The bound of a new partition of that name, which leaves the others theirs."""
    assert parent.partitioning is not None
    strategy, position = parent.partitioning.strategy, binder.position(node)
    if node.get("is_default"):
        if strategy == HASH:
            raise InvalidTableDefinition("a hash-partitioned table may not have a default partition")
        made = PartitionBound(default=True)
    elif node["strategy"] != strategy:
        raise InvalidTableDefinition(
            f"invalid bound specification for a {WORDS[strategy]} partition", position=position
        )
    elif strategy == LIST:
        made = PartitionBound(values=_list_values(binder, parent, node["listdatums"]))
    elif strategy == RANGE:
        made = _range(binder, parent, name, node)
    else:
        made = _remainder(node)
    others = Router(parent, catalog.partitions(parent.oid))
    if strategy == HASH:
        _check_modulus(others, made)
    taken = others.conflict(made)
    if taken is not None:
        if made.default:
            message = f'partition "{name}" conflicts with existing default partition "{taken.name}"'
        else:
            message = f'partition "{name}" would overlap partition "{taken.name}"'
        place = _overlap(others, taken, made, node)
        raise InvalidObjectDefinition(
            message, position=position if place is None else location_of(binder, place)
        )
    return made


def _overlap(others: Router, taken: Table, made: PartitionBound, node: Node) -> Node | None:
    """What of the bound the other partition has already, as errors point to it."""
    if made.values:
        marks = [list_mark(text, others.types[0]) for text in made.values]
        known = [mark in others.by_value for mark in marks]
        return node["listdatums"][known.index(True)]  # type: ignore[no-any-return]
    if not made.lower:
        return None
    low, high = range_marks(made.lower, others.types), range_marks(made.upper, others.types)
    other = next(lower for lower, _, partition in others.ranges if partition.oid == taken.oid)
    nodes, mine = (node["lowerdatums"], low) if low >= other else (node["upperdatums"], high)
    unequal = (i for i, (a, b) in enumerate(zip(mine, other, strict=True)) if a != b)
    return nodes[next(unequal, 0)]  # type: ignore[no-any-return]


def _list_values(binder: Binder, parent: Table, nodes: Sequence[Node]) -> tuple[str | None, ...]:
    return tuple(dict.fromkeys(_text(binder, parent, 0, node) for node in nodes))


def _range(binder: Binder, parent: Table, name: str, node: Node) -> PartitionBound:
    lower = _range_datums(binder, parent, node["lowerdatums"], "FROM")
    upper = _range_datums(binder, parent, node["upperdatums"], "TO")
    assert parent.partitioning is not None
    types = [value_type(parent.column_by_attnum(a).type) for a in parent.partitioning.attnums]
    if range_marks(lower, types) >= range_marks(upper, types):
        raise InvalidObjectDefinition(
            f'empty range bound specified for partition "{name}"',
            detail=f"Specified lower bound {range_text(parent, lower)} is greater than or equal to upper bound "
            f"{range_text(parent, upper)}.",
            position=location_of(binder, node["lowerdatums"][0]),
        )  # fmt: skip
    return PartitionBound(lower=lower, upper=upper)


def _range_datums(
    binder: Binder, parent: Table, nodes: Sequence[Node], word: str
) -> tuple[str, ...]:
    assert parent.partitioning is not None
    if len(nodes) != len(parent.partitioning.attnums):
        raise InvalidTableDefinition(
            f"{word} must specify exactly one value per partitioning column"
        )
    found: list[str] = []
    for place, node in enumerate(nodes):
        mark = _edge(node)
        if found and found[-1] in (MINVALUE, MAXVALUE) and mark != found[-1]:
            edge = "MINVALUE" if found[-1] == MINVALUE else "MAXVALUE"
            raise DatatypeMismatch(
                f"every bound following {edge} must also be {edge}", position=location_of(binder, node)
            )
        if mark is None:
            text = _text(binder, parent, place, node)
            if text is None:
                raise InvalidObjectDefinition("cannot specify NULL in range bound")
            mark = VALUE + text
        found.append(mark)
    return tuple(found)


def _edge(node: Node) -> str | None:
    """MINVALUE and MAXVALUE are names to the parser."""
    fields = node.get("ColumnRef", {}).get("fields", ())
    if len(fields) == 1 and "String" in fields[0]:
        return {"minvalue": MINVALUE, "maxvalue": MAXVALUE}.get(fields[0]["String"]["sval"])
    return None


def _text(binder: Binder, parent: Table, place: int, node: Node) -> str | None:
    """A constant as text of the partition column's type."""
    assert parent.partitioning is not None
    column = parent.column_by_attnum(parent.partitioning.attnums[place])
    target, position = value_type(column.type), location_of(binder, node)
    if "ColumnRef" in node:
        raise FeatureNotSupported("cannot use column reference in partition bound expression", position=position)
    try:
        expression = binder.assign(bind_expression(binder, node, Scope()), column.name, target, position)
    except DatatypeMismatch as error:
        raise DatatypeMismatch(
            f"specified value cannot be cast to type {target.plain_name} for column \"{column.name}\"",
            position=position,
        ) from error
    source = expression
    while isinstance(source, bound.Cast):
        source = source.arg
    if not isinstance(source, bound.Const):
        raise FeatureNotSupported("partition bounds that are not constants are not supported", position=position)
    if source.value is None:
        return None
    try:
        text = source.type.definition.render(source.value)
        return target.definition.render(target.definition.parse(text, target.typmod))
    except DatabaseError as error:
        error.position = position
        raise


def _remainder(node: Node) -> PartitionBound:
    modulus, remainder = node.get("modulus", 0), node.get("remainder", 0)
    if modulus < 1:
        raise InvalidTableDefinition(
            "modulus for hash partition must be an integer value greater than zero"
        )
    if remainder < 0:
        raise InvalidTableDefinition(
            "remainder for hash partition must be an integer value greater than or equal to zero"
        )
    if remainder >= modulus:
        raise InvalidTableDefinition("remainder for hash partition must be less than modulus")
    return PartitionBound(modulus=modulus, remainder=remainder)


def _check_modulus(others: Router, made: PartitionBound) -> None:
    """Of two moduli the smaller divides the larger, so that remainders tell partitions apart. The neighbors in the
    order of moduli and remainders are looked at."""
    known = sorted(others.hashed, key=lambda one: one[:2])
    before = [one for one in known if one[:2] <= (made.modulus, made.remainder)][-1:]
    after = [one for one in known if one[:2] > (made.modulus, made.remainder)][:1]
    for modulus, _, partition in (*before, *after):
        small, large = sorted((modulus, made.modulus))
        if large % small:
            factor = "is not a factor of" if made.modulus == small else "is not divisible by"
            raise InvalidObjectDefinition(
                "every hash partition modulus must be a factor of the next larger modulus",
                detail=f"The new modulus {made.modulus} {factor} {modulus}, the modulus of existing partition "
                f'"{partition.name}".',
            )
