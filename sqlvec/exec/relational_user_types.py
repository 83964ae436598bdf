"""Functions of the relational engine over types that users make; sql.render_user_types calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec import types
from sqlvec.errors import InvalidTextRepresentation
from sqlvec.sql import bound
from sqlvec.sql.domain_rules import violation


def parse_enum(text: str, codes: list[int], labels: list[str], name: str) -> int:
    """The code of a label."""
    try:
        return codes[labels.index(text)]
    except ValueError:
        raise InvalidTextRepresentation(
            f'invalid input value for enum {name}: "{text}"'
        ) from None


def domain_violation(schema: str, domain: str, constraint: str) -> str:
    """Raises what a value that breaks the rule raises; without a constraint the rule is NOT NULL."""
    condition = bound.Const(types.BOOL, False) if constraint else None
    raise violation(bound.DomainRule(schema, domain, constraint, condition))


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("parse_enum", parse_enum, ["VARCHAR", "BIGINT[]", "VARCHAR[]", "VARCHAR"], "BIGINT"),
]
VOLATILE = [("domain_violation", domain_violation, ["VARCHAR"] * 3, "VARCHAR")]
