"""User types and functions in SQL text that the catalog keeps: defaults, checks, index expressions, views.

Such a text is bound as it is used, and what it says of types is noted on the way: so names are found whatever
schema they are looked up in, and literals of an enum also where nothing but their place tells that they are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.objects import Catalog, Column, Constraint, Index, Relation, Table, View
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.user_types import DomainType, UserType
from sqlvec.errors import DatabaseError
from sqlvec.sql.bind_from import bind_stored_query
from sqlvec.sql.binder import Binder
from sqlvec.sql.check_body import bind_body
from sqlvec.sql.context import BindContext
from sqlvec.sql.expression_text import bind_domain_text, bind_expression_text
from sqlvec.sql.parse import ParsedStatement
from sqlvec.sql.routine_body import LEAD_LENGTH
from sqlvec.types import SqlType

_PREFIX = len("SELECT ")
_NAME = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_NAMES = re.compile(rf"{_NAME}(?:\s*\.\s*{_NAME})*")
_LITERAL = re.compile(r"[eE]?'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Use:
    """Of the type (or the array type) or function of that oid in a text, at a 0-based place; label: its literal, if not
    its name."""

    oid: int
    place: int
    label: str | None


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of the catalog; what: as DROP names it, "" for that of a view. part: the column or constraint whose it
    is, None for the whole object's."""

    text: str
    what: str
    uses: tuple[Use, ...]
    part: Column | Constraint | None = None


_Tell = Callable[[_Text], str]
RoutineUse = tuple[int, Column | Constraint | None, int]  # who calls, in which part, what


def retold(binder: Binder, catalog: Catalog, oid: int, new: tuple[str, str]) -> Catalog:
    """The catalog with the type or function named as schema and name in all its texts."""
    made = binder.catalog.types.get(oid)
    oids = (oid,) if made is None else (oid, made.array_oid)

    def tell(text: _Text) -> str:
        return _edited(text, lambda use: _named(new) if use.label is None and use.oid in oids else None)

    return _rewritten(binder, catalog, tell)


def relabelled(binder: Binder, catalog: Catalog, oid: int, old: str, new: str) -> Catalog:
    """The catalog with the enum's literals of a label as the label is called now; arrays of it too."""
    before, after = ({t.oid: t for t in _with_arrays(c, oid)} for c in (binder.catalog, catalog))

    def label(use: Use) -> str | None:
        if use.label is None or use.oid not in before:
            return None
        datum = before[use.oid].definition.parse(use.label)
        return quote_string(after[use.oid].definition.render(datum))

    return _rewritten(binder, catalog, lambda text: _edited(text, label))


def qualified(binder: Binder, changed: tuple[Relation, ...]) -> tuple[Relation, ...]:
    """Relations of the next catalog with their types and functions named by schema, so that no search path hides
    them; public is found anyway."""
    tell = _with_schemas(binder.catalog)
    others = {relation.oid: relation for relation in changed}
    return tuple(_told_relation(binder, relation, tell, others) for relation in changed)


def _with_schemas(catalog: Catalog) -> _Tell:
    def name(use: Use) -> str | None:
        made = catalog.types.get(use.oid) or catalog.routines.get(use.oid)
        if use.label is not None or made is None:
            return None
        schema = catalog.schemas[made.schema_oid].name
        return None if schema == "public" else _named((schema, made.name))

    return lambda text: _edited(text, name)


def with_qualified(binder: Binder, catalog: Catalog) -> Catalog:
    """The catalog with what is new in it of functions and domains as `qualified` has relations."""
    before, tell = binder.catalog, _with_schemas(catalog)
    inner = Binder(binder.parsed, replace(binder.context, catalog=catalog), ())
    for routine in catalog.routines.values():
        if routine != before.routines.get(routine.oid):
            catalog = catalog.with_routine(_told_routine(inner, routine, tell))
    for made in catalog.types.values():
        if isinstance(made, DomainType) and made != before.types.get(made.oid):
            catalog = catalog.with_type(_told_type(inner, made, tell))
    return catalog


