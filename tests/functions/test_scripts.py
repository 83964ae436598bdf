"""Functions of users answer as PostgreSQL's do: the same scripts on both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.differential import differences
from tests.harness.live_server import LiveServer

SCRIPTS = sorted(Path(__file__).parent.glob("*.sql"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_answers_are_those_of_postgresql(script: Path, server: LiveServer, oracle: str) -> None:
    found = differences(script, server.dsn, oracle, context=script.stem == "contexts")
    assert "\n".join(found) == ""
