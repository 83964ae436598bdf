"""INSERT, UPDATE, DELETE and COPY: targets, defaults, checks, conflicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Column, Table
from sqlvec.encodings import encoding_named
from sqlvec.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidParameterValue,
    SyntaxError,
)
from sqlvec.sql import bound
from sqlvec.sql.arbiters import arbiters
from sqlvec.sql.assigned_part import part_type, refuse_default, with_part
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_from import bind_from, table_scan
from sqlvec.sql.bind_select import bind_query, bind_targets, output_location, with_literals
from sqlvec.sql.bind_with import bind_with
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.composites import composite_of
from sqlvec.sql.domain_rules import default_text
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.grouping import forbid_aggregates
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.substitution import Place, substituted
from sqlvec.sql.system_columns import check_assigned
from sqlvec.sql.write_target import WriteTarget, column_named, target_table, write_target


class _GeneratedAlways(SyntaxError):
    """A value for a column that makes its own."""

    sqlstate = "428C9"


def checks(binder: Binder, table: Table, relation_id: int) -> tuple[bound.Check, ...]:
    """The CHECK constraints over the relation."""
    found = []
    for constraint in table.constraints:
        if constraint.kind == "c":
            expression = bind_expression_text(binder, constraint.expression, table, relation_id)
            found.append(bound.Check(constraint.name, binder.boolean(expression, "CHECK", None)))
    return tuple(found)


def default_of(binder: Binder, column: Column, table: Table, relation_id: int) -> bound.Expression | None:
    """What the column gets when nothing is given."""
    text = column.generated or column.default or default_text(binder, column.type)
    if column.sequence_oid and not column.default:
        sequence = bound.Const(types.REGCLASS, column.sequence_oid)
        call = bound.FunctionCall(types.INT8, "nextval", (sequence,))
        return call if column.type.oid == types.INT8.oid else bound.Cast(column.type, call, False)
    if not text:
        return None
    scope_table = table if column.generated else None
    expression = bind_expression_text(binder, text, scope_table, relation_id)
    return binder.assign(expression, column.name, column.type, None)


def _defaults(
    binder: Binder, table: Table, relation_id: int, given: tuple[int, ...]
) -> tuple[bound.Assignment, ...]:
    found = []
    for column in table.live_columns:
        if column.attnum not in given:
            expression = default_of(binder, column, table, relation_id)
            if expression is not None:
                found.append(bound.Assignment(column.attnum, expression))
    return tuple(found)


# ---------------------------------------------------------------- INSERT


def bind_insert(binder: Binder, body: Node, parent: Scope | None = None) -> bound.Insert:
    scope = Scope(parent)
    ctes = bind_with(binder, body.get("withClause"), scope)
    written = write_target(binder, body["relation"], "INSERT")
    target, table = written.scan, written.table
    columns = _insert_columns(binder, body, written)
    select = body.get("selectStmt", {}).get("SelectStmt")
    overriding = body.get("override", "OVERRIDING_NOT_SET")
    binder.overriding = overriding != "OVERRIDING_NOT_SET"
    named = [node["ResTarget"] for node in body.get("cols", ())]
    source, columns = _insert_source(binder, select, table, target, columns, named, scope)
    if any("indirection" in part for part in named):
        source, columns = _with_fields(binder, source, table, columns, named)
    if not isinstance(source, bound.Values):
        _check_given(columns, overriding)
    kept = [i for i, c in enumerate(columns) if not _replaced(c, source, i, overriding)]
    source, columns = _without(binder, source, kept), [columns[i] for i in kept]
    attnums = tuple(column.attnum for column in columns)
    output = Scope()
    output.add(written.seen)
    return bound.Insert(
        target,
        attnums,
        source,
        _defaults(binder, table, target.relation_id, attnums),
        (*checks(binder, table, target.relation_id), *written.checks),
        _on_conflict(binder, body.get("onConflictClause"), written),
        written.over_table(bind_targets(binder, body.get("returningList", []), output)),
        ctes,
    )


def _insert_columns(binder: Binder, body: Node, written: WriteTarget) -> list[Column]:
    names = body.get("cols")
    if not names:
        return written.columns()
    found: list[Column] = []
    whole: dict[int, bool] = {}  # by attnum, whether it is given as a whole
    for node in names:
        part = node["ResTarget"]
        position = binder.position(part)
        column = written.column(part["name"], position)
        steps = part.get("indirection", ())
        if whole.setdefault(column.attnum, not steps) or (not steps and column in found):
            if any(column.attnum == other.attnum for other in found):
                raise DuplicateColumn(
                    f'column "{column.name}" specified more than once', position=position
                )
        if steps:
            fields = [step["String"]["sval"] for step in steps if "String" in step]
            wanted = part_type(column.type, column.name, steps, position)
            column = replace(column, name=[column.name, *fields][-1], type=wanted)
        found.append(column)
    return found


def _with_fields(
    binder: Binder, source: bound.Query, table: Table, given: list[Column], named: list[Node]
) -> tuple[bound.Query, list[Column]]:
    """What is given for fields, put together to values of their columns."""
    relation = bound.DerivedTable(binder.next_relation(), "source", source.columns, source)
    whole: dict[int, bound.Expression] = {}
    for i, (part, have) in enumerate(zip(named, given, strict=True)):
        column, position = table.column_by_attnum(have.attnum), binder.position(part)
        value: bound.Expression = bound.ColumnRef(have.type, relation.relation_id, i, have.name)
        if "indirection" in part:
            before = whole.get(column.attnum, bound.Const(column.value_type, None))
            steps = part["indirection"]
            value = with_part(binder, column.name, before, steps, value, Scope(), position)
        whole[column.attnum] = value
    columns = [table.column_by_attnum(attnum) for attnum in whole]
    values = zip(columns, whole.values(), strict=True)
    targets = tuple(bound.Target(column.name, value) for column, value in values)
    output = tuple(bound.OutputColumn(t.name, t.expression.type) for t in targets)
    return bound.Select(output, targets, (relation,)), columns


class _Default(bound.Expression):
    """The DEFAULT keyword, until it is replaced."""


_DEFAULT = _Default(types.UNKNOWN)


def _insert_source(
    binder: Binder,
    select: Node | None,
    table: Table,
    target: bound.TableScan,
    columns: list[Column],
    named: list[Node],
    scope: Scope,
) -> tuple[bound.Query, list[Column]]:
    if select is None:  # DEFAULT VALUES
        return bound.Values((), ((),)), []
    if "valuesLists" in select and not select.get("sortClause") and "limitCount" not in select:
        return _insert_values(binder, select, table, target, columns, named, scope)
    query = bind_query(binder, {"SelectStmt": select}, scope)
    columns = _fit_columns(binder, columns, len(query.columns), named, select)
    query = with_literals(binder, query, select, [c.type for c in columns], "assignment")
    query = _with_rows(binder, query, columns)
    pairs = list(zip(query.columns, columns, strict=True))
    if all(have.type == column.type for have, column in pairs):
        return query, columns
    relation = bound.DerivedTable(binder.next_relation(), "source", query.columns, query)
    targets = []
    for i, (have, column) in enumerate(pairs):
        reference = bound.ColumnRef(have.type, relation.relation_id, i, have.name)
        place = output_location(binder, select, i)
        value = binder.assign(reference, column.name, column.type, place)
        targets.append(bound.Target(column.name, value))
    output = tuple(bound.OutputColumn(c.name, c.type) for _, c in pairs)
    return bound.Select(output, tuple(targets), (relation,)), columns


def _with_rows(binder: Binder, query: bound.Query, columns: list[Column]) -> bound.Query:
    """Whole rows in the target list are values of the columns' row types."""
    if not isinstance(query, bound.Select) or query.distinct or len(query.targets) != len(columns):
        return query
    targets, output = list(query.targets), list(query.columns)
    for i, (target, column) in enumerate(zip(query.targets, columns, strict=True)):
        if isinstance(target.expression, bound.RowRef) and composite_of(column.value_type):
            value = binder.coerce(target.expression, column.value_type, level="assignment")
            targets[i] = replace(target, expression=value)
            output[i] = replace(output[i], type=column.value_type)
    return replace(query, targets=tuple(targets), columns=tuple(output))


