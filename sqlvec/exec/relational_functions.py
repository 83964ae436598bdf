"""The functions that rendered statements call and DuckDB does not have: macros, and Python functions.

A function that takes no NULL gives NULL for NULL. DuckDB makes NULL of a NaN that a Python function gives:
where one may, a macro makes it NaN again. A function that needs the session is told its number, by which
the host finds what the session's running statement brings along.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from sqlvec import types
from sqlvec.catalog import definitions
from sqlvec.errors import DataException, InternalError
from sqlvec.exec import jsonpath
from sqlvec.exec import relational_arrays as arrays
from sqlvec.exec import relational_bytes as bytes_
from sqlvec.exec import relational_encodings as encodings
from sqlvec.exec import relational_formats as formats
from sqlvec.exec import relational_intervals as intervals
from sqlvec.exec import relational_json as documents
from sqlvec.exec import relational_json_order as json_order
from sqlvec.exec import relational_moments as moments
from sqlvec.exec import relational_money as money
from sqlvec.exec import relational_network as networks
from sqlvec.exec import relational_numeric as numbers
from sqlvec.exec import relational_ranges as ranges
from sqlvec.exec import relational_regexp as regexps
from sqlvec.exec import relational_text as texts
from sqlvec.exec import relational_text_search as text_search
from sqlvec.exec import relational_trigonometry as trigonometry
from sqlvec.exec import relational_user_types as user_types
from sqlvec.exec import relational_vectors as vectors
from sqlvec.exec.context import Context
from sqlvec.exec.relational_errors import ErrorKeeper, InvalidWidthBucketArgument
from sqlvec.exec.routine_call import rows_as_text, value_as_text
from sqlvec.exec.scalar_functions import FUNCTIONS
from sqlvec.index.bm25 import highlighting
from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.sql.binder import unresolved
from sqlvec.types import SqlType
from sqlvec.types.date_time import find_zone

MACROS = """
sqlvec_divide(a, b) AS CASE WHEN b = 0 THEN error('sqlvec:22012:division by zero') ELSE a / b END
sqlvec_power(a, b) AS CASE WHEN a = 0 AND b < 0 THEN
  error('sqlvec:2201F:zero raised to a negative power is undefined') WHEN a < 0 AND b <> floor(b) THEN
  error('sqlvec:2201F:a negative number raised to a non-integer power yields a complex result')
  ELSE sqlvec_bounded(power(a, b), isinf(a) OR isinf(b)) END
sqlvec_bounded(x, allowed) AS CASE WHEN isinf(x) AND NOT allowed THEN
  error('sqlvec:22003:value out of range: overflow') ELSE x END
sqlvec_exp(a) AS sqlvec_bounded(exp(a), isinf(a))
sqlvec_sqrt(a) AS CASE WHEN a < 0 THEN
  error('sqlvec:2201F:cannot take square root of a negative number') ELSE sqrt(a) END
sqlvec_ln(a) AS CASE WHEN a = 0 THEN error('sqlvec:2201E:cannot take logarithm of zero') WHEN a < 0 THEN
  error('sqlvec:2201E:cannot take logarithm of a negative number') ELSE ln(a) END
sqlvec_log10(a) AS CASE WHEN a = 0 THEN error('sqlvec:2201E:cannot take logarithm of zero') WHEN a < 0 THEN
  error('sqlvec:2201E:cannot take logarithm of a negative number') ELSE log10(a) END
sqlvec_asin(a) AS CASE WHEN abs(a) > 1 THEN error('sqlvec:22003:input is out of range') ELSE asin(a) END
sqlvec_acos(a) AS CASE WHEN abs(a) > 1 THEN error('sqlvec:22003:input is out of range') ELSE acos(a) END
sqlvec_substring(s, a, n) AS CASE WHEN n < 0 THEN
  error('sqlvec:22011:negative substring length not allowed')
  WHEN a IS NOT NULL AND n IS NOT NULL THEN
  substring(s, greatest(a, 1), greatest(CAST(a AS BIGINT) + n - greatest(a, 1), 0)) END
