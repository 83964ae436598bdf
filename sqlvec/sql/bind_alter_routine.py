"""ALTER, DROP and COMMENT ON of functions and procedures: finding the one that is named, and changing it."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.names import function_facts, functions_by_name
from sqlvec.catalog.objects import Described
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.system.tables import class_oid
from sqlvec.errors import (
    AmbiguousFunction,
    DatabaseError,
    DependentObjectsStillExist,
    DuplicateFunction,
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_routine import MODES, read_options
from sqlvec.sql.binder import Binder
from sqlvec.sql.dependencies import Removal, shown_routine
from sqlvec.sql.parse import Node
from sqlvec.sql.type_text import retold

ROUTINES = {"OBJECT_FUNCTION": "function", "OBJECT_PROCEDURE": "procedure", "OBJECT_ROUTINE": "routine"}
_KINDS = {"function": "f", "procedure": "p"}


def find_routine(binder: Binder, node: Node, word: str) -> Routine:
    """The function of an ObjectWithArgs node, as LookupFuncWithArgs of parse_func.c finds it."""
    *schema, name = (part["String"]["sval"] for part in node["objname"])
    shown = ".".join([*schema, name])
    if schema and schema[-1] != "pg_catalog" and binder.catalog.schema(schema[-1]) is None:
        raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist')
    named = binder.context.find_routines(schema[-1] if schema else None, name)
    wanted = [r for r in named if word == "routine" or r.kind == _KINDS[word]]
    if node.get("args_unspecified"):
        if len(wanted) == 1:
            return wanted[0]
        _refuse_builtin(name, word, None)
        if not wanted:
            raise UndefinedFunction(f'could not find a {word} named "{shown}"')
        raise AmbiguousFunction(
            f'{word} name "{shown}" is not unique',
            hint=f"Specify the argument list to select the {word} unambiguously.",
        )
    given = [binder.type_name(part) for part in node.get("objargs", ())]
    oids = tuple(t.oid for t in given)
    every = _all_oids(binder, node)
    for routine in named:
        if routine.input_oids == oids or (routine.kind == "p" and every == tuple(a.type.oid for a in routine.arguments)):
            if routine not in wanted:
                raise WrongObjectType(f"{shown_arguments(shown, routine)} is not a {word}")
            return routine
    words = [types.format_type(t.bare) for t in given]
    _refuse_builtin(name, word, words)
    raise UndefinedFunction(f"{word} {shown}({', '.join(words)}) does not exist")


def _all_oids(binder: Binder, node: Node) -> tuple[int, ...]:
    """The types of all arguments named, OUT ones too."""
    parts = [part["FunctionParameter"] for part in node.get("objfuncargs", ())]
    return tuple(binder.type_name(p["argType"]).oid for p in parts if MODES[p["mode"]] != "t")


def shown_arguments(name: str, routine: Routine) -> str:
    words = (types.format_type(a.type.bare) for a in routine.inputs)
    return f"{name}({', '.join(words)})"


def _refuse_builtin(name: str, word: str, given: list[str] | None) -> None:
    """A function of PostgreSQL's own is not to be changed."""
    for oid in functions_by_name().get(name, ()) if word != "procedure" and given is not None else ():
        if function_facts()[oid][1] == ",".join(given or ()):
            raise DependentObjectsStillExist(
                f"cannot drop function {name}({','.join(given or ())}) because it is required by the database system"
            )


# ---------------------------------------------------------------- DROP


def bind_drop_routine(binder: Binder, body: Node) -> bound.Ddl:
    word = ROUTINES[body["removeType"]]
    notices: list[tuple[str, ...]] = []
    found: dict[int, Routine] = {}
    for node in body["objects"]:
        try:
            routine = find_routine(binder, node["ObjectWithArgs"], word)
        except (UndefinedFunction, InvalidSchemaName, UndefinedObject) as error:
            if not body.get("missing_ok"):
                raise
            notices.append(("00000", _skipped(node["ObjectWithArgs"], word, error)))
            continue
        found[routine.oid] = routine
    removal = Removal(binder)
    removal.drop_routines(list(found.values()))
    objects = [shown_routine(binder, routine) for routine in found.values()]
    told = removal.settle(objects, body.get("behavior") == "DROP_CASCADE")
    return bound.Ddl(
        f"DROP {word.upper()}", catalog=removal.applied(), notices=(*notices, *told)
    )