def _fit_columns(
    binder: Binder, columns: list[Column], width: int, named: list[Node], select: Node
) -> list[Column]:
    """The columns that get values: all that are named, or the first of the table."""
    if width > len(columns):
        raise SyntaxError(
            "INSERT has more expressions than target columns",
            position=output_location(binder, select, len(columns)),
        )
    if width < len(named):
        raise SyntaxError(
            "INSERT has more target columns than expressions",
            position=binder.position(named[width]),
        )
    return columns[:width]


def _insert_values(
    binder: Binder,
    select: Node,
    table: Table,
    target: bound.TableScan,
    columns: list[Column],
    named: list[Node],
    scope: Scope,
) -> tuple[bound.Query, list[Column]]:
    width = len(select["valuesLists"][0]["List"]["items"])
    columns = _fit_columns(binder, columns, width, named, select)
    rows = []
    for node in select["valuesLists"]:
        items = node["List"]["items"]
        if len(items) != width:
            raise SyntaxError("VALUES lists must all be the same length", position=location_of(binder, items[0]))
        rows.append(
            tuple(
                _insert_value(binder, item, column, table, target, scope)
                for item, column in zip(items, columns, strict=True)
            )
        )
    output = tuple(bound.OutputColumn(c.name, c.type) for c in columns)
    return bound.Values(output, tuple(rows)), columns


