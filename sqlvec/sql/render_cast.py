"""Casts, and the text that PostgreSQL's output functions give.

A cast is rendered from the source's rendering to the target's. Text is read by the types' own parsers
(sqlvec_parse_*), so that what is accepted and what is said about the rest are PostgreSQL's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.money import money_cast, money_text, parsed_money
from sqlvec.sql.network import NETWORKS, network_cast, network_text, parsed_network
from sqlvec.sql.ranges import FAMILIES
from sqlvec.sql.render_arrays import (
    parsed_shaped,
    shaped_cast,
    shaped_constant,
    shaped_text,
)
from sqlvec.sql.render_numeric import as_text, fixed_text, numeric_form
from sqlvec.sql.render_ranges import parsed_range, range_cast, range_text
from sqlvec.sql.render_text_search import TYPES as TEXT_SEARCH
from sqlvec.sql.render_text_search import parsed_text_search, text_search_text
from sqlvec.sql.render_types import (
    FLOATS,
    INTEGERS,
    JSONS,
    OIDS,
    TEXTS,
    declared_form,
    duckdb_type,
    is_numeric,
    is_record,
    quoted,
)
from sqlvec.sql.render_user_types import parsed_user_type, user_type_text
from sqlvec.sql.render_vectors import bit_cast, parsed_vector, vector_cast, vector_text
from sqlvec.sql.type_rules import REG_KINDS, VECTORS
from sqlvec.types import SqlType
from sqlvec.types.regconfig import RegName
from sqlvec.types.row_place import OFFSET_BITS
from sqlvec.types.shaped_array import is_shaped

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_BOOL, _DATE, _TIME, _INTERVAL = (
    t.oid for t in (types.BOOL, types.DATE, types.TIME, types.INTERVAL)
)
_TIMESTAMP, _TIMESTAMPTZ, _BYTEA = types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid, types.BYTEA.oid
_TEXTS_ARRAY = types.array_of(types.TEXT).oid
_COUNTED = (_DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ)


def cast(r: ExpressionRenderer, e: bound.Cast) -> str:
    source, target = e.arg.type, e.type
    if (money := money_cast(r, e)) is not None:
        return money
    if is_numeric(target):
        return _to_numeric(r, e)
    if target.oid in TEXTS:
        return _to_text(r, e)
    if is_numeric(source):
        return _from_numeric(r, e)
    if is_shaped(target) and not is_shaped(source) and (known := r.constant(e.arg)) is not None:
        return shaped_constant(known, target)
    value = r.render(e.arg)
    if is_shaped(source) or is_shaped(target):
        return convert(r, value, source, target)
    return bit_cast(value, source, target, e.explicit) or convert(r, value, source, target)


def convert(r: ExpressionRenderer, value: str, source: SqlType, target: SqlType) -> str:
    """value of type source as target, neither of them numeric or text as target."""
    if (arrays := shaped_cast(r, value, source, target)) is not None:
        return arrays
    vector = vector_cast(r, value, source, target)
    if vector is not None:
        return vector
    if source.oid == target.oid:
        return _with_typmod(value, source, target)
    if source.oid in TEXTS:
        return parsed(r, value, target)
    if source.oid in NETWORKS and target.oid in NETWORKS:
        return network_cast(value, target)
    if (ranges := range_cast(value, source, target)) is not None:
        return ranges
    if source.oid in JSONS:
        return _from_json(r, value, target)
    if target.oid in JSONS:
        return f"sqlvec_jsonb({value})" if target.oid == types.JSONB.oid else value
    if target.oid == types.TIMETZ.oid and source.oid == _TIMESTAMPTZ:
        return parsed(r, text_out_of(r, value, source), target)
    if target.oid in _COUNTED or target.oid == _INTERVAL:
        return _with_typmod(_to_moment(r, value, source.oid, target.oid), SqlType(target.oid), target)
    for named, other in ((source, target), (target, source)):
        if isinstance(named.definition, RegName) and other.oid in (*INTEGERS, *OIDS):
            return _numbered(value, named.definition, target)
    if target.oid in INTEGERS and source.oid in OIDS:
        return f"CAST({value} AS {duckdb_type(target)})"
    if source.definition.category == "A" and target.definition.category == "A":
        return _between_arrays(r, value, source, target)
    return f"CAST({value} AS {duckdb_type(target)})"


def _numbered(value: str, definition: RegName, target: SqlType) -> str:
    """Between the name of a text search object and its oid."""
    pairs = [(quoted(name), quoted(str(number))) for name, number in definition.names.items()]
    value = f"CAST({value} AS VARCHAR)"
    if isinstance(target.definition, RegName):
        pairs = [(number, name) for name, number in pairs]
    arms = " ".join(f"WHEN {known} THEN {found}" for known, found in pairs)
    return f"CAST(CASE {value} {arms} ELSE {value} END AS {duckdb_type(target)})"


# ---------------------------------------------------------------- numeric


def _to_numeric(r: ExpressionRenderer, e: bound.Cast) -> str:
    source, target = e.arg.type, e.type
    form = declared_form(target)
    if is_numeric(source):
        if target.typmod < 0:
            return r.render(e.arg)
        if form is not None and numeric_form(r, e.arg) is not None:
            return f"CAST({r.render(e.arg)} AS {form.sql})"
        text = as_text(r, e.arg)
    elif source.oid in INTEGERS or source.oid in OIDS:
        wanted = form or numeric_form(r, e)
        assert wanted is not None, e
        return f"CAST({r.render(e.arg)} AS {wanted.sql})"
    elif source.oid in FLOATS:
        text = f"sqlvec_numeric_of_float(CAST({r.render(e.arg)} AS DOUBLE), {source.oid})"
    elif source.oid in JSONS:
        text = f"sqlvec_json_number({r.render(e.arg)}, 'numeric')"
    else:
        text = f"sqlvec_parse_text({r.render(e.arg)}, {types.NUMERIC.oid}, -1)"
    if target.typmod >= 0:
        text = f"sqlvec_numeric_typmod({text}, {target.typmod})"
    return f"CAST({text} AS {form.sql})" if form else text


def _from_numeric(r: ExpressionRenderer, e: bound.Cast) -> str:
    target = e.type
    if numeric_form(r, e.arg) is not None:
        return f"CAST({r.render(e.arg)} AS {duckdb_type(target)})"
    text = r.render(e.arg)
    if target.oid in INTEGERS:
        return f"CAST(sqlvec_numeric_integer({text}, {target.oid}) AS {duckdb_type(target)})"
    if target.oid in FLOATS:
        return f"CAST(sqlvec_parse_float({text}, {target.oid}) AS {duckdb_type(target)})"
    raise FeatureNotSupported(f"a cast from numeric to {target.name} is not supported here")


# ---------------------------------------------------------------- text


def _to_text(r: ExpressionRenderer, e: bound.Cast) -> str:
    source, target = e.arg.type, e.type
    text = r.render(e.arg) if source.oid in TEXTS else text_of(r, e.arg)
    if source.oid == types.BPCHAR.oid and target.oid != types.BPCHAR.oid:
        text = f"rtrim({text}, ' ')"
    if target.oid == types.NAME.oid:
        return f"left({text}, 63)"
    if target.oid == types.CHAR.oid:
        return f"chr({r.render(e.arg)})" if source.oid in INTEGERS else f"left({text}, 1)"
    if target.typmod < 4:
        return text
    length = target.typmod - 4
    if target.oid == types.VARCHAR.oid:
        if source.oid == target.oid and 4 <= source.typmod <= target.typmod:
            return text
        if e.explicit:
            return f"left({text}, {length})"
    return f"sqlvec_fit({text}, {target.oid}, {target.typmod}, {str(e.explicit).lower()})"


def text_of(r: ExpressionRenderer, e: bound.Expression) -> str:
    """CAST(e AS text): as output, but for booleans and addresses, and char(n) without its padding."""
    if e.type.oid == _BOOL:
        return f"CAST({r.render(e)} AS VARCHAR)"
    if e.type.oid in NETWORKS:
        return f"sqlvec_network_text({r.render(e)})"
    if e.type.oid == types.BPCHAR.oid:
        return f"rtrim({r.render(e)}, ' ')"
    return text_out(r, e)


def text_out(r: ExpressionRenderer, e: bound.Expression) -> str:
    """What the type's output function prints."""
    if is_numeric(e.type):
        return as_text(r, e)
    return text_out_of(r, r.render(e), e.type)