def _skipped(node: Node, word: str, error: DatabaseError) -> str:
    if not isinstance(error, UndefinedFunction):
        return f"{error.message}, skipping"
    name = ".".join(part["String"]["sval"] for part in node["objname"])
    words = [".".join(n["String"]["sval"] for n in t["TypeName"]["names"]) + ("[]" if "arrayBounds" in t["TypeName"] else "")
             for t in node.get("objargs", ())]  # fmt: skip
    return f"{word} {name}({','.join(words)}) does not exist, skipping"


# ---------------------------------------------------------------- ALTER


def bind_alter_routine(binder: Binder, body: Node) -> bound.Ddl:
    """ALTER FUNCTION ... IMMUTABLE, STRICT, COST, SET ..."""
    word = ROUTINES[body["objtype"]]
    routine = find_routine(binder, body["func"], word)
    options = read_options(binder, body["actions"], routine.kind)
    if "rows" in options.changes and not routine.returns_set:
        raise InvalidParameterValue("ROWS is not applicable when function does not return a set")
    settings = dict(routine.settings)
    for name, value in options.settings.items():
        if name == "all":
            settings.clear()
        elif value is None:
            settings.pop(name, None)
        else:
            settings[name] = value
    made = replace(routine, **options.changes, settings=tuple(settings.items()))
    return bound.Ddl(f"ALTER {word.upper()}", catalog=binder.catalog.with_routine(made))


def bind_rename_routine(binder: Binder, body: Node) -> bound.Ddl:
    word = ROUTINES[body["renameType"]]
    routine = find_routine(binder, body["object"]["ObjectWithArgs"], word)
    return _moved(binder, replace(routine, name=body["newname"]), word)


def bind_routine_schema(binder: Binder, body: Node) -> bound.Ddl:
    word = ROUTINES[body["objectType"]]
    routine = find_routine(binder, body["object"]["ObjectWithArgs"], word)
    schema = binder.catalog.schema(body["newschema"])
    if schema is None:
        raise InvalidSchemaName(f'schema "{body["newschema"]}" does not exist')
    if schema.oid == routine.schema_oid:
        return bound.Ddl(f"ALTER {word.upper()}")
    return _moved(binder, replace(routine, schema_oid=schema.oid), word)


def bind_routine_owner(binder: Binder, body: Node) -> bound.Ddl:
    """There is one owner; the function has to be there."""
    word = ROUTINES[body["objectType"]]
    find_routine(binder, body["object"]["ObjectWithArgs"], word)
    return bound.Ddl(f"ALTER {word.upper()}")


def _moved(binder: Binder, made: Routine, word: str) -> bound.Ddl:
    """The function under another name, and so in all texts that call it."""
    schema = binder.catalog.schemas[made.schema_oid].name
    for other in binder.catalog.routines_named(made.schema_oid, made.name):
        if other.input_oids == made.input_oids:
            raise DuplicateFunction(
                f'function {shown_arguments(made.name, made)} already exists in schema "{schema}"'
            )
    catalog = binder.catalog.with_routine(made)
    catalog = retold(binder, catalog, made.oid, (schema, made.name))
    return bound.Ddl(f"ALTER {word.upper()}", catalog=catalog)


# ---------------------------------------------------------------- COMMENT


def described_routine(binder: Binder, node: Node, word: str) -> Described:
    body = node["ObjectWithArgs"]
    name = body["objname"][-1]["String"]["sval"]
    if not binder.context.find_routines(None, name) and len(body["objname"]) == 1:
        known = functions_by_name().get(name, ())
        if len(known) == 1:
            return (class_oid("pg_proc"), known[0], 0)
    return (class_oid("pg_proc"), find_routine(binder, body, word).oid, 0)