def texts_that_use(binder: Binder, relation: Relation, oids: set[int]) -> Iterator[str]:
    """Which texts of the relation use one of the types, as DROP names them; "" for a view."""
    found: list[str] = []

    def tell(text: _Text) -> str:
        if any(use.oid in oids for use in text.uses):
            found.append(text.what)
        return text.text

    _told_relation(binder, relation, tell)
    yield from dict.fromkeys(found)


def routine_uses(catalog: Catalog) -> list[RoutineUse]:
    """Which objects, or which of their columns and constraints, call which functions of users."""
    if not catalog.routines:
        return []
    context = BindContext(catalog, ("public",), lambda name: "")
    binder = Binder(ParsedStatement("", {}, 0), context, ())
    found: dict[RoutineUse, None] = {}
    objects: list[Relation | Routine] = [*catalog.relations.values(), *catalog.routines.values()]
    for one in objects:

        def tell(text: _Text, one: Relation | Routine = one) -> str:
            for use in text.uses:
                if use.oid in catalog.routines:
                    found[(one.oid, text.part, use.oid)] = None
            return text.text

        with suppress(DatabaseError):
            (_told_routine if isinstance(one, Routine) else _told_relation)(binder, one, tell)  # type: ignore[arg-type]
    return list(found)


def routines_called(binder: Binder, routine: Routine) -> set[int]:
    """The functions and types that its defaults name, and its body if that is one of the SQL standard: the names in
    another mean what they mean when it is called."""
    found: set[int] = set()

    def tell(text: _Text) -> str:
        found.update(use.oid for use in text.uses)
        return text.text

    _told_routine(binder, routine, tell)
    return found


def checks_that_use(binder: Binder, domain: DomainType, oid: int) -> list[str]:
    """The names of a domain's constraints that use the type or function."""
    base, found = binder.catalog.base_of(domain), []
    for check in domain.checks:
        with _Noting(binder, _PREFIX) as uses:
            bind_domain_text(binder, check.expression, base)
        if any(use.oid == oid for use in uses):
            found.append(check.name)
    return found


def _with_arrays(catalog: Catalog, oid: int) -> Iterator[SqlType]:
    for one in (oid, catalog.types[oid].array_oid):
        found = catalog.type_by_oid(one)
        assert found is not None, oid
        yield found


def _named(parts: tuple[str, str]) -> str:
    schema, name = map(quote_identifier, parts)
    return name if schema == "public" else f"{schema}.{name}"


def _edited(text: _Text, edit: Callable[[Use], str | None]) -> str:
    """The text with what `edit` gives in place of uses."""
    out = text.text
    for use in sorted(text.uses, key=lambda use: -use.place):
        new = edit(use)
        pattern = _NAMES if use.label is None else _LITERAL
        match = pattern.match(out, use.place) if new is not None and use.place >= 0 else None
        if match is not None and new is not None:
            out = out[: match.start()] + new + out[match.end() :]
    return out


# ---------------------------------------------------------------- through the catalog


def _rewritten(binder: Binder, catalog: Catalog, tell: _Tell) -> Catalog:
    """The texts are read in the binder's catalog, in which they are what they were."""
    relations = [_told_relation(binder, relation, tell) for relation in binder.catalog.relations.values()]
    changed = [r for r in relations if r != binder.catalog.relations[r.oid]]
    made = [_told_type(binder, one, tell) for one in binder.catalog.types.values()]
    texts = {t.oid: t for t in made if t != binder.catalog.types[t.oid]}
    for oid, one in texts.items():
        assert isinstance(one, DomainType), one
        texts[oid] = replace(catalog.types[oid], default=one.default, checks=one.checks)  # type: ignore[call-arg]
    catalog = catalog.with_type(*texts.values()).with_relation(*changed)
    for routine in binder.catalog.routines.values():
        told = _told_routine(binder, routine, tell)
        if told != routine:
            kept = catalog.routines[routine.oid]
            catalog = catalog.with_routine(replace(kept, body=told.body, arguments=told.arguments))
    return catalog


