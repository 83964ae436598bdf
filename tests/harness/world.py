"""A cluster of this process, whose clock is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlvec.database import Cluster, Connection
from sqlvec.errors import DatabaseError
from sqlvec.storage.settings import StorageSettings

HOUR_US = 3_600_000_000
START_US = 1_767_261_600_000_000  # 2026-01-01 10:00 UTC
Row = tuple[object, ...]


class HandClock:
    def __init__(self) -> None:
        self.us = START_US

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6

    def sleep(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)


class World:
    """One session that runs statements; each is a transaction of its own but in a block."""

    def __init__(self, directory: Path, **limits: int) -> None:
        self.directory = directory
        self.clock = HandClock()
        self.storage = StorageSettings(**limits)  # type: ignore[arg-type]
        self.open()

    def open(self) -> None:
        self.cluster = Cluster.open(self.directory, clock=self.clock, storage=self.storage)
        self.session = self.connect()

    def connect(self) -> Connection:
        return self.cluster.database("postgres").connect("postgres", 1, 0, {})

    def close(self) -> None:
        self.session.close()
        self.cluster.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def sql(
        self, text: str, *parameters: object, oids: tuple[int, ...] = (), on: Connection | None = None
    ) -> list[Row]:
        """The rows of the last statement of the message."""
        session = on or self.session
        rows: list[Row] = []
        try:
            for statement in session.parse(text):
                session.begin_statement()
                result = session.execute(session.prepare(statement, oids), parameters)
                batches = result.batches() if result.columns is not None else ()
                rows = [tuple(map(_plain, row)) for b in batches for row in zip(*b, strict=True)]
                session.wait(result.ticket or session.end_group())
        except DatabaseError:
            session.abort_group()
            raise
        return rows

    def error(self, text: str, *parameters: object) -> DatabaseError:
        try:
            self.sql(text, *parameters)
        except DatabaseError as error:
            return error
        raise AssertionError(f"no error: {text}")

    def pass_time(self, minutes: float) -> None:
        self.clock.us += round(minutes * 60_000_000)

    def maintain(self) -> None:
        """Everything that runs in the background."""
        store = self.session.store
        store.flush()
        while jobs := [job for job in store.jobs() if job.kind != "checkpoint"]:
            for job in jobs:
                job.run(lambda: False)


@contextmanager
def world(directory: Path, **limits: int) -> Iterator[World]:
    made = World(directory, **limits)
    try:
        yield made
    finally:
        made.close()


def _plain(value: object) -> object:
    return tuple(value.tolist()) if hasattr(value, "tolist") else value
