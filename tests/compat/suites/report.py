"""Outcomes of a suite on two servers, compared."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.compat.suites.suites import Suite

SKIPS = Path(__file__).parent / "skips.txt"
# SQLAlchemy names its classes after the driver and the server's version.
_VERSION = re.compile(r"_postgresql\+\w+?_\d+(_\d+)*(?=::|$)")
_VARYING = re.compile(r"0x[0-9a-f]+|\d+")


class Outcome(NamedTuple):
    outcome: str
    cause: str


class Skip(NamedTuple):
    suite: re.Pattern[str]
    test: re.Pattern[str]
    reason: str


def read_outcomes(path: Path) -> dict[str, Outcome]:
    """By test; the last word on a test counts."""
    told: dict[str, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        entry = json.loads(line)
        told[_VERSION.sub("", entry["test"])] = Outcome(entry["outcome"], entry["cause"])
    return told


def read_skips() -> list[Skip]:
    """Each line: the suite, the test (`*` stands for anything), and after # why it is not counted."""
    skips = []
    for line in SKIPS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        names, _, reason = line.partition(" # ")
        suite, test = names.split()
        assert reason.strip(), f"a skip without a reason: {line}"
        skips.append(Skip(_pattern(suite), _pattern(test), reason.strip()))
    return skips


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))))


@dataclass(frozen=True, slots=True)
class Report:
    suite: Suite
    there: Mapping[str, Outcome]
    here: Mapping[str, Outcome]
    skips: Sequence[Skip]

    @property
    def counted(self) -> list[str]:
        """The tests that pass on PostgreSQL, without those of the skip list."""
        return [
            test
            for test, outcome in self.there.items()
            if outcome.outcome == "passed" and not self._skipped(test)
        ]

    @property
    def missed(self) -> dict[str, Outcome]:
        unseen = Outcome("unseen", "not run")
        found = {test: self.here.get(test, unseen) for test in self.counted}
        return {test: outcome for test, outcome in found.items() if outcome.outcome != "passed"}

    @property
    def percentage(self) -> float:
        counted = len(self.counted)
        return 100 * (counted - len(self.missed)) / counted if counted else 0.0

    @property
    def enough(self) -> bool:
        return self.percentage >= self.suite.threshold

    def render(self, causes: int) -> str:
        counted, missed = len(self.counted), self.missed
        passed_there = sum(outcome.outcome == "passed" for outcome in self.there.values())
        lines = [
            f"{self.suite.name:22} PostgreSQL {passed_there:5}  skip list {passed_there - counted:4}"
            f"  here {counted - len(missed):5}  {self.percentage:6.2f} % of {self.suite.threshold:g} %"
        ]
        grouped: Counter[str] = Counter(_summary(outcome.cause) for outcome in missed.values())
        lines.extend(f"    {count:4}  {cause}" for cause, count in grouped.most_common(causes))
        return "\n".join(lines)

    def _skipped(self, test: str) -> bool:
        return any(
            skip.suite.fullmatch(self.suite.name) and skip.test.fullmatch(test)
            for skip in self.skips
        )


def _summary(cause: str) -> str:
    """The first line that says something, with what differs from test to test left out."""
    line = next((line for line in cause.splitlines() if line.strip()), "")
    return _VARYING.sub("N", line)[:150]
