"""Every type the server knows, with PostgreSQL's oids (pg_type.dat) and our stable oids for pgvector's."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlvec.types.array import Array, IntegerVector
from sqlvec.types.bits import Bit, BitVarying
from sqlvec.types.boolean import Boolean
from sqlvec.types.bytea import Bytea
from sqlvec.types.date_time import Date, Time, Timestamp, TimeTz
from sqlvec.types.floating import Float
from sqlvec.types.integer import Integer, RegType, Unsigned
from sqlvec.types.interval import Interval
from sqlvec.types.json_types import Json, Jsonb
from sqlvec.types.jsonpath import JsonPath
from sqlvec.types.money import Money
from sqlvec.types.network import MacAddress, Network
from sqlvec.types.numeric import Numeric
from sqlvec.types.pseudo import Key, Record, Shown, Void
from sqlvec.types.range_type import Multirange, Range
from sqlvec.types.regconfig import CONFIGS, DICTIONARIES, RegName
from sqlvec.types.row_place import Tid
from sqlvec.types.shaped_array import ShapedArray
from sqlvec.types.sparse_vector import Sparse
from sqlvec.types.sql_type import REGISTRY, SqlType
from sqlvec.types.text import Character, Name, SingleChar, Text, VarChar
from sqlvec.types.tsquery import TsQueryType
from sqlvec.types.tsvector import TsVectorType
from sqlvec.types.uuid import Uuid
from sqlvec.types.vector import HalfVector, Vector

_number: partial[dict[str, Any]] = partial(dict, category="N")
_moment: partial[dict[str, Any]] = partial(dict, category="D", align="d")
_pseudo: partial[dict[str, Any]] = partial(dict, category="P", kind="p")


# typstorage where it does not follow from the length: m main, e external, p plain.
_STORAGES = {
    "numeric": "m", "vector": "e", "halfvec": "e", "sparsevec": "e", "int2vector": "p", "oidvector": "p",
    "cstring": "p", "unknown": "p", "pg_node_tree": "x",
}  # fmt: skip


def _define() -> None:
    """One line a type: oid, name, then what differs from the defaults."""
    # fmt: off
    Boolean(16, "bool", display="boolean", array_oid=1000, length=1, category="B", preferred=True,
            align="c")
    Bytea(17, "bytea", array_oid=1001)
    SingleChar(18, "char", display='"char"', array_oid=1002, length=1, category="Z", align="c")
    Name(19, "name", array_oid=1003, length=64, category="S", align="c")
    Integer(20, "int8", display="bigint", array_oid=1016, length=8, **_number(align="d"))
    Integer(21, "int2", display="smallint", array_oid=1005, length=2, **_number(align="s"))
    IntegerVector(22, "int2vector", element_oid=21, array_oid=1006, category="A")
    Integer(23, "int4", display="integer", array_oid=1007, length=4, **_number())
    RegType(24, "regproc", array_oid=1008, length=4, **_number())
    Text(25, "text", array_oid=1009, category="S", preferred=True)
    Unsigned(26, "oid", array_oid=1028, length=4, **_number(preferred=True))
    Tid(27, "tid", array_oid=1010, length=6, align="s")
    Unsigned(28, "xid", array_oid=1011, length=4)
    Unsigned(29, "cid", array_oid=1012, length=4)
    IntegerVector(30, "oidvector", element_oid=26, array_oid=1013, category="A")
    Json(114, "json", array_oid=199, routine="json_")
    Shown(194, "pg_node_tree", category="Z", routine="pg_node_tree_")
    Network(650, "cidr", array_oid=651, category="I", routine="cidr_")
    Float(700, "float4", display="real", array_oid=1021, length=4, **_number())
    Float(701, "float8", display="double precision", array_oid=1022, length=8,
          **_number(preferred=True, align="d"))
    Shown(705, "unknown", length=-2, category="X", align="c", kind="p")
    Money(790, "money", array_oid=791, length=8, routine="cash_", **_number(align="d"))
    MacAddress(829, "macaddr", array_oid=1040, length=6, routine="macaddr_")
    Network(869, "inet", array_oid=1041, category="I", preferred=True, routine="inet_")
    Shown(1033, "aclitem", array_oid=1034, length=12)
    Character(1042, "bpchar", display="character", array_oid=1014, category="S")
    VarChar(1043, "varchar", display="character varying", array_oid=1015, category="S")
    Date(1082, "date", array_oid=1182, length=4, category="D", routine="date_")
    Time(1083, "time", display="time without time zone", array_oid=1183, length=8,
         **_moment(routine="time_"))
    Timestamp(1114, "timestamp", zoned=False, display="timestamp without time zone",
              array_oid=1115, length=8, **_moment(routine="timestamp_"))
    Timestamp(1184, "timestamptz", zoned=True, display="timestamp with time zone",
              array_oid=1185, length=8, **_moment(preferred=True, routine="timestamptz_"))
    Interval(1186, "interval", array_oid=1187, length=16, category="T", preferred=True,
             align="d", routine="interval_")
    TimeTz(1266, "timetz", display="time with time zone", array_oid=1270, length=12,
           **_moment(routine="timetz_"))
    Bit(1560, "bit", array_oid=1561, category="V", routine="bit_")
    BitVarying(1562, "varbit", display="bit varying", array_oid=1563, category="V",
               preferred=True, routine="varbit_")
    Numeric(1700, "numeric", array_oid=1231, **_number(routine="numeric_"))
    RegType(2205, "regclass", array_oid=2210, length=4, **_number())
    RegType(2206, "regtype", array_oid=2211, length=4, **_number())
    Record(2249, "record", array_oid=2287, **_pseudo(align="d", routine="record_"))
    Shown(2275, "cstring", array_oid=1263, length=-2, **_pseudo(align="c", routine="cstring_"))
    Shown(2276, "any", display='"any"', length=4, **_pseudo(routine="any_"))
    Shown(2277, "anyarray", **_pseudo(align="d", routine="anyarray_"))
    Void(2278, "void", length=4, **_pseudo(routine="void_"))
    Shown(2283, "anyelement", length=4, **_pseudo(routine="anyelement_"))
    Shown(2776, "anynonarray", length=4, **_pseudo(routine="anynonarray_"))
    Shown(3500, "anyenum", length=4, **_pseudo(routine="anyenum_"))
    Shown(5077, "anycompatible", length=4, **_pseudo(routine="anycompatible_"))
    Shown(5078, "anycompatiblearray", **_pseudo(align="d", routine="anycompatiblearray_"))
    Shown(5079, "anycompatiblenonarray", length=4, **_pseudo(routine="anycompatiblenonarray_"))
    Shown(5080, "anycompatiblerange", **_pseudo(align="d", routine="anycompatiblerange_"))
    Shown(269, "table_am_handler", length=4, **_pseudo(routine="table_am_handler_"))
    Shown(325, "index_am_handler", length=4, **_pseudo(routine="index_am_handler_"))
    RegType(2202, "regprocedure", array_oid=2207, length=4, **_number())
    RegType(2203, "regoper", array_oid=2208, length=4, **_number())
    RegType(2204, "regoperator", array_oid=2209, length=4, **_number())
    RegType(4191, "regcollation", array_oid=4192, length=4, **_number())
    Shown(2279, "trigger", length=4, **_pseudo(routine="trigger_"))
    Shown(3838, "event_trigger", length=4, **_pseudo(routine="event_trigger_"))
    Shown(2281, "internal", length=8, **_pseudo(align="d", routine="internal_"))
    Uuid(2950, "uuid", array_oid=2951, length=16, align="c", routine="uuid_")
    Jsonb(3802, "jsonb", array_oid=3807, routine="jsonb_")
    JsonPath(4072, "jsonpath", array_oid=4073, routine="jsonpath_")
    TsVectorType(3614, "tsvector", array_oid=3643, routine="tsvector")
    Key(3642, "gtsvector", array_oid=3644, routine="gtsvector")
    TsQueryType(3615, "tsquery", array_oid=3645, routine="tsquery")
    RegName(3734, "regconfig", "configuration", CONFIGS, array_oid=3735)
    RegName(3769, "regdictionary", "dictionary", DICTIONARIES, array_oid=3770)
    Shown(3831, "anyrange", **_pseudo(align="d", routine="anyrange_"))
    Range(3904, "int4range", subtype_oid=23, array_oid=3905)
    Range(3906, "numrange", subtype_oid=1700, array_oid=3907)
    Range(3908, "tsrange", subtype_oid=1114, array_oid=3909, align="d")
    Range(3910, "tstzrange", subtype_oid=1184, array_oid=3911, align="d")
    Range(3912, "daterange", subtype_oid=1082, array_oid=3913)
    Range(3926, "int8range", subtype_oid=20, array_oid=3927, align="d")
    Multirange(4451, "int4multirange", range_oid=3904, array_oid=6150)
    Multirange(4532, "nummultirange", range_oid=3906, array_oid=6151)
    Multirange(4533, "tsmultirange", range_oid=3908, array_oid=6152, align="d")
    Multirange(4534, "tstzmultirange", range_oid=3910, array_oid=6153, align="d")
    Multirange(4535, "datemultirange", range_oid=3912, array_oid=6155)
    Multirange(4536, "int8multirange", range_oid=3926, array_oid=6157, align="d")
    Shown(4537, "anymultirange", **_pseudo(align="d", routine="anymultirange_"))
    RegType(4089, "regnamespace", array_oid=4090, length=4, **_number())
    RegType(4096, "regrole", array_oid=4097, length=4, **_number())
    Vector(16386, "vector", array_oid=16391, routine="vector_")
    HalfVector(16392, "halfvec", array_oid=16397, routine="halfvec_")
    Sparse(16398, "sparsevec", array_oid=16403, routine="sparsevec_")
    # fmt: on
    for name, storage in _STORAGES.items():
        next(d for d in REGISTRY.values() if d.name == name).storage = storage
    for definition in list(REGISTRY.values()):
        if definition.array_oid:
            Array(definition)


_define()

BOOL, BYTEA, CHAR, NAME = SqlType(16), SqlType(17), SqlType(18), SqlType(19)
INT8, INT2, INT2VECTOR, INT4, REGPROC = (SqlType(oid) for oid in range(20, 25))
TEXT, OID, TID, XID, CID, OIDVECTOR = (SqlType(oid) for oid in range(25, 31))
JSON, PG_NODE_TREE, FLOAT4, FLOAT8, UNKNOWN = (SqlType(oid) for oid in (114, 194, 700, 701, 705))
ACLITEM, BPCHAR, VARCHAR, DATE, TIME = (SqlType(oid) for oid in (1033, 1042, 1043, 1082, 1083))
TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ = (SqlType(oid) for oid in (1114, 1184, 1186, 1266))
BIT, VARBIT, NUMERIC, REGCLASS, REGTYPE = (SqlType(oid) for oid in (1560, 1562, 1700, 2205, 2206))
RECORD, CSTRING, ANY, ANYARRAY, VOID = (SqlType(oid) for oid in (2249, 2275, 2276, 2277, 2278))
ANYELEMENT, UUID, JSONB = SqlType(2283), SqlType(2950), SqlType(3802)
REGNAMESPACE, REGROLE, VECTOR = SqlType(4089), SqlType(4096), SqlType(16386)
TSVECTOR, TSQUERY, REGCONFIG, REGDICTIONARY = (SqlType(oid) for oid in (3614, 3615, 3734, 3769))
HALFVEC, SPARSEVEC = SqlType(16392), SqlType(16398)
JSONPATH = SqlType(4072)
MONEY = SqlType(790)
ANYRANGE, ANYMULTIRANGE = SqlType(3831), SqlType(4537)
CIDR, MACADDR, INET = SqlType(650), SqlType(829), SqlType(869)

_ALIASES = {
    "int": INT4, "integer": INT4, "smallint": INT2, "bigint": INT8, "real": FLOAT4,
    "float": FLOAT8, "double precision": FLOAT8, "decimal": NUMERIC, "dec": NUMERIC,
    "boolean": BOOL, "character varying": VARCHAR, "character": BPCHAR, "bit varying": VARBIT,
    "timestamp without time zone": TIMESTAMP, "timestamp with time zone": TIMESTAMPTZ,
    "time without time zone": TIME, "time with time zone": TIMETZ,
}  # fmt: skip
_NAMES = {d.name: SqlType(oid) for oid, d in REGISTRY.items()} | _ALIASES

for _definition in list(REGISTRY.values()):
    if isinstance(_definition, Array):
        ShapedArray(_definition)


def by_name(name: str) -> SqlType | None:
    """By internal name (int4, _int4) or display name (integer, integer[])."""
    found = _NAMES.get(name)
    if found is None and name.endswith("[]"):
        element = by_name(name[:-2].rstrip())
        if element is not None and element.definition.array_oid:
            return SqlType(element.definition.array_oid)
    return found