def _told_relation(
    binder: Binder, relation: Relation, tell: _Tell, others: Mapping[int, Relation] | None = None
) -> Relation:
    """others: by oid, what is of the next catalog: an index may be of a table there."""
    if isinstance(relation, Table):
        columns = tuple(_told_column(binder, relation, c, tell) for c in relation.columns)
        constraints = tuple(
            replace(c, expression=_over(binder, relation, c.expression, f"constraint {c.name} on", _of(c, tell)))
            if c.kind == "c" else c
            for c in relation.constraints
        )  # fmt: skip
        query = _told_query(binder, relation, tell) if relation.query else ""
        return replace(relation, columns=columns, constraints=constraints, query=query)
    if isinstance(relation, View):
        return replace(relation, query=_told_query(binder, relation, tell))
    if isinstance(relation, Index):
        table = (others or {}).get(relation.table_oid) or binder.catalog.relations.get(relation.table_oid)
        if not isinstance(table, Table):
            return relation
        parts = tuple(
            replace(c, expression=_over(binder, table, c.expression, "index", tell)) if c.expression else c
            for c in relation.columns
        )
        predicate = relation.predicate and _over(binder, table, relation.predicate, "index", tell)
        return replace(relation, columns=parts, predicate=predicate)
    return relation


def _of(part: Column | Constraint, tell: _Tell) -> _Tell:
    """Tells of a text as of that part of its table."""
    return lambda text: tell(replace(text, part=part))


def _told_column(binder: Binder, table: Table, column: Column, tell: _Tell) -> Column:
    if column.generated:
        what = f"column {column.name} of"
        return replace(column, generated=_over(binder, table, column.generated, what, _of(column, tell)))
    if column.default:
        what = f"default value for column {column.name} of"
        told = _over(binder, None, column.default, what, _of(column, tell), column.type)
        return replace(column, default=told)
    return column


def _over(
    binder: Binder, table: Table | None, text: str, what: str, tell: _Tell, target: SqlType | None = None
) -> str:
    """An expression, over the table's columns or none, read as target."""
    with _Noting(binder, _PREFIX) as uses:
        expression = bind_expression_text(binder, text, table, -2)
        if target is not None:
            binder.coerce(expression, target, level="explicit")
    return tell(_Text(text, what, tuple(uses)))


def _told_query(binder: Binder, relation: Table | View, tell: _Tell) -> str:
    with _Noting(binder, 0) as uses:
        bind_stored_query(binder, relation.query, relation.relations)
    return tell(_Text(relation.query, "", tuple(uses)))


def _told_type(binder: Binder, made: UserType, tell: _Tell) -> UserType:
    if not isinstance(made, DomainType):
        return made
    base = binder.catalog.base_of(made)
    default = made.default and _over(binder, None, made.default, "", tell, base)
    checks = []
    for check in made.checks:
        with _Noting(binder, _PREFIX) as uses:
            bind_domain_text(binder, check.expression, base)
        checks.append(replace(check, expression=tell(_Text(check.expression, "", tuple(uses)))))
    return replace(made, default=default, checks=tuple(checks))


def _told_routine(binder: Binder, routine: Routine, tell: _Tell) -> Routine:
    arguments = tuple(
        replace(a, default=_over(binder, None, a.default, "", tell)) if a.default else a
        for a in routine.arguments
    )
    body = routine.body
    if routine.standard:
        with _Noting(binder, LEAD_LENGTH) as uses:
            bind_body(binder, routine)
        body = tell(_Text(body, "", tuple(uses)))
    return replace(routine, arguments=arguments, body=body)


class _Noting:
    """Has the binder note what it meets of user types; a text begins `shift` characters into what is parsed."""

    def __init__(self, binder: Binder, shift: int) -> None:
        self.binder, self.shift = binder, shift
        self.uses: list[Use] = []

    def __enter__(self) -> list[Use]:
        self.outer, self.binder.type_uses = self.binder.type_uses, []
        return self.uses

    def __exit__(self, *_: object) -> None:
        noted, self.binder.type_uses = self.binder.type_uses, self.outer
        for oid, position, label in noted or ():
            place = -1 if position is None else position - 1 - self.shift
            self.uses.append(Use(oid, place, label))
