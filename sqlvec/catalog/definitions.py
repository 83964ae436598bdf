"""Functions over the catalog: format_type, to_regclass, pg_get_indexdef and their kin, by PostgreSQL's names.

definition(name, arguments, viewpoint) is the one entry. They depend on the catalog, the search path and the
user alone; what depends on storage or the session is in exec.scalar_functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.catalog import names
from sqlvec.catalog.descriptions import comment
from sqlvec.catalog.function_text import FUNCTIONS as FUNCTION_TEXTS
from sqlvec.catalog.identifiers import quote_identifier, split_name
from sqlvec.catalog.names import FINDERS, SHOWERS
from sqlvec.catalog.object_description import describe
from sqlvec.catalog.object_text import constraint_text, index_text, serial_sequence, view_text
from sqlvec.catalog.objects import Sequence, Table, View
from sqlvec.catalog.partition_constraint import constraint_text as partition_constraint
from sqlvec.catalog.partition_text import key_text, partition_ancestors, partition_tree
from sqlvec.catalog.privileges import FUNCTIONS as PRIVILEGES
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.encodings import ENCODINGS, encoding_named
from sqlvec.errors import InvalidParameterValue, UndefinedColumn, UndefinedTable

Function = Callable[..., Any]


def definition(name: str, args: tuple[Any, ...], view: Viewpoint) -> Any:
    """The value of a catalog function; None for NULL."""
    return _FUNCTIONS[name](view, *args)


def _shown(view: Viewpoint, kind: str, oid: int | None) -> str | None:
    """The text of a reg* value."""
    if oid is None:
        return None
    return "-" if oid == 0 and kind != "regoper" else SHOWERS[kind](view, oid)


def _expression(view: Viewpoint, text: str | None, oid: int | None, pretty: bool = False) -> str | None:
    """pg_get_expr: trees are kept as their text."""
    if text is None or oid is None or not pretty:
        return None if oid is None else text
    relation = view.catalog.relations.get(oid)
    table = relation if isinstance(relation, Table) else None
    for index in view.catalog.indexes(oid):
        parts = [c.expression for c in index.columns if not c.attnum]
        if len(parts) > 1 and text == ", ".join(view.expression(part, table) for part in parts):
            return ", ".join(view.expression(part, table, pretty=True) for part in parts)
    return view.expression(text, table, pretty=True)


def _of_table(view: Viewpoint, oid: int | None, text: Callable[[Table], str | None]) -> str | None:
    relation = view.catalog.relations.get(oid or 0)
    return text(relation) if isinstance(relation, Table) else None


def _serial_sequence(view: Viewpoint, table: str | None, column: str | None) -> str | None:
    if table is None or column is None:
        return None
    oid = names.find_relation(view, table)
    relation = view.catalog.relations.get(oid or 0)
    if relation is None:
        raise UndefinedTable(f'relation "{table}" does not exist')
    if isinstance(relation, Table) and relation.column(column) is None:
        raise UndefinedColumn(f'column "{column}" of relation "{relation.name}" does not exist')
    return serial_sequence(view, oid or 0, column)


def _encoding_name(view: Viewpoint, code: int | None) -> str | None:
    if code is None:
        return None
    return ENCODINGS[code].name if 0 <= code < len(ENCODINGS) else ""


def _encoding_code(view: Viewpoint, name: str | None) -> int | None:
    if name is None:
        return None
    encoding = encoding_named(name)
    return -1 if encoding is None else encoding.number


def _encoding_width(view: Viewpoint, code: int | None) -> int | None:
    if code is None or not 0 <= code < len(ENCODINGS):
        return None
    return ENCODINGS[code].width


def _current_schemas(view: Viewpoint, implicit: bool | None) -> list[str] | None:
    if implicit is None:
        return None
    return [schema.name for schema in view.schemas(implicit=implicit)]


def _current_schema(view: Viewpoint) -> str | None:
    found = view.schemas(implicit=False)
    return found[0].name if found else None


def _relation_visible(view: Viewpoint, oid: int | None) -> bool | None:
    return None if oid is None else names.relation_is_visible(view, oid)


def _type_visible(view: Viewpoint, oid: int | None) -> bool | None:
    if oid is None:
        return None
    from sqlvec import types

    if view.catalog.type_by_oid(oid) is not None:
        return names.user_type_is_visible(view, oid)
    if types.by_oid(oid) is None:
        return names.relation_is_visible(view, oid) if names.has_row_type(view, oid) else None
    return not names.is_ours(oid) or _searches_public(view)


def _object_visible(view: Viewpoint, oid: int | None) -> bool | None:
    """Of functions, operators and the like: built in, or of an extension in public."""
    if oid is None:
        return None
    return oid not in names.EXTENSION_OIDS or _searches_public(view)


def _function_visible(view: Viewpoint, oid: int | None) -> bool | None:
    made = view.catalog.routines.get(oid or 0)
    return _object_visible(view, oid) if made is None else names.routine_is_visible(view, made)


def _searches_public(view: Viewpoint) -> bool:
    return any(schema.name == "public" for schema in view.schemas())


def _parse_ident(view: Viewpoint, text: str | None, strict: bool = True) -> list[str] | None:
    if text is None:
        return None
    parts = split_name(text)
    if not all(parts):
        raise InvalidParameterValue(f'string is not a valid identifier: "{text}"')
    return parts


def _sequence_parameters(view: Viewpoint, oid: int | None) -> str | None:
    found = view.catalog.relations.get(oid or 0)
    if not isinstance(found, Sequence):
        return None
    values = (found.start, found.minimum, found.maximum, found.increment)
    return f"({','.join(map(str, values))},{'t' if found.cycle else 'f'},1,{found.type.oid})"


def _user_name(view: Viewpoint, oid: int | None) -> str | None:
    if oid is None:
        return None
    found = next((name for name, known in names.roles().items() if known == oid), None)
    return found or f"unknown (OID={oid})"


def _owner_acl(view: Viewpoint, kind: str | None, owner: int | None) -> list[str] | None:
    """acldefault: what an object without grants allows (acl.c)."""
    if kind is None or owner is None:
        return None
    role = quote_identifier(_user_name(view, owner) or "")
    own = {"r": "arwdDxt", "s": "rwU", "d": "CTc", "f": "X", "l": "U", "n": "UC", "T": "U", "t": "C",
           "F": "U", "S": "U", "p": "sA", "L": "rw", "c": ""}.get(kind)  # fmt: skip
    if own is None:
        raise InvalidParameterValue(f"unrecognized object type abbreviation: {kind}")
    everyone = {"d": "Tc", "f": "X", "l": "U", "T": "U"}.get(kind)
    acl = [f"={everyone}/{role}"] if everyone else []
    return [*acl, f"{role}={own}/{role}"] if own else acl


# Of access methods, in this order.
_PROPERTIES = ("can_order", "can_unique", "can_multi_col", "can_exclude", "can_include")
_ABLE = {"btree": "11111", "hash": "00010", "gist": "00111", "spgist": "00011", "gin": "00100",
         "brin": "00100"}  # fmt: skip


def _method_property(view: Viewpoint, oid: int | None, name: str | None) -> bool | None:
    from sqlvec.catalog.object_description import METHODS
    from sqlvec.catalog.system.access_methods import method_oid

    if name not in _PROPERTIES:
        return None
    place = _PROPERTIES.index(name)
    for method in (*_ABLE, *METHODS):
        if method_oid(method) == oid:
            return _ABLE.get(method, "00010")[place] == "1"
    return None


def _index_property(view: Viewpoint, *args: Any) -> bool | None:
    """pg_index_column_has_property and pg_index_has_property."""
    from sqlvec.catalog.objects import Index

    index = view.catalog.relations.get(args[0] or 0)
    if not isinstance(index, Index):
        return None
    sorted_ = index.method == "btree"
    if len(args) == 2:
        return {"clusterable": sorted_, "index_scan": True, "bitmap_scan": sorted_,
                "backward_scan": sorted_}.get(args[1])  # fmt: skip
    column, name = args[1:]
    if not 1 <= column <= len(index.columns):
        return None
    part = index.columns[column - 1]
    return {"asc": sorted_ and not part.descending, "desc": sorted_ and part.descending,
            "nulls_first": sorted_ and part.nulls_first, "nulls_last": sorted_ and not part.nulls_first,
            "orderable": sorted_, "distance_orderable": index.method in ("hnsw", "ivfflat"),
            "returnable": sorted_, "search_array": sorted_, "search_nulls": sorted_}.get(name)  # fmt: skip


def _type_list(view: Viewpoint, oids: list[int] | None) -> str | None:
    """oidvectortypes: integer, text ..."""
    if oids is None:
        return None
    return ", ".join(names.type_name(view, oid) or "-" for oid in oids)


def _other_temporary(view: Viewpoint, oid: int | None) -> bool | None:
    if oid is None:
        return None
    schema = view.catalog.schemas.get(oid)
    return schema is not None and schema.is_temporary and schema.name != view.temporary_schema


def _null(view: Viewpoint, *args: Any) -> None:
    return None


def _constant(value: Any) -> Function:
    return lambda view, *args: value


def _is_updatable(view: Viewpoint, oid: int | None) -> bool:
    relation = view.catalog.relations.get(oid or 0)
    return isinstance(relation, Table) or (isinstance(relation, View) and relation.updatable)


def _named(kind: str) -> Function:
    return lambda view, text: FINDERS[kind](view, text)


_FUNCTIONS: dict[str, Function] = {
    **{f"to_{kind}": _named(kind) for kind in FINDERS},
    **FUNCTION_TEXTS,
    **PRIVILEGES,
    "to_regoper": _null,
    "to_regoperator": _null,
    "reg_out": _shown,
    "format_type": names.type_name,
    "pg_get_indexdef": index_text,
    "pg_get_constraintdef": constraint_text,
    "pg_get_viewdef": lambda view, oid, pretty=False: view_text(
        view, names.find_relation(view, oid) if isinstance(oid, str) else oid
    ),
    "pg_get_expr": _expression,
    "pg_get_serial_sequence": _serial_sequence,
    "pg_get_userbyid": _user_name,
    "obj_description": lambda view, oid, table=None: comment(view.catalog, oid, table),
    "shobj_description": lambda view, oid, table=None: comment(view.catalog, oid, table),
    "col_description": lambda view, oid, attnum: (
        comment(view.catalog, oid, "pg_class", attnum) if attnum else None
    ),
    "pg_describe_object": describe,
    "pg_table_is_visible": _relation_visible,
    "pg_type_is_visible": _type_visible,
    "pg_encoding_to_char": _encoding_name,
    "pg_char_to_encoding": _encoding_code,
    "pg_encoding_max_length": _encoding_width,
    "getdatabaseencoding": _constant("UTF8"),
    "current_schema": _current_schema,
    "current_schemas": _current_schemas,
    "parse_ident": _parse_ident,
    "oidvectortypes": _type_list,
    "pg_sequence_parameters": _sequence_parameters,
    "acldefault": _owner_acl,
    "pg_relation_is_publishable": lambda view, oid: isinstance(view.catalog.relations.get(oid or 0), Table),
    "pg_relation_filenode": lambda view, oid: oid if (oid or 0) in view.catalog.relations else None,
    "pg_index_column_has_property": _index_property,
    "pg_index_has_property": _index_property,
    "pg_indexam_has_property": _method_property,
    "row_security_active": lambda view, oid: None if oid is None else False,
    "pg_my_temp_schema": lambda view: getattr(view.catalog.schema(view.temporary_schema), "oid", 0),
    "pg_is_other_temp_schema": _other_temporary,
    "pg_tablespace_location": lambda view, oid: None if oid is None else "",
    "pg_relation_is_updatable": lambda view, oid, auto: 28 if _is_updatable(view, oid) else 0,
    "pg_column_is_updatable": lambda view, oid, attnum, auto: _is_updatable(view, oid),
    "pg_collation_actual_version": _null,
    "pg_partition_root": lambda view, oid: next(reversed(partition_ancestors(view.catalog, oid)), None),
    "pg_get_partition_constraintdef": lambda view, oid: _of_table(
        view, oid, lambda table: partition_constraint(view.catalog, table)
    ),
    "pg_get_partkeydef": lambda view, oid: _of_table(view, oid, key_text),
    "sqlvec_partition_ancestors": lambda view, oid: partition_ancestors(view.catalog, oid),
    "sqlvec_partition_tree": lambda view, oid, what: partition_tree(view.catalog, oid, what),
    "pg_function_is_visible": _function_visible,
    **{
        f"pg_{kind}_is_visible": _object_visible
        for kind in ("collation", "opclass", "opfamily", "statistics_obj", "operator",
                     "conversion", "ts_config", "ts_dict", "ts_parser", "ts_template")
    },
    **{
        name: _null
        for name in ("pg_get_ruledef", "pg_get_triggerdef", "pg_get_statisticsobjdef",
                     "pg_get_statisticsobjdef_columns", "pg_get_statisticsobjdef_expressions",
                     "pg_get_replica_identity_index",
                     "pg_relation_filepath")
    },
}  # fmt: skip
NAMES = frozenset(_FUNCTIONS)
