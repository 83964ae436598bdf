"""Statements that neither read nor change tables: transaction control, settings, prepared statements,
cursors, databases, tenants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.errors import (
    DuplicatePortal,
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidCursorName,
    LockNotAvailable,
    NoActiveTransaction,
    ObjectInUse,
    ObjectNotInState,
    SyntaxError,
    UndefinedPreparedStatement,
    UndefinedTable,
)
from sqlvec.exec.constraints import set_constraints
from sqlvec.exec.context import Datum
from sqlvec.exec.cursor import Cursor
from sqlvec.exec.do_block import run_block
from sqlvec.exec.evaluate import constant
from sqlvec.exec.result import Result, rows_result
from sqlvec.exec.routine_call import call_procedure
from sqlvec.exec.tenants import alter_tenant, create_tenant, drop_tenant
from sqlvec.exec.time_travel import check_as_of
from sqlvec.settings import TRANSACTION_SETTINGS, Characteristics
from sqlvec.sql import bound
from sqlvec.types.zoned import in_zone

if TYPE_CHECKING:
    from sqlvec.database import Connection

Handler = Callable[["Connection", dict[str, Any], Sequence[Datum]], Result]


def run_utility(
    connection: Connection, statement: bound.Utility, parameters: Sequence[Datum]
) -> Result:
    """Runs one utility statement."""
    handler = _HANDLERS.get(statement.kind)
    if handler is None:
        raise FeatureNotSupported(f"{statement.tag} is not supported")
    result = handler(connection, statement.args, parameters)
    if not result.command:
        result.command = statement.tag
    if result.columns is not None and statement.columns and statement.kind in ("show", "call"):
        result.columns = statement.columns
    return result


# ---------------------------------------------------------------- transactions


def _begin(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.begin():
        _warn(connection, "25001", "there is already a transaction in progress")
    if args["characteristics"]:
        connection.block.set_characteristics(**args["characteristics"])
    return Result()


def _set_transaction(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    block = connection.block
    if not (block.explicit or block.grouped):
        _warn(connection, "25P01", "SET TRANSACTION can only be used in transaction blocks")
        return Result()
    block.open()
    block.set_characteristics(**args["characteristics"])
    return Result()


def _set_session(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """SET SESSION CHARACTERISTICS AS TRANSACTION."""
    connection.block.open()
    for name, value in args["characteristics"].items():
        text = value if isinstance(value, str) else "on" if value else "off"
        connection.settings.set(f"default_transaction_{name}", text)
    return Result()


def _check_chain(connection: Connection, args: dict[str, Any], command: str) -> None:
    if args["chain"] and not connection.block.explicit:
        raise NoActiveTransaction(f"{command} AND CHAIN can only be used in transaction blocks")


def _chain(connection: Connection, before: Characteristics) -> None:
    """AND CHAIN: a new block with the characteristics of the old one."""
    connection.block.begin()
    connection.block.set_characteristics(before.isolation, before.read_only, before.deferrable)


def _commit(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    _check_chain(connection, args, "COMMIT")
    before = connection.settings.characteristics
    if not connection.block.explicit:
        _warn(connection, "25P01", "there is no transaction in progress")
    if not connection.block.failed:
        connection.settle_constraints()
        connection.keep_cursors()
    ticket, committed = connection.block.commit()
    connection.close_cursors(held=False)
    if args["chain"]:
        _chain(connection, before)
    return Result(command="" if committed else "ROLLBACK", ticket=ticket)


def _rollback(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    _check_chain(connection, args, "ROLLBACK")
    before = connection.settings.characteristics
    if not connection.block.explicit:
        _warn(connection, "25P01", "there is no transaction in progress")
    connection.block.rollback()
    connection.close_cursors(held=False)
    if args["chain"]:
        _chain(connection, before)
    return Result()


def _prepare_transaction(
    connection: Connection, args: dict[str, Any], _: Sequence[Datum]
) -> Result:
    """As where max_prepared_transactions is 0: it ends the transaction, and says so of one that was sound."""
    sound = connection.block.explicit and not connection.block.failed
    _rollback(connection, {"chain": False}, ())
    if sound:
        raise ObjectNotInState(
            "prepared transactions are disabled",
            hint="Set max_prepared_transactions to a nonzero value.",
        )
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
    if local and not (connection.block.explicit or connection.block.grouped):
        _warn(connection, "25P01", "SET LOCAL can only be used in transaction blocks")
        return Result()
    connection.block.open()
    if value and name.lower() == "sqlvec.as_of":
        check_as_of(value, connection.settings, connection.store.clock.now_us())
    if name in TRANSACTION_SETTINGS:
        text = connection.settings.checked(name, value)
        given: Any = text if name == "transaction_isolation" else text == "on"
        connection.block.set_characteristics(**{name.removeprefix("transaction_"): given})
    elif value is None:
        connection.settings.reset(name)
    else:
        connection.settings.set(name, value, local=local)
    return Result()


def _reset(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.open()
    connection.settings.reset(args["name"])
    return Result()


def _show(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args["name"]
    if name == "all":
        rows = connection.settings.show_all()
        columns = tuple(bound.OutputColumn(n, types.TEXT) for n in ("name", "setting", "description"))
        return rows_result(columns, iter([[list(c) for c in zip(*rows, strict=True)]]), "SHOW")
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
    if prepared.catalog is not connection.block.catalog():
        prepared = connection.statements[name] = connection.replanned(prepared)
    given, wanted = len(args["args"]), len(prepared.parameter_types)
    if given != wanted:
        raise SyntaxError(
            f'wrong number of parameters for prepared statement "{name}"',
            detail=f"Expected {wanted} parameters but got {given}.",
        )
    context = connection.context(connection.block.open(), parameters)
    values = []
    for expression, wanted_type in zip(args["args"], prepared.parameter_types, strict=True):
        cast = bound.Cast(wanted_type, expression, explicit=False)
        source = expression if expression.type == wanted_type else cast
        if isinstance(expression, bound.Const) and expression.type == types.UNKNOWN:
            values.append(_parse_unknown(expression.value, wanted_type, context.settings.zone))
        else:
            values.append(constant(source, context))
    return connection.execute(prepared, values)


def _parse_unknown(value: str | None, wanted: types.SqlType, zone: str) -> Datum:
    if value is None:
        return None
    return in_zone(wanted.definition, zone).parse(value, wanted.typmod)


def _deallocate(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args.get("name")
    if name is None:
        connection.statements.clear()
    elif connection.statements.pop(name, None) is None:
        raise UndefinedPreparedStatement(f'prepared statement "{name}" does not exist')
    return Result()


def _discard(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if args["what"] in ("all", "ALL"):
        connection.block.forbid("DISCARD ALL")
        connection.statements.clear()
        connection.close_cursors()
        connection.sequence_values.clear()
        connection.store.locks.release_session(connection.owner)
        connection.drop_temporary()
        connection.block.open()
        connection.notifications.unlisten(None)
        connection.settings.reset("all")
    elif args["what"] == "temp":
        connection.drop_temporary()
    return Result()


# ---------------------------------------------------------------- cursors


def _declare(connection: Connection, args: dict[str, Any], parameters: Sequence[Datum]) -> Result:
    name, hold = args["name"], bool(args["hold"])
    if not hold:
        connection.block.require("DECLARE CURSOR")
    if name in connection.cursors:
        raise DuplicatePortal(f'cursor "{name}" already exists')
    connection.block.statement_transaction()
    prepared = connection.prepare(args["statement"])
    assert prepared.columns is not None
    connection.cursors[name] = Cursor(
        prepared.columns,
        lambda: connection.execute(prepared, parameters, kept=True),
        scroll=args["scroll"],
        hold=hold,
        prepared=prepared,
    )
    return Result()


def _fetch(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    cursor = _cursor(connection, args["name"])
    cursor.open()
    batches = cursor.fetch(args["direction"], args["count"])
    if args["move"]:
        return Result(None, "MOVE", iter(()), sum(len(b[0]) for b in batches if b), counted=True)
    first = next(batches, None)  # its errors are told before its columns
    rows = batches if first is None else chain([first], batches)
    return rows_result(cursor.columns, rows, "FETCH")


def _close(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    name = args.get("name")
    if name is None:
        connection.close_cursors()
    else:
        _cursor(connection, name).close()
        del connection.cursors[name]
    return Result()


def _cursor(connection: Connection, name: str) -> Cursor:
    cursor = connection.cursors.get(name)
    if cursor is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    return cursor


# ---------------------------------------------------------------- notifications


def _listen(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.statement_transaction()
    connection.notifications.listen(args["channel"])
    return Result()


def _unlisten(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.statement_transaction()
    connection.notifications.unlisten(args["channel"])
    return Result()


def _notify(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.statement_transaction()
    connection.notifications.notify(args["channel"], args["payload"])
    return Result()


# ---------------------------------------------------------------- databases, maintenance


def _create_database(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.forbid("CREATE DATABASE")
    connection.database.cluster.create_database(args["name"])
    return Result()


def _drop_database(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.block.forbid("DROP DATABASE")
    name, cluster = args["name"], connection.database.cluster
    if name == connection.database.name:
        raise ObjectInUse("cannot drop the currently open database")
    if args.get("if_exists") and name not in cluster.database_names():
        connection.notice("00000", f'database "{name}" does not exist, skipping')
        return Result()
    cluster.drop_database(name)
    return Result()


def _noop(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    return Result(command=args.get("tag", ""))


def _vacuum(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """Runs what the store has pending: flush, linking, compaction."""
    connection.block.forbid("VACUUM")
    for job in connection.store.jobs():
        job.run(lambda: False)
    return Result()


def _checkpoint(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    connection.store.flush()
    return Result()


def _lock(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    block, locks = connection.block, connection.store.locks
    block.require("LOCK TABLE")
    block.open()
    for oid, name in args["tables"]:
        if not locks.lock_relation(connection.owner, oid, args["mode"], wait=not args["nowait"]):
            raise LockNotAvailable(f'could not obtain lock on relation "{name}"')
        if oid not in block.catalog().relations:
            raise UndefinedTable(f'relation "{name}" does not exist')
    return Result()


def _set_constraints(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    if not connection.block.explicit and not connection.block.grouped:
        connection.warn("25P01", "SET CONSTRAINTS can only be used in transaction blocks")
        return Result()
    context = connection.context(connection.block.statement_transaction(), ())
    set_constraints(context, args["oids"], deferred=args["deferred"])
    return Result()


def _call(connection: Connection, args: dict[str, Any], parameters: Sequence[Datum]) -> Result:
    context = connection.context(connection.block.statement_transaction(), parameters)
    return call_procedure(args, context)


def _do(connection: Connection, args: dict[str, Any], parameters: Sequence[Datum]) -> Result:
    run_block(args["block"], connection.context(connection.block.statement_transaction(), parameters))
    return Result()


_HANDLERS: dict[str, Handler] = {
    "call": _call,
    "do": _do,
    "begin": _begin,
    "set_transaction": _set_transaction,
    "set_session": _set_session,
    "commit": _commit,
    "rollback": _rollback,
    "prepare_transaction": _prepare_transaction,
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
    "create_tenant": create_tenant,
    "drop_tenant": drop_tenant,
    "alter_tenant": alter_tenant,
    "noop": _noop,
    "vacuum": _vacuum,
    "checkpoint": _checkpoint,
    "listen": _listen,
    "notify": _notify,
    "unlisten": _unlisten,
    "lock": _lock,
    "set_constraints": _set_constraints,
}

