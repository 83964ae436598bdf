"""pg_describe_object: what an object is, in words (objectaddress.c)."""

from __future__ import annotations

from sqlvec.catalog import names
from sqlvec.catalog.objects import Index, Sequence, Table, View
from sqlvec.catalog.system.facts import facts, number, text
from sqlvec.catalog.system.tables import system_table_by_oid
from sqlvec.catalog.viewpoint import Viewpoint

_KINDS = {Table: "table", Index: "index", Sequence: "sequence", View: "view"}


def describe(view: Viewpoint, class_oid: int | None, oid: int | None, attnum: int | None) -> str | None:
    """class_oid is the system table's that has the object; None when there is no such object."""
    table = system_table_by_oid(class_oid or 0)
    if table is None or oid is None:
        return None
    maker = _MAKERS.get(table.name)
    return maker(view, oid, attnum or 0) if maker else None


def _relation(view: Viewpoint, oid: int, attnum: int) -> str | None:
    relation = view.catalog.relations.get(oid)
    if relation is None:
        return None
    kind = "materialized view" if getattr(relation, "query", "") else _KINDS[type(relation)]
    kind = "view" if isinstance(relation, View) else kind
    text_ = f"{kind} {names.relation_name(view, oid)}"
    if attnum and isinstance(relation, (Table, View)):
        column = relation.columns[attnum - 1]
        return f"column {names.quote_identifier(column.name)} of {text_}"
    return text_


def _type(view: Viewpoint, oid: int, attnum: int) -> str | None:
    shown = names.type_name(view, oid)
    return None if shown in (None, "???", "-") else f"type {shown}"


def _function(view: Viewpoint, oid: int, attnum: int) -> str | None:
    known = names.function_facts().get(oid) or view.catalog.routines.get(oid)
    return f"function {names.signature_name(view, oid)}" if known else None


def _operator(view: Viewpoint, oid: int, attnum: int) -> str | None:
    for fact in facts("extension_operators"):
        if number(fact, "oid") == oid:
            return f"operator {text(fact, 'name')}({fact['left']},{fact['right']})"
    return None


def _cast(view: Viewpoint, oid: int, attnum: int) -> str | None:
    for fact in facts("extension_casts"):
        if number(fact, "oid") == oid:
            return f"cast from {fact['source']} to {fact['target']}"
    return None


def _class(view: Viewpoint, oid: int, attnum: int) -> str | None:
    for fact in facts("extension_classes"):
        if number(fact, "oid") in (oid, oid - FAMILY_STEP):
            word = "class" if number(fact, "oid") == oid else "family"
            return f"operator {word} {text(fact, 'name')} for access method {text(fact, 'method')}"
    return None


FAMILY_STEP = 250  # the oid of an extension's operator family, above its class
# bm25 is not an extension's: pg_dump leaves alone what is numbered as what PostgreSQL itself brings.
METHODS = {"ivfflat": 16_480, "hnsw": 16_481, "bm25": 9_990}


def _method(view: Viewpoint, oid: int, attnum: int) -> str | None:
    found = next((name for name, known in METHODS.items() if known == oid), None)
    return f"access method {found}" if found else None


def _schema(view: Viewpoint, oid: int, attnum: int) -> str | None:
    return f"schema {names.schema_name(view, oid)}" if oid in view.catalog.schemas else None


def _constraint(view: Viewpoint, oid: int, attnum: int) -> str | None:
    found = view.catalog.constraint(oid)
    if found is None:
        return None
    table, constraint = found
    shown = names.relation_name(view, table.oid)
    return f"constraint {names.quote_identifier(constraint.name)} on table {shown}"


_MAKERS = {
    "pg_class": _relation,
    "pg_type": _type,
    "pg_proc": _function,
    "pg_operator": _operator,
    "pg_cast": _cast,
    "pg_opclass": _class,
    "pg_opfamily": _class,
    "pg_am": _method,
    "pg_namespace": _schema,
    "pg_constraint": _constraint,
}
