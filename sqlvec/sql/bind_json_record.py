"""json_to_record, json_populate_record and their kin: each is taken as the query that says the same.

A field is the value of its name as its type reads it: a JSON type as it is, an array and a composite type from an
array and an object item by item, every other from the value's text. Source: PostgreSQL, jsonfuncs.c
(populate_record_field).
"""

from __future__ import annotations

from itertools import count

from sqlvec import types
from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.names import type_name
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import DatatypeMismatch, SyntaxError
from sqlvec.sql.bind_call import Bind, declared_type
from sqlvec.sql.binder import Binder
from sqlvec.sql.composites import composite_of
from sqlvec.sql.parse import Node
from sqlvec.sql.resolve_function import no_function
from sqlvec.sql.scope import Scope
from sqlvec.sql.template import filled
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types import SqlType

JSON_RECORDS = frozenset(
    f"{kind}_{what}_record{many}"
    for kind in ("json", "jsonb")
    for what in ("to", "populate")
    for many in ("", "set")
)
_ROW = '"json record".value'
Fields = list[tuple[str, SqlType]]


def json_rows(binder: Binder, body: Node, scope: Scope, bind: Bind) -> Node:
    """The query for a RangeFunction node that calls one of JSON_RECORDS."""
    call, columns = called_with_columns(body)
    if body.get("ordinality") and body.get("coldeflist"):
        raise SyntaxError(
            "WITH ORDINALITY cannot be used with a column definition list",
            hint="Put the column definition list inside ROWS FROM().",
            position=binder.position(columns[0]["ColumnDef"]),
        )
    record = _Record(binder, call, scope, bind)
    fields = record.fields(columns)
    targets = [record.target(name, sql_type) for name, sql_type in fields]
    if record.many:
        rows = f"{record.kind}_array_elements($1) WITH ORDINALITY"
    else:
        rows = "(SELECT $1, 1::int8)"
    if body.get("ordinality"):
        targets.append('"json record".place AS ordinality')
    sql = f'SELECT {", ".join(targets)} FROM {rows} AS "json record"(value, place)'
    return filled(sql, record.values)


def json_row(binder: Binder, call: Node, scope: Scope, bind: Bind) -> Node:
    """The expression for a call in an expression, of one row."""
    record = _Record(binder, call, scope, bind)
    items = [record.field(*field, "($1)") for field in record.fields(())]
    sql = f"SELECT ROW({', '.join(items)})::{record.shown(record.base)}"
    return filled(sql, record.values)["SelectStmt"]["targetList"][0]["ResTarget"]["val"]  # type: ignore[no-any-return]


def called_with_columns(body: Node) -> tuple[Node, list[Node]]:
    """The call of a RangeFunction node, and its column definition list."""
    items = body["functions"][0]["List"]["items"]
    columns = body.get("coldeflist") or items[1].get("List", {}).get("items", [])
    return items[0]["FuncCall"], columns


class _Record:
    """One call: what it reads, and the types of its fields."""

    def __init__(self, binder: Binder, call: Node, scope: Scope, bind: Bind) -> None:
        self.binder = binder
        self.name: str = call["funcname"][-1]["String"]["sval"]
        self.kind = self.name.partition("_")[0]
        self.many = self.name.endswith("set")
        self.position = binder.position(call)
        populates = "_populate_" in self.name
        args = call.get("args", ())
        given = [bind(binder, arg, scope) for arg in args]
        read = given[-1].type if len(given) == 1 + populates else None
        if read is None or not (is_unknown(read) or read.definition.name == self.kind):
            raise no_function(self.name, given, self.position)
        cast: Node = {"names": [{"String": {"sval": self.kind}}], "typemod": -1}
        self.values: dict[int, Node] = {1: {"TypeCast": {"arg": args[-1], "typeName": cast}}}
        self.base = types.RECORD
        self.has_base = populates and not _is_null(args[0])
        if populates:
            self.values[2] = args[0]
            self.base = declared_type(binder, given[0])
        self._view = Viewpoint(
            binder.catalog,
            binder.context.search_path,
            temporary_schema=binder.context.temporary_schema,
        )
        self._places = count()

    def fields(self, columns: list[Node] | tuple[()]) -> Fields:
        made = composite_of(self.base)
        if made is not None:
            if columns:
                raise SyntaxError(
                    "a column definition list is redundant for a function returning a named composite type",
                    position=self.binder.position(columns[0]["ColumnDef"]),
                )
            return [(field.name, field.type) for field in made.fields]
        if self.base != types.RECORD:
            raise DatatypeMismatch(f"first argument of {self.name} must be a row type")
        if not columns:
            raise SyntaxError(
                'a column definition list is required for functions returning "record"',
                position=self.position,
            )
        given = [column["ColumnDef"] for column in columns]
        return [(c["colname"], self.binder.type_name(c["typeName"])) for c in given]

    def target(self, name: str, sql_type: SqlType) -> str:
        return f"{self.field(name, sql_type, _ROW)} AS {quote_identifier(name)}"

    def field(self, name: str, sql_type: SqlType, source: str) -> str:
        """SQL for a field, from the object that is the SQL source."""
        value, text = f"({source} -> {quote_string(name)})", f"({source} ->> {quote_string(name)})"
        found = self._read(sql_type, value, text)
        if not self.has_base:
            return found
        return f"CASE WHEN {value} IS NOT NULL THEN {found} ELSE ($2).{quote_identifier(name)} END"

    def shown(self, sql_type: SqlType) -> str:
        """For a cast, which must not cut a text that is too long: where it is stored that is an error."""
        if sql_type.oid in (types.VARCHAR.oid, types.BPCHAR.oid):
            sql_type = sql_type.bare
        return type_name(self._view, sql_type.oid, sql_type.typmod) or "text"

    def _read(self, sql_type: SqlType, value: str, text: str) -> str:
        shown = self.shown(sql_type)
        plain = f"({text})::{shown}"
        if sql_type.oid in (types.JSON.oid, types.JSONB.oid):
            return f"CASE WHEN {text} IS NOT NULL THEN ({value})::{shown} END"
        kind = f"{self.kind}_typeof({value})"
        element, made = types.element_of(sql_type), composite_of(sql_type)
        if element is not None:
            item = f'"json item {next(self._places)}"'
            read = self._read(element, f"{item}.value", f"({item}.value #>> '{{}}')")
            items = f"{self.kind}_array_elements(CASE {kind} WHEN 'array' THEN {value} END)"
            array = f"ARRAY(SELECT {read} FROM {items} AS {item}(value))::{shown}"
            return f"CASE {kind} WHEN 'array' THEN {array} ELSE {plain} END"
        if made is not None:
            inner = [
                self._read(f.type, f"({value} -> {quote_string(f.name)})", f"({value} ->> {quote_string(f.name)})")
                for f in made.fields
            ]
            return f"CASE {kind} WHEN 'object' THEN ROW({', '.join(inner)})::{shown} ELSE {plain} END"
        return plain


def _is_null(node: Node) -> bool:
    return bool(node.get("TypeCast", {}).get("arg", {}).get("A_Const", {}).get("isnull"))
