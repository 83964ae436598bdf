"""What is particular to hnsw and ivfflat indexes: operator classes, expressions, limits; pgvector's messages."""

from __future__ import annotations

from collections.abc import Mapping

from sqlvec import types
from sqlvec.catalog.objects import Catalog, IndexColumn, Table
from sqlvec.catalog.operator_classes import DEFAULTS, OPERATOR_CLASSES
from sqlvec.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidParameterValue,
    ProgramLimitExceeded,
    UndefinedColumn,
    UndefinedObject,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import BITS
from sqlvec.sql.volatility import is_changing
from sqlvec.types import SqlType

DENSE_DIMENSIONS_MAX, BITS_MAX = 16_000, 64_000
_RELATION = -2


def check_capabilities(method: str, body: Node) -> None:
    """What the access methods do not support."""
    for wrong, what in (
        (body.get("unique"), "unique indexes"),
        (body.get("indexIncludingParams"), "included columns"),
        (len(body["indexParams"]) > 1, "multicolumn indexes"),
    ):
        if wrong:
            raise FeatureNotSupported(f'access method "{method}" does not support {what}')


def vector_column(
    binder: Binder, table: Table, method: str, body: Node, operator_class: str
) -> IndexColumn:
    """The one column or expression of the index, with its operator class."""
    text, attnum = "", 0
    if "name" in body:
        column = table.column(body["name"])
        if column is None:
            raise UndefinedColumn(f'column "{body["name"]}" does not exist')
        sql_type, attnum = column.type, column.attnum
    else:
        text = expression_source(binder.parsed, body["expr"])
        expression = bind_expression_text(binder, text, table, _RELATION)
        _check_expression(binder, expression, "expression")
        refuse_routines(binder, table, text, method)
        sql_type = expression.type
    operator_class = _checked_class(method, operator_class, sql_type)
    if body.get("ordering", "SORTBY_DEFAULT") != "SORTBY_DEFAULT":
        raise FeatureNotSupported(f'access method "{method}" does not support ASC/DESC options')
    if body.get("nulls_ordering", "SORTBY_NULLS_DEFAULT") != "SORTBY_NULLS_DEFAULT":
        raise FeatureNotSupported(f'access method "{method}" does not support NULLS FIRST/LAST options')
    _check_dimensions(method, sql_type)
    return IndexColumn(attnum, text, operator_class, type=None if attnum else sql_type)


def _checked_class(method: str, name: str, sql_type: SqlType) -> str:
    shown = sql_type.plain_name
    if not name:
        found = DEFAULTS.get((method, sql_type.oid))
        if found is None:
            raise UndefinedObject(
                f'data type {shown} has no default operator class for access method "{method}"',
                hint="You must specify an operator class for the index or define a default operator "
                "class for the data type.",
            )
        return found
    known = OPERATOR_CLASSES.get(name)
    if known is None or (method == "ivfflat" and not known.ivfflat):
        raise UndefinedObject(
            f'operator class "{name}" does not exist for access method "{method}"'
        )
    if known.type_oid != sql_type.oid and not (known.type_oid in BITS and sql_type.oid in BITS):
        raise DatatypeMismatch(f'operator class "{name}" does not accept data type {shown}')
    return name


def _check_dimensions(method: str, sql_type: SqlType) -> None:
    if sql_type.oid == types.VARBIT.oid:
        raise FeatureNotSupported(f"type not supported for {method} index")
    if sql_type.typmod < 1:
        raise InvalidParameterValue("column does not have dimensions")
    most = BITS_MAX if sql_type.oid == types.BIT.oid else DENSE_DIMENSIONS_MAX
    if sql_type.typmod > most and sql_type.oid != types.SPARSEVEC.oid:
        raise ProgramLimitExceeded(
            f"column cannot have more than {most} dimensions for {method} index"
        )


def check_quantization(operator_class: str, options: Mapping[str, str]) -> None:
    """Codes are made for vectors whose elements are multiplied with each other."""
    known, name = OPERATOR_CLASSES.get(operator_class), options.get("quantization", "none")
    if known is not None and not known.quantizes and name.lower() != "none":
        raise FeatureNotSupported(
            f'operator class "{operator_class}" does not support quantization "{name}"',
            hint="Its index is walked by the values themselves, which is quantization \"none\".",
        )


def check_type(method: str, operator_class: str, sql_type: SqlType) -> None:
    """Whether an index may stay when its column becomes one of the type."""
    _checked_class(method, operator_class, sql_type)
    _check_dimensions(method, sql_type)


def index_where(binder: Binder, table: Table, node: Node) -> str:
    """The text of the predicate of a partial index."""
    text = expression_source(binder.parsed, node)
    expression = bind_expression_text(binder, text, table, _RELATION)
    binder.boolean(expression, "WHERE", None)
    _check_expression(binder, expression, "predicate")
    return text


def refuse_routines(binder: Binder, table: Table, text: str, method: str) -> None:
    """What these indexes hold is computed by storage, which knows no functions of users."""
    outer, binder.type_uses = binder.type_uses, []
    try:
        bind_expression_text(binder, text, table, _RELATION)
        called = any(oid in binder.catalog.routines for oid, _, _ in binder.type_uses)
    finally:
        binder.type_uses = outer
    if called:
        raise FeatureNotSupported(f"functions of users in {method} indexes are not supported")


def refuse_changing(catalog: Catalog, expression: bound.Expression, what: str) -> None:
    """42P17 for what may give another value another time."""
    if is_changing(expression, catalog):
        raise InvalidObjectDefinition(f"functions in index {what} must be marked IMMUTABLE")


def _check_expression(binder: Binder, expression: bound.Expression, what: str) -> None:
    refuse_changing(binder.catalog, expression, what)
    for node in walk(expression):
        if isinstance(node, bound.DomainCheck):
            raise FeatureNotSupported(f"a cast to a domain in an index {what} is not supported")
        if isinstance(node, bound.Subquery):
            raise FeatureNotSupported(f"cannot use subquery in index {what}")
        if isinstance(node, (bound.Aggregate, bound.WindowCall)):
            raise FeatureNotSupported(f"aggregate functions are not allowed in index {what}s")
