"""Calls of functions that users made: which one is meant, with which arguments, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlvec import types
from sqlvec.catalog.routines import Argument, Routine
from sqlvec.errors import AmbiguousFunction, UndefinedFunction, WrongObjectType
from sqlvec.sql import bound, polymorphic
from sqlvec.sql.binder import Binder
from sqlvec.sql.composites import composite_of
from sqlvec.sql.functions import FUNCTIONS, is_pseudo, type_of
from sqlvec.sql.overloads import Ambiguous, Candidate, candidates, chosen
from sqlvec.sql.parse import Node
from sqlvec.sql.ranges import matches
from sqlvec.sql.resolve_function import NO_MATCH
from sqlvec.sql.scope import Scope
from sqlvec.types import SqlType
from sqlvec.types.domain_type import value_type

Bind = Callable[[Binder, Node, Scope], bound.Expression]
Columns = tuple[tuple[str, SqlType], ...]
_NO_PROCEDURE = (
    "No procedure matches the given name and argument types. You might need to add explicit type casts."
)
_NO_BEST = "Could not choose a best candidate function. You might need to add explicit type casts."


@dataclass(frozen=True, slots=True)
class Call:
    """args: one for each input argument, of its type. columns: what the function gives, by name and type."""

    routine: Routine
    args: tuple[bound.Expression, ...]
    result: SqlType
    columns: Columns
    position: int | None
    given: tuple[SqlType, ...] = ()  # the types as the call has them
    written: bound.WrittenCall | None = None

    @property
    def is_row(self) -> bool:
        """Whether a value of it is a row."""
        return self.result == types.RECORD or composite_of(self.result) is not None


def find_call(binder: Binder, body: Node, scope: Scope, bind: Bind) -> Call | None:
    """The call of a FuncCall node, None where no user's function of that name takes the arguments."""
    *schema, name = (part["String"]["sval"] for part in body["funcname"])
    if schema and schema[-1] == "pg_catalog":
        return None
    routines = _found(binder, schema[-1] if schema else None, name)
    if not routines or any(word in body for word in ("over", "agg_star", "agg_within_group")):
        return None
    return matched(binder, routines, body, scope, bind)


def _found(binder: Binder, schema: str | None, name: str) -> list[Routine]:
    found = binder.context.find_routines(schema, name)
    if not found and schema is None and binder.stored_text:  # see type_text.qualified
        return binder.context.find_routines("public", name)
    return found


def matched(
    binder: Binder, routines: Sequence[Routine], body: Node, scope: Scope, bind: Bind
) -> Call | None:
    """The call of one of these."""
    *_, name = (part["String"]["sval"] for part in body["funcname"])
    position = binder.position(body)
    nodes = body.get("args", ())
    given = [bind(binder, n, scope) for n in nodes if "NamedArgExpr" not in n]
    named = [n["NamedArgExpr"] for n in nodes if "NamedArgExpr" in n]
    given += [bind(binder, n["arg"], scope) for n in named]
    words = [n["name"] for n in named]
    given = [arg for arg in given if not _is_place_of_out(arg)]
    declared = [declared_type(binder, arg) for arg in given]
    among = candidates(
        routines, len(given) - len(words), words, variadic=bool(body.get("func_variadic"))
    )
    if not words:
        among = [*_builtin(name, declared), *among]
    try:
        found = chosen(among, declared)
    except Ambiguous:
        shown = ", ".join(arg.type.plain_name for arg in given)
        raise AmbiguousFunction(
            f"function {name}({shown}) is not unique", position=position, hint=_NO_BEST
        ) from None
    if found is None or found.routine is None:
        return None
    for word, meaning in (("agg_distinct", "DISTINCT"), ("agg_order", "ORDER BY"), ("agg_filter", "FILTER")):
        if word in body:
            raise WrongObjectType(
                f"{meaning} specified, but {name} is not an aggregate function", position=position
            )
    if binder.type_uses is not None:
        binder.type_uses.append((found.routine.oid, position, None))
    return _call(binder, found, given, words, position)


def _is_place_of_out(arg: bound.Expression) -> bool:
    """A parameter of type void stands for an OUT argument, in what JDBC sends of a CallableStatement."""
    return isinstance(arg, bound.Param) and arg.type == types.VOID


