"""DuckDB's types and literals for ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.types import SqlType
from sqlvec.types.date_time import render_date, render_time, render_timestamp
from sqlvec.types.numeric import ARROW_PRECISION_MAX, precision_scale

NUMERIC_SCALE = 10  # digits after the point that unconstrained numeric is computed with
_NAMES = {
    types.BOOL.oid: "BOOLEAN", types.INT2.oid: "SMALLINT", types.INT4.oid: "INTEGER",
    types.INT8.oid: "BIGINT", types.FLOAT4.oid: "FLOAT", types.FLOAT8.oid: "DOUBLE",
    types.DATE.oid: "DATE", types.TIME.oid: "TIME", types.TIMESTAMP.oid: "TIMESTAMP",
    types.TIMESTAMPTZ.oid: "TIMESTAMPTZ", types.INTERVAL.oid: "INTERVAL", types.BYTEA.oid: "BLOB",
    types.OID.oid: "BIGINT", types.XID.oid: "BIGINT", types.CID.oid: "BIGINT",
    types.REGCLASS.oid: "BIGINT", types.REGTYPE.oid: "BIGINT", types.REGPROC.oid: "BIGINT",
    types.REGNAMESPACE.oid: "BIGINT", types.REGROLE.oid: "BIGINT",
    types.INT2VECTOR.oid: "SMALLINT[]", types.OIDVECTOR.oid: "BIGINT[]",
}  # fmt: skip


def duckdb_type(sql_type: SqlType) -> str:
    """The type that an expression of sql_type has inside the engine."""
    found = _NAMES.get(sql_type.oid)
    if found is not None:
        return found
    if sql_type.oid == types.NUMERIC.oid:
        if sql_type.typmod >= 0:
            precision, scale = precision_scale(sql_type.typmod)
            if precision <= ARROW_PRECISION_MAX and scale >= 0:
                return f"DECIMAL({max(precision, scale)},{scale})"
        return f"DECIMAL(38,{NUMERIC_SCALE})"
    if sql_type.oid == types.VECTOR.oid:
        return f"FLOAT[{sql_type.typmod}]" if sql_type.typmod > 0 else "FLOAT[]"
    element = types.element_of(sql_type)
    if element is not None:
        return duckdb_type(element) + "[]"
    return "VARCHAR"


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def literal(value: Any, sql_type: SqlType) -> str:
    """A constant with its type."""
    target = duckdb_type(sql_type)
    if value is None:
        return f"CAST(NULL AS {target})"
    return f"CAST({_plain(value, sql_type)} AS {target})"


def _plain(value: Any, sql_type: SqlType) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bytes):
        return quoted("".join(f"\\x{byte:02X}" for byte in value)) + "::BLOB"
    if isinstance(value, np.ndarray):
        return "[" + ",".join(repr(float(v)) for v in value) + "]"
    if isinstance(value, list):
        element = types.element_of(sql_type)
        assert element is not None, sql_type
        inner = sql_type if value and isinstance(value[0], list) else element
        return "[" + ", ".join(literal(item, inner) for item in value) + "]"
    if isinstance(value, float):
        return quoted(repr(value))
    if isinstance(value, Decimal):
        return quoted(types.NUMERIC.definition.render(value))
    return _moment(value, sql_type)


def _moment(value: Any, sql_type: SqlType) -> str:
    oid = sql_type.oid
    if oid == types.DATE.oid:
        return quoted(render_date(value).replace(" BC", " (BC)"))
    if oid == types.TIMESTAMP.oid:
        return quoted(render_timestamp(value))
    if oid == types.TIMESTAMPTZ.oid:
        return quoted(render_timestamp(value) + ("+00" if abs(value) < 2**62 else ""))
    if oid == types.TIME.oid:
        return quoted(render_time(value))
    if oid == types.INTERVAL.oid:
        months, days, microseconds = value
        return f"(to_months({months}) + to_days({days}) + to_microseconds({microseconds}))"
    return str(value)
