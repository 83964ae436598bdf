"""Calls of users' functions that are run statement by statement: the engine calls back, values pass as their text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.render_cast import parsed, text_out
from sqlvec.sql.render_types import TEXTS, is_numeric, is_record, quoted
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer


def routine_value(r: ExpressionRenderer, e: bound.RoutineCall) -> str:
    """The value, or where it gives rows the array of them."""
    return _from_text(r, _call(r, "sqlvec_routine", e), e.type)


def routine_rows(r: ExpressionRenderer, relation: bound.FunctionScan, call: bound.RoutineCall) -> str:
    """A query for its rows: columns c0 ..., the ordinality last."""
    rows = f"SELECT {_call(r, 'sqlvec_routine_rows', call)} AS found"
    numbered = "unnest(range(1, len(found) + 1))"
    split = f"SELECT unnest(found) AS fields, CAST({numbered} AS BIGINT) AS place FROM ({rows})"
    columns = [
        f"{_from_text(r, f'fields[{i}]', sql_type)} AS c{i - 1}"
        for i, (_, sql_type) in enumerate(call.columns, 1)
    ]
    if relation.ordinality:
        columns.append(f"place AS c{len(call.columns)}")
    return f"SELECT {', '.join(columns)} FROM ({split})"


def _call(r: ExpressionRenderer, name: str, e: bound.RoutineCall) -> str:
    """What is said of the call: function, types of arguments and result, whether it gives rows, which column."""
    said = json.dumps([e.oid, [a.type.oid for a in e.args], e.type.oid, e.is_set, e.place])
    texts = ", ".join(text_out(r, arg) for arg in e.args)
    return f"{name}({r.context.session}, {quoted(said)}, CAST([{texts}] AS VARCHAR[]))"


def _from_text(r: ExpressionRenderer, text: str, sql_type: SqlType) -> str:
    if sql_type.oid in TEXTS or sql_type == types.VOID or is_numeric(sql_type) or is_record(sql_type):
        return text
    return parsed(r, text, sql_type)
