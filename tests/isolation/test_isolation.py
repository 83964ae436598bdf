"""Interleaved sessions: PostgreSQL and we answer every step of every script alike."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from tests.isolation.interleaving import Scenario, Script, read_script, run_scenario

SCRIPTS = {path: read_script(path) for path in sorted(Path(__file__).parent.glob("*.script"))}
SCENARIOS = [
    pytest.param(script, scenario, id=f"{path.stem}: {scenario.name}")
    for path, script in SCRIPTS.items()
    for scenario in script.scenarios
]


@pytest.mark.parametrize(("script", "scenario"), SCENARIOS)
def test_sessions_are_answered_as_the_script_says(
    script: Script, scenario: Scenario, connection: psycopg.Connection
) -> None:
    info = connection.info
    dsn = f"host={info.host} port={info.port} user=postgres dbname={info.dbname}"
    answers = run_scenario(script, scenario, dsn)
    assert scenario.render(answers) == scenario.render(scenario.expected)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_scripts_say_what_postgresql_answers(path: Path, oracle: str) -> None:
    script = SCRIPTS[path]
    answers = [run_scenario(script, scenario, oracle) for scenario in script.scenarios]
    if os.environ.get("SQLVEC_REWRITE"):
        path.write_text(script.render(answers))
        return
    for scenario, answer in zip(script.scenarios, answers, strict=True):
        assert scenario.render(answer) == scenario.render(scenario.expected)
