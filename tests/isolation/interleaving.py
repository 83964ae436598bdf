"""Scripts of interleaved sessions, run against PostgreSQL and against us with one expectation.

    # Why the scenario is there.
    scenario G0 at read committed
    setup CREATE TABLE ...          before the sessions begin
    A> UPDATE ...                   a step: session A runs a statement
       UPDATE 1                     what it answers: rows, a command tag, or an error
    B> UPDATE ...
       waits                        it waits for a lock
    A> COMMIT
       COMMIT
    B< UPDATE 1                     the step has let B's statement go on: its answer
    B! UPDATE ...                   a step whose answer is waited for, though it waits for a lock
    B! cancel                       asks the server to cancel what B waits for
    B! disconnect                   closes B's connection

The answers in a script are PostgreSQL's, written by SQLVEC_REWRITE=1. A step ends when every statement has
been answered or waits for a lock that pg_locks shows.
"""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

POLL_SECONDS = 0.01
ANSWER_SECONDS = 30
_STEP = re.compile(r"(\w+)([>!]) (.*)")


@dataclass
class Scenario:
    """lines: the script without its answers; expected: the answers of each step."""

    name: str
    comment: list[str]
    setup: list[str] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    expected: list[list[str]] = field(default_factory=list)

    def render(self, answers: list[list[str]]) -> str:
        lines = [*self.comment, f"scenario {self.name}", *(f"setup {sql}" for sql in self.setup)]
        for (session, mark, sql), answer in zip(self.steps, answers, strict=True):
            lines.append(f"{session}{mark} {sql}")
            lines += answer
        return "\n".join(lines) + "\n"


@dataclass
class Script:
    """head: its lines up to the last `setup` that belongs to all scenarios."""

    head: list[str] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)

    def render(self, answers: list[list[list[str]]]) -> str:
        pairs = zip(self.scenarios, answers, strict=True)
        return "\n".join(["\n".join(self.head) + "\n", *(s.render(a) for s, a in pairs)])


def read_script(path: Path) -> Script:
    script = Script()
    comment: list[str] = []
    for line in path.read_text().splitlines():
        step = _STEP.fullmatch(line)
        if line.startswith("scenario "):
            script.scenarios.append(Scenario(line.removeprefix("scenario "), comment))
            comment = []
        elif line.startswith("#"):
            comment.append(line)
        elif not script.scenarios:
            if line:
                script.head += [*comment, line]
                comment = []
        elif line.startswith("setup "):
            script.scenarios[-1].setup.append(line.removeprefix("setup "))
        elif step is not None:
            script.scenarios[-1].steps.append((step[1], step[2], step[3]))
            script.scenarios[-1].expected.append([])
        elif line:
            script.scenarios[-1].expected[-1].append(line)
    return script


class Session:
    """One connection and the thread that waits for its answers."""

    def __init__(self, name: str, dsn: str) -> None:
        self.name = name
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.pid = self.connection.execute("SELECT pg_backend_pid()").fetchone()[0]  # type: ignore[index]
        self.thread = ThreadPoolExecutor(1)
        self.answer: Future[list[str]] | None = None

    def start(self, sql: str) -> None:
        assert self.answer is None, f"session {self.name} still waits"
        self.answer = self.thread.submit(self._run, sql)

    def _run(self, sql: str) -> list[str]:
        try:
            cursor = self.connection.execute(sql)
        except psycopg.Error as error:
            detail = re.sub(r"\d+", "N", error.diag.message_detail or "")
            shown = [f"ERROR {error.sqlstate}: {error.diag.message_primary}"]
            return shown + ([f"  {line}" for line in detail.splitlines()] if "rocess" in detail else [])
        shown = []
        while True:
            if cursor.description is None:
                shown.append(str(cursor.statusmessage))
            else:
                rows = [", ".join(_shown(value) for value in row) for row in cursor]
                shown += rows or ["no rows"]
            if not cursor.nextset():
                return shown

    def close(self) -> None:
        if self.answer is not None:
            self.connection.cancel()
            wait([self.answer])
        self.connection.close()
        self.thread.shutdown()


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def run_scenario(script: Script, scenario: Scenario, dsn: str) -> list[list[str]]:
    """The answers of each step."""
    common = [line[6:] for line in script.head if line.startswith("setup ")]
    with psycopg.connect(dsn, autocommit=True) as monitor:
        for sql in [*common, *scenario.setup]:
            monitor.execute(sql)
        names = dict.fromkeys(name for name, _, _ in scenario.steps)
        sessions = {name: Session(name, dsn) for name in names}
        try:
            return [_step(sessions, step, monitor) for step in scenario.steps]
        finally:
            for session in sessions.values():
                session.close()


def _step(
    sessions: dict[str, Session], step: tuple[str, str, str], monitor: psycopg.Connection
) -> list[str]:
    name, patience, sql = step
    mine = sessions[name]
    if sql == "cancel":
        mine.connection.cancel()
    elif sql == "disconnect":
        mine.connection.close()
    else:
        mine.start(sql)
    lines = []
    for session in [mine, *(s for s in sessions.values() if s is not mine)]:
        if session.answer is None:
            continue
        answer = _settled(session, monitor, patient=session is mine and patience == "!")
        if answer is not None:
            mark = "   " if session is mine and sql != "cancel" else f"{session.name}< "
            lines += [mark + answer[0], *(f"   {line}" for line in answer[1:])]
        elif session is mine:
            lines.append("   waits")
    return lines


def _settled(
    session: Session, monitor: psycopg.Connection, *, patient: bool
) -> list[str] | None:
    """The session's answer, or None when it waits for a lock and that is not waited for."""
    assert session.answer is not None
    for _ in range(int(ANSWER_SECONDS / POLL_SECONDS)):
        wait([session.answer], POLL_SECONDS)
        if session.answer.done():
            answer, session.answer = session.answer.result(), None
            return answer
        found = monitor.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (session.pid,)
        ).fetchone()
        if found and found[0] and not patient and not session.answer.done():
            return None
    raise AssertionError(f"session {session.name} neither answered nor waited")
