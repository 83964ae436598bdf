"""Functions and operators evaluated row by row in Python; plan.native lists the same names.

A function takes the context and its arguments; a null argument gives null but where a function says otherwise.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.catalog import definitions
from sqlvec.catalog.objects import Sequence
from sqlvec.errors import (
    DivisionByZero,
    InvalidParameterValue,
    NullValueNotAllowed,
    ObjectNotInState,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.exec import relational_json as documents
from sqlvec.exec import text_search
from sqlvec.exec import vector_functions as vectors
from sqlvec.exec.advisory import ADVISORY_FUNCTIONS
from sqlvec.exec.casts import cast_function, check_range
from sqlvec.exec.context import Context
from sqlvec.exec.lock_view import blocking_pids
from sqlvec.exec.read_only import forbid_function
from sqlvec.exec.relational_encodings import byte_length
from sqlvec.exec.relational_numeric import add, divide, multiply, subtract
from sqlvec.exec.session_functions import SESSION_FUNCTIONS
from sqlvec.index.bm25 import highlighting
from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.paradedb_query import query_document, query_words
from sqlvec.storage.tenants import disk_bytes
from sqlvec.types import SqlType

Function = Callable[..., Any]
_INTEGERS = (types.INT2.oid, types.INT4.oid, types.INT8.oid)
_DAY_US = 86_400_000_000


# ---------------------------------------------------------------- operators


def _arithmetic(name: str, function: Callable[[Any, Any], Any]) -> Function:
    exact = {"+": add, "-": subtract, "*": multiply}[name]

    def operate(result: SqlType, *args: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], Decimal) and isinstance(args[1], Decimal):
            return exact(*args)
        if isinstance(args[0], np.ndarray):
            return vectors.combine(name, args[0], args[1])
        value = function(*args)
        return check_range(value, result.oid) if result.oid in _INTEGERS else value

    return operate


def _subtract(left: Any, right: Any = None) -> Any:
    return -left if right is None else left - right


def _add(left: Any, right: Any = None) -> Any:
    return left if right is None else left + right


def _divide(result: SqlType, left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return divide(left, right)
    if right == 0:
        raise DivisionByZero("division by zero")
    if result.oid in _INTEGERS:
        quotient = abs(left) // abs(right)
        return check_range(quotient if (left < 0) == (right < 0) else -quotient, result.oid)
    return left / right


def _modulo(result: SqlType, left: Any, right: Any) -> Any:
    if right == 0:
        raise DivisionByZero("division by zero")
    return int(math.fmod(left, right)) if abs(left) < 2**53 else _exact_modulo(left, right)


def _exact_modulo(left: int, right: int) -> int:
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def _json_member(result: SqlType, document: str, key: str | int) -> str | None:
    return documents.get(document, key) if isinstance(key, str) else documents.item(document, key)


def _json_member_text(result: SqlType, document: str, key: str | int) -> str | None:
    if isinstance(key, str):
        return documents.get_text(document, key)
    return documents.item_text(document, key)


def _concatenate(result: SqlType, left: Any, right: Any) -> Any:
    return vectors.combine("||", left, right) if isinstance(left, np.ndarray) else left + right


OPERATORS: dict[str, Function] = {
    "+": _arithmetic("+", _add),
    "-": _arithmetic("-", _subtract),
    "*": _arithmetic("*", lambda a, b: a * b),
    "/": _divide,
    "%": _modulo,
    "||": _concatenate,
    "->": _json_member,
    "->>": _json_member_text,
}


# ---------------------------------------------------------------- functions


def _strict(function: Callable[..., Any]) -> Function:
    def call(context: Context, *args: Any) -> Any:
        if any(arg is None for arg in args):
            return None
        return function(*args)

    return call


def _length(value: str | bytes, *encoding: str) -> int:
    return byte_length(value, *encoding) if isinstance(value, bytes) and encoding else len(value)


def _left(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text[: max(0, len(text) + count)]


def _right(text: str, count: int) -> str:
    if count >= 0:
        return text[max(0, len(text) - count) :]
    return text[-count:]


def _round(value: Any, digits: int = 0) -> Any:
    if isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return float(round(value))


def _ceil(value: Any) -> Any:
    return value.to_integral_value("ROUND_CEILING") if isinstance(value, Decimal) else float(math.ceil(value))


def _floor(value: Any) -> Any:
    return value.to_integral_value("ROUND_FLOOR") if isinstance(value, Decimal) else float(math.floor(value))


def _nextval(context: Context, oid: int) -> int | None:
    if oid is None:
        return None
    forbid_function(context, "nextval")
    value = context.store.next_value(_sequence(context, oid))
    context.sequence_values[oid] = value
    context.sequence_values[0] = oid
    return value


def _currval(context: Context, oid: int | None) -> int | None:
    if oid is None:
        return None
    if oid not in context.sequence_values:
        name = _sequence(context, oid).name
        raise ObjectNotInState(f'currval of sequence "{name}" is not yet defined in this session')
    return context.sequence_values[oid]


def _lastval(context: Context) -> int:
    if 0 not in context.sequence_values:
        raise ObjectNotInState("lastval is not yet defined in this session")
    return context.sequence_values[context.sequence_values[0]]


def _setval(
    context: Context, oid: int | None, value: int | None, called: bool | None = True
) -> int | None:
    if oid is None or value is None or called is None:
        return None
    forbid_function(context, "setval")
    context.store.set_value(_sequence(context, oid), value, called)
    if called:
        context.sequence_values[oid] = value
    return value


def _sequence(context: Context, oid: int) -> Sequence:
    relation = context.catalog.relations.get(oid)
    if relation is None:
        raise UndefinedTable(f"could not open relation with OID {oid}")
    if not isinstance(relation, Sequence):
        raise WrongObjectType(f'"{relation.name}" is not a sequence')
    return relation


def _current_setting(
    context: Context, name: str | None, missing_ok: bool | None = False
) -> str | None:
    from sqlvec.errors import UndefinedObject

    if name is None or missing_ok is None:
        return None
    try:
        return context.settings.show(name)
    except UndefinedObject:
        if missing_ok:
            return None
        raise


def _set_config(context: Context, name: str | None, value: str | None, local: bool | None) -> str:
    if name is None:
        raise NullValueNotAllowed("SET requires parameter name")
    from sqlvec.exec.time_travel import check_as_of

    if value and name.lower() == "sqlvec.as_of":
        check_as_of(value, context.settings, context.statement_us)
    context.settings.set(name, value or "", local=bool(local))
    return context.settings.show(name)


def _concat(context: Context, *args: Any) -> str:
    return "".join(arg if isinstance(arg, str) else str(arg) for arg in args if arg is not None)


def _definition(name: str) -> Function:
    def call(context: Context, *args: Any) -> Any:
        return definitions.definition(name, args, context.viewpoint())

    return call


def _relation_size(context: Context, oid: int, *fork: str) -> int | None:
    if oid is None or oid not in context.catalog.relations:
        return None
    return disk_bytes(context.store, oid)


# Units with the size from which the next one is shown; all but bytes are rounded from halves (dbsize.c).
_UNITS = (("bytes", 10_240), ("kB", 20_479), ("MB", 20_479), ("GB", 20_479), ("TB", 20_479), ("PB", 0))


def _pretty_size(size: int | Decimal) -> str:
    count = int(size)
    for place, (unit, limit) in enumerate(_UNITS):
        if not limit or abs(count) < limit:
            return f"{_halved(count)} {unit}" if place else f"{count} {unit}"
        count = _shifted(count, 9 if place == 0 else 10)
    raise AssertionError("the last unit has no limit")


def _halved(count: int) -> int:
    return (count + 1) // 2 if count >= 0 else -((1 - count) // 2)


def _shifted(count: int, bits: int) -> int:
    return count >> bits if count >= 0 else -(-count >> bits)


_SIZE = re.compile(r"\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)\s*([a-z]*)\s*\Z", re.I)
_FACTORS = {"": 0, "b": 0, "bytes": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}


def _size_bytes(text: str) -> int:
    match = _SIZE.match(text)
    if match is None:
        raise InvalidParameterValue(f'invalid size: "{text}"')
    if match[2].lower() not in _FACTORS:
        raise InvalidParameterValue(
            f'invalid size: "{text}"',
            detail=f'Invalid size unit: "{match[2]}".',
            hint='Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
        )
    return int(Decimal(match[1]) * 1024 ** _FACTORS[match[2].lower()])


def _database_size(context: Context, database: int | str) -> int | None:
    """Of the database that one is connected to; the others' files are not looked at."""
    return context.store.disk_bytes()


