"""Advisory locks: locks on numbers, which mean what the application wants them to mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.exec.context import Context
from sqlvec.storage.locks import Mode, Tag

Function = Callable[..., Any]


def _tag(keys: tuple[int, ...]) -> Tag:
    """As pg_locks shows it: (classid, objid, objsubid)."""
    if len(keys) == 1:
        return ("advisory", keys[0] >> 32 & 0xFFFFFFFF, keys[0] & 0xFFFFFFFF, 1)
    return ("advisory", keys[0] & 0xFFFFFFFF, keys[1] & 0xFFFFFFFF, 2)


def _lock(mode: Mode, *, session: bool, wait: bool) -> Function:
    def lock(context: Context, *keys: int | None) -> Any:
        if None in keys:
            return None
        tx, tag = context.tx, _tag(keys)  # type: ignore[arg-type]
        with tx.locks.lock:
            taken = tx.locks.acquire(tx.owner, tag, mode, session=session, wait=wait)
        return "" if wait else taken

    return lock


def _unlock(mode: Mode) -> Function:
    def unlock(context: Context, *keys: int | None) -> bool | None:
        if None in keys:
            return None
        tx = context.tx
        if tx.locks.release(tx.owner, _tag(keys), mode):  # type: ignore[arg-type]
            return True
        message = f"you don't own a lock of type {mode.title}"
        context.notice(message, severity="WARNING", sqlstate="01000")
        return False

    return unlock


def _unlock_all(context: Context) -> str:
    context.tx.locks.release_session(context.tx.owner)
    return ""


ADVISORY_FUNCTIONS: dict[str, Function] = {
    "pg_advisory_unlock": _unlock(Mode.EXCLUSIVE),
    "pg_advisory_unlock_shared": _unlock(Mode.SHARE),
    "pg_advisory_unlock_all": _unlock_all,
}
for _shared, _mode in (("", Mode.EXCLUSIVE), ("_shared", Mode.SHARE)):
    for _level, _session in (("", True), ("_xact", False)):
        for _try, _wait in (("", True), ("try_", False)):
            ADVISORY_FUNCTIONS[f"pg_{_try}advisory{_level}_lock{_shared}"] = _lock(
                _mode, session=_session, wait=_wait
            )