def _insert_value(
    binder: Binder, node: Node, column: Column, table: Table, target: bound.TableScan, scope: Scope
) -> bound.Expression:
    if "SetToDefault" in node:
        default = default_of(binder, column, table, target.relation_id)
        if column.generated:
            return _DEFAULT
        return default if default is not None else bound.Const(column.type, None)
    if column.generated or (column.identity == "a" and not binder.overriding):
        raise _generated_always(column)
    expression = bind_expression(binder, node, scope)
    return binder.assign(expression, column.name, column.type, location_of(binder, node))


def _replaced(column: Column, source: bound.Query, place: int, overriding: str) -> bool:
    """Whether a column's given values are dropped in favor of its default."""
    if isinstance(source, bound.Values) and any(row[place] is _DEFAULT for row in source.rows):
        return True
    return overriding == "OVERRIDING_USER_VALUE" and bool(column.identity)


def _without(binder: Binder, source: bound.Query, kept: list[int]) -> bound.Query:
    if len(kept) == len(source.columns):
        return source
    columns = tuple(source.columns[i] for i in kept)
    if isinstance(source, bound.Values):
        return replace(source, columns=columns, rows=tuple(tuple(r[i] for i in kept) for r in source.rows))
    relation = bound.DerivedTable(binder.next_relation(), "source", source.columns, source)
    targets = tuple(
        bound.Target(c.name, bound.ColumnRef(c.type, relation.relation_id, i, c.name))
        for i, c in zip(kept, columns, strict=True)
    )
    return bound.Select(columns, targets, (relation,))


def _check_given(columns: list[Column], overriding: str) -> None:
    """A query gives values: not to generated columns, nor to identity ALWAYS unless that is overridden."""
    for column in columns:
        if column.generated or (column.identity == "a" and overriding == "OVERRIDING_NOT_SET"):
            raise _generated_always(column)


def _generated_always(column: Column) -> _GeneratedAlways:
    if column.generated:
        return _GeneratedAlways(
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is a generated column.',
        )
    return _GeneratedAlways(
        f'cannot insert a non-DEFAULT value into column "{column.name}"',
        detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
        hint="Use OVERRIDING SYSTEM VALUE to override.",
    )


def _on_conflict(
    binder: Binder, body: Node | None, written: WriteTarget
) -> bound.OnConflict | None:
    if body is None:
        return None
    attnums, indexes = arbiters(binder, body.get("infer", {}), written)
    excluded = binder.next_relation()
    if body["action"] == "ONCONFLICT_NOTHING":
        return bound.OnConflict(attnums, excluded, nothing=True, indexes=indexes)
    if not attnums and not indexes:
        raise SyntaxError(
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            hint="For example, ON CONFLICT (column_name).",
            position=binder.position(body),
        )
    scope = Scope()
    scope.add(written.seen)
    proposed, written = written.excluded(binder, excluded)
    scope.add(proposed)
    where = None
    if "whereClause" in body:
        where = binder.boolean(bind_expression(binder, body["whereClause"], scope), "WHERE", None)
    assignments = assignments_of(binder, body["targetList"], written, scope)
    where = written.over_table(where)
    return bound.OnConflict(attnums, excluded, assignments, False, where, indexes)


# ---------------------------------------------------------------- UPDATE and DELETE


def assignments_of(
    binder: Binder, nodes: list[Node], written: WriteTarget, scope: Scope
) -> tuple[bound.Assignment, ...]:
    """What SET says, over the table, and what its generated columns become."""
    table, relation_id = written.table, written.scan.relation_id
    found = written.over_table(_assignments(binder, nodes, written, scope))
    return (*found, *_generated(binder, table, relation_id, found))


