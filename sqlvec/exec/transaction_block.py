"""The transaction state of one connection: none, implicit, explicit block, failed block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlvec.errors import NoActiveTransaction, SavepointException

if TYPE_CHECKING:
    from sqlvec.catalog.objects import Catalog
    from sqlvec.settings import SessionSettings
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction


@dataclass(slots=True)
class Savepoint:
    name: str
    token: Any


class TransactionBlock:
    """READ COMMITTED takes a snapshot a statement, REPEATABLE READ one for the block."""

    def __init__(self, store: Store, settings: SessionSettings) -> None:
        self.store = store
        self.settings = settings
        self.tx: Transaction | None = None
        self.explicit = False
        self.failed = False
        self.isolation = "read committed"
        self.started_us = 0
        self.savepoints: list[Savepoint] = []

    @property
    def status(self) -> bytes:
        if not self.explicit:
            return b"I"
        return b"E" if self.failed else b"T"

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
        self.settings.commit()
        return (None if ticket.done else ticket), True  # reading needs no fsync

    def rollback(self) -> None:
        tx, self.tx = self.tx, None
        self._reset()
        if tx is not None:
            tx.rollback()
            self.settings.rollback()

    def _reset(self) -> None:
        self.explicit = self.failed = False
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
        self.savepoints.append(Savepoint(name, self.tx.savepoint()))

    def release(self, name: str) -> None:
        self._require("RELEASE SAVEPOINT")
        index = self._find(name)
        del self.savepoints[index:]

    def rollback_to(self, name: str) -> None:
        self._require("ROLLBACK TO SAVEPOINT")
        index = self._find(name)
        assert self.tx is not None
        self.tx.rollback_to(self.savepoints[index].token)
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
