"""Recognising a ranked scan: ORDER BY distance, BM25 score or fused score over one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Index, Table
from sqlvec.catalog.operator_classes import METHODS, OPERATOR_CLASSES
from sqlvec.plan.native import is_constant
from sqlvec.plan.physical import FusionLeg, Leg, MmrLeg, Ranking, TextLeg, VectorLeg
from sqlvec.plan.predicate import conjuncts
from sqlvec.sql import bound
from sqlvec.sql.index_expression import index_predicate, indexed_expression
from sqlvec.sql.tree import walk


@dataclass(frozen=True, slots=True)
class Ground:
    """What ranking goes by: the table under a relation id, its WHERE, and the indexes there are."""

    relation_id: int
    table: Table | None
    catalog: Catalog
    where: bound.Expression | None = None

    def indexes(self) -> Iterator[Index]:
        """Vector indexes, those that hold only what WHERE asks for first."""
        if self.table is None:
            return
        indexes = [i for i in self.catalog.indexes(self.table.oid) if i.method in METHODS and self._serves(i)]
        for index in sorted(indexes, key=lambda index: not index.predicate):
            predicate = index_predicate(index, self.table, self.relation_id)
            given = [] if predicate is None else conjuncts(self.where)
            if all(part in given for part in conjuncts(predicate)):
                yield index

    def _serves(self, index: Index) -> bool:
        """Whether every shard answers by it; without it only what is a column of the table can be ranked."""
        assert self.table is not None
        plain = index.columns[0].attnum and not index.predicate
        if not plain and self.catalog.children(self.table.oid):
            heirs = self.catalog.heirs(self.table.oid)
            return all(self.catalog.index_in(index, heir.oid) is not None for heir in heirs)
        return self.catalog.is_valid(index)


def ranking(order_by: tuple[bound.SortKey, ...], ground: Ground) -> Ranking | None:
    """The ranking that the sort keys ask for, or None when the first key is no ranked expression.

    A key that only turns a distance around (1 - distance, descending) ranks by the distance."""
    if not order_by:
        return None
    key, descending = _turned(order_by[0].expression, order_by[0].descending)
    leg = _leg(key, ground)
    if leg is None or descending != isinstance(leg, (FusionLeg, MmrLeg)):
        return None
    nulls_last = not order_by[0].nulls_first
    if not nulls_last and order_by[0].nulls_first != order_by[0].descending:
        return None  # an explicit NULLS FIRST over distances
    return Ranking(leg, key, order_by[1:])


def _turned(
    expression: bound.Expression, descending: bool
) -> tuple[bound.Expression, bool]:
    while True:
        if isinstance(expression, bound.Cast) and expression.type in (types.FLOAT8, types.FLOAT4):
            expression = expression.arg
        elif (
            isinstance(expression, bound.FunctionCall)
            and expression.operator
            and expression.name == "-"
        ):
            *minuend, subtrahend = expression.args
            if minuend and not is_constant(minuend[0]):
                return expression, descending
            expression, descending = subtrahend, not descending
        else:
            return expression, descending


def _leg(expression: bound.Expression, ground: Ground) -> Leg | None:
    if isinstance(expression, bound.Distance):
        return vector_leg(expression, ground.relation_id) or _indexed_leg(expression, ground)
    if isinstance(expression, bound.TextScore):
        return text_leg(expression, ground.relation_id)
    if isinstance(expression, bound.Fusion):
        legs: list[VectorLeg | TextLeg] = []
        for part in expression.legs:
            leg = _leg(part, ground)
            if not isinstance(leg, (VectorLeg, TextLeg)):
                return None
            legs.append(leg)
        return FusionLeg(expression, tuple(legs))
    if isinstance(expression, bound.Mmr):
        leg = _leg(expression.leg, ground)
        if isinstance(leg, (VectorLeg, FusionLeg)):
            return MmrLeg(expression, leg, _likeness(leg))
    return None


def _likeness(leg: VectorLeg | FusionLeg) -> VectorLeg:
    """The first leg over dense vectors, of which the binder saw one."""
    parts = leg.legs if isinstance(leg, FusionLeg) else (leg,)
    dense = (types.VECTOR.oid, types.HALFVEC.oid)
    return next(
        part
        for part in parts
        if isinstance(part, VectorLeg) and part.distance.left.type.oid in dense
    )


def leg_of(ranked: bound.Ranked, ground: Ground) -> Leg | None:
    """The leg that ranks by the expression, with the indexes that serve it; None where none can."""
    leg = _leg(ranked, ground)
    return None if leg is None else with_index(leg, ground)


def is_scored(expression: bound.Expression) -> bool:
    """Whether its value depends on other rows than its own: by BM25's statistics, or by ranks."""
    scored = (bound.TextScore, bound.Fusion, bound.Mmr, bound.Explanation)
    return any(isinstance(node, scored) for node in walk(expression))


def text_leg(score: bound.TextScore, relation_id: int) -> TextLeg | None:
    same = all(column.relation_id == relation_id for column in score.columns)
    return TextLeg(score) if same and is_constant(score.query) else None


def vector_leg(distance: bound.Distance, relation_id: int) -> VectorLeg | None:
    """A leg over a dense vector column of the relation; the column is put on the left."""
    turned = _column_left(distance)
    left = turned.left
    if not isinstance(left, bound.ColumnRef) or left.relation_id != relation_id:
        return None
    dense = left.type.oid in (types.VECTOR.oid, types.HALFVEC.oid)
    if not is_constant(turned.right) or not dense or left.type.typmod < 1:
        return None
    return VectorLeg(turned, None)


def _indexed_leg(distance: bound.Distance, ground: Ground) -> VectorLeg | None:
    """A leg over anything that an index is made of."""
    turned = _column_left(distance)
    if not is_constant(turned.right):
        return None
    index = vector_index(turned, ground)
    return None if index is None else VectorLeg(turned, index)


def _column_left(distance: bound.Distance) -> bound.Distance:
    if not is_constant(distance.left):
        return distance
    return bound.Distance(distance.type, distance.metric, distance.right, distance.left)


def with_index(leg: Leg, ground: Ground) -> Leg:
    """The leg with the index that serves it, where there is one."""
    if isinstance(leg, FusionLeg):
        legs = tuple(with_index(part, ground) for part in leg.legs)
        return FusionLeg(leg.fusion, legs)  # type: ignore[arg-type]
    if isinstance(leg, MmrLeg):
        inner = with_index(leg.leg, ground)
        assert isinstance(inner, (VectorLeg, FusionLeg)), inner
        return MmrLeg(leg.mmr, inner, _likeness(inner))
    if isinstance(leg, VectorLeg) and leg.index is None:
        return VectorLeg(leg.distance, vector_index(leg.distance, ground))
    return leg


def vector_index(distance: bound.Distance, ground: Ground) -> Index | None:
    """An index over just the left side, for the metric."""
    for index in ground.indexes():
        assert ground.table is not None
        if OPERATOR_CLASSES[index.columns[0].operator_class].metric != distance.metric:
            continue
        if indexed_expression(index, ground.table, ground.relation_id) == distance.left:
            return index
    return None