def _assignments(
    binder: Binder, nodes: list[Node], written: WriteTarget, scope: Scope
) -> tuple[bound.Assignment, ...]:
    table, relation_id = written.table, written.scan.relation_id
    found: list[bound.Assignment] = []
    in_parts: set[int] = set()
    for node in nodes:
        body = node["ResTarget"]
        position = binder.position(body)
        if written.seen is written.scan:
            check_assigned(body["name"], position)
        column = written.column(body["name"], position)
        steps = body.get("indirection", ())
        before = next((a for a in found if a.attnum == column.attnum), None)
        if before is not None and not (steps and column.attnum in in_parts):
            raise SyntaxError(f'multiple assignments to same column "{column.name}"')
        value = body["val"]
        if "MultiAssignRef" in value:
            value = _part_of_row(binder, value["MultiAssignRef"])
        if "SetToDefault" in value and steps:
            refuse_default(steps, position)
        if "SetToDefault" in value:
            default = default_of(binder, column, table, relation_id)
            found.append(bound.Assignment(column.attnum, default or bound.Const(column.type, None)))
            continue
        if column.generated or column.identity == "a":
            kind = "a generated column" if column.generated else "an identity column defined as GENERATED ALWAYS"
            raise _GeneratedAlways(
                f'column "{column.name}" can only be updated to DEFAULT',
                detail=f'Column "{column.name}" is {kind}.',
            )
        expression = bind_expression(binder, value, scope)
        forbid_aggregates(expression, "UPDATE", binder.positions)
        place = location_of(binder, value)
        if steps:
            old = bound.ColumnRef(column.value_type, relation_id, column.attnum - 1, column.name)
            whole = old if before is None else before.expression
            expression = with_part(binder, column.name, whole, steps, expression, scope, position)
            found = [a for a in found if a is not before]
            in_parts.add(column.attnum)
        else:
            expression = binder.assign(expression, column.name, column.type, place)
        found.append(bound.Assignment(column.attnum, expression))
    return tuple(found)


def _part_of_row(binder: Binder, body: Node) -> Node:
    """The expression for one of the columns of SET (a, b) = ..."""
    source, number, count = body["source"], body["colno"], body["ncolumns"]
    place = location_of(binder, source)
    if "RowExpr" in source:
        items: list[Node] = source["RowExpr"]["args"]
        if len(items) != count:
            raise SyntaxError("number of columns does not match number of values", position=place)
        return items[number - 1]
    link = source.get("SubLink", {})
    if link.get("subLinkType") != "EXPR_SUBLINK":
        raise FeatureNotSupported(
            "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            position=place,
        )
    targets = link["subselect"].get("SelectStmt", {}).get("targetList", ())
    starred = any("A_Star" in str(target) for target in targets)
    if targets and not starred and len(targets) != count:
        raise SyntaxError("number of columns does not match number of values", position=place)
    names = [f"column{i}" for i in range(1, count + 1)]
    rows = {
        "subquery": link["subselect"],
        "alias": {"aliasname": "assigned", "colnames": [{"String": {"sval": name}} for name in names]},
    }
    chosen = {"ColumnRef": {"fields": [{"String": {"sval": names[number - 1]}}]}}
    select = {
        "targetList": [{"ResTarget": {"val": chosen}}],
        "fromClause": [{"RangeSubselect": rows}],
        "limitOption": "LIMIT_OPTION_DEFAULT",
        "op": "SETOP_NONE",
    }
    return {"SubLink": {**link, "subselect": {"SelectStmt": select}}}


def _generated(
    binder: Binder, table: Table, relation_id: int, assigned: tuple[bound.Assignment, ...]
) -> tuple[bound.Assignment, ...]:
    """Generated columns follow the new values of the columns they are made of."""
    values: dict[bound.Expression | Place, bound.Expression] = {
        (relation_id, a.attnum - 1): a.expression for a in assigned
    }
    found = []
    for column in table.live_columns:
        if column.generated:
            expression = default_of(binder, column, table, relation_id)
            assert expression is not None
            found.append(bound.Assignment(column.attnum, substituted(expression, values)))
    return tuple(found)


def bind_update(binder: Binder, body: Node, parent: Scope | None = None) -> bound.Update:
    scope = Scope(parent)
    ctes = bind_with(binder, body.get("withClause"), scope)
    written = write_target(binder, body["relation"], "UPDATE")
    scope.add(written.seen)
    from_ = bind_from(binder, body.get("fromClause", []), scope)
    where = _where(binder, body, written, scope)
    return bound.Update(
        written.scan,
        assignments_of(binder, body["targetList"], written, scope),
        where,
        written.over_table(from_),
        (*checks(binder, written.table, written.scan.relation_id), *written.checks),
        written.over_table(bind_targets(binder, body.get("returningList", []), scope)),
        ctes,
    )


