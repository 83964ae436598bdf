"""The columns that every table has without their being declared: tableoid, ctid and xmax. A name means one only
where no column of the table has it."""

from __future__ import annotations

from sqlvec import types
from sqlvec.errors import DuplicateColumn, FeatureNotSupported
from sqlvec.types import SqlType

ROW_ID_ORDINAL = 100_000  # the pseudo column of a source that carries (shard id, row id)
TABLEOID_ORDINAL = 100_001
CTID_ORDINAL = 100_002
XMAX_ORDINAL = 100_003


HIDDEN: dict[str, tuple[int, SqlType]] = {
    "tableoid": (TABLEOID_ORDINAL, types.OID),
    "ctid": (CTID_ORDINAL, types.TID),
    "xmax": (XMAX_ORDINAL, types.XID),
}
_RESERVED = (*HIDDEN, "xmin", "cmin", "cmax")


def check_name(name: str) -> None:
    """Whether a column of a table may be called so."""
    if name in _RESERVED:
        raise DuplicateColumn(f'column name "{name}" conflicts with a system column name')


def check_assigned(name: str, position: int | None) -> None:
    if name in _RESERVED:
        raise FeatureNotSupported(f'cannot assign to system column "{name}"', position=position)
