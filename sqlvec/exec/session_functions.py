"""Functions that reach other sessions: notifications, cancelling, terminating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec import types
from sqlvec.errors import DatabaseError, FatalError, QueryCanceled
from sqlvec.exec.context import Context

Function = Callable[..., Any]


def _notify(context: Context, channel: str | None, payload: str | None) -> str:
    assert context.connection is not None
    context.connection.notifications.notify(channel or "", payload or "")
    return ""


def _signal(signal: str) -> Function:
    """pg_cancel_backend and pg_terminate_backend: whether there is such a session. One's own ends at once."""

    def send(context: Context, pid: int | None, *timeout: int) -> bool | None:
        if pid is None:
            return None
        if pid == context.pid:
            raise _OWN[signal]()
        assert context.connection is not None
        other = context.connection.other(pid)
        if other is None:
            context.notice(
                f"PID {pid} is not a PostgreSQL server process", severity="WARNING", sqlstate="01000"
            )
            return False
        other.signal(signal)
        return True

    return send


def _address(context: Context) -> tuple[Any, int | None]:
    """Of the client, its port after it."""
    connection = context.connection
    if connection is None or connection.client is None:
        return None, None
    address, port = connection.client
    return types.INET.definition.parse(address), port


_OWN: dict[str, Callable[[], DatabaseError]] = {
    "cancel": lambda: QueryCanceled("canceling statement due to user request"),
    "terminate": lambda: FatalError(
        "terminating connection due to administrator command", sqlstate="57P01"
    ),
}

SESSION_FUNCTIONS: dict[str, Function] = {
    "pg_notify": _notify,
    "pg_cancel_backend": _signal("cancel"),
    "pg_terminate_backend": _signal("terminate"),
    "inet_client_addr": lambda context: _address(context)[0],
    "inet_client_port": lambda context: _address(context)[1],
}
