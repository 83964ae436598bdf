# Every chore of the project. `make demo` and `make test` need nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STAMP := $(VENV)/.installed

.PHONY: venv system tools integrations demo serve test test-long test-compat lint docs bench clean

venv: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[test,bench,demo]'
	touch $(STAMP)

# psql for the tests that drive it; without root the tests that need it are skipped and counted.
system:
	@sh tests/harness/system_packages.sh

# pgjdbc with a JDK, and psqlodbc with isql, for tests/compat/test_tools.py; needs root.
tools:
	apt-get install -y -qq libpostgresql-jdbc-java openjdk-17-jdk-headless odbc-postgresql unixodbc

# Frameworks that keep their documents here, for tests/compat/test_integrations.py, and Superset for test_superset.py:
# apart, as they bring many packages.
integrations:
	test -d .venv-integrations || $(PYTHON) -m venv .venv-integrations
	.venv-integrations/bin/python -m pip install --quiet -r tests/compat/integrations/requirements.txt
	test -d .venv-superset || $(PYTHON) -m venv .venv-superset
	.venv-superset/bin/python -m pip install --quiet -r tests/compat/tools/superset_requirements.txt

demo: venv
	$(BIN)/sqlvec demo $(ARGS)

serve: venv
	$(BIN)/sqlvec serve $(ARGS)

test: venv system
	$(BIN)/python -m pytest -m "not long" $(ARGS)

test-long: venv system integrations
	$(BIN)/python -m pytest $(ARGS)

# The suites of SQLAlchemy, Django, psycopg2, pgvector and langchain-postgres, here and on PostgreSQL; ARGS names some.
test-compat: venv
	$(BIN)/python -m tests.compat.suites $(ARGS)

docs: venv
	$(BIN)/python docs/generate.py

lint: venv
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: venv
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .venv-integrations .venv-superset .venv-compat build *.egg-info sqlvec-data