def text_out_of(r: ExpressionRenderer, value: str, sql_type: SqlType) -> str:
    """The output text of a rendered value."""
    oid = sql_type.oid
    if oid in TEXTS or oid in JSONS or is_record(sql_type):
        return value
    if is_numeric(sql_type):
        form = declared_form(sql_type)
        return fixed_text(value, form) if form else value
    if (own := user_type_text(value, sql_type)) is not None:
        return own
    if oid == _BOOL:
        return f"CASE WHEN {value} THEN 't' WHEN NOT {value} THEN 'f' END"
    if oid in FLOATS:
        return f"sqlvec_float_text(CAST({value} AS DOUBLE), {oid})"
    if oid == _BYTEA:
        return f"('\\x' || lower(hex({value})))"
    if oid == _INTERVAL:
        return f"sqlvec_interval_text({interval_parts(value)})"
    if oid == _TIMESTAMPTZ and r.context.time_zone != "UTC":
        return f"sqlvec_zoned_text(epoch_us({value}), {quoted(r.context.time_zone)})"
    if oid in VECTORS:
        return vector_text(value, sql_type)
    if oid in TEXT_SEARCH:
        return text_search_text(value, sql_type)
    if oid in NETWORKS:
        return network_text(value, sql_type)
    if oid == types.MONEY.oid:
        return money_text(value)
    if oid == types.TID.oid:
        return f"('(' || ({value} >> {OFFSET_BITS}) || ',' || ({value} & {2**OFFSET_BITS - 1}) || ')')"
    if oid in FAMILIES:
        return range_text(r, value, sql_type)
    if oid in (types.INT2VECTOR.oid, types.OIDVECTOR.oid):
        return f"array_to_string({value}, ' ')"
    if oid in REG_KINDS:
        args = f"CAST(json_array('{REG_KINDS[oid]}', {value}) AS VARCHAR)"
        call = f"sqlvec_call({r.context.session}, 'reg_out', {types.TEXT.oid}, {args})"
        return f"CASE WHEN {value} IS NOT NULL THEN {call} END"
    if is_shaped(sql_type):
        return shaped_text(r, value, sql_type)
    element = types.element_of(sql_type)
    if element is not None:
        item = r.fresh()
        texts = f"list_transform({value}, lambda {item}: {text_out_of(r, item, element)})"
        return f"sqlvec_array_text({texts})"
    return f"CAST({value} AS VARCHAR)"


