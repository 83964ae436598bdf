"""TABLESAMPLE: a table becomes the subquery of those of its rows that the dice choose.

SYSTEM draws single rows, as BERNOULLI does: there are no pages. With REPEATABLE a row is chosen by its values and the
seed, so that the same rows come again for as long as the table does not change.
"""

from __future__ import annotations

from sqlvec.catalog.objects import Table
from sqlvec.catalog.system.tables import system_table
from sqlvec.errors import FeatureNotSupported, InvalidTablesampleArgument, UndefinedObject
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.template import filled

_METHODS = ("system", "bernoulli")
_DRAWN = "SELECT * FROM sampled WHERE pg_catalog.random() * 100 < $1::float8"
_CHOSEN = """SELECT * FROM sampled WHERE
    ('x' || substr(md5(sampled::text || ($2::float8)::text), 1, 8))::bit(32)::int8 < $1::float8 / 100 * 4294967296"""


def sampled(binder: Binder, body: Node) -> Node:
    """The RangeSubselect that stands for a RangeTableSample."""
    part = body["relation"]["RangeVar"]
    method = body["method"][-1]["String"]["sval"]
    position = binder.position(body)
    if method not in _METHODS:
        raise UndefinedObject(f"tablesample method {method} does not exist", position=position)
    _require_table(binder, part)
    count = len(body["args"])
    if count != 1:
        raise InvalidTablesampleArgument(
            f"tablesample method {method} requires 1 argument, not {count}", position=position
        )
    _check_share(body["args"][0])
    alias = part.get("alias", {"aliasname": part["relname"]})
    plain = {**part, "alias": {"aliasname": "sampled"}}
    values = {1: body["args"][0]}
    if "repeatable" in body:
        values[2] = body["repeatable"]
    query = filled(_CHOSEN if "repeatable" in body else _DRAWN, values, {"RangeVar": plain})
    return {"subquery": query, "alias": alias}


def _require_table(binder: Binder, part: Node) -> None:
    schema, name = part.get("schemaname"), part["relname"]
    system = system_table(schema or "pg_catalog", name)
    relation = binder.context.find_relation(schema, name) if system is None else None
    other = system.kind != "r" if system is not None else not isinstance(relation, Table)
    if other and (system is not None or relation is not None):
        raise FeatureNotSupported(
            "TABLESAMPLE clause can only be applied to tables and materialized views",
            position=binder.position(part),
        )


def _check_share(node: Node) -> None:
    """Of a constant, which it usually is."""
    constant = node.get("A_Const", {})
    if constant.get("isnull"):
        raise InvalidTablesampleArgument("TABLESAMPLE parameter cannot be null")
    number = constant.get("ival", {}).get("ival", constant.get("fval", {}).get("fval"))
    if number is not None and not 0 <= float(number) <= 100:
        raise InvalidTablesampleArgument("sample percentage must be between 0 and 100")
