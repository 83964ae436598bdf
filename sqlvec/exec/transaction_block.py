"""The transaction state of one connection: none, implicit, explicit block, failed block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlvec.errors import (
    ActiveTransaction,
    FailedTransaction,
    NoActiveTransaction,
    SavepointException,
)
from sqlvec.exec.changes import Deferred
from sqlvec.exec.time_travel import go_back
from sqlvec.settings import Characteristics

_USUAL = Characteristics()
_REREADING = ("read committed", "read uncommitted")

if TYPE_CHECKING:
    from sqlvec.catalog.objects import Catalog
    from sqlvec.exec.notifications import Notifications
    from sqlvec.settings import SessionSettings
    from sqlvec.sql.parse import ParsedStatement
    from sqlvec.storage.locks import LockOwner, Request
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction


@dataclass(slots=True)
class Savepoint:
    name: str
    token: Any
    notifications: tuple[int, int]
    deferred: Deferred


class TransactionBlock:
    """READ COMMITTED takes a snapshot a statement, REPEATABLE READ one for the block."""

    def __init__(
        self,
        store: Store,
        settings: SessionSettings,
        notifications: Notifications,
        owner: LockOwner,
    ) -> None:
        self.store = store
        self.owner = owner
        self.settings = settings
        self.notifications = notifications
        self.tx: Transaction | None = None
        self.explicit = False
        self.grouped = False  # several statements in one message: a block, though nobody began it
        self.failed = False
        self.started_us = 0
        self.savepoints: list[Savepoint] = []
        self.resumes = False  # the next statement is one that waited, to be run with its old snapshot
        self._began = False  # a statement has taken the transaction's snapshot
        self._began_before = False  # and had before the running one
        self.deferred = Deferred()

    @property
    def status(self) -> bytes:
        if not self.explicit:
            return b"I"
        return b"E" if self.failed else b"T"

    def check_usable(self, parsed: ParsedStatement) -> None:
        """In a failed block nothing is taken but its end."""
        if self.failed and not _may_end(parsed):
            raise FailedTransaction(
                "current transaction is aborted, commands ignored until end of transaction block"
            )

    def forbid(self, command: str) -> None:
        """For what cannot be undone: it may not be part of a transaction."""
        if self.explicit or self.grouped:
            raise ActiveTransaction(f"{command} cannot run inside a transaction block")

    def require(self, command: str) -> None:
        """For what means nothing outside of a block."""
        if not self.explicit and not self.grouped:
            raise NoActiveTransaction(f"{command} can only be used in transaction blocks")

    def catalog(self) -> Catalog:
        """The newest one, with the changes of the transaction."""
        tx = self.tx
        if tx is None or tx.catalog is tx.base_catalog:
            return self.store.catalog
        tx.follow_catalog()
        return tx.catalog

    def statement_transaction(self) -> Transaction:
        """The transaction for the next statement, with the snapshot it must see."""
        tx = self.tx
        if tx is None:
            tx = self._start()
            self._began, self._began_before = True, False
            if self.settings.as_of:
                go_back(tx, self.store, self.settings)
            return tx
        if self.resumes:
            self.resumes = False
            return tx
        tx.begin_statement()
        self._began, self._began_before = True, self._began
        self.renew_snapshot()
        return tx

    def open(self) -> Transaction:
        """The transaction, begun if there is none, for what needs no snapshot."""
        if self.tx is None:
            self._start()
        self._began_before = self._began
        assert self.tx is not None
        return self.tx

    def renew_snapshot(self) -> None:
        """The newest snapshot, if the running statement is to have its own; the newest catalog always."""
        assert self.tx is not None
        if self.tx.rereads or not self._began_before:
            self.tx.refresh()
            if self.settings.as_of or self.tx.in_past:
                go_back(self.tx, self.store, self.settings)
        else:
            self.tx.follow_catalog()

    def suspend(self, request: Request) -> None:
        """The statement must wait: what it did is undone, and it will be run again."""
        if self.tx is None:
            return
        self.tx.undo_statement()
        if request.fresh_snapshot:
            self._began = self._began_before
        else:
            self.resumes = True

    def _start(self) -> Transaction:
        self.tx = tx = self.store.begin(owner=self.owner)
        self.started_us = self.store.clock.now_us()
        self._began = False
        self.settings.begin()
        tx.rereads = True
        if self.settings.characteristics != _USUAL:
            self._apply_characteristics(tx)
        return tx

    def begin(self) -> bool:
        """Opens a block; False when one is open already."""
        if self.explicit:
            return False
        self.open()
        self.explicit = True
        return True

    # ---------------------------------------------------------------- characteristics

    def set_characteristics(
        self,
        isolation: str | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
    ) -> None:
        """SET TRANSACTION, within what PostgreSQL allows at which time."""
        now = self.settings.characteristics
        if isolation is not None and isolation != now.isolation:
            self._check_early(
                "SET TRANSACTION ISOLATION LEVEL must be called before any query",
                "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction",
            )
            now = replace(now, isolation=isolation)
        if read_only is not None and read_only != now.read_only:
            if not read_only:
                self._check_early(
                    "transaction read-write mode must be set before any query",
                    "cannot set transaction read-write mode inside a read-only transaction",
                )
            now = replace(now, read_only=read_only)
        if deferrable is not None:
            self._check_early(
                "SET TRANSACTION [NOT] DEFERRABLE must be called before any query",
                "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction",
            )
            now = replace(now, deferrable=deferrable)
        self.settings.characteristics = now
        if self.tx is not None:
            self._apply_characteristics(self.tx)

    def _check_early(self, late: str, nested: str) -> None:
        if self.savepoints:
            raise ActiveTransaction(nested)
        if self._began:
            raise ActiveTransaction(late)

    def _apply_characteristics(self, tx: Transaction) -> None:
        now = self.settings.characteristics
        tx.rereads = now.isolation in _REREADING
        tx.read_only = now.read_only
        tx.make_serializable(now.isolation == "serializable")
        tx.waits_for_safety = now == Characteristics("serializable", True, True)

    # ---------------------------------------------------------------- the end

    def commit(self) -> tuple[Any, bool]:
        """Ends the block: (ticket to wait for, whether it was committed; a failed block rolls back)."""
        if self.failed:
            self.rollback()
            return None, False
        tx, self.tx = self.tx, None
        self._reset()
        if tx is None:
            return None, True
        try:
            waits = self.settings.get("synchronous_commit") != "off"
            ticket = self.store.append(tx, durable=waits)
        finally:
            if not tx.committed:
                tx.rollback()
                self.settings.rollback()
                self.notifications.rollback()
        self.settings.commit()
        self.notifications.commit()
        return (None if ticket.done else ticket), True  # reading needs no fsync

    def rollback(self) -> None:
        tx, self.tx = self.tx, None
        self._reset()
        if tx is not None:
            tx.rollback()
            self.settings.rollback()
            self.notifications.rollback()

    def _reset(self) -> None:
        self.explicit = self.failed = self.grouped = self.resumes = False
        self.savepoints.clear()
        self.deferred = Deferred()
        self.started_us = 0

    def end_group(self) -> Any:
        """Commits an implicit transaction; an explicit block goes on."""
        if self.explicit or self.tx is None:
            return None
        return self.commit()[0]

    def abort_group(self) -> None:
        self.resumes = False
        self.store.locks.end_statement(self.owner)
        if not self.explicit:
            self.rollback()
            return
        # What a failed block did is undone at once, so that nobody waits for its locks: all of it, or what
        # came after the last savepoint.
        self.failed = True
        if self.tx is not None and self.savepoints:
            self.tx.rollback_to(self.savepoints[-1].token)
            self.notifications.rollback_to(self.savepoints[-1].notifications)
        elif self.tx is not None:
            self.tx.rollback()
            self.tx = None
            self.settings.rollback()
            self.notifications.rollback()

    def close(self) -> None:
        self.rollback()

    # ---------------------------------------------------------------- savepoints

    def savepoint(self, name: str) -> None:
        self._require("SAVEPOINT")
        assert self.tx is not None
        self.settings.savepoint(name)
        mark = self.notifications.mark()
        self.savepoints.append(Savepoint(name, self.tx.savepoint(), mark, self.deferred.mark()))

    def release(self, name: str) -> None:
        self._require("RELEASE SAVEPOINT")
        index = self._find(name)
        del self.savepoints[index:]

    def rollback_to(self, name: str) -> None:
        self._require("ROLLBACK TO SAVEPOINT")
        index = self._find(name)
        assert self.tx is not None
        self.tx.rollback_to(self.savepoints[index].token)
        self.notifications.rollback_to(self.savepoints[index].notifications)
        self.settings.rollback_to(name)
        self.deferred = self.savepoints[index].deferred.mark()
        del self.savepoints[index + 1 :]
        self.failed = False

    def _require(self, command: str) -> None:
        if not self.explicit:
            raise NoActiveTransaction(f"{command} can only be used in transaction blocks")

    def _find(self, name: str) -> int:
        for index in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[index].name == name:
                return index
        raise SavepointException(f'savepoint "{name}" does not exist')


def _may_end(parsed: ParsedStatement) -> bool:
    """COMMIT, ROLLBACK and ROLLBACK TO."""
    body = parsed.node.get("TransactionStmt")
    return body is not None and body["kind"] in (
        "TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_ROLLBACK_TO",
        "TRANS_STMT_PREPARE", "TRANS_STMT_COMMIT_PREPARED", "TRANS_STMT_ROLLBACK_PREPARED",
    )  # fmt: skip
