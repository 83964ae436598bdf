"""Names of objects: read as PostgreSQL reads them (to_regclass and its kin), and shown as it shows them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from zlib import crc32

from sqlvec import types
from sqlvec.catalog.collations import COLLATIONS
from sqlvec.catalog.identifiers import quote_identifier, split_name
from sqlvec.catalog.objects import Index, Table, View
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.system.facts import facts, number, text
from sqlvec.catalog.system.tables import system_table, system_table_by_oid
from sqlvec.catalog.user_types import CompositeType
from sqlvec.catalog.viewpoint import SUPERUSER, SUPERUSER_OID, Viewpoint
from sqlvec.types import SqlType

EXTENSION_OIDS = range(16_384, 20_000)  # of objects that belong to extensions


# ---------------------------------------------------------------- relations


def find_relation(view: Viewpoint, name: str | None) -> int | None:
    """to_regclass: the oid of a relation of ours or of the system."""
    if name is None:
        return None
    if name.isdigit():
        return int(name)
    *qualifiers, bare = split_name(name)
    schemas = [s.name for s in view.schemas()] if not qualifiers else [qualifiers[-1]]
    for schema_name in schemas:
        system = system_table(schema_name, bare)
        if system is not None:
            return system.oid
        schema = view.catalog.schema(schema_name)
        relation = view.catalog.relation(schema.oid, bare) if schema else None
        if relation is not None:
            return relation.oid
        for made in _composites(view):
            if schema is not None and (made.schema_oid, made.name) == (schema.oid, bare):
                return made.relation_oid
    return None


def _composites(view: Viewpoint) -> Iterator[CompositeType]:
    """Those that are no rows of tables have a row in pg_class of their own."""
    return (made for made in view.catalog.types.values() if isinstance(made, CompositeType))


def relation_is_visible(view: Viewpoint, oid: int) -> bool | None:
    """Whether the bare name finds it; None when there is no such relation."""
    place = _place(view, oid)
    if place is None:
        return None
    return find_relation(view, quote_identifier(place[1])) == oid


def relation_name(view: Viewpoint, oid: int, *, qualified: bool = False) -> str:
    """As regclass shows it: qualified where the bare name would find another or nothing."""
    place = _place(view, oid)
    if place is None:
        return str(oid) if oid else "-"
    schema, name = map(quote_identifier, place)
    return f"{schema}.{name}" if qualified or not relation_is_visible(view, oid) else name


def _place(view: Viewpoint, oid: int) -> tuple[str, str] | None:
    """Schema and name of a relation."""
    relation = view.catalog.relations.get(oid)
    if relation is None:
        if (system := system_table_by_oid(oid)) is not None:
            return system.schema, system.name
        made = next((made for made in _composites(view) if made.relation_oid == oid), None)
        return None if made is None else (view.catalog.schemas[made.schema_oid].name, made.name)
    owner = view.catalog.relations[relation.table_oid] if isinstance(relation, Index) else relation
    assert not isinstance(owner, Index)
    return view.catalog.schemas[owner.schema_oid].name, relation.name


# ---------------------------------------------------------------- types


def find_type(view: Viewpoint, name: str | None) -> int | None:
    """to_regtype."""
    if name is None:
        return None
    plain = name.strip()
    if plain.isdigit():
        return int(plain)
    found = types.by_name(" ".join(plain.lower().split())) if '"' not in plain else None
    if found is None:
        head, _, _ = plain.partition("(")
        bare, array = head.strip(), plain.endswith("[]")
        parts = split_name(bare.removesuffix("[]"))
        found = types.by_name(parts[-1]) if _in_schema(parts) else None
        found = found or _user_type(view, parts)
        if found is not None and array:
            found = types.array_of(found.bare)
    if found is not None:
        return found.oid
    row_type = find_relation(view, plain)
    return row_type if has_row_type(view, row_type) else None


def _user_type(view: Viewpoint, parts: list[str]) -> SqlType | None:
    schemas = view.schemas() if len(parts) == 1 else [view.catalog.schema(parts[-2])]
    found = (view.catalog.type_by_name(s.oid, parts[-1]) for s in schemas if s is not None)
    return next((one for one in found if one is not None), None)


def user_type_name(view: Viewpoint, oid: int) -> str | None:
    """Of a type that a user made: qualified where the bare name would find another or nothing."""
    known = view.catalog.type_by_oid(oid)
    if known is None or has_row_type(view, oid):
        return None
    made = view.catalog.types.get(oid)
    if made is None:  # an array
        return f"{user_type_name(view, known.definition.element_oid)}[]"
    name = quote_identifier(made.name)
    if user_type_is_visible(view, oid):
        return name
    return f"{quote_identifier(view.catalog.schemas[made.schema_oid].name)}.{name}"


def user_type_is_visible(view: Viewpoint, oid: int) -> bool:
    known = view.catalog.type_by_oid(oid)
    if known is None or types.by_name(known.definition.name) is not None:
        return False
    found = _user_type(view, [known.definition.name])
    return found is not None and found.oid == oid


def _in_schema(parts: list[str]) -> bool:
    """Whether the schema a type is qualified with is its own."""
    if len(parts) == 1:
        return True
    found = types.by_name(parts[-1])
    return found is not None and parts[-2] == ("public" if is_ours(found.oid) else "pg_catalog")


def is_ours(oid: int) -> bool:
    """Of a type or function that PostgreSQL does not have without an extension."""
    return oid in EXTENSION_OIDS


def has_row_type(view: Viewpoint, oid: int | None) -> bool:
    """A table's row type has the table's oid: types and relations are numbered apart."""
    return isinstance(view.catalog.relations.get(oid or 0), (Table, View))


def type_name(view: Viewpoint, oid: int | None, typmod: int | None = None) -> str | None:
    """format_type."""
    if oid is None:
        return None
    if oid == 0:
        return "-"
    if types.by_oid(oid) is None:
        if (made := user_type_name(view, oid)) is not None:
            return made if typmod is None or typmod < 0 else f"{made}({typmod})"
        return relation_name(view, oid) if has_row_type(view, oid) else "???"
    if typmod is not None and typmod < 0 and oid in _UNBOUNDED:
        return _UNBOUNDED[oid]
    shown = types.format_type(SqlType(oid, -1 if typmod is None else typmod))
    own = oid in _EXTENSION_TYPES and not view.searches_public
    return f"public.{shown}" if own else shown


_EXTENSION_TYPES = frozenset(
    oid
    for element in (types.VECTOR, types.HALFVEC, types.SPARSEVEC)
    for oid in (element.oid, types.array_of(element).oid)
)
# Types whose plain name would mean one of length 1: without a modifier, which is not the same as with none given.
_UNBOUNDED = {types.BPCHAR.oid: "bpchar", types.BIT.oid: '"bit"'}


# ---------------------------------------------------------------- functions, operators, schemas, roles


@cache
def functions_by_name() -> dict[str, list[int]]:
    """Oids of every function that has a fact."""
    found: dict[str, list[int]] = {}
    for source in ("functions", "extension_functions"):
        for fact in facts(source):
            found.setdefault(text(fact, "name"), []).append(number(fact, "oid"))
    return found


@cache
def function_facts() -> dict[int, tuple[str, str]]:
    """Name and argument types (as text) by oid."""
    found = {}
    for fact in facts("functions"):
        words = [types.format_type(SqlType(int(o))) for o in text(fact, "arguments").split()]
        found[number(fact, "oid")] = (text(fact, "name"), ",".join(words))
    for fact in facts("extension_functions"):
        found[number(fact, "oid")] = (text(fact, "name"), text(fact, "arguments"))
    return found


def find_function(view: Viewpoint, name: str | None) -> int | None:
    """to_regproc: none where several functions have the name."""
    if name is None:
        return None
    if name.isdigit():
        return int(name)
    found = functions_found(view, name)
    return found[0] if len(found) == 1 else None


def functions_found(view: Viewpoint, name: str) -> list[int]:
    """The oids of every function that the name may mean."""
    *schema, bare = split_name(name)
    made = [r.oid for r in routines_found(view, schema, bare)]
    builtin = functions_by_name().get(bare, []) if schema[-1:] in ([], ["pg_catalog"], ["public"]) else []
    return [*builtin, *made]


def routines_found(view: Viewpoint, schema: list[str], name: str) -> list[Routine]:
    """Functions of users, in the schema named or in those that are searched."""
    schemas = [view.catalog.schema(schema[-1])] if schema else view.schemas()
    return [r for s in schemas if s is not None for r in view.catalog.routines_named(s.oid, name)]


def find_signature(view: Viewpoint, name: str | None) -> int | None:
    """to_regprocedure: name(type, type)."""
    if name is None:
        return None
    if name.isdigit():
        return int(name)
    head, _, tail = name.partition("(")
    wanted = [find_type(view, word) for word in tail.rstrip(") ").split(",") if word.strip()]
    for routine in routines_found(view, split_name(head)[:-1], split_name(head)[-1]):
        if list(routine.input_oids) == wanted:
            return routine.oid
    for oid in functions_by_name().get(split_name(head)[-1], []):
        words = [word for word in function_facts()[oid][1].split(",") if word]
        if [find_type(view, word) for word in words] == wanted:
            return oid
    return None


def function_name(view: Viewpoint, oid: int) -> str:
    """Qualified where several functions have the name: regprocin would not find the one."""
    made = view.catalog.routines.get(oid)
    if made is not None:
        own = quote_identifier(made.name)
        return own if find_function(view, own) == oid else f"{schema_name(view, made.schema_oid)}.{own}"
    known = function_facts().get(oid)
    if known is None:
        return str(oid) if oid else "-"
    name = quote_identifier(known[0])
    if len(functions_by_name()[known[0]]) == 1:
        return name
    return f"{'public' if is_ours(oid) else 'pg_catalog'}.{name}"


def routine_is_visible(view: Viewpoint, routine: Routine) -> bool:
    """Whether the bare name finds it, for the arguments that it takes."""
    found = routines_found(view, [], routine.name)
    return next((r.oid for r in found if r.input_oids == routine.input_oids), 0) == routine.oid


def routine_signature(view: Viewpoint, routine: Routine) -> str:
    """As regprocedure shows it."""
    name = quote_identifier(routine.name)
    if not routine_is_visible(view, routine):
        name = f"{schema_name(view, routine.schema_oid)}.{name}"
    words = (type_name(view, a.type.oid) or "-" for a in routine.inputs)
    return f"{name}({','.join(words)})"


def signature_name(view: Viewpoint, oid: int) -> str:
    if (made := view.catalog.routines.get(oid)) is not None:
        return routine_signature(view, made)
    known = function_facts().get(oid)
    if known is None:
        return str(oid) if oid else "-"
    return f"{quote_identifier(known[0])}({known[1]})"


@cache
def _operators() -> dict[int, str]:
    builtin = {number(f, "oid"): text(f, "name") for f in facts("operators")}
    return builtin | {number(f, "oid"): text(f, "name") for f in facts("extension_operators")}


def operator_name(view: Viewpoint, oid: int) -> str:
    return _operators().get(oid, str(oid) if oid else "0")


@cache
def _operands() -> dict[int, tuple[str, str]]:
    found = {}
    for fact in facts("operators"):
        sides = [types.format_type(SqlType(number(fact, word))) for word in ("left", "right")]
        found[number(fact, "oid")] = (sides[0] if number(fact, "left") else "NONE", sides[1])
    for fact in facts("extension_operators"):
        found[number(fact, "oid")] = (text(fact, "left"), text(fact, "right"))
    return found


def operator_signature(view: Viewpoint, oid: int) -> str:
    """As regoperator shows it: name(left,right)."""
    if oid not in _operands():
        return str(oid) if oid else "0"
    return f"{operator_name(view, oid)}({','.join(_operands()[oid])})"


def find_schema(view: Viewpoint, name: str | None) -> int | None:
    if name is None:
        return None
    if name.isdigit():
        return int(name)
    schema = view.catalog.schema(split_name(name)[-1])
    return schema.oid if schema else None


def schema_name(view: Viewpoint, oid: int) -> str:
    schema = view.catalog.schemas.get(oid)
    return quote_identifier(schema.name) if schema else (str(oid) if oid else "-")


@cache
def roles() -> dict[str, int]:
    """The superuser and PostgreSQL's predefined roles."""
    return {SUPERUSER: SUPERUSER_OID} | {text(f, "name"): number(f, "oid") for f in facts("roles")}


