"""pg_proc, pg_operator, pg_language: what statements may call, with PostgreSQL's oids.

A function is shown when the language has it, or when a type, cast, operator or access method that is shown
works by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec import types
from sqlvec.catalog.function_text import DIRECT_ARGUMENTS
from sqlvec.catalog.names import function_facts, functions_by_name
from sqlvec.catalog.objects import CATALOG_SCHEMA_OID, PUBLIC_SCHEMA_OID, Catalog
from sqlvec.catalog.system import access_methods, system_types, text_search
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.facts import Fact, facts, flag, number, text
from sqlvec.catalog.viewpoint import SUPERUSER_OID

Row = dict[str, Any]
_C_LANGUAGE = 13


# ---------------------------------------------------------------- operators


def _operators(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    has = environment.vocabulary.has_operator
    for fact in facts("operators"):
        sides = number(fact, "left"), number(fact, "right"), number(fact, "result")
        known = all(oid == 0 or types.by_oid(oid) is not None for oid in sides)
        if known and has(text(fact, "name"), *sides):
            yield _operator(fact, *sides) | {
                "oprcom": number(fact, "commutator"), "oprnegate": number(fact, "negator"),
                "oprcanmerge": flag(fact, "merges"), "oprcanhash": flag(fact, "hashes"),
                "oprcode": number(fact, "code"), "oprrest": number(fact, "restriction"),
                "oprjoin": number(fact, "join"),
            }  # fmt: skip
    if "vector" in catalog.extensions:
        yield from _extension_operators(environment)


def _extension_operators(environment: Environment) -> Iterator[Row]:
    for fact in facts("extension_operators"):
        sides = [types.by_name(text(fact, word)) for word in ("left", "right", "result")]
        if None in sides:
            continue
        left, right, result = (side.oid for side in sides if side is not None)
        if environment.vocabulary.has_operator(text(fact, "name"), left, right, result):
            yield _operator(fact, left, right, result) | {
                "oprnamespace": PUBLIC_SCHEMA_OID, "oprkind": "b", "oprcode": _operator_function(fact),
                "oprcom": _partner(fact, "commutator"), "oprnegate": _partner(fact, "negator"),
                "oprrest": _by_name(text(fact, "restriction")), "oprjoin": _by_name(text(fact, "join")),
            }  # fmt: skip


def _partner(fact: Fact, word: str) -> int:
    """The commutator or negator, over the same types."""
    for other in facts("extension_operators"):
        if (other["name"], other["left"], other["right"]) == (fact[word], fact["left"], fact["right"]):
            return number(other, "oid")
    return 0


def _operator(fact: Fact, left: int, right: int, result: int) -> Row:
    return {
        "oid": number(fact, "oid"), "oprname": fact["name"], "oprnamespace": CATALOG_SCHEMA_OID,
        "oprowner": SUPERUSER_OID, "oprkind": fact.get("kind"), "oprleft": left, "oprright": right,
        "oprresult": result,
    }  # fmt: skip


def _operator_function(fact: Fact) -> int:
    """The function of that name over the operator's types."""
    name = text(fact, "code").rpartition(".")[2]
    wanted = f"{fact['left']},{fact['right']}"
    return next((o for o in functions_by_name()[name] if function_facts()[o][1] == wanted), 0)


def _by_name(name: str) -> int:
    found = functions_by_name().get(name, ())
    return found[0] if found else 0


# ---------------------------------------------------------------- functions


def _support(catalog: Catalog, environment: Environment) -> set[int]:
    """Functions by which shown objects work."""
    used: set[int] = set()
    routines = ("typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze",
                "typsubscript")  # fmt: skip
    for row in system_types.BUILTIN["pg_type"](catalog, environment):
        used |= {row[name] for name in routines}
    used |= {row["castfunc"] for row in system_types.BUILTIN["pg_cast"](catalog, environment)}
    for row in _operators(catalog, environment):
        used |= {row["oprcode"], row["oprrest"], row["oprjoin"]}
    used |= {row["amproc"] for row in access_methods.BUILTIN["pg_amproc"](catalog, environment)}
    used |= {row.get("amhandler", 0) for row in access_methods.BUILTIN["pg_am"](catalog, environment)}
    return (used | text_search.ROUTINES | set(_VALIDATORS.values())) - {0}


