"""SQL types: oids, datums, text and binary codecs, Arrow forms. Import order: sql_type, then builtin."""

from sqlvec.types.builtin import (
    ACLITEM,
    ANY,
    ANYARRAY,
    ANYELEMENT,
    BIT,
    BOOL,
    BPCHAR,
    BYTEA,
    CHAR,
    CID,
    CSTRING,
    DATE,
    FLOAT4,
    FLOAT8,
    HALFVEC,
    INT2,
    INT2VECTOR,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    NAME,
    NUMERIC,
    OID,
    OIDVECTOR,
    PG_NODE_TREE,
    RECORD,
    REGCLASS,
    REGCONFIG,
    REGDICTIONARY,
    REGNAMESPACE,
    REGPROC,
    REGROLE,
    REGTYPE,
    SPARSEVEC,
    TEXT,
    TID,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    TSQUERY,
    TSVECTOR,
    UNKNOWN,
    UUID,
    VARBIT,
    VARCHAR,
    VECTOR,
    VOID,
    XID,
    by_name,
)
from sqlvec.types.row_encoder import RowEncoder, encode_rows
from sqlvec.types.sql_type import (
    REGISTRY,
    SqlType,
    TypeDefinition,
    array_of,
    by_oid,
    element_of,
    format_type,
)


def all_types() -> list[TypeDefinition]:
    """Every known type, for pg_type."""
    return list(REGISTRY.values())


__all__ = [
    "ACLITEM", "ANY", "ANYARRAY", "ANYELEMENT", "BIT", "BOOL", "BPCHAR", "BYTEA", "CHAR", "CID",
    "CSTRING", "DATE", "FLOAT4", "FLOAT8", "HALFVEC", "INT2", "INT2VECTOR", "INT4", "INT8", "INTERVAL",
    "JSON", "JSONB", "NAME", "NUMERIC", "OID", "OIDVECTOR", "PG_NODE_TREE", "RECORD", "REGCLASS",
    "REGCONFIG", "REGDICTIONARY", "TSQUERY", "TSVECTOR",
    "REGNAMESPACE", "REGPROC", "REGROLE", "REGTYPE", "RowEncoder", "SPARSEVEC", "SqlType", "TEXT", "TID", "TIME",
    "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "TypeDefinition", "UNKNOWN", "UUID", "VARBIT", "VARCHAR",
    "VECTOR", "VOID", "XID", "all_types", "array_of", "by_name", "by_oid", "element_of",
    "encode_rows", "format_type",
]  # fmt: skip
