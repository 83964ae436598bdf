"""Dumps and copies between sqlvec and PostgreSQL: what one prints the other takes, and it is the same then."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.harness.oracle import oracle_program

WORLD = Path(__file__).parent / "dumped_world.sql"
QUERIES = (
    "SELECT * FROM shop.customers ORDER BY id",
    "SELECT number, customer, placed, amount::text FROM shop.orders ORDER BY number",
    "SELECT * FROM items ORDER BY id",
    "SELECT * FROM vectors ORDER BY id",
    "SELECT id, name, total::text FROM shop.rich ORDER BY id",
    "SELECT * FROM titles ORDER BY title",
    "SELECT * FROM near",
    "SELECT * FROM shop.sales ORDER BY day",
    "SELECT * FROM shop.sales_north_new",
    "SELECT id FROM buckets_0 ORDER BY id",
    "SELECT relname, relkind, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition ORDER BY 1",
    "SELECT id, name, weight::text, (SELECT count(*) FROM ONLY shop.animals) FROM shop.animals ORDER BY id",
    "SELECT attrelid::regclass::text, attname, attnotnull, attislocal, attinhcount FROM pg_attribute "
    "WHERE attrelid IN ('shop.cats'::regclass, 'shop.late'::regclass) AND attnum > 0 ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, conislocal, coninhcount FROM pg_constraint WHERE contype = 'c' "
    "AND connamespace = 'shop'::regnamespace ORDER BY 1, 2",
    "SELECT * FROM shop.nested ORDER BY id",
    "SELECT nextval('shop.numbers'), nextval('shop.customers_id_seq'), nextval('items_id_seq')",
    "SELECT * FROM shop.computed ORDER BY id",
    "SELECT * FROM shop.by_function ORDER BY id",
    "SELECT shop.add2(1), shop.tripled(2), (SELECT count(*) FROM near_items('[1,2,3]')), obj_description('shop.add2'::regproc)",
    "SELECT c.id, o.number FROM shop.customers c, shop.orders_of(c) o ORDER BY 1, 2",
    "SELECT proname, prokind, proargnames, provolatile, proconfig, pg_get_function_arguments(oid) FROM pg_proc "
    "WHERE proname IN ('add2', 'orders_of', 'near_items', 'tripled', 'add_item') ORDER BY 1",
    "SELECT obj_description('items'::regclass), col_description('items'::regclass, 2)",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace::regnamespace::text IN ('public', 'shop') AND contype <> 'n' ORDER BY 1, 2",
)


class Databases:
    """A server's databases for one test, each made when it is asked for."""

    def __init__(self, dsn: str, name: str) -> None:
        self.dsn = dsn
        self.name = name
        self.made: list[str] = []

    def new(self) -> str:
        """The conninfo of a fresh one."""
        database = f"dump_{self.name}_{len(self.made)}"
        with psycopg.connect(self.dsn, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {database}")
            admin.execute(f"CREATE DATABASE {database}")
        self.made.append(database)
        return psycopg.conninfo.make_conninfo(self.dsn, dbname=database)


@pytest.fixture
def here(server: LiveServer, request: pytest.FixtureRequest) -> Databases:
    return Databases(server.dsn, _name(request))


@pytest.fixture
def there(oracle: str, request: pytest.FixtureRequest) -> Databases:
    return Databases(oracle, _name(request))


def _name(request: pytest.FixtureRequest) -> str:
    return str(abs(hash(request.node.name)) % 1_000_000)


def programs() -> Iterator[object]:
    """pg_dump of PostgreSQL 16, and Debian's where it is installed."""
    yield pytest.param("", id="16", marks=pytest.mark.long)
    yield pytest.param(shutil.which("pg_dump"), id="installed", marks=pytest.mark.skipif(
        shutil.which("pg_dump") is None, reason="no pg_dump is installed"))  # fmt: skip


def psql(database: str, script: str) -> None:
    """Runs the script; its first error fails the test."""
    command = [oracle_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def dump(program: Path, database: str) -> str:
    done = subprocess.run([program, "-d", database], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A random key of each dump, which psql alone needs and earlier versions of it do not know.
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unres"))]
    return "\n".join(lines)


def contents(database: str) -> list[list[tuple[object, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        return [connection.execute(query).fetchall() for query in QUERIES]


@pytest.mark.parametrize("program", programs())
def test_a_dump_restores_here_and_in_postgresql(
    program: str, here: Databases, there: Databases
) -> None:
    source, wanted = here.new(), there.new()
    for database in (source, wanted):
        psql(database, WORLD.read_text())
    dumped = dump(Path(program) if program else oracle_program("pg_dump"), source)
    copy, beyond = here.new(), there.new()
    psql(copy, dumped)
    psql(beyond, dumped)
    assert dump(Path(program) if program else oracle_program("pg_dump"), copy) == dumped
    expected = contents(wanted)
    for database in (source, copy, beyond):
        assert contents(database) == expected


def test_a_dump_of_postgresql_restores_here(here: Databases, there: Databases) -> None:
    source, copy = there.new(), here.new()
    psql(source, WORLD.read_text())
    psql(copy, dump(oracle_program("pg_dump"), source))
    assert contents(copy) == contents(source)


@pytest.mark.parametrize("options", ["", "(FORMAT csv, HEADER)", "(FORMAT binary)"])
def test_copies_by_psql_go_both_ways(
    options: str, here: Databases, there: Databases, tmp_path: Path
) -> None:
    columns = "items (title, embedding, half, sparse, bits)"
    ours, theirs = here.new(), there.new()
    for database in (ours, theirs):
        psql(database, WORLD.read_text())
    for source, target in ((ours, theirs), (theirs, ours)):
        file = tmp_path / "rows"
        psql(source, f"\\copy {columns} TO '{file}' {options}\n")
        psql(target, f"DELETE FROM items;\n\\copy {columns} FROM '{file}' {options}\n")
    query = "SELECT title, embedding, half, sparse, bits FROM items ORDER BY title"
    found = [psycopg.connect(database).execute(query).fetchall() for database in (ours, theirs)]
    assert found[0] == found[1] and len(found[0]) == 3
