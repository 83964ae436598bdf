"""pg_am, pg_opclass, pg_opfamily, pg_amop, pg_amproc: access methods and their operator classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlvec import types
from sqlvec.catalog.names import function_facts, functions_by_name
from sqlvec.catalog.object_description import FAMILY_STEP, METHODS
from sqlvec.catalog.objects import CATALOG_SCHEMA_OID, PUBLIC_SCHEMA_OID, Catalog
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.facts import Fact, facts, number, text
from sqlvec.catalog.viewpoint import SUPERUSER_OID
from sqlvec.types import SqlType

Row = dict[str, Any]
_OF_EXTENSION = {"ivfflat": "ivfflathandler", "hnsw": "hnswhandler"}
_BM25_CLASS = 18_200  # ours: BM25 over text


@cache
def _builtin_methods() -> dict[str, int]:
    return {text(f, "name"): number(f, "oid") for f in facts("methods")}


def method_oid(name: str) -> int:
    return METHODS.get(name) or _builtin_methods().get(name, 0)


def _methods(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for fact in facts("methods"):
        yield {"oid": number(fact, "oid"), "amname": fact["name"], "amhandler": number(fact, "handler"),
               "amtype": fact["kind"]}  # fmt: skip
    yield {"oid": METHODS["bm25"], "amname": "bm25", "amtype": "i"}
    if "vector" in catalog.extensions:
        for name, handler in _OF_EXTENSION.items():
            yield {"oid": METHODS[name], "amname": name, "amtype": "i",
                   "amhandler": functions_by_name()[handler][0]}  # fmt: skip


# ---------------------------------------------------------------- operator classes


@cache
def _default_classes() -> dict[tuple[int, int], int]:
    """By method and type: the class of an index column that names none."""
    found = {}
    for fact in facts("operator_classes"):
        if fact["default"] == "t":
            found[(number(fact, "method"), number(fact, "type"))] = number(fact, "oid")
    return found


@cache
def _classes_by_name() -> dict[tuple[int, str], int]:
    found = {(number(f, "method"), text(f, "name")): number(f, "oid") for f in facts("operator_classes")}
    for fact in facts("extension_classes"):
        found[(method_oid(text(fact, "method")), text(fact, "name"))] = number(fact, "oid")
    return found


def class_of(method: str, name: str, sql_type: SqlType) -> int:
    """The oid of the operator class of an index column."""
    number_ = method_oid(method)
    if method == "bm25":
        return _BM25_CLASS
    if name:
        return _classes_by_name().get((number_, name), 0)
    known = _default_classes()
    oid = sql_type.oid
    binary = {types.VARCHAR.oid: types.TEXT.oid}.get(oid, oid)
    if types.element_of(sql_type) is not None:
        binary = types.ANYARRAY.oid
    return known.get((number_, binary), 0)


@cache
def _key_types() -> dict[int, int]:
    """By operator class: what its indexes keep in place of the column's type."""
    return {number(f, "oid"): number(f, "key_type") for f in facts("operator_classes")}


def key_type_of(class_oid: int, sql_type: SqlType) -> SqlType:
    """The type of an index column."""
    key = _key_types().get(class_oid, 0)
    if key == types.ANYELEMENT.oid:
        return types.element_of(sql_type) or sql_type
    known = types.by_oid(key)
    return sql_type if known is None else SqlType(key)


def _classes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for fact in facts("operator_classes"):
        if types.by_oid(number(fact, "type")) is not None:
            yield {"oid": number(fact, "oid"), "opcmethod": number(fact, "method"), "opcname": fact["name"],
                   "opcnamespace": CATALOG_SCHEMA_OID, "opcowner": SUPERUSER_OID,
                   "opcfamily": number(fact, "family"), "opcintype": number(fact, "type"),
                   "opcdefault": fact["default"] == "t", "opckeytype": number(fact, "key_type")}  # fmt: skip
    yield {"oid": _BM25_CLASS, "opcmethod": METHODS["bm25"], "opcname": "text_bm25_ops",
           "opcnamespace": CATALOG_SCHEMA_OID, "opcowner": SUPERUSER_OID, "opcintype": types.TEXT.oid,
           "opcfamily": _BM25_CLASS + FAMILY_STEP, "opcdefault": True}  # fmt: skip
    for fact, indexed in _extension_classes(catalog):
        yield {"oid": number(fact, "oid"), "opcmethod": _method_of(fact, indexed), "opcname": fact["name"],
               "opcnamespace": PUBLIC_SCHEMA_OID, "opcowner": SUPERUSER_OID, "opcfamily": _family_of(fact),
               "opcintype": indexed.oid, "opcdefault": fact["default"] == "t"}  # fmt: skip


