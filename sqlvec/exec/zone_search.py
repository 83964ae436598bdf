"""Which rows of segments zone maps rule out for a predicate, before anything of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sqlvec import types
from sqlvec.catalog.objects import Table
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.index.zone_map import ColumnZones, ZoneTest, null_test, zone_order, zone_test
from sqlvec.plan.physical import AllOf, AnyOf, ColumnPredicate, Predicate, Residual

if TYPE_CHECKING:
    from sqlvec.storage.part import Part
    from sqlvec.storage.shard import Shard

Zones = tuple[np.ndarray, int]  # bool[zones]: where a row may match; rows of each zone


class ZoneSearch:
    """Of one table in one statement: what columns are compared with is looked at once for all shards."""

    def __init__(self, table: Table, context: Context) -> None:
        self._table = table
        self._context = context
        self._tests: dict[int, ZoneTest | None] = {}

    def excludes(self, part: Part, predicate: ColumnPredicate) -> bool:
        """Whether no row of the part can match."""
        found = self._asked(part, predicate)
        return found is not None and found[0].excludes(found[1])

    def candidates(self, part: Part, predicate: Predicate | None) -> np.ndarray | None:
        """bool[rows of the part]: False where no row can match; None when all may."""
        found = self._candidates(part, predicate)
        if found is None or found[0].all():
            return None
        return np.repeat(*found)[: len(part)]

    def count(self, shard: Shard, predicate: Predicate) -> tuple[int, int]:
        """How many zones of the shard's segments are ruled out, and how many there are."""
        skipped = total = 0
        for segment in shard.segments:
            found = self._candidates(segment, predicate)
            size = segment.zone_count
            total += size
            if found is not None:
                mask = found[0]
                skipped += int(np.count_nonzero(~mask)) if len(mask) == size else size * (not mask.any())
        return skipped, total

    def _candidates(self, part: Part, predicate: Predicate | None) -> Zones | None:
        if isinstance(predicate, Residual):
            predicate = predicate.zones
        if isinstance(predicate, ColumnPredicate):
            asked = self._asked(part, predicate)
            return None if asked is None else (asked[0].candidates(asked[1]), asked[0].rows_each)
        if not isinstance(predicate, (AllOf, AnyOf)):
            return None
        parts = [self._candidates(part, one) for one in predicate.parts]
        found = [one for one in parts if one is not None]
        if not found or isinstance(predicate, AnyOf) and len(found) < len(parts):
            return None
        mask = found[0][0]  # of one zone for the whole part where a column has one value throughout
        for other, _ in found[1:]:
            mask = mask & other if isinstance(predicate, AllOf) else mask | other
        return mask, min(rows_each for _, rows_each in found)

    def _asked(
        self, part: Part, predicate: ColumnPredicate
    ) -> tuple[ColumnZones, ZoneTest] | None:
        zones = part.zones(predicate.attnum)
        test = None if zones is None else self._test(predicate)
        if zones is None or test is None or zones.order != test.order:
            return None
        return zones, test

    def _test(self, predicate: ColumnPredicate) -> ZoneTest | None:
        """None for what zones cannot tell."""
        known = id(predicate)
        if known not in self._tests:
            self._tests[known] = self._make_test(predicate)
        return self._tests[known]

    def _make_test(self, predicate: ColumnPredicate) -> ZoneTest | None:
        order, op = zone_order(self._table.column_by_attnum(predicate.attnum).type), predicate.op
        if op in ("null", "not_null"):
            return null_test(order, op)
        values = [_value(value.type, constant(value, self._context)) for value in predicate.values]
        orders = {zone_order(value.type) for value in predicate.values}
        if op == "any":
            element = types.element_of(predicate.values[0].type)
            orders = {"" if element is None else zone_order(element)}
            values, op = [_value(element, value) for value in values[0] or ()], "in"
        values = [value for value in values if value is not None]
        if not order or orders != {order} or not values or any(isinstance(v, list) for v in values):
            return None
        return zone_test(order, op, values)


def _value(type: types.SqlType | None, value: Datum) -> Datum:
    """As it is compared: a real is no more than that."""
    is_real = type == types.FLOAT4 and value is not None
    return np.float32(value).item() if is_real else value
