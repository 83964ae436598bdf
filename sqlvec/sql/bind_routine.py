"""CREATE FUNCTION and CREATE PROCEDURE in the SQL language (functioncmds.c, pg_proc.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.routines import Argument, Routine
from sqlvec.errors import (
    DuplicateFunction,
    FeatureNotSupported,
    InvalidFunctionDefinition,
    InvalidParameterValue,
    SyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from sqlvec.sql import bound, polymorphic
from sqlvec.sql.bind_table import creation_schema
from sqlvec.sql.bind_utility import setting_text
from sqlvec.sql.binder import Binder
from sqlvec.sql.check_body import check_body, with_meanings
from sqlvec.sql.expression_text import ARGUMENT_DEFAULT, bind_definition
from sqlvec.sql.parse import STRINGS, Node, parse
from sqlvec.sql.routine_body import TRIGGER_OID, VOID
from sqlvec.sql.source_text import expression_source
from sqlvec.types import SqlType

MODES = {
    "FUNC_PARAM_DEFAULT": "i", "FUNC_PARAM_IN": "i", "FUNC_PARAM_OUT": "o", "FUNC_PARAM_INOUT": "b",
    "FUNC_PARAM_VARIADIC": "v", "FUNC_PARAM_TABLE": "t",
}  # fmt: skip
_VOLATILITIES = {"immutable": "i", "stable": "s", "volatile": "v"}
_PARALLEL = {"safe": "s", "restricted": "r", "unsafe": "u"}
_PSEUDO = frozenset(["any", "cstring", "internal", "trigger", "void", "unknown"])


@dataclass(slots=True)
class Options:
    """What follows the arguments; changes: fields of a Routine."""

    language: str = ""
    body: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str | None] = field(default_factory=dict)  # None: what it is, is taken away


def bind_create_routine(binder: Binder, body: Node) -> bound.Ddl:
    kind = "p" if body.get("is_procedure") else "f"
    tag = "CREATE PROCEDURE" if kind == "p" else "CREATE FUNCTION"
    *schema, name = (part["String"]["sval"] for part in body["funcname"])
    schema_oid = creation_schema(binder, {"schemaname": schema[-1]} if schema else {})
    options = read_options(binder, body.get("options", ()), kind)
    _check_language(options, body)
    arguments = _arguments(binder, body.get("parameters", ()), kind)
    result, is_set = _result(binder, body, arguments, kind)
    _check_types(arguments, result, standard="sql_body" in body)
    _, oid = binder.catalog.reserve_oids(1)
    settings = tuple((n, v) for n, v in options.settings.items() if v is not None)
    made = Routine(
        oid, name, schema_oid, arguments, result, _body(binder, body, options), kind, is_set,
        "sql_body" in body, settings=settings, **options.changes,
    )  # fmt: skip
    if made.rows >= 0 and not is_set:
        raise InvalidParameterValue("ROWS is not applicable when function does not return a set")
    made = _replacing(binder, made, replaces=bool(body.get("replace")))
    if made.standard:
        made = with_meanings(binder, made)
    elif binder.context.show("check_function_bodies") == "on":
        check_body(binder, made)
    return bound.Ddl(tag, catalog=binder.catalog.with_routine(made))


# ---------------------------------------------------------------- options


def read_options(binder: Binder, nodes: Sequence[Node], kind: str) -> Options:
    """The options of CREATE and ALTER."""
    found = Options()
    seen: set[str] = set()
    for node in nodes:
        option = node["DefElem"]
        name, position = option["defname"], binder.position(option)
        if name == "set":
            _setting(found, option["arg"]["VariableSetStmt"])
            continue
        if name in seen:
            raise SyntaxError("conflicting or redundant options", position=position)
        seen.add(name)
        if kind == "p" and name in ("volatility", "strict", "leakproof", "parallel", "cost", "rows", "window"):
            raise InvalidFunctionDefinition("invalid attribute in procedure definition", position=position)
        _option(found, name, option)
    return found


def _option(found: Options, name: str, option: Node) -> None:
    value = option.get("arg", {})
    word = value.get("String", {}).get("sval", "")
    changes = found.changes
    if name == "language":
        found.language = word
    elif name == "as":
        found.body = [item["String"]["sval"] for item in value["List"]["items"]]
    elif name == "volatility":
        changes["volatility"] = _VOLATILITIES[word]
    elif name in ("strict", "leakproof"):
        changes[name] = value["Boolean"].get("boolval", False)
    elif name == "security":
        changes["definer"] = value["Boolean"].get("boolval", False)
    elif name == "parallel":
        if word not in _PARALLEL:
            raise SyntaxError('parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE')
        changes["parallel"] = _PARALLEL[word]
    elif name in ("cost", "rows"):
        number = float(value["Float"]["fval"] if "Float" in value else value["Integer"].get("ival", 0))
        if number <= 0:
            raise InvalidParameterValue(f"{name.upper()} must be positive")
        changes[name] = number
    else:
        raise FeatureNotSupported(f"functions with {name.upper()} are not supported")


def _setting(found: Options, body: Node) -> None:
    """SET name TO value, RESET name, RESET ALL."""
    if body["kind"] == "VAR_RESET_ALL":
        found.settings["all"] = None
    elif body["kind"] in ("VAR_RESET", "VAR_SET_DEFAULT"):
        found.settings[body["name"]] = None
    elif body["kind"] == "VAR_SET_VALUE":
        found.settings[body["name"]] = setting_text(body)
    else:
        raise FeatureNotSupported("SET FROM CURRENT of a function is not supported")


def _check_language(options: Options, body: Node) -> None:
    language = options.language or ("sql" if "sql_body" in body else "")
    if not language:
        raise InvalidFunctionDefinition("no language specified")
    language = language.lower()
    if language != "sql":
        if language in ("plpgsql", "c", "internal"):
            raise FeatureNotSupported(
                f'functions in language "{language}" are not supported',
                hint="Functions can be written in language sql.",
            )
        raise UndefinedObject(f'language "{language}" does not exist')
    if "sql_body" in body and options.body:
        raise InvalidFunctionDefinition("duplicate function body specified")
    if "sql_body" not in body and not options.body:
        raise InvalidFunctionDefinition("no function body specified")
    if len(options.body) > 1:
        raise InvalidFunctionDefinition('only one AS item needed for language "sql"')


# ---------------------------------------------------------------- arguments and result


def _arguments(binder: Binder, nodes: Sequence[Node], kind: str) -> tuple[Argument, ...]:
    found: list[Argument] = []
    for node in nodes:
        part = node["FunctionParameter"]
        mode, name = MODES[part["mode"]], part.get("name", "")
        if part["argType"].get("setof"):
            raise InvalidFunctionDefinition("functions cannot accept set arguments")
        sql_type = _argument_type(binder, part["argType"])
        _check_argument(found, Argument(name, sql_type, mode), kind, has_default="defexpr" in part)
        default = None
        if "defexpr" in part:
            value = bind_definition(binder, part["defexpr"], None, ARGUMENT_DEFAULT)
            if not polymorphic.is_polymorphic(sql_type):
                binder.coerce(value, sql_type.bare, level="assignment")
            default = expression_source(binder.parsed, part["defexpr"])
        found.append(Argument(name, sql_type, mode, default))
    return tuple(found)


def _argument_type(binder: Binder, node: Node) -> SqlType:
    try:
        return binder.type_name(node)
    except UndefinedObject:
        words = ".".join(part["String"]["sval"] for part in node["names"])
        raise UndefinedObject(f"type {words} does not exist") from None


def _check_argument(
    before: Sequence[Argument], one: Argument, kind: str, *, has_default: bool
) -> None:
    is_input = one.mode in "ibv"
    if is_input and any(a.mode == "v" for a in before):
        raise InvalidFunctionDefinition("VARIADIC parameter must be the last input parameter")
    if one.mode == "v":
        arrays = ("anyarray", "anycompatiblearray", "any")
        if types.element_of(one.type) is None and one.type not in [types.by_name(w) for w in arrays]:
            raise InvalidFunctionDefinition("VARIADIC parameter must be an array")
    for other in before:
        if one.name and other.name == one.name:
            raise InvalidFunctionDefinition(f'parameter name "{one.name}" used more than once')
    if has_default and not is_input:
        raise InvalidFunctionDefinition("only input parameters can have default values")
    defaults = any(a.default is not None for a in before)
    if kind == "p" and one.mode == "o" and defaults:
        raise InvalidFunctionDefinition(
            "procedure OUT parameters cannot appear after one with a default value"
        )
    if is_input and not has_default and defaults:
        raise InvalidFunctionDefinition(
            "input parameters after one with a default value must also have defaults"
        )


def _result(
    binder: Binder, body: Node, arguments: Sequence[Argument], kind: str
) -> tuple[SqlType, bool]:
    """The type of what it gives, and whether rows of it."""
    outputs = [a for a in arguments if a.mode in "obt"]
    by_outputs = None
    if outputs:
        by_outputs = types.RECORD if len(outputs) > 1 or kind == "p" else outputs[0].type
    if "returnType" not in body:
        if kind == "p":
            return by_outputs or VOID, False
        if by_outputs is None:
            raise InvalidFunctionDefinition("function result type must be specified")
        return by_outputs, False
    node = body["returnType"]
    if any(a.mode == "t" for a in outputs):
        assert by_outputs is not None
        return by_outputs, True
    try:
        declared = binder.type_name({k: v for k, v in node.items() if k != "setof"})
    except UndefinedObject as error:
        error.position = None
        raise
    if by_outputs is None and declared == types.RECORD:
        raise FeatureNotSupported(
            "functions that return record without OUT parameters are not supported",
            hint="Say the columns with RETURNS TABLE or OUT parameters.",
        )
    if by_outputs is not None and declared.oid != by_outputs.oid:
        raise InvalidFunctionDefinition(
            f"function result type must be {types.format_type(by_outputs)} because of OUT parameters"
        )
    return declared, bool(node.get("setof"))


def _check_types(arguments: Sequence[Argument], result: SqlType, *, standard: bool) -> None:
    inputs = [a.type for a in arguments if a.mode in "ibv"]
    if result.oid == TRIGGER_OID:
        raise InvalidFunctionDefinition("SQL functions cannot return type trigger")
    for one in inputs:
        if one.definition.name in _PSEUDO:
            raise InvalidFunctionDefinition(f"SQL functions cannot have arguments of type {one.name}")
    if any(map(polymorphic.is_polymorphic, inputs)):
        if standard:
            raise InvalidFunctionDefinition(
                "SQL function with unquoted function body cannot have polymorphic arguments"
            )
    elif polymorphic.is_polymorphic(result):
        raise InvalidFunctionDefinition(
            "cannot determine result data type", detail=polymorphic.required(result)
        )


# ---------------------------------------------------------------- the body


def _body(binder: Binder, body: Node, options: Options) -> str:
    """As text; of the SQL standard's as it stands in the statement."""
    if "sql_body" not in body:
        return options.body[0]
    if "ReturnStmt" in body["sql_body"]:
        return "RETURN " + expression_source(binder.parsed, body["sql_body"]["ReturnStmt"]["returnval"])
    raw = binder.parsed.rest
    plain = STRINGS.sub(lambda m: " " * len(m.group()), raw)
    begin = re.search(r"\bbegin\s+atomic\b", plain, re.I)
    assert begin is not None, raw
    for end in re.finditer(r"\bend\b", plain[begin.start() :], re.I):
        text = raw[begin.start() : begin.start() + end.end()]
        if _is_whole(text):
            return text
    raise AssertionError(f"no end of the body in {raw}")