def _functions(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    support = _support(catalog, environment)
    has = environment.vocabulary.has_function
    for fact in facts("functions"):
        arguments = [int(word) for word in text(fact, "arguments").split()]
        if any(types.by_oid(oid) is None for oid in (number(fact, "result"), *arguments)):
            continue
        if number(fact, "oid") in support or has(text(fact, "name"), arguments):
            yield _function(fact, number(fact, "result"), arguments) | _details(fact)
    if "vector" in catalog.extensions:
        yield from _extension_functions(environment, support)


def _extension_functions(environment: Environment, support: set[int]) -> Iterator[Row]:
    for fact in facts("extension_functions"):
        words = [word for word in text(fact, "arguments").split(",") if word]
        found = [types.by_name(word) for word in (*words, text(fact, "result"))]
        oid = number(fact, "oid")
        if None in found:
            if oid in support:  # access method handlers
                yield _function(fact, _INDEX_HANDLER, [_INTERNAL]) | _EXTENSION
            continue
        *arguments, result = (sql_type.oid for sql_type in found if sql_type is not None)
        if oid in support or environment.vocabulary.has_function(text(fact, "name"), arguments):
            row = _function(fact, result, arguments) | _EXTENSION
            yield row | {"prolang": _INTERNAL_LANGUAGE} if row["prokind"] == "a" else row


_INDEX_HANDLER, _INTERNAL, _INTERNAL_LANGUAGE = 325, 2281, 12
_EXTENSION: Row = {"pronamespace": PUBLIC_SCHEMA_OID, "prolang": _C_LANGUAGE, "probin": "$libdir/vector"}


def _function(fact: Fact, result: int, arguments: list[int]) -> Row:
    flags = text(fact, "flags")
    return {
        "oid": number(fact, "oid"), "proname": fact["name"], "pronamespace": CATALOG_SCHEMA_OID,
        "proowner": SUPERUSER_OID, "procost": float(text(fact, "cost")), "prokind": flags[0],
        "provolatile": flags[1], "proparallel": flags[2], "proisstrict": flags[3] == "s",
        "proretset": flags[4] == "r", "proleakproof": flags[5] == "l", "prorettype": result,
        "pronargs": len(arguments), "proargtypes": arguments, "prosrc": fact["source"],
    }  # fmt: skip


def _details(fact: Fact) -> Row:
    """What only built-in functions say."""
    return {
        "prolang": number(fact, "language"), "prorows": float(text(fact, "rows")),
        "provariadic": number(fact, "variadic"), "pronargdefaults": number(fact, "defaults"),
        "proargnames": _list(fact["names"]), "proargmodes": _list(fact["modes"]),
        "proallargtypes": [int(word) for word in _list(fact["all_arguments"]) or ()] or None,
    }  # fmt: skip


def _list(value: str | None) -> list[str] | None:
    return None if value is None else [word.strip('"') for word in value.strip("{}").split(",")]


def _aggregates(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for row in _functions(catalog, environment):
        if row["prokind"] == "a":
            direct = DIRECT_ARGUMENTS.get(row["proname"])
            kind = "n" if direct is None else "o"
            yield {"aggfnoid": row["oid"], "aggkind": kind, "aggnumdirectargs": direct or 0}


_VALIDATORS = {"internal": 2246, "c": 2247, "sql": 2248}


def _languages(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for fact in facts("languages"):
        yield {"oid": number(fact, "oid"), "lanname": fact["name"], "lanowner": SUPERUSER_OID,
               "lanispl": flag(fact, "procedural"), "lanpltrusted": flag(fact, "trusted"),
               "lanvalidator": _VALIDATORS[text(fact, "name")]}  # fmt: skip


def _keywords(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    """pg_get_keywords()."""
    for fact in facts("keywords"):
        yield fact | {"barelabel": flag(fact, "barelabel")}


BUILTIN = {
    "pg_get_keywords": _keywords,
    "pg_proc": _functions,
    "pg_operator": _operators,
    "pg_aggregate": _aggregates,
    "pg_language": _languages,
}
