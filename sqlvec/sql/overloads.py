"""Which function of a name a call means: func_get_detail and func_select_candidate of parse_func.c.

A candidate is a function together with how the arguments given meet those it declares: in which order, how many are
collected into the array of a VARIADIC one, and which are left to their defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlvec import types
from sqlvec.catalog.routines import Routine
from sqlvec.sql.polymorphic import are_consistent, could_be, is_polymorphic
from sqlvec.sql.type_rules import casts_implicitly, is_unknown
from sqlvec.types import SqlType

STRING = "S"


@dataclass(frozen=True, slots=True)
class Candidate:
    """types: wanted of each argument given; places: which input argument of the function it is. collected: how
    many of the last are elements of the VARIADIC array, -1 for none that is collected. routine: None for a function
    of PostgreSQL's own. alike: another takes the same through its defaults."""

    routine: Routine | None
    types: tuple[SqlType, ...]
    places: tuple[int, ...] = ()
    collected: int = -1
    alike: bool = False

    @property
    def oids(self) -> tuple[int, ...]:
        return tuple(t.oid for t in self.types)


class Ambiguous(Exception):
    """Several functions fit equally well."""


def candidates(
    routines: Sequence[Routine], count: int, names: Sequence[str], *, variadic: bool = False
) -> list[Candidate]:
    """The functions that take so many arguments by place and then these by name; of two that take the same
    types the one found first, but one that collects nothing before one that does (FuncnameGetCandidates)."""
    found: dict[tuple[int, ...], Candidate] = {}
    for routine in routines:
        made = _meeting(routine, count, names, variadic)
        if made is None:
            continue
        other = found.get(made.oids)
        if other is None:
            found[made.oids] = made
        elif other.routine is not None and other.routine.schema_oid == routine.schema_oid:
            if (made.collected < 0) == (other.collected < 0):
                found[made.oids] = replace(other, alike=True)
            elif made.collected < 0:
                found[made.oids] = made
    return list(found.values())


def _meeting(
    routine: Routine, count: int, names: Sequence[str], variadic: bool
) -> Candidate | None:
    inputs = routine.inputs
    if routine.variadic and not variadic:
        if names:
            return None
        if count >= len(inputs):
            *plain, array = (a.type for a in inputs)
            extra = count - len(plain)
            places = (*range(len(plain)), *[len(plain)] * extra)
            return Candidate(routine, (*plain, *[element_of(array)] * extra), places, extra)
    if count + len(names) > len(inputs) or (variadic and not routine.variadic):
        return None
    found = _places(routine, count, names)
    if found is None or any(a.default is None for i, a in enumerate(inputs) if i not in found):
        return None
    return Candidate(routine, tuple(inputs[i].type for i in found), found)


def _places(routine: Routine, count: int, names: Sequence[str]) -> tuple[int, ...] | None:
    known = [a.name for a in routine.inputs]
    places = list(range(count))
    for name in names:
        if name not in known[count:]:
            return None
        places.append(known.index(name, count))
    return tuple(places) if len(set(places)) == len(places) else None


def element_of(array: SqlType) -> SqlType:
    """Of the array of a VARIADIC argument."""
    word = {types.by_name("anyarray"): "anyelement", types.by_name("anycompatiblearray"): "anycompatible"}
    if (name := word.get(array)) is not None:
        found = types.by_name(name)
    else:
        found = types.element_of(array)
    assert found is not None, array
    return found


def chosen(found: Sequence[Candidate], given: Sequence[SqlType]) -> Candidate | None:
    """The one that fits the types given best; None for none, Ambiguous for several."""
    best = _best(found, given)
    if best is not None and best.alike:
        raise Ambiguous
    return best


def _best(found: Sequence[Candidate], given: Sequence[SqlType]) -> Candidate | None:
    exact = [c for c in found if all(w.oid == g.oid for w, g in zip(c.types, given, strict=True))]
    if exact:
        return exact[0]
    left = [c for c in found if all(_accepts(g, w) for w, g in zip(c.types, given, strict=True))]
    left = [c for c in left if are_consistent(c.types, given)]
    if len(left) <= 1:
        return left[0] if left else None
    left = _most(left, [_exact(c, given) for c in left])
    if len(left) > 1:
        left = _most(left, [_exact(c, given) + _preferred(c, given) for c in left])
    if len(left) > 1:
        left = _by_category(left, given)
    if len(left) > 1:
        left = _alike(left, given)
    if len(left) > 1:
        raise Ambiguous
    return left[0]


def _accepts(given: SqlType, wanted: SqlType) -> bool:
    if is_polymorphic(wanted):
        return could_be(given, wanted)
    return casts_implicitly(given, wanted)


def _most(found: list[Candidate], scores: list[int]) -> list[Candidate]:
    best = max(scores)
    return [c for c, score in zip(found, scores, strict=True) if score == best]


def _exact(candidate: Candidate, given: Sequence[SqlType]) -> int:
    pairs = zip(candidate.types, given, strict=True)
    return sum(w.oid == g.oid and not is_unknown(g) for w, g in pairs)


def _preferred(candidate: Candidate, given: Sequence[SqlType]) -> int:
    """Arguments that would become the preferred type of their own category."""
    pairs = zip(candidate.types, given, strict=True)
    return sum(
        w.oid != g.oid and w.definition.preferred and w.definition.category == g.definition.category
        for w, g in pairs
        if not is_unknown(g)
    )


def _by_category(found: list[Candidate], given: Sequence[SqlType]) -> list[Candidate]:
    """Literals of unknown type are strings where any function takes one, or else of the category that all take."""
    for place, one in enumerate(given):
        if not is_unknown(one):
            continue
        wanted = [c.types[place].definition for c in found]
        categories = {d.category for d in wanted}
        if STRING in categories:
            category = STRING
        elif len(categories) == 1:
            (category,) = categories
        else:
            return found
        kept = [c for c in found if c.types[place].definition.category == category]
        favoured = [c for c in kept if c.types[place].definition.preferred]
        found = favoured or kept
    return found


def _alike(found: list[Candidate], given: Sequence[SqlType]) -> list[Candidate]:
    """Where all known arguments are of one type, so are those of unknown type."""
    known = {t.oid for t in given if not is_unknown(t)}
    if len(known) != 1 or not any(is_unknown(t) for t in given):
        return found
    (oid,) = known
    kept = [c for c in found if all(w.oid == oid for w, g in zip(c.types, given, strict=True) if is_unknown(g))]
    return kept if len(kept) == 1 else found
