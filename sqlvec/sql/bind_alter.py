"""ALTER TABLE: commands applied to a draft of the table, in order; what they ask of its rows comes after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Column, Constraint, Index, Relation, Sequence, Table, View
from sqlvec.catalog.operator_classes import METHODS
from sqlvec.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidTableDefinition,
    ObjectNotInState,
    SyntaxError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.alter_heirs import (
    change_parents,
    forbid_identity,
    forbid_inherited,
    forbid_parent_only,
    with_heirs,
)
from sqlvec.sql.alter_partitions import (
    forbid_apart,
    forbid_key_change,
    forbid_nulls,
    forbid_only,
    with_partitions,
)
from sqlvec.sql.alter_type import ChangedType, change_type
from sqlvec.sql.bind_column import add_column, add_identity, check_generated, set_default
from sqlvec.sql.bind_composite import refuse_own_row, refuse_row_type_use
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.bind_partition import attach, detach
from sqlvec.sql.bind_sequence import changed_sequence, retyped
from sqlvec.sql.bind_vector_index import check_type
from sqlvec.sql.binder import Binder
from sqlvec.sql.dependencies import Removal
from sqlvec.sql.domain_rules import default_text
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.inheritance import add_or_merge
from sqlvec.sql.parse import Node
from sqlvec.sql.partition_bound import check_keys
from sqlvec.sql.split import forbid_shards
from sqlvec.sql.table_draft import Draft
from sqlvec.sql.table_options import changed_options, without_options
from sqlvec.sql.type_rules import TEXTS

_TAGS = {
    "OBJECT_VIEW": "ALTER VIEW", "OBJECT_INDEX": "ALTER INDEX", "OBJECT_SEQUENCE": "ALTER SEQUENCE",
    "OBJECT_MATVIEW": "ALTER MATERIALIZED VIEW",
}  # fmt: skip
# What has no meaning here and is taken: there is one owner, no trigger, no statistics target, one log.
_ACCEPTED = frozenset([
    "AT_ChangeOwner", "AT_SetStatistics", "AT_SetStorage", "AT_SetCompression", "AT_SetOptions",
    "AT_ResetOptions", "AT_EnableTrig", "AT_DisableTrig",
    "AT_EnableTrigAll", "AT_DisableTrigAll", "AT_EnableTrigUser", "AT_DisableTrigUser", "AT_DropCluster",
    "AT_SetLogged", "AT_SetUnLogged", "AT_ReplicaIdentity", "AT_SetTableSpace",
])  # fmt: skip


_OPTIONS = frozenset(["AT_SetRelOptions", "AT_ResetRelOptions"])  # those of tables mean something


def bind_alter(binder: Binder, body: Node) -> bound.Ddl:
    part, tag = body["relation"], _TAGS.get(body.get("objtype", ""), "ALTER TABLE")
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        message = f'relation "{part["relname"]}" does not exist'
        if body.get("missing_ok"):
            return bound.Ddl(tag, notices=(("00000", f"{message}, skipping"),))
        raise UndefinedTable(message, position=None)
    commands = [node["AlterTableCmd"] for node in body["cmds"]]
    for command in commands:
        if command["subtype"] in ("AT_SetRelOptions", "AT_ResetRelOptions"):
            forbid_shards(command["def"]["List"]["items"])
    taken = _ACCEPTED if isinstance(relation, Table) else _ACCEPTED | _OPTIONS
    if all(command["subtype"] in taken for command in commands):
        return bound.Ddl(tag)
    if not isinstance(relation, Table):
        raise WrongObjectType(
            f'ALTER action {_action(commands[0])} cannot be performed on relation "{relation.name}"',
            detail=f"This operation is not supported for {_kind(relation)}.",
        )
    for kind, moved in (("AT_AttachPartition", attach), ("AT_DetachPartition", detach)):
        if commands[0]["subtype"] == kind:
            return moved(binder, relation, commands[0])
    has_heirs = bool(binder.catalog.children(relation.oid))
    change = Change(binder, relation)
    for command in commands:
        forbid_inherited(change, command)
        if has_heirs and part.get("inh"):
            forbid_identity(command)
        elif has_heirs:
            forbid_parent_only(relation, command)
        if relation.parent_oid:
            forbid_apart(relation, command)
        if relation.partitioning is not None:
            forbid_key_change(relation, command)
            if not part.get("inh"):
                forbid_only(binder, relation, command)
        change.apply(command)
    made = change.finish(tag)
    if has_heirs:
        return with_heirs(binder, relation, commands, made, Change, not part.get("inh"))
    if relation.partitioning is None or not part.get("inh"):
        return made
    return with_partitions(binder, relation, commands, made, Change)


def _action(command: Node) -> str:
    words = {"AT_AddColumn": "ADD COLUMN", "AT_DropColumn": "DROP COLUMN",
             "AT_AlterColumnType": "ALTER COLUMN ... SET DATA TYPE", "AT_AddConstraint": "ADD CONSTRAINT",
             "AT_ColumnDefault": "ALTER COLUMN ... SET DEFAULT", "AT_SetNotNull": "ALTER COLUMN ... SET NOT NULL"}  # fmt: skip
    kind: str = command["subtype"]
    return words.get(kind, kind.removeprefix("AT_"))


def _kind(relation: Relation) -> str:
    return {View: "views", Index: "indexes", Sequence: "sequences"}[type(relation)]  # type: ignore[index]


class Change:
    """One table: the draft of what it will be, and what must happen to its rows."""

    def __init__(self, binder: Binder, table: Table, parent: Table | None = None) -> None:
        """parent: the partitioned table as it will be, when the table is changed along with it."""
        self.binder = binder
        self.old = table
        self.parent = parent
        self.options: Mapping[str, str] = table.options
        self.draft = Draft(
            binder, table.oid, table.name, table.schema_oid, binder.catalog.next_oid,
            list(table.columns), list(table.constraints), tenant_attnum=table.tenant_attnum, altered=True,
        )  # fmt: skip
        self.removal = Removal(binder)
        self.notices: list[tuple[str, ...]] = []
        self.objects: list[str] = []  # what DROP commands name
        self.cascade = False
        self.rewrites: list[bound.Rewrite] = []
        self.fills: list[bound.Fill] = []
        self.verify: list[bound.Verify] = []
        self.retyped: list[ChangedType] = []
        self.others: dict[int, Relation] = {}  # sequences and indexes that change
        self.parents = table.parents
        self.scan = bound.TableScan(binder.next_relation(), table.name, table_columns(table), table)

    def apply(self, command: Node) -> None:
        kind = command["subtype"]
        if kind in _ACCEPTED:
            return
        handler = getattr(self, "_" + kind.removeprefix("AT_").lower(), None)
        if handler is None:
            raise FeatureNotSupported(f"ALTER TABLE {_action(command)} is not supported")
        handler(command)

    def apply_inherited(self, command: Node) -> None:
        """A command on the partitioned table, for this partition: what it is about was found there."""
        self.apply({**command, "missing_ok": True, "behavior": "DROP_CASCADE"})

    def inherit_column(self) -> None:
        """The columns that the partitioned table has got."""
        assert self.parent is not None
        for column in self.parent.columns[len(self.draft.columns) :]:
            if column.dropped:
                self.draft.columns.append(column)
                continue
            if self.draft.find_column(column.name) is not None:
                raise DuplicateColumn(
                    f'column "{column.name}" of relation "{self.old.name}" already exists'
                )
            own = replace(column, identity="", sequence_oid=0) if column.identity else column
            self.draft.columns.append(own)
            self._fill(column, False)
            if column.not_null:
                self._verify("n", column.attnum)

    def add_inherited(self, column: Column) -> None:
        """A column that a parent has got."""
        self.draft.columns.append(column)
        self._fill(column, False)
        if column.not_null:
            self._verify("n", column.attnum)

    def add_inherited_check(self, check: Constraint) -> None:
        self.draft.constraints.append(check)
        if check.validated:
            self._verify("c", check.oid)

    def _addinherit(self, command: Node) -> None:
        table = change_parents(self.binder, self._as_drafted(), command)
        self._fit(table)
        self.parents = table.parents

    _dropinherit = _addinherit

    def _as_drafted(self) -> Table:
        """The table as it is so far."""
        return replace(
            self.old, columns=tuple(self.draft.columns), constraints=tuple(self.draft.constraints),
            parents=self.parents,
        )  # fmt: skip

    def _setreloptions(self, command: Node) -> None:
        definitions, tenants = command["def"]["List"]["items"], self.old.tenant_attnum > 0
        self.options = changed_options(self.options, definitions, has_tenants=tenants)

    def _resetreloptions(self, command: Node) -> None:
        self.options = without_options(self.options, command["def"]["List"]["items"])

    def finish(self, tag: str) -> bound.Ddl:
        check_generated(self.draft)
        if self.rewrites:  # every row is written anew, with its constants
            self.rewrites += [bound.Rewrite(self.scan, f.attnum, f.value) for f in self.fills]
            self.fills.clear()
        table = replace(self._as_drafted(), options=self.options)
        check_keys(table)
        told = self.removal.settle(self.objects, self.cascade) if self.removal.told else []
        others = [t for oid, t in self.removal.changed.items() if oid != self.old.oid]
        kept = [r for oid, r in self.others.items() if oid not in self.removal.dropped]
        changed = (table, *others, *self.draft.indexes, *self.draft.sequences, *kept)
        return bound.Ddl(
            tag,
            changed,
            tuple(self.removal.dropped),
            self.removal.beside_relations(),
            notices=(*self.notices, *told),
            rewrites=tuple(self.rewrites),
            fills=tuple(self.fills),
            verify=tuple(self.verify),
            build=tuple(self.draft.indexes),
        )

    # ---------------------------------------------------------------- finding

    def _column(self, name: str) -> Column:
        found = self.draft.find_column(name)
        if found is None:
            raise UndefinedColumn(f'column "{name}" of relation "{self.old.name}" does not exist')
        return found

    def _replace(self, column: Column, **changes: object) -> Column:
        made = replace(column, **changes)  # type: ignore[arg-type]
        self.draft.columns[column.attnum - 1] = made
        return made

    def _constraint(self, command: Node) -> Constraint | None:
        name = command["name"]
        found = next((c for c in self.draft.constraints if c.name == name), None)
        if found is None:
            message = f'constraint "{name}" of relation "{self.old.name}" does not exist'
            if not command.get("missing_ok"):
                raise UndefinedObject(message)
            self.notices.append(("00000", f"{message}, skipping"))
        return found

    def _fit(self, table: Table) -> None:
        """Takes over what a removal left of the table."""
        self.draft.columns[:] = list(table.columns)
        self.draft.constraints[:] = list(table.constraints)

    def _verify(self, kind: str, number: int) -> None:
        self.verify.append(bound.Verify(self.old.oid, kind, number))

    # ---------------------------------------------------------------- columns

    def _addcolumn(self, command: Node) -> None:
        body = command["def"]["ColumnDef"]
        name = body["colname"]
        if self.draft.find_column(name) is not None:
            message = f'column "{name}" of relation "{self.old.name}" already exists'
            if command.get("missing_ok"):
                self.notices.append(("42701", f"{message}, skipping"))
                return
            raise DuplicateColumn(message)
        before = len(self.draft.sequences)
        later = add_column(self.draft, body)
        column = self.draft.columns[-1]
        refuse_own_row(self.binder, self.old, column.type)
        check_generated(self.draft)
        self.draft.generated.clear()
        self._fill(column, len(self.draft.sequences) > before)
        if column.not_null:
            self._verify("n", column.attnum)
        for part in later:
            self._add(part)

    def _fill(self, column: Column, own_sequence: bool) -> None:
        """What the column is in the rows there are: a constant is noted, anything else written."""
        if own_sequence or column.sequence_oid:
            number = bound.Const(types.REGCLASS, column.sequence_oid)
            call = bound.FunctionCall(types.INT8, "nextval", (number,))
            value = self.binder.assign(call, column.name, column.type, None)
        elif text := column.generated or column.default or default_text(self.binder, column.type):
            table = self.draft.table() if column.generated else None
            expression = bind_expression_text(self.binder, text, table, self.scan.relation_id)
            value = self.binder.assign(expression, column.name, column.type, None)
        elif column.type.own is not None and column.type != column.value_type:
            value = bound.Const(column.value_type, None)
        else:
            return
        if column.type != column.value_type:  # rows are written anew, under the eyes of the domain
            self.rewrites.append(bound.Rewrite(self.scan, column.attnum, value))
        elif isinstance(value, bound.Const) and column.type.oid != types.VECTOR.oid:
            if value.value is not None:
                self.fills.append(bound.Fill(self.old.oid, column.attnum, value))
        else:
            self.rewrites.append(bound.Rewrite(self.scan, column.attnum, value))

    def _dropcolumn(self, command: Node) -> None:
        name = command["name"]
        column = self.draft.find_column(name)
        if column is None and command.get("missing_ok"):
            message = f'column "{name}" of relation "{self.old.name}" does not exist, skipping'
            self.notices.append(("00000", message))
            return
        column = self._column(name)
        if column.attnum == self.old.tenant_attnum:
            raise InvalidTableDefinition(f'cannot drop tenant column "{name}"')
        if column.attnum in self.old.split_by:
            raise InvalidTableDefinition(
                f'cannot drop column "{name}" because the shards of the table are split by it'
            )
        self.objects.append(f"column {name} of {self.removal.described(self.old)}")
        self.cascade |= command.get("behavior") == "DROP_CASCADE"
        self.removal.changed[self.old.oid] = self.draft.table()
        self.removal.drop_column(self.draft.table(), column)
        self._fit(self.removal.changed[self.old.oid])

    def _columndefault(self, command: Node) -> None:
        column = self._column(command["name"])
        if column.identity:
            raise SyntaxError(
                f'column "{column.name}" of relation "{self.old.name}" is an identity column',
                hint=None if "def" in command else "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.",
            )
        if column.generated:
            raise SyntaxError(
                f'column "{column.name}" of relation "{self.old.name}" is a generated column',
                hint=None if "def" in command
                else "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.",
            )
        if "def" in command:
            set_default(self.draft, column, command["def"])
        else:
            self._replace(column, default=None, sequence_oid=0)

    def _setnotnull(self, command: Node) -> None:
        column = self._column(command["name"])
        if not column.not_null:
            self._replace(column, not_null=True)
            self._verify("n", column.attnum)

    def _dropnotnull(self, command: Node) -> None:
        column = self._column(command["name"])
        if column.identity:
            raise SyntaxError(
                f'column "{column.name}" of relation "{self.old.name}" is an identity column'
            )
        if self.old.parent_oid and self.parent is None:
            forbid_nulls(self.binder.catalog.table(self.old.parent_oid), column)
        if any(column.attnum in c.attnums for c in self.draft.constraints if c.kind == "p"):
            raise InvalidTableDefinition(f'column "{column.name}" is in a primary key')
        self._replace(column, not_null=False)

    def _dropexpression(self, command: Node) -> None:
        column = self._column(command["name"])
        if not column.generated:
            message = f'column "{column.name}" of relation "{self.old.name}" is not a stored generated column'
            if not command.get("missing_ok"):
                raise ObjectNotInState(message)
            self.notices.append(("00000", f"{message}, skipping"))
            return
        self._replace(column, generated="")

    def _altercolumntype(self, command: Node) -> None:
        column = self._column(command["name"])
        changed = change_type(self.binder, self.draft, self.scan, column, command["def"]["ColumnDef"])
        if changed is None:
            return
        self._replace(
            column, type=changed.type, default=changed.default, collation=changed.collation
        )
        if changed.value is not None:
            refuse_row_type_use(self.binder, self.old)
            self.rewrites.append(bound.Rewrite(self.scan, column.attnum, changed.value))
        self._renew_indexes(column, changed.type)
        if column.identity and (sequence := self._own_sequence(column)) is not None:
            self.others[sequence.oid] = retyped(self.binder, sequence, changed.type)
        for constraint in self.draft.constraints:
            if column.attnum in constraint.attnums and constraint.kind in "cf":
                self._verify(constraint.kind, constraint.oid)

    def _renew_indexes(self, column: Column, wanted: types.SqlType) -> None:
        """Indexes over the column are built anew; those that hold no values stay as they are."""
        for index in self.binder.catalog.indexes(self.old.oid):
            if not any(part.attnum == column.attnum for part in index.columns):
                continue
            if index.method in METHODS:
                check_type(index.method, index.columns[0].operator_class, wanted)
            if index.method == "bm25" and column.attnum in index.fields(self.old) and wanted.oid not in TEXTS:
                raise WrongObjectType(
                    f'column "{column.name}" of type {wanted.name} cannot be indexed by bm25',
                    hint="bm25 indexes text columns.",
                )
            if index.method in (*METHODS, "bm25", "gin"):
                self.removal.dropped[index.oid] = None
                self.draft.indexes.append(replace(index, oid=self.draft.take_oid(), parent_oid=0))
            elif index.unique:
                self._verify("u", index.oid)

    # ---------------------------------------------------------------- identity

    def _own_sequence(self, column: Column) -> Sequence | None:
        found = self.binder.catalog.relations.get(column.sequence_oid)
        own = isinstance(found, Sequence) and found.owned_by == (self.old.oid, column.attnum)
        return found if own and isinstance(found, Sequence) else None

    def _addidentity(self, command: Node) -> None:
        column = self._column(command["name"])
        place = f'column "{column.name}" of relation "{self.old.name}"'
        if column.type.oid not in (types.INT2.oid, types.INT4.oid, types.INT8.oid):
            raise InvalidParameterValue(
                "identity column type must be smallint, integer, or bigint"
            )
        if not column.not_null:
            raise ObjectNotInState(f"{place} must be declared NOT NULL before identity can be added")
        if column.identity:
            raise ObjectNotInState(f"{place} is already an identity column")
        if column.default or column.sequence_oid:
            raise ObjectNotInState(f"{place} already has a default value")
        add_identity(self.draft, column, command["def"]["Constraint"])

    def _identity(self, command: Node) -> Column | None:
        column = self._column(command["name"])
        if column.identity:
            return column
        message = f'column "{column.name}" of relation "{self.old.name}" is not an identity column'
        if not command.get("missing_ok"):
            raise ObjectNotInState(message)
        self.notices.append(("00000", f"{message}, skipping"))
        return None

    def _setidentity(self, command: Node) -> None:
        column = self._identity(command)
        assert column is not None
        options = []
        for node in command["def"]["List"]["items"]:
            option = node["DefElem"]
            if option["defname"] == "generated":
                when = chr(option["arg"]["Integer"]["ival"])
                column = self._replace(column, identity=when)
            else:
                options.append(node)
        sequence = self._own_sequence(column)
        if options and sequence is not None:
            fresh = self.draft.take_oid()
            self.others[sequence.oid] = changed_sequence(self.binder, sequence, options, fresh)

    def _dropidentity(self, command: Node) -> None:
        column = self._identity(command)
        if column is not None:
            self.removal.dropped[column.sequence_oid] = None
            self._replace(column, identity="", sequence_oid=0)

    # ---------------------------------------------------------------- constraints

    def _addconstraint(self, command: Node) -> None:
        self._add(command["def"]["Constraint"])

    def _add(self, part: Node) -> None:
        nullable = [c for c in self.draft.columns if not c.not_null]
        constraint, told = add_or_merge(self.draft, part)
        self.notices += told
        if constraint.kind == "p":
            for column in nullable:
                if column.attnum in constraint.attnums:
                    self._verify("n", column.attnum)
        elif constraint.kind in "cf" and constraint.validated:
            self._verify(constraint.kind, constraint.oid)

    def _dropconstraint(self, command: Node) -> None:
        constraint = self._constraint(command)
        if constraint is None:
            return
        self.draft.constraints.remove(constraint)
        if constraint.kind in "pu":
            self.objects.append(
                f"constraint {constraint.name} on {self.removal.described(self.old)}"
            )
            self.cascade |= command.get("behavior") == "DROP_CASCADE"
            self.removal.changed[self.old.oid] = self.draft.table()
            self.removal.drop_key(self.draft.table(), constraint)
            self._fit(self.removal.changed[self.old.oid])

    def _validateconstraint(self, command: Node) -> None:
        constraint = self._constraint(command)
        assert constraint is not None
        if constraint.kind not in "cf":
            raise WrongObjectType(
                f'constraint "{constraint.name}" of relation "{self.old.name}" is not a foreign key or '
                "check constraint"
            )
        if not constraint.validated:
            self._exchange(constraint, replace(constraint, validated=True))
            self._verify(constraint.kind, constraint.oid)

    def _alterconstraint(self, command: Node) -> None:
        part = command["def"]["Constraint"]
        constraint = self._constraint({"name": part["conname"]})
        assert constraint is not None
        if constraint.kind != "f":
            raise WrongObjectType(
                f'constraint "{constraint.name}" of relation "{self.old.name}" is not a foreign key '
                "constraint"
            )
        made = replace(
            constraint,
            deferrable=bool(part.get("deferrable")),
            deferred=bool(part.get("initdeferred")),
        )
        self._exchange(constraint, made)

    def _exchange(self, old: Constraint, new: Constraint) -> None:
        self.draft.constraints[self.draft.constraints.index(old)] = new

    def _clusteron(self, command: Node) -> None:
        index = self.binder.context.find_relation(None, command["name"])
        if not isinstance(index, Index):
            raise UndefinedObject(
                f'index "{command["name"]}" for table "{self.old.name}" does not exist'
            )
