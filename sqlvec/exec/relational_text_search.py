"""Text search for the relational engine, which sees a tsvector or tsquery as the BLOB of its binary form."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import Parameter, Signature
from typing import Any

from sqlvec import types
from sqlvec.exec.text_search import FUNCTIONS as DATUM_FUNCTIONS
from sqlvec.exec.text_search import debugged, parsed, token_names
from sqlvec.fulltext.document import unnested
from sqlvec.sql.render_text_search import RENDERED, engine_name
from sqlvec.types import SqlType, tsquery, tsvector

_FORMS = {
    "tsvector": "BLOB", "tsquery": "BLOB", "text": "VARCHAR", "regconfig": "VARCHAR",
    "regdictionary": "VARCHAR", "json": "VARCHAR", "jsonb": "VARCHAR", "char": "VARCHAR",
    "int4": "BIGINT", "float4": "FLOAT", "bool": "BOOLEAN", "_text": "VARCHAR[]",
    "_char": "VARCHAR[]", "_float4": "FLOAT[]",
}  # fmt: skip
_query = lru_cache(maxsize=1000)(tsquery.from_bytes)  # a statement's query comes with every row
_READ: dict[str, Callable[[bytes], Any]] = {"tsvector": tsvector.from_bytes, "tsquery": _query}


def _of_datums(function: Callable[..., Any], arguments: tuple[str, ...]) -> Callable[..., Any]:
    readers = [_READ.get(word) for word in arguments]

    def call(*values: Any) -> Any:
        datums = [
            value if read is None else read(value)
            for read, value in zip(readers, values, strict=True)
        ]
        result = function(*datums)
        if isinstance(result, (tsvector.TsVector, tsquery.TsQuery)):
            return result.tobytes()
        return result

    # The engine asks a function how many parameters it has.
    names = [Parameter(f"a{i}", Parameter.POSITIONAL_ONLY) for i in range(len(arguments))]
    call.__signature__ = Signature(names)  # type: ignore[attr-defined]
    return call


def _datum(form: bytes, oid: int) -> Any:
    return _query(form) if oid == types.TSQUERY.oid else tsvector.from_bytes(form)


def _debug_field(config: str, text: str, field: str) -> list[Any]:
    return [row[field] for row in debugged(config, text)]


def _parse(text: str, oid: int) -> bytes:
    found: bytes = SqlType(oid).definition.parse(text).tobytes()
    return found


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("ts_parse", _parse, ["VARCHAR", "BIGINT"], "BLOB"),
    ("ts_text", lambda form, oid: SqlType(oid).definition.render(_datum(form, oid)),
     ["BLOB", "BIGINT"], "VARCHAR"),
    ("ts_kinds", lambda parser, text: [kind for kind, _ in parsed(parser, text)],
     ["VARCHAR", "VARCHAR"], "BIGINT[]"),
    ("ts_tokens", lambda parser, text: [token for _, token in parsed(parser, text)],
     ["VARCHAR", "VARCHAR"], "VARCHAR[]"),
    ("ts_token_names", token_names, ["VARCHAR", "BOOLEAN"], "VARCHAR[]"),
    ("ts_debug", _debug_field, ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR[]"),
    ("ts_debug_lists", _debug_field, ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR[][]"),
    ("ts_positions", lambda form: [row[1] for row in unnested(tsvector.from_bytes(form))],
     ["BLOB"], "SMALLINT[][]"),
    ("ts_weights", lambda form: [row[2] for row in unnested(tsvector.from_bytes(form))],
     ["BLOB"], "VARCHAR[][]"),
    ("ts_key", lambda form, oid: _datum(form, oid).key, ["BLOB", "BIGINT"], "BLOB"),
    *(
        (
            engine_name(name, signature.arguments).removeprefix("sqlvec_"),
            _of_datums(DATUM_FUNCTIONS[name], signature.arguments),
            [_FORMS[word] for word in signature.arguments],
            _FORMS[signature.result],
        )
        for name, signatures in RENDERED.items()
        for signature in signatures
        if name in DATUM_FUNCTIONS and signature.arguments[0] not in ("text", "json")
        or name in ("ts_lexize",)
    ),
]  # fmt: skip
