"""Writes down how each test ended, one line of JSON a test, to the file that SUITE_OUTCOMES names.

It runs in the environment of a suite, where nothing of this project is installed: as a plugin of pytest, or called by
the runner of Django.
"""

from __future__ import annotations

import json
import os

WORST_LAST = ("passed", "skipped", "failed")
_seen: dict[str, str] = {}


def note(test: str, outcome: str, cause: str = "") -> None:
    """A test has phases, and its worst one counts."""
    if WORST_LAST.index(outcome) < WORST_LAST.index(_seen.get(test, "passed")):
        return
    _seen[test] = outcome
    with open(os.environ["SUITE_OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, "cause": cause}) + "\n")


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" or report.outcome != "passed":
        note(report.nodeid, report.outcome, _cause(report))


def pytest_collectreport(report) -> None:
    if report.outcome == "failed":
        note(report.nodeid, "failed", _cause(report))


def _cause(report) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return crash.message
    return str(report.longrepr or "")[-500:]
