"""regclass, regtype and their kin, where they enter and leave: names become oids, and oids are shown as names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.catalog.names import FINDERS, SHOWERS
from sqlvec.exec.context import Context
from sqlvec.exec.result import Batch
from sqlvec.sql import bound
from sqlvec.sql.binder import unresolved
from sqlvec.sql.type_rules import REG_KINDS
from sqlvec.types import SqlType
from sqlvec.types.integer import NamedOid, ObjectName

if TYPE_CHECKING:
    from sqlvec.database import Prepared


def named_places(found: Sequence[SqlType]) -> tuple[int, ...]:
    """Places of such types, and of arrays of them."""
    return tuple(place for place, sql_type in enumerate(found) if _kind(sql_type) is not None)


def looked_up(prepared: Prepared, context: Context) -> list[Any]:
    """The parameters, names among them resolved in the catalog of the statement."""
    values = list(context.parameters)
    for place in prepared.named_parameters:
        sql_type = prepared.parameter_types[place]
        values[place] = _looked_up(values[place], types.element_of(sql_type) or sql_type, context)
    return values


def _looked_up(value: Any, sql_type: SqlType, context: Context) -> Any:
    if isinstance(value, list):
        return [_looked_up(item, sql_type, context) for item in value]
    if not isinstance(value, ObjectName):
        return value
    found = FINDERS[REG_KINDS[sql_type.oid]](context.viewpoint(), value)
    if found is None:
        raise unresolved(value, sql_type, None)
    return found


def _kind(sql_type: SqlType) -> str | None:
    element = types.element_of(sql_type)
    return REG_KINDS.get((element or sql_type).oid)


def named(
    rows: Iterator[Batch],
    places: tuple[int, ...],
    columns: Sequence[bound.OutputColumn],
    context: Context,
) -> Iterator[Batch]:
    """The batches, oids of the columns replaced by ones that bring their names."""
    kinds = [_kind(columns[place].type) or "" for place in places]
    for batch in rows:
        shown = list(batch)
        for place, kind in zip(places, kinds, strict=True):
            shown[place] = [_named(value, kind, context) for value in shown[place]]
        yield shown


def _named(value: Any, kind: str, context: Context) -> Any:
    if isinstance(value, list):
        return [_named(item, kind, context) for item in value]
    if value is None or (value == 0 and kind != "regoper"):
        return value
    return NamedOid(value, SHOWERS[kind](context.viewpoint(), value))
