"""DuckDB's types and literals for ours, and the two forms of numeric.

Inside the relational engine a numeric expression has one of two forms, known when it is rendered:

    Fixed(precision, scale)   DECIMAL(precision, scale), where every value is shown with `scale` digits
    None, the text form       VARCHAR, the digits as PostgreSQL prints them; any size, any scale

Literals, numeric(p,s) columns and what + - * round() make of them are fixed and run natively. Quotients,
averages and unconstrained columns, whose scale differs from row to row, are text; sqlvec_numeric* functions
compute with them exactly. Every other type has the one DuckDB type that its Arrow form maps to.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.ranges import FAMILIES
from sqlvec.sql.type_rules import REG_KINDS
from sqlvec.types import SqlType
from sqlvec.types.array_literal import DECLARE_DIMENSIONS, MANY_DIMENSIONS
from sqlvec.types.numeric import ARROW_PRECISION_MAX, precision_scale
from sqlvec.types.range_type import NUMERIC_RANGES
from sqlvec.types.shaped_array import is_shaped
from sqlvec.types.sparse_vector import SparseVector
from sqlvec.types.tsquery import TsQuery
from sqlvec.types.tsvector import TsVector

INTEGERS = (types.INT2.oid, types.INT4.oid, types.INT8.oid)
FLOATS = (types.FLOAT4.oid, types.FLOAT8.oid)
JSONS = (types.JSON.oid, types.JSONB.oid)
TEXTS = (
    types.TEXT.oid, types.VARCHAR.oid, types.BPCHAR.oid, types.NAME.oid, types.CHAR.oid,
    types.UNKNOWN.oid,
)  # fmt: skip
OIDS = (types.OID.oid, types.XID.oid, types.CID.oid, *REG_KINDS)
ZERO_BASED = (types.INT2VECTOR.oid, types.OIDVECTOR.oid)  # arrays that count from 0
DENSE = (types.VECTOR.oid, types.HALFVEC.oid)
DIGITS = {types.INT2.oid: 5, types.INT4.oid: 10, types.INT8.oid: 19}
_NAMES = {
    types.BOOL.oid: "BOOLEAN", types.INT2.oid: "SMALLINT", types.INT4.oid: "INTEGER",
    types.INT8.oid: "BIGINT", types.FLOAT4.oid: "FLOAT", types.FLOAT8.oid: "DOUBLE",
    types.DATE.oid: "DATE", types.TIME.oid: "TIME", types.TIMESTAMP.oid: "TIMESTAMP",
    types.TIMESTAMPTZ.oid: "TIMESTAMPTZ", types.INTERVAL.oid: "INTERVAL", types.BYTEA.oid: "BLOB",
    types.SPARSEVEC.oid: "BLOB", types.TSVECTOR.oid: "BLOB", types.TSQUERY.oid: "BLOB",
    **{oid: "BLOB" for oid in FAMILIES},
    types.MONEY.oid: "BIGINT", types.TID.oid: "BIGINT",
    types.INET.oid: "BLOB", types.CIDR.oid: "BLOB", types.INT2VECTOR.oid: "SMALLINT[]", types.OIDVECTOR.oid: "BIGINT[]",
} | {oid: "BIGINT" for oid in OIDS}  # fmt: skip
_INFINITE_DAYS = (2**31 - 1, -(2**31))
_INFINITE_US = (2**63 - 1, -(2**63))


@dataclass(frozen=True, slots=True)
class Fixed:
    """A numeric form with a known scale."""

    precision: int
    scale: int

    @property
    def sql(self) -> str:
        return f"DECIMAL({self.precision},{self.scale})"


def fixed(precision: int, scale: int) -> Fixed | None:
    """The form, where DuckDB's decimals are wide enough for it."""
    precision = max(precision, scale, 1)
    return Fixed(precision, scale) if precision <= ARROW_PRECISION_MAX and scale >= 0 else None


def declared_form(sql_type: SqlType) -> Fixed | None:
    """The form that the type alone gives: fixed for numeric(p,s)."""
    if sql_type.oid != types.NUMERIC.oid or sql_type.typmod < 0:
        return None
    return fixed(*precision_scale(sql_type.typmod))


def value_form(value: Decimal | None) -> Fixed | None:
    """The form of one number."""
    if value is None:
        return Fixed(1, 0)
    if not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    return fixed(max(len(digits) + max(0, exponent), scale + 1), scale)


