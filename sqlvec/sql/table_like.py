"""CREATE TABLE (LIKE other INCLUDING ...): columns of another table, and as much else as is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlvec.catalog.objects import Column, Constraint, Index, Sequence, Table, View
from sqlvec.errors import DuplicateColumn, FeatureNotSupported, UndefinedTable, WrongObjectType
from sqlvec.sql.bind_constraint import joined
from sqlvec.sql.parse import Node
from sqlvec.sql.table_draft import Draft

# TableLikeOption, src/include/nodes/parsenodes.h
_CONSTRAINTS, _DEFAULTS, _GENERATED, _IDENTITY, _INDEXES = 4, 8, 16, 32, 64


AddColumn = Callable[[str, bool, Callable[[], int]], int]  # name, whether it has a value by default, what adds it


def add_like(draft: Draft, body: Node, add: AddColumn) -> None:
    part, options = body["relation"], body.get("options", 0)
    source = draft.binder.context.find_relation(part.get("schemaname"), part["relname"])
    if source is None:
        raise UndefinedTable(
            f'relation "{part["relname"]}" does not exist', position=draft.binder.position(part)
        )
    if not isinstance(source, (Table, View)):
        raise WrongObjectType(
            f'relation "{source.name}" is invalid in LIKE clause',
            detail="This operation is not supported for "
            f"{'indexes' if isinstance(source, Index) else 'sequences'}.",
            position=draft.binder.position(part),
        )
    places: dict[int, int] = {}
    for column in source.columns:
        if not column.dropped:
            has_value = bool(options & _DEFAULTS and column.default)
            define = partial(_add_column, draft, column, options)
            places[column.attnum] = add(column.name, has_value, define)
    if isinstance(source, Table):
        if options & _CONSTRAINTS:
            _add_checks(draft, source, places)
        if options & _INDEXES:
            for index in draft.binder.catalog.indexes(source.oid):
                _add_index(draft, source, index, places)


def _add_column(draft: Draft, column: Column, options: int) -> int:
    if draft.find_column(column.name) is not None:
        raise DuplicateColumn(f'column "{column.name}" specified more than once')
    attnum = len(draft.columns) + 1
    made = Column(
        attnum, column.name, column.type, column.not_null, collation=column.collation
    )
    if options & _DEFAULTS and not column.identity:
        made = replace(made, default=column.default, sequence_oid=column.sequence_oid)
    if options & _GENERATED:
        made = replace(made, generated=column.generated)
    draft.columns.append(made)
    if options & _IDENTITY and column.identity:
        old = draft.binder.catalog.relations[column.sequence_oid]
        assert isinstance(old, Sequence), old
        sequence = replace(
            old, oid=draft.take_oid(), name=draft.free_name(column.name, "seq"),
            schema_oid=draft.schema_oid, owned_by=(draft.oid, attnum), value_oid=0, first=None,
        )  # fmt: skip
        draft.sequences.append(sequence)
        draft.columns[-1] = replace(made, identity=column.identity, sequence_oid=sequence.oid)
    return attnum


def _moved(attnums: tuple[int, ...], places: dict[int, int]) -> tuple[int, ...]:
    return tuple(places[attnum] for attnum in attnums)


def _add_checks(draft: Draft, source: Table, places: dict[int, int]) -> None:
    for constraint in source.constraints:
        if constraint.kind == "c":
            oid = draft.take_oid()
            attnums = _moved(constraint.attnums, places)
            made = replace(
                constraint, oid=oid, attnums=attnums, validated=True, parent_oid=0, local=True, inherited=0
            )
            draft.constraints.append(made)


def _add_index(draft: Draft, source: Table, index: Index, places: dict[int, int]) -> None:
    """The index under a name of its own, and the key that it stands for."""
    columns = tuple(
        replace(c, attnum=places[c.attnum]) if c.attnum else c for c in index.columns
    )
    named = [draft.columns[c.attnum - 1] for c in columns if c.attnum]
    key = next((c for c in source.constraints if c.index_oid == index.oid and c.kind in "pu"), None)
    if any(not c.attnum for c in columns) and index.method != "btree":
        raise FeatureNotSupported("LIKE INCLUDING INDEXES is not supported for expression indexes")
    if key is None:
        words = "_".join([c.name for c in named] or ["expr"])
        name = draft.free_name(words, "idx")
    else:
        name = draft.free_name("" if key.kind == "p" else joined(named), "pkey" if key.kind == "p" else "key")
    made = replace(
        index, oid=draft.take_oid(), name=name, table_oid=draft.oid, columns=columns,
        included=_moved(index.included, places),
    )  # fmt: skip
    draft.indexes.append(made)
    if key is not None:
        draft.constraints.append(
            Constraint(
                draft.take_oid(), name, key.kind, _moved(key.attnums, places), "", made.oid,
                deferrable=key.deferrable, deferred=key.deferred,
            )
        )  # fmt: skip
