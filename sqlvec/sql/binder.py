"""The binder's state for one statement: parameters, relation ids, positions; and coercion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlvec import types
from sqlvec.catalog.names import FINDERS, functions_found, is_ours
from sqlvec.catalog.objects import Column, Relation, Table, View, ViewRelation
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import (
    AmbiguousFunction,
    CannotCoerce,
    DatabaseError,
    DatatypeMismatch,
    FeatureNotSupported,
    IndeterminateDatatype,
    InvalidSchemaName,
    SyntaxError,
    UndefinedObject,
    UndefinedParameter,
)
from sqlvec.sql import bound
from sqlvec.sql.arrays import shaped_literal
from sqlvec.sql.body_arguments import BodyArguments
from sqlvec.sql.context import BindContext
from sqlvec.sql.parse import Node, ParsedStatement
from sqlvec.sql.type_rules import (
    REG_KINDS,
    TEXTS,
    casts_explicitly,
    casts_implicitly,
    casts_on_assignment,
    common_type,
    is_unknown,
)
from sqlvec.types import SqlType
from sqlvec.types.bits import BITS_MAX
from sqlvec.types.composite_type import Composite
from sqlvec.types.domain_type import value_type
from sqlvec.types.interval import FULL_PRECISION
from sqlvec.types.shaped_array import has_shape, is_shaped, shaped
from sqlvec.types.sparse_vector import SPARSE_DIMENSIONS_MAX
from sqlvec.types.vector import DIMENSIONS_MAX
from sqlvec.types.zoned import in_zone

_PARAMETERS_MAX = 65_535
_LENGTHS = {
    types.VECTOR.oid: ("dimensions", DIMENSIONS_MAX),
    types.HALFVEC.oid: ("dimensions", DIMENSIONS_MAX),
    types.SPARSEVEC.oid: ("dimensions", SPARSE_DIMENSIONS_MAX),
    types.BIT.oid: ("length", BITS_MAX),
    types.VARBIT.oid: ("length", BITS_MAX),
}


class Binder:
    """One statement's binding."""

    def __init__(
        self, parsed: ParsedStatement, context: BindContext, parameter_oids: Sequence[int]
    ) -> None:
        self.parsed = parsed
        self.context = context
        self.catalog = context.catalog
        self.parameters: dict[int, SqlType] = {}
        self.positions: dict[bound.Expression, int] = {}  # of columns and aggregates
        self.tables: dict[int, Table] = {}
        self.derived: dict[int, bound.Query] = {}  # views and subqueries in FROM
        self.windows: dict[str, Node] = {}
        self.overriding = False
        self.where: bound.Expression | None = None  # of the SELECT whose targets are bound
        self.explains = False  # explain_score() waits for the ORDER BY of its query
        self.modifying: list[tuple[int, bound.Insert | bound.Update | bound.Delete]] = []
        self.used: dict[tuple[str, str], tuple[str | None, Relation]] = {}  # relations, as named
        self.meant: dict[tuple[str, str], ViewRelation] = {}  # inside a view: what names mean
        self.notices: list[tuple[str, str]] = []
        self.as_of: bound.Expression | None = None  # FOR SYSTEM_TIME of what is being bound
        # Uses of user types while somebody asks for them: oid, position, and the literal or None for the name.
        self.type_uses: list[tuple[int, int | None, str | None]] | None = None
        self.stored_text = False  # what is bound is text of the catalog, not of the statement
        self.arguments: BodyArguments | None = None  # of the function whose body is bound
        self.bare = False  # what is bound is an expression of a definition, which may hold no query
        self.shows = False  # calls of users' functions stay as they are written
        self.running: tuple[int, ...] = ()  # the functions that this body is inside of
        self.calls: dict[bound.Expression, Any] = {}  # by value: the call of a function that gives a row of it
        self.taken_in: dict[Any, bound.Expression] = {}  # by call: what stands for it
        self._relation_id = 0
        for number, oid in enumerate(parameter_oids, 1):
            if oid and oid != types.UNKNOWN.oid:
                known = SqlType(oid) if types.by_oid(oid) else context.catalog.type_by_oid(oid)
                if known is None:
                    raise UndefinedObject(f"type with OID {oid} does not exist")
                self.parameters[number] = known
            else:
                self.parameters.setdefault(number, types.UNKNOWN)

    def next_relation(self) -> int:
        self._relation_id += 1
        return self._relation_id

    def meaning(self, schema: str | None, name: str) -> Relation | None:
        """The relation of that name, inside a view or a body the one that was meant when it was made."""
        meant = self.meant.get((schema or "", name))
        if meant is not None:
            found = self.catalog.relations.get(meant.oid)
        else:
            found = self.context.find_relation(schema, name)
        if found is not None:
            self.used[(schema or "", name)] = (schema, found)
        return found

    def origin(self, column: bound.ColumnRef) -> bound.ColumnRef | None:
        """The table's column that a column of a view or subquery is; None for anything else."""
        found: bound.Expression = column
        while isinstance(found, bound.ColumnRef) and found.relation_id in self.derived:
            query = self.derived[found.relation_id]
            if not isinstance(query, bound.Select):
                return None
            found = query.targets[found.ordinal].expression
        return found if isinstance(found, bound.ColumnRef) else None

    def declared_type(self, expression: bound.Expression) -> SqlType:
        """With the domain that the value is one of, which its type does not tell."""
        if isinstance(expression, bound.DomainCheck):
            domain = expression.domain
            return types.array_of(domain) if expression.depth else domain
        column = self.column_of(expression) if isinstance(expression, bound.ColumnRef) else None
        return expression.type if column is None else column.type

    def column_of(self, expression: bound.ColumnRef) -> Column | None:
        """The column of a table that it reads, through subqueries too."""
        origin = self.origin(expression)
        table = None if origin is None else self.tables.get(origin.relation_id)
        if table is None or origin is None or origin.ordinal >= len(table.columns):
            return None
        return table.columns[origin.ordinal]

    def position(self, node: Node) -> int | None:
        """Of a node's body, for an error."""
        return self.parsed.position(node.get("location"))

    # ---------------------------------------------------------------- parameters

    def parameter(self, number: int, position: int | None) -> bound.Expression:
        if self.arguments is not None:
            given = self.arguments.numbered(number)
            if given is None:
                raise UndefinedParameter(f"there is no parameter ${number}", position=position)
            return given
        if number < 1 or number > _PARAMETERS_MAX:
            raise UndefinedParameter(f"there is no parameter ${number}", position=position)
        return bound.Param(self.parameters.setdefault(number, types.UNKNOWN), number)

    def parameter_types(self) -> tuple[SqlType, ...]:
        """Of $1 to the greatest; what nothing told is text."""
        count = max(self.parameters, default=0)
        found = []
        for number in range(1, count + 1):
            if number not in self.parameters:
                raise IndeterminateDatatype(f"could not determine data type of parameter ${number}")
            known = self.parameters[number]
            found.append(types.TEXT if is_unknown(known) else known)
        return tuple(found)

    # ---------------------------------------------------------------- coercion

    def coerce(
        self,
        expression: bound.Expression,
        target: SqlType,
        *,
        level: str = "implicit",
        position: int | None = None,
    ) -> bound.Expression:
        """The expression as target; level is implicit, assignment or explicit. Raises 42804/42846."""
        if target.own is not None and (plain := value_type(target)) is not target:
            value = self.coerce(expression, plain, level=level, position=position)
            # What is assigned to a column is looked at when the row is written.
            return value if level == "assignment" else self._in_domain(value, target)
        source = expression.type
        if source == target:
            return expression
        if level == "explicit" and (is_shaped(source) or source.oid in TEXTS) and has_shape(target):
            target = shaped(target)
        if isinstance(expression, bound.RowRef) and isinstance(target.own, Composite):
            expression = self._row_of(expression)
        if isinstance(expression, bound.RowExpression) and isinstance(target.own, Composite):
            from sqlvec.sql.composites import row_as

            return row_as(self, expression, target, level, position)
        if is_unknown(source):
            return self._settle(expression, target, level, position)
        if source.oid == target.oid and target.typmod < 0:
            return expression
        if not _allowed(source, target, level):
            raise CannotCoerce(
                f"cannot cast type {source.plain_name} to {target.plain_name}", position=position
            )
        explicit = level == "explicit"
        if isinstance(expression, bound.Const):
            folded = self._fold(expression, target, explicit)
            if folded is not None:
                return folded
        if is_shaped(target) and isinstance(expression, bound.Cast) and isinstance(expression.arg, bound.Param):
            expression = expression.arg  # which may bring more dimensions than the cast asked for
        if isinstance(expression, bound.ArrayExpression) and (element := types.element_of(target)):
            items = tuple(
                self.coerce(
                    item, target if types.element_of(item.type) else element, level=level, position=position
                )
                for item in expression.items
            )
            return bound.ArrayExpression(target, items)
        return bound.Cast(target, expression, explicit)

    def _row_of(self, row: bound.RowRef) -> bound.Expression:
        """A whole row of a table as its columns."""
        table = self.tables.get(row.relation_id)
        if table is None:
            return row
        columns = tuple(
            bound.ColumnRef(c.value_type, row.relation_id, c.attnum - 1, c.name) for c in table.live_columns
        )
        return bound.RowExpression(types.RECORD, columns)

    def _in_domain(self, value: bound.Expression, target: SqlType) -> bound.Expression:
        from sqlvec.sql.domain_rules import domain_check

        return domain_check(self, value, target)

    def _settle(
        self, expression: bound.Expression, target: SqlType, level: str, position: int | None
    ) -> bound.Expression:
        """An unknown literal or parameter takes the type wanted of it."""
        if isinstance(expression, bound.Const):
            place = expression.position or position
            return self.literal(expression.value, target, place, level)
        if isinstance(expression, bound.Param):
            plain = target.bare
            known = self.parameters.get(expression.number, types.UNKNOWN)
            if is_unknown(known):
                self.parameters[expression.number] = plain
                known = plain
            typed = bound.Param(known, expression.number)
            return self.coerce(typed, target, level=level, position=position)
        return bound.Cast(target, expression, level == "explicit")

    def literal(
        self, text: str | None, target: SqlType, position: int | None, level: str = "implicit"
    ) -> bound.Expression:
        """A quoted literal read as target; the type's own error, with the position."""
        if text is None or is_unknown(target):
            return bound.Const(target, text)
        if target.oid in REG_KINDS and not text.strip().lstrip("-").isdigit():
            return bound.Const(target, self.resolve_name(text, target, position))
        if target.oid in (types.TIMESTAMPTZ.oid, types.TIMESTAMP.oid, types.DATE.oid):
            if special := _moment(text, target):
                return special
        definition = in_zone(target.definition, self.context.zone)
        if target.own is not None and self.type_uses is not None:
            self.type_uses.append((target.oid, position, text))
        try:
            if (with_shape := shaped_literal(text, target, position, level)) is not None:
                return with_shape
            typmod = target.typmod if target.oid == types.INTERVAL.oid else -1
            datum = definition.parse(text, typmod)
        except DatabaseError as error:
            if error.position is None:
                error.position = position
            raise
        # What the length coercion refuses has no position, as in PostgreSQL's coerce_type_typmod.
        return bound.Const(target, definition.apply_typmod(datum, target.typmod, level == "explicit"))

    def resolve_name(self, text: str, target: SqlType, position: int | None) -> int:
        """'docs'::regclass and its kin."""
        context = self.context
        view = Viewpoint(
            self.catalog, context.search_path, context.user, temporary_schema=context.temporary_schema
        )
        found = FINDERS[REG_KINDS[target.oid]](view, text)
        if found is None:
            if target.oid == types.REGPROC.oid and len(functions_found(view, text)) > 1:
                raise AmbiguousFunction(f'more than one function named "{text}"', position=position)
            raise unresolved(text, target, position)
        return int(found)

    def _fold(
        self, constant: bound.Const, target: SqlType, explicit: bool
    ) -> bound.Const | None:
        """Numbers are converted at once; other constants when run."""
        value = constant.value
        if value is None:
            return bound.Const(target, None)
        numeric = target.oid == types.NUMERIC.oid and target.typmod < 0
        if isinstance(value, int) and not isinstance(value, bool):
            if target.oid in (types.INT8.oid, types.INT4.oid, types.INT2.oid):
                integer = target.definition
                low, high = integer.minimum, integer.maximum  # type: ignore[attr-defined]
                return bound.Const(target, value) if low <= value <= high else None
            if target.oid == types.FLOAT8.oid:
                return bound.Const(target, float(value))
            if numeric:
                return bound.Const(target, Decimal(value))
        if isinstance(value, Decimal) and target.oid == types.FLOAT8.oid:
            number = float(value)
            return bound.Const(target, number) if math.isfinite(number) else None
        return None

    def assign(
        self, expression: bound.Expression, column: str, target: SqlType, position: int | None
    ) -> bound.Expression:
        """A value for a column: assignment casts, PostgreSQL's 42804."""
        source = expression.type
        row = isinstance(expression, (bound.RowExpression, bound.RowRef)) and isinstance(value_type(target).own, Composite)
        if not is_unknown(source) and not row and not casts_on_assignment(source, target):
            raise DatatypeMismatch(
                f'column "{column}" is of type {types.format_type(target.bare)} but '
                f"expression is of type {source.plain_name}",
                position=position,
                hint="You will need to rewrite or cast the expression.",
            )
        return self.coerce(expression, target, level="assignment", position=position)

    def unify(
        self,
        expressions: Sequence[bound.Expression],
        what: str,
        positions: Sequence[int | None] = (),
    ) -> tuple[list[bound.Expression], SqlType]:
        """All expressions as one type, and that type; 42804 at the first that does not fit the others."""
        found = [e.type for e in expressions]
        target = common_type(found)
        if target is None:
            last = next(n for n in range(2, len(found) + 1) if common_type(found[:n]) is None) - 1
            before = common_type(found[:last])
            assert before is not None
            raise DatatypeMismatch(
                f"{what} types {before.name} and {found[last].name} cannot be matched",
                position=positions[last] if positions else None,
            )
        return [self.coerce(e, target) for e in expressions], target

    def boolean(self, expression: bound.Expression, what: str, position: int | None) -> bound.Expression:
        """A condition; 42804 for what is not boolean."""
        if is_unknown(expression.type):
            return self.coerce(expression, types.BOOL, position=position)
        if expression.type.oid != types.BOOL.oid:
            raise DatatypeMismatch(
                f"argument of {what} must be type boolean, not type {expression.type.name}",
                position=position,
            )
        return expression

    def settled(self, expression: bound.Expression) -> bound.Expression:
        """An output expression: what is still unknown is text."""
        return self.coerce(expression, types.TEXT) if is_unknown(expression.type) else expression

    # ---------------------------------------------------------------- type names

    def type_name(self, node: Node) -> SqlType:
        """A TypeName node; 42704 for unknown types."""
        body = node.get("TypeName", node)
        names = [part["String"]["sval"] for part in body["names"]]
        position = self.position(body)
        name = names[-1]
        found = self._named_type(names, position)
        modifiers = [self._modifier(m) for m in body.get("typmods", ())]
        if found.own is None:
            found = SqlType(found.oid, self._typmod(found, name, modifiers, position))
        elif modifiers:
            raise SyntaxError(
                f'type modifier is not allowed for type "{found.name}"', position=position
            )
        if body.get("arrayBounds"):
            if not found.definition.array_oid:
                raise FeatureNotSupported(
                    f"arrays of type {found.plain_name} are not supported", position=position
                )
            found = types.array_of(found)
            if len(body["arrayBounds"]) > 1 and has_shape(found):
                found = shaped(found)
        if body.get("setof"):
            raise FeatureNotSupported("SETOF is not supported here", position=position)
        return found

    def _named_type(self, names: list[str], position: int | None) -> SqlType:
        """PostgreSQL's types hide those of users; ours, of the schema public, do not."""
        *schema, name = names
        builtin = types.by_name(name)
        if builtin is not None and (schema in ([], ["pg_catalog"]) or schema == ["public"] and is_ours(builtin.oid)):
            return builtin
        found = self.context.find_type(schema[-1] if schema else None, name)
        if found is None and self.stored_text and not schema:  # see type_text.qualified
            found = self.context.find_type("public", name)
        if found is None:
            found = self._row_type(schema[-1] if schema else None, name)
        if found is None:
            if schema and self.catalog.schema(schema[-1]) is None:
                raise InvalidSchemaName(f'schema "{schema[-1]}" does not exist', position=position)
            raise UndefinedObject(f'type "{".".join(names)}" does not exist', position=position)
        if self.type_uses is not None:
            self.type_uses.append((found.oid, position, None))
        return found

    def _row_type(self, schema: str | None, name: str) -> SqlType | None:
        """Of the table or view of that name, on which a view that is being made depends then."""
        meant = self.meant.get((schema or "", name))
        relation = self.context.find_relation(schema, name)
        if meant is not None:
            relation = self.catalog.relations.get(meant.oid)
        if not isinstance(relation, (Table, View)):
            return None
        self.used[(schema or "", name)] = (schema, relation)
        return self.catalog.row_type(relation)

    def _modifier(self, node: Node) -> int:
        constant = node.get("A_Const")
        if constant is None or "ival" not in constant:
            from sqlvec.errors import InvalidParameterValue

            raise InvalidParameterValue("type modifiers must be simple constants or identifiers")
        return int(constant["ival"].get("ival", 0))

    def _typmod(
        self, found: SqlType, name: str, modifiers: list[int], position: int | None
    ) -> int:
        from sqlvec.errors import InvalidParameterValue, ProgramLimitExceeded

        if not modifiers:
            if name == "bpchar" and found.oid == types.BPCHAR.oid:
                return -1
            return 1 if name == "bit" else -1
        first = modifiers[0]
        if found.oid in (types.VARCHAR.oid, types.BPCHAR.oid):
            if first < 1:
                raise InvalidParameterValue(
                    f"length for type {name.replace('bpchar', 'char')} must be at least 1", position=position
                )
            return first + 4
        if found.oid == types.NUMERIC.oid:
            scale = modifiers[1] if len(modifiers) > 1 else 0
            if not 1 <= first <= 1000:
                raise InvalidParameterValue(
                    f"NUMERIC precision {first} must be between 1 and 1000", position=position
                )
            return ((first << 16) | (scale & 0x7FF)) + 4
        if found.oid in _LENGTHS:
            what, most = _LENGTHS[found.oid]
            if len(modifiers) > 1:
                raise InvalidParameterValue("invalid type modifier", position=position)
            if first < 1:
                raise InvalidParameterValue(
                    f"{what} for type {name} must be at least 1", position=position
                )
            if first > most:
                raise InvalidParameterValue(
                    f"{what} for type {name} cannot exceed {most}", position=position
                )
            return first
        if found.oid == types.INTERVAL.oid:  # a range of fields, and a precision (intervaltypmodin)
            return first << 16 | (modifiers[1] if len(modifiers) > 1 else FULL_PRECISION)
        if found.definition.modifiers(first):
            return first
        raise ProgramLimitExceeded(f'type modifier is not allowed for type "{name}"')


