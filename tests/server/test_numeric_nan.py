"""NaN where a column cannot hold it is an error, and no internal one."""

import psycopg
import pytest


def test_nan_is_kept_by_numeric_and_refused_by_numeric_with_a_precision(
    connection: psycopg.Connection,
) -> None:
    connection.autocommit = True
    connection.execute("CREATE TABLE measured (exact numeric, scaled numeric(5, 2))")
    connection.execute("INSERT INTO measured (exact) VALUES ('NaN')")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot hold NaN"):
        connection.execute("INSERT INTO measured (scaled) VALUES ('NaN')")
    assert connection.execute("SELECT exact::text FROM measured").fetchall() == [("NaN",)]
