"""Statements that neither read nor change tables, and EXPLAIN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Table, View
from sqlvec.catalog.tenants import STATES
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSchemaName,
    SyntaxError,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_select import bind_query
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node, ParsedStatement
from sqlvec.sql.plpgsql_block import bind_do
from sqlvec.sql.scope import Scope

BindStatement = Callable[[Binder, ParsedStatement], bound.Statement]
_TRANSACTIONS = {
    "TRANS_STMT_BEGIN": ("begin", "BEGIN"),
    "TRANS_STMT_START": ("begin", "START TRANSACTION"),
    "TRANS_STMT_COMMIT": ("commit", "COMMIT"),
    "TRANS_STMT_ROLLBACK": ("rollback", "ROLLBACK"),
    "TRANS_STMT_SAVEPOINT": ("savepoint", "SAVEPOINT"),
    "TRANS_STMT_RELEASE": ("release", "RELEASE"),
    "TRANS_STMT_ROLLBACK_TO": ("rollback_to", "ROLLBACK"),
    "TRANS_STMT_PREPARE": ("prepare_transaction", "ROLLBACK"),
}
_FETCH_ALL = 9223372036854775807
_SCROLL, _NO_SCROLL, _HOLD = 0x2, 0x4, 0x20  # CURSOR_OPT_*, src/include/nodes/parsenodes.h


def bind_utility(
    binder: Binder, kind: str, body: Node, bind_statement: BindStatement
) -> bound.Utility | bound.Explain:
    if kind == "ExplainStmt":
        return _explain(binder, body, bind_statement)
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise FeatureNotSupported(f"{kind.removesuffix('Stmt')} is not supported")
    return handler(binder, body)


def _value(node: Node | None) -> Any:
    """The value of an option: text, number or switch."""
    if node is None:
        return True
    _, part = next(iter(node.items()))
    if "names" in part:
        return part["names"][-1]["String"]["sval"]
    for name in ("sval", "ival", "boolval", "fval"):
        if name in part:
            inner = part[name]
            return inner.get(name, 0 if name == "ival" else "") if isinstance(inner, dict) else inner
    return 0


_BOOLEANS = frozenset(["true", "false", "on", "off", "0", "1"])


def _explain(binder: Binder, body: Node, bind_statement: BindStatement) -> bound.Explain:
    options: dict[str, Any] = {}
    known = ("analyze", "verbose", "costs", "timing", "summary", "buffers", "settings", "wal", "recall")
    for node in body.get("options", ()):
        part = node["DefElem"]
        name, value = part["defname"], _value(part.get("arg"))
        if name == "format":
            if str(value) not in ("text", "json", "xml", "yaml"):
                raise InvalidParameterValue(
                    f'unrecognized value for EXPLAIN option "format": "{value}"',
                    position=binder.position(part),
                )
        elif name not in known:
            raise SyntaxError(f'unrecognized EXPLAIN option "{name}"', position=binder.position(part))
        else:
            if str(value).lower() not in _BOOLEANS and "arg" in part:
                raise SyntaxError(f"{name} requires a Boolean value")
            value = str(value).lower() not in ("false", "off", "0")
        options[name] = value
    inner = bind_statement(binder, replace(binder.parsed, node=body["query"]))
    return bound.Explain(inner, options)


def _transaction(binder: Binder, body: Node) -> bound.Utility:
    kind = body["kind"]
    if kind in ("TRANS_STMT_COMMIT_PREPARED", "TRANS_STMT_ROLLBACK_PREPARED"):
        raise UndefinedObject(f'prepared transaction with identifier "{body["gid"]}" does not exist')
    name, tag = _TRANSACTIONS[kind]
    args: dict[str, Any] = {
        "name": body.get("savepoint_name", ""),
        "characteristics": _characteristics(body.get("options", ())),
        "chain": bool(body.get("chain")),
    }
    return bound.Utility(name, tag, args)


def _characteristics(nodes: Sequence[Node]) -> dict[str, Any]:
    """isolation: text; read_only, deferrable: bool. The last of several wins."""
    found: dict[str, Any] = {}
    for node in nodes:
        part = node["DefElem"]
        value, name = _value(part.get("arg")), part["defname"].removeprefix("transaction_")
        found[name] = str(value) if name == "isolation" else bool(value)
    return found


def _set(binder: Binder, body: Node) -> bound.Utility:
    kind, name = body["kind"], body.get("name", "")
    local = bool(body.get("is_local"))
    if kind == "VAR_RESET_ALL":
        return bound.Utility("reset", "RESET", {"name": "all"})
    if kind == "VAR_RESET":
        return bound.Utility("reset", "RESET", {"name": name})
    if kind == "VAR_SET_DEFAULT":
        return bound.Utility("set", "SET", {"name": name, "value": None, "local": local})
    if kind == "VAR_SET_MULTI":
        return _set_transaction(body)
    return bound.Utility("set", "SET", {"name": name, "value": setting_text(body), "local": local})


_LISTS = frozenset(
    ["search_path", "datestyle", "temp_tablespaces", "session_preload_libraries", "log_destination",
     "shared_preload_libraries", "local_preload_libraries", "synchronous_standby_names", "timezone"]
)  # settings whose value is a list


def setting_text(body: Node) -> str:
    """The value of a SET, as SHOW gives it."""
    values = [_value(node) if "TypeCast" not in node else _value(node["TypeCast"]["arg"]) for node in body.get("args", ())]
    if len(values) > 1 and body["name"].lower() not in _LISTS:
        raise InvalidParameterValue(f"SET {body['name']} takes only one argument")
    if body["name"] == "search_path":
        return ", ".join(f'"{v}"' if str(v) != str(v).lower() else str(v) for v in values)
    return ", ".join(_shown(value) for value in values)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _set_transaction(body: Node) -> bound.Utility:
    """SET TRANSACTION and SET SESSION CHARACTERISTICS."""
    kind = "set_session" if body["name"] == "SESSION CHARACTERISTICS" else "set_transaction"
    args = {"characteristics": _characteristics(body.get("args", ()))}
    return bound.Utility(kind, "SET", args)


def _show(binder: Binder, body: Node) -> bound.Utility:
    name: str = body["name"]
    if name == "all":
        columns = tuple(bound.OutputColumn(n, types.TEXT) for n in ("name", "setting", "description"))
    else:
        shown = {"timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle"}
        columns = (bound.OutputColumn(shown.get(name, name), types.TEXT),)
        binder.context.show(name)
    return bound.Utility("show", "SHOW", {"name": name}, columns)


def _prepare(binder: Binder, body: Node) -> bound.Utility:
    found = [binder.type_name(node) for node in body.get("argtypes", ())]
    inner = replace(binder.parsed, node=body["query"])
    return bound.Utility("prepare", "PREPARE", {"name": body["name"], "types": found, "statement": inner})


def _execute(binder: Binder, body: Node) -> bound.Utility:
    args = [bind_expression(binder, node, Scope()) for node in body.get("params", ())]
    return bound.Utility("execute", "EXECUTE", {"name": body["name"], "args": args})


def _deallocate(binder: Binder, body: Node) -> bound.Utility:
    name = body.get("name")
    return bound.Utility("deallocate", "DEALLOCATE" if name else "DEALLOCATE ALL", {"name": name})


def _discard(binder: Binder, body: Node) -> bound.Utility:
    what = body["target"].removeprefix("DISCARD_").lower()
    return bound.Utility("discard", f"DISCARD {what.upper()}", {"what": what})


def _declare(binder: Binder, body: Node) -> bound.Utility:
    options = body.get("options", 0)
    bind_query(binder, body["query"], None)  # its errors and parameter types are those of DECLARE
    args = {
        "name": body["portalname"],
        "statement": replace(binder.parsed, node=body["query"]),
        "hold": bool(options & _HOLD),
        "scroll": True if options & _SCROLL else False if options & _NO_SCROLL else None,
    }
    return bound.Utility("declare", "DECLARE CURSOR", args)


def _fetch(binder: Binder, body: Node) -> bound.Utility:
    direction = body.get("direction", "FETCH_FORWARD").removeprefix("FETCH_").lower()
    count: int | None = int(body.get("howMany", 0))
    if count == _FETCH_ALL:
        count = None
    args = {"name": body["portalname"], "direction": direction, "count": count, "move": bool(body.get("ismove"))}
    return bound.Utility("fetch", "MOVE" if body.get("ismove") else "FETCH", args)


def _close(binder: Binder, body: Node) -> bound.Utility:
    name = body.get("portalname")
    return bound.Utility("close", "CLOSE CURSOR" if name else "CLOSE CURSOR ALL", {"name": name})


def _create_database(binder: Binder, body: Node) -> bound.Utility:
    return bound.Utility("create_database", "CREATE DATABASE", {"name": body["dbname"]})


def _drop_database(binder: Binder, body: Node) -> bound.Utility:
    args = {"name": body["dbname"], "if_exists": bool(body.get("missing_ok"))}
    return bound.Utility("drop_database", "DROP DATABASE", args)


def _tenant(binder: Binder, body: Node) -> bound.Utility:
    action = body["action"]
    if action == "alter" and body["state"] not in STATES:
        raise InvalidParameterValue(
            f'unrecognized tenant state "{body["state"]}"',
            hint=f"Available states: {', '.join(STATES)}.",
        )
    return bound.Utility(f"{action}_tenant", f"{action.upper()} TENANT", dict(body))


def _vacuum(binder: Binder, body: Node) -> bound.Utility:
    if not body.get("is_vacuumcmd"):
        return bound.Utility("noop", "ANALYZE")
    return bound.Utility("vacuum", "VACUUM")


def _lock(binder: Binder, body: Node) -> bound.Utility:
    """tables: (oid, name) in the order given; mode as storage.locks.Mode."""
    found = []
    for node in body["relations"]:
        part = node["RangeVar"]
        relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
        if relation is None:
            raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
        if not isinstance(relation, (Table, View)):
            raise WrongObjectType(f'"{relation.name}" is not a table or view')
        found.append((relation.oid, relation.name))
        if isinstance(relation, Table) and part.get("inh"):
            catalog = binder.catalog
            below = (*catalog.partition_tree(relation.oid), *catalog.heirs(relation.oid))
            found += [(t.oid, t.name) for t in below if t is not relation]
    args = {"tables": found, "mode": body["mode"], "nowait": bool(body.get("nowait"))}
    return bound.Utility("lock", "LOCK TABLE", args)


def _noop(tag: str) -> Callable[[Binder, Node], bound.Utility]:
    return lambda binder, body: bound.Utility("noop", tag)


def _kind(kind: str, tag: str) -> Callable[[Binder, Node], bound.Utility]:
    return lambda binder, body: bound.Utility(kind, tag)


def _channel(kind: str) -> Callable[[Binder, Node], bound.Utility]:
    """LISTEN, NOTIFY, UNLISTEN; no channel is all of them."""

    def bind_channel(binder: Binder, body: Node) -> bound.Utility:
        args = {"channel": body.get("conditionname"), "payload": body.get("payload", "")}
        return bound.Utility(kind, kind.upper(), args)

    return bind_channel


def _set_constraints(binder: Binder, body: Node) -> bound.Utility:
    """SET CONSTRAINTS: the oids of those named, None for all."""
    oids: list[int] | None = [] if "constraints" in body else None
    for node in body.get("constraints", ()):
        assert oids is not None
        oids += _named_constraints(binder, node["RangeVar"])
    args = {"oids": oids, "deferred": bool(body.get("deferred"))}
    return bound.Utility("set_constraints", "SET CONSTRAINTS", args)


def _named_constraints(binder: Binder, part: Node) -> list[int]:
    """Those of the first schema that has any by that name."""
    catalog, name = binder.catalog, part["relname"]
    named = part.get("schemaname")
    searched = list(binder.context.searched(named))
    if named and not searched:
        raise InvalidSchemaName(f'schema "{named}" does not exist')
    for schema_oid in searched:
        tables = (r for r in catalog.relations.values() if isinstance(r, Table))
        found = [c for t in tables if t.schema_oid == schema_oid for c in t.constraints if c.name == name]
        if found:
            if not any(c.deferrable for c in found):
                raise WrongObjectType(f'constraint "{name}" is not deferrable')
            return [c.oid for c in found if c.deferrable]
    raise UndefinedObject(f'constraint "{name}" does not exist')


def _call(binder: Binder, body: Node) -> bound.Utility:
    from sqlvec.sql.bind_procedure import bind_call

    return bind_call(binder, body)


_HANDLERS: dict[str, Callable[[Binder, Any], bound.Utility]] = {
    "CallStmt": _call,
    "DoStmt": bind_do,
    "TransactionStmt": _transaction,
    "VariableSetStmt": _set,
    "VariableShowStmt": _show,
    "PrepareStmt": _prepare,
    "ExecuteStmt": _execute,
    "DeallocateStmt": _deallocate,
    "DiscardStmt": _discard,
    "DeclareCursorStmt": _declare,
    "FetchStmt": _fetch,
    "ClosePortalStmt": _close,
    "CreatedbStmt": _create_database,
    "DropdbStmt": _drop_database,
    "TenantStmt": _tenant,
    "VacuumStmt": _vacuum,
    "CheckPointStmt": _kind("checkpoint", "CHECKPOINT"),
    "LockStmt": _lock,
    "ListenStmt": _channel("listen"),
    "NotifyStmt": _channel("notify"),
    "UnlistenStmt": _channel("unlisten"),
    "ConstraintsSetStmt": _set_constraints,
}

