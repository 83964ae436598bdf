"""psql's backslash commands: what they print is what they print on PostgreSQL.

SAME is equal line by line. In SIZED the sizes are left out, which are each server's own. In PART sqlvec shows
no line that PostgreSQL does not, but fewer, since it has fewer types, functions and operators; MINE are its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.compat.both_servers import BothServers, both_servers
from tests.harness.live_server import LiveServer

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
SAME = (
    r"\d", r"\d authors", r"\d+ authors", r"\d docs", r"\d+ docs", r"\d reviews", r"\d+ reviews",
    r"\d sales.*", r"\d+ sales.orders", r"\d+ sales.lines", r"\d docs_near", r"\d+ docs_near", r"\d reviews_e",
    r"\d docs_author_created_idx", r"\d ticket_seq", r"\d authors_id_seq", r"\d docs_id_seq", r"\dt",
    r"\dt sales.*", r"\dt nothing", r"\di", r"\di sales.*", r"\dv", r"\dm", r"\d scratch", r"\d+ scratch", r"\d stars_of", r"\di stars_of*", r"\ds", r"\dn", r"\dn+", r"\du postgres",
    r"\dg postgres", r"\dT", r"\dT vector", r"\dT+ halfvec", r"\dD", r"\dc", r"\dd", r"\dp", r"\z docs", r"\ddp",
    r"\db", r"\dE", r"\det", r"\des", r"\dew", r"\deu", r"\dP", r"\dP+", r"\dRp", r"\dRs", r"\drds", r"\dX", r"\dy",
    r"\dl", r"\df+ pg_sleep", r"\dAc hnsw", r"\dAf hnsw", r"\dAo hnsw vector", r"\dconfig work_mem", r"\encoding",
    r"\dO C", r"\d parts.*", r"\d+ parts.*", r"\dP parts.*", r"\dt parts.*", r"\di parts.*", r"\dPn parts.*",
    r"\d+ parts.base", r"\d+ parts.heir", r"\d parts.lower",
)  # fmt: skip
SIZED = (r"\dm+", r"\d+", r"\dt+", r"\di+", r"\ds+", r"\dt+ docs", r"\db+")
PART = (
    r"\df", r"\dTS", r"\dC", r"\dA", r"\dA+", r"\dAc", r"\df lower", r"\df+ length", r"\dAo", r"\dAp", r"\do+ <->", r"\dx+ vector",
    r"\dL+", r"\dF", r"\dFd", r"\dFp", r"\dFt",
)  # fmt: skip
MINE = re.compile(r"bm25|\(\d+ rows?\)|^[- +|]*$|^List of")
_SIZE = re.compile(r"\|[^|]*(bytes|kB|MB|GB)\s*(?=\||$)")


@pytest.fixture(scope="module")
def both(oracle: str, server: LiveServer) -> Iterator[BothServers]:
    with both_servers(oracle, server.dsn, "psql_meta") as found:
        yield found


def _printed(parameters: dict[str, str], command: str, *options: str) -> list[str]:
    done = subprocess.run(
        ["psql", "-X", *options, "-h", parameters["host"], "-p", parameters["port"],
         "-U", parameters["user"], "-d", parameters["dbname"], "-c", command],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("command", SAME)
def test_prints_what_postgresql_prints(both: BothServers, command: str) -> None:
    wanted = _printed(both.postgresql, command)
    assert wanted == _printed(both.sqlvec, command)
    assert wanted


@pytest.mark.parametrize("command", SIZED)
def test_prints_the_same_but_for_sizes(both: BothServers, command: str) -> None:
    wanted, found = (
        [_SIZE.sub("|", line) for line in _printed(parameters, command, "-A")]
        for parameters in (both.postgresql, both.sqlvec)
    )
    assert wanted == found


@pytest.mark.parametrize("command", PART)
def test_prints_nothing_that_postgresql_does_not(both: BothServers, command: str) -> None:
    wanted = set(_printed(both.postgresql, command, "-A"))
    found = [line for line in _printed(both.sqlvec, command, "-A") if not MINE.search(line)]
    assert [line for line in found if line not in wanted] == []
