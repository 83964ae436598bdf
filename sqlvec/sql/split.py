"""CREATE TABLE ... WITH (shards = n): into how many shards a table's rows are split, and by which columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec.catalog.objects import Table
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql.option_values import checked_integer, option_text
from sqlvec.sql.parse import Node

OPTION = "shards"
SHARDS_MAX = 256  # storage.placement names no more


def with_shards(table: Table, definitions: Sequence[Node]) -> Table:
    """The table as its storage parameters want it. Rows are placed by the primary key; without one in turn."""
    shards = 1
    for node in definitions:
        if is_shards(node):
            text = option_text(node["DefElem"].get("arg"))
            shards = checked_integer(OPTION, text, 1, SHARDS_MAX)
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
