"""Which expressions are evaluated row by row in Python, without the relational engine.

The names here are the keys of exec.evaluate's tables; a test compares the two.
"""

from __future__ import annotations

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.functions import LOCKING, UNLOCKING
from sqlvec.sql.ranges import FAMILIES
from sqlvec.sql.text_search import NAMES as TEXT_SEARCH
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import has_sort_key
from sqlvec.types.composite_type import Composite
from sqlvec.types.enum_type import Enum
from sqlvec.types.range_type import NUMERIC_RANGES
from sqlvec.types.shaped_array import has_shape, is_shaped

OPERATORS = frozenset(["=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "->", "->>"])
FUNCTIONS = frozenset(
    [
        "abs", "lower", "upper", "length", "char_length", "character_length", "octet_length",
        "left", "right", "now", "current_timestamp", "transaction_timestamp",
        "statement_timestamp", "clock_timestamp", "current_date", "nextval", "currval", "lastval",
        "setval", "current_database", "current_catalog", "current_schema", "current_user",
        "session_user", "user", "current_role", "version", "pg_backend_pid", "current_setting", "pg_client_encoding",
        "set_config", "gen_random_uuid", "random", "vector_dims", "vector_norm", "l2_norm",
        "l2_normalize", "subvector", "binary_quantize", "inner_product", "format_type", "to_regtype", "to_regclass",
        "pg_blocking_pids", "pg_sleep", *LOCKING, *UNLOCKING,
        "pg_is_in_recovery", "txid_current", "pg_relation_size", "pg_total_relation_size",
        "pg_table_size", "pg_indexes_size", "pg_database_size", "pg_size_pretty", "concat",
        "round", "floor", "ceil", "ceiling", "bm25_highlight", "bm25_snippet",
        "paradedb_query", "paradedb_snippet", "bm25query", "bm25query_words", "bm25_terms", "to_bm25query", "pg_get_serial_sequence",
        "pg_notify", "pg_cancel_backend", "pg_terminate_backend",
        *TEXT_SEARCH,
    ]
)  # fmt: skip
_NODES = (
    bound.Const, bound.Param, bound.ColumnRef, bound.Distance, bound.TextScore, bound.Fusion,
    bound.Mmr, bound.Explanation,
    bound.Boolean, bound.Test, bound.DistinctFrom, bound.InList, bound.Cast, bound.Case,
    bound.Coalesce, bound.ArrayExpression, bound.FunctionCall, bound.AnyAll, bound.DomainCheck,
    bound.CompositeField, bound.RowExpression, bound.RoutineCall,
)  # fmt: skip
_SIMPLE_CASTS = frozenset(
    t.oid
    for t in (
        types.BOOL, types.INT2, types.INT4, types.INT8, types.OID, types.FLOAT4, types.FLOAT8,
        types.NUMERIC, types.TEXT, types.VARCHAR, types.NAME, types.VECTOR, types.UUID,
        types.HALFVEC, types.SPARSEVEC, types.TSVECTOR, types.TSQUERY, types.REGCONFIG, types.REGDICTIONARY, types.BIT, types.VARBIT, types.JSON, types.JSONB, types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ, types.UNKNOWN,
    )
)  # fmt: skip
_ARITHMETIC = frozenset(
    t.oid
    for t in (types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8)
)
_VECTORS = frozenset(t.oid for t in (types.VECTOR, types.HALFVEC, types.SPARSEVEC))
_BITS = frozenset(t.oid for t in (types.BIT, types.VARBIT))
_ORDERED = _ARITHMETIC | _VECTORS | _BITS | frozenset(FAMILIES.keys() - NUMERIC_RANGES) | frozenset(
    t.oid
    for t in (
        types.BOOL, types.OID, types.TEXT, types.VARCHAR, types.NAME, types.UUID, types.DATE,
        types.TIMESTAMP, types.TIMESTAMPTZ, types.NUMERIC, types.MONEY, types.REGCLASS, types.REGTYPE,
        types.TSVECTOR, types.TSQUERY,
    )
)  # fmt: skip


_BITS_MEET = _BITS | frozenset(
    t.oid for t in (types.INT4, types.INT8, types.TEXT, types.VARCHAR, types.UNKNOWN)
)
_ARRAY_NUMBERS = frozenset(
    t.oid for t in (types.INT4, types.FLOAT4, types.FLOAT8, types.NUMERIC)
)


def is_native(expression: bound.Expression, *, numerics: bool = False) -> bool:
    """Whether exec.evaluate can compute it; numerics: with arithmetic over numeric, which is slow there."""
    return all(
        _node_is_native(node) or numerics and _is_numeric_arithmetic(node)
        for node in walk(expression)
    )


def _is_numeric_arithmetic(node: bound.Expression) -> bool:
    if not isinstance(node, bound.FunctionCall) or not node.operator:
        return False
    return node.name in ("+", "-", "*", "/") and {a.type.oid for a in node.args} == {types.NUMERIC.oid}


def _node_is_native(node: bound.Expression) -> bool:
    if not isinstance(node, _NODES):
        return False
    if isinstance(node, bound.Cast):
        return _cast_is_native(node)
    if isinstance(node, bound.RowExpression):
        return isinstance(node.type.own, Composite)
    if isinstance(node, bound.DomainCheck):
        return all(rule.condition is None or is_native(rule.condition) for rule in node.rules)
    if isinstance(node, bound.FunctionCall):
        if not node.operator:
            return node.name in FUNCTIONS and not any(arg.type.oid in FAMILIES for arg in node.args)
        return _operator_is_native(node)
    if isinstance(node, (bound.InList, bound.DistinctFrom)):
        operand = node.arg if isinstance(node, bound.InList) else node.left
        return operand.type.order_oid in _ORDERED
    if isinstance(node, bound.Coalesce):
        return node.kind == "coalesce" or not has_sort_key(node.type)
    if isinstance(node, bound.ArrayExpression):
        return not is_shaped(node.type)
    if isinstance(node, bound.AnyAll):
        return node.op in ("=", "<>") and node.arg.type.order_oid in _ORDERED
    return True


def _cast_is_native(node: bound.Cast) -> bool:
    if isinstance(node.arg, bound.Const) and node.arg.type == types.UNKNOWN:
        return True
    if node.arg.type.oid == node.type.oid:
        return True
    source, target = node.arg.type, node.type
    if is_shaped(target) and has_shape(source):
        return isinstance(node.arg, (bound.Param, bound.Const)) and not is_shaped(source)
    if target.oid in _VECTORS or source.oid in _VECTORS:
        return all(t.oid in _SIMPLE_CASTS or _is_number_array(t) for t in (source, target))
    if source.oid in _BITS or target.oid in _BITS:
        return source.oid in _BITS_MEET and target.oid in _BITS_MEET
    return all(t.oid in _SIMPLE_CASTS or isinstance(t.own, (Enum, Composite)) for t in (source, target))


def _is_number_array(sql_type: types.SqlType) -> bool:
    element = types.element_of(sql_type)
    return element is not None and element.oid in _ARRAY_NUMBERS and not is_shaped(sql_type)


def _operator_is_native(node: bound.FunctionCall) -> bool:
    if node.name not in OPERATORS:
        return False
    oids = [arg.type.oid for arg in node.args]
    if node.name in ("->", "->>"):
        return oids[0] in (types.JSON.oid, types.JSONB.oid)
    if node.name == "||":
        if oids[0] in _VECTORS or set(oids) <= _BITS:
            return True
        return all(oid in (types.TEXT.oid, types.VARCHAR.oid, types.UNKNOWN.oid) for oid in oids)
    if node.name in ("+", "-", "*") and oids[0] in _VECTORS:
        return True
    if node.name in ("=", "<>", "<", "<=", ">", ">="):
        return all(arg.type.order_oid in _ORDERED for arg in node.args)
    return all(oid in _ARITHMETIC for oid in oids)


def is_constant(expression: bound.Expression) -> bool:
    """Whether it has one value for the whole execution: no column, no aggregate, no volatile call."""
    for node in walk(expression):
        if isinstance(node, (bound.ColumnRef, bound.RowRef, bound.Subquery, bound.Aggregate)):
            return False
        if isinstance(node, (bound.WindowCall, bound.Distance, bound.TextScore, bound.TextMatch, bound.RoutineCall)):
            return False
        if isinstance(node, bound.FunctionCall) and node.name in ("nextval", "random", "setval"):
            return False
    return True


def relations_of(expression: bound.Expression) -> set[int]:
    """Relation ids that it refers to; a subquery counts as -1, unknown."""
    found: set[int] = set()
    for node in walk(expression):
        if isinstance(node, (bound.ColumnRef, bound.RowRef)):
            found.add(node.relation_id)
        elif isinstance(node, bound.Subquery):
            found.add(-1)
    return found
