"""Types that users make, inside the relational engine: an enum is a BIGINT, the code of its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec.sql import bound
from sqlvec.sql.domain_rules import value_reference
from sqlvec.sql.render_types import duckdb_type, quoted
from sqlvec.types import SqlType
from sqlvec.types.enum_type import Enum

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer


def user_type_text(value: str, sql_type: SqlType) -> str | None:
    """The output text of a rendered value; None for a type that is no user's."""
    if isinstance(sql_type.own, Enum):
        codes, labels = _lists(sql_type.own)
        return f"({labels})[list_position({codes}, {value})]"
    return None


def parsed_user_type(text: str, target: SqlType) -> str | None:
    """Text read by the type's parser; None for a type that is no user's."""
    if isinstance(target.own, Enum):
        codes, labels = _lists(target.own)
        return f"sqlvec_parse_enum({text}, {codes}, {labels}, {quoted(target.own.display_name)})"
    return None


def user_type_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """enum_range(everything, first, last); None for other functions."""
    if e.name != "enum_range":
        return None
    everything, first, last = r.all(e.args)
    item = r.fresh()
    return (
        f"list_filter({everything}, lambda {item}: "
        f"coalesce({item} >= {first}, true) AND coalesce({item} <= {last}, true))"
    )


def domain_check(r: ExpressionRenderer, e: bound.DomainCheck) -> str:
    """The value, or the error of the first rule that it breaks."""
    value = r.output(e.arg)
    item = r.fresh()
    checked = _checked(r, e, item)
    if e.depth:
        return f"list_transform({value}, lambda {item}: {checked})"
    return f"list_transform([{value}], lambda {item}: {checked})[1]"


def _checked(r: ExpressionRenderer, e: bound.DomainCheck, item: str) -> str:
    whens = []
    for rule in e.rules:
        broken = f"{item} IS NULL"
        if rule.condition is not None:
            with r.replacing({value_reference(e.domain): item}):
                broken = f"({r.render(rule.condition)}) IS FALSE"
        words = ", ".join(map(quoted, (rule.schema, rule.domain, rule.constraint)))
        failure = f"CAST(sqlvec_domain_violation({words}) AS {duckdb_type(e.domain)})"
        whens.append(f" WHEN {broken} THEN {failure}")
    return f"CASE{''.join(whens)} ELSE {item} END" if whens else item


def _lists(enum: Enum) -> tuple[str, str]:
    codes = ", ".join(map(str, enum.labels))
    labels = ", ".join(map(quoted, enum.labels.values()))
    return f"CAST([{codes}] AS BIGINT[])", f"CAST([{labels}] AS VARCHAR[])"
