"""python -m tests.compat.suites [--reuse] [--causes N] [SUITE ...]

Runs each suite on a PostgreSQL and on a sqlvec server of its own, and prints how many of the tests that pass there
pass here. The exit status is 1 if a suite is below its threshold. What the suites print, and how each test ended, is in
.venv-compat/outcomes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.compat.suites.report import Report, read_outcomes, read_skips
from tests.compat.suites.sources import KEPT, environment, source
from tests.compat.suites.suites import INSIDE, SUITES, Suite, Target
from tests.harness.live_server import LiveServer
from tests.harness.oracle import running_oracle

SUITE_SECONDS = 3_600
OUTCOMES = KEPT / "outcomes"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat.suites")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="all if none is named")
    parser.add_argument(
        "--reuse", action="store_true", help="take PostgreSQL's outcomes of the last run"
    )
    parser.add_argument("--causes", type=int, default=10, help="how many causes are printed")
    asked = parser.parse_args()
    known = {suite.name: suite for suite in SUITES}
    suites = [known[name] for name in asked.suites] or list(SUITES)
    OUTCOMES.mkdir(parents=True, exist_ok=True)
    skips = read_skips()
    enough = True
    for suite in suites:
        recorded = OUTCOMES / f"{suite.name}.postgresql.jsonl"
        if not (asked.reuse and recorded.exists()):
            with running_oracle() as dsn:
                info = psycopg.conninfo.conninfo_to_dict(dsn)
                run(suite, str(info["host"]), int(info["port"] or 0), recorded)
        here = OUTCOMES / f"{suite.name}.sqlvec.jsonl"
        with sqlvec_server() as server:
            run(suite, server.host, server.port, here)
        report = Report(suite, read_outcomes(recorded), read_outcomes(here), skips)
        print(report.render(asked.causes), flush=True)
        enough = enough and report.enough
    return 0 if enough else 1


@contextmanager
def sqlvec_server() -> Iterator[LiveServer]:
    with tempfile.TemporaryDirectory(prefix="sqlvec-suite-") as directory:
        server = LiveServer(Path(directory))
        try:
            yield server
        finally:
            server.stop()


def run(suite: Suite, host: str, port: int, outcomes: Path) -> None:
    """One suite on one server. Whatever it prints goes to a file beside the outcomes."""
    target = Target(host, port, suite.database)
    python = environment(suite.environment)
    sources = source(suite.package, python)
    for place, own in suite.added_files.items():
        (sources / place).write_bytes((INSIDE / own).read_bytes())
    prepare(suite, target)
    variables = {
        **os.environ,
        "PGHOST": host,
        "PGPORT": str(port),
        "PGUSER": "postgres",
        "PYTHONPATH": str(INSIDE),
        "SUITE_OUTCOMES": str(outcomes),
        **suite.variables(target),
    }
    outcomes.unlink(missing_ok=True)
    command = [str(python), *suite.arguments(target)]
    with outcomes.with_suffix(".log").open("wb") as log:
        subprocess.run(
            command, cwd=sources / suite.folder, env=variables, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, timeout=SUITE_SECONDS, check=False,
        )  # fmt: skip


def prepare(suite: Suite, target: Target) -> None:
    server = f"host={target.host} port={target.port} user=postgres"
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {target.database}")
    with psycopg.connect(f"{server} dbname={target.database}", autocommit=True) as connection:
        for statement in suite.preparation:
            connection.execute(statement)


if __name__ == "__main__":
    sys.exit(main())