def interval_fields(value: str) -> tuple[str, str, str]:
    """Months, days and microseconds of an interval."""
    months = f"date_part('year', {value}) * 12 + date_part('month', {value})"
    clock = (
        f"CAST(date_part('hour', {value}) AS BIGINT) * 3600000000 + "
        f"date_part('minute', {value}) * 60000000 + date_part('microsecond', {value})"
    )
    days = f"CAST(date_part('day', {value}) AS BIGINT)"
    return f"CAST({months} AS BIGINT)", days, f"CAST({clock} AS BIGINT)"


def interval_parts(value: str) -> str:
    """Months, days and microseconds as arguments for a function of ours."""
    return ", ".join(interval_fields(value))


def interval_of(parts: str) -> str:
    """The interval of a list of months, days and microseconds."""
    return f"sqlvec_interval({parts})"


def parsed(r: ExpressionRenderer, text: str, target: SqlType) -> str:
    """Text read by the type's parser; not for numeric."""
    oid, typmod = target.oid, target.typmod
    if oid in INTEGERS:
        return f"CAST(sqlvec_parse_integer({text}, {oid}) AS {duckdb_type(target)})"
    if oid in FLOATS:
        return f"CAST(sqlvec_parse_float({text}, {oid}) AS {duckdb_type(target)})"
    if oid == _BOOL:
        return f"sqlvec_parse_boolean({text})"
    if oid == _INTERVAL:
        return interval_of(f"sqlvec_parse_interval({text}, {typmod})")
    if oid in _COUNTED:
        count = f"sqlvec_parse_moment({text}, {oid}, {typmod}, {quoted(r.context.time_zone)})"
        return moment_of(count, oid)
    if oid == _BYTEA:
        return f"sqlvec_parse_bytes({text})"
    if oid in VECTORS:
        return parsed_vector(text, target)
    if oid in TEXT_SEARCH:
        return parsed_text_search(text, target)
    if oid in NETWORKS:
        return parsed_network(text, target)
    if oid == types.MONEY.oid:
        return parsed_money(text)
    if oid == types.TID.oid:
        parts = f"string_split(trim(sqlvec_parse_text({text}, {oid}, -1), '()'), ',')"
        return f"((CAST({parts}[1] AS BIGINT) << {OFFSET_BITS}) | CAST({parts}[2] AS BIGINT))"
    if oid in FAMILIES:
        return parsed_range(r, text, target)
    if oid in OIDS:
        return f"sqlvec_parse_reg({r.context.session}, {text}, {oid})"
    if (own := parsed_user_type(text, target)) is not None:
        return own
    if is_shaped(target):
        return parsed_shaped(r, text, target)
    element = types.element_of(target)
    if element is not None:
        return _parsed_array(r, text, target, element)
    return f"sqlvec_parse_text({text}, {oid}, {typmod})"


