"""Functions of users as text: what psql shows and pg_dump writes (ruleutils.c, pg_get_functiondef)."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.names import schema_name, type_name
from sqlvec.catalog.routines import Argument, Routine
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.types.domain_type import value_type

ROUTINE_WORDS = {"f": "function", "p": "procedure"}
USUAL_COST, USUAL_ROWS = 100, 1000
_MODES = {"o": "OUT ", "b": "INOUT ", "v": "VARIADIC "}
_LISTS = ("search_path", "session_preload_libraries", "temp_tablespaces")  # GUC_LIST_QUOTE


def routine_arguments(view: Viewpoint, routine: Routine, *, defaults: bool) -> str:
    """Modes, names and types as CREATE takes them; the columns of RETURNS TABLE are of the result."""
    shown = []
    for argument in routine.arguments:
        if argument.mode == "t":
            continue
        mode = "IN " if routine.kind == "p" and argument.mode == "i" else _MODES.get(argument.mode, "")
        text = mode + _named(view, argument)
        if defaults and argument.default is not None:
            text += f" DEFAULT {default_text(view, argument)}"
        shown.append(text)
    return ", ".join(shown)


def _named(view: Viewpoint, argument: Argument) -> str:
    name = f"{quote_identifier(argument.name)} " if argument.name else ""
    return name + (type_name(view, argument.type.oid) or "-")


def default_text(view: Viewpoint, argument: Argument) -> str:
    assert argument.default is not None, argument
    target = None if argument.type.definition.category == "P" else value_type(argument.type)
    return view.expression(argument.default, None, target=target)


def routine_result(view: Viewpoint, routine: Routine) -> str | None:
    if routine.kind == "p":
        return None
    columns = [_named(view, a) for a in routine.arguments if a.mode == "t"]
    if columns:
        return f"TABLE({', '.join(columns)})"
    shown = type_name(view, routine.result.oid) or "-"
    return f"SETOF {shown}" if routine.returns_set else shown


def routine_definition(view: Viewpoint, routine: Routine) -> str:
    """CREATE OR REPLACE FUNCTION ..."""
    word = ROUTINE_WORDS[routine.kind]
    lines = [
        f"CREATE OR REPLACE {word.upper()} {schema_name(view, routine.schema_oid)}.{quote_identifier(routine.name)}"
        f"({routine_arguments(view, routine, defaults=True)})"
    ]
    result = routine_result(view, routine)
    if result is not None:
        lines.append(f" RETURNS {result}")
    lines.append(" LANGUAGE sql")
    if options := _options(routine):
        lines.append(options)
    lines += [f" SET {quote_identifier(name)} TO {_setting(name, value)}" for name, value in routine.settings]
    lines.append(routine_body(view, routine) or f"AS {_quoted(routine.body, word)}")
    return "\n".join(lines) + "\n"


def routine_body(view: Viewpoint, routine: Routine) -> str | None:
    """BEGIN ATOMIC ... END or RETURN ...; None for a body that is a string."""
    if not routine.standard:
        return None
    return view.print_query(view, routine.body, routine.relations)


def _options(routine: Routine) -> str:
    words = [{"i": "IMMUTABLE", "s": "STABLE"}.get(routine.volatility, "")]
    words.append({"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED"}.get(routine.parallel, ""))
    words += ["STRICT"] * routine.strict + ["SECURITY DEFINER"] * routine.definer
    words += ["LEAKPROOF"] * routine.leakproof
    if routine.cost not in (-1, USUAL_COST):
        words.append(f"COST {routine.cost:g}")
    if routine.rows not in (-1, USUAL_ROWS):
        words.append(f"ROWS {routine.rows:g}")
    return "".join(f" {word}" for word in words if word)


def _setting(name: str, value: str) -> str:
    if name in _LISTS:
        return ", ".join(quote_string(word.strip().strip('"')) for word in value.split(","))
    return quote_string(value)


def _quoted(body: str, word: str) -> str:
    tag = f"${word}"
    while tag in body:
        tag += "x"
    return f"{tag}${body}{tag}$"


def variadic_oid(routine: Routine) -> int:
    """Of the elements of its VARIADIC array, 0 without one."""
    if not routine.variadic:
        return 0
    element = types.element_of(routine.inputs[-1].type)
    return element.oid if element is not None else 2276
