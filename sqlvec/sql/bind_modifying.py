"""WITH x AS (INSERT | UPDATE | DELETE ... RETURNING ...): the statement, and what stands for its rows."""

from __future__ import annotations

from sqlvec.catalog.system.tables import SystemTable
from sqlvec.errors import FeatureNotSupported, InvalidColumnReference
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope

RETURNED = "W"  # the kind of a system table that is the rows of such a statement


def bind_modifying(
    binder: Binder, body: Node, names: list[str], scope: Scope
) -> bound.CommonTable:
    """A common table without a query: references to it read what the statement returned."""
    from sqlvec.sql.bind_write import bind_delete, bind_insert, bind_update

    kind, inner = next(iter(body["ctequery"].items()))
    name = body["ctename"]
    statement: bound.Insert | bound.Update | bound.Delete
    if kind == "InsertStmt":
        statement = bind_insert(binder, inner, scope)
    elif kind == "UpdateStmt":
        statement = bind_update(binder, inner, scope)
    elif kind == "DeleteStmt":
        statement = bind_delete(binder, inner, scope)
    else:
        raise FeatureNotSupported(f"{kind.removesuffix('Stmt').upper()} is not supported in WITH")
    number = len(binder.modifying) + 1
    binder.modifying.append((number, statement))
    if len(names) > len(statement.returning):
        raise InvalidColumnReference(
            f'WITH query "{name}" has {len(statement.returning)} columns available but {len(names)} '
            "columns specified",
            position=binder.position(body),
        )
    columns = tuple(
        bound.OutputColumn(names[i] if i < len(names) else t.name, t.expression.type)
        for i, t in enumerate(statement.returning)
    )
    returned = SystemTable("", name, number, RETURNED, False, "")
    empty = bound.Values((), ())
    return bound.CommonTable(name, empty, columns, returned=returned)


def returned_rows(
    binder: Binder, table: bound.CommonTable, position: int | None
) -> SystemTable:
    """What a reference to the common table reads."""
    assert table.returned is not None
    if not table.columns:
        raise FeatureNotSupported(
            f'WITH query "{table.name}" does not have a RETURNING clause', position=position
        )
    return table.returned