def moment_of(count: str, oid: int) -> str:
    """The date, time or timestamp of a count of days or microseconds."""
    if oid == _DATE:
        return f"sqlvec_date({count})"
    if oid == _TIME:
        return f"CAST(TIME '00:00' + to_microseconds({count}) AS TIME)"
    return f"sqlvec_timestamp{'tz' if oid == _TIMESTAMPTZ else ''}({count})"


def _parsed_array(
    r: ExpressionRenderer, text: str, target: SqlType, element: SqlType
) -> str:
    known = target.oid if target.own is None else _TEXTS_ARRAY  # its elements are read one by one
    texts = f"sqlvec_parse_array({text}, {known}, {target.typmod})"
    if element.oid in TEXTS or is_numeric(element):
        return texts
    item = r.fresh()
    return f"list_transform({texts}, lambda {item}: {parsed(r, item, element)})"


# ---------------------------------------------------------------- dates and times


def _to_moment(r: ExpressionRenderer, value: str, source: int, target: int) -> str:
    if source == _TIMESTAMPTZ:
        local = zoned(r, value)
        return local if target == _TIMESTAMP else f"CAST({local} AS {duckdb_type(SqlType(target))})"
    if target == _TIMESTAMPTZ:
        return zoned(r, f"CAST({value} AS TIMESTAMP)")
    if target == _INTERVAL:
        return f"to_microseconds(epoch_us({value}))"
    if source == _INTERVAL:
        return f"CAST(TIME '00:00' + {value} AS TIME)"
    return f"CAST({value} AS {duckdb_type(SqlType(target))})"


def zoned(r: ExpressionRenderer, value: str) -> str:
    """timestamptz to the session's local timestamp, and back."""
    return f"timezone({quoted(r.context.time_zone)}, {value})"


def _with_typmod(value: str, source: SqlType, target: SqlType) -> str:
    if target.typmod < 0 or source.typmod == target.typmod:
        return value
    oid = target.oid
    if oid == _INTERVAL:
        return interval_of(f"sqlvec_fit_interval({interval_parts(value)}, {target.typmod})")
    if oid in (_TIMESTAMP, _TIMESTAMPTZ, _TIME) and 0 <= target.typmod < 6:
        step = 10 ** (6 - target.typmod)
        rounded = f"CAST(floor((epoch_us({value}) + {step // 2}) / {step}.0) AS BIGINT) * {step}"
        return moment_of(f"({rounded})", oid)
    return value


# ---------------------------------------------------------------- json and arrays


def _from_json(r: ExpressionRenderer, value: str, target: SqlType) -> str:
    if target.oid in JSONS:
        return f"sqlvec_jsonb({value})" if target.oid == types.JSONB.oid else value
    if target.oid == _BOOL:
        return f"sqlvec_json_boolean({value})"
    number = f"sqlvec_json_number({value}, '{target.name}')"
    if target.oid in INTEGERS:
        return f"CAST(sqlvec_numeric_integer({number}, {target.oid}) AS {duckdb_type(target)})"
    return f"CAST({number} AS {duckdb_type(target)})"


def _between_arrays(r: ExpressionRenderer, value: str, source: SqlType, target: SqlType) -> str:
    element, wanted = types.element_of(source), types.element_of(target)
    assert element is not None and wanted is not None
    item = r.fresh()
    inner = element_cast(r, item, element, wanted)
    return value if inner == item else f"list_transform({value}, lambda {item}: {inner})"


def element_cast(r: ExpressionRenderer, item: str, source: SqlType, target: SqlType) -> str:
    """The cast of an array's element."""
    if source.oid == target.oid and target.typmod < 0:
        return item
    if target.oid in TEXTS:
        return item if source.oid in TEXTS else text_out_of(r, item, source)
    if is_numeric(target):
        text = f"CAST({item} AS VARCHAR)"
        if source.oid in FLOATS:
            text = f"sqlvec_numeric_of_float(CAST({item} AS DOUBLE), {source.oid})"
        elif source.oid in TEXTS:
            text = f"sqlvec_parse_text({item}, {types.NUMERIC.oid}, -1)"
        if target.typmod < 0:
            return text
        return f"CAST(sqlvec_numeric_typmod({text}, {target.typmod}) AS {duckdb_type(target)})"
    if is_numeric(source):
        if target.oid in INTEGERS:
            text = f"CAST({item} AS VARCHAR)"
            return f"CAST(sqlvec_numeric_integer({text}, {target.oid}) AS {duckdb_type(target)})"
        return f"CAST({item} AS {duckdb_type(target)})"
    return convert(r, item, source, target)
