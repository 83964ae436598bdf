"""Statements that neither read nor change tables: transaction control, settings, prepared statements,
cursors, databases, tenants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.catalog.objects import Table
from sqlvec.errors import (
    ActiveTransaction,
    DuplicatePortal,
    DuplicatePreparedStatement,
    FailedTransaction,
    FeatureNotSupported,
    InvalidCursorName,
    NoActiveTransaction,
    ObjectInUse,
    SyntaxError,
    UndefinedObject,
    UndefinedPreparedStatement,
)
from sqlvec.exec.context import Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.result import Batch, Result, rows_result
from sqlvec.exec.select import run_query
from sqlvec.plan.planner import plan_query
from sqlvec.sql import bound

if TYPE_CHECKING:
    from sqlvec.database import Connection

Handler = Callable[["Connection", dict[str, Any], Sequence[Datum]], Result]
_ENDINGS = ("commit", "rollback", "rollback_to")


def run_utility(
    connection: Connection, statement: bound.Utility, parameters: Sequence[Datum]
) -> Result:
    """Runs one utility statement."""
    if connection.block.failed and statement.kind not in _ENDINGS:
        raise FailedTransaction(
            "current transaction is aborted, commands ignored until end of transaction block"
        )
    handler = _HANDLERS.get(statement.kind)
    if handler is None:
        raise FeatureNotSupported(f"{statement.tag} is not supported")
    result = handler(connection, statement.args, parameters)
    if not result.command:
        result.command = statement.tag
    if result.columns is not None and statement.columns and statement.kind == "show":
        result.columns = statement.columns
    return result


# ---------------------------------------------------------------- transactions


def _begin(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.begin(args.get("isolation")):
        _warn(connection, "25001", "there is already a transaction in progress")
    if args.get("read_only") is not None:
        value = "on" if args["read_only"] else "off"
        connection.settings.set("transaction_read_only", value, local=True)
    return Result()


def _commit(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.explicit:
        _warn(connection, "25P01", "there is no transaction in progress")
    ticket, committed = connection.block.commit()
    connection.cursors = {n: c for n, c in connection.cursors.items() if c.hold and committed}
    return Result(command="" if committed else "ROLLBACK", ticket=ticket)


def _rollback(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.explicit:
        _warn(connection, "25P01", "there is no transaction in progress")
    connection.block.rollback()
    connection.cursors = {n: c for n, c in connection.cursors.items() if c.held}
    return Result()


def _savepoint(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.savepoint(args["name"])
    return Result()


def _release(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.release(args["name"])
    return Result()


def _rollback_to(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.rollback_to(args["name"])
    return Result()


def _warn(connection: Connection, sqlstate: str, message: str) -> None:
    connection.warn(sqlstate, message)


# ---------------------------------------------------------------- settings


def _set(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name, value, local = args["name"], args.get("value"), bool(args.get("local"))
    if local and not connection.block.explicit:
        _warn(connection, "25P01", "SET LOCAL can only be used in transaction blocks")
        return Result()
    connection.block.statement_transaction()
    if value is None:
        connection.settings.reset(name)
    else:
        connection.settings.set(name, value, local=local)
    if name == "transaction_isolation" and connection.block.explicit:
        connection.block.isolation = connection.settings.show("transaction_isolation")
    return Result()


def _reset(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.statement_transaction()
    connection.settings.reset(args["name"])
    return Result()


def _show(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args["name"]
    if name == "all":
        rows = connection.settings.show_all()
        columns = tuple(bound.OutputColumn(n, types.TEXT) for n in ("name", "setting", "description"))
        return rows_result(columns, iter([[list(c) for c in zip(*rows, strict=True)]]), "SHOW")
    if name == "transaction_isolation" and connection.block.explicit:
        value = connection.block.isolation
    else:
        value = connection.settings.show(name)
    column = bound.OutputColumn(name, types.TEXT)
    return rows_result((column,), iter([[[value]]]), "SHOW")


# ---------------------------------------------------------------- prepared statements


def _prepare(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args["name"]
    if name in connection.statements:
        raise DuplicatePreparedStatement(f'prepared statement "{name}" already exists')
    oids = [t.oid if t is not None else 0 for t in args["types"]]
    connection.statements[name] = connection.prepare(args["statement"], oids)
    return Result()


def _execute(connection: Connection, args: dict[str, Any], parameters: Sequence[Datum]) -> Result:
    name = args["name"]
    prepared = connection.statements.get(name)
    if prepared is None:
        raise UndefinedPreparedStatement(f'prepared statement "{name}" does not exist')
    given, wanted = len(args["args"]), len(prepared.parameter_types)
    if given != wanted:
        raise SyntaxError(
            f'wrong number of parameters for prepared statement "{name}"',
            detail=f"Expected {wanted} parameters but got {given}.",
        )
    context = connection.context(connection.block.statement_transaction(), parameters)
    values = []
    for expression, wanted_type in zip(args["args"], prepared.parameter_types, strict=True):
        cast = bound.Cast(wanted_type, expression, explicit=False)
        source = expression if expression.type == wanted_type else cast
        if isinstance(expression, bound.Const) and expression.type == types.UNKNOWN:
            values.append(_parse_unknown(expression.value, wanted_type))
        else:
            values.append(constant(source, context))
    return connection.execute(prepared, values)


def _parse_unknown(value: str | None, wanted: types.SqlType) -> Datum:
    return None if value is None else wanted.definition.parse(value, wanted.typmod)


def _deallocate(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args.get("name")
    if name is None:
        connection.statements.clear()
    elif connection.statements.pop(name, None) is None:
        raise UndefinedPreparedStatement(f'prepared statement "{name}" does not exist')
    return Result()


def _discard(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if args["what"] in ("all", "ALL"):
        if connection.block.explicit:
            raise ActiveTransaction("DISCARD ALL cannot run inside a transaction block")
        connection.statements.clear()
        connection.cursors.clear()
        connection.sequence_values.clear()
        connection.settings.reset("all")
    return Result()


# ---------------------------------------------------------------- cursors


@dataclass(slots=True)
class Cursor:
    """The rows of a query as of DECLARE; position is the number of rows passed."""

    columns: tuple[bound.OutputColumn, ...]
    rows: list[tuple[Datum, ...]]
    hold: bool
    held: bool = False
    position: int = 0

    def fetch(self, direction: str, count: int | None) -> list[tuple[Datum, ...]]:
        """count None: all. The position ends on the last row given, or past the end."""
        total = len(self.rows)
        if direction == "absolute":
            place = count if count is not None else 0
            self.position = max(0, min(total + 1, place if place >= 0 else total + 1 + place))
            return self._current()
        if direction == "relative":
            self.position = max(0, min(total + 1, self.position + (count or 0)))
            return self._current()
        if direction == "backward" or (count is not None and count < 0):
            return self._backward(total if count is None else abs(count))
        if count == 0:
            return self._current()
        start = min(self.position, total)
        end = total if count is None else min(total, start + count)
        reached_end = count is None or end - start < count
        self.position = total + 1 if reached_end else end
        return self.rows[start:end]

    def _current(self) -> list[tuple[Datum, ...]]:
        inside = 1 <= self.position <= len(self.rows)
        return [self.rows[self.position - 1]] if inside else []

    def _backward(self, count: int) -> list[tuple[Datum, ...]]:
        last = min(self.position, len(self.rows) + 1) - 1
        first = max(0, last - count)
        found = self.rows[first:last][::-1]
        self.position = first + 1 if len(found) == count else 0
        return found


def _declare(connection: Connection, args: dict[str, Any], parameters: Sequence[Datum]) -> Result:
    if not connection.block.explicit and not args.get("hold"):
        raise NoActiveTransaction("DECLARE CURSOR can only be used in transaction blocks")
    name, query = args["name"], args["query"]
    if name in connection.cursors:
        raise DuplicatePortal(f'cursor "{name}" already exists')
    context = connection.context(connection.block.statement_transaction(), parameters)
    rows: list[tuple[Datum, ...]] = []
    for batch in run_query(plan_query(query, context.catalog), context):
        rows += zip(*batch, strict=True)
    hold = bool(args.get("hold"))
    connection.cursors[name] = Cursor(query.columns, rows, hold, held=not connection.block.explicit)
    return Result()


def _fetch(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    cursor = _cursor(connection, args["name"])
    rows = cursor.fetch(args.get("direction", "forward"), args.get("count", 1))
    if args.get("move"):
        return Result(None, "MOVE", iter(()), len(rows), counted=True)
    batch: Batch = [list(column) for column in zip(*rows, strict=True)]
    return rows_result(cursor.columns, iter([batch] if rows else []), "FETCH")


def _close(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args.get("name")
    if name is None:
        connection.cursors.clear()
    else:
        _cursor(connection, name)
        del connection.cursors[name]
    return Result()


def _cursor(connection: Connection, name: str) -> Cursor:
    cursor = connection.cursors.get(name)
    if cursor is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    assert isinstance(cursor, Cursor)
    return cursor


# ---------------------------------------------------------------- databases, tenants, maintenance


def _create_database(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if connection.block.explicit:
        raise ActiveTransaction("CREATE DATABASE cannot run inside a transaction block")
    connection.database.cluster.create_database(args["name"])
    return Result()


def _drop_database(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if connection.block.explicit:
        raise ActiveTransaction("DROP DATABASE cannot run inside a transaction block")
    name, cluster = args["name"], connection.database.cluster
    if name == connection.database.name:
        raise ObjectInUse("cannot drop the currently open database")
    if args.get("if_exists") and name not in cluster.database_names():
        connection.notice("00000", f'database "{name}" does not exist, skipping')
        return Result()
    cluster.drop_database(name)
    return Result()


def _tenant(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """CREATE TENANT makes its shards in every tenant table, DROP TENANT deletes its rows from them."""
    action, name = args["action"], args["name"]
    tx = connection.block.statement_transaction()
    tables = [
        r for r in tx.catalog.relations.values() if isinstance(r, Table) and r.tenant_attnum
    ]
    store = connection.store
    if action == "create":
        for table in tables:
            store.shard(table.oid, name, create=True)
        return Result()
    if action != "drop":
        raise FeatureNotSupported("tenant states are not supported")
    found = [shard for t in tables if (shard := store.shard(t.oid, name)) is not None]
    if not found:
        raise UndefinedObject(f'tenant "{name}" does not exist')
    for shard in found:
        tx.delete(shard, shard.visible(tx).ids())
    return Result()


def _noop(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    return Result(command=args.get("tag", ""))


def _vacuum(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """Runs what the store has pending: flush, linking, compaction."""
    if connection.block.explicit:
        raise ActiveTransaction("VACUUM cannot run inside a transaction block")
    for job in connection.store.jobs():
        job.run(lambda: False)
    return Result()


def _checkpoint(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.store.flush()
    return Result()


def _unsupported_channel(
    connection: Connection, args: dict[str, Any], _: Sequence[Datum]
) -> Result:
    raise FeatureNotSupported("LISTEN and NOTIFY are not supported")


def _unlisten(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    return Result()


def _lock(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.explicit:
        raise NoActiveTransaction("LOCK TABLE can only be used in transaction blocks")
    return Result()


_HANDLERS: dict[str, Handler] = {
    "begin": _begin,
    "commit": _commit,
    "rollback": _rollback,
    "savepoint": _savepoint,
    "release": _release,
    "rollback_to": _rollback_to,
    "set": _set,
    "reset": _reset,
    "show": _show,
    "prepare": _prepare,
    "execute": _execute,
    "deallocate": _deallocate,
    "discard": _discard,
    "declare": _declare,
    "fetch": _fetch,
    "close": _close,
    "create_database": _create_database,
    "drop_database": _drop_database,
    "tenant": _tenant,
    "noop": _noop,
    "vacuum": _vacuum,
    "checkpoint": _checkpoint,
    "listen": _unsupported_channel,
    "notify": _unsupported_channel,
    "unlisten": _unlisten,
    "lock": _lock,
}

