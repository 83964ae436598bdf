"""What pg_locks, pg_blocking_pids and pg_stat_activity show of the lock table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.storage.locks import LockOwner, LockTable, Mode, Tag

Row = dict[str, Any]

# By the kind of what is waited for. Who waits for a row waits for the transaction that has it.
_EVENTS: dict[str | int, tuple[str, str]] = {
    "relation": ("Lock", "relation"),
    "row": ("Lock", "transactionid"),
    "transaction": ("Lock", "transactionid"),
    "key": ("Lock", "transactionid"),  # of a unique index over expressions
    "advisory": ("Lock", "advisory"),
    "stall": ("IPC", "WriteStall"),
}


def lock_rows(locks: LockTable) -> list[Row]:
    """Rows of pg_locks. A row that is waited for is shown as PostgreSQL shows it: as a wait for the transaction
    that has it. Row locks that nobody waits for are not shown, as there."""
    with locks.lock:
        return list(_rows(locks))


def blocking_pids(locks: LockTable, pid: int) -> list[int]:
    """Pids of the sessions that the session waits for."""
    with locks.lock:
        for owner in locks.sessions:
            if owner.pid == pid and owner.waiting is not None:
                return list(dict.fromkeys(o.pid for o in locks.blockers(owner.waiting)))
    return []


def wait_event(owner: LockOwner) -> tuple[str, str] | None:
    """wait_event_type and wait_event of a session that waits."""
    request = owner.waiting
    return None if request is None else _EVENTS[request.tag[0]]


def _rows(locks: LockTable) -> Iterator[Row]:
    holders: dict[LockOwner, None] = {}
    for tag, owner, mode, granted in locks.entries():
        if tag[0] == "stall":
            continue
        if tag[0] != "row":
            yield _row(locks, tag, owner, mode, granted)
        elif not granted:
            assert owner.waiting is not None
            for blocker in locks.blockers(owner.waiting):
                holders[blocker] = None
                other: Tag = ("transaction", blocker.transaction_id)
                yield _row(locks, other, owner, Mode.SHARE, False)
                break
    for owner in holders:
        if ("transaction", owner.transaction_id) not in locks.locks:
            yield _row(locks, ("transaction", owner.transaction_id), owner, Mode.EXCLUSIVE, True)


def _row(locks: LockTable, tag: Tag, owner: LockOwner, mode: int, granted: bool) -> Row:
    row: Row = {
        "locktype": tag[0],
        "pid": owner.pid,
        "mode": Mode(mode).title,
        "granted": granted,
        "virtualtransaction": f"{owner.pid}/{owner.transaction_id}",
    }
    if tag[0] == "transaction":
        return row | {"locktype": "transactionid", "transactionid": tag[1]}
    row["database"] = locks.database_oid
    if tag[0] == "relation":
        return row | {"relation": tag[1]}
    return row | dict(zip(("classid", "objid", "objsubid"), tag[1:], strict=True))