def _is_whole(text: str) -> bool:
    try:
        return len(parse(f"CREATE FUNCTION f() RETURNS void {text}")) == 1
    except SyntaxError:
        return False


# ---------------------------------------------------------------- OR REPLACE


def _replacing(binder: Binder, made: Routine, *, replaces: bool) -> Routine:
    """The function with the oid of the one that it replaces."""
    for old in binder.catalog.routines_named(made.schema_oid, made.name):
        if old.input_oids != made.input_oids:
            continue
        shown = signature(made)
        if not replaces:
            raise DuplicateFunction(f'function "{made.name}" already exists with same argument types')
        if old.kind != made.kind:
            what = {"f": "function", "p": "procedure"}[old.kind]
            raise WrongObjectType("cannot change routine kind", detail=f'"{made.name}" is a {what}.')
        _check_replaced(old, made, f"Use DROP {'PROCEDURE' if made.kind == 'p' else 'FUNCTION'} {shown} first.")
        return replace(made, oid=old.oid)
    return made


def _check_replaced(old: Routine, made: Routine, hint: str) -> None:
    if (old.result.oid, old.returns_set) != (made.result.oid, made.returns_set):
        raise InvalidFunctionDefinition("cannot change return type of existing function", hint=hint)
    if old.result == types.RECORD and _row(old) != _row(made):
        raise InvalidFunctionDefinition(
            "cannot change return type of existing function",
            detail="Row type defined by OUT parameters is different.", hint=hint,
        )  # fmt: skip
    for before, after in zip(old.inputs, made.inputs, strict=True):
        if before.name and before.name != after.name:
            raise InvalidFunctionDefinition(
                f'cannot change name of input parameter "{before.name}"', hint=hint
            )
        if before.default is not None and after.default is None:
            raise InvalidFunctionDefinition(
                "cannot remove parameter defaults from existing function", hint=hint
            )


def _row(routine: Routine) -> list[tuple[str, int]]:
    return [(a.name, a.type.oid) for a in routine.outputs]


def signature(routine: Routine) -> str:
    """name(type,type), as regprocedure shows it."""
    return f"{routine.name}({','.join(types.format_type(a.type.bare) for a in routine.inputs)})"
