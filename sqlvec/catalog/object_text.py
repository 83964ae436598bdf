"""Objects as the SQL that makes them: pg_get_indexdef, pg_get_constraintdef, pg_get_viewdef (ruleutils.c)."""

from __future__ import annotations

from sqlvec.catalog.collations import column_collation
from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.names import collation_name, relation_name, schema_name
from sqlvec.catalog.objects import (
    Catalog,
    Column,
    Constraint,
    Index,
    IndexColumn,
    Sequence,
    Table,
    View,
)
from sqlvec.catalog.user_types import DomainCheck, DomainType
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.types.domain_type import value_type

# Operator classes that are their type's default in the method are not shown.
DEFAULT_CLASSES = {"hnsw": (), "ivfflat": ("vector_l2_ops",)}
_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def index_text(
    view: Viewpoint, oid: int | None, column: int = 0, pretty: bool = False
) -> str | None:
    """CREATE INDEX ...; or one column of it, numbered from 1. pretty drops the schema where it is searched."""
    index = view.catalog.relations.get(oid or 0)
    if not isinstance(index, Index):
        return None
    table = view.catalog.relations[index.table_oid]
    assert isinstance(table, (Table, View))
    if column:
        return _index_part(view, index, table, column, pretty)
    parts = ", ".join(_index_column(view, index, part, table, pretty) for part in index.columns)
    unique = "UNIQUE " if index.unique else ""
    name = relation_name(view, table.oid, qualified=not pretty)
    if isinstance(table, Table) and table.partitioning is not None:
        name = f"ONLY {name}"  # its parts are indexes of their own
    text = f"CREATE {unique}INDEX {quote_identifier(index.name)} ON {name} USING {index.method} ({parts})"
    if index.included:
        names = (quote_identifier(table.columns[attnum - 1].name) for attnum in index.included)
        text += f" INCLUDE ({', '.join(names)})"
    if index.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    if index.options:
        options = ", ".join(f"{key}={quote_string(str(value))}" for key, value in index.options.items())
        text += f" WITH ({options})"
    if not index.predicate:
        return text
    return f"{text} WHERE {view.expression(index.predicate, _table(table), pretty=pretty)}"


def _table(relation: Table | View) -> Table | None:
    return relation if isinstance(relation, Table) else None


def _index_part(
    view: Viewpoint, index: Index, table: Table | View, column: int, pretty: bool
) -> str:
    """The bare name or expression of one column; empty past the last."""
    if column > len(index.columns):
        included = index.included[column - len(index.columns) - 1 :][:1]
        return quote_identifier(table.columns[included[0] - 1].name) if included else ""
    return _key(view, index.columns[column - 1], table, pretty)


def _key(view: Viewpoint, part: IndexColumn, table: Table | View, pretty: bool) -> str:
    if part.attnum:
        return quote_identifier(table.columns[part.attnum - 1].name)
    text = view.expression(part.expression, _table(table), pretty=pretty)
    return text if _is_call(text) else f"({text})"


def _is_call(text: str) -> bool:
    """name(...) alone, which an index takes without parentheses."""
    head, opened, _ = text.partition("(")
    return bool(opened) and head.replace(".", "_").isidentifier() and _closes_at_end(text, len(head))


def _closes_at_end(text: str, start: int) -> bool:
    """Whether the parenthesis at start is closed by the last character."""
    depth, quoted = 0, ""
    for place in range(start, len(text)):
        char = text[place]
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"":
            quoted = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return place == len(text) - 1
    return False


def _index_column(
    view: Viewpoint, index: Index, part: IndexColumn, table: Table | View, pretty: bool
) -> str:
    text = _key(view, part, table, pretty)
    column = table.columns[part.attnum - 1] if part.attnum else None
    own = 0 if column is None else column_collation(view.catalog, column)
    if part.collation not in (0, own):
        text += f" COLLATE {collation_name(view, part.collation)}"
    if part.operator_class and part.operator_class not in DEFAULT_CLASSES.get(index.method, (part.operator_class,)):
        hidden = index.method in DEFAULT_CLASSES and not view.searches_public
        text += f" {'public.' if hidden else ''}{part.operator_class}"
    if part.descending:
        text += " DESC" if part.nulls_first else " DESC NULLS LAST"
    elif part.nulls_first:
        text += " NULLS FIRST"
    return text


# ---------------------------------------------------------------- constraints


