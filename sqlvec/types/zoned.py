"""Types whose texts depend on the session's time zone: timestamptz, timetz, ranges and arrays of them."""

from __future__ import annotations

import copy
from functools import lru_cache

from sqlvec.types.array import Array
from sqlvec.types.date_time import Timestamp, TimeTz
from sqlvec.types.range_type import Multirange, Range
from sqlvec.types.shaped_array import ShapedArray
from sqlvec.types.sql_type import TypeDefinition
from sqlvec.types.time_zone import zone_named


def in_zone(definition: TypeDefinition, zone: str) -> TypeDefinition:
    """The type as a session in that zone reads and writes it; "" is UTC."""
    return _in_zone(definition, zone) if zone and _depends(definition) else definition


def _depends(definition: TypeDefinition) -> bool:
    if isinstance(definition, (Array, ShapedArray)):
        return _depends(definition.element)
    if isinstance(definition, (Range, Multirange)):
        return _depends(definition.subtype)
    return isinstance(definition, TimeTz) or (isinstance(definition, Timestamp) and definition.zoned)


@lru_cache(maxsize=256)
def _in_zone(definition: TypeDefinition, zone: str) -> TypeDefinition:
    """A copy that knows the zone; the registry keeps the original."""
    found = copy.copy(definition)
    if isinstance(found, (Array, ShapedArray)):
        found.element = _in_zone(found.element, zone)
    elif isinstance(found, Range):
        found.subtype = _in_zone(found.subtype, zone)
    elif isinstance(found, Multirange):
        of = _in_zone(found.range, zone)
        assert isinstance(of, Range), of
        found.range, found.subtype = of, of.subtype
    else:
        assert isinstance(found, (Timestamp, TimeTz))
        found.zone = zone_named(zone)
    return found
