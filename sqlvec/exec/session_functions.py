"""Functions that reach other sessions: notifications, cancelling, terminating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.exec.context import Context

Function = Callable[..., Any]


def _notify(context: Context, channel: str | None, payload: str | None) -> str:
    assert context.connection is not None
    context.connection.notifications.notify(channel or "", payload or "")
    return ""


def _signal(signal: str) -> Function:
    """pg_cancel_backend and pg_terminate_backend: whether there is such a session."""

    def send(context: Context, pid: int | None, *timeout: int) -> bool | None:
        if pid is None:
            return None
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


SESSION_FUNCTIONS: dict[str, Function] = {
    "pg_notify": _notify,
    "pg_cancel_backend": _signal("cancel"),
    "pg_terminate_backend": _signal("terminate"),
}
