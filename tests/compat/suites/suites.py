"""The suites that others wrote: where they come from, how they are run, and how much of each must pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the database that is there for one suite."""

    host: str
    port: int
    database: str


@dataclass(frozen=True, slots=True)
class Suite:
    """`arguments` are those of Python, in the folder of the sources. `variables` come on top of libpq's."""

    name: str
    threshold: float  # percent of the tests that pass on PostgreSQL
    environment: str
    package: str  # whose source distribution has the tests
    arguments: Callable[[Target], tuple[str, ...]]
    variables: Callable[[Target], dict[str, str]] = lambda target: {}
    folder: str = "."
    database: str = "suite"
    preparation: tuple[str, ...] = ("CREATE EXTENSION IF NOT EXISTS vector",)
    added_files: dict[str, str] = field(default_factory=dict)  # ours, by their place in the sources


PYTEST = (
    "-m", "pytest", "-p", "outcomes", "-p", "no:cacheprovider", "--timeout", "60",
    "--tb", "native", "-q", "--no-header", "-W", "ignore",
)  # fmt: skip

SQLALCHEMY_SCHEMAS = ("CREATE SCHEMA test_schema", "CREATE SCHEMA test_schema_2")

DJANGO_TESTS = (
    "backends", "basic", "lookup", "aggregation", "aggregation_regress", "annotations", "bulk_create",
    "constraints", "custom_columns", "datatypes", "dates", "datetimes", "delete", "distinct_on_fields",
    "expressions", "expressions_case", "expressions_window", "introspection", "inspectdb", "indexes",
    "many_to_many", "many_to_one", "migrations", "model_fields", "ordering", "queries", "schema",
    "select_for_update", "transactions", "update", "raw_query",
)  # fmt: skip


def sqlalchemy_arguments(url: str) -> tuple[str, ...]:
    """Of SQLAlchemy's plugin; its own configuration would stop after 250 failures."""
    return "-o", "addopts=", "--dburi", url


def _sqlalchemy(name: str, driver: str, tests: str) -> Suite:
    def arguments(target: Target) -> tuple[str, ...]:
        url = f"postgresql+{driver}://postgres@{target.host}:{target.port}/{target.database}"
        return *PYTEST, *sqlalchemy_arguments(url), tests

    return Suite(
        f"sqlalchemy-{name}", 98, "drivers", "SQLAlchemy", arguments,
        preparation=SQLALCHEMY_SCHEMAS, added_files={"test/conftest.py": "sqlalchemy_conftest.py"},
    )  # fmt: skip


def _langchain_variables(target: Target) -> dict[str, str]:
    return {
        "POSTGRES_USER": "postgres", "POSTGRES_HOST": target.host, "POSTGRES_DB": target.database,
        "POSTGRES_PORT": str(target.port),
    }  # fmt: skip


SUITES = (
    *(_sqlalchemy(driver, driver, "test/dialect/test_suite.py") for driver in ("psycopg", "asyncpg", "psycopg2")),
    _sqlalchemy("postgresql", "psycopg", "test/dialect/postgresql"),
    Suite(
        "langchain", 98, "langchain", "langchain-postgres",
        lambda target: (*PYTEST, "tests/unit_tests"), _langchain_variables,
    ),
    Suite(
        "pgvector", 99, "drivers", "pgvector",
        lambda target: (*PYTEST, "tests"),
        lambda target: {"LOGNAME": "postgres"},
        database="pgvector_python_test",
        added_files={
            "tests/__init__.py": "empty.py", "tests/conftest.py": "pgvector_conftest.py",
        },
    ),
    Suite(
        "django", 95, "drivers", "Django",
        lambda target: (
            "runtests.py", "--settings", "django_settings", "--parallel", "1", "--noinput", *DJANGO_TESTS
        ),
        folder="tests",
    ),
    Suite(
        "psycopg2", 90, "drivers", "psycopg2-binary",
        lambda target: (*PYTEST, "tests"),
        lambda target: {"PSYCOPG2_TESTDB": target.database},
    ),
)  # fmt: skip
