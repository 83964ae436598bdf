"""CREATE TABLE ... WITH (shards = n): into how many shards a table's rows are split, and by which columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec.catalog.objects import Table
from sqlvec.errors import FeatureNotSupported, InvalidParameterValue
from sqlvec.sql.parse import Node

OPTION = "shards"
SHARDS_MAX = 256  # storage.placement names no more


def with_shards(table: Table, definitions: Sequence[Node]) -> Table:
    """The table as its storage parameters want it. Rows are placed by the primary key; without one in turn."""
    shards = 1
    for node in definitions:
        if is_shards(node):
            shards = _count(node["DefElem"].get("arg"))
    if shards == 1:
        return table
    if table.tenant_attnum:
        raise FeatureNotSupported("a table with tenants cannot be split: each tenant has a shard of its own")
    keys = (c.attnums for c in table.constraints if c.kind == "p")
    return replace(table, shards=shards, split_by=next(keys, ()))


def forbid_shards(definitions: Sequence[Node]) -> None:
    """For ALTER TABLE SET and RESET."""
    if any(is_shards(node) for node in definitions):
        raise FeatureNotSupported(
            "the number of shards of a table cannot be changed",
            hint="Make another table with CREATE TABLE ... WITH (shards = n) AS SELECT.",
        )


def is_shards(node: Node) -> bool:
    return bool(node["DefElem"]["defname"].lower() == OPTION)


def _count(value: Node | None) -> int:
    text = "true" if value is None else _text(value)
    if not text.lstrip("-").isdigit():
        raise InvalidParameterValue(f'invalid value for integer option "{OPTION}": {text}')
    if not 1 <= int(text) <= SHARDS_MAX:
        raise InvalidParameterValue(
            f'value {text} out of bounds for option "{OPTION}"',
            detail=f'Valid values are between "1" and "{SHARDS_MAX}".',
        )
    return int(text)


def _text(value: Node) -> str:
    kind, part = next(iter(value.items()))
    if kind == "TypeName":  # a bare word
        return str(part["names"][-1]["String"]["sval"])
    return str(part.get("sval", part.get("fval", part.get("ival", 0))))  # a zero is left out
