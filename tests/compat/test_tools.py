"""Tools that read the catalog through a driver of their own: pgjdbc, psqlodbc, pgcli. Each asks PostgreSQL and
sqlvec the same over one schema. `make tools` installs the first two (as root), `make integrations` pgcli; what is not there is skipped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.both_servers import BothServers, both_servers
from tests.harness.live_server import LiveServer

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "tools"
PGJDBC = Path("/usr/share/java/postgresql.jar")
PGCLI = ROOT / ".venv-integrations" / "bin" / "pgcli"
HAS_PGJDBC = PGJDBC.exists() and shutil.which("javac") is not None
PSQLODBC = next(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"), None)
HAS_PSQLODBC = PSQLODBC is not None and shutil.which("isql") is not None
_OID = re.compile(r"(?<=\|)\d{5}(?=\|0\|)")
QUERIES = (
    "SELECT count(*) FROM docs",
    "SELECT 1 AS n, '[1,2]'::vector AS v, NULL::text, 1.50::numeric(5,2), date '2024-01-02', true, E'\\\\x00ff'::bytea",
    "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT nothing",
)
NAMES = re.compile(r"docs|authors|reviews|sales|orders|lines|title|id|author_id|r\.doc_id = d\.id")


@pytest.fixture(scope="module")
def both(oracle: str, server: LiveServer) -> Iterator[BothServers]:
    with both_servers(oracle, server.dsn, "tools") as found:
        yield found


def _told(command: list[str], typed: str = "", failing: bool = False) -> list[str]:
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=120, check=False
    )
    assert failing or done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout.splitlines()


@pytest.mark.skipif(not HAS_PGJDBC, reason="libpostgresql-jdbc-java or a JDK is not installed")
@pytest.mark.parametrize("options", ["", "&prepareThreshold=1&binaryTransfer=true"])
def test_pgjdbc_is_told_what_postgresql_tells_it(
    both: BothServers, options: str, tmp_path: Path
) -> None:
    _told(["javac", "-d", str(tmp_path), str(PROGRAMS / "Metadata.java")])
    found = [
        _told(
            ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{tmp_path}:{PGJDBC}", "Metadata",
             f"jdbc:postgresql://{at['host']}:{at['port']}/{at['dbname']}?user={at['user']}{options}"]
        )
        for at in (both.postgresql, both.sqlvec)
    ]  # fmt: skip
    wanted, got = found
    assert got == wanted
    assert len(wanted) > 100


@pytest.mark.skipif(not HAS_PSQLODBC, reason="odbc-postgresql or unixodbc is not installed")
@pytest.mark.parametrize("asked", ["help", "help docs", "help authors", *QUERIES])
def test_psqlodbc_is_told_what_postgresql_tells_it(both: BothServers, asked: str) -> None:
    found = []
    for at in (both.postgresql, both.sqlvec):
        connection = (
            f"DRIVER={PSQLODBC};SERVERNAME={at['host']};PORT={at['port']};"
            f"DATABASE={at['dbname']};UID={at['user']};PWD=none"
        )
        found.append(_told(["isql", "-b", "-v", "-d|", "-k", connection], asked + "\n", True))
    wanted, got = ([_OID.sub("oid", line) for line in lines] for lines in found)
    assert got == wanted
    assert wanted or asked == "SELECT nothing"


@pytest.mark.skipif(not PGCLI.exists(), reason="pgcli is not there: `make integrations`")
def test_pgcli_completes_as_over_postgresql(both: BothServers) -> None:
    found: list[dict[str, Any]] = []
    for at in (both.postgresql, both.sqlvec):
        dsn = f"host={at['host']} port={at['port']} user={at['user']} dbname={at['dbname']}"
        python = str(PGCLI.with_name("python"))
        told = _told([python, str(PROGRAMS / "pgcli_program.py"), dsn])
        found.append(json.loads(told[-1]))
    wanted, got = found
    assert "docs" in got["offered"]["SELECT * FROM "]
    assert got["rows"] == wanted["rows"]
    for typed, offers in wanted["offered"].items():
        # The system's functions, types and tables are fewer here, and some are its own; the user's are all there.
        mine = [o for o in got["offered"][typed] if "(" not in o and not o.startswith("sqlvec_")]
        assert set(mine) <= set(offers), typed
        assert [o for o in offers if NAMES.fullmatch(o)] == [o for o in mine if NAMES.fullmatch(o)], typed
