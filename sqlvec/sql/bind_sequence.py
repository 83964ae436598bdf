"""CREATE and ALTER SEQUENCE, and the sequences of serial and identity columns (sequence.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Relation, Sequence, Table
from sqlvec.errors import (
    DuplicateTable,
    InvalidParameterValue,
    ObjectNotInState,
    SyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.types import SqlType

_TYPES = (types.INT2.oid, types.INT4.oid, types.INT8.oid)


def bind_create_sequence(binder: Binder, body: Node) -> bound.Ddl:
    from sqlvec.sql.bind_table import creation_schema

    relation = body["sequence"]
    name, schema_oid = relation["relname"], creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl("CREATE SEQUENCE", notices=(("42P07", message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    _, oid = binder.catalog.reserve_oids(1)
    made = new_sequence(binder, Sequence(oid, name, schema_oid, types.INT8), body.get("options", []))
    return bound.Ddl("CREATE SEQUENCE", (made,))


def bind_alter_sequence(binder: Binder, body: Node) -> bound.Ddl:
    part = body["sequence"]
    name = part["relname"]
    found = binder.context.find_relation(part.get("schemaname"), name)
    if found is None:
        if body.get("missing_ok"):
            message = f'relation "{name}" does not exist, skipping'
            return bound.Ddl("ALTER SEQUENCE", notices=(("00000", message),))
        raise UndefinedTable(f'relation "{name}" does not exist')
    if not isinstance(found, Sequence):
        raise WrongObjectType(f'"{name}" is not a sequence')
    return bound.Ddl("ALTER SEQUENCE", (changed_sequence(binder, found, body.get("options", [])),))


def new_sequence(
    binder: Binder, base: Sequence, nodes: list[Node], *, identity: bool = False
) -> Sequence:
    """A sequence of base's name and type, with the options given."""
    return _Options(binder, nodes).apply(base, None, identity=identity)


def changed_sequence(
    binder: Binder, old: Sequence, nodes: list[Node], fresh_oid: int | None = None
) -> Sequence:
    """The sequence with some options changed; RESTART begins to count anew, under another oid."""
    if fresh_oid is None:
        _, fresh_oid = binder.catalog.reserve_oids(1)
    return _Options(binder, nodes, fresh_oid).apply(old, old)


def retyped(binder: Binder, old: Sequence, sql_type: SqlType) -> Sequence:
    """That of an identity column whose type changes; bounds that are those of the type change with it."""
    return _Options(binder, []).apply(replace(old, type=sql_type), old, identity=True)


def restarted(sequence: Sequence, oid: int, first: int | None = None) -> Sequence:
    """Counting anew. The oid is a fresh one, so that a rollback finds the old count again."""
    return replace(sequence, value_oid=oid, first=sequence.start if first is None else first)


