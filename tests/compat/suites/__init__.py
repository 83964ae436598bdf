"""`make test-compat`: test suites of drivers and frameworks, run on PostgreSQL and here, and compared."""
