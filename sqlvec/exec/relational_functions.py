"""Functions that the relational engine calls back for: catalog functions, session values, text forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.catalog.definitions import definition, quote_identifier
from sqlvec.errors import FeatureNotSupported
from sqlvec.exec.context import Context
from sqlvec.exec.scalar_functions import FUNCTIONS, distance
from sqlvec.types.json_types import canonical, load

class FunctionHost:
    """Knows which execution a callback belongs to. DuckDB calls from its own threads, so the execution that
    runs is kept here too; statements that call back run one after the other."""

    def __init__(self) -> None:
        self.context: Context | None = None

    @contextmanager
    def serving(self, context: Context) -> Iterator[None]:
        before, self.context = self.context, context
        try:
            yield
        finally:
            self.context = before

    def active(self) -> Context:
        assert self.context is not None
        return self.context


def _text_of(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def register(connection: Any, host: FunctionHost) -> None:
    """Adds the functions to a connection."""

    def catalog(name: str, arguments: str) -> str | None:
        args = tuple(json.loads(arguments))
        return _text_of(definition(name, args, host.active().catalog))

    def call(name: str, arguments: str) -> str | None:
        context = host.active()
        value = FUNCTIONS[name](context, *json.loads(arguments))
        if name in ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "current_timestamp"):
            return types.TIMESTAMPTZ.definition.render(value)
        if name == "current_date":
            return types.DATE.definition.render(value)
        return _text_of(value)

    varchar, double = "VARCHAR", "DOUBLE"
    add = connection.create_function
    options: dict[str, Any] = {"null_handling": "special", "side_effects": True}
    add("sqlvec_catalog", catalog, [varchar, varchar], varchar, **options)
    add("sqlvec_call", call, [varchar, varchar], varchar, **options)
    add("sqlvec_distance", _distance, [varchar, "FLOAT[]", "FLOAT[]"], double)
    add("sqlvec_text", _float_text, ["INTEGER", double], varchar)
    add("sqlvec_jsonb", _jsonb, [varchar], varchar)
    add("sqlvec_json", lambda text: text, [varchar], varchar)
    add("sqlvec_json_typeof", _json_typeof, [varchar], varchar)
    add("sqlvec_json_path", _json_path, [varchar, "VARCHAR[]", "BOOLEAN"], varchar, null_handling="special")
    add("sqlvec_quote_ident", quote_identifier, [varchar], varchar)
    add("sqlvec_initcap", _initcap, [varchar], varchar)
    add("sqlvec_octet_length", lambda text: len(text.encode()), [varchar], "INTEGER")
    add("sqlvec_to_char", _to_char, ["INTEGER", varchar, varchar], varchar)
    add("sqlvec_vector_avg", _vector_average, ["FLOAT[][]"], "FLOAT[]")
    add("sqlvec_vector_sum", _vector_sum, ["FLOAT[][]"], "FLOAT[]")
    connection.execute(
        "CREATE MACRO sqlvec_divide(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a // b END"
    )
    connection.execute(
        "CREATE MACRO sqlvec_extract(field, value) AS CASE lower(field) "
        "WHEN 'epoch' THEN CAST(epoch(value) AS DECIMAL(38,6)) "
        "WHEN 'second' THEN CAST(date_part('microsecond', value) / 1000000.0 AS DECIMAL(38,6)) "
        "ELSE CAST(date_part(field, value) AS DECIMAL(38,6)) END"
    )


def _distance(metric: str, left: Any, right: Any) -> float:
    return distance(metric, np.asarray(left, np.float32), np.asarray(right, np.float32))


def _float_text(oid: int, value: float) -> str:
    return types.SqlType(oid).definition.render(value)


def _jsonb(text: str) -> str:
    return canonical(load(text))


def _json_typeof(text: str) -> str:
    value = load(text)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object"}[type(value)]


def _json_path(text: str | None, path: list[str] | None, as_text: bool) -> str | None:
    if text is None or path is None:
        return None
    value = load(text)
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    if not as_text:
        return canonical(value)
    if value is None:
        return None
    return value if isinstance(value, str) else canonical(value)


def _initcap(text: str) -> str:
    return re.sub(r"[^\W_]+", lambda m: m.group()[0].upper() + m.group()[1:].lower(), text)


def _to_char(oid: int, value: str, pattern: str) -> str:
    raise FeatureNotSupported("to_char is not supported")


def _vector_sum(vectors: Any) -> list[float] | None:
    present = [np.asarray(v, np.float64) for v in vectors if v is not None]
    if not present:
        return None
    total: list[float] = np.sum(present, axis=0).astype(np.float32).tolist()
    return total


def _vector_average(vectors: Any) -> list[float] | None:
    present = [np.asarray(v, np.float64) for v in vectors if v is not None]
    if not present:
        return None
    mean: list[float] = np.mean(present, axis=0).astype(np.float32).tolist()
    return mean