class _Options:
    """Each at most once."""

    def __init__(self, binder: Binder, nodes: list[Node], fresh_oid: int = 0) -> None:
        self.binder = binder
        self.fresh_oid = fresh_oid
        self.given: dict[str, Any] = {}
        for node in nodes:
            body = node["DefElem"]
            name = body["defname"]
            if name in self.given:
                raise SyntaxError(
                    "conflicting or redundant options", position=binder.position(body)
                )
            self.given[name] = body.get("arg")

    def apply(self, sequence: Sequence, old: Sequence | None, *, identity: bool = False) -> Sequence:
        made = replace(sequence, type=self._type(sequence, identity))
        made = replace(made, increment=self._number("increment", made.increment))
        if made.increment == 0:
            raise InvalidParameterValue("INCREMENT must not be zero")
        if "cycle" in self.given:
            made = replace(made, cycle=_flag(self.given["cycle"]))
        made = self._bounds(made, old)
        made = self._start(made, old)
        cache = self._number("cache", made.cache)
        if cache < 1:
            raise InvalidParameterValue(f"CACHE ({cache}) must be greater than zero")
        made = replace(made, cache=cache)
        if "owned_by" in self.given:
            made = replace(made, owned_by=self._owner(made))
        return made

    def _type(self, sequence: Sequence, identity: bool) -> SqlType:
        node = self.given.get("as")
        found = sequence.type if node is None else self.binder.type_name(node["TypeName"])
        if found.oid not in _TYPES:
            what = "identity column" if identity else "sequence"
            raise InvalidParameterValue(f"{what} type must be smallint, integer, or bigint")
        return SqlType(found.oid)

    def _number(self, name: str, default: int) -> int:
        node = self.given.get(name)
        if node is None:
            return default
        kind, part = next(iter(node.items()))
        return int(part.get("ival", 0)) if kind == "Integer" else int(part["fval"])

    def _bounds(self, made: Sequence, old: Sequence | None) -> Sequence:
        low, high = _limits(made.type)
        ascending = made.increment > 0
        maximum, minimum = made.maximum, made.minimum
        was = _limits(old.type) if old is not None else (0, 0)
        if old is None or ("maxvalue" in self.given and self.given["maxvalue"] is None) or (
            old.type != made.type and maximum == was[1] and "maxvalue" not in self.given
        ):
            maximum = high if ascending else -1
        if old is None or ("minvalue" in self.given and self.given["minvalue"] is None) or (
            old.type != made.type and minimum == was[0] and "minvalue" not in self.given
        ):
            minimum = 1 if ascending else low
        maximum = self._number("maxvalue", maximum)
        minimum = self._number("minvalue", minimum)
        for word, value in (("MAXVALUE", maximum), ("MINVALUE", minimum)):
            if not low <= value <= high:
                raise InvalidParameterValue(
                    f"{word} ({value}) is out of range for sequence data type "
                    f"{types.format_type(made.type)}"
                )
        if minimum >= maximum:
            raise InvalidParameterValue(
                f"MINVALUE ({minimum}) must be less than MAXVALUE ({maximum})"
            )
        return replace(made, minimum=minimum, maximum=maximum)

    def _start(self, made: Sequence, old: Sequence | None) -> Sequence:
        start = made.start
        if old is None:
            start = made.minimum if made.increment > 0 else made.maximum
        start = self._number("start", start)
        _check_within("START", start, made)
        made = replace(made, start=start)
        if "restart" not in self.given:
            return made
        first = self._number("restart", start)
        _check_within("RESTART", first, made)
        return restarted(made, self.fresh_oid, first)

    def _owner(self, made: Sequence) -> tuple[int, int]:
        names = [item["String"]["sval"] for item in self.given["owned_by"]["List"]["items"]]
        if names == ["none"]:
            return (0, 0)
        if len(names) < 2:
            raise SyntaxError(
                "invalid OWNED BY option", hint="Specify OWNED BY table.column or OWNED BY NONE."
            )
        schema = names[-3] if len(names) > 2 else None
        table: Relation | None = self.binder.context.find_relation(schema, names[-2])
        if table is None:
            raise UndefinedTable(f'relation "{names[-2]}" does not exist')
        if not isinstance(table, Table):
            raise WrongObjectType(f'sequence cannot be owned by relation "{names[-2]}"')
        if table.schema_oid != made.schema_oid:
            raise ObjectNotInState("sequence must be in same schema as table it is linked to")
        column = table.column(names[-1])
        if column is None:
            raise UndefinedColumn(
                f'column "{names[-1]}" of relation "{table.name}" does not exist'
            )
        return (table.oid, column.attnum)


def _limits(sql_type: SqlType) -> tuple[int, int]:
    definition = sql_type.definition
    return definition.minimum, definition.maximum  # type: ignore[attr-defined]


def _check_within(word: str, value: int, sequence: Sequence) -> None:
    """START or RESTART between the bounds."""
    if value < sequence.minimum:
        raise InvalidParameterValue(
            f"{word} value ({value}) cannot be less than MINVALUE ({sequence.minimum})"
        )
    if value > sequence.maximum:
        raise InvalidParameterValue(
            f"{word} value ({value}) cannot be greater than MAXVALUE ({sequence.maximum})"
        )


def check_last_value(sequence: Sequence, last_value: int) -> None:
    """ALTER SEQUENCE keeps the count: it must lie between the new bounds."""
    _check_within("RESTART", last_value, sequence)


def _flag(node: Node | None) -> bool:
    return node is None or bool(node["Boolean"].get("boolval", False))