def _allowed(source: SqlType, target: SqlType, level: str) -> bool:
    if level == "explicit":
        return casts_explicitly(source, target)
    if level == "assignment":
        return casts_on_assignment(source, target)
    return casts_implicitly(source, target)


def _moment(text: str, target: SqlType) -> bound.Expression | None:
    """'now', 'today' and the like are evaluated when run."""
    word = text.strip().lower()
    now = bound.FunctionCall(types.TIMESTAMPTZ, "now", ())
    if word == "now":
        return now if target.oid == types.TIMESTAMPTZ.oid else bound.Cast(target, now)
    if word in ("today", "tomorrow", "yesterday"):
        day: bound.Expression = bound.Cast(types.DATE, now)
        if word != "today":
            step = bound.Const(types.INT4, 1)
            operator = "+" if word == "tomorrow" else "-"
            day = bound.FunctionCall(types.DATE, operator, (day, step), True)
        return day if target.oid == types.DATE.oid else bound.Cast(target, day)
    return None


def unresolved(text: str, target: SqlType, position: int | None) -> DatabaseError:
    """The error of a name that is no object of the kind."""
    from sqlvec.errors import InvalidSchemaName, UndefinedFunction, UndefinedTable

    if target.oid == types.REGCLASS.oid:
        return UndefinedTable(f'relation "{text}" does not exist', position=position)
    if target.oid == types.REGTYPE.oid:
        return UndefinedObject(f'type "{text}" does not exist', position=position)
    if target.oid == types.REGNAMESPACE.oid:
        return InvalidSchemaName(f'schema "{text}" does not exist', position=position)
    if target.oid == types.REGROLE.oid:
        return UndefinedObject(f'role "{text}" does not exist', position=position)
    return UndefinedFunction(f'function "{text}" does not exist', position=position)


def body_of(node: Node) -> tuple[str, Any]:
    """The kind and the body of a parse node."""
    return next(iter(node.items()))


def location_of(binder: Binder, node: Node) -> int | None:
    """The position of an expression: its own, or its leftmost part's."""
    kind, body = body_of(node)
    if not isinstance(body, dict):
        return None
    if kind == "A_Expr" and "lexpr" in body:
        return location_of(binder, body["lexpr"])
    if kind == "TypeCast":
        return location_of(binder, body["arg"])
    return binder.position(body)
