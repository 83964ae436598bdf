"""Functions and procedures that users make, in the SQL language, as immutable values of the catalog.

The body of `AS '...'` is kept as its text, and its names mean what they mean when it is called. That of BEGIN ATOMIC
or RETURN is kept with what its names meant when it was made, as a view's query is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlvec.catalog.user_types import linked_type
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.catalog.objects import ViewRelation

INPUT_MODES = "ibv"
OUTPUT_MODES = "obt"


@dataclass(frozen=True, slots=True)
class Argument:
    """mode: i in, o out, b both, v variadic, t a column of RETURNS TABLE (pg_proc.proargmodes)."""

    name: str
    type: SqlType
    mode: str = "i"
    default: str | None = None  # SQL text


@dataclass(frozen=True, slots=True)
class Routine:
    """kind: f function, p procedure. standard: the body is one of the SQL standard, BEGIN ATOMIC or RETURN.
    settings: those of SET, as name and value. cost and rows: -1 where they were not said."""

    oid: int
    name: str
    schema_oid: int
    arguments: tuple[Argument, ...]
    result: SqlType
    body: str
    kind: str = "f"
    returns_set: bool = False
    standard: bool = False
    relations: tuple[ViewRelation, ...] = ()
    volatility: str = "v"
    strict: bool = False
    leakproof: bool = False
    definer: bool = False
    parallel: str = "u"
    cost: float = -1
    rows: float = -1
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def inputs(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.mode in INPUT_MODES)

    @property
    def outputs(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.mode in OUTPUT_MODES)

    @property
    def input_oids(self) -> tuple[int, ...]:
        """What tells it from others of its name."""
        return tuple(a.type.oid for a in self.inputs)

    @property
    def variadic(self) -> bool:
        return any(a.mode == "v" for a in self.arguments)

    @property
    def type_oids(self) -> set[int]:
        """The types that it takes and gives."""
        return {self.result.oid, *(a.type.oid for a in self.arguments)}

    def uses(self, oid: int, attnum: int = 0) -> bool:
        """Whether its body, one of the SQL standard, reads the relation, or that column of it."""
        return any(r.oid == oid and (not attnum or attnum in r.read) for r in self.relations)


def linked_routine(routine: Routine, known: Mapping[int, SqlType]) -> Routine:
    """With the definitions of the types that users made."""
    if not known.keys() & routine.type_oids:
        return routine
    arguments = tuple(replace(a, type=linked_type(a.type, known)) for a in routine.arguments)
    return replace(routine, arguments=arguments, result=linked_type(routine.result, known))
