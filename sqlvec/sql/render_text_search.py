"""Text search in DuckDB's words: a function of ours for each signature, named for its arguments' types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.functions import Signature, function_table
from sqlvec.sql.text_search import SIGNATURES
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

TYPES = (types.TSVECTOR.oid, types.TSQUERY.oid)
RENDERED: dict[str, list[Signature]] = {
    name: signatures
    for name, signatures in function_table(SIGNATURES).items()
    if name not in ("length", "get_current_ts_config")
}


def engine_name(name: str, arguments: tuple[str, ...]) -> str:
    """What the relational engine calls the function of a signature."""
    return "_".join(["sqlvec", name, *(word.replace("_", "s_") for word in arguments)])


def text_search_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for any other function."""
    if e.name not in RENDERED:
        return None
    words = tuple(_word(arg.type) for arg in e.args)
    call = f"{engine_name(e.name, words)}({', '.join(r.all(e.args))})"
    return call


def _word(sql_type: SqlType) -> str:
    """As signatures write the type; a varchar is passed as text."""
    name = sql_type.definition.name
    return "text" if name in ("varchar", "bpchar", "name", "unknown") else name


def comparable_text_search(value: str, sql_type: SqlType) -> str:
    return f"sqlvec_ts_key({value}, {sql_type.oid})"


def parsed_text_search(text: str, target: SqlType) -> str:
    return f"sqlvec_ts_parse({text}, {target.oid})"


def text_search_text(value: str, sql_type: SqlType) -> str:
    return f"sqlvec_ts_text({value}, {sql_type.oid})"
