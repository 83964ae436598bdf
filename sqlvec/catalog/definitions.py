"""Functions over the catalog: format_type, to_regclass, pg_get_indexdef and their kin.

definition(name, arguments, catalog) is the one entry; names are PostgreSQL's.
"""

from __future__ import annotations

from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import (
    CATALOG_SCHEMA_OID,
    PUBLIC_SCHEMA_OID,
    Catalog,
    Index,
    Table,
    View,
)
from sqlvec.types import SqlType

SUPERUSER_OID = 10
_OPERATOR_CLASSES_SHOWN = ("hnsw", "ivfflat")


def definition(name: str, args: tuple[Any, ...], catalog: Catalog) -> Any:
    """The value of a catalog function; None for NULL."""
    return _FUNCTIONS[name](catalog, *args)


def knows(name: str) -> bool:
    return name in _FUNCTIONS


def quote_identifier(name: str) -> str:
    """With double quotes where a bare name would not be read back as itself."""
    plain = name and (name[0].isalpha() or name[0] == "_") and name.islower() or name.isidentifier() and name == name.lower()
    if plain and all(c.isalnum() or c in "_$" for c in name) and name.isascii():
        return name
    return '"' + name.replace('"', '""') + '"'


def _format_type(catalog: Catalog, oid: int | None, typmod: int | None = None) -> str | None:
    if oid is None:
        return None
    if oid == 0:
        return "-"
    return types.format_type(SqlType(oid, -1 if typmod is None else typmod))


def split_name(text: str) -> list[str]:
    """The parts of a possibly quoted, possibly qualified name, folded to lower case where unquoted."""
    parts, current, quoted = [], [], False
    i = 0
    while i < len(text):
        char = text[i]
        if char == '"':
            if quoted and text[i + 1 : i + 2] == '"':
                current.append('"')
                i += 1
            else:
                quoted = not quoted
        elif char == "." and not quoted:
            parts.append("".join(current))
            current = []
        else:
            current.append(char if quoted else char.lower())
        i += 1
    parts.append("".join(current))
    return [part.strip() for part in parts]


def _to_regclass(catalog: Catalog, text: str | None) -> int | None:
    if text is None:
        return None
    from sqlvec.catalog.system import SYSTEM_OIDS

    parts = split_name(text)
    schemas = [parts[-2]] if len(parts) > 1 else ["pg_catalog", "public"]
    for schema_name in schemas:
        if (schema_name, parts[-1]) in SYSTEM_OIDS:
            return SYSTEM_OIDS[(schema_name, parts[-1])]
        schema = catalog.schema(schema_name)
        relation = catalog.relation(schema.oid, parts[-1]) if schema else None
        if relation is not None:
            return relation.oid
    return None


def _to_regtype(catalog: Catalog, text: str | None) -> int | None:
    if text is None:
        return None
    found = types.by_name(text.strip().lower())
    if found is None:
        found = types.by_name(split_name(text)[-1])
    return found.oid if found else None


def _to_regnamespace(catalog: Catalog, text: str | None) -> int | None:
    schema = catalog.schema(split_name(text)[-1]) if text else None
    return schema.oid if schema else None


def _get_indexdef(catalog: Catalog, oid: int | None, column: int = 0, pretty: bool = True) -> str | None:
    index = catalog.relations.get(oid) if oid is not None else None
    if not isinstance(index, Index):
        return None
    table = catalog.relations[index.table_oid]
    assert isinstance(table, (Table, View))
    parts = [_index_column(index, part, table) for part in index.columns]
    if column:
        return parts[column - 1] if column <= len(parts) else ""
    schema = catalog.schemas[table.schema_oid].name
    unique = "UNIQUE " if index.unique else ""
    text = (
        f"CREATE {unique}INDEX {quote_identifier(index.name)} ON {quote_identifier(schema)}."
        f"{quote_identifier(table.name)} USING {index.method} ({', '.join(parts)})"
    )
    if index.options:
        options = ", ".join(f"{key}='{value}'" for key, value in index.options.items())
        text += f" WITH ({options})"
    return text + (f" WHERE ({index.predicate})" if index.predicate else "")


def _index_column(index: Index, part: Any, table: Table | View) -> str:
    if part.attnum:
        text = quote_identifier(table.columns[part.attnum - 1].name)
    else:
        text = f"({part.expression})"
    if index.method in _OPERATOR_CLASSES_SHOWN and part.operator_class:
        text += f" {part.operator_class}"
    if part.descending:
        text += " DESC" if part.nulls_first else " DESC NULLS LAST"
    elif part.nulls_first:
        text += " NULLS FIRST"
    return text


def _get_constraintdef(catalog: Catalog, oid: int | None, pretty: bool = False) -> str | None:
    for relation in catalog.relations.values():
        if not isinstance(relation, Table):
            continue
        for constraint in relation.constraints:
            if constraint.oid == oid:
                return _constraint(catalog, relation, constraint)
    return None


