"""Workshop: where the work on files is done that nobody waits for: merging segments, writing shards anew.

    inline    in the caller's thread; in the simulator, and for work that is done before a process has begun
    process   in a process of its own, begun when the first work comes that is worth it

A thread of pure Python in the server would hold up every statement beside it (decision 0006). The process reads
files that do not change and writes new ones, whose names it is given; the server looks at the result and publishes
it by an edit of the manifest. So whatever becomes of the process costs the work and no more. It ends when the
server ends, and when nothing was asked of it for a while.

    request    u64 length, pickled (function, plan)
    answer     u64 length, pickled (None, result) or ((name, message, detail, hint) of an error, None)
"""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from threading import Lock
from typing import IO, Any, Protocol, TypeVar

from sqlvec import errors
from sqlvec.errors import DatabaseError, IoError
from sqlvec.storage.seams import Clock
from sqlvec.storage.vfs import OsFs, Vfs

log = logging.getLogger(__name__)

Plan = TypeVar("Plan")
Result = TypeVar("Result")
Work = Callable[[Vfs, Plan], Result]

LENGTH = struct.Struct("<Q")
IDLE_SECONDS_MAX = 60.0
NICENESS = 10
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Workshop(Protocol):
    def run(self, work: Work[Plan, Result], plan: Plan, size: int) -> Result:
        """What work(vfs, plan) returns or raises; size: of the files it reads. IoError when the process that
        did it has died."""

    def rest(self) -> None:
        """A good moment to end what was idle for long."""

    def close(self) -> None: ...


class Inline:
    def __init__(self, vfs: Vfs) -> None:
        self._vfs = vfs

    def run(self, work: Work[Plan, Result], plan: Plan, size: int) -> Result:
        return work(self._vfs, plan)

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass


class OwnProcess:
    """One process, for one work at a time; its caller is in a thread that may wait."""

    def __init__(self, vfs: Vfs, root: str, clock: Clock, inline_bytes_max: int) -> None:
        self._vfs = vfs
        self._root = root
        self._clock = clock
        self._inline_bytes_max = inline_bytes_max
        self._lock = Lock()
        self._used_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, work: Work[Plan, Result], plan: Plan, size: int) -> Result:
        if size <= self._inline_bytes_max:
            return work(self._vfs, plan)
        with self._lock:
            self._used_at = self._clock.monotonic()
            process = self._begun()
            try:
                assert process.stdin is not None and process.stdout is not None
                _send(process.stdin, (work, plan))
                error, result = _receive(process.stdout)
            except (EOFError, OSError) as lost:
                self._end()
                raise IoError("maintenance process has died", detail=str(lost)) from lost
            finally:
                self._used_at = self._clock.monotonic()
        if error is not None:
            name, message, detail, hint = error
            raise getattr(errors, name)(message, detail=detail, hint=hint)
        found: Result = result
        return found

    def rest(self) -> None:
        if self._clock.monotonic() - self._used_at > IDLE_SECONDS_MAX and self._lock.acquire(False):
            try:
                self._end()
            finally:
                self._lock.release()

    def close(self) -> None:
        """A work that is under way is lost."""
        process = self.process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _begun(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            module = "sqlvec.storage.workshop"
            command = [sys.executable, "-m", module, self._root, str(os.getpid()), self._vfs.segment_io]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            log.info("maintenance process begun", extra={"pid": self.process.pid})
        return self.process

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _send(pipe: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError("it closed its end of the pipe")
    (length,) = LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError("it closed its end of the pipe")
    return pickle.loads(data)


def main(root: str, parent: int, segment_io: str) -> None:
    """Work until the server closes the pipe or ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(NICENESS)
    vfs, requests, answers = OsFs(root, segment_io=segment_io), sys.stdin.buffer, sys.stdout.buffer
    while os.getppid() == parent:
        try:
            work, plan = _receive(requests)
        except EOFError:
            return
        answer: tuple[Any, Any]
        try:
            answer = None, work(vfs, plan)
        except DatabaseError as error:
            answer = (type(error).__name__, error.message, error.detail, error.hint), None
        _send(answers, answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
