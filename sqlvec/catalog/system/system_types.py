"""pg_type, pg_range, pg_cast, pg_collation: types as the registry has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec import types
from sqlvec.catalog.collations import COLLATIONS, definition_collation, type_collation
from sqlvec.catalog.names import function_facts, functions_by_name, is_ours
from sqlvec.catalog.object_text import domain_default_text
from sqlvec.catalog.objects import CATALOG_SCHEMA_OID, PUBLIC_SCHEMA_OID, Catalog, Table, View
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.facts import Fact, facts, number, text
from sqlvec.catalog.user_types import CompositeType, DomainType, EnumType, UserType
from sqlvec.catalog.viewpoint import SUPERUSER_OID, Viewpoint
from sqlvec.types import TypeDefinition
from sqlvec.types.range_type import Multirange

Row = dict[str, Any]
_BTREE = 403
_RECORD_ROUTINES = ("record_in", "record_out", "record_recv", "record_send")


def schema_of_type(catalog: Catalog, oid: int) -> int:
    made = catalog.user_type(oid)
    if made is not None:
        return made.schema_oid
    return PUBLIC_SCHEMA_OID if is_ours(oid) else CATALOG_SCHEMA_OID


def _function(name: str) -> int:
    """The oid of an input or output function; 0 where PostgreSQL has none."""
    found = functions_by_name().get(name, ())
    return found[0] if found else 0


def _types(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for definition in types.all_types():
        if is_ours(definition.oid) and "vector" not in catalog.extensions:
            continue
        yield _type(catalog, definition)


def _type(catalog: Catalog, d: TypeDefinition) -> Row:
    array = d.name.startswith("_") and bool(d.element_oid)
    return {
        "oid": d.oid, "typname": d.name, "typnamespace": schema_of_type(catalog, d.oid), "typowner": SUPERUSER_OID,
        "typlen": d.length, "typbyval": d.by_value, "typtype": d.kind, "typcategory": d.category,
        "typispreferred": d.preferred, "typisdefined": True, "typdelim": d.delimiter,
        "typelem": d.element_oid, "typarray": d.array_oid, "typinput": _function(d.input_function),
        "typoutput": _function(d.output_function), "typreceive": _function(d.receive_function),
        "typsend": _function(d.send_function), "typmodin": _modifier(d, "in"), "typmodout": _modifier(d, "out"),
        "typanalyze": _function("array_typanalyze") if array else 0,
        "typsubscript": _subscript(d, array), "typalign": d.align, "typstorage": d.storage, "typtypmod": -1,
        "typcollation": definition_collation(d), "typnotnull": False, "typndims": 0, "typbasetype": 0,
    }  # fmt: skip


def _modifier(d: TypeDefinition, direction: str) -> int:
    """numerictypmodin, vector_typmod_in, or that of the element."""
    name = d.name.removeprefix("_")
    for candidate in (f"{name}typmod{direction}", f"{name}_typmod_{direction}"):
        if found := _function(candidate):
            return found
    return 0


def _subscript(d: TypeDefinition, array: bool) -> int:
    if array:
        return _function("array_subscript_handler")
    if d.element_oid:
        return _function("array_subscript_handler")
    if d.name == "jsonb":
        return _function("jsonb_subscript_handler")
    return _function("raw_array_subscript_handler") if d.name == "name" else 0


def _made_types(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """Types that users made, and their arrays."""
    view = environment.viewpoint(catalog)
    for made in catalog.types.values():
        for oid in (made.oid, made.array_oid):
            known = catalog.type_by_oid(oid)
            assert known is not None, made
            yield _type(catalog, known.definition) | _particulars(view, made, oid)
    yield from _row_types(catalog, environment)


def _particulars(view: Viewpoint, made: UserType, oid: int) -> Row:
    """What one kind of type alone has."""
    if isinstance(made, CompositeType) and oid == made.oid:
        return {"typrelid": made.relation_oid}
    if not isinstance(made, DomainType) or oid == made.array_oid:
        return {}
    base = made.base if (known := view.catalog.type_by_oid(made.base.oid)) is None else known
    default = domain_default_text(view, made)
    return {
        "typbasetype": base.oid, "typtypmod": base.typmod, "typnotnull": made.not_null,
        "typcollation": made.collation or type_collation(view.catalog, base), "typdefault": default, "typdefaultbin": default,
    }  # fmt: skip


def _labels(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for made in catalog.types.values():
        if isinstance(made, EnumType):
            for label in made.labels:
                yield {"oid": label.oid, "enumtypid": made.oid, "enumsortorder": label.order,
                       "enumlabel": label.name}  # fmt: skip


def _row_types(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """A table is a type too, with the table's oid."""
    in_, out, receive, send = map(_function, _RECORD_ROUTINES)
    for table in catalog.relations.values():
        if isinstance(table, (Table, View)):
            yield {
                "oid": table.oid, "typname": table.name, "typnamespace": table.schema_oid,
                "typowner": SUPERUSER_OID, "typlen": -1, "typtype": "c", "typcategory": "C",
                "typisdefined": True, "typdelim": ",", "typrelid": table.oid, "typinput": in_,
                "typoutput": out, "typreceive": receive, "typsend": send, "typalign": "d",
                "typstorage": "x", "typtypmod": -1,
            }  # fmt: skip