def constraint_text(view: Viewpoint, oid: int | None, pretty: bool = False) -> str | None:
    """PRIMARY KEY (...), CHECK (...) and so on; None when there is no such constraint."""
    found = view.catalog.constraint(oid or 0)
    if found is None:
        of_domain = view.catalog.domain_check(oid or 0)
        return of_domain and domain_check_text(view, *of_domain, pretty=pretty)
    table, constraint = found
    names = _names(table, constraint.attnums)
    if constraint.kind == "p":
        text = f"PRIMARY KEY ({names})"
    elif constraint.kind == "u":
        index = view.catalog.relations.get(constraint.index_oid)
        distinct = isinstance(index, Index) and index.nulls_not_distinct
        text = f"UNIQUE{' NULLS NOT DISTINCT' if distinct else ''} ({names})"
    elif constraint.kind == "c":
        text = f"CHECK ({view.expression(constraint.expression, table, pretty=pretty)})"
        text += " NO INHERIT" if constraint.no_inherit else ""
    elif constraint.kind == "f":
        text = _foreign_key(view, constraint, names, pretty)
    else:
        return None
    return text + _timing(constraint)


def _foreign_key(view: Viewpoint, constraint: Constraint, names: str, pretty: bool) -> str:
    foreign = view.catalog.table(constraint.foreign_table_oid)
    target = relation_name(view, foreign.oid)
    text = f"FOREIGN KEY ({names}) REFERENCES {target}({_names(foreign, constraint.foreign_attnums)})"
    if constraint.match == "f":
        text += " MATCH FULL"
    for word, action in (("UPDATE", constraint.on_update), ("DELETE", constraint.on_delete)):
        if action in _ACTIONS:
            text += f" ON {word} {_ACTIONS[action]}"
    table = view.catalog.constraint(constraint.oid)
    if table is not None and (columns := constraint.set_attnums):
        text += f" ({_names(table[0], columns)})"
    return text


def _timing(constraint: Constraint) -> str:
    text = ""
    if constraint.deferrable:
        text += " DEFERRABLE"
    if constraint.deferred:
        text += " INITIALLY DEFERRED"
    if not constraint.validated:
        text += " NOT VALID"
    return text


def _names(table: Table, attnums: tuple[int, ...]) -> str:
    return ", ".join(quote_identifier(table.column_by_attnum(a).name) for a in attnums)


# ---------------------------------------------------------------- views, defaults, sequences


def view_text(view: Viewpoint, oid: int | None, pretty: object = False) -> str | None:
    """Of a view or a materialized view."""
    found = view.catalog.relations.get(oid or 0)
    if not isinstance(found, (View, Table)) or not found.query:
        return None
    return f" {view.print_query(view, found.query, found.relations)};"


def domain_values(catalog: Catalog, domain: DomainType) -> Table:
    """A table without a name, over whose only column the domain's conditions are."""
    return Table(0, "", domain.schema_oid, (Column(1, "value", value_type(catalog.base_of(domain))),))


def domain_check_text(
    view: Viewpoint, domain: DomainType, check: DomainCheck, *, pretty: bool = False
) -> str:
    over = domain_values(view.catalog, domain)
    text = f"CHECK ({view.expression(check.expression, over, pretty=pretty)})"
    return text if check.validated else text + " NOT VALID"


def domain_default_text(view: Viewpoint, domain: DomainType) -> str | None:
    if domain.default is None:
        return None
    return view.expression(domain.default, None, target=value_type(view.catalog.base_of(domain)))


def default_text(
    view: Viewpoint, table: Table, attnum: int, *, pretty: bool = False
) -> str | None:
    """The default of a column, or the expression it is generated from."""
    column = table.column_by_attnum(attnum)
    if column.sequence_oid and not column.identity:
        sequence = relation_name(view, column.sequence_oid)
        return f"nextval('{sequence}'::regclass)"
    text = column.generated or column.default
    if not text:
        return None
    over = table if column.generated else None
    return view.expression(text, over, target=column.type, pretty=pretty)


def serial_sequence(view: Viewpoint, table_oid: int, column: str) -> str | None:
    """The sequence that a column owns, as schema.name."""
    table = view.catalog.relations.get(table_oid)
    found = table.column(column) if isinstance(table, Table) else None
    sequence = view.catalog.relations.get(found.sequence_oid) if found else None
    if not isinstance(sequence, Sequence):
        return None
    return f"{schema_name(view, sequence.schema_oid)}.{quote_identifier(sequence.name)}"