def _extension_classes(catalog: Catalog) -> Iterator[tuple[Fact, SqlType]]:
    """Those whose type there is."""
    if "vector" not in catalog.extensions:
        return
    for fact in facts("extension_classes"):
        indexed = types.by_name(text(fact, "type"))
        if indexed is not None:
            yield fact, indexed


def _method_of(fact: Fact, indexed: SqlType) -> int:
    return method_oid(text(fact, "method"))


def _family_of(fact: Fact) -> int:
    return number(fact, "oid") + FAMILY_STEP


def _families(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    shown = {row["opcfamily"] for row in _classes(catalog, environment)}
    for fact in facts("operator_families"):
        if number(fact, "oid") in shown:
            yield _family(number(fact, "oid"), number(fact, "method"), text(fact, "name"), CATALOG_SCHEMA_OID)
    yield _family(_BM25_CLASS + FAMILY_STEP, METHODS["bm25"], "text_bm25_ops", CATALOG_SCHEMA_OID)
    for fact, indexed in _extension_classes(catalog):
        method = _method_of(fact, indexed)
        yield _family(_family_of(fact), method, text(fact, "name"), PUBLIC_SCHEMA_OID)


def _family(oid: int, method: int, name: str, schema: int) -> Row:
    return {"oid": oid, "opfmethod": method, "opfname": name, "opfnamespace": schema, "opfowner": SUPERUSER_OID}


# ---------------------------------------------------------------- operators and functions of families


def _family_operators(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    methods = {number(f, "oid"): number(f, "method") for f in facts("operator_families")}
    for fact in facts("family_operators"):
        left, right = number(fact, "left"), number(fact, "right")
        if types.by_oid(left) is not None and types.by_oid(right) is not None:
            yield {"oid": number(fact, "oid"), "amopfamily": number(fact, "family"), "amoplefttype": left,
                   "amoprighttype": right, "amopstrategy": number(fact, "strategy"),
                   "amoppurpose": fact["purpose"], "amopopr": number(fact, "operator"),
                   "amopmethod": methods[number(fact, "family")],
                   "amopsortfamily": number(fact, "sort_family")}  # fmt: skip
    for fact, indexed in _extension_classes(catalog):
        for word in text(fact, "operators").split(","):
            strategy, name, purpose = word.split(" ")
            operator = _extension_operator(name, text(fact, "type"))
            yield {"oid": number(fact, "oid") * 10 + int(strategy), "amopfamily": _family_of(fact),
                   "amoplefttype": indexed.oid, "amoprighttype": indexed.oid, "amopstrategy": int(strategy),
                   "amoppurpose": purpose, "amopopr": operator, "amopmethod": _method_of(fact, indexed),
                   "amopsortfamily": _FLOAT_FAMILY if purpose == "o" else 0}  # fmt: skip


_FLOAT_FAMILY = 1_970  # float_ops of btree, by which distances are ordered


def _extension_operator(name: str, word: str) -> int:
    for fact in facts("extension_operators"):
        if fact["name"] == name and fact["left"] == word:
            return number(fact, "oid")
    return 0


def _extension_function(name: str, word: str) -> int:
    """That of arguments of the type, where several have the name."""
    found = functions_by_name()[name]
    fitting = [oid for oid in found if function_facts()[oid][1].split(",")[0] == word]
    return (fitting or found)[0]


def _family_functions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for fact in facts("family_functions"):
        left, right = number(fact, "left"), number(fact, "right")
        if types.by_oid(left) is not None and types.by_oid(right) is not None:
            yield {"oid": number(fact, "oid"), "amprocfamily": number(fact, "family"), "amproclefttype": left,
                   "amprocrighttype": right, "amprocnum": number(fact, "number"),
                   "amproc": number(fact, "function")}  # fmt: skip
    for fact, indexed in _extension_classes(catalog):
        for word in text(fact, "functions").split(","):
            place, name = word.split(" ")
            yield {"oid": number(fact, "oid") * 10 + int(place), "amprocfamily": _family_of(fact),
                   "amproclefttype": indexed.oid, "amprocrighttype": indexed.oid, "amprocnum": int(place),
                   "amproc": _extension_function(name, text(fact, "type"))}  # fmt: skip


@cache
def _equalities() -> dict[int, int]:
    return {
        number(f, "left"): number(f, "oid")
        for f in facts("operators")
        if f["name"] == "=" and f["left"] == f["right"]
    }


def equality_operator(oid: int) -> int:
    """= of a type with itself; that of text for varchar."""
    binary = {types.VARCHAR.oid: types.TEXT.oid}.get(oid, oid)
    return _equalities().get(binary, 0)


BUILTIN = {
    "pg_am": _methods,
    "pg_opclass": _classes,
    "pg_opfamily": _families,
    "pg_amop": _family_operators,
    "pg_amproc": _family_functions,
}
