"""What domains ask of values, bound: the rules of a domain with those of the domains that it is made of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlvec import types
from sqlvec.catalog.user_types import DomainType
from sqlvec.errors import CheckViolation, DatabaseError, NotNullViolation
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import DOMAIN_VALUE, bind_domain_text
from sqlvec.types import SqlType
from sqlvec.types.domain_type import Domain, base_of, value_type


def value_reference(domain: SqlType) -> bound.ColumnRef:
    """VALUE in the conditions of a domain."""
    return bound.ColumnRef(value_type(domain), DOMAIN_VALUE, 0, "value")


def domain_rules(binder: Binder, domain: SqlType) -> tuple[bound.DomainRule, ...]:
    """NOT NULL first, then the checks of what the domain is made of before its own, each by name."""
    levels = list(_levels(binder, domain))
    outer = levels[0]
    place = binder.catalog.schemas[outer.schema_oid].name, domain.definition.display_name
    rules = []
    if any(level.not_null for level in levels):
        rules.append(bound.DomainRule(*place, "", None))
    for level in reversed(levels):
        for check in sorted(level.checks, key=lambda check: check.name):
            condition = bind_domain_text(binder, check.expression, value_type(domain))
            condition = binder.boolean(condition, "CHECK", None)
            rules.append(bound.DomainRule(*place, check.name, condition))
    return tuple(rules)


def _levels(binder: Binder, domain: SqlType) -> Iterator[DomainType]:
    while isinstance(domain.own, Domain):
        made = binder.catalog.types[domain.oid]
        assert isinstance(made, DomainType), made
        yield made
        domain = domain.own.base


def domain_check(binder: Binder, value: bound.Expression, target: SqlType) -> bound.Expression:
    """The value as one of the domain, or as an array of them."""
    depth, inner = 0, target
    found = value
    while True:
        if isinstance(inner.own, Domain):
            rules = domain_rules(binder, inner)
            found = bound.DomainCheck(value.type, found, inner, rules, depth)
            inner = base_of(inner)
        element = types.element_of(inner)
        if element is None or inner.own is None:
            return found
        depth, inner = depth + 1, element


def violation(rule: bound.DomainRule) -> DatabaseError:
    """The error of a value that a rule forbids."""
    schema, domain = rule.schema, rule.domain
    if rule.condition is None:
        message = f"domain {domain} does not allow null values"
        return NotNullViolation(message, schema=schema, datatype=domain)
    return CheckViolation(
        f'value for domain {domain} violates check constraint "{rule.constraint}"',
        schema=schema, datatype=domain, constraint=rule.constraint,
    )  # fmt: skip


def default_text(binder: Binder, sql_type: SqlType) -> str | None:
    """What a column of the domain gets when nothing else is said."""
    made = binder.catalog.types.get(sql_type.oid)
    return made.default if isinstance(made, DomainType) else None