sqlvec_parse_float(t, o) AS CASE WHEN t IS NOT NULL THEN
  coalesce(sqlvec_float_value(t, o), CAST('NaN' AS DOUBLE)) END
sqlvec_measure(m, x) AS CASE WHEN x IS NOT NULL THEN
  coalesce(sqlvec_measured(m, x), CAST('NaN' AS DOUBLE)) END
sqlvec_dense_distance(m, o, a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN
  coalesce(sqlvec_dense_measure(m, o, a, b), CAST('NaN' AS DOUBLE)) END
sqlvec_sparse_distance(m, a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN
  coalesce(sqlvec_sparse_measure(m, a, b), CAST('NaN' AS DOUBLE)) END
sqlvec_array_length(a, d) AS CASE WHEN d = 1 THEN nullif(len(a), 0) END
sqlvec_any(tests) AS CASE WHEN tests IS NULL THEN NULL WHEN list_contains(tests, true) THEN true
  WHEN list_count(tests) < len(tests) THEN NULL ELSE false END
sqlvec_all(tests) AS CASE WHEN tests IS NULL THEN NULL WHEN list_contains(tests, false) THEN false
  WHEN list_count(tests) < len(tests) THEN NULL ELSE true END
sqlvec_interval(p) AS to_months(CAST(p[1] AS INTEGER)) + to_days(CAST(p[2] AS INTEGER))
  + to_microseconds(p[3])
sqlvec_date(n) AS CASE WHEN n >= 2147483647 THEN DATE 'infinity' WHEN n <= -2147483647 THEN DATE '-infinity'
  ELSE DATE '1970-01-01' + CAST(n AS INTEGER) END
sqlvec_timestamp(n) AS CASE WHEN n = 9223372036854775807 THEN TIMESTAMP 'infinity'
  WHEN n <= -9223372036854775807 THEN TIMESTAMP '-infinity' ELSE make_timestamp(n) END
sqlvec_timestamptz(n) AS CASE WHEN n = 9223372036854775807 THEN TIMESTAMPTZ 'infinity'
  WHEN n <= -9223372036854775807 THEN TIMESTAMPTZ '-infinity' ELSE make_timestamptz(n) END
sqlvec_days_of(d) AS CASE WHEN d = DATE '-infinity' THEN -2147483648 ELSE d - DATE '1970-01-01' END
sqlvec_us_of(t) AS CASE WHEN isinf(t) IS NOT TRUE THEN epoch_us(t) WHEN t > TIMESTAMP '1970-01-01' THEN 9223372036854775807
  ELSE -9223372036854775808 END
sqlvec_days_between(a, b) AS CASE WHEN isinf(a) OR isinf(b) THEN error('sqlvec:22008:cannot subtract infinite dates')
  ELSE a - b END
sqlvec_finite_us(t) AS CASE WHEN isinf(t) THEN error('sqlvec:22008:cannot subtract infinite timestamps')
  ELSE epoch_us(t) END
sqlvec_bucket_count(n) AS CASE WHEN n <= 0 THEN
  error('sqlvec:22014:argument of ntile must be greater than zero') ELSE n END
sqlvec_nth(n) AS CASE WHEN n <= 0 THEN
  error('sqlvec:22016:argument of nth_value must be greater than zero') ELSE n END
sqlvec_array_cat(a, b) AS CASE WHEN a IS NOT NULL OR b IS NOT NULL THEN list_concat(a, b) END
sqlvec_trim_array(a, n) AS CASE WHEN n < 0 OR n > len(a) THEN
  error('sqlvec:2202E:number of elements to trim must be between 0 and ' || CAST(len(a) AS VARCHAR))
  WHEN n IS NOT NULL THEN list_slice(a, 1, len(a) - n) END
sqlvec_fraction(f) AS CASE WHEN f < 0 OR f > 1 THEN
  error('sqlvec:22003:percentile value ' || CAST(f AS VARCHAR) || ' is not between 0 and 1') ELSE f END
sqlvec_most_frequent(h) AS map_keys(map_from_entries(list_filter(map_entries(h),
  lambda pair: pair.value = list_max(map_values(h)))))
"""
_TEXT, _TEXTS, _INT, _LONG, _DOUBLE, _BOOL, _BLOB = (
    "VARCHAR", "VARCHAR[]", "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "BLOB",
)  # fmt: skip
CALLS_MAX = 50_000  # results of catalog functions remembered with a catalog
_PARTS = [_LONG, _LONG, _LONG]


class FunctionHost:
    """The statements that are running, by the number of their session; and what functions raised."""

    def __init__(self) -> None:
        self.keeper = ErrorKeeper()
        self._contexts: dict[int, Context] = {}
        self._calls: dict[int, threading.Lock] = {}
        self._next = 0
        self._lock = threading.Lock()

    def new_session(self) -> int:
        with self._lock:
            self._next += 1
            return self._next

    def serve(self, session: int, context: Context) -> None:
        """Functions called with the session's number find the context from now on: the engine's threads may call
        them whenever its result is open, not only while somebody waits for rows."""
        self._contexts[session] = context

    def rest(self, session: int) -> None:
        """The session's result is closed."""
        self._contexts.pop(session, None)
        self._calls.pop(session, None)

    def context(self, session: int) -> Context:
        found = self._contexts.get(session)
        if found is None:
            raise InternalError(f"session {session} runs no statement")
        return found

    # ---------------------------------------------------------------- called back

    def call(self, session: int, name: str, oid: int, arguments: str) -> str | None:
        """A function of the session or the catalog, its result as the type's text."""
        context = self.context(session)
        if name not in definitions.NAMES:
            return _rendered(session_value(name, tuple(json.loads(arguments)), context), oid)
        view = context.viewpoint()
        known = context.catalog.memo.setdefault(
            ("calls", view.search_path, view.user, view.temporary_schema), {}
        )
        key = (name, arguments)
        if key not in known:
            if len(known) >= CALLS_MAX:
                known.clear()
            known[key] = _rendered(session_value(name, tuple(json.loads(arguments)), context), oid)
        return known[key]  # type: ignore[no-any-return]

    def routine(self, session: int, said: str, texts: list[str | None]) -> str | None:
        """A user's function: its value as text."""
        with self._calling(session) as context:
            return value_as_text(said, texts, context)

    def routine_rows(self, session: int, said: str, texts: list[str | None]) -> list[list[str | None]]:
        """A user's function: its rows, each value as text."""
        with self._calling(session) as context:
            return rows_as_text(said, texts, context)

    @contextmanager
    def _calling(self, session: int) -> Iterator[Context]:
        """One call at a time of a statement's, whichever of the engine's threads it comes from."""
        context = self.context(session)
        with self._lock:
            lock = self._calls.setdefault(session, threading.Lock())
        with lock:
            yield context

    def parse_reg(self, session: int, text: str, oid: int) -> int:
        """A name or number as an oid."""
        stripped = text.strip()
        if stripped.lstrip("-").isdigit():
            return int(stripped)
        name = f"to_{types.by_oid(oid).name}"  # type: ignore[union-attr]
        if name not in definitions.NAMES:
            return int(types.OID.definition.parse(text))
        found = definitions.definition(name, (text,), self.context(session).viewpoint())
        if found is None:
            raise unresolved(text, SqlType(oid), None)
        return int(found)


def _rendered(value: Any, oid: int) -> str | None:
    return None if value is None else SqlType(oid).definition.render(value)


def session_value(name: str, args: tuple[Any, ...], context: Context) -> Any:
    """The datum of a function that depends on the session, the catalog or the clock."""
    if name in definitions.NAMES:
        return definitions.definition(name, args, context.viewpoint())
    return FUNCTIONS[name](context, *args)


# ---------------------------------------------------------------- registration


def register(connection: Any, host: FunctionHost) -> None:
    """Adds every macro and function to the database of the connection."""
    for macro in MACROS.strip().split("\nsqlvec_"):
        connection.execute("CREATE MACRO sqlvec_" + macro.removeprefix("sqlvec_"))
    plain = [*_TEXT_FUNCTIONS, *_JSON_FUNCTIONS, *_NUMERIC_FUNCTIONS, *_MOMENT_FUNCTIONS, *vectors.FUNCTIONS, *text_search.FUNCTIONS, *user_types.FUNCTIONS, *networks.FUNCTIONS, *ranges.FUNCTIONS, *money.FUNCTIONS, *arrays.FUNCTIONS, *bytes_.FUNCTIONS, *regexps.FUNCTIONS, *moments.FUNCTIONS, *json_order.FUNCTIONS]
    for name, function, parameters, result in plain:
        strict = function if name in _TAKES_NULL else _strict(function)
        connection.create_function(
            f"sqlvec_{name}", host.keeper.guard(strict), parameters, result, null_handling="special"
        )
    volatile: dict[str, Any] = {"side_effects": True, "null_handling": "special"}
    connection.create_function(
        "sqlvec_call", host.keeper.guard(_strict(host.call)), [_LONG, _TEXT, _LONG, _TEXT], _TEXT, **volatile
    )
    for name, function, parameters, result in user_types.VOLATILE:
        connection.create_function(
            f"sqlvec_{name}", host.keeper.guard(function), parameters, result, **volatile
        )
    for name, function, result in (("routine", host.routine, _TEXT), ("routine_rows", host.routine_rows, "VARCHAR[][]")):
        connection.create_function(
            f"sqlvec_{name}", host.keeper.guard(function), [_LONG, _TEXT, _TEXTS], result, **volatile
        )
    connection.create_function(
        "sqlvec_parse_reg", host.keeper.guard(_strict(host.parse_reg)), [_LONG, _TEXT, _LONG], _LONG,
        **volatile,
    )  # fmt: skip


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """NULL for NULL; DuckDB does the same, but then forbids NULL as a result of anything else."""

    @wraps(function)
    def call(*args: Any) -> Any:
        for arg in args:
            if arg is None:
                return None
        return function(*args)

    return call


def _parse(text: str, oid: int) -> Any:
    return SqlType(oid).definition.parse(text, -1)


def _parse_text(text: str, oid: int, typmod: int) -> str:
    value = SqlType(oid).definition.parse(text, typmod)
    return value if isinstance(value, str) else SqlType(oid).definition.render(value)


def _parse_moment(text: str, oid: int, typmod: int, zone: str) -> int:
    """Days or microseconds; a timestamptz without a zone is in the session's."""
    value: int = SqlType(oid).definition.parse(text, typmod)
    if oid == types.TIMESTAMPTZ.oid and zone != "UTC" and not _names_a_zone(text):
        local = datetime(1970, 1, 1) + timedelta(microseconds=value)
        offset = find_zone(zone, lambda: DataException(zone)).utcoffset(local)
        return value - int((offset or timedelta()).total_seconds()) * 1_000_000
    return value


def _names_a_zone(text: str) -> bool:
    clock = text.strip()[10:]
    return any(char in clock for char in "+-") or clock[-1:].isalpha()


def _parse_array(text: str, oid: int, typmod: int) -> list[str | None]:
    """The elements' own texts."""
    definition = SqlType(oid).definition
    element = SqlType(definition.element_oid).definition
    items = definition.parse(text, typmod)
    return [None if item is None else element.render(item) for item in items]


def _array_text(items: Sequence[str | None]) -> str:
    return types.array_of(types.TEXT).definition.render(list(items))


def _float_text(value: float, oid: int) -> str:
    return SqlType(oid).definition.render(value)


def _zoned_text(microseconds: int, zone: str) -> str:
    text = formats.to_char(microseconds, "YYYY-MM-DD HH24:MI:SS.USOF", zone)
    head, _, tail = text.partition(".")
    fraction = tail[:6].rstrip("0")
    return f"{head}{'.' + fraction if fraction else ''}{tail[6:]}"


def _width_bucket(value: float, low: float, high: float, count: int) -> int:
    if count <= 0:
        raise InvalidWidthBucketArgument("count must be greater than zero")
    if low == high:
        raise InvalidWidthBucketArgument("lower bound cannot equal upper bound")
    place = (value - low) / (high - low)
    return 0 if place < 0 else count + 1 if place >= 1 else math.floor(place * count) + 1


def _shift(value: int, places: int, bits: int) -> int:
    """value << places, or >> -places, as a processor shifts an int of that many bits (an int2 as an int4)."""
    wide = max(bits, 32)
    shifted = value << (places % wide) if places >= 0 else value >> (-places % wide)
    low = shifted & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


_TAKES_NULL = frozenset(
    [
        "numeric", "numeric_greatest", "numeric_least", "string_to_array", "overlay", "json_key", "json_set_lax", "json_object",
        *ranges.TAKES_NULL, *arrays.TAKES_NULL, *bytes_.TAKES_NULL, *moments.TAKES_NULL,
    ]
)  # fmt: skip
_Row = tuple[str, Callable[..., Any], list[str], str]
_TEXT_FUNCTIONS: list[_Row] = [
    ("parse_integer", _parse, [_TEXT, _LONG], _LONG),
    ("float_value", _parse, [_TEXT, _LONG], _DOUBLE),
    ("parse_boolean", lambda text: types.BOOL.definition.parse(text), [_TEXT], _BOOL),
    ("parse_text", _parse_text, [_TEXT, _LONG, _LONG], _TEXT),
    ("parse_moment", _parse_moment, [_TEXT, _LONG, _LONG, _TEXT], _LONG),
    ("parse_bytes", lambda text: types.BYTEA.definition.parse(text), [_TEXT], _BLOB),
    ("parse_array", _parse_array, [_TEXT, _LONG, _LONG], _TEXTS),
    ("float_text", _float_text, [_DOUBLE, _LONG], _TEXT),
    ("zoned_text", _zoned_text, [_LONG, _TEXT], _TEXT),
    ("array_text", _array_text, [_TEXTS], _TEXT),
    ("record_text", texts.record_text, [_TEXTS], _TEXT),
    ("fit", texts.fit, [_TEXT, _LONG, _LONG, _BOOL], _TEXT),
    ("initcap", texts.initcap, [_TEXT], _TEXT),
    ("split_part", texts.split_part, [_TEXT, _TEXT, _LONG], _TEXT),
    ("pad", texts.pad, [_TEXT, _LONG, _TEXT, _BOOL], _TEXT),
    ("overlay", texts.overlay, [_TEXT, _TEXT, _LONG, _LONG], _TEXT),
    ("chr", texts.character, [_LONG], _TEXT),
    ("encode", texts.encode, [_BLOB, _TEXT], _TEXT),
    ("decode", texts.decode, [_TEXT, _TEXT], _BLOB),
    ("convert", encodings.convert, [_BLOB, _TEXT, _TEXT], _BLOB),
    ("convert_from", encodings.convert_from, [_BLOB, _TEXT], _TEXT),
    ("digest", lambda name, data: hashlib.new(name, data).digest(), [_TEXT, _BLOB], _BLOB),
    ("convert_to", encodings.convert_to, [_TEXT, _TEXT], _BLOB),
    ("byte_length", encodings.byte_length, [_BLOB, _TEXT], _LONG),
    ("quote_ident", definitions.quote_identifier, [_TEXT], _TEXT),
    ("quote_literal", texts.quote_literal, [_TEXT], _TEXT),
    ("format", texts.format_text, [_TEXT, _TEXTS], _TEXT),
    ("string_to_array", texts.string_to_array, [_TEXT, _TEXT, _TEXT], _TEXTS),
    ("join_pairs", texts.join_pairs, ["VARCHAR[][]"], _TEXT),
    ("join_byte_pairs", texts.join_byte_pairs, ["BLOB[][]"], _BLOB),
    ("like_escape", texts.like_escape, [_TEXT, _TEXT], _TEXT),
    ("similar", texts.similar, [_TEXT, _TEXT], _TEXT),
    ("regex", texts.regex, [_TEXT, _TEXT, _BOOL], _BOOL),
    ("regexp_replace", texts.regexp_replace, [_TEXT, _TEXT, _TEXT, _TEXT], _TEXT),
    ("regexp_match", texts.regexp_match, [_TEXT, _TEXT, _TEXT], _TEXTS),
    ("acl_privileges", texts.acl_privileges, [_TEXTS], _TEXTS),
    ("acl_numbers", texts.acl_numbers, [_TEXTS, _TEXT], "BIGINT[]"),
    ("regexp_matches", texts.regexp_matches, [_TEXT, _TEXT, _TEXT], "VARCHAR[][]"),
    ("regexp_split", texts.regexp_split, [_TEXT, _TEXT, _TEXT], _TEXTS),
    ("regexp_substring", texts.regexp_substring, [_TEXT, _TEXT], _TEXT),
    ("shift", _shift, [_LONG, _LONG, _LONG], _LONG),
    ("width_bucket", _width_bucket, [_DOUBLE, _DOUBLE, _DOUBLE, _LONG], _LONG),
    ("analyzed_words", lambda config, text: analyzer(config).words(text), [_TEXT, _TEXT], _TEXTS),
    ("analyzed_terms", lambda config, text: [t or None for t in analyzer(config).tokens(text)],
     [_TEXT, _TEXT], _TEXTS),
    ("bm25_terms", lambda config, text: analyzer(config).terms(text), [_TEXT, _TEXT], _TEXTS),
    ("bm25_highlight", highlighting.highlight, [_TEXT] * 5, _TEXT),
    ("bm25_snippet", highlighting.snippet, [*[_TEXT] * 5, _LONG], _TEXT),
    ("paradedb_snippet", highlighting.query_snippet, [*[_TEXT] * 7, _LONG], _TEXT),
]
_JSON_FUNCTIONS: list[_Row] = [
    ("jsonb", documents.jsonb, [_TEXT], _TEXT),
    ("json_get", documents.get, [_TEXT, _TEXT], _TEXT),
    ("json_get_text", documents.get_text, [_TEXT, _TEXT], _TEXT),
    ("json_item", documents.item, [_TEXT, _LONG], _TEXT),
    ("json_item_text", documents.item_text, [_TEXT, _LONG], _TEXT),
    ("json_path", documents.path, [_TEXT, _TEXTS], _TEXT),
    ("json_path_text", documents.path_text, [_TEXT, _TEXTS], _TEXT),
    ("json_typeof", documents.typeof, [_TEXT], _TEXT),
    ("json_length", documents.length, [_TEXT], _LONG),
    ("json_elements", documents.elements, [_TEXT], _TEXTS),
    ("json_elements_text", documents.elements_text, [_TEXT], _TEXTS),
    ("json_keys", documents.keys, [_TEXT], _TEXTS),
    ("json_values", documents.values, [_TEXT], _TEXTS),
    ("json_values_text", documents.values_text, [_TEXT], _TEXTS),
    ("json_has", documents.has, [_TEXT, _TEXT], _BOOL),
    ("json_has_any", documents.has_any, [_TEXT, _TEXTS], _BOOL),
    ("json_has_all", documents.has_all, [_TEXT, _TEXTS], _BOOL),
    ("json_contains", documents.contains, [_TEXT, _TEXT], _BOOL),
    ("json_concat", documents.concat, [_TEXT, _TEXT], _TEXT),
    ("json_delete", documents.delete, [_TEXT, _TEXT], _TEXT),
    ("json_delete_all", documents.delete_all, [_TEXT, _TEXTS], _TEXT),
    ("json_set_lax", documents.set_lax, [_TEXT, _TEXTS, _TEXT, _BOOL, _TEXT], _TEXT),
    ("json_strip_nulls_plain", documents.strip_nulls_plain, [_TEXT], _TEXT),
    ("json_object", documents.object_of, [_TEXTS, _TEXTS], _TEXT),
    ("json_delete_item", documents.delete_item, [_TEXT, _LONG], _TEXT),
    ("json_delete_path", documents.delete_path, [_TEXT, _TEXTS], _TEXT),
    ("json_set", documents.set_path, [_TEXT, _TEXTS, _TEXT, _BOOL], _TEXT),
    ("json_assign", documents.assign_path, [_TEXT, _TEXTS, _TEXT], _TEXT),
    ("json_insert", documents.insert_path, [_TEXT, _TEXTS, _TEXT, _BOOL], _TEXT),
    ("json_strip_nulls", documents.strip_nulls, [_TEXT], _TEXT),
    ("json_pretty", documents.pretty, [_TEXT], _TEXT),
    ("json_of_number", documents.of_number, [_TEXT], _TEXT),
    ("json_key", documents.key_text, [_TEXT, _TEXT], _TEXT),
    ("json_number", documents.number, [_TEXT, _TEXT], _TEXT),
    ("json_boolean", documents.boolean, [_TEXT], _BOOL),
    ("jsonpath_exists", jsonpath.exists, [_TEXT, _TEXT, _TEXT, _BOOL], _BOOL),
    ("jsonpath_match", jsonpath.match, [_TEXT, _TEXT, _TEXT, _BOOL], _BOOL),
    ("jsonpath_query", jsonpath.query, [_TEXT, _TEXT, _TEXT, _BOOL], _TEXTS),
    ("jsonpath_query_array", jsonpath.query_array, [_TEXT, _TEXT, _TEXT, _BOOL], _TEXT),
    ("jsonpath_query_first", jsonpath.query_first, [_TEXT, _TEXT, _TEXT, _BOOL], _TEXT),
]
_NUMERIC_FUNCTIONS: list[_Row] = [
    ("numeric", numbers.calculate, [_TEXT, _TEXT, _TEXT], _TEXT),
    ("numeric_bucket", numbers.bucket, [_TEXT, _TEXT, _TEXT, _LONG], _LONG),
    ("numeric_key", numbers.key, [_TEXT], _BLOB),
    ("numeric_integer", numbers.to_integer, [_TEXT, _LONG], _LONG),
    ("numeric_of_float", numbers.of_float, [_DOUBLE, _LONG], _TEXT),
    ("numeric_typmod", numbers.with_typmod, [_TEXT, _LONG], _TEXT),
    ("numeric_greatest", numbers.greatest, [_TEXTS], _TEXT),
    ("numeric_least", numbers.least, [_TEXTS], _TEXT),
    ("numeric_series", numbers.series, [_TEXT, _TEXT, _TEXT], _TEXTS),
    ("numeric_mean", numbers.mean, [_TEXT, _LONG], _TEXT),
    ("numeric_deviation", numbers.deviation, [_TEXT, _LONG, _TEXT, _TEXT], _TEXT),
    ("numeric_aggregate", numbers.aggregate, [_TEXT, _TEXTS], _TEXT),
    ("measured", trigonometry.measure, [_TEXT, _DOUBLE], _DOUBLE),
    ("number_to_char", formats.number_to_char, [_TEXT, _TEXT], _TEXT),
    ("to_number", formats.to_number, [_TEXT, _TEXT], _TEXT),
]
_MOMENT_FUNCTIONS: list[_Row] = [
    ("to_char", formats.to_char, [_LONG, _TEXT, _TEXT], _TEXT),
    ("interval_to_char", formats.interval_to_char, [*_PARTS, _TEXT], _TEXT),
    ("to_timestamp", formats.to_timestamp, [_TEXT, _TEXT], _LONG),
    ("make_date", formats.make_date, [_LONG, _LONG, _LONG], _LONG),
    ("age", intervals.age, [_LONG, _LONG], "BIGINT[]"),
    ("parse_interval", intervals.parse, [_TEXT, _LONG], "BIGINT[]"),
    ("fit_interval", intervals.fit, [*_PARTS, _LONG], "BIGINT[]"),
    ("interval_text", intervals.text, _PARTS, _TEXT),
    ("interval_multiply", intervals.multiply, [*_PARTS, _DOUBLE], "BIGINT[]"),
    ("interval_divide", intervals.divide, [*_PARTS, _DOUBLE], "BIGINT[]"),
    ("interval_justify", intervals.justify, [_TEXT, *_PARTS], "BIGINT[]"),
    ("interval_trunc", intervals.truncate, [_TEXT, *_PARTS], "BIGINT[]"),
    ("interval_field", intervals.field, [_TEXT, *_PARTS], _TEXT),
]
