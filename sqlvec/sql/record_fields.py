"""What the fields of a result's records are: PostgreSQL's tuple descriptors (TypeGetTupleDesc), read off the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec.sql import bound
from sqlvec.sql.tree import children, nodes
from sqlvec.types import SqlType
from sqlvec.types.record_row import RECORD_OID, RECORDS_OID, record_of, records_of

Relations = dict[int, bound.RelationNode]


def with_fields(
    columns: tuple[bound.OutputColumn, ...], targets: Sequence[bound.Target], statement: object
) -> tuple[bound.OutputColumn, ...]:
    """The columns of a result, records among them with the types of their fields."""
    if not any(column.type.oid in (RECORD_OID, RECORDS_OID) for column in columns):
        return columns
    relations = {n.relation_id: n for n in nodes(statement) if isinstance(n, bound.RelationNode)}
    shown = [target for target in targets if not target.junk]
    return tuple(
        replace(column, type=_shaped(column.type, target.expression, relations))
        for column, target in zip(columns, shown, strict=False)
    )


def _shaped(sql_type: SqlType, value: bound.Expression, relations: Relations) -> SqlType:
    if sql_type.own is not None or sql_type.oid not in (RECORD_OID, RECORDS_OID):
        return sql_type
    fields = _fields(value, relations)
    if fields is None:
        return sql_type
    return (record_of if sql_type.oid == RECORD_OID else records_of)(tuple(fields))


def _fields(value: bound.Expression, relations: Relations) -> list[SqlType] | None:
    """Of a record, or of an array's."""
    if isinstance(value, bound.RowExpression):
        return [_shaped(item.type, item, relations) for item in value.items]
    if isinstance(value, bound.RecordCall):
        return [sql_type for _, sql_type in value.fields]
    if isinstance(value, bound.RowRef):
        relation = relations.get(value.relation_id)
        return None if relation is None else [c.type for c in relation.columns if c.name and c.attnum >= 0]
    if isinstance(value, bound.ColumnRef):
        return _of_column(relations.get(value.relation_id), value.ordinal, relations)
    if isinstance(value, bound.Subquery):
        inner = value.query
        return _fields(inner.targets[0].expression, relations) if isinstance(inner, bound.Select) else None
    for part in children(value):
        if part.type.oid in (RECORD_OID, RECORDS_OID) and (found := _fields(part, relations)) is not None:
            return found
    return None


def _of_column(
    relation: bound.RelationNode | None, ordinal: int, relations: Relations
) -> list[SqlType] | None:
    if not isinstance(relation, bound.DerivedTable) or not isinstance(relation.query, bound.Select):
        return None
    return _fields(relation.query.targets[ordinal].expression, relations)