# ---------------------------------------------------------------- casts


def _casts(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """PostgreSQL's casts that hold here too."""
    has = environment.vocabulary.has_cast
    for fact in facts("casts"):
        source, target = number(fact, "source"), number(fact, "target")
        if _known(source) and _known(target) and has(source, target, text(fact, "context")):
            yield {"oid": number(fact, "oid"), "castsource": source, "casttarget": target,
                   "castfunc": number(fact, "function"), "castcontext": fact["context"],
                   "castmethod": fact["method"]}  # fmt: skip
    if "vector" not in catalog.extensions:
        return
    for fact in facts("extension_casts"):
        source_, target_ = types.by_name(text(fact, "source")), types.by_name(text(fact, "target"))
        if source_ and target_ and has(source_.oid, target_.oid, text(fact, "context")):
            yield {"oid": number(fact, "oid"), "castsource": source_.oid, "casttarget": target_.oid,
                   "castfunc": _cast_function(fact), "castcontext": fact["context"],
                   "castmethod": fact["method"]}  # fmt: skip


def _cast_function(fact: Fact) -> int:
    """The function of that name that takes the source."""
    for oid in functions_by_name().get(fact["function"] or "", ()):
        if function_facts()[oid][1].split(",")[0] == fact["source"]:
            return oid
    return 0


def _known(oid: int) -> bool:
    return types.by_oid(oid) is not None


def _collations(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    locale = {"default": None, "C": "C", "POSIX": "POSIX", "ucs_basic": "C"}
    for name, oid in COLLATIONS.items():
        yield {"oid": oid, "collname": name, "collnamespace": CATALOG_SCHEMA_OID, "collowner": SUPERUSER_OID,
               "collprovider": "d" if name == "default" else "c", "collisdeterministic": True,
               "collencoding": 6 if name == "ucs_basic" else -1,
               "collcollate": locale[name], "collctype": locale[name]}  # fmt: skip


def _ranges(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for definition in types.all_types():
        if isinstance(definition, Multirange):
            of, name = definition.range, definition.range.name
            yield {"rngtypid": of.oid, "rngsubtype": of.subtype.oid, "rngmultitypid": definition.oid,
                   "rngcollation": 0, "rngsubopc": _ordering_class(of.subtype.oid),
                   "rngcanonical": _function(f"{name}_canonical"),
                   "rngsubdiff": _function(f"{name}_subdiff")}  # fmt: skip


def _ordering_class(oid: int) -> int:
    """The btree operator class that the type has by default."""
    return next(
        number(fact, "oid") for fact in facts("operator_classes")
        if number(fact, "method") == _BTREE and number(fact, "type") == oid and fact["default"] == "t"
    )  # fmt: skip


BUILTIN = {"pg_range": _ranges, "pg_type": _types, "pg_cast": _casts, "pg_collation": _collations}
OURS = {"pg_type": _made_types, "pg_enum": _labels}