def _where(
    binder: Binder, body: Node, written: WriteTarget, scope: Scope
) -> bound.Expression | None:
    """Which rows: of a view those that it shows."""
    conditions = written.conditions
    node = body.get("whereClause")
    if node is not None:
        expression = bind_expression(binder, node, scope)
        forbid_aggregates(expression, "WHERE", binder.positions)
        own = binder.boolean(expression, "WHERE", location_of(binder, node))
        conditions = (*conditions, written.over_table(own))
    if len(conditions) > 1:
        return bound.Boolean(types.BOOL, "and", conditions)
    return conditions[0] if conditions else None


def bind_delete(binder: Binder, body: Node, parent: Scope | None = None) -> bound.Delete:
    scope = Scope(parent)
    ctes = bind_with(binder, body.get("withClause"), scope)
    written = write_target(binder, body["relation"], "DELETE")
    scope.add(written.seen)
    using = bind_from(binder, body.get("usingClause", []), scope)
    where = _where(binder, body, written, scope)
    returning = bind_targets(binder, body.get("returningList", []), scope)
    return bound.Delete(
        written.scan, where, written.over_table(using), written.over_table(returning), ctes
    )


# ---------------------------------------------------------------- COPY

_FLAGS = ("header", "freeze")


def bind_copy(binder: Binder, body: Node) -> bound.Copy:
    if body.get("filename") or body.get("is_program"):
        raise FeatureNotSupported(
            "COPY to or from a file is not supported",
            hint="Use COPY ... FROM STDIN or TO STDOUT; psql's \\copy does so.",
        )
    options = _copy_options(binder, body.get("options", []))
    if "query" in body:
        query = bind_query(binder, body["query"], None)
        return bound.Copy("to", None, (), query, options)
    unplaced = {**body["relation"], "location": -1}  # PostgreSQL tells no position here
    table, alias = target_table(binder, unplaced)
    target = table_scan(binder, table, binder.next_relation(), alias, [])
    names = [n["String"]["sval"] for n in body.get("attlist", ())]
    columns = [column_named(table, name, None) for name in names] or [
        c for c in table.live_columns if not c.generated
    ]
    attnums = tuple(c.attnum for c in columns)
    if body.get("is_from"):
        defaults = _defaults(binder, table, target.relation_id, attnums)
        found = checks(binder, table, target.relation_id)
        return bound.Copy("from", target, attnums, None, options, defaults, found)
    targets = tuple(
        bound.Target(c.name, bound.ColumnRef(c.value_type, target.relation_id, c.attnum - 1, c.name))
        for c in columns
    )
    output = tuple(bound.OutputColumn(c.name, c.type, table.oid, c.attnum) for c in columns)
    return bound.Copy("to", target, attnums, bound.Select(output, targets, (target,)), options)


_COPY_OPTIONS = {
    "format", "delimiter", "null", "header", "quote", "escape", "force_quote", "force_not_null",
    "force_null", "encoding", "freeze",
}  # fmt: skip


def _copy_options(binder: Binder, nodes: list[Node]) -> dict[str, Any]:
    options: dict[str, Any] = {"format": "text"}
    for node in nodes:
        body = node["DefElem"]
        name, arg = body["defname"], body.get("arg")
        value: Any = True
        if arg is not None:
            kind, part = next(iter(arg.items()))
            if kind == "List":
                value = tuple(item["String"]["sval"] for item in part["items"])
            elif kind == "A_Star":
                value = "*"
            else:
                value = part.get("sval", part.get("ival", part.get("boolval", part.get("fval", 0))))
        if name == "format" and value not in ("text", "csv", "binary"):
            raise InvalidParameterValue(
                f'COPY format "{value}" not recognized', position=binder.position(body)
            )
        if name in _FLAGS and value is not True:
            value = "match" if str(value).lower() == "match" else str(value).lower() in ("true", "on", "1")
        if name == "encoding" and not (isinstance(value, str) and encoding_named(value)):
            raise InvalidParameterValue(
                'argument to option "encoding" must be a valid encoding name',
                position=binder.position(body),
            )
        if name not in _COPY_OPTIONS:
            raise SyntaxError(f'option "{name}" not recognized', position=binder.position(body))
        options[name] = value
    return options

