"""Values of domains: what is written is looked at here, value by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.user_types import DomainType
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import compile_expression
from sqlvec.exec.row_rules import definition_binder
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.domain_rules import domain_rules, value_reference, violation
from sqlvec.sql.expression_text import DOMAIN_VALUE
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Composite
from sqlvec.types.domain_type import Domain, base_of


def has_rules(sql_type: SqlType, catalog: Catalog) -> bool:
    """Whether a domain in the type asks anything of its values."""
    for inner, _ in _inside(sql_type, ()):
        made = catalog.types.get(inner.oid)
        if isinstance(made, DomainType) and (made.not_null or made.checks):
            return True
    return False


def verify_domains(sql_type: SqlType, values: Sequence[Datum], context: Context) -> None:
    """Raises what PostgreSQL raises for the first value that a domain in the type forbids."""
    outer = None
    for inner, found in _inside(sql_type, values):
        if outer is None or not _is_made_of(outer, inner):  # else its rules were among the outer's
            for rule in _rules(inner, context):
                if any(_broken(rule, inner, found, context)):
                    raise violation(rule)
        outer = inner


def _is_made_of(outer: SqlType, inner: SqlType) -> bool:
    return isinstance(outer.own, Domain) and outer.own.base.oid == inner.oid


def contains_domain(sql_type: SqlType, domain: SqlType) -> bool:
    """Whether values of the type are, or have, values of the domain."""
    return any(inner.oid == domain.oid for inner, _ in _inside(sql_type, ()))


def breaks_rule(
    sql_type: SqlType, values: Sequence[Datum], check: bound.VerifyDomain, context: Context
) -> bool:
    """Whether a value of that domain in the values breaks the rule."""
    for inner, found in _inside(sql_type, values):
        if inner.oid == check.domain.oid:
            for rule in _rules(inner, context):
                if rule.constraint == check.constraint and any(_broken(rule, inner, found, context)):
                    return True
    return False


def _inside(sql_type: SqlType, values: Sequence[Datum]) -> Iterator[tuple[SqlType, Sequence[Datum]]]:
    """Each domain in the type, with its values in those of the type."""
    if isinstance(sql_type.own, Domain):
        yield sql_type, values
        yield from _inside(sql_type.own.base, values)
    elif isinstance(sql_type.own, Composite):
        rows = [sql_type.own.values(value) for value in values if value is not None]
        for place, field in enumerate(sql_type.own.fields):
            yield from _inside(field.type, [row[place] for row in rows])
    elif sql_type.own is not None and (element := types.element_of(sql_type)) is not None:
        yield from _inside(element, [item for value in values for item in leaves(value)])


def leaves(value: Datum) -> list[Datum]:
    """The elements of an array of any dimensions."""
    if value is None:
        return []
    return [leaf for item in value for leaf in (leaves(item) if isinstance(item, list) else (item,))]


def _rules(domain: SqlType, context: Context) -> tuple[bound.DomainRule, ...]:
    known: tuple[bound.DomainRule, ...] | None = context.catalog.memo.get(("domain", domain.oid))
    if known is None:
        known = domain_rules(definition_binder(context), domain)
        context.catalog.memo[("domain", domain.oid)] = known
    return known


def _broken(
    rule: bound.DomainRule, domain: SqlType, values: Sequence[Datum], context: Context
) -> list[bool]:
    if rule.condition is None:
        return [value is None for value in values]
    if is_native(rule.condition):
        test = compile_expression(rule.condition, {value_reference(domain): 0})
        return [test((value,), context) is False for value in values]
    from sqlvec.exec.over_rows import evaluate_over_rows

    base = base_of(domain)
    rows = pa.table({"c0": base.definition.to_arrow(list(values), base.typmod)})
    (found,) = evaluate_over_rows([rule.condition], DOMAIN_VALUE, rows, context)
    return [one is False for one in found]


def compiled_check(check: bound.DomainCheck) -> Callable[[Datum, Context], Datum]:
    """A cast to a domain whose conditions are evaluated value by value."""
    tests = []
    for rule in check.rules:
        slots: dict[bound.Expression, int] = {value_reference(check.domain): 0}
        test = None if rule.condition is None else compile_expression(rule.condition, slots)
        tests.append((rule, test))

    def checked(value: Datum, context: Context) -> Datum:
        for one in (value,) if check.depth == 0 else leaves(value):
            for rule, test in tests:
                broken = one is None if test is None else test((one,), context) is False
                if broken:
                    raise violation(rule)
        return value

    return checked