_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def _constraint(catalog: Catalog, table: Table, constraint: Any) -> str:
    names = _names(table, constraint.attnums)
    if constraint.kind == "p":
        return f"PRIMARY KEY ({names})"
    if constraint.kind == "u":
        return f"UNIQUE ({names})"
    if constraint.kind == "c":
        return f"CHECK (({constraint.expression}))"
    foreign = catalog.table(constraint.foreign_table_oid)
    text = f"FOREIGN KEY ({names}) REFERENCES {quote_identifier(foreign.name)}"
    text += f"({_names(foreign, constraint.foreign_attnums)})"
    for word, action in (("UPDATE", constraint.on_update), ("DELETE", constraint.on_delete)):
        if action in _ACTIONS:
            text += f" ON {word} {_ACTIONS[action]}"
    return text


def _names(table: Table, attnums: tuple[int, ...]) -> str:
    return ", ".join(quote_identifier(table.column_by_attnum(a).name) for a in attnums)


def _get_viewdef(catalog: Catalog, oid: int | None, pretty: bool = False) -> str | None:
    view = catalog.relations.get(oid) if oid is not None else None
    return f" {view.query};" if isinstance(view, View) else None


def _get_serial_sequence(catalog: Catalog, table: str | None, column: str | None) -> str | None:
    oid = _to_regclass(catalog, table)
    relation = catalog.relations.get(oid) if oid else None
    found = relation.column(column or "") if isinstance(relation, Table) else None
    if found is None or not found.sequence_oid:
        return None
    sequence = catalog.relations[found.sequence_oid]
    return f"public.{quote_identifier(sequence.name)}"


def _obj_description(catalog: Catalog, oid: int | None, kind: str | None = None) -> str | None:
    relation = catalog.relations.get(oid) if oid is not None else None
    return (relation.comment or None) if isinstance(relation, Table) else None


def _is_visible(catalog: Catalog, oid: int | None) -> bool | None:
    if oid is None:
        return None
    relation = catalog.relations.get(oid)
    if relation is None or isinstance(relation, Index):
        return True
    return relation.schema_oid in (PUBLIC_SCHEMA_OID, CATALOG_SCHEMA_OID)


def regclass_name(catalog: Catalog, oid: int) -> str:
    """How a regclass is shown."""
    relation = catalog.relations.get(oid)
    if relation is not None:
        return quote_identifier(relation.name)
    from sqlvec.catalog.system import SYSTEM_NAMES

    return SYSTEM_NAMES.get(oid, str(oid) if oid else "-")


def _reg_out(catalog: Catalog, kind: str, oid: int | None) -> str | None:
    """The text of a reg* value."""
    if oid is None:
        return None
    if kind == "regtype":
        return types.format_type(SqlType(oid)) if types.by_oid(oid) else str(oid)
    if kind == "regnamespace":
        return catalog.schemas[oid].name if oid in catalog.schemas else str(oid)
    return regclass_name(catalog, oid) if kind == "regclass" else str(oid)


def _true(catalog: Catalog, *args: Any) -> bool | None:
    return None if any(arg is None for arg in args) else True


def _null(catalog: Catalog, *args: Any) -> None:
    return None


_FUNCTIONS: dict[str, Any] = {
    "format_type": _format_type,
    "to_regclass": _to_regclass,
    "to_regtype": _to_regtype,
    "to_regnamespace": _to_regnamespace,
    "to_regproc": _null,
    "to_regrole": lambda c, text: SUPERUSER_OID if text == "postgres" else None,
    "reg_out": _reg_out,
    "pg_get_indexdef": _get_indexdef,
    "pg_get_constraintdef": _get_constraintdef,
    "pg_get_viewdef": _get_viewdef,
    "pg_get_expr": lambda c, text, oid, pretty=False: text,
    "pg_get_serial_sequence": _get_serial_sequence,
    "pg_get_userbyid": lambda c, oid: "postgres" if oid == SUPERUSER_OID else f"unknown (OID={oid})",
    "obj_description": _obj_description,
    "col_description": _null,
    "shobj_description": _null,
    "pg_table_is_visible": _is_visible,
    "pg_encoding_to_char": lambda c, code: "UTF8" if code == 6 else "",
    "pg_char_to_encoding": lambda c, name: 6 if name and name.upper() == "UTF8" else -1,
    "pg_relation_is_publishable": _true,
} | {
    name: _true
    for name in (
        "pg_type_is_visible", "pg_function_is_visible", "pg_collation_is_visible",
        "pg_opclass_is_visible", "pg_statistics_obj_is_visible", "pg_operator_is_visible",
        "has_table_privilege", "has_schema_privilege", "has_database_privilege",
        "has_any_column_privilege", "has_column_privilege", "has_sequence_privilege",
        "has_function_privilege", "pg_has_role",
    )
} | {
    name: _null
    for name in (
        "pg_get_partkeydef", "pg_get_ruledef", "pg_get_triggerdef", "pg_get_functiondef",
        "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result",
        "pg_get_statisticsobjdef_columns", "pg_get_function_sqlbody", "pg_tablespace_location",
    )
}  # fmt: skip
NAMES = frozenset(_FUNCTIONS)
