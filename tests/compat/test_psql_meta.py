"""psql's backslash commands: what they print is what they print on PostgreSQL.

SAME is equal line by line; the other lists are equal but for what docs/compatibility.md names, and that is left out:
in SIZED the sizes, which are each server's own; in RESTATED how a view's definition is spaced. In PART sqlvec shows no
line that PostgreSQL does not, but fewer, since it has fewer types, functions, operators and databases; MINE are its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.compat.both_servers import BothServers, both_servers
from tests.harness.live_server import LiveServer

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
MORE = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE sales.addr AS (street text, city text);
CREATE DOMAIN posint AS integer NOT NULL DEFAULT 1 CHECK (VALUE > 0);
CREATE FUNCTION add2(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
COMMENT ON FUNCTION add2 IS 'adds';
CREATE PROCEDURE nothing(INOUT x int) LANGUAGE sql AS 'SELECT x';
COMMENT ON TYPE mood IS 'how it feels';
CREATE TABLE kinds (id int PRIMARY KEY, m mood DEFAULT 'ok', n posint, a sales.addr, p money, t tsvector, v vector(3));
CREATE INDEX kinds_gin ON kinds USING gin (t);
CREATE INDEX kinds_ivf ON kinds USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
CREATE VIEW titles AS SELECT d.id, d.title, a.name AS author FROM docs d JOIN authors a ON a.id = d.author_id;
COMMENT ON VIEW titles IS 'docs with authors';
CREATE FUNCTION sales.named(who text, OUT n int, OUT words text[]) LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 5 AS $$
  SELECT length(who),
         ARRAY[who]
$$;
CREATE FUNCTION titled(mood, VARIADIC text[]) RETURNS TABLE (id bigint, title text) LANGUAGE sql SECURITY DEFINER
  SET search_path = public AS 'SELECT id, title FROM docs';
CREATE PROCEDURE sales.fill(n int, INOUT m int DEFAULT 1) LANGUAGE sql AS 'SELECT n + m';
"""
SAME = (
    r"\d", r"\d authors", r"\d+ authors", r"\d docs", r"\d+ docs", r"\d reviews", r"\d+ reviews",
    r"\d sales.*", r"\d+ sales.orders", r"\d+ sales.lines", r"\d docs_near", r"\d+ docs_near", r"\d reviews_e",
    r"\d docs_author_created_idx", r"\d ticket_seq", r"\d authors_id_seq", r"\d docs_id_seq", r"\dt",
    r"\dt sales.*", r"\dt nothing", r"\di", r"\di sales.*", r"\dv", r"\dm", r"\d scratch", r"\d+ scratch", r"\d stars_of", r"\di stars_of*", r"\ds", r"\dn", r"\dn+", r"\du postgres",
    r"\dg postgres", r"\dT", r"\dT vector", r"\dT+ halfvec", r"\dD", r"\dc", r"\dd", r"\dp", r"\z docs", r"\ddp",
    r"\db", r"\dE", r"\det", r"\des", r"\dew", r"\deu", r"\dP", r"\dP+", r"\dRp", r"\dRs", r"\drds", r"\dX", r"\dy",
    r"\dl", r"\df+ pg_sleep", r"\dAc hnsw", r"\dAf hnsw", r"\dAo hnsw vector", r"\dconfig work_mem", r"\encoding",
    r"\dO", r"\dO C", r"\da nothing", r"\d titles", r"\d kinds", r"\d+ kinds", r"\d kinds_gin", r"\d kinds_ivf", r"\dT+", r"\dT+ mood",
    r"\dT+ sales.addr", r"\dD+", r"\du", r"\du+", r"\dg+", r"\dfa", r"\dfp", r"\dft", r"\dfw", r"\dF", r"\dF+ english", r"\dF+ russian",
    r"\dFd", r"\dFd+ german_stem", r"\dFp", r"\dFp+", r"\dp docs", r"\df add*", r"\df+ add2", r"\df nothing", r"\sf add2", r"\sf+ add2", r"\sf nothing",
    r"\sf sales.named", r"\sf+ sales.named", r"\sf titled", r"\sf sales.fill", r"\df sales.*", r"\df+ sales.*", r"\df titled", r"\df+ titled",
    r"\dfp sales.*", r"\df add2 int", r"\sf missing", r"\sf lower(text)", r"\dPi", r"\dPt", r"\dRp+", r"\dRs+",
    r"\dconfig statement_timeout", r"\dconfig lock_timeout", r"\dn public", r"\dE+", r"\des+", r"\dew+", r"\deu+", r"\det+", r"\dl+", r"\dX+", r"\dy+",
    r"\d parts.*", r"\d+ parts.*", r"\dP parts.*", r"\dt parts.*", r"\di parts.*", r"\dPn parts.*",
    r"\d+ parts.base", r"\d+ parts.heir", r"\d parts.lower",
)  # fmt: skip
SIZED = (r"\dm+", r"\d+", r"\dt+", r"\di+", r"\ds+", r"\dt+ docs", r"\db+", r"\dv+", r"\di+ docs_*",
         r"\dP+ parts.*")  # fmt: skip
