"""The transaction state of one connection: none, implicit, explicit block, failed block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlvec.errors import (
    ActiveTransaction,
    FailedTransaction,
    NoActiveTransaction,
    SavepointException,
)

if TYPE_CHECKING:
    from sqlvec.catalog.objects import Catalog
    from sqlvec.exec.notifications import Notifications
    from sqlvec.settings import SessionSettings
    from sqlvec.sql.parse import ParsedStatement
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction


@dataclass(slots=True)
class Savepoint:
    name: str
    token: Any
    notifications: tuple[int, int]


class TransactionBlock:
    """READ COMMITTED takes a snapshot a statement, REPEATABLE READ one for the block."""

    def __init__(
        self, store: Store, settings: SessionSettings, notifications: Notifications
    ) -> None:
        self.store = store
        self.settings = settings
        self.notifications = notifications
        self.tx: Transaction | None = None
        self.explicit = False
        self.grouped = False  # several statements in one message: a block, though nobody began it
        self.failed = False
        self.isolation = "read committed"
        self.started_us = 0
        self.savepoints: list[Savepoint] = []

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
        return self.store.catalog if self.tx is None else self.tx.catalog

    def statement_transaction(self) -> Transaction:
        """The transaction for the next statement, with the snapshot it must see."""
        if self.tx is None:
            self._start()
        elif self.isolation == "read committed":
            self.tx.refresh()
        assert self.tx is not None
        return self.tx

    def _start(self) -> None:
        self.tx = self.store.begin()
        self.started_us = self.store.clock.now_us()
        self.settings.begin()

    def begin(self, isolation: str | None) -> bool:
        """Opens a block; False when one is open already."""
        if self.explicit:
            return False
        if self.tx is None:
            self._start()
        self.explicit = True
        self.isolation = isolation or str(self.settings.get("default_transaction_isolation"))
        return True

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
            ticket = self.store.append(tx)
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
        self.explicit = self.failed = self.grouped = False
        self.savepoints.clear()
        self.started_us = 0
        self.isolation = "read committed"

    def end_group(self) -> Any:
        """Commits an implicit transaction; an explicit block goes on."""
        if self.explicit or self.tx is None:
            return None
        return self.commit()[0]

    def abort_group(self) -> None:
        if self.explicit:
            self.failed = True
        else:
            self.rollback()

    def close(self) -> None:
        self.rollback()

    # ---------------------------------------------------------------- savepoints

    def savepoint(self, name: str) -> None:
        self._require("SAVEPOINT")
        assert self.tx is not None
        self.settings.savepoint(name)
        mark = self.notifications.mark()
        self.savepoints.append(Savepoint(name, self.tx.savepoint(), mark))

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
