"""Several connections that ask one server at once, each a process (benchmarks.client)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.measure import SERVERS, Pair, in_turn
from benchmarks.sweep import Point

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 2.0


class Clients:
    """They wait until they are told to ask."""

    def __init__(self, dsn: str, sql: str, questions: Path, count: int, step: int) -> None:
        command = [sys.executable, "-m", "benchmarks.client", dsn, sql, str(questions)]
        self.processes = [
            subprocess.Popen(
                [*command, str(number * step)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(count)
        ]  # fmt: skip

    def rate(self, setting: str, seconds: float) -> float:
        """Queries a second of all of them."""
        for process in self.processes:
            given = _given(process.stdin)
            given.write(f"{setting}\t{seconds}\n")
            given.flush()
        return sum(float(_given(process.stdout).readline()) for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            _given(process.stdin).close()
            process.wait()
            _given(process.stdout).close()


def _given(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@contextmanager
def clients(dsn: str, sql: str, questions: np.ndarray, count: int) -> Iterator[Clients]:
    """They begin at different questions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "questions.npy"
        np.save(path, questions)
        made = Clients(dsn, sql, path, count, len(questions) // count)
        try:
            yield made
        finally:
            made.close()


def sweep_connections(
    pair: Pair, sql: str, questions: np.ndarray, known: list[Point], count: int
) -> list[Point]:
    """Rates of so many connections at the ef_search of the points that are known, whose recalls hold."""
    points = []
    with ExitStack() as stack:
        asking = {
            name: stack.enter_context(clients(pair.dsns[name], sql, questions, count))
            for name in SERVERS
        }
        for point in known:
            setting = f"SET hnsw.ef_search = {point['ef']}"
            rates = in_turn(lambda name, s=setting: asking[name].rate(s, SECONDS))
            points.append({"ef": point["ef"], "rates": rates, "recall": point["recall"]})
    return points
