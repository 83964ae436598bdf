"""Types that users make, inside the relational engine: an enum is a BIGINT, the code of its label; a composite is a
BLOB, its datum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec.sql import bound
from sqlvec.sql.domain_rules import value_reference
from sqlvec.sql.render_types import TEXTS, declared_form, duckdb_type, is_numeric, quoted
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Composite
from sqlvec.types.enum_type import Enum

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer


def user_type_text(value: str, sql_type: SqlType) -> str | None:
    """The output text of a rendered value; None for a type that is no user's."""
    if isinstance(sql_type.own, Enum):
        codes, labels = _lists(sql_type.own)
        return f"({labels})[list_position({codes}, {value})]"
    if isinstance(sql_type.own, Composite):
        return f"sqlvec_composite_text({value}, {sql_type.own.number})"
    return None


def parsed_user_type(text: str, target: SqlType) -> str | None:
    """Text read by the type's parser; None for a type that is no user's."""
    if isinstance(target.own, Enum):
        codes, labels = _lists(target.own)
        return f"sqlvec_parse_enum({text}, {codes}, {labels}, {quoted(target.own.display_name)})"
    if isinstance(target.own, Composite):
        return f"sqlvec_parse_composite({text}, {target.own.number})"
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


def composite_key(value: str, sql_type: SqlType) -> str | None:
    """What DuckDB compares as PostgreSQL compares the values; None for what is no composite."""
    if not isinstance(sql_type.own, Composite):
        return None
    return f"sqlvec_composite_key({value}, {sql_type.own.number})"


def composite_row(r: ExpressionRenderer, e: bound.RowExpression) -> str:
    """A row of a composite type, of its fields' output texts."""
    from sqlvec.sql.render_cast import text_out

    assert isinstance(e.type.own, Composite), e
    texts = ", ".join(text_out(r, item) for item in e.items)
    return f"sqlvec_make_composite(CAST([{texts}] AS VARCHAR[]), {e.type.own.number})"


def composite_field(r: ExpressionRenderer, e: bound.CompositeField) -> str:
    from sqlvec.sql.render_cast import parsed

    assert isinstance(e.arg.type.own, Composite), e
    text = f"sqlvec_composite_field({r.render(e.arg)}, {e.arg.type.own.number}, {e.attnum})"
    if e.type.oid in TEXTS:
        return text
    if is_numeric(e.type):
        form = declared_form(e.type)
        return f"CAST({text} AS {form.sql})" if form else text
    return parsed(r, text, e.type)


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
