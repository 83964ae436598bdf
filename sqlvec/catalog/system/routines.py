"""Functions and procedures of users in pg_proc, and what they have to do with other objects in pg_depend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.objects import Catalog, Column, Constraint
from sqlvec.catalog.routine_text import USUAL_COST, USUAL_ROWS, variadic_oid
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.relations import default_oid, dependencies, depends
from sqlvec.catalog.system.tables import class_oid
from sqlvec.catalog.viewpoint import SUPERUSER_OID

Row = dict[str, Any]
Place = tuple[int, int, int]  # oids of the system table and of the object, attnum or 0
_SQL_LANGUAGE = 14


def _routines(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """Those that users made."""
    for routine in catalog.routines.values():
        yield _routine(catalog, routine)


def _routine(catalog: Catalog, routine: Routine) -> Row:
    arguments, inputs = routine.arguments, routine.inputs
    plain = len(inputs) == len(arguments) and all(a.mode == "i" for a in arguments)
    names = [a.name for a in arguments]
    defaults = [a.default for a in inputs if a.default is not None]
    usual_rows = USUAL_ROWS if routine.returns_set else 0
    return {
        "oid": routine.oid, "proname": routine.name, "pronamespace": routine.schema_oid,
        "proowner": SUPERUSER_OID, "prolang": _SQL_LANGUAGE,
        "procost": float(USUAL_COST if routine.cost < 0 else routine.cost),
        "prorows": float(usual_rows if routine.rows < 0 else routine.rows),
        "provariadic": variadic_oid(routine), "prokind": routine.kind,
        "prosecdef": routine.definer, "proleakproof": routine.leakproof,
        "proisstrict": routine.strict, "proretset": routine.returns_set,
        "provolatile": routine.volatility, "proparallel": routine.parallel,
        "pronargs": len(inputs), "pronargdefaults": len(defaults), "prorettype": routine.result.oid,
        "proargtypes": [a.type.oid for a in inputs],
        "proallargtypes": None if plain else [a.type.oid for a in arguments],
        "proargmodes": None if plain else [a.mode for a in arguments],
        "proargnames": names if any(names) else None,
        "proargdefaults": ", ".join(defaults) or None,
        "prosrc": "" if routine.standard else routine.body,
        "prosqlbody": routine.body if routine.standard else None,
        "proconfig": [f"{name}={value}" for name, value in routine.settings] or None,
    }  # fmt: skip


def _routine_dependencies(catalog: Catalog, environment: Environment) -> Iterator[tuple[Place, Place, str]]:
    """What functions of users depend on, and what depends on them: rows of pg_depend."""
    procedure, relation, type_ = map(class_oid, ("pg_proc", "pg_class", "pg_type"))
    rows: set[int] = set()
    for routine in catalog.routines.values():
        own = (procedure, routine.oid, 0)
        yield own, (class_oid("pg_namespace"), routine.schema_oid, 0), "n"
        for oid in sorted(routine.type_oids):
            if catalog.type_by_oid(oid) is not None:
                yield own, (type_, oid, 0), "n"
                rows |= {oid} & catalog.relations.keys()
        for read in routine.relations:
            yield own, (relation, read.oid, 0), "n"
    for oid in sorted(rows):
        yield (type_, oid, 0), (relation, oid, 0), "i"
    for oid, part, called in environment.routine_uses(catalog):
        yield _caller(catalog, oid, part), (procedure, called, 0), "n"


def _caller(catalog: Catalog, oid: int, part: Column | Constraint | None) -> Place:
    if oid in catalog.routines:
        return (class_oid("pg_proc"), oid, 0)
    if isinstance(part, Column):
        return (class_oid("pg_attrdef"), default_oid(catalog.table(oid), part.attnum), 0)
    if part is not None:
        return (class_oid("pg_constraint"), part.oid, 0)
    return (class_oid("pg_class"), oid, 0)


def _dependencies(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield from dependencies(catalog, environment)
    for what, on, kind in _routine_dependencies(catalog, environment):
        yield depends(what, on, kind)


OURS = {"pg_proc": _routines, "pg_depend": _dependencies}
