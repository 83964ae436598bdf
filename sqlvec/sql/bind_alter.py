"""ALTER TABLE in its common forms."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Column, Index, Relation, Table
from sqlvec.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_constraint import add_constraint
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.bind_table import add_column
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.table_draft import Draft


def bind_alter(binder: Binder, body: Node) -> bound.Ddl:
    part = body["relation"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        if body.get("missing_ok"):
            message = f'relation "{part["relname"]}" does not exist, skipping'
            return bound.Ddl("ALTER TABLE", notices=(("00000", message),))
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist', position=binder.position(part))
    if not isinstance(relation, Table):
        raise WrongObjectType(f'"{relation.name}" is not a table')
    change = _Change(binder, relation)
    for node in body["cmds"]:
        change.apply(node["AlterTableCmd"])
    return change.finish()


class _Change:
    """Commands applied to one table, in order."""

    def __init__(self, binder: Binder, table: Table) -> None:
        self.binder = binder
        self.old = table
        _, first = binder.catalog.reserve_oids(1)
        self.draft = Draft(
            binder, table.oid, table.name, table.schema_oid, first, list(table.columns),
            list(table.constraints), tenant_attnum=table.tenant_attnum, altered=True,
        )
        self.dropped: list[int] = []
        self.notices: list[tuple[str, str]] = []
        self.rewrites: list[bound.Rewrite] = []
        self.new_checks: list[tuple[bound.TableScan, bound.Check]] = []
        self.scan = bound.TableScan(binder.next_relation(), table.name, table_columns(table), table)

    def apply(self, command: Node) -> None:
        kind = command["subtype"]
        handler = getattr(self, "_" + kind.removeprefix("AT_").lower(), None)
        if handler is None:
            raise FeatureNotSupported(f"ALTER TABLE {kind.removeprefix('AT_')} is not supported")
        handler(command)

    def finish(self) -> bound.Ddl:
        tables = replace(self.old, columns=tuple(self.draft.columns), constraints=tuple(self.draft.constraints))
        changed: tuple[Relation, ...] = (tables, *self.draft.indexes, *self.draft.sequences)
        return bound.Ddl(
            "ALTER TABLE",
            changed,
            tuple(self.dropped),
            notices=tuple(self.notices),
            new_checks=tuple(self.new_checks),
            rewrites=tuple(self.rewrites),
            build=tuple(self.draft.indexes),
        )

    def _column(self, name: str) -> Column:
        for column in self.draft.columns:
            if column.name == name and not column.dropped:
                return column
        raise UndefinedColumn(f'column "{name}" of relation "{self.old.name}" does not exist')

    def _replace(self, column: Column, **changes: object) -> None:
        self.draft.columns[column.attnum - 1] = replace(column, **changes)  # type: ignore[arg-type]

    # ---------------------------------------------------------------- columns

    def _addcolumn(self, command: Node) -> None:
        body = command["def"]["ColumnDef"]
        name = body["colname"]
        if any(c.name == name and not c.dropped for c in self.draft.columns):
            if command.get("missing_ok"):
                message = f'column "{name}" of relation "{self.old.name}" already exists, skipping'
                self.notices.append(("42701", message))
                return
            raise DuplicateColumn(f'column "{name}" of relation "{self.old.name}" already exists')
        for constraint in add_column(self.draft, body):
            add_constraint(self.draft, constraint)
        column = self.draft.columns[-1]
        text = column.generated or column.default
        if text or column.sequence_oid:
            self.rewrites.append(bound.Rewrite(self.scan, column.attnum, self._fill(column, text)))
        elif column.not_null:
            null = bound.Const(column.type, None)
            test = bound.Test(types.BOOL, "not_null", null)
            self.new_checks.append((self.scan, bound.Check(column.name, test)))

    def _fill(self, column: Column, text: str | None) -> bound.Expression:
        if not text:
            sequence = bound.Const(types.REGCLASS, column.sequence_oid)
            call = bound.FunctionCall(types.INT8, "nextval", (sequence,))
            return self.binder.assign(call, column.name, column.type, None)
        table = self.old if column.generated else None
        expression = bind_expression_text(self.binder, text, table, self.scan.relation_id)
        return self.binder.assign(expression, column.name, column.type, None)

    def _dropcolumn(self, command: Node) -> None:
        name = command["name"]
        if command.get("missing_ok") and all(c.name != name or c.dropped for c in self.draft.columns):
            message = f'column "{name}" of relation "{self.old.name}" does not exist, skipping'
            self.notices.append(("00000", message))
            return
        column = self._column(name)
        if column.attnum == self.old.tenant_attnum:
            raise InvalidTableDefinition(f'cannot drop tenant column "{name}"')
        self._replace(column, dropped=True, not_null=False, default=None, generated="")
        for index in self.binder.catalog.indexes(self.old.oid):
            if any(part.attnum == column.attnum for part in index.columns):
                self.dropped.append(index.oid)
        self.draft.constraints[:] = [
            c for c in self.draft.constraints if column.attnum not in c.attnums
        ]
        if column.sequence_oid:
            self.dropped.append(column.sequence_oid)

    def _columndefault(self, command: Node) -> None:
        column = self._column(command["name"])
        if "def" not in command:
            self._replace(column, default=None)
            return
        text = expression_source(self.binder.parsed, command["def"])
        expression = bind_expression_text(self.binder, text, None, -2)
        self.binder.assign(expression, column.name, column.type, None)
        self._replace(column, default=text)

    def _setnotnull(self, command: Node) -> None:
        column = self._column(command["name"])
        self._replace(column, not_null=True)
        reference = bound.ColumnRef(column.type, self.scan.relation_id, column.attnum - 1, column.name)
        test = bound.Test(types.BOOL, "not_null", reference)
        self.new_checks.append((self.scan, bound.Check(column.name, test)))

    def _dropnotnull(self, command: Node) -> None:
        column = self._column(command["name"])
        if column.attnum in self.old.primary_key:
            raise InvalidTableDefinition(f'column "{column.name}" is in a primary key')
        self._replace(column, not_null=False)

    # ---------------------------------------------------------------- constraints

    def _addconstraint(self, command: Node) -> None:
        part = command["def"]["Constraint"]
        add_constraint(self.draft, part)
        constraint = self.draft.constraints[-1]
        if constraint.kind == "c":
            expression = bind_expression_text(
                self.binder, constraint.expression, self.old, self.scan.relation_id
            )
            check = bound.Check(constraint.name, self.binder.boolean(expression, "CHECK", None))
            self.new_checks.append((self.scan, check))
        elif constraint.kind == "p":
            for attnum in constraint.attnums:
                self._setnotnull({"name": self.draft.columns[attnum - 1].name})

    def _dropconstraint(self, command: Node) -> None:
        name = command["name"]
        found = next((c for c in self.draft.constraints if c.name == name), None)
        if found is None:
            if command.get("missing_ok"):
                message = f'constraint "{name}" of relation "{self.old.name}" does not exist, skipping'
                self.notices.append(("00000", message))
                return
            raise UndefinedObject(f'constraint "{name}" of relation "{self.old.name}" does not exist')
        self.draft.constraints.remove(found)
        if found.index_oid:
            self.dropped.append(found.index_oid)

    def _changeowner(self, command: Node) -> None:
        """There is one owner."""

    def _clusteron(self, command: Node) -> None:
        index = self.binder.context.find_relation(None, command["name"])
        if not isinstance(index, Index):
            raise UndefinedObject(f'index "{command["name"]}" does not exist')