RESTATED = (r"\d+ titles", r"\d+ stars_of", r"\sv titles", r"\sv+ titles")
PART = (
    r"\df", r"\df+", r"\dfn", r"\dTS", r"\dC", r"\dC+", r"\dA", r"\dA+", r"\dAc", r"\dAf", r"\df lower", r"\df+ length", r"\dAo",
    r"\dAo+", r"\dAp", r"\dAp+", r"\do", r"\do+ <->", r"\doS =", r"\dx", r"\dx+ vector", r"\dL", r"\dLS+", r"\dFt", r"\dFt+ simple",
    r"\daS", r"\dt *.*", r"\dvS", r"\l psql_meta", r"\l+ postgres", r"\dconfig", r"\dconfig *_timeout", r"\dcS", r"\dnS", r"\ddS",
)  # fmt: skip
MINE = re.compile(r"bm25|sqlvec_|\(\d+ rows?\)|^[- +|]*$|^List of")
# A version of pgvector, and the character type of databases.
_OTHER = ((re.compile(r"0\.8\.\d"), "0.8"), (re.compile(r"C\.UTF-8"), "C"))
_SIZE = re.compile(r"\|[^|]*(bytes|kB|MB|GB)\s*(?=\||$)")


@pytest.fixture(scope="module")
def both(oracle: str, server: LiveServer) -> Iterator[BothServers]:
    with both_servers(oracle, server.dsn, "psql_meta") as found:
        for parameters in (found.postgresql, found.sqlvec):
            with psycopg.connect(**parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                connection.execute(MORE)
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


@pytest.mark.parametrize("command", RESTATED)
def test_shows_a_view_as_postgresql_does_but_for_its_spaces(both: BothServers, command: str) -> None:
    wanted, found = (
        re.sub(r"(?m)^\d+ +|\s+", " ", "\n".join(_printed(parameters, command)))
        for parameters in (both.postgresql, both.sqlvec)
    )
    assert re.sub(" +", " ", found) == re.sub(" +", " ", wanted)
    assert "SELECT" in wanted


def test_tells_where_it_is_connected(both: BothServers) -> None:
    wanted, found = (
        "\n".join(_printed(parameters, r"\conninfo")).replace(parameters["port"], "here")
        for parameters in (both.postgresql, both.sqlvec)
    )
    assert found == wanted
    assert "here" in wanted


@pytest.mark.parametrize("command", PART)
def test_prints_nothing_that_postgresql_does_not(both: BothServers, command: str) -> None:
    wanted = {_plain(line) for line in _printed(both.postgresql, command, "-A")}
    found = [line for line in _printed(both.sqlvec, command, "-A") if not MINE.search(line)]
    assert [line for line in found if _plain(line) not in wanted] == []
    assert found


def test_every_command_that_psql_describes_objects_by_is_here() -> None:
    told = subprocess.run(["psql", "--help=commands"], capture_output=True, text=True, check=True).stdout
    section = told.partition("Informational")[2].partition("\n\n")[0]
    described = set(re.findall(r"^  \\(\w+)", section, re.M))
    asked = {re.sub(r"[S+]+$", "", command.split()[0][1:]) for command in (*SAME, *SIZED, *RESTATED, *PART)}
    assert len(described) > 40
    assert described - asked == set()


def _plain(line: str) -> str:
    for pattern, word in _OTHER:
        line = pattern.sub(word, line)
    *fields, last = _SIZE.sub("|", line).split("|")
    return "|".join([*fields, ", ".join(sorted(last.split(", ")))])  # lists of types are in no order
