"""A real sqlvec server in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg


class LiveServer:
    """Started on a directory; ready when made."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "sqlvec", "serve", "--data-dir", str(directory)]
        self.directory = directory
        self.process = subprocess.Popen(
            [*command, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"postgresql://postgres@([\d.]+):(\d+)/postgres", line)
        assert found is not None, f"the server did not start: {line!r}"
        self.host, self.port = found.group(1), int(found.group(2))
        self.dsn = f"postgresql://postgres@{self.host}:{self.port}/postgres"

    def wait_until_linked(self) -> None:
        """Returns when no graph has rows that wait; each look is a statement of its own."""
        sql = "SELECT coalesce(sum(rows_waiting), 0) FROM sqlvec_index_queue"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while connection.execute(sql).fetchone() != (0,):
                connection.execute("SELECT pg_sleep(0.05)")

    def wait_until_walked_by(self, index: str, quantization: str) -> None:
        """Returns when the index has these codes."""
        sql = "SELECT bool_and(quantization = %s) FROM sqlvec_index_memory WHERE indexrelname = %s"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while connection.execute(sql, (quantization, index)).fetchone() != (True,):
                connection.execute("SELECT pg_sleep(0.05)")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def over_a_restart(directory: Path) -> Iterator[tuple[int, psycopg.Connection]]:
    """A connection to a server on the directory, and then to the next one."""
    for number in range(2):
        live = LiveServer(directory)
        try:
            with psycopg.connect(live.dsn, autocommit=True) as connection:
                yield number, connection
        finally:
            live.stop()
