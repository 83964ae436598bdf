"""Long histories of lives and deaths of one database, by seed.

A life opens the store, takes random steps of writers, readers, flusher and compactor, and ends as fate has it:

    close     an orderly end
    kill      the process dies; what was written is there
    crash     the power goes, at once or at a random operation; what was not synced may be lost
    failure   one operation fails, with EIO or ENOSPC; if the store goes on, so does life
    full      the disk is full for some steps; reads are answered, writes get 53100 and come back
    damage    after an orderly end a bit of a file at rest flips, or what was meant for another file lands in it: whoever
              reads is told, or reads what is right; the damage is then undone

After each death the recovered state must be one of those that are possible (I6), every snapshot that a reader
holds stays what it was, and the structure is whole (history.check_structure).
"""

from __future__ import annotations

import errno
import gc
from dataclasses import replace
from random import Random
from zlib import crc32

from sqlvec.errors import (
    ConfigurationError,
    DatabaseError,
    DataCorrupted,
    DiskFull,
    UndefinedFile,
)
from sqlvec.storage.check import verify
from sqlvec.storage.disk_guard import LOOK_SECONDS
from sqlvec.storage.store import Store
from tests.sim.history import TINY, History, SimClock, rows_of
from tests.sim.simfs import SECTOR, Crashed, SimFs

FATES = {"close": 2, "kill": 2, "crash": 5, "failure": 4, "full": 1, "damage": 2}
LIFE_STEPS = 40
HISTORY_STEPS = 200
RETENTION_US = 30  # of some histories; every commit takes one


class Simulation:
    """run() raises AssertionError when the database breaks a promise."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.history = self._new_history()
        self.steps = 0
        self._until = HISTORY_STEPS  # when another database is begun: files are small in a SimFs
        self.deaths: dict[str, int] = dict.fromkeys(FATES, 0)
        self.trace = 0  # a checksum of all operations

    def run(self, steps: int) -> None:
        while self.steps < steps:
            fate = self.rng.choices(list(FATES), list(FATES.values()))[0]
            self.deaths[fate] += 1
            getattr(self, f"_{fate}")()
            self.trace = crc32("\n".join(self.history.fs.trace).encode(), self.trace)
            self.history.fs.trace.clear()
            if self.steps >= self._until:
                self._until = self.steps + HISTORY_STEPS
                self.history = self._new_history()

    def _new_history(self) -> History:
        gc.collect()  # the last one's files: its store and shards know each other
        drawn = self.rng.random()
        settings = replace(
            TINY,
            retention_us=RETENTION_US if drawn < 0.25 else 0,
            segment_io="pread" if drawn * 16 % 1 < 0.25 else "mmap",
        )
        return History(SimFs(), Random(drawn), [{}], settings=settings)

    # ------------------------------------------------------------ fates

    def _close(self) -> None:
        self._live()
        self.history.reopen()

    def _kill(self) -> None:
        self._live()
        self.history.recover(self.history.fs.kill())

    def _crash(self) -> None:
        fs = self.history.fs
        if self.rng.random() < 0.8:
            fs.crash_at = fs.operations + self.rng.randint(1, 300)
        try:
            self._live()
        except Crashed:
            pass
        self._recover_crashed()

    def _recover_crashed(self) -> None:
        """Sometimes recovery is cut short itself, once or twice."""
        fs = self.history.fs.crash(self.rng)
        for _ in range(self.rng.choice([0, 0, 1, 2])):
            fs.crash_at = self.rng.randint(1, 25)
            try:
                self.history.recover(fs)
            except Crashed:
                fs = fs.crash(self.rng)
            else:
                fs.crash_at = None
                return
        self.history.recover(fs)

    def _failure(self) -> None:
        fs, history = self.history.fs, self.history
        fs.fail_at = fs.operations + self.rng.randint(1, 120)
        fs.fail_errno = self.rng.choice([errno.EIO, errno.ENOSPC])
        try:
            self._live()
        except DatabaseError as error:
            assert error.sqlstate in ("58030", "53100"), error
            store = history.store
            if store is not None and not store.closed and store.failure is None:
                self._check_survivor()
                return
        fs.fail_at = None
        if self.rng.random() < 0.5:
            history.recover(fs.kill())
        else:
            self._recover_crashed()

    def _full(self) -> None:
        history = self.history
        self._live(5)
        steps = [history.step, history.step, history.flush]
        if self.rng.random() < 0.5 and history.store is not None and not history.store.closed:
            history.flush()  # so that the next one has nothing to write but an edit of the manifest
            steps = [history.flush]
        history.fs.full = True
        for _ in range(self.rng.randint(1, 4)):
            try:
                self.rng.choice(steps)()
            except DiskFull:
                self._check_survivor()
            history.clock.sleep(self.rng.choice([0.0, LOOK_SECONDS]))
        history.fs.full = False
        history.clock.sleep(LOOK_SECONDS)
        history.begin()
        history.write()

    def _check_survivor(self) -> None:
        """After an error the store goes on: nothing acknowledged is gone, nothing half done is seen."""
        history = self.history
        if history.store is None or history.store.closed:
            history.recover(history.fs.kill())
            return
        try:
            history.give_up()
        except DatabaseError:
            history.recover(history.fs.kill())
            return
        full, history.fs.full = history.fs.full, False  # a tenant that is offloaded is fetched to be read
        found = rows_of(history.store)
        history.fs.full = full
        assert found in history.states[history.acknowledged :], "an error changed what is visible"
        history.forget_all_but(found)

    def _damage(self) -> None:
        self._live()
        history = self.history
        history.end_readers()
        assert history.store is not None
        history.store.close()
        expected = history.states[-1]
        for _ in range(3):
            self._damage_once(history.fs, expected)
        history.open()

    def _damage_once(self, fs: SimFs, expected: object) -> None:
        names = sorted(name for name in fs.names if fs.size(name))
        name = self.rng.choice(names)
        damaged = fs.clone()
        size, fate = fs.size(name), self.rng.random()
        writes = [w for w in fs.writes if w[0] in fs.names and w[1] + w[2] <= fs.size(w[0])]
        if fate < 0.6:
            damaged.rot(name, self.rng.randrange(size))
        elif fate < 0.8 and writes:
            write = self.rng.choice(writes)
            damaged.misdirect(write, name, self.rng.randrange(0, size, SECTOR))
            name += f" by a write meant for {write[0]}"
        else:
            other = fs.names[self.rng.choice(names)]
            at = self.rng.randrange(0, size, SECTOR)
            length = min(SECTOR, size - at, other.size)
            damaged.names[name].buffer[at : at + length] = other.buffer[:length]
        findings = [f for f in verify(damaged.clone()) if f.severity == "damage"]
        try:
            store = Store.open(damaged, SimClock(), self.history.settings)
            found = rows_of(store)
        except (DataCorrupted, ConfigurationError, UndefinedFile) as error:
            assert findings, f"{name}: reading finds {error.message}, check nothing"
        else:
            assert found == expected, f"damage of {name} gave a wrong row"

    # ------------------------------------------------------------ life

    def _live(self, most: int = LIFE_STEPS) -> None:
        history = self.history
        history.begin()
        for _ in range(self.rng.randint(1, most)):
            self.steps += 1
            history.step()
