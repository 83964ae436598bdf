"""CALL: a procedure run as a statement (CallStmt, functioncmds.c)."""

from __future__ import annotations

from dataclasses import replace

from sqlvec.catalog.routines import Routine
from sqlvec.errors import FeatureNotSupported, WrongObjectType
from sqlvec.sql import bound
from sqlvec.sql.bind_call import matched, no_such
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.binder import Binder
from sqlvec.sql.functions import FUNCTIONS
from sqlvec.sql.parse import Node, nodes_of
from sqlvec.sql.scope import Scope


def bind_call(binder: Binder, body: Node) -> bound.Utility:
    call = body["funccall"]
    *schema, name = (part["String"]["sval"] for part in call["funcname"])
    position = binder.position(call)
    every = binder.context.find_routines(schema[-1] if schema else None, name)
    procedures = [_with_placeholders(r) for r in every if r.kind == "p"]
    found = matched(binder, procedures, call, Scope(), bind_expression) if procedures else None
    if found is None:
        _refuse_function(binder, every, call, name, position)
        raise no_such("procedure", ".".join([*schema, name]), _given(binder, call), position)
    for node in call.get("args", ()):
        for inner in nodes_of(node, "SubLink"):
            raise FeatureNotSupported(
                "cannot use subquery in CALL argument", position=binder.position(inner)
            )
    routine = binder.catalog.routines[found.routine.oid]
    kept = [arg for arg, a in zip(found.args, routine.arguments, strict=True) if a.mode != "o"]
    columns = tuple(bound.OutputColumn(n, t) for n, t in found.columns) if routine.outputs else ()
    args = {"oid": routine.oid, "args": tuple(kept)}
    return bound.Utility("call", "CALL", args, columns)


def _with_placeholders(routine: Routine) -> Routine:
    """OUT arguments are given too, though nothing is made of what is given."""
    arguments = tuple(replace(a, mode="b") if a.mode == "o" else a for a in routine.arguments)
    return replace(routine, arguments=arguments)


def _given(binder: Binder, call: Node) -> list[str]:
    shown = []
    for node in call.get("args", ()):
        named = node.get("NamedArgExpr")
        word = bind_expression(binder, named["arg"] if named else node, Scope()).type.plain_name
        shown.append(f"{named['name']} => {word}" if named else word)
    return shown


def _refuse_function(
    binder: Binder, every: list[Routine], call: Node, name: str, position: int | None
) -> None:
    functions = [r for r in every if r.kind == "f"]
    fits = functions and matched(binder, functions, call, Scope(), bind_expression) is not None
    if fits or name in FUNCTIONS:
        raise WrongObjectType(
            f"{name}({', '.join(_given(binder, call))}) is not a procedure",
            position=position, hint="To call a function, use SELECT.",
        )  # fmt: skip
