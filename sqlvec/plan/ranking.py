"""Recognising a ranked scan: ORDER BY distance, BM25 score or fused score over one table."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Index
from sqlvec.plan.native import is_constant
from sqlvec.plan.physical import FusionLeg, Leg, Ranking, TextLeg, VectorLeg
from sqlvec.sql import bound

_OPERATOR_CLASS_METRICS = {
    "vector_l2_ops": "l2",
    "vector_ip_ops": "inner_product",
    "vector_cosine_ops": "cosine",
    "vector_l1_ops": "l1",
}


def ranking(
    order_by: tuple[bound.SortKey, ...], relation_id: int, catalog: Catalog
) -> Ranking | None:
    """The ranking that the sort keys ask for, or None when the first key is no ranked expression.

    A key that only turns a distance around (1 - distance, descending) ranks by the distance."""
    if not order_by:
        return None
    key, descending = _turned(order_by[0].expression, order_by[0].descending)
    leg = _leg(key, relation_id, catalog)
    if leg is None or descending != isinstance(leg, FusionLeg):
        return None
    nulls_last = not order_by[0].nulls_first
    if not nulls_last and order_by[0].nulls_first != order_by[0].descending:
        return None  # an explicit NULLS FIRST over distances
    return Ranking(leg, key, order_by[1:])


def _turned(
    expression: bound.Expression, descending: bool
) -> tuple[bound.Expression, bool]:
    while True:
        if isinstance(expression, bound.Cast) and expression.type == types.FLOAT8:
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


def _leg(expression: bound.Expression, relation_id: int, catalog: Catalog) -> Leg | None:
    if isinstance(expression, bound.Distance):
        return vector_leg(expression, relation_id, catalog)
    if isinstance(expression, bound.TextScore):
        return text_leg(expression, relation_id)
    if isinstance(expression, bound.Fusion):
        legs: list[VectorLeg | TextLeg] = []
        for part in expression.legs:
            leg = _leg(part, relation_id, catalog)
            if leg is None or isinstance(leg, FusionLeg):
                return None
            legs.append(leg)
        return FusionLeg(expression, tuple(legs))
    return None


def text_leg(score: bound.TextScore, relation_id: int) -> TextLeg | None:
    same = all(column.relation_id == relation_id for column in score.columns)
    return TextLeg(score) if same and is_constant(score.query) else None


def vector_leg(
    distance: bound.Distance, relation_id: int, catalog: Catalog
) -> VectorLeg | None:
    """A leg over a vector column of the relation; the column is put on the left."""
    left, right = distance.left, distance.right
    if is_constant(left):
        left, right = right, left
    if not isinstance(left, bound.ColumnRef) or left.relation_id != relation_id:
        return None
    dense = left.type.oid in (types.VECTOR.oid, types.HALFVEC.oid)
    if not is_constant(right) or not dense or left.type.typmod < 1:
        return None
    turned = bound.Distance(distance.type, distance.metric, left, right)
    return VectorLeg(turned, None)


def with_index(leg: Leg, table_oid: int, catalog: Catalog) -> Leg:
    """The leg with the index that serves it, where there is one."""
    if isinstance(leg, FusionLeg):
        legs = tuple(with_index(part, table_oid, catalog) for part in leg.legs)
        return FusionLeg(leg.fusion, legs)  # type: ignore[arg-type]
    if isinstance(leg, VectorLeg):
        return VectorLeg(leg.distance, vector_index(leg.distance, table_oid, catalog))
    return leg


def vector_index(distance: bound.Distance, table_oid: int, catalog: Catalog) -> Index | None:
    assert isinstance(distance.left, bound.ColumnRef)
    for index in catalog.indexes(table_oid):
        if index.method not in ("hnsw", "ivfflat") or index.predicate:
            continue
        column = index.columns[0]
        metric = _OPERATOR_CLASS_METRICS.get(column.operator_class)
        if column.attnum == distance.left.ordinal + 1 and metric == distance.metric:
            return index
    return None


def index_metric(index: Index) -> str:
    """The metric of an hnsw index, by its operator class."""
    return _OPERATOR_CLASS_METRICS[index.columns[0].operator_class]
