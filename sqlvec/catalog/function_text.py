"""Functions as text: arguments and result as psql shows them (ruleutils.c, print_function_arguments)."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlvec import types
from sqlvec.catalog.identifiers import quote_identifier
from sqlvec.catalog.routine_text import (
    default_text,
    routine_arguments,
    routine_body,
    routine_definition,
    routine_result,
)
from sqlvec.catalog.system.facts import Fact, facts, number, text
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.types import SqlType

# Ordered-set aggregates, and how many arguments stand before WITHIN GROUP.
DIRECT_ARGUMENTS = {"mode": 0, "percentile_cont": 1, "percentile_disc": 1}


@cache
def _facts() -> dict[int, Fact]:
    return {number(f, "oid"): f for name in ("functions", "extension_functions") for f in facts(name)}


def _words(fact: Fact, oids: str) -> list[str]:
    if "variadic" not in fact:  # of an extension: names already
        return [word for word in oids.split(",") if word]
    return [_type_text(int(oid)) for oid in oids.replace(",", " ").strip("{}").split()]


@cache
def _type_names() -> dict[int, str]:
    return {number(f, "oid"): text(f, "name") for f in facts("types")}


def _type_text(oid: int) -> str:
    if types.by_oid(oid) is not None:
        return types.format_type(SqlType(oid))
    return _type_names().get(oid, str(oid))


def _list(value: str | None) -> list[str]:
    return value.strip("{}").split(",") if value else []


def _arguments(fact: Fact, *, identity: bool) -> str:
    """name type, ...; OUT, INOUT and VARIADIC before, as the modes say."""
    all_arguments = fact.get("all_arguments")
    words = _words(fact, all_arguments or text(fact, "arguments"))
    modes = _list(fact.get("modes")) or ["i"] * len(words)
    labels = _list(fact.get("names"))
    shown, ordered = [], DIRECT_ARGUMENTS.get(text(fact, "name")) if text(fact, "flags")[0] == "a" else None
    for place, (word, mode) in enumerate(zip(words, modes, strict=True)):
        if mode == "t" or (identity and mode == "o"):
            continue
        prefix = {"o": "OUT ", "b": "INOUT ", "v": "VARIADIC "}.get(mode, "")
        label = labels[place].strip('"') if place < len(labels) else ""
        shown.append(f"{prefix}{quote_identifier(label) + ' ' if label else ''}{word}")
    if ordered is None:
        return ", ".join(shown)
    return f"{', '.join(shown[:ordered])} ORDER BY {', '.join(shown[ordered:])}".lstrip()


def _result(fact: Fact) -> str | None:
    if text(fact, "flags")[0] == "p":
        return None
    word = text(fact, "result")
    shown = word if "variadic" not in fact else _type_text(int(word))
    modes = _list(fact.get("modes"))
    if "t" in modes:
        words = _words(fact, fact["all_arguments"] or "")
        labels = _list(fact.get("names"))
        columns = [f"{labels[i]} {words[i]}" for i, mode in enumerate(modes) if mode == "t"]
        return f"TABLE({', '.join(columns)})"
    return f"SETOF {shown}" if "r" in text(fact, "flags")[4] else shown


def _of(oid: int | None) -> Fact | None:
    return _facts().get(oid) if oid is not None else None


def function_arguments(view: Viewpoint, oid: int | None) -> str | None:
    if (made := view.catalog.routines.get(oid or 0)) is not None:
        return routine_arguments(view, made, defaults=True)
    fact = _of(oid)
    return None if fact is None else _arguments(fact, identity=False)


def function_identity(view: Viewpoint, oid: int | None) -> str | None:
    if (made := view.catalog.routines.get(oid or 0)) is not None:
        return routine_arguments(view, made, defaults=False)
    fact = _of(oid)
    return None if fact is None else _arguments(fact, identity=True)


def function_result(view: Viewpoint, oid: int | None) -> str | None:
    if (made := view.catalog.routines.get(oid or 0)) is not None:
        return routine_result(view, made)
    fact = _of(oid)
    return None if fact is None else _result(fact)


def function_definition(view: Viewpoint, oid: int | None) -> str | None:
    """CREATE OR REPLACE FUNCTION ..."""
    if (made := view.catalog.routines.get(oid or 0)) is not None:
        return routine_definition(view, made)
    fact = _of(oid)
    if fact is None:
        return None
    schema = "pg_catalog" if "variadic" in fact else "public"
    flags = text(fact, "flags")
    options = [{"i": "IMMUTABLE", "s": "STABLE"}.get(flags[1], "")]
    options += [{"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED"}.get(flags[2], "")]
    options += ["STRICT" if flags[3] == "s" else "", "LEAKPROOF" if flags[5] == "l" else ""]
    words = " ".join(word for word in options if word)
    language = "internal" if schema == "pg_catalog" else "c"
    body = f"AS $function${text(fact, 'source')}$function$"
    if language == "c":
        body = f"AS '$libdir/vector', $function${text(fact, 'source')}$function$"
    return (
        f"CREATE OR REPLACE FUNCTION {schema}.{quote_identifier(text(fact, 'name'))}"
        f"({_arguments(fact, identity=False)})\n RETURNS {_result(fact)}\n LANGUAGE {language}\n"
        + (f" {words}\n" if words else "")
        + body
        + "\n"
    )


def _argument_default(view: Viewpoint, oid: int | None, place: int | None) -> str | None:
    """Of an argument, by its number among all."""
    made = view.catalog.routines.get(oid or 0)
    if made is None or place is None or not 1 <= place <= len(made.arguments):
        return None
    argument = made.arguments[place - 1]
    return None if argument.default is None else default_text(view, argument)


def _sql_body(view: Viewpoint, oid: int | None) -> str | None:
    made = view.catalog.routines.get(oid or 0)
    return None if made is None else routine_body(view, made)


FUNCTIONS: dict[str, Any] = {
    "pg_get_function_arguments": function_arguments,
    "pg_get_function_identity_arguments": function_identity,
    "pg_get_function_result": function_result,
    "pg_get_functiondef": function_definition,
    "pg_get_function_arg_default": _argument_default,
    "pg_get_function_sqlbody": _sql_body,
}