def declared_type(binder: Binder, arg: bound.Expression) -> SqlType:
    """With the type of a table's whole row."""
    if isinstance(arg, bound.RowRef) and (table := binder.tables.get(arg.relation_id)) is not None:
        return binder.catalog.row_type(binder.catalog.table(table.oid))
    return arg.type


def _builtin(name: str, given: Sequence[SqlType]) -> list[Candidate]:
    """PostgreSQL's own functions of the name, which are found first."""
    found = []
    for signature in FUNCTIONS.get(name, ()):
        if signature.accepts(len(given)) and not signature.variadic:
            pairs = list(zip(signature.arguments[: len(given)], given, strict=True))
            if all(_may_be(word, one) for word, one in pairs):
                wanted = (one if is_pseudo(word) else type_of(word) for word, one in pairs)
                found.append(Candidate(None, tuple(wanted)))
    return found


def _may_be(word: str, given: SqlType) -> bool:
    """Whether the argument may be one of PostgreSQL's polymorphic ones, if the word is."""
    if word in ("anyrange", "anymultirange"):
        return matches(word, given)
    return word != "anyarray" or types.element_of(given) is not None


def _call(
    binder: Binder,
    found: Candidate,
    given: Sequence[bound.Expression],
    names: Sequence[str],
    position: int | None,
) -> Call:
    routine = found.routine
    assert routine is not None, found
    inputs = routine.inputs
    made = polymorphic.settled(found.types, [arg.type for arg in given])
    values: dict[int, bound.Expression] = {}
    elements: list[bound.Expression] = []
    for place, wanted, arg in zip(found.places, found.types, given, strict=True):
        value = binder.coerce(arg, made.get(wanted.oid, wanted).bare, position=position)
        if found.collected >= 0 and place == len(inputs) - 1:
            elements.append(value)
        else:
            values[place] = value
    if found.collected >= 0:
        array = made.get(inputs[-1].type.oid, inputs[-1].type)
        values[len(inputs) - 1] = bound.ArrayExpression(array.bare, tuple(elements))
    for place, argument in enumerate(inputs):
        if place not in values:
            values[place] = _default(binder, argument)
    args = tuple(values[place] for place in range(len(inputs)))
    result = made.get(routine.result.oid, routine.result)
    columns = result_columns(routine, result, made)
    declared = tuple(arg.type for arg in given)
    written = bound.WrittenCall(
        value_type(result), routine.oid, tuple(values[place] for place in dict.fromkeys(found.places)),
        tuple(names), routine.variadic and len(inputs) - 1 in found.places,
    )  # fmt: skip
    return Call(routine, args, value_type(result), columns, position, declared, written)


def _default(binder: Binder, argument: Argument) -> bound.Expression:
    from sqlvec.sql.expression_text import bind_expression_text

    assert argument.default is not None, argument
    outer, binder.arguments = binder.arguments, None
    try:
        value = bind_expression_text(binder, argument.default, None, -2)
    finally:
        binder.arguments = outer
    return binder.coerce(value, argument.type.bare, level="assignment")


def result_columns(routine: Routine, result: SqlType, made: dict[int, SqlType]) -> Columns:
    """Names and types of what it gives: its OUT arguments, the fields of its row, or its one value."""
    outputs = routine.outputs
    if outputs:
        return tuple(
            (a.name or f"column{i}", value_type(made.get(a.type.oid, a.type)))
            for i, a in enumerate(outputs, 1)
        )
    row = composite_of(result)
    if row is not None:
        return tuple((field.name, value_type(field.type)) for field in row.fields)
    return ((routine.name, value_type(result)),)


def refuse_procedure(call: Call) -> None:
    if call.routine.kind == "p":
        shown = ", ".join(t.plain_name for t in call.given)
        raise WrongObjectType(
            f"{call.routine.name}({shown}) is a procedure",
            position=call.position, hint="To call a procedure, use CALL.",
        )  # fmt: skip


def no_such(kind: str, name: str, given: Sequence[str], position: int | None) -> UndefinedFunction:
    """kind: function, procedure."""
    hint = NO_MATCH if kind == "function" else _NO_PROCEDURE
    return UndefinedFunction(f"{kind} {name}({', '.join(given)}) does not exist", position=position, hint=hint)