def _last_value(context: Context, oid: int | None) -> int | None:
    if oid is None:
        return None
    current = context.store.sequence_value(_sequence(context, oid))
    return current.last_value if current.is_called else None


def _sleep(context: Context, seconds: float) -> str:
    """Waits by the clock, and wakes for a cancel request."""
    end = context.clock_us() + int(seconds * 1_000_000)
    while (left := end - context.clock_us()) > 0:
        context.check_cancelled()
        context.store.clock.sleep(min(left / 1_000_000, 0.02))
    return ""


def _ts_config(context: Context) -> str:
    name = context.settings.show("default_text_search_config")
    return types.REGCONFIG.definition.parse(name)


def _uuid(context: Context) -> str:
    return str(uuid.uuid4())


def _current_date(context: Context) -> int:
    today = cast_function(
        types.TIMESTAMPTZ, types.DATE, explicit=True, zone=context.settings.zone
    )
    assert today is not None
    return int(today(context.transaction_us))


FUNCTIONS: dict[str, Function] = {
    "abs": _strict(abs),
    "lower": _strict(str.lower),
    "upper": _strict(str.upper),
    "length": _strict(_length),
    "char_length": _strict(len),
    "character_length": _strict(len),
    "octet_length": _strict(lambda v: len(v.encode()) if isinstance(v, str) else len(v)),
    "left": _strict(_left),
    "right": _strict(_right),
    "concat": _concat,
    "round": _strict(_round),
    "floor": _strict(_floor),
    "ceil": _strict(_ceil),
    "ceiling": _strict(_ceil),
    "now": lambda context: context.transaction_us,
    "current_timestamp": lambda context, *precision: context.transaction_us,
    "transaction_timestamp": lambda context: context.transaction_us,
    "statement_timestamp": lambda context: context.statement_us,
    "clock_timestamp": lambda context: context.clock_us(),
    "current_date": _current_date,
    "nextval": _nextval,
    "currval": _currval,
    "lastval": _lastval,
    "setval": _setval,
    "current_database": lambda context: context.database,
    "current_catalog": lambda context: context.database,
    "current_schema": _definition("current_schema"),
    "current_user": lambda context: context.user,
    "session_user": lambda context: context.user,
    "user": lambda context: context.user,
    "current_role": lambda context: context.user,
    "version": lambda context: context.environment().version,
    "pg_backend_pid": lambda context: context.pid,
    "current_setting": _current_setting,
    "pg_client_encoding": lambda context: context.settings.encoding.name,
    "set_config": _set_config,
    "gen_random_uuid": _uuid,
    "random": lambda context: context.random(),
    "vector_dims": _strict(len),
    "vector_norm": _strict(vectors.norm),
    "l2_norm": _strict(vectors.norm),
    "l2_normalize": _strict(vectors.normalize),
    "subvector": _strict(vectors.subvector),
    "binary_quantize": _strict(vectors.binary_quantize),
    "inner_product": _strict(vectors.inner_product),
    "format_type": _definition("format_type"),
    "to_regtype": _definition("to_regtype"),
    "to_regclass": _definition("to_regclass"),
    "pg_get_serial_sequence": _definition("pg_get_serial_sequence"),
    **ADVISORY_FUNCTIONS,
    "pg_sleep": _sleep,
    "pg_is_in_recovery": lambda context: False,
    "txid_current": lambda context: context.store.read_seqno,
    "pg_relation_size": _relation_size,
    "pg_total_relation_size": _relation_size,
    "pg_table_size": _relation_size,
    "pg_indexes_size": lambda context, oid: 0,
    "pg_database_size": _database_size,
    "pg_tablespace_size": _database_size,
    "pg_blocking_pids": lambda context, pid: (
        None if pid is None else blocking_pids(context.store.locks, pid)
    ),
    "pg_size_bytes": _strict(_size_bytes),
    "pg_sequence_last_value": _last_value,
    "pg_postmaster_start_time": lambda context: context.environment().started_us,
    "pg_conf_load_time": lambda context: context.environment().started_us,
    "pg_size_pretty": _strict(_pretty_size),
    "bm25_highlight": _strict(highlighting.highlight),
    "bm25_snippet": _strict(highlighting.snippet),
    "bm25_terms": _strict(lambda config, text: analyzer(config).terms(text)),
    "bm25query": _strict(lambda text: text),
    "bm25query_words": _strict(query_words),
    "to_bm25query": _strict(lambda text, name: f"{name}:{text}"),
    "paradedb_query": _strict(query_document),
    "paradedb_snippet": _strict(highlighting.query_snippet),
    "get_current_ts_config": _ts_config,
    **{name: _strict(function) for name, function in text_search.FUNCTIONS.items()},
    **SESSION_FUNCTIONS,
}


def options_error(name: str, value: object) -> InvalidParameterValue:
    """An argument outside its domain."""
    return InvalidParameterValue(f'invalid value for option "{name}": "{value}"')