@dataclass(frozen=True, slots=True)
class Rendered(bound.Expression):
    """What is SQL already, such as the parameter of a lambda."""

    sql: str


def is_numeric(sql_type: SqlType) -> bool:
    return sql_type.oid == types.NUMERIC.oid


def is_record(sql_type: SqlType) -> bool:
    return sql_type.oid == types.RECORD.oid


def duckdb_type(sql_type: SqlType) -> str:
    """The type of an output column or a slot's column of sql_type."""
    sql_type = sql_type.stored
    found = _NAMES.get(sql_type.oid)
    if found is not None:
        return found
    if is_numeric(sql_type):
        form = declared_form(sql_type)
        return form.sql if form else "VARCHAR"
    if sql_type.oid in DENSE:
        return f"FLOAT[{sql_type.typmod}]" if sql_type.typmod > 0 else "FLOAT[]"
    if is_shaped(sql_type):
        return "VARCHAR"
    element = types.element_of(sql_type)
    if element is not None and sql_type.definition.category == "A":
        return duckdb_type(element) + "[]"
    return "VARCHAR"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def zone_word(time_zone: str) -> str:
    """What functions of ours are told of the session's zone: '' for UTC, in which datums are."""
    return quoted("" if time_zone == "UTC" else time_zone)


def literal(value: Any, sql_type: SqlType) -> str:
    """A constant with its type; a numeric without typmod in the form of its value."""
    if is_numeric(sql_type):
        form = declared_form(sql_type) or value_form(value)
        target = form.sql if form else "VARCHAR"
    else:
        target = duckdb_type(sql_type)
    if value is None:
        return f"CAST(NULL AS {target})"
    return f"CAST({_plain(value, sql_type)} AS {target})"


def _plain(value: Any, sql_type: SqlType) -> str:
    """Text or an expression that CAST takes to the type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bytes):
        return f"from_hex('{value.hex()}')"
    if isinstance(value, Decimal):
        return quoted(types.NUMERIC.definition.render(value))
    if isinstance(value, float):
        return quoted(repr(value))
    if isinstance(value, np.ndarray):  # as text: a list of numbers takes ten times longer to parse
        return quoted("[" + ",".join(map(repr, value.tolist())) + "]")
    if isinstance(value, (SparseVector, TsVector, TsQuery)):
        return f"from_hex('{value.tobytes().hex()}')"
    if isinstance(value, list):
        return _list(value, sql_type)
    return _moment(value, sql_type)


def _moment(value: Any, sql_type: SqlType) -> str:
    """Dates and times by their count, so that no text form limits the range."""
    oid = sql_type.oid
    if oid == types.DATE.oid:
        if value in _INFINITE_DAYS:
            return "'infinity'" if value > 0 else "'-infinity'"
        return f"DATE '1970-01-01' + ({value})"
    if oid in (types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid):
        if value in _INFINITE_US:
            return "'infinity'" if value > 0 else "'-infinity'"
        zone = "tz" if oid == types.TIMESTAMPTZ.oid else ""
        return f"make_timestamp{zone}({value})"
    if oid == types.TIME.oid:
        return f"TIME '00:00' + to_microseconds({value})"
    if oid == types.INTERVAL.oid:
        months, days, microseconds = value
        return f"to_months({months}) + to_days({days}) + to_microseconds({microseconds})"
    if isinstance(value, tuple):
        return quoted(sql_type.definition.render(value))
    return str(value)


def _list(value: list[Any], sql_type: SqlType) -> str:
    element = types.element_of(sql_type)
    assert element is not None, sql_type
    if value and isinstance(value[0], list):
        raise FeatureNotSupported(MANY_DIMENSIONS, hint=DECLARE_DIMENSIONS)
    items = [literal(item, element) for item in value]
    if is_numeric(element):
        items = [f"CAST({item} AS VARCHAR)" for item in items]
    return f"[{', '.join(items)}]"


def value_key(value: str, sql_type: SqlType) -> str | None:
    """What DuckDB compares in the place of a value; None for most types, whose values it compares themselves."""
    if sql_type.oid in NUMERIC_RANGES:
        return f"sqlvec_range_key({value}, {sql_type.oid})"
    return f"sqlvec_jsonb_key({value})" if sql_type.oid == types.JSONB.oid else None