def find_role(view: Viewpoint, name: str | None) -> int | None:
    if name is None:
        return None
    if name.isdigit():
        return int(name)
    return roles().get(split_name(name)[-1])


def role_name(view: Viewpoint, oid: int) -> str:
    for name, known in roles().items():
        if known == oid:
            return quote_identifier(name)
    return str(oid) if oid else "-"


def find_collation(view: Viewpoint, name: str | None) -> int | None:
    return None if name is None else COLLATIONS.get(split_name(name)[-1])


def collation_name(view: Viewpoint, oid: int) -> str:
    for name, known in COLLATIONS.items():
        if known == oid:
            return quote_identifier(name)
    return str(oid) if oid else "-"


def database_oid(name: str) -> int:
    """By its name: databases are directories, and nothing else numbers them."""
    return _POSTGRES_OID if name == SUPERUSER else _FIRST_DATABASE_OID + crc32(name.encode()) % 2**30


_POSTGRES_OID, _FIRST_DATABASE_OID = 5, 2**20
FINDERS = {
    "regclass": find_relation,
    "regtype": find_type,
    "regproc": find_function,
    "regprocedure": find_signature,
    "regnamespace": find_schema,
    "regrole": find_role,
    "regcollation": find_collation,
}
SHOWERS = {
    "regclass": relation_name,
    "regtype": lambda view, oid: (type_name(view, oid) or "-").replace("???", str(oid)),
    "regproc": function_name,
    "regprocedure": signature_name,
    "regnamespace": schema_name,
    "regrole": role_name,
    "regoper": operator_name,
    "regoperator": operator_signature,
    "regcollation": collation_name,
}
